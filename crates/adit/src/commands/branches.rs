//! `adit tips` and `reorgs`: the branches of a running node's tree, and how its
//! chain turned from one to another. Why it did, the core has decided.

use adit_api::branch::{
    ChainTips, DroppedTransaction, ReorganisationDetails, ReorganisationList, TipAt,
};
use anyhow::Result;

use crate::client::Client;
use crate::commands::block;
use crate::options::{NodeToAsk, ReorgsOptions};
use crate::terminal::output::{Output, Rows, counted, utc};
use crate::terminal::table::{Table, long, number, word};

pub(crate) fn tips(node: &NodeToAsk, json: bool) -> Result<()> {
    let client = Client::new(node)?;
    let mut output = Output::new(json);
    let path = "/api/v1/chain-tips";
    let answer = client.get(path)?;
    if json {
        return output.document(&answer);
    }
    let list: ChainTips = client.parse(path, &answer)?;
    let mut table = Table::new(&[
        word("status"),
        number("index"),
        long("hash"),
        number("blocks").or_leave(),
        number("total weight").or_leave(),
        number("fork"),
    ]);
    for tip in list.tips {
        table.row([
            tip.status.name().to_owned(),
            tip.index.to_string(),
            tip.hash,
            tip.branch_length.to_string(),
            tip.total_weight,
            tip.fork
                .map(|fork| fork.index.to_string())
                .unwrap_or_default(),
        ]);
    }
    table.write(&mut output)
}

pub(crate) fn reorgs(options: &ReorgsOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let path = match options.id {
        Some(id) => format!("/api/v1/reorgs/{id}"),
        None => format!("/api/v1/reorgs?{}", options.page.query()),
    };
    let answer = client.get(&path)?;
    if json {
        return output.document(&answer);
    }
    if options.id.is_some() {
        return write_one(&mut output, &client.parse(&path, &answer)?);
    }
    let list: ReorganisationList = client.parse(&path, &answer)?;
    if list.reorganisations.is_empty() {
        return output.line("the chain has never turned to another branch");
    }
    let mut table = Table::new(&[
        word("time").or_leave(),
        word("age").on_terminals(),
        number("fork").or_leave(),
        number("dropped"),
        number("adopted"),
        long("new tip"),
    ]);
    for one in list.reorganisations {
        table.row([
            utc(one.time_ms),
            output.age(one.time_ms),
            one.fork
                .map(|fork| fork.index.to_string())
                .unwrap_or_default(),
            one.dropped_count.to_string(),
            one.adopted_count.to_string(),
            one.id,
        ]);
    }
    table.write(&mut output)?;
    output.more(list.next.as_deref())
}

/// "2 blocks dropped, 3 adopted".
pub(crate) fn gist(dropped_count: u64, adopted_count: u64) -> String {
    let dropped = counted(dropped_count, "block");
    format!("{dropped} dropped, {adopted_count} adopted")
}

fn write_one(output: &mut Output, one: &ReorganisationDetails) -> Result<()> {
    let mut rows = Rows::default();
    rows.add("id", &one.id);
    rows.add("time", output.time(one.time_ms));
    if let Some(fork) = &one.fork {
        rows.add("fork", format!("{} {}", fork.index, fork.hash));
    }
    rows.add("old tip", tip(&one.old_tip));
    rows.add("new tip", tip(&one.new_tip));
    rows.add("blocks", gist(one.dropped_count, one.adopted_count));
    rows.add("why", &one.rule);
    output.rows(&rows)?;
    for (name, blocks) in [("Dropped", &one.dropped), ("Adopted", &one.adopted)] {
        if !blocks.is_empty() {
            output.line(&format!("\n{name}:\n"))?;
            block::write_table(output, blocks)?;
        }
    }
    if !one.transactions.is_empty() {
        output.line("\nTransactions of the dropped blocks:\n")?;
        write_moved(output, &one.transactions)?;
    }
    match one.truncated {
        true => output.line("\nThere is more than is shown."),
        false => Ok(()),
    }
}

fn write_moved(output: &mut Output, transactions: &[DroppedTransaction]) -> Result<()> {
    let mut table = Table::new(&[long("id"), number("was in"), word("fate"), number("now in")]);
    for one in transactions {
        let now = one.now.as_ref().map(|place| place.block_index.to_string());
        table.row([
            one.id.clone(),
            one.was.block_index.to_string(),
            one.fate.name().to_owned(),
            now.unwrap_or_default(),
        ]);
    }
    table.write(output)
}

fn tip(tip: &TipAt) -> String {
    let TipAt {
        index,
        hash,
        total_weight,
    } = tip;
    format!("{index} {hash}, total weight {total_weight}")
}

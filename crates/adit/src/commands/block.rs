//! `adit block`, `blocks` and `mine`: blocks of a running node. It decides what
//! is printed of one; whether it is valid, the node has decided.

use std::time::Duration;

use adit_api::block::{BlockList, BlockSummary};
use adit_api::search::FoundKind;
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::value::RawValue;

use crate::client::Client;
use crate::commands::named::hash_of_part;
use crate::commands::transactions::{self, Unit, text_of};
use crate::options::{BlockName, BlockOptions, ListOptions, OperatedNode};
use crate::terminal::output::{Output, Rows, counted, utc};
use crate::terminal::table::{Table, long, number, word};
use crate::wallet::sealed_node::BLOCK_TIMEOUT_MS;

/// How often the spinner turns.
const SPINNER_STEP_MS: u64 = 100;

pub(crate) fn block(options: &BlockOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let path = format!("/api/v1/block/{}", hash_of(&client, &options.block)?);
    if options.raw {
        output.bytes(&client.get(&format!("{path}/raw"))?)?;
        return output.flush();
    }
    let txs = format!("{path}/txs");
    if json {
        let path = if options.txs { &txs } else { &path };
        return output.document(&client.get(path)?);
    }
    let block: BlockSummary = client.read(&path)?;
    write(&mut output, &block)?;
    if options.txs {
        let transactions: Vec<Box<RawValue>> = client.read(&txs)?;
        output.line("")?;
        transactions::write_plain(&mut output, &transactions, Unit::of(&client)?)?;
    }
    Ok(())
}

pub(crate) fn blocks(options: &ListOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let path = format!("/api/v1/blocks?{}", options.page.query());
    let answer = client.get(&path)?;
    if json {
        return output.document(&answer);
    }
    let list: BlockList = client.parse(&path, &answer)?;
    write_table(&mut output, &list.blocks)?;
    output.more(list.next.as_deref())
}

/// Waits until the node has found a proof.
pub(crate) fn mine(node: &OperatedNode, json: bool) -> Result<()> {
    let client = Client::of_operator(node)?;
    let mut output = Output::new(json);
    let style = ProgressStyle::with_template("{spinner} searching a proof {elapsed}")?;
    let spinner = ProgressBar::new_spinner().with_style(style);
    spinner.enable_steady_tick(Duration::from_millis(SPINNER_STEP_MS));
    let path = "/api/v1/mine";
    let answer = client.tell(path, Duration::from_millis(BLOCK_TIMEOUT_MS));
    spinner.finish_and_clear();
    let answer = answer?;
    if json {
        return output.document(&answer);
    }
    write(&mut output, &client.parse(path, &answer)?)
}

/// The hash of a block that was named in another way.
fn hash_of(client: &Client, name: &BlockName) -> Result<String> {
    Ok(match name {
        BlockName::Hash(hash) => hash.to_string(),
        BlockName::Part(part) => hash_of_part(client, FoundKind::Block, part)?,
        BlockName::Tip => client.line("/api/v1/blocks/tip/hash")?,
        BlockName::Height(height) => client.line(&format!("/api/v1/block-height/{height}"))?,
    })
}

/// Prints all there is to say of one block.
fn write(output: &mut Output, block: &BlockSummary) -> Result<()> {
    let mut rows = Rows::default();
    rows.add("hash", &block.hash);
    rows.add("index", block.index);
    rows.add("status", place(block));
    let time = match (block.time_ms, &block.timestamp) {
        (Some(time_ms), _) => output.time(time_ms),
        (None, Some(timestamp)) => text_of(timestamp),
        (None, None) => "not said".to_owned(),
    };
    rows.add("time", time);
    rows.add("previous", text_of(&block.previous_hash));
    if let Some(next) = &block.next_hash {
        rows.add("next", next);
    }
    rows.add("proof", block.proof);
    if let Some(target) = &block.target {
        rows.add("target", target);
    }
    rows.add("transactions", block.transaction_count);
    rows.add("size", counted(block.size_bytes as u64, "byte"));
    let (weight, total) = (&block.weight, &block.total_weight);
    rows.add("weight", format!("{weight}, {total} with all before it"));
    if let Some(reward_to) = &block.reward_to {
        rows.add("reward to", reward_to);
    }
    output.rows(&rows)
}

fn place(block: &BlockSummary) -> String {
    match block.on_main_chain {
        true => format!(
            "in the main chain, {}",
            counted(block.confirmations, "confirmation")
        ),
        false => "on a side branch".to_owned(),
    }
}

/// One line per block.
pub(crate) fn write_table(output: &mut Output, blocks: &[BlockSummary]) -> Result<()> {
    let mut table = Table::new(&[
        number("index"),
        long("hash"),
        word("time").or_leave(),
        word("age").on_terminals(),
        number("txs"),
        number("bytes").or_leave(),
        long("reward to").or_leave(),
    ]);
    for block in blocks {
        table.row([
            block.index.to_string(),
            block.hash.clone(),
            block.time_ms.map(utc).unwrap_or_default(),
            block
                .time_ms
                .map(|time| output.age(time))
                .unwrap_or_default(),
            block.transaction_count.to_string(),
            block.size_bytes.to_string(),
            block.reward_to.clone().unwrap_or_default(),
        ]);
    }
    table.write(output)
}

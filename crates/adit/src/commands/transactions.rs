//! `adit tx`, `address` and `mempool`: transactions of a running node, and who
//! made them. A transaction is whatever JSON stands in a block; what this does
//! not know of it is shown as it stands.

use std::collections::BTreeMap;

use adit_api::address::{AddressState, AddressTransactions};
use adit_api::mempool::MempoolPage;
use adit_api::search::FoundKind;
use adit_api::status::Status;
use adit_api::transaction::{TransactionDetails, TransactionState};
use adit_node::paths::segment;
use anyhow::Result;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::commands::named::hash_of_part;
use crate::options::{AddressOptions, ListOptions, TransactionName, TxOptions};
use crate::terminal::output::{Output, Rows, counted};
use crate::terminal::table::{Table, long, number, word};
use crate::wallet::coins::Coins;

/// What amounts are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nothing in particular: under the classic rules an amount is whatever a block says.
    None,
    /// Base units of coins.
    Coins,
}

impl Unit {
    /// That of the node's chain.
    pub(crate) fn of(client: &Client) -> Result<Unit> {
        let status: Status = client.read("/api/v1/status")?;
        Ok(match status.rules.as_str() {
            "sealed" => Unit::Coins,
            _ => Unit::None,
        })
    }
}

pub(crate) fn tx(options: &TxOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let id = match &options.id {
        TransactionName::Id(id) => id.to_string(),
        TransactionName::Part(part) => hash_of_part(&client, FoundKind::Transaction, part)?,
    };
    let path = format!("/api/v1/tx/{id}?{}", options.page.query());
    let answer = client.get(&path)?;
    if json {
        return output.document(&answer);
    }
    let found: TransactionDetails = client.parse(&path, &answer)?;
    let mut rows = Rows::default();
    rows.add("id", &found.id);
    let place = place(found.block_index, found.position, found.confirmations);
    rows.add("status", place);
    if let Some(hash) = &found.block_hash {
        rows.add("block", hash);
    }
    for (name, value) in fields(&found.transaction, Unit::of(&client)?) {
        rows.add(&name, value);
    }
    output.rows(&rows)?;
    if found.places.len() < 2 {
        return Ok(());
    }
    output.line("\nThe same transaction stands in several places:\n")?;
    let mut table = Table::new(&[number("block"), number("position"), long("hash")]);
    for place in found.places {
        table.row([
            place.block_index.to_string(),
            place.position.to_string(),
            place.block_hash,
        ]);
    }
    table.write(&mut output)?;
    output.more(found.next.as_deref())
}

pub(crate) fn address(options: &AddressOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let path = format!("/api/v1/address/{}", segment(&options.address));
    let txs = format!("{path}/txs?{}", options.page.query());
    if json {
        let path = if options.txs { &txs } else { &path };
        return output.document(&client.get(path)?);
    }
    write_account(&mut output, &client.read(&path)?)?;
    if options.txs {
        let list: AddressTransactions = client.read(&txs)?;
        output.line("")?;
        write_list(&mut output, &list.transactions, Unit::of(&client)?)?;
        output.more(list.next.as_deref())?;
    }
    Ok(())
}

pub(crate) fn mempool(options: &ListOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let path = format!("/api/v1/mempool?{}", options.page.query());
    let answer = client.get(&path)?;
    if json {
        return output.document(&answer);
    }
    let list: MempoolPage = client.parse(&path, &answer)?;
    let shown = list.transactions.len() as u64;
    let count = counted(list.count as u64, "transaction");
    output.line(&format!("{count} waiting for a block"))?;
    if shown == 0 {
        return Ok(());
    }
    output.line("")?;
    write_list(&mut output, &list.transactions, Unit::of(&client)?)?;
    output.more(list.next.as_deref())
}

/// Transactions as they stand in a block.
pub(crate) fn write_plain(
    output: &mut Output,
    transactions: &[Box<RawValue>],
    unit: Unit,
) -> Result<()> {
    let mut table = Table::new(&[
        number("position"),
        long("from"),
        long("to"),
        number("amount"),
    ]);
    for (position, transaction) in transactions.iter().enumerate() {
        let [from, to, amount] = gist(transaction, unit);
        table.row([position.to_string(), from, to, amount]);
    }
    table.write(output)
}

fn write_list(output: &mut Output, transactions: &[TransactionState], unit: Unit) -> Result<()> {
    let mut table = Table::new(&[
        long("id"),
        word("block"),
        long("from").or_leave(),
        long("to"),
        number("amount"),
    ]);
    for found in transactions {
        let [from, to, amount] = gist(&found.transaction, unit);
        let block = match found.block_index {
            Some(height) => height.to_string(),
            None => "waits".to_owned(),
        };
        table.row([found.id.clone(), block, from, to, amount]);
    }
    table.write(output)
}

fn write_account(output: &mut Output, account: &AddressState) -> Result<()> {
    let mut rows = Rows::default();
    rows.add("address", &account.address);
    match account.balance {
        Some(balance) => rows.add("balance", Coins(balance).counted()),
        None => rows.add(
            "balance",
            "none: under the classic rules nobody owns anything",
        ),
    }
    if let Some(nonce) = account.nonce {
        rows.add("sent", counted(nonce, "transaction"));
    }
    if let Some(next) = account.next_nonce {
        rows.add("next nonce", next);
    }
    if let Some(count) = account.transaction_count {
        rows.add("transactions", count);
    }
    rows.add(
        "waiting",
        counted(account.pending.len() as u64, "transaction"),
    );
    for id in &account.pending {
        rows.add("", id);
    }
    output.rows(&rows)
}

fn place(block_index: Option<u64>, position: Option<u32>, confirmations: u64) -> String {
    match (block_index, position) {
        (None, _) => "waits for a block".to_owned(),
        (Some(height), None) => format!("in block {height}"),
        (Some(height), Some(position)) => format!(
            "in block {height} at position {position}, {}",
            counted(confirmations, "confirmation")
        ),
    }
}

/// Who pays whom how much, in one line.
pub(crate) fn line_of(transaction: &RawValue, unit: Unit) -> String {
    let [from, to, amount] = gist(transaction, unit);
    format!("{from} pays {to} {amount}")
}

/// From whom, to whom, how much; empty where a transaction does not say it.
fn gist(transaction: &RawValue, unit: Unit) -> [String; 3] {
    let mut fields: BTreeMap<_, _> = fields(transaction, unit).into_iter().collect();
    ["sender", "recipient", "amount"].map(|name| fields.remove(name).unwrap_or_default())
}

/// Names and values, the common ones first.
fn fields(transaction: &RawValue, unit: Unit) -> Vec<(String, String)> {
    let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(transaction.get());
    let Ok(mut members) = members else {
        return vec![("transaction".to_owned(), text_of(transaction))];
    };
    let mut fields = Vec::new();
    for name in ["sender", "recipient", "amount", "fee"] {
        let Some(value) = members.remove(name) else {
            continue;
        };
        let units = value.get().parse().ok();
        let value = match (name, unit, units) {
            ("amount" | "fee", Unit::Coins, Some(units)) => Coins(units).to_string(),
            // A string that spells a number is not the number: it keeps its quotes.
            ("amount", ..) => value.get().to_owned(),
            _ => text_of(value),
        };
        fields.push((name.to_owned(), value));
    }
    fields.extend(
        members
            .into_iter()
            .map(|(name, value)| (name, text_of(value))),
    );
    fields
}

/// A JSON value for people: strings without their quotes.
pub(crate) fn text_of(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

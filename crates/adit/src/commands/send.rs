//! `adit send`, `balance`, `sign` and `broadcast`: transactions are signed here
//! and handed to a node, which holds no keys. Signing needs no node at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use adit_core::block::BLOCK_LIMIT_BYTES;
use adit_core::json::{self, Reading};
use adit_core::mempool::FeeRate;
use adit_core::rules::Sealed;
use adit_core::sealed::{SealedTransaction, Transfer};
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::options::{BalanceOptions, BroadcastOptions, SendOptions, SignOptions};
use crate::terminal::output::{Output, Rows, counted};
use crate::wallet;
use crate::wallet::coins::Coins;
use crate::wallet::fee::{self, with_fee};
use crate::wallet::paying::{SayId, pay, submit};
use crate::wallet::sealed_node::SealedNode;

pub(crate) fn send(options: SendOptions, json: bool) -> anyhow::Result<()> {
    let sender = wallet::address_of(&options.wallet)?;
    let recipient = wallet::address_named(&options.to, &options.wallet)?;
    let extras = options.extras;
    fee::confirm(extras.fee, options.amount, extras.yes)?;
    let node = SealedNode::find(&options.node)?;
    let transfer = Transfer {
        amount: options.amount.0,
        chain: node.chain.id,
        data: extras.data,
        fee: 0,
        nonce: options.nonce.unwrap_or_default(),
        recipient,
        sender,
    };
    let transfer = with_fee(transfer, extras.fee, node.min_fee_rate)?;
    let key = wallet::key_of(&options.wallet)?;
    let (say, is_chosen) = (
        SayId::when_waiting(options.wait, json),
        options.nonce.is_some(),
    );
    let sent = pay(&node, &options.wallet, &key, transfer, is_chosen, say)?;
    tell(&node, &sent, options.wait, json)
}

pub(crate) fn broadcast(options: &BroadcastOptions, json: bool) -> anyhow::Result<()> {
    let text = read_file(&options.file, TRANSACTION_LIMIT_BYTES)?;
    let read = json::canonical_as(Reading::Strict, &text, TRANSACTION_LIMIT_BYTES);
    let text = read.with_context(|| format!("{} is no transaction", options.file.display()))?;
    let node = SealedNode::find(&options.node)?;
    let sent = submit(&node, &text, SayId::when_waiting(options.wait, json))?;
    tell(&node, &sent, options.wait, json)
}

pub(crate) fn sign(options: SignOptions, json: bool) -> anyhow::Result<()> {
    let chain = match (options.chain.id, &options.chain.genesis) {
        (Some(id), _) => id,
        (None, Some(file)) => read_genesis(file)?.chain_id(),
        (None, None) => bail!("say for which chain: --chain-id ID or --genesis FILE"),
    };
    fee::confirm(options.extras.fee, options.amount, options.extras.yes)?;
    let recipient = wallet::address_named(&options.to, &options.wallet)?;
    let key = wallet::key_of(&options.wallet)?;
    let transfer = Transfer {
        amount: options.amount.0,
        chain,
        data: options.extras.data,
        fee: 0,
        nonce: options.nonce,
        recipient,
        sender: key.address(),
    };
    // What fee the node that gets it will ask for is not known here.
    let transaction = key.sign(&with_fee(transfer, options.extras.fee, FeeRate::DEFAULT)?);
    let Some(file) = options.output else {
        let mut output = io::stdout().lock();
        output.write_all(&transaction)?;
        return Ok(writeln!(output)?);
    };
    let id = SealedTransaction::read(&transaction)?.id;
    let written = [&transaction, b"\n".as_slice()].concat();
    std::fs::write(&file, written).with_context(|| file.display().to_string())?;
    let file = file.display();
    report(
        json,
        &json!({ "id": id.to_string(), "file": file.to_string() }),
        &[("id", id.to_string()), ("file", file.to_string())],
    )
}

pub(crate) fn balance(options: &BalanceOptions, json: bool) -> anyhow::Result<()> {
    let address = match &options.owner {
        Some(owner) => wallet::address_named(owner, &options.wallet)?,
        None => wallet::address_of(&options.wallet)?,
    };
    let node = SealedNode::find(&options.node)?;
    let (chain, holdings) = (&node.chain, node.holdings(&address)?);
    let waiting = holdings.next_nonce.saturating_sub(holdings.nonce);
    report(
        json,
        &json!({
            "address": address.to_string(),
            "balance": holdings.balance,
            "nonce": holdings.nonce,
            "next_nonce": holdings.next_nonce,
            "pending": holdings.pending,
        }),
        &[
            ("address", address.to_string()),
            ("chain", format!("{}, {}", chain.name, chain.id)),
            ("balance", Coins(holdings.balance).counted()),
            ("sent", counted(holdings.nonce, "transaction")),
            ("waiting", format!("{waiting} of its transactions")),
            ("nonce", format!("{} for the next one", holdings.next_nonce)),
        ],
    )
}

/// Prints what became of a transaction that was handed in.
fn tell(
    node: &SealedNode,
    transaction: &SealedTransaction,
    wait: bool,
    json: bool,
) -> anyhow::Result<()> {
    let (id, transfer) = (transaction.id, &transaction.transfer);
    let handed_in = || {
        format!(
            "the transaction {id} was handed in; see with `adit tx {id}` what became of it \
             before you send it again"
        )
    };
    let found = match wait {
        true => Some(node.wait_for_block(id, 1).with_context(handed_in)?),
        // On a chain to develop on, it is in a block already. It was taken, whether or
        // not that can be seen.
        false => node.transaction(id).ok().flatten(),
    };
    let found = found.filter(|found| found.block_index.is_some());
    let mut result = json!({
        "id": id.to_string(),
        "status": if found.is_some() { "confirmed" } else { "pending" },
        "sender": transfer.sender.to_string(),
        "recipient": transfer.recipient.to_string(),
        "amount": transfer.amount,
        "fee": transfer.fee,
        "nonce": transfer.nonce,
    });
    let mut rows = vec![
        ("id", id.to_string()),
        ("to", transfer.recipient.to_string()),
        ("amount", Coins(transfer.amount).counted()),
        ("fee", Coins(transfer.fee).counted()),
        ("nonce", transfer.nonce.to_string()),
    ];
    match found {
        None => rows.push(("status", "waits for a block".to_owned())),
        Some(found) => {
            let height = found.block_index.unwrap_or_default();
            result["block_index"] = json!(height);
            result["block_hash"] = json!(found.block_hash);
            rows.push(("status", format!("in block {height}")));
        }
    }
    report(json, &result, &rows).with_context(handed_in)
}

/// The rules of the chain whose genesis block is in a file.
pub(crate) fn read_genesis(file: &Path) -> anyhow::Result<Sealed> {
    let text = read_file(file, BLOCK_LIMIT_BYTES)?;
    Sealed::new(&text).with_context(|| format!("{} is no genesis block", file.display()))
}

/// A whole file, or the standard input for `-`.
pub(crate) fn read_file(file: &Path, limit_bytes: usize) -> anyhow::Result<Vec<u8>> {
    let input: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(file).with_context(|| file.display().to_string())?),
    };
    let mut text = Vec::new();
    let read = input.take(limit_bytes as u64 + 1).read_to_end(&mut text);
    read.with_context(|| file.display().to_string())?;
    ensure!(
        text.len() <= limit_bytes,
        "{} is longer than {limit_bytes} bytes",
        file.display()
    );
    Ok(text)
}

/// Prints how it went: rows of a name and a value, or JSON.
pub(crate) fn report(json: bool, result: &Value, rows: &[(&str, String)]) -> anyhow::Result<()> {
    let mut output = Output::new(json);
    if json {
        return output.document(result.to_string().as_bytes());
    }
    let mut said = Rows::default();
    for (name, value) in rows {
        said.add(name, value);
    }
    output.rows(&said)
}

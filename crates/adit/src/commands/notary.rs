//! `adit notarize` puts a file's hash into a chain; `adit prove` shows later,
//! without any node, that the file existed then. The file itself goes nowhere.

mod proof;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use adit_core::hash::Hash;
use adit_core::rules::{Sealed, work};
use adit_core::sealed::Transfer;
use anyhow::{Context, anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::proof::{PROOF_LIMIT_BYTES, Proof};
use crate::commands::send::{read_file, read_genesis, report};
use crate::new_file::{self, NewFile, PUBLIC};
use crate::options::{NotarizeOptions, ProveOptions};
use crate::terminal::output::utc_millis;
use crate::wallet;
use crate::wallet::coins::Coins;
use crate::wallet::fee;
use crate::wallet::paying::{self, SayId};
use crate::wallet::sealed_node::SealedNode;

/// A file is hashed in pieces of this length.
const HASHED_PIECE_BYTES: usize = 1024 * 1024;

pub(crate) fn notarize(options: &NotarizeOptions, json: bool) -> anyhow::Result<()> {
    let proof_file = proof_file(&options.file, options.proof.as_deref());
    if new_file::is_there(&proof_file) {
        return Err(is_there_already(&proof_file));
    }
    let file_hash = hash_file(&options.file)?;
    let node = SealedNode::find(&options.node)?;
    let genesis = genesis_of(&node)?;
    let (id, place) = match options.transaction {
        Some(id) => (id, take_place(&proof_file)?),
        None => pay_for_hash(options, &node, file_hash, &proof_file, json)?,
    };
    let made = make_proof(options, &node, genesis, (id, file_hash), &proof_file, place);
    let (proof, confirmations) = made.with_context(|| {
        format!(
            "the transaction {id} was handed in, and its proof is not here yet; \
             `adit notarize --transaction {id}` goes on from here, and pays nothing"
        )
    })?;
    let mut summary = summary(&proof, file_hash);
    summary.result["proof"] = json!(proof_file.display().to_string());
    summary.result["confirmations"] = json!(confirmations);
    summary
        .rows
        .push(("proof", proof_file.display().to_string()));
    report(json, &summary.result, &summary.rows).with_context(|| {
        format!(
            "the transaction {id} is in a block, and its proof in {}",
            proof_file.display()
        )
    })
}

pub(crate) fn prove(options: &ProveOptions, json: bool) -> anyhow::Result<()> {
    let proof_file = proof_file(&options.file, options.proof.as_deref());
    let text = read_file(&proof_file, PROOF_LIMIT_BYTES).context(
        "the proof cannot be read; name it with --proof, or make one with `adit notarize`",
    )?;
    ensure!(
        !text.is_empty(),
        "{} is empty and not a proof: that comes with the block; if `adit notarize` was broken off, \
         --transaction ID goes on",
        proof_file.display()
    );
    let proof = Proof::read(&text).with_context(|| proof_file.display().to_string())?;
    let known_genesis = options.genesis.as_deref().map(read_genesis).transpose()?;
    let file_hash = hash_file(&options.file)?;
    proof
        .check(file_hash)
        .with_context(|| options.file.display().to_string())?;
    if let Some(known) = &known_genesis {
        proof.check_genesis(known.genesis_hash())?;
    }
    let mut summary = summary(&proof, file_hash);
    summary.result["valid"] = json!(true);
    summary.result["genesis_known"] = json!(known_genesis.is_some());
    if known_genesis.is_none() {
        let hint = "is this the chain that you mean? --genesis FILE makes sure";
        summary.rows.push(("note", hint.to_owned()));
    }
    report(json, &summary.result, &summary.rows)
}

/// Pays its own address nothing, with the hash as the data to keep, once there
/// is a place for the proof of it.
fn pay_for_hash(
    options: &NotarizeOptions,
    node: &SealedNode,
    file_hash: Hash,
    proof_file: &Path,
    json: bool,
) -> anyhow::Result<(Hash, NewFile)> {
    fee::confirm(options.fee, Coins(0), options.yes)?;
    let key = wallet::key_of(&options.wallet)?;
    let place = take_place(proof_file)?;
    let transfer = Transfer {
        amount: 0,
        chain: node.chain.id,
        data: Some(proof::data_of(file_hash)),
        fee: 0,
        nonce: 0,
        recipient: key.address(),
        sender: key.address(),
    };
    let transfer = fee::with_fee(transfer, options.fee, node.min_fee_rate)?;
    let say = SayId::at_once(json);
    let paid = paying::pay(node, &options.wallet, &key, transfer, false, say)?;
    Ok((paid.id, place))
}

/// Waits for the block, and fills the place with the proof.
fn make_proof(
    options: &NotarizeOptions,
    node: &SealedNode,
    genesis: Sealed,
    (id, file_hash): (Hash, Hash),
    proof_file: &Path,
    place: NewFile,
) -> anyhow::Result<(Proof, u64)> {
    let found = node.wait_for_block(id, options.confirmations)?;
    let proof = Proof::from_node(&node.merkle_proof(id)?, genesis)
        .context("the node's proof is of no use")?;
    proof
        .check(file_hash)
        .context("the node's proof does not hold")?;
    let filled = place.fill(&proof.to_text());
    filled.with_context(|| proof_file.display().to_string())?;
    Ok((proof, found.confirmations))
}

/// Makes sure that there will be a place for the proof.
fn take_place(proof_file: &Path) -> anyhow::Result<NewFile> {
    NewFile::take(proof_file, PUBLIC).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => is_there_already(proof_file),
        _ => anyhow!(
            "the proof cannot be written to {}: {error}; nothing was paid: name another file \
             with --proof",
            proof_file.display()
        ),
    })
}

fn is_there_already(proof_file: &Path) -> anyhow::Error {
    anyhow!(
        "there is a proof {} already, and it is not overwritten: name another file with --proof",
        proof_file.display()
    )
}

/// The rules of the node's chain, by its first block.
fn genesis_of(node: &SealedNode) -> anyhow::Result<Sealed> {
    let genesis = Sealed::new(&node.genesis()?)?;
    let (expected, found) = (node.chain.genesis, genesis.genesis_hash());
    ensure!(
        found == expected,
        "the node says that its chain starts with {expected}, and sends one that starts with {found}"
    );
    Ok(genesis)
}

/// What a proof says, for programs and for people.
struct Summary {
    result: Value,
    rows: Vec<(&'static str, String)>,
}

fn summary(proof: &Proof, file_hash: Hash) -> Summary {
    let header = proof.header();
    let time = utc_millis(header.timestamp_ms);
    let (sender, chain) = (proof.transaction().transfer.sender, proof.genesis());
    let (id, name) = (chain.chain_id(), &chain.params().name);
    let (genesis, work) = (chain.genesis_hash(), work(header.target));
    Summary {
        result: json!({
            "id": proof.transaction().id.to_string(),
            "sha256": file_hash.to_string(),
            "sender": sender.to_string(),
            "time": time,
            "timestamp": header.timestamp_ms,
            "block_index": header.height,
            "block_hash": proof.block_hash().to_string(),
            "work": work.to_string(),
            "chain": { "id": id.to_string(), "name": name, "genesis": genesis.to_string() },
        }),
        rows: vec![
            ("sha256", file_hash.to_string()),
            ("existed", format!("by {time}, says the block's finder")),
            ("shown by", sender.to_string()),
            ("in", format!("transaction {}", proof.transaction().id)),
            (
                "block",
                format!("{}, {}", header.height, proof.block_hash()),
            ),
            ("chain", format!("{name}, {id}, starts with {genesis}")),
            (
                "work",
                format!("{work} guesses on average, for this block alone"),
            ),
        ],
    }
}

/// SHA-256 of a file, read piece by piece, with progress at a terminal.
fn hash_file(file: &Path) -> anyhow::Result<Hash> {
    let failed = || file.display().to_string();
    let mut input = File::open(file).with_context(failed)?;
    let length = input.metadata().with_context(failed)?.len();
    let style = "hashing {wide_bar} {bytes}/{total_bytes}, {eta}";
    let bar = ProgressBar::new(length).with_style(ProgressStyle::with_template(style)?);
    let (mut hash, mut piece) = (Sha256::new(), vec![0; HASHED_PIECE_BYTES]);
    loop {
        match input.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => {
                hash.update(&piece[..length]);
                bar.inc(length as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(failed),
        }
    }
    bar.finish_and_clear();
    Ok(Hash(hash.finalize().into()))
}

fn proof_file(file: &Path, given: Option<&Path>) -> PathBuf {
    if let Some(given) = given {
        return given.to_owned();
    }
    let mut name = OsString::from(file);
    name.push(".proof.json");
    name.into()
}

//! `adit notarize` puts a file's hash into a chain; `adit prove` shows later,
//! without any node, that the file existed then. The file itself goes nowhere.

mod proof;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use adit_core::hash::Hash;
use adit_core::rules::{Sealed, work};
use adit_core::sealed::Transfer;
use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::proof::{PROOF_LIMIT_BYTES, Proof};
use crate::options::{NotarizeOptions, ProveOptions};
use crate::sealed_node::SealedNode;
use crate::send::{read_file, read_genesis, report, submit};
use crate::wallet;

/// A file is hashed in pieces of this length.
const HASHED_PIECE_BYTES: usize = 1024 * 1024;

pub(crate) fn notarize(options: &NotarizeOptions, json: bool) -> anyhow::Result<()> {
    let proof_file = proof_file(&options.file, options.proof.as_deref());
    ensure!(
        !proof_file.exists(),
        "there is a proof {} already, and it is not overwritten: name another file with --proof",
        proof_file.display()
    );
    let node = SealedNode::find(&options.node)?;
    let genesis = genesis_of(&node)?;
    let file_hash = hash_file(&options.file)?;
    let id = match options.transaction {
        Some(id) => id,
        None => submit_hash(options, &node, file_hash)?,
    };
    let found = node.wait_for_block(id, options.confirmations);
    let found = found.with_context(|| {
        format!(
            "the transaction {id} was handed in, and its proof is not here yet; \
             `adit notarize --transaction {id}` goes on from here"
        )
    })?;
    let proof = Proof::from_node(&node.merkle_proof(id)?, genesis)
        .context("the node's proof is of no use")?;
    proof
        .check(file_hash)
        .context("the node's proof does not hold")?;
    write_new(&proof_file, &proof.to_text())?;
    let mut summary = summary(&proof, file_hash);
    summary.result["proof"] = json!(proof_file.display().to_string());
    summary.result["confirmations"] = json!(found.confirmations);
    summary
        .rows
        .push(("proof", proof_file.display().to_string()));
    report(json, &summary.result, &summary.rows)
}

pub(crate) fn prove(options: &ProveOptions, json: bool) -> anyhow::Result<()> {
    let proof_file = proof_file(&options.file, options.proof.as_deref());
    let text = read_file(&proof_file, PROOF_LIMIT_BYTES).context(
        "the proof cannot be read; name it with --proof, or make one with `adit notarize`",
    )?;
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

/// Pays oneself nothing, with the hash as what is to be kept.
fn submit_hash(
    options: &NotarizeOptions,
    node: &SealedNode,
    file_hash: Hash,
) -> anyhow::Result<Hash> {
    let address = wallet::address_of(&options.wallet)?;
    let nonce = node.holdings(&address)?.next_nonce;
    let key = wallet::key_of(&options.wallet)?;
    let transaction = key.sign(&Transfer {
        amount: 0,
        chain: node.chain.id,
        data: Some(proof::data_of(file_hash)),
        fee: options.fee.0,
        nonce,
        recipient: address,
        sender: address,
    });
    Ok(submit(node, &transaction)?.id)
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
    let time = Duration::from_millis(header.timestamp_ms);
    let time = match UNIX_EPOCH.checked_add(time) {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => format!("{} ms after 1970", header.timestamp_ms),
    };
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
            "block_index": header.index,
            "block_hash": proof.block_hash().to_string(),
            "work": work.to_string(),
            "chain": { "id": id.to_string(), "name": name, "genesis": genesis.to_string() },
        }),
        rows: vec![
            ("sha256", file_hash.to_string()),
            ("existed", format!("by {time}, says the block's finder")),
            ("shown by", sender.to_string()),
            ("in", format!("transaction {}", proof.transaction().id)),
            ("block", format!("{}, {}", header.index, proof.block_hash())),
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

/// Writes a file that is there whole or not at all, and replaces none.
fn write_new(file: &Path, text: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let mut written = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        written.write_all(text)?;
        written.as_file().sync_all()?;
        written.persist_noclobber(file)?;
        io::Result::Ok(())
    };
    write().with_context(|| file.display().to_string())
}

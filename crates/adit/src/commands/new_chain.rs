//! `adit chain new`: writes the genesis block of a new chain. Anyone who has
//! that file can join the chain; with a single byte changed, it is another
//! chain.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{DURATION_LIMIT_MS, HALF_LIFE_INTERVALS, Params};
use anyhow::{Context, anyhow, ensure};
use serde_json::json;

use crate::options::NewChainOptions;

/// The target of a new chain follows the hash power within this many blocks, as
/// in a chain with the default interval.
const HALF_LIFE_BLOCKS: u64 = 30;

/// A day in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn run(options: &NewChainOptions, json: bool) -> anyhow::Result<()> {
    let file = match &options.output {
        Some(file) => file.clone(),
        None => default_file(&options.name)?,
    };
    let rules = Sealed::with_params(
        params(options)?,
        SystemTime::now().duration_since(UNIX_EPOCH)?,
    )?;
    let text = rules.genesis_text().unwrap_or_default();
    let mut output = File::create_new(&file).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!(
            "{} is there already; a chain is its file, so it is not overwritten",
            file.display()
        ),
        _ => anyhow!("{}: {error}", file.display()),
    })?;
    output
        .write_all(&[text, b"\n"].concat())
        .and_then(|()| output.sync_all())
        .with_context(|| file.display().to_string())?;
    let (chain, genesis) = (rules.chain_id(), rules.genesis_hash());
    let file = file.display();
    let mut output = io::stdout().lock();
    match json {
        true => writeln!(
            output,
            "{}",
            json!({ "file": file.to_string(), "chain": chain.to_string(), "genesis": genesis.to_string() })
        )?,
        false => writeln!(
            output,
            "{file} is the chain {chain:?}, {} by name; join it with\n  adit --chain {file}",
            options.name
        )?,
    }
    Ok(())
}

fn params(options: &NewChainOptions) -> anyhow::Result<Params> {
    let mut params = Params::defaults(&options.name);
    let interval_ms = u64::try_from(options.block_interval.as_millis())?;
    ensure!(interval_ms > 0, "--block-interval: a block takes some time");
    params.block_interval_ms = interval_ms;
    params.half_life_ms = interval_ms
        .saturating_mul(HALF_LIFE_BLOCKS)
        .min(DURATION_LIMIT_MS);
    ensure!(
        params.target_follows(),
        "--block-interval: the target follows the hash power within {} to {} blocks, and that \
         may take {} days at most: expected a block in {} days or less",
        HALF_LIFE_INTERVALS.start(),
        HALF_LIFE_INTERVALS.end(),
        DURATION_LIMIT_MS / DAY,
        DURATION_LIMIT_MS / HALF_LIFE_INTERVALS.start() / DAY,
    );
    for (address, amount) in &options.allocations {
        let earlier = params.allocations.insert(*address, *amount);
        ensure!(earlier.is_none(), "--alloc: {address} is there twice");
    }
    Ok(params)
}

fn default_file(name: &str) -> anyhow::Result<PathBuf> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ensure!(
        !name.is_empty() && !name.starts_with(['.', '-']) && name.bytes().all(is_plain),
        "--name {name:?} is no name for a file; say which file with --output"
    );
    Ok(PathBuf::from(format!("{name}.json")))
}

//! `adit chain new`: writes the genesis block of a new chain. Anyone who has
//! that file can join the chain; with a single byte changed, it is another
//! chain.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{DURATION_LIMIT_MS, HALF_LIFE_INTERVALS, Params};
use adit_pow::measure::{puzzles, threads};
use anyhow::{Context, anyhow, ensure};
use ruint::aliases::U256;
use serde_json::json;

use crate::options::{NewChainOptions, all_cores};

/// The target of a new chain follows the hash power within this many blocks, as
/// in a chain with the default interval.
const HALF_LIFE_BLOCKS: u64 = 30;

/// How often this machine is measured; all of it takes some 0.3 seconds.
const MEASURED_ROUNDS: usize = 7;

/// A day in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn run(options: &NewChainOptions, json: bool) -> anyhow::Result<()> {
    let file = match &options.output {
        Some(file) => file.clone(),
        None => default_file(&options.name)?,
    };
    let params = params(options)?;
    let difficulty = U256::MAX / params.initial_target;
    let difficulty = u64::try_from(difficulty).unwrap_or(u64::MAX);
    let rules = Sealed::with_params(params, SystemTime::now().duration_since(UNIX_EPOCH)?)?;
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
            json!({
                "file": file.to_string(),
                "chain": chain.to_string(),
                "genesis": genesis.to_string(),
                "difficulty": difficulty,
            })
        )?,
        false => writeln!(
            output,
            "{file} is the chain {chain:?}, {} by name; its first blocks take {difficulty} guesses each\n\
             on average. Join it with\n  adit --chain {file}",
            options.name
        )?,
    }
    Ok(())
}

/// As many guesses as all cores of this machine make in that time, so that the
/// first blocks keep the pace already; at least one.
fn guesses_in(interval: Duration) -> u64 {
    let [_, _, (_, puzzle)] = &puzzles();
    let cores = all_cores().get();
    let measured = threads(puzzle, &[cores], MEASURED_ROUNDS, |_| ());
    let speed = measured.last().map_or(0.0, |row| row.guesses_per_s);
    // Beyond u64 it is the greatest one, and what is no number is 0.
    (speed * interval.as_secs_f64()).max(1.0) as u64
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
    let wanted = options.difficulty.map(u64::from);
    let difficulty = wanted.unwrap_or_else(|| guesses_in(options.block_interval));
    let target = U256::MAX / U256::from(difficulty);
    params.initial_target = target.min(params.pow_limit);
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

//! The options of `adit dev`: what its chain starts with, and when it makes
//! blocks.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::dev_command::DevCommand;
use super::listen::ListenOptions;
use super::log_filter::QuietLog;
use super::origins::OriginOptions;
use super::token::TokenOptions;
use crate::wallet::coins::Coins;
use crate::wallet::key::Phrase;

/// At most this many accounts are funded: they are all in the genesis block.
const DEV_ACCOUNTS_LIMIT: u32 = 1_000;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DevOptions {
    #[command(subcommand)]
    pub(crate) command: Option<DevCommand>,

    #[command(flatten)]
    pub(crate) listen: ListenOptions,

    #[command(flatten)]
    pub(crate) origins: OriginOptions,

    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// How many accounts are funded.
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = read_accounts)]
    pub(crate) accounts: NonZeroU32,

    /// What each of them has, in coins.
    #[arg(long, value_name = "COINS", default_value = "10000")]
    pub(crate) balance: Coins,

    /// The words that the accounts' keys are made from; `adit wallet import`
    /// makes the first of them of the same words [default: keys of their own,
    /// which `adit send --from dev0` knows].
    #[arg(long, value_name = "WORDS", value_parser = read_words)]
    pub(crate) mnemonic: Option<DevWords>,

    /// Make a block each time this has passed, and not for each transaction.
    #[arg(long, value_name = "TIME", value_parser = read_block_time)]
    pub(crate) block_time: Option<Duration>,

    /// Make a block only when told to, by `adit mine` or the API.
    #[arg(long, conflicts_with = "block_time")]
    pub(crate) no_mining: bool,

    /// When the genesis block was made, as 2026-01-01T00:00:00Z: with the same
    /// time, accounts and balance, the chain's id is the same [default: now].
    #[arg(long, value_name = "TIME", value_parser = read_genesis_time)]
    pub(crate) genesis_time: Option<SystemTime>,

    /// Begin with the state in that file, if it is there, and write the state there
    /// at the end.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) quiet: QuietLog,
}

/// Words as they were typed; they are no secret on a chain to develop on, but
/// somebody's real ones must not get into a log.
#[derive(Clone)]
pub(crate) struct DevWords(String);

impl DevWords {
    /// The phrase, which was read before.
    pub(crate) fn phrase(&self) -> Phrase {
        Phrase::read(&self.0).expect("the option was read as a phrase")
    }
}

impl std::fmt::Debug for DevWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DevWords")
    }
}

fn read_accounts(text: &str) -> Result<NonZeroU32, String> {
    let count = text.parse::<NonZeroU32>().ok();
    count
        .filter(|count| count.get() <= DEV_ACCOUNTS_LIMIT)
        .ok_or_else(|| format!("expected a number in 1..{DEV_ACCOUNTS_LIMIT}"))
}

fn read_words(text: &str) -> Result<DevWords, String> {
    match Phrase::read(text) {
        Ok(_) => Ok(DevWords(text.to_owned())),
        Err(error) => Err(error.to_string()),
    }
}

fn read_block_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match time.is_zero() {
        true => Err("0 would never rest; without --block-time each transaction is a block".into()),
        false => Ok(time),
    }
}

fn read_genesis_time(text: &str) -> Result<SystemTime, String> {
    let time = humantime::parse_rfc3339_weak(text).map_err(|error| error.to_string());
    let time = time.and_then(|time| match time < SystemTime::UNIX_EPOCH {
        true => Err("it is before 1970".to_owned()),
        false => Ok(time),
    });
    time.map_err(|error| format!("{error}; write it as 2026-01-01T00:00:00Z"))
}

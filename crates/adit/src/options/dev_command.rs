//! What a running `adit dev` can be told: `adit dev snapshot`, `adit dev time move
//! 1h` and the like. What comes of it, the node decides.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};

use super::token::OperatedNode;

#[derive(Debug, Subcommand)]
pub(crate) enum DevCommand {
    /// Start the chain of a running `adit dev` over: its genesis block alone.
    Reset(OperatedNode),

    /// How it is set: its clock, when blocks are made, its snapshots.
    Status(OperatedNode),

    /// Keep in mind where the chain is: its last block, what waits, its clock.
    Snapshot(OperatedNode),

    /// Make the chain what it was at a snapshot. That one is gone then, and so are
    /// all that were taken later.
    Revert {
        /// The snapshot's number [default: the newest].
        id: Option<u64>,

        #[command(flatten)]
        node: OperatedNode,
    },

    /// What the chain's clock shows, and set it.
    Time(TimeOptions),

    /// Make blocks at once, the first of what waits.
    Mine {
        /// How many.
        #[arg(default_value_t = 1)]
        count: u64,

        /// How far their times are apart [default: as the clock goes].
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        interval: Option<Duration>,

        #[command(flatten)]
        node: OperatedNode,
    },

    /// Write the chain down: its blocks, what waits, how its clock is set.
    Save {
        /// Where to; `-` is the output.
        file: PathBuf,

        #[command(flatten)]
        node: OperatedNode,
    },

    /// Make the chain what a file says that `save` wrote: all of it or nothing. Its
    /// snapshots are gone then.
    Load {
        file: PathBuf,

        #[command(flatten)]
        node: OperatedNode,
    },

    /// When blocks are made without a request.
    Blocks {
        /// `each-transaction`, `on-request`, or a time as `2s`.
        #[arg(value_name = "WHEN", value_parser = read_blocks_when)]
        when: BlocksWhen,

        #[command(flatten)]
        node: OperatedNode,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct TimeOptions {
    #[command(subcommand)]
    pub(crate) command: Option<TimeCommand>,

    #[command(flatten)]
    pub(crate) node: OperatedNode,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum TimeCommand {
    /// The clock shows this, and goes on from there.
    Set {
        /// As 2027-01-01, 2027-01-01T12:00:00Z or milliseconds since 1970.
        #[arg(value_name = "TIME", value_parser = read_time)]
        time: TimeGiven,
    },

    /// The clock shows that much more, or less: never the last block's time or before.
    Move {
        /// As 1h, 30days or 500ms; -1h is back.
        #[arg(value_name = "TIME", allow_hyphen_values = true, value_parser = read_move)]
        by: TimeMoved,
    },

    /// The next block has this time, and the clock goes on from there.
    Next {
        /// As for `set`.
        #[arg(value_name = "TIME", value_parser = read_time)]
        time: TimeGiven,
    },
}

/// A time in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeGiven(pub(crate) u64);

/// How far a clock is moved, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeMoved(pub(crate) i64);

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlocksWhen {
    EachTransaction,
    OnRequest,
    Every(Duration),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NamedWhen {
    EachTransaction,
    OnRequest,
}

fn read_blocks_when(text: &str) -> Result<BlocksWhen, String> {
    if let Ok(named) = NamedWhen::from_str(text, false) {
        return Ok(match named {
            NamedWhen::EachTransaction => BlocksWhen::EachTransaction,
            NamedWhen::OnRequest => BlocksWhen::OnRequest,
        });
    }
    let every = humantime::parse_duration(text).ok();
    let every = every.filter(|every| every.as_millis() > 0);
    let wanted = "expected each-transaction, on-request, or a time of a millisecond or more as 2s";
    every
        .map(BlocksWhen::Every)
        .ok_or_else(|| wanted.to_owned())
}

fn read_move(text: &str) -> Result<TimeMoved, humantime::DurationError> {
    let (sign, length) = match text.strip_prefix('-') {
        Some(back) => (-1, back),
        None => (1, text),
    };
    let by = humantime::parse_duration(length)?.as_millis();
    Ok(TimeMoved(sign * i64::try_from(by).unwrap_or(i64::MAX)))
}

fn read_time(text: &str) -> Result<TimeGiven, String> {
    if let Ok(time_ms) = text.parse() {
        return Ok(TimeGiven(time_ms));
    }
    // A day begins at its midnight.
    let whole = match text.len() == "2027-01-01".len() {
        true => format!("{text}T00:00:00Z"),
        false => text.to_owned(),
    };
    let time = humantime::parse_rfc3339_weak(&whole).map_err(|error| error.to_string());
    let since = time.and_then(|time| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        since.map_err(|_| "it is before 1970".to_owned())
    });
    let since = since.map_err(|error| {
        format!("{error}; write it as 2027-01-01, 2027-01-01T12:00:00Z, or milliseconds since 1970")
    })?;
    Ok(TimeGiven(
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    ))
}

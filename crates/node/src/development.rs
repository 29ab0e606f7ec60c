//! What a chain to develop on can be asked for, and no other: to start over, to go
//! back to a snapshot, to set its clock, to make blocks of nothing; and what comes of
//! it. How it is done is not known here.

use std::time::{Duration, UNIX_EPOCH};

use adit_core::mining::HeldUp;
use adit_core::node::BlockMaking;
use adit_core::reorganisation::BlockPlace;
use tokio::sync::oneshot;

use crate::clock::DEV_TIME_LIMIT_MS;
use crate::saved_state::LoadedState;

/// At most this many snapshots are there at a time.
pub const SNAPSHOTS_LIMIT: usize = 10_000;

/// The transactions that waited when they were taken are together at most this
/// long.
pub const SNAPSHOTS_PENDING_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// At most this many blocks are made for one request.
pub const DEV_MINE_LIMIT_BLOCKS: u64 = 10_000;

/// At most this many requests to develop wait for one another.
pub(crate) const DEV_WAITING_LIMIT: usize = 64;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Act {
    Look,
    Reset,
    TakeSnapshot,
    /// To that snapshot, or the newest.
    Revert(Option<u64>),
    SetTime(TimeChange),
    Mine(BlocksToMake),
    SetBlockMaking(BlockMaking),
    Load(Box<LoadedState>),
}

/// How the clock is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeChange {
    /// It shows this, and goes on from there.
    Set {
        /// In milliseconds since 1970.
        time_ms: u64,
    },
    /// It shows that much more, or less.
    Move {
        /// In milliseconds.
        by_ms: i64,
    },
    /// It shows this until there is a block, and goes on from there.
    Next {
        /// In milliseconds since 1970.
        time_ms: u64,
    },
}

/// Blocks that are to be made.
#[derive(Debug, Clone, Copy)]
pub struct BlocksToMake {
    /// How many.
    pub count: u64,
    /// How far they are apart; `None` is as the clock goes.
    pub interval_ms: Option<u64>,
}

/// A request to the driver.
#[derive(Debug)]
pub(crate) struct DevelopmentRequest {
    pub(crate) act: Act,
    pub(crate) reply: oneshot::Sender<Result<Done, NotDone>>,
}

/// What was done.
#[derive(Debug)]
pub(crate) enum Done {
    Looked(Development),
    Reset { length: u64 },
    SnapshotTaken(SnapshotTaken),
    Reverted(Reverted),
    TimeSet(Time),
    Mined(BlocksMade),
    BlockMakingSet(BlockMaking),
    Loaded(Loaded),
}

/// How a chain to develop on is set.
#[derive(Debug, Clone)]
pub struct Development {
    /// What its clock shows.
    pub time: Time,
    /// When blocks are made.
    pub block_making: BlockMaking,
    /// What there is to go back to, the oldest first.
    pub snapshots: Vec<SnapshotTaken>,
}

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Its number.
    pub id: u64,
    /// The last block.
    pub tip: BlockPlace,
    /// How many transactions waited.
    pub pending_count: usize,
    /// What the clock showed.
    pub time_ms: u64,
}

/// The chain is as it was.
#[derive(Debug, Clone, Copy)]
pub struct Reverted {
    /// The snapshot that it is as.
    pub id: u64,
    /// Its last block.
    pub tip: BlockPlace,
    /// How many blocks are no longer in it.
    pub dropped_count: u64,
    /// How many transactions wait again.
    pub pending_count: usize,
    /// What the clock shows.
    pub time: Time,
}

/// What the clock shows, and how it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// In milliseconds since 1970.
    pub now_ms: u64,
    /// How far it is ahead of this machine's clock.
    pub offset_ms: i64,
    /// Whether it stands until the next block.
    pub is_held: bool,
}

/// The blocks that were made.
#[derive(Debug, Clone, Copy)]
pub struct BlocksMade {
    /// How many.
    pub count: u64,
    /// The first,
    pub first: BlockPlace,
    /// and the last.
    pub last: BlockPlace,
}

/// The chain is what a file said.
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// Its last block.
    pub tip: BlockPlace,
    /// How many transactions wait.
    pub pending_count: usize,
    /// How many of those in the file do not, since they may not.
    pub left_out_count: usize,
    /// What the clock shows.
    pub time: Time,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// There is no such snapshot.
    #[error("there is no snapshot {id}: {}", known_snapshots(*known))]
    UnknownSnapshot {
        /// Its number.
        id: u64,
        /// The oldest and the newest.
        known: Option<(u64, u64)>,
    },
    /// There is no snapshot at all.
    #[error("there is no snapshot to go back to; `adit dev snapshot` takes one")]
    NoSnapshot,
    /// There are as many as there can be.
    #[error(
        "there are {SNAPSHOTS_LIMIT} snapshots already; going back to one takes it and all later ones \
         away, and a reset takes all"
    )]
    TooManySnapshots,
    /// Together they would keep too much.
    #[error(
        "the transactions that waited at the snapshots would be longer than \
         {SNAPSHOTS_PENDING_LIMIT_BYTES} bytes together; make a block of what waits first"
    )]
    TooMuchWaits,
    /// The clock would be behind the last block.
    #[error(
        "{} is too early: the last block is of {}, and time only goes on from there; go back to a \
         snapshot, or reset the chain", said(*wanted_ms), said(i128::from(*tip_ms))
    )]
    TimeBack {
        /// What the clock would show.
        wanted_ms: i128,
        /// The last block's time.
        tip_ms: u64,
    },
    /// No clock goes so far.
    #[error(
        "{wanted_ms} ms is too late: the clock goes to {DEV_TIME_LIMIT_MS} ms, which is the year 9999"
    )]
    TimeLimit {
        /// What the clock would show.
        wanted_ms: i128,
    },
    /// More blocks are wanted than are made at a time.
    #[error("expected 1 to {DEV_MINE_LIMIT_BLOCKS} blocks, found {found}")]
    BlockCount {
        /// How many.
        found: u64,
    },
    /// No block can be made for some time.
    #[error("no block can be made for {left_s} s: {why}; try again then")]
    HeldUp {
        /// For how many seconds.
        left_s: u128,
        /// In words.
        why: String,
    },
    /// A block would reward nobody.
    #[error("this node has no address that its blocks are rewarded to")]
    NobodyToReward,
    /// The chain of a file is not valid after all.
    #[error("its blocks are no valid chain, and nothing has changed: {why}")]
    StateRefused {
        /// What does not hold.
        why: String,
    },
    /// Others wait for the same.
    #[error("{DEV_WAITING_LIMIT} requests to develop are waiting already; try again")]
    TooManyWaiting,
}

/// A time as it is written down, where it can be.
fn said(time_ms: i128) -> String {
    let time = u64::try_from(time_ms).ok();
    match time.filter(|time_ms| *time_ms <= DEV_TIME_LIMIT_MS) {
        Some(time_ms) => {
            let time = UNIX_EPOCH + Duration::from_millis(time_ms);
            humantime::format_rfc3339_millis(time).to_string()
        }
        None => format!("{time_ms} ms"),
    }
}

fn known_snapshots(known: Option<(u64, u64)>) -> String {
    match known {
        None => "there are none; `adit dev snapshot` takes one".to_owned(),
        Some((first, last)) if first == last => format!("only {first} is there"),
        Some((first, last)) => format!(
            "those that are there have numbers from {first} to {last}; going back to one takes it \
             and all later ones away"
        ),
    }
}

impl NotDone {
    /// The name of what does not hold. Names never change.
    pub fn rule(&self) -> Option<&'static str> {
        Some(match self {
            NotDone::TooManySnapshots | NotDone::TooMuchWaits => "snapshots-limit",
            NotDone::TimeBack { .. } => "time-back",
            NotDone::TimeLimit { .. } => "time-limit",
            NotDone::BlockCount { .. } => "block-count",
            NotDone::StateRefused { .. } => "state",
            NotDone::UnknownSnapshot { .. }
            | NotDone::NoSnapshot
            | NotDone::HeldUp { .. }
            | NotDone::NobodyToReward
            | NotDone::TooManyWaiting => return None,
        })
    }

    pub(crate) fn held_up(held_up: &HeldUp, now: Duration) -> NotDone {
        let left_ms = held_up.until.saturating_sub(now).as_millis();
        NotDone::HeldUp {
            left_s: left_ms.div_ceil(1_000),
            why: held_up.why.clone(),
        }
    }
}

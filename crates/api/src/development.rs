//! What only chains to develop on are asked for, and what they answer: snapshots,
//! the clock, blocks made of nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::BlockName;

/// How a chain to develop on is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Development {
    /// What its clock shows.
    pub time: ChainTime,
    /// When blocks are made.
    pub block_making: BlockMaking,
    /// What there is to go back to, the oldest first.
    pub snapshots: Vec<ChainSnapshot>,
}

/// The chain after it was started over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Reset {
    /// The number of its blocks.
    pub length: u64,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChainSnapshot {
    /// Its number: 1, 2 and so on.
    pub id: u64,
    /// The last block.
    pub block: BlockName,
    /// The number of transactions that waited.
    pub pending: usize,
    /// What the chain's clock showed, in milliseconds since 1970.
    pub time_ms: u64,
}

/// Which snapshot to go back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertTo {
    /// Its number; without it, the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub id: Option<u64>,
}

/// The chain is as it was at a snapshot, which is gone with all later ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reverted {
    /// The snapshot's number.
    pub id: u64,
    /// The last block.
    pub block: BlockName,
    /// The number of blocks that are no longer in the main chain.
    pub dropped: u64,
    /// The number of transactions that wait again.
    pub pending: usize,
    /// What the clock shows.
    pub time: ChainTime,
}

/// What the clock of a chain to develop on shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChainTime {
    /// In milliseconds since 1970.
    pub now_ms: u64,
    /// How far it is ahead of the clock of the node's machine; less than 0 if it is
    /// behind.
    pub offset_ms: i64,
    /// Whether it stands still until the next block.
    pub held: bool,
}

/// How the clock is to be set: one of the three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTime {
    /// It shows this, in milliseconds since 1970, and goes on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub set_ms: Option<u64>,
    /// It shows that much more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 3_600_000)]
    pub move_ms: Option<i64>,
    /// The next block has this time, in milliseconds since 1970, and the clock goes
    /// on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_ms: Option<u64>,
}

/// Which blocks to make.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeBlocks {
    /// How many; without it, one.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 10_000, default = 1)]
    pub blocks: u64,
    /// How far their times are apart; without it, as the clock goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 253_402_300_799_999u64, example = 12_000)]
    pub interval_ms: Option<u64>,
}

fn one() -> u64 {
    1
}

/// The blocks that were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlocksMade {
    /// How many.
    pub blocks: u64,
    /// The first of them.
    pub first: BlockName,
    /// The last.
    pub last: BlockName,
}

/// The chain is what a saved state says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoadedState {
    /// The last block.
    pub block: BlockName,
    /// The number of transactions that wait.
    pub pending: usize,
    /// The number of those in the state that do not, since they may not.
    pub left_out: usize,
    /// What the clock shows.
    pub time: ChainTime,
}

/// When blocks are made without a request for one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockMaking {
    /// What makes them come.
    pub when: BlocksWhen,
    /// How long after the last one, if they come by the time; a year at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 31_536_000_000u64)]
    pub interval_ms: Option<u64>,
}

/// What makes blocks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlocksWhen {
    /// Each transaction, at once.
    EachTransaction,
    /// The time.
    Interval,
    /// A request alone.
    OnRequest,
}

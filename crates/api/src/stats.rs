//! How the chain has grown lately, in numbers. How they are drawn is not known
//! here.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// At most this many of the last blocks are looked at,
pub const STATS_LIMIT_BLOCKS: u64 = 1_000;

/// and this many if nobody says.
const STATS_BLOCKS: u64 = 100;

/// How many blocks are looked at.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// How many of the last blocks are looked at: 1 to 1000, 100 if nobody
    /// says; fewer where the chain is shorter, or they are very long.
    pub blocks: Option<u64>,
}

impl Window {
    /// Returns how many blocks are looked at at most.
    pub fn limit(&self) -> u64 {
        let wanted = self.blocks.unwrap_or(STATS_BLOCKS);
        wanted.clamp(1, STATS_LIMIT_BLOCKS)
    }
}

/// How the chain has grown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// The number of blocks in the main chain.
    pub length: u64,
    /// The hash of the last one.
    pub tip: String,
    /// The sum of their weights, in decimal.
    pub total_weight: String,
    /// How many of the last blocks were looked at.
    pub window: usize,
    /// The time between two of them on average.
    pub mean_interval_ms: Option<f64>,
    /// The time between two of them that the chain aims at; the classics aim at none.
    #[serde(default)]
    pub wanted_interval_ms: Option<u64>,
    /// How many transactions one of them has on average, the reward included.
    pub mean_transactions: f64,
    /// How many guesses the last one took on average.
    pub difficulty: Option<f64>,
    /// How many guesses a second the whole network makes, as far as the blocks
    /// tell: the work behind them, by the time that it took.
    pub guesses_per_s: Option<f64>,
    /// The number of transactions that wait for a block.
    pub pending: usize,
    /// How many waited in the last hour, as long as this node has run, every
    /// ten seconds.
    pub pool: Vec<PoolSample>,
    /// Those blocks, the oldest first.
    pub series: Vec<BlockStats>,
}

/// One block among those that were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlockStats {
    /// Position in the chain; the genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
    /// When it was made, as it says.
    pub time_ms: Option<u64>,
    /// The time since the block before, as both say: below zero where clocks
    /// differed. None for the genesis block and the first of a shortened series.
    pub interval_ms: Option<i64>,
    /// The number of its transactions, the reward included.
    pub transaction_count: usize,
    /// The length of its canonical text.
    pub size_bytes: usize,
    /// How many guesses it takes on average to find one like it.
    pub difficulty: f64,
}

/// How many transactions waited at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolSample {
    /// In milliseconds since 1970.
    pub time_ms: u64,
    /// The number of those that waited.
    pub count: usize,
}

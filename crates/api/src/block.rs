//! Blocks without their transactions. How a block is read and hashed, the core
//! knows.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A block without its transactions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlockSummary {
    /// Position in its chain; the genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
    /// As it stands in the block: the hash of the one before.
    #[schema(value_type = serde_json::Value)]
    pub previous_hash: Box<RawValue>,
    /// As it stands in the block: seconds in the classics, milliseconds in
    /// sealed chains.
    #[schema(value_type = serde_json::Value)]
    pub timestamp: Option<Box<RawValue>>,
    /// The timestamp in milliseconds since 1970, if it is one.
    pub time_ms: Option<u64>,
    /// The proof of work.
    pub proof: u64,
    /// The greatest hash that the block might have had, in hex; the classics'
    /// target is the same for all blocks, and not of the block's hash.
    pub target: Option<String>,
    /// How many transactions it has, the reward included.
    pub transaction_count: usize,
    /// The length of its canonical text.
    pub size_bytes: usize,
    /// What it counts in the choice between branches, in decimal.
    pub weight: String,
    /// The same of all blocks up to this one.
    pub total_weight: String,
    /// Who was rewarded for it.
    pub reward_to: Option<String>,
    /// Whether it is in the main chain.
    pub on_main_chain: bool,
    /// The blocks of the main chain from this one on; 0 beside it.
    pub confirmations: u64,
    /// The hash of the main chain's next block.
    pub next_hash: Option<String>,
}

/// A page of blocks, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlockList {
    /// The blocks.
    pub blocks: Vec<BlockSummary>,
    /// The cursor of the next page, unless this is the last.
    pub next: Option<String>,
}

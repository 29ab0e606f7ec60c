//! What everybody may see of the node at any time without asking its driver:
//! a small picture, published after every change, once it is durable. How it is
//! shown is not known here.

use adit_core::hash::Hash;
use adit_core::rules::Weight;

/// The node as of its last durable change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// The number of blocks in the main chain.
    pub length: u64,
    /// The hash of the last one.
    pub tip: Option<Hash>,
    /// When that one says it was made, in milliseconds since 1970.
    pub tip_time_ms: Option<u64>,
    /// The sum of their weights.
    pub total_weight: Weight,
    /// How many transactions wait for a block.
    pub pending_count: usize,
    /// How long those are together.
    pub pending_bytes: usize,
    /// The registered peers, sorted.
    pub peers: Vec<String>,
}

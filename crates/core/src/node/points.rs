//! What a chain to develop on can go back to, and when it makes blocks.

use std::time::Duration;

use crate::mempool::Mempool;
use crate::reorganisation::BlockPlace;

/// Where a chain was at one moment, and what waited then.
#[derive(Debug, Clone)]
pub struct ChainPoint {
    /// The last block.
    pub tip: BlockPlace,
    pub(super) mempool: Mempool,
}

impl ChainPoint {
    /// How many transactions wait.
    pub fn pending_count(&self) -> usize {
        self.mempool.len()
    }

    /// The total length of those.
    pub fn pending_bytes(&self) -> usize {
        self.mempool.bytes()
    }
}

/// When blocks are made without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockMaking {
    /// At once for each transaction.
    ForEachTransaction,
    /// Each time this has passed.
    Every(Duration),
    /// Never.
    OnRequest,
}

//! Blocks that were refused after expensive checks, so that no block costs us
//! those twice. What is remembered is a property of the hash: such a block had
//! its work and its place, and its hash covers its transactions. A text that
//! does not fit its header never gets here, and says nothing against the hash.
//!
//! 1. Each hash in the order has an error, and each error a hash in the order.
//! 2. There are at most [`INVALID_BLOCKS_LIMIT`].

use std::collections::{BTreeMap, VecDeque};

use crate::block::BlockError;
use crate::hash::Hash;

/// This many invalid blocks are remembered, the last ones.
pub const INVALID_BLOCKS_LIMIT: usize = 1_024;

/// The invalid blocks that came last.
#[derive(Debug, Default)]
pub(crate) struct InvalidBlocks {
    errors: BTreeMap<Hash, BlockError>,
    /// The oldest first.
    order: VecDeque<Hash>,
}

impl InvalidBlocks {
    /// What the block is refused for, if that is known.
    pub(crate) fn get(&self, hash: &Hash) -> Option<&BlockError> {
        self.errors.get(hash)
    }

    /// Remembers a block, and forgets the oldest where there are too many.
    pub(crate) fn remember(&mut self, hash: Hash, error: BlockError) {
        if self.errors.insert(hash, error).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > INVALID_BLOCKS_LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.errors.remove(&oldest);
        }
        assert_eq!(self.order.len(), self.errors.len(), "invariant 1");
        assert!(self.order.len() <= INVALID_BLOCKS_LIMIT, "invariant 2");
    }
}

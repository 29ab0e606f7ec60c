//! Blocks that were refused after expensive checks, so that no block costs us
//! those twice. What is remembered is a property of the hash: such a block had
//! its work and its place, and its hash covers its transactions. A text that
//! does not fit its header never gets here, and says nothing against the hash.

use crate::block::BlockError;
use crate::hash::Hash;
use crate::recent::Recent;

/// This many invalid blocks are remembered, the last ones.
pub const INVALID_BLOCKS_LIMIT: usize = 1_024;

/// The invalid blocks that came last.
#[derive(Debug)]
pub(crate) struct InvalidBlocks(Recent<Hash, BlockError>);

impl Default for InvalidBlocks {
    fn default() -> InvalidBlocks {
        InvalidBlocks(Recent::new(INVALID_BLOCKS_LIMIT))
    }
}

impl InvalidBlocks {
    /// What the block is refused for, if that is known.
    pub(crate) fn get(&self, hash: &Hash) -> Option<&BlockError> {
        self.0.get(hash)
    }

    /// Remembers a block, and forgets the oldest where there are too many.
    pub(crate) fn remember(&mut self, hash: Hash, error: BlockError) {
        self.0.insert(hash, error);
    }
}

//! Verified blocks that may come to be adopted, until that is decided: in
//! memory as they are, and beyond a bound on disk. It does not decide.

use std::sync::Arc;

use adit_core::block::{Block, BlockError};
use adit_core::rules::Rules;
use adit_store::{Staging, StoreError};

use crate::budget::Share;

/// A branch is held in memory up to this length.
const BRANCH_MEMORY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// All branches together are held in memory up to this length.
pub(crate) const BRANCHES_MEMORY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// A queue of blocks, first in, first out.
pub(crate) struct Branch {
    rules: Arc<dyn Rules>,
    in_memory: Vec<Arc<Block>>,
    memory: Share,
    on_disk: Staging,
}

/// Why staged blocks could not be read again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BranchError {
    #[error("cannot read a staged block: {0}")]
    File(#[from] std::io::Error),
    #[error("a staged block has changed: {0}")]
    Block(#[from] BlockError),
}

impl Branch {
    /// An empty one that puts into `on_disk` what is too long for memory.
    pub(crate) fn new(rules: Arc<dyn Rules>, on_disk: Staging, memory: Share) -> Branch {
        Branch {
            rules,
            in_memory: Vec::new(),
            memory,
            on_disk,
        }
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, block: Arc<Block>) -> Result<(), StoreError> {
        let bytes = block.text().len();
        let fits = self.memory.bytes() + bytes <= BRANCH_MEMORY_LIMIT_BYTES;
        if self.on_disk.count() == 0 && fits && self.memory.take(bytes) {
            self.in_memory.push(block);
            return Ok(());
        }
        self.on_disk.push(block.text())
    }

    /// Takes the blocks out again.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = Result<Arc<Block>, BranchError>> {
        let rules = self.rules;
        let texts = self.on_disk.into_texts();
        let on_disk = texts.map(move |text| Ok(Arc::new(rules.read_canonical(text?)?)));
        self.in_memory.into_iter().map(Ok).chain(on_disk)
    }
}

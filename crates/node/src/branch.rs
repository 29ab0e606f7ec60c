//! Verified blocks that may come to be adopted, until that is decided: in
//! memory as they are, and beyond a bound on disk. It does not decide.

use std::path::Path;
use std::sync::Arc;

use adit_core::block::{Block, BlockError};
use adit_core::rules::Rules;
use adit_store::{Staging, StoreError};

/// The blocks of a branch are held in memory up to this length together.
const MEMORY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// A queue of blocks, first in, first out.
pub(crate) struct Branch {
    rules: Arc<dyn Rules>,
    first: Vec<Arc<Block>>,
    first_bytes: usize,
    rest: Staging,
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
    /// An empty one that writes to that data folder what is too long for
    /// memory.
    pub(crate) fn new(rules: Arc<dyn Rules>, data_folder: &Path) -> Branch {
        Branch {
            rules,
            first: Vec::new(),
            first_bytes: 0,
            rest: Staging::new(data_folder),
        }
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, block: Arc<Block>) -> Result<(), StoreError> {
        let bytes = self.first_bytes + block.text().len();
        if self.rest.count() == 0 && bytes <= MEMORY_LIMIT_BYTES {
            self.first_bytes = bytes;
            self.first.push(block);
            return Ok(());
        }
        self.rest.push(block.text())
    }

    /// Takes the blocks out again.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = Result<Arc<Block>, BranchError>> {
        let rules = self.rules;
        let rest = self.rest.into_texts();
        let rest = rest.map(move |text| Ok(Arc::new(rules.read_canonical(text?)?)));
        self.first.into_iter().map(Ok).chain(rest)
    }
}

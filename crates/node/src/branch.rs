//! Verified blocks that may come to be adopted, until that is decided: in
//! memory as they are, and beyond a bound on disk. It does not decide.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adit_core::block::{Block, BlockError};
use adit_core::rules::Rules;
use adit_store::{Staging, StoreError};

/// A branch is held in memory up to this length.
const BRANCH_MEMORY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// All branches together are held in memory up to this length.
const BRANCHES_MEMORY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// A queue of blocks, first in, first out.
pub(crate) struct Branch {
    rules: Arc<dyn Rules>,
    in_memory: Vec<Arc<Block>>,
    memory: Memory,
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
    /// An empty one that writes to that data folder what is too long for
    /// memory. `all_bytes` counts what all branches hold together.
    pub(crate) fn new(
        rules: Arc<dyn Rules>,
        data_folder: &Path,
        all_bytes: Arc<AtomicUsize>,
    ) -> Branch {
        Branch {
            rules,
            in_memory: Vec::new(),
            memory: Memory {
                bytes: 0,
                all_bytes,
            },
            on_disk: Staging::new(data_folder),
        }
    }

    /// Appends a block.
    pub(crate) fn push(&mut self, block: Arc<Block>) -> Result<(), StoreError> {
        if self.on_disk.count() == 0 && self.memory.take(block.text().len()) {
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

/// One branch's part of what all of them may hold.
struct Memory {
    bytes: usize,
    all_bytes: Arc<AtomicUsize>,
}

impl Memory {
    /// Whether so much more may be held; if so, it counts.
    fn take(&mut self, bytes: usize) -> bool {
        if self.bytes + bytes > BRANCH_MEMORY_LIMIT_BYTES {
            return false;
        }
        let all_before = self.all_bytes.fetch_add(bytes, Ordering::Relaxed);
        if all_before + bytes > BRANCHES_MEMORY_LIMIT_BYTES {
            self.all_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.all_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

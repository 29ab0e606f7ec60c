//! What the chains that are being read may hold of blocks that are not whole yet:
//! large ones of many peers at a time would fill the memory. How a chain is read,
//! and what an error means for its peer, is not known here.

use std::sync::Arc;

use crate::memory::{MemoryBudget, Reservation};

/// What is not whole yet counts only where a chain holds more of it than this:
/// ordinary blocks are read whatever other peers send.
const FREE_READING_BYTES: usize = 1024 * 1024;

/// What all chains together may hold.
pub(crate) struct UnreadBudget(Arc<MemoryBudget>);

/// What one chain holds.
pub(crate) struct Unread(Reservation);

/// There is no room for more.
#[derive(Debug, thiserror::Error)]
#[error("too many large blocks are being read from other peers")]
pub(crate) struct TooManyLargeBlocks;

impl UnreadBudget {
    pub(crate) fn new(limit_bytes: usize) -> UnreadBudget {
        UnreadBudget(MemoryBudget::new(limit_bytes))
    }

    /// Returns what a chain holds of which nothing was read yet.
    pub(crate) fn of_chain(&self) -> Unread {
        Unread(Reservation::of(&self.0))
    }
}

impl Unread {
    /// The chain holds this much now, however much it was before.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), TooManyLargeBlocks> {
        self.0.clear();
        match bytes <= FREE_READING_BYTES || self.0.take(bytes) {
            true => Ok(()),
            false => Err(TooManyLargeBlocks),
        }
    }
}

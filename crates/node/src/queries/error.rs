//! Why a query has no answer. What HTTP makes of it is not known here.

use adit_core::archive::ArchiveError;
use adit_core::hash::Hash;
use adit_store::{DamagedBlock, HistoryError, StoreError};

use crate::handle::Stopping;
use crate::history::NoHistory;
use crate::repeated;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A part of it can't be read.
    #[error("{0}")]
    Malformed(String),
    /// There is nothing of that name.
    #[error("{0}")]
    NotFound(String),
    /// The chain's rules know no such thing.
    #[error("{0}")]
    NotHere(String),
    /// It may be asked again later.
    #[error("{0}")]
    Busy(String),
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// A block is not what was written to the disk. The store has said where.
    #[error("block {height} is not what was written to the disk")]
    DamagedBlock {
        /// Its place in the chain.
        height: u64,
        /// What is looked for there.
        hash: Hash,
    },
}

impl QueryError {
    /// Returns that a part of the query can't be read.
    pub fn malformed(detail: impl ToString) -> QueryError {
        QueryError::Malformed(detail.to_string())
    }

    /// Returns that a page's place is none that this node has given.
    pub fn wrong_cursor() -> QueryError {
        QueryError::malformed("the cursor is none that this node has given")
    }

    /// Returns that there is nothing of that name here.
    pub fn not_found(detail: impl ToString) -> QueryError {
        QueryError::NotFound(detail.to_string())
    }

    /// Returns that the chain's rules know no such thing.
    pub fn not_here(detail: impl ToString) -> QueryError {
        QueryError::NotHere(detail.to_string())
    }

    /// It may be asked again later.
    pub fn busy(detail: impl ToString) -> QueryError {
        QueryError::Busy(detail.to_string())
    }

    /// Returns that the disk failed under the node: nothing that the caller could
    /// mend.
    pub fn unreadable(error: impl std::error::Error + 'static) -> QueryError {
        match damaged_block(&error) {
            Some(block) => QueryError::DamagedBlock {
                height: block.height,
                hash: block.hash,
            },
            None => QueryError::busy(log_unreadable(&error)),
        }
    }
}

impl From<NoHistory> for QueryError {
    fn from(error: NoHistory) -> QueryError {
        QueryError::busy(error)
    }
}

/// Logs that the disk failed, and returns what the caller is told.
pub fn log_unreadable(error: &dyn std::error::Error) -> &'static str {
    if let Some(left_out) = repeated::turn("unreadable") {
        tracing::error!(%error, left_out, "the chain can't be read");
    }
    "the chain can't be read; the node's log says why"
}

/// Returns the damaged block behind an error, if that is it.
fn damaged_block<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a DamagedBlock> {
    if let Some(error) = error.downcast_ref::<ArchiveError>() {
        return StoreError::behind(error)?.damaged_block();
    }
    if let Some(error) = error.downcast_ref::<HistoryError>() {
        return error.damaged_block();
    }
    error.downcast_ref::<StoreError>()?.damaged_block()
}

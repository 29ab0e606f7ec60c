//! What can go wrong with the files, in words for the person who runs the node:
//! which file, what was expected, what was found, what to do.

use std::io;
use std::path::{Path, PathBuf};

use adit_core::archive::ArchiveError;
use adit_core::hash::Hash;

use crate::database::health::is_damage;
use crate::log::damaged_block::DamagedBlock;

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data folder open.
    #[error(
        "the data folder {folder} is in use by {holder}; \
         stop that process, or choose another folder with --data-dir"
    )]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// Who has it open, as far as its lock file says.
        holder: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// A file does not hold what was written to it.
    #[error("{file} is damaged at byte {offset}: {what}; {advice}")]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was expected and what was found.
        what: String,
        /// What to do.
        advice: String,
    },
    /// A block in the log is not what was written there.
    #[error(
        "{0}; start the node with --peer URL of one that has the block, and it is taken from \
         there, or put the file back from a backup"
    )]
    Damaged(Box<DamagedBlock>),
    /// The list of registered peers can't be read.
    #[error(
        "{path} is not a JSON list of strings: {source}; \
         mend it, or delete it and register the peers again"
    )]
    Peers {
        /// The file.
        path: PathBuf,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
    /// The index can't be read or written.
    #[error(
        "the index {path} failed: {source}; \
         if it fails again, rebuild it from the block log: {}",
        rebuild_command(.path)
    )]
    Index {
        /// The index's file.
        path: PathBuf,
        /// The database's words.
        source: Box<redb::Error>,
    },
    /// More blocks were offered than can be kept before they are accepted.
    #[error("the offered branch is longer than {limit_bytes} bytes")]
    StagingFull {
        /// The limit.
        limit_bytes: u64,
    },
    /// An earlier write failed. What the disk holds is no longer known, so
    /// nothing is written until the files are read again.
    #[error(
        "nothing more is stored since an earlier error ({cause}); \
         mend its cause and start the node again"
    )]
    Stopped {
        /// The earlier error.
        cause: String,
    },
    /// A change does not follow on what is stored: a mistake in the program.
    #[error("the change does not follow on what is stored: {what}")]
    OutOfOrder {
        /// What was expected and what was asked.
        what: String,
    },
}

/// Why the history could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database failed.
    #[error(
        "the history {path} failed: {source}; \
         it can be deleted while the node is stopped: it is rebuilt from the block log"
    )]
    Database {
        /// The history's file.
        path: PathBuf,
        /// The database's words.
        source: Box<redb::Error>,
    },
    /// A block could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file could not be deleted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive has lost a block.
    #[error("block {hash} is not stored, although others stand on it")]
    Missing {
        /// The block.
        hash: Hash,
    },
}

impl StoreError {
    /// Whether the index is not as it was written, so that it has to be
    /// rebuilt.
    pub fn is_damaged_index(&self) -> bool {
        matches!(self, StoreError::Index { source, .. } if is_damage(source))
    }

    /// The block of the log that is not as it was written, if that is the
    /// error.
    pub fn damaged_block(&self) -> Option<&DamagedBlock> {
        match self {
            StoreError::Damaged(block) => Some(block),
            _ => None,
        }
    }

    /// The store's error behind one of the core's.
    pub fn behind(error: &ArchiveError) -> Option<&StoreError> {
        error.0.downcast_ref()
    }

    /// For `map_err`: names the action and the file of an I/O error.
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> StoreError + use<> {
        let path = path.to_path_buf();
        move |source| StoreError::Io {
            action,
            path,
            source,
        }
    }
}

impl HistoryError {
    /// Whether the history is not as it was written, so that it has to be
    /// rebuilt.
    pub fn is_damage(&self) -> bool {
        matches!(self, HistoryError::Database { source, .. } if is_damage(source))
    }

    /// Whether a block of the log is not as it was written.
    pub fn is_damaged_block(&self) -> bool {
        self.damaged_block().is_some()
    }

    /// That block.
    pub fn damaged_block(&self) -> Option<&DamagedBlock> {
        match self {
            HistoryError::Archive(error) => StoreError::behind(error)?.damaged_block(),
            HistoryError::Store(error) => error.damaged_block(),
            _ => None,
        }
    }

    /// For `map_err`: names the history's file.
    pub(crate) fn database<E: Into<redb::Error>>(
        path: &Path,
    ) -> impl FnOnce(E) -> HistoryError + use<E> {
        let path = path.to_path_buf();
        move |source| HistoryError::Database {
            path,
            source: Box::new(source.into()),
        }
    }
}

/// What rebuilds the index of the data folder in which this file lies.
pub(crate) fn rebuild_command(file: &Path) -> String {
    let of_log = file.parent().filter(|folder| folder.ends_with("blocks"));
    let folder = of_log.unwrap_or(file).parent().unwrap_or(Path::new("."));
    format!("adit chain reindex --data-dir {}", folder.display())
}

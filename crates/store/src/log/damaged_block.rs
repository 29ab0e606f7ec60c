//! A block in the log that is not what was written there: which one, and where.
//! What to do about it is not known here.

use std::path::PathBuf;

use adit_core::hash::Hash;

/// A block in the log that is not what was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedBlock {
    /// The hash of the block that was written.
    pub hash: Hash,
    /// Its index.
    pub height: u64,
    /// The file that it lies in.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// How long it is, without the newline behind it.
    pub length_bytes: u32,
    pub(crate) sum: u32,
}

//! A block that a reorganisation dropped, and how much of such is read. What
//! becomes of its transactions is not known here.

use std::sync::Arc;

use crate::archive::Archive;
use crate::block::Block;
use crate::chain::ChainError;
use crate::hash::Hash;
use crate::rules::Rules;

/// Of the dropped ones, no more than are this long in total: what waits can be
/// no longer.
pub const DROPPED_READ_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Under rules with accounts, at most this many of the blocks that a
/// reorganisation drops are looked through, the newest: more would keep
/// everybody waiting.
pub(super) const UPDATE_BLOCKS_LIMIT: u64 = 65_536;

/// In a step, no further block is read once they are this long in total.
pub(super) const UPDATE_STEP_BYTES: usize = 4 * 1024 * 1024;

/// What dropped blocks held that does not wait again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// The number of transactions that may not wait here, or found no room.
    pub transactions: usize,
    /// The number of blocks that were not looked through.
    pub blocks: u64,
}

impl LeftOut {
    /// Whether everything waits again.
    pub fn is_nothing(&self) -> bool {
        *self == LeftOut::default()
    }
}

/// A block that the main chain has dropped.
pub(super) enum Dropped {
    Read(Arc<Block>),
    /// It is not what was written to the disk. No chain needs it: what stands in it
    /// does not wait again, and that is all.
    Unreadable,
    Unknown,
}

pub(super) fn read_dropped(
    rules: &dyn Rules,
    archive: &dyn Archive,
    hash: &Hash,
) -> Result<Dropped, ChainError> {
    match read(rules, archive, hash) {
        Ok(Some(block)) => Ok(Dropped::Read(block)),
        Ok(None) => Ok(Dropped::Unknown),
        Err(ChainError::Archive(_) | ChainError::Invalid(_)) => Ok(Dropped::Unreadable),
        Err(error) => Err(error),
    }
}

pub(super) fn read(
    rules: &dyn Rules,
    archive: &dyn Archive,
    hash: &Hash,
) -> Result<Option<Arc<Block>>, ChainError> {
    if let Some(block) = archive.block(hash)? {
        return Ok(Some(block));
    }
    let text = archive.text(hash)?;
    let block = text.map(|text| rules.read_canonical(text));
    Ok(block.transpose()?.map(Arc::new))
}

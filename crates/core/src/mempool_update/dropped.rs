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

/// Reads blocks that the main chain has dropped, and notes what of them does not
/// wait again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DroppedReader {
    /// The total length of those that were read.
    pub(super) read_bytes: usize,
    pub(super) left_out: LeftOut,
}

impl DroppedReader {
    /// A reader that has left out this many blocks already.
    pub(super) fn without(blocks: u64) -> DroppedReader {
        let left_out = LeftOut {
            transactions: 0,
            blocks,
        };
        DroppedReader {
            read_bytes: 0,
            left_out,
        }
    }

    /// Whether no further block is read.
    pub(super) fn is_full(&self) -> bool {
        self.read_bytes > DROPPED_READ_LIMIT_BYTES
    }

    /// A dropped block, if it is known, and read. One that is not what was
    /// written to the disk is left out, and that is all: no chain needs it.
    pub(super) fn read(
        &mut self,
        rules: &dyn Rules,
        archive: &dyn Archive,
        hash: &Hash,
    ) -> Result<Option<Arc<Block>>, ChainError> {
        let block = match self.is_full() {
            true => None,
            false => match read(rules, archive, hash) {
                Ok(None) => return Ok(None),
                Ok(block) => block,
                Err(ChainError::Archive(_) | ChainError::Invalid(_)) => None,
                Err(error) => return Err(error),
            },
        };
        match &block {
            Some(block) => self.read_bytes += block.text().len(),
            None => self.left_out.blocks += 1,
        }
        Ok(block)
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

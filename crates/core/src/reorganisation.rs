//! A reorganisation: another branch has come to be the main chain. Whether one
//! has, and where the branches part, is decided here, for everybody who tells of
//! it. When it is looked for, and who hears of it, is not known here.
//!
//! The rule: the block that was the tip is no longer in the main chain. What
//! counts are two tips, one that was shown and the one that is shown next. So a
//! branch makes one record, however many blocks it has; and of several branches
//! between these two tips, one after the other, nobody has seen any but the last:
//! they make one record too, or none if the old tip is in the main chain again.

use crate::archive::{Archive, ArchiveError};
use crate::hash::Hash;
use crate::rules::Weight;

/// A block, and where it stands in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// The block's height.
    pub height: u64,
    /// The block.
    pub hash: Hash,
}

/// The last block of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The block.
    pub block: BlockPlace,
    /// The sum of the weights from the genesis block to this one.
    pub total_weight: Weight,
}

/// The main chain went over to another branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reorganisation {
    /// When it was seen, in milliseconds since 1970.
    pub time_ms: u64,
    /// The last block of both branches; `None` if they share none.
    pub fork: Option<BlockPlace>,
    /// Where the main chain ended before,
    pub old_tip: Tip,
    /// and after.
    pub new_tip: Tip,
}

impl Reorganisation {
    /// Returns what there is to tell when the main chain ended in `old_tip` and
    /// then in `new_tip`: by the rule above, a reorganisation or nothing.
    pub fn between(
        old_tip: Tip,
        new_tip: Tip,
        time_ms: u64,
        archive: &dyn Archive,
    ) -> Result<Option<Reorganisation>, ArchiveError> {
        let fork = fork_between(old_tip.block, new_tip.block, archive)?;
        let is_left = fork != Some(old_tip.block);
        Ok(is_left.then_some(Reorganisation {
            time_ms,
            fork,
            old_tip,
            new_tip,
        }))
    }

    /// The fork's height; 0 if the branches share no block.
    pub fn fork_height(&self) -> u64 {
        height_of(self.fork)
    }

    /// How many blocks are no longer in the main chain.
    pub fn dropped_count(&self) -> u64 {
        self.old_tip.block.height.saturating_sub(self.fork_height())
    }

    /// How many blocks have taken their place.
    pub fn adopted_count(&self) -> u64 {
        self.new_tip.block.height.saturating_sub(self.fork_height())
    }
}

/// Returns the last block that is in the chains of both, or `None` if there is
/// none. Where one of them is in the archive's main chain, the archive knows it;
/// otherwise it is found from both of them down.
pub fn fork_between(
    one: BlockPlace,
    other: BlockPlace,
    archive: &dyn Archive,
) -> Result<Option<BlockPlace>, ArchiveError> {
    if archive.main_hash(other.height)? == Some(other.hash) {
        let fork = archive.fork(&one.hash)?.ok_or_else(|| missing(one))?;
        let height = fork.min(other.height);
        let hash = archive.main_hash(height)?;
        return Ok(hash.map(|hash| BlockPlace { height, hash }));
    }
    let (mut one, mut other) = (Some(one), Some(other));
    while one != other {
        if height_of(one) >= height_of(other) {
            one = parent(one, archive)?;
        } else {
            other = parent(other, archive)?;
        }
    }
    Ok(one)
}

fn height_of(block: Option<BlockPlace>) -> u64 {
    block.map_or(0, |block| block.height)
}

fn parent(
    block: Option<BlockPlace>,
    archive: &dyn Archive,
) -> Result<Option<BlockPlace>, ArchiveError> {
    let Some(block) = block else { return Ok(None) };
    let entry = archive.entry(&block.hash)?.ok_or_else(|| missing(block))?;
    Ok(entry.parent.map(|hash| BlockPlace {
        height: block.height.saturating_sub(1),
        hash,
    }))
}

#[derive(Debug, thiserror::Error)]
#[error("block {0} is not stored, although others stand on it")]
struct Missing(Hash);

fn missing(block: BlockPlace) -> ArchiveError {
    ArchiveError(Box::new(Missing(block.hash)))
}

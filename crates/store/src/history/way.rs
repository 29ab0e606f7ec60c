//! The way that the history goes from the tip that it covers to another one:
//! down to the last block that both share, and up again. What is done to each
//! block on the way is not known here.

use std::collections::VecDeque;

use adit_core::archive::{Archive, Entry};
use adit_core::hash::Hash;
use adit_core::reorganisation::{BlockPlace, Tip, fork_between};

use crate::error::HistoryError;

/// Of the blocks that the way drops, at most this many are named, the newest.
const DROPPED_NAMED_LIMIT: usize = 10_000;

/// The way from what is covered to a tip. However long it is, no more of it is
/// held than a step needs; the rest is looked up on the way.
pub(crate) struct Way {
    /// The last block that stays; `None` if all are dropped.
    pub(crate) fork: Option<BlockPlace>,
    /// The first block that is dropped, the old tip; the fork if none is.
    pub(crate) old_tip: Option<BlockPlace>,
    /// The first dropped ones, from the old tip down.
    pub(crate) newest_dropped: Vec<Hash>,
    pub(crate) adopted: Adopted,
}

/// The blocks behind the fork.
pub(crate) enum Adopted {
    /// Those of the archive's main chain, up to that index.
    Main { last: u64 },
    /// These, in the order of the chain, and maybe more.
    Branch(VecDeque<Hash>),
}

impl Way {
    /// How many blocks are dropped.
    pub(crate) fn dropped_count(&self) -> u64 {
        let height = |block: Option<BlockPlace>| block.map_or(0, |block| block.height);
        height(self.old_tip).saturating_sub(height(self.fork))
    }

    /// All blocks go: the chain is read from its first one.
    pub(crate) fn start_over(&mut self) {
        (self.fork, self.old_tip) = (None, None);
    }
}

impl Adopted {
    pub(crate) fn at(
        &self,
        fork: Option<BlockPlace>,
        height: u64,
        archive: &dyn Archive,
    ) -> Result<Option<Hash>, HistoryError> {
        match self {
            Adopted::Main { last } if height > *last => Ok(None),
            Adopted::Main { .. } => Ok(archive.main_hash(height)?),
            Adopted::Branch(hashes) => {
                let behind = height - fork.map_or(0, |fork| fork.height) - 1;
                let at = usize::try_from(behind).ok();
                Ok(at.and_then(|at| hashes.get(at).copied()))
            }
        }
    }
}

/// Finds the way. Where the new tip is not in the archive's main chain, no more
/// than the first `step` blocks of its branch are named.
pub(crate) fn way(
    covered: Option<Tip>,
    target: Tip,
    step: usize,
    archive: &dyn Archive,
) -> Result<Way, HistoryError> {
    let old_tip = covered.map(|covered| covered.block);
    let fork = match old_tip {
        None => None,
        Some(old_tip) => fork_between(old_tip, target.block, archive)?,
    };
    let mut newest_dropped = Vec::new();
    let mut old = old_tip;
    while newest_dropped.len() < DROPPED_NAMED_LIMIT
        && let Some(block) = old.filter(|_| old != fork)
    {
        newest_dropped.push(block.hash);
        old = parent(block, archive)?;
    }
    let last = target.block.height;
    let adopted = match archive.main_hash(last)? == Some(target.block.hash) {
        true => Adopted::Main { last },
        false => Adopted::Branch(branch_behind(fork, target.block, step, archive)?),
    };
    Ok(Way {
        fork,
        old_tip,
        newest_dropped,
        adopted,
    })
}

/// Returns the first `step` blocks behind `fork` on the way up to `tip`.
fn branch_behind(
    fork: Option<BlockPlace>,
    tip: BlockPlace,
    step: usize,
    archive: &dyn Archive,
) -> Result<VecDeque<Hash>, HistoryError> {
    let mut branch = VecDeque::new();
    let mut next = Some(tip);
    while let Some(block) = next.filter(|_| next != fork) {
        branch.push_front(block.hash);
        branch.truncate(step);
        next = parent(block, archive)?;
    }
    Ok(branch)
}

/// Whether the main chain ends in `target`, and does not go over what is
/// covered.
pub(crate) fn is_left_for(
    covered: Tip,
    target: Tip,
    archive: &dyn Archive,
) -> Result<bool, HistoryError> {
    let is_main = |block: BlockPlace| -> Result<bool, HistoryError> {
        Ok(archive.main_hash(block.height)? == Some(block.hash))
    };
    let is_last = archive.main_hash(target.block.height + 1)?.is_none();
    Ok(is_last && is_main(target.block)? && !is_main(covered.block)?)
}

/// The block before this one.
pub(crate) fn parent(
    block: BlockPlace,
    archive: &dyn Archive,
) -> Result<Option<BlockPlace>, HistoryError> {
    let missing = || HistoryError::Missing { hash: block.hash };
    let entry = archive.entry(&block.hash)?.ok_or_else(missing)?;
    Ok(entry.parent.map(|hash| BlockPlace {
        height: block.height.saturating_sub(1),
        hash,
    }))
}

pub(crate) fn tip_of(hash: Hash, entry: Entry) -> Tip {
    Tip {
        block: BlockPlace {
            height: entry.height,
            hash,
        },
        total_weight: entry.total_weight,
    }
}

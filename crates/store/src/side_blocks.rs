//! The blocks beside the main chain, as many as fit in memory: the ends of the
//! branches that lost, or have not won yet. Blocks are forgotten when they
//! become part of the main chain, and the lightest when there are too many.
//! Which chain is the main one, the core decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use adit_core::archive::{Archive, ArchiveError, Entry};
use adit_core::hash::Hash;
use adit_core::reorganisation::{BlockPlace, Tip};
use adit_core::rules::Weight;

use crate::error::StoreError;
use crate::reader::Snapshot;

/// This many blocks beside the main chain are remembered.
pub const SIDE_BLOCKS_REMEMBERED_LIMIT: usize = 10_000;

/// The end of a branch beside the main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchTip {
    /// Its last block.
    pub tip: Tip,
    /// Where it leaves the main chain; `None` if they share no block.
    pub fork: Option<BlockPlace>,
}

impl BranchTip {
    /// How many blocks it has of its own.
    pub fn branch_length(&self) -> u64 {
        self.tip.block.height - self.fork.map_or(0, |fork| fork.height)
    }
}

/// The blocks beside the main chain.
#[derive(Debug)]
pub struct SideBlocks {
    blocks: BTreeMap<Hash, Entry>,
    /// The lightest first.
    by_weight: BTreeSet<(Weight, Hash)>,
    /// Where the branches of the last tips leave the main chain.
    forks: HashMap<Hash, Option<BlockPlace>>,
    /// The tip that the main chain has left since they were asked for.
    left: Option<Hash>,
    limit: usize,
}

impl SideBlocks {
    /// Knows none, and will know at most `limit`.
    pub fn new(limit: usize) -> SideBlocks {
        SideBlocks {
            blocks: BTreeMap::new(),
            by_weight: BTreeSet::new(),
            forks: HashMap::new(),
            left: None,
            limit,
        }
    }

    /// Looks through all stored blocks.
    pub fn read(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        snapshot.side_blocks(|hash, entry| self.insert(hash, entry))
    }

    /// Takes in a block that may be beside the main chain.
    pub fn add(&mut self, hash: Hash, archive: &dyn Archive) -> Result<(), ArchiveError> {
        if let Some(entry) = archive.entry(&hash)?
            && archive.main_hash(entry.height)? != Some(hash)
        {
            self.insert(hash, entry);
        }
        Ok(())
    }

    /// Forgets the blocks that are in the main chain now, and those that are no
    /// longer stored.
    pub fn main_chain_has_changed(&mut self, archive: &dyn Archive) -> Result<(), ArchiveError> {
        let mut gone = Vec::new();
        for (hash, entry) in &self.blocks {
            let is_main = archive.main_hash(entry.height)? == Some(*hash);
            if is_main || archive.entry(hash)?.is_none() {
                gone.push(*hash);
            }
        }
        if !gone.is_empty() {
            let left = self.left;
            self.forks.retain(|tip, _| Some(*tip) == left);
        }
        for hash in gone {
            if let Some(entry) = self.blocks.remove(&hash) {
                self.by_weight.remove(&(entry.total_weight, hash));
            }
        }
        Ok(())
    }

    /// The main chain has left a branch: the known ones may leave it elsewhere
    /// now, and the one that was left ends in `tip`, and leaves it at `fork`.
    pub fn main_chain_has_left(&mut self, tip: Hash, fork: Option<BlockPlace>) {
        self.forks.clear();
        self.forks.insert(tip, fork);
        self.left = Some(tip);
    }

    /// The ends of the branches, at most `limit`, the heaviest first.
    pub fn tips(
        &mut self,
        limit: usize,
        archive: &dyn Archive,
    ) -> Result<Vec<BranchTip>, ArchiveError> {
        let blocks = self.blocks.values();
        let parents: BTreeSet<Hash> = blocks.filter_map(|entry| entry.parent).collect();
        let heaviest_first = self.by_weight.iter().rev();
        let leaves = heaviest_first.filter(|(_, hash)| !parents.contains(hash));
        let mut tips = Vec::new();
        for (total_weight, hash) in leaves.take(limit) {
            let height = self.blocks[hash].height;
            let tip = Tip {
                block: BlockPlace {
                    height,
                    hash: *hash,
                },
                total_weight: *total_weight,
            };
            let fork = match self.forks.get(hash) {
                Some(fork) => *fork,
                None => fork_below(hash, archive)?,
            };
            tips.push(BranchTip { tip, fork });
        }
        let forks = tips.iter().map(|one| (one.tip.block.hash, one.fork));
        self.forks = forks.collect();
        self.left = None;
        Ok(tips)
    }

    fn insert(&mut self, hash: Hash, entry: Entry) {
        self.blocks.insert(hash, entry);
        self.by_weight.insert((entry.total_weight, hash));
        if self.blocks.len() > self.limit
            && let Some((_, lightest)) = self.by_weight.pop_first()
        {
            self.blocks.remove(&lightest);
        }
    }
}

/// Where the branch of a block leaves the main chain.
fn fork_below(hash: &Hash, archive: &dyn Archive) -> Result<Option<BlockPlace>, ArchiveError> {
    let Some(height @ 1..) = archive.fork(hash)? else {
        return Ok(None);
    };
    let hash = archive.main_hash(height)?;
    Ok(hash.map(|hash| BlockPlace { height, hash }))
}

//! What the index does not know yet: the blocks applied since it was last
//! written, and what they did to the main chain. Reads look here first.

use std::collections::HashMap;

use adit_core::archive::Entry;
use adit_core::hash::Hash;

use crate::growing::Growing;
use crate::record::{BlockRecord, MainRecord};

/// The newest changes, in memory.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    blocks: HashMap<Hash, BlockRecord>,
    /// So many blocks of the index's main chain still stand,
    kept_length: u64,
    /// and these stand on them.
    main: Vec<MainRecord>,
    /// The branch that grows beside them.
    growing: Growing,
}

/// Where to look for a block of the main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MainLookup {
    /// Here it is.
    Here(MainRecord),
    /// The index knows.
    Index,
    /// The main chain has no such block.
    Nowhere,
}

impl Overlay {
    /// Nothing has changed since the index was written, whose main chain was
    /// so long, and whose branch beside it ended so.
    pub(crate) fn on(main_length: u64, branch_last: Option<Hash>) -> Overlay {
        Overlay {
            kept_length: main_length,
            growing: Growing::on(branch_last),
            ..Overlay::default()
        }
    }

    /// How much it holds.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len().max(self.main.len())
    }

    /// The length of the main chain.
    pub(crate) fn main_length(&self) -> u64 {
        self.kept_length + self.main.len() as u64
    }

    /// So many blocks of the index's main chain still stand.
    pub(crate) fn kept_length(&self) -> u64 {
        self.kept_length
    }

    /// The blocks that stand on them.
    pub(crate) fn main(&self) -> &[MainRecord] {
        &self.main
    }

    /// The new blocks, sorted by hash.
    pub(crate) fn sorted_blocks(&self) -> Vec<(Hash, BlockRecord)> {
        let blocks = self.blocks.iter();
        let mut blocks: Vec<_> = blocks.map(|(hash, record)| (*hash, *record)).collect();
        blocks.sort_unstable_by_key(|(hash, _)| *hash);
        blocks
    }

    /// A new block.
    pub(crate) fn block(&self, hash: &Hash) -> Option<BlockRecord> {
        self.blocks.get(hash).copied()
    }

    /// The main chain's block at that index.
    pub(crate) fn main_at(&self, index: u64) -> MainLookup {
        let Some(above) = index.checked_sub(self.kept_length + 1) else {
            return MainLookup::Index;
        };
        let record = usize::try_from(above).ok().and_then(|at| self.main.get(at));
        record.map_or(MainLookup::Nowhere, |record| MainLookup::Here(*record))
    }

    /// Takes in a block.
    pub(crate) fn add(&mut self, hash: Hash, record: BlockRecord) {
        self.blocks.insert(hash, record);
    }

    /// The block that was taken in stands beside the main chain.
    pub(crate) fn grow(&mut self, entry: Entry, record: MainRecord) {
        self.growing.add(entry, record);
    }

    /// The branch that grows there.
    pub(crate) fn growing(&self) -> &Growing {
        &self.growing
    }

    /// The main chain is now its first `fork` blocks and this branch.
    pub(crate) fn switch(&mut self, fork: u64, branch: &[MainRecord]) {
        match usize::try_from(fork.saturating_sub(self.kept_length)) {
            Ok(above) if fork >= self.kept_length => self.main.truncate(above),
            _ => {
                self.main.clear();
                self.kept_length = fork;
            }
        }
        self.main.extend_from_slice(branch);
    }
}

//! The branch beside the main chain that grew last, in the order of the chain: the
//! end of it that the index does not know yet. It decides only which blocks are
//! ancestors of one another. So a long branch that wins becomes the main chain
//! from its first block to its last, and nobody asks each block for its parent.

use adit_core::archive::Entry;
use adit_core::hash::Hash;

use crate::record::MainRecord;

/// Blocks beside the main chain, each the parent of the next.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    /// The last block of the branch in the index, if these stand on it.
    kept: Option<Hash>,
    /// Whether the index is to forget the branch that it has.
    is_another: bool,
    first_index: u64,
    records: Vec<MainRecord>,
}

impl Growing {
    /// Nothing has come since the index was written, whose branch ends so.
    pub(crate) fn on(last: Option<Hash>) -> Growing {
        Growing {
            kept: last,
            ..Growing::default()
        }
    }

    /// Takes in a block beside the main chain. One that does not stand on the
    /// last one begins another branch.
    pub(crate) fn add(&mut self, entry: Entry, record: MainRecord) {
        let last = self.records.last().map(|last| last.hash).or(self.kept);
        if last.is_none() || entry.parent != last {
            (self.kept, self.is_another) = (None, true);
            self.records.clear();
        }
        if self.records.is_empty() {
            self.first_index = entry.index;
        }
        self.records.push(record);
    }

    /// Whether the branch in the index is another one.
    pub(crate) fn is_another(&self) -> bool {
        self.is_another
    }

    /// The index of the first of the blocks.
    pub(crate) fn first_index(&self) -> u64 {
        self.first_index
    }

    /// The blocks that the index does not know.
    pub(crate) fn records(&self) -> &[MainRecord] {
        &self.records
    }
}

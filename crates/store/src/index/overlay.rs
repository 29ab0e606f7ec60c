//! What the index does not know yet: the blocks applied since it was last
//! written, the lines that they are in, and what they did to the main chain.
//! Reads look here first.

use std::collections::{BTreeMap, HashMap};

use adit_core::hash::Hash;

use crate::index::record::{BlockRecord, HASH_KEY_BYTES, Line, Row};

/// The newest changes, in memory.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    blocks: HashMap<Hash, BlockRecord>,
    /// The lines that have grown, by their numbers.
    lines: BTreeMap<u32, Grown>,
    /// The number of the next new line.
    next_line: u32,
    main_length: u64,
    /// This many blocks of the index's main chain still hold,
    kept_length: u64,
    /// and the main chain goes on along these.
    stretches: Vec<Stretch>,
}

/// A part of the main chain that lies in one line. It ends where the next one
/// begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The index of its first block.
    pub(crate) first: u64,
    /// The number of the line.
    pub(crate) line: u32,
}

/// A line that has grown.
#[derive(Debug)]
pub(crate) struct Grown {
    pub(crate) line: Line,
    /// Its last blocks.
    pub(crate) rows: Vec<Row>,
}

impl Grown {
    /// The index of the first of the new blocks.
    pub(crate) fn first_new(&self) -> u64 {
        (self.line.last + 1).saturating_sub(self.rows.len() as u64)
    }
}

impl Overlay {
    /// Nothing has changed since the index was written.
    pub(crate) fn on(main_length: u64, next_line: u32) -> Overlay {
        Overlay {
            main_length,
            kept_length: main_length,
            next_line,
            ..Overlay::default()
        }
    }

    /// How many blocks it holds.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The length of the main chain.
    pub(crate) fn main_length(&self) -> u64 {
        self.main_length
    }

    /// How many blocks of the index's main chain still hold.
    pub(crate) fn kept_length(&self) -> u64 {
        self.kept_length
    }

    /// Along which lines the main chain goes behind them, where that is not the
    /// line that it was in.
    pub(crate) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The number of the next new line.
    pub(crate) fn next_line(&self) -> u32 {
        self.next_line
    }

    /// The lines that have grown, by their numbers.
    pub(crate) fn grown(&self) -> impl Iterator<Item = (u32, &Grown)> {
        self.lines.iter().map(|(number, grown)| (*number, grown))
    }

    /// The keys by which the new blocks are found, sorted.
    pub(crate) fn sorted_hash_keys(&self) -> Vec<[u8; HASH_KEY_BYTES]> {
        let blocks = self.blocks.iter();
        let mut keys: Vec<_> = blocks
            .map(|(hash, record)| record.key().hash_key(hash))
            .collect();
        keys.sort_unstable();
        keys
    }

    /// A new block.
    pub(crate) fn block(&self, hash: &Hash) -> Option<BlockRecord> {
        self.blocks.get(hash).copied()
    }

    /// A line that has grown.
    pub(crate) fn line(&self, number: u32) -> Option<Line> {
        self.lines.get(&number).map(|grown| grown.line)
    }

    /// A new block, by its place.
    pub(crate) fn row(&self, line: u32, height: u64) -> Option<Row> {
        let grown = self.lines.get(&line)?;
        let at = usize::try_from(height.checked_sub(grown.first_new())?).ok()?;
        grown.rows.get(at).copied()
    }

    /// The line in which the main chain's block at that index is, if it is not
    /// the one in which the index has it.
    pub(crate) fn line_at(&self, height: u64) -> Option<u32> {
        let stretches = self.stretches.iter().rev();
        let mut below = stretches.skip_while(|stretch| stretch.first > height);
        below.next().map(|stretch| stretch.line)
    }

    /// Takes in a block, and how its line is with it.
    pub(crate) fn add(&mut self, hash: Hash, record: BlockRecord, line: Line, chain_bytes: u64) {
        let grown = self.lines.entry(record.line).or_insert(Grown {
            line,
            rows: Vec::new(),
        });
        grown.line = line;
        grown.rows.push(Row::of(hash, &record, chain_bytes));
        self.next_line = self.next_line.max(record.line.saturating_add(1));
        self.blocks.insert(hash, record);
    }

    /// The main chain is now its first `fork` blocks, and goes on along these
    /// stretches to the block at `length`.
    pub(crate) fn switch(&mut self, fork: u64, stretches: &[Stretch], length: u64) {
        self.kept_length = self.kept_length.min(fork);
        self.stretches.retain(|stretch| stretch.first <= fork);
        self.stretches.extend_from_slice(stretches);
        self.main_length = length;
    }
}

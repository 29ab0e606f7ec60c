//! Reading the index: one consistent view of it, for as long as it is held.
//! What was not written yet is not seen here.

use std::ops::RangeInclusive;

use adit_core::archive::Entry;
use adit_core::hash::Hash;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use crate::database::META;
use crate::database::health::Health;
use crate::index::account_view::AccountView;
use crate::index::overlay::{Overlay, Stretch};
use crate::index::record::{
    BlockRecord, HASH_KEY_BYTES, LINE_BYTES, Line, MainRecord, Row, RowKey,
};
use crate::index::tables::{
    COVERED_OFFSET, COVERED_SEGMENT, HASHES, LINES, MAIN, MAIN_CHAIN_LENGTH, ROWS,
};
use crate::log::position::Position;

type MainTable = ReadOnlyTable<u64, u32>;
type RowTable = ReadOnlyTable<(u32, u64), &'static [u8]>;
type LineTable = ReadOnlyTable<u32, &'static [u8; LINE_BYTES]>;
type HashTable = ReadOnlyTable<&'static [u8; HASH_KEY_BYTES], ()>;

/// The index as it was at one moment.
pub(crate) struct IndexView {
    main: MainTable,
    rows: RowTable,
    lines: LineTable,
    hashes: HashTable,
    accounts: AccountView,
    covered: Position,
    length: u64,
    /// The last part of the main chain: most of what is asked for is there.
    last_stretch: Option<Stretch>,
    next_line: u32,
    health: Health,
}

impl IndexView {
    /// The newest view.
    pub(crate) fn open(database: &Database, health: &Health) -> Result<IndexView, redb::Error> {
        health.guard(|| IndexView::open_unguarded(database, health))
    }

    fn open_unguarded(database: &Database, health: &Health) -> Result<IndexView, redb::Error> {
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let value = |key| -> Result<u64, redb::Error> {
            Ok(ReadableTable::get(&meta, key)?.map_or(0, |value| value.value()))
        };
        let covered = Position {
            segment: u32::try_from(value(COVERED_SEGMENT)?).unwrap_or(u32::MAX),
            offset: value(COVERED_OFFSET)?,
        };
        let main = transaction.open_table(MAIN)?;
        let last_stretch = main.last()?.map(|(first, line)| Stretch {
            first: first.value(),
            line: line.value(),
        });
        let lines = transaction.open_table(LINES)?;
        let last_line = lines.last()?.map(|(number, _)| number.value());
        let next_line = last_line.map_or(0, |last| last.saturating_add(1));
        Ok(IndexView {
            last_stretch,
            next_line,
            main,
            rows: transaction.open_table(ROWS)?,
            lines,
            hashes: transaction.open_table(HASHES)?,
            accounts: AccountView::open(&transaction, health)?,
            covered,
            length: value(MAIN_CHAIN_LENGTH)?,
            health: health.clone(),
        })
    }

    /// How far of the block log the index covers.
    pub(crate) fn covered(&self) -> Position {
        self.covered
    }

    /// The length of the main chain.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The total length of the texts of the main chain's blocks.
    pub(crate) fn main_bytes(&self) -> Result<u64, redb::Error> {
        self.health.guard(|| match self.last_stretch {
            Some(last) => Ok(self.row_unguarded(last.line, self.length)?.chain_bytes),
            None => Ok(0),
        })
    }

    /// The accounts, as each block left them.
    pub(crate) fn accounts(&self) -> &AccountView {
        &self.accounts
    }

    /// Nothing on top of what it shows.
    pub(crate) fn overlay(&self) -> Overlay {
        Overlay::on(self.length, self.next_line)
    }

    /// A block, on the main chain or beside it.
    pub(crate) fn block(&self, hash: &Hash) -> Result<Option<BlockRecord>, redb::Error> {
        self.health.guard(|| self.block_unguarded(hash))
    }

    fn block_unguarded(&self, hash: &Hash) -> Result<Option<BlockRecord>, redb::Error> {
        let [first, last] = RowKey::hash_keys(hash);
        for item in ReadableTable::range::<&[u8; HASH_KEY_BYTES]>(&self.hashes, &first..=&last)? {
            let key = RowKey::in_hash_key(item?.0.value());
            let (row, parent) = self.row_and_parent(key)?;
            if row.main.hash == *hash {
                return Ok(Some(row.block(key, parent)));
            }
        }
        Ok(None)
    }

    /// The hashes of blocks between these two, on the main chain or beside it: at most
    /// this many, about in order.
    pub(crate) fn hashes_between(
        &self,
        first: &Hash,
        last: &Hash,
        limit: usize,
    ) -> Result<Vec<Hash>, redb::Error> {
        self.health.guard(|| {
            let ([from, _], [_, to]) = (RowKey::hash_keys(first), RowKey::hash_keys(last));
            let keys = ReadableTable::range::<&[u8; HASH_KEY_BYTES]>(&self.hashes, &from..=&to)?;
            let mut found = Vec::new();
            for item in keys.take(limit) {
                let key = RowKey::in_hash_key(item?.0.value());
                let hash = self.row_unguarded(key.line, key.height)?.main.hash;
                if (first..=last).contains(&&hash) {
                    found.push(hash);
                }
            }
            Ok(found)
        })
    }

    /// A block and its parent, if it has one. In most cases they stand beside each
    /// other, and are found together.
    fn row_and_parent(&self, key: RowKey) -> Result<(Row, Option<Hash>), redb::Error> {
        let RowKey { line, height } = key;
        let before = (line, height.saturating_sub(1));
        let (mut row, mut parent) = (None, None);
        for item in ReadableTable::range(&self.rows, before..=(line, height))? {
            let (key, value) = item?;
            let found = Row::from_bytes(value.value());
            if key.value().1 == height {
                row = Some(found);
                break;
            }
            parent = Some(found.main.hash);
        }
        let row = row.ok_or_else(|| missing(height))?;
        if parent.is_none()
            && let Some(line) = self.line_unguarded(line)?.parent
        {
            parent = Some(self.row_unguarded(line, before.1)?.main.hash);
        }
        Ok((row, parent))
    }

    /// Hands out the blocks beside the main chain, line by line.
    pub(crate) fn each_side_block(
        &self,
        mut each: impl FnMut(Hash, Entry),
    ) -> Result<(), redb::Error> {
        self.health.guard(|| {
            if self.rows.len()? <= self.length {
                return Ok(());
            }
            for item in ReadableTable::range::<u32>(&self.lines, ..)? {
                let (number, line) = item?;
                let (number, line) = (number.value(), Line::from_bytes(line.value()));
                let first = match self.stretch_at(line.first)? {
                    // The main chain goes along it, and may leave it.
                    Some(stretch) if stretch.line == number => self.stretch_end(line.first)? + 1,
                    _ => line.first,
                };
                self.each_row(number, first..=line.last, &mut each)?;
            }
            Ok(())
        })
    }

    fn each_row(
        &self,
        line: u32,
        indices: RangeInclusive<u64>,
        each: &mut impl FnMut(Hash, Entry),
    ) -> Result<(), redb::Error> {
        let (first, last) = (*indices.start(), *indices.end());
        if indices.is_empty() {
            return Ok(());
        }
        let (_, mut parent) = self.row_and_parent(RowKey {
            line,
            height: first,
        })?;
        for item in ReadableTable::range(&self.rows, (line, first)..=(line, last))? {
            let (key, row) = item?;
            let row = Row::from_bytes(row.value());
            each(row.main.hash, row.entry(key.value().1, parent));
            parent = Some(row.main.hash);
        }
        Ok(())
    }

    /// The main chain's block at that index.
    pub(crate) fn main_at(&self, height: u64) -> Result<Option<MainRecord>, redb::Error> {
        self.health.guard(|| {
            if height == 0 || height > self.length {
                return Ok(None);
            }
            match self.stretch_at(height)? {
                Some(Stretch { line, .. }) => Ok(Some(self.row_unguarded(line, height)?.main)),
                None => Err(missing(height)),
            }
        })
    }

    /// Hands out the main chain from that index on, as long as it is wanted.
    pub(crate) fn main_while(
        &self,
        height: u64,
        mut is_wanted: impl FnMut(MainRecord) -> bool,
    ) -> Result<(), redb::Error> {
        self.health.guard(|| {
            let mut height = height.max(1);
            while height <= self.length {
                let line = self
                    .stretch_at(height)?
                    .ok_or_else(|| missing(height))?
                    .line;
                let end = self.stretch_end(height)?;
                for item in ReadableTable::range(&self.rows, (line, height)..=(line, end))? {
                    let (key, row) = item?;
                    if key.value() != (line, height) {
                        return Err(missing(height));
                    }
                    if !is_wanted(Row::from_bytes(row.value()).main) {
                        return Ok(());
                    }
                    height += 1;
                }
                if height <= end {
                    return Err(missing(height));
                }
            }
            Ok(())
        })
    }

    /// The line in which the main chain's block at that index is, or would be
    /// if the last line went on; `None` if there is no such block.
    pub(crate) fn line_at(&self, height: u64) -> Result<Option<u32>, redb::Error> {
        self.health
            .guard(|| Ok(self.stretch_at(height)?.map(|stretch| stretch.line)))
    }

    /// The next stretch of the main chain behind that index.
    pub(crate) fn next_stretch(&self, height: u64) -> Result<Option<Stretch>, redb::Error> {
        self.health.guard(|| self.stretch_behind(height))
    }

    /// A line.
    pub(crate) fn line(&self, number: u32) -> Result<Line, redb::Error> {
        self.health.guard(|| self.line_unguarded(number))
    }

    fn line_unguarded(&self, number: u32) -> Result<Line, redb::Error> {
        let found = ReadableTable::get(&self.lines, number)?;
        let missing = || redb::Error::Corrupted(format!("line {number} is missing"));
        Ok(Line::from_bytes(found.ok_or_else(missing)?.value()))
    }

    /// A block by its place in a line.
    pub(crate) fn row(&self, line: u32, height: u64) -> Result<Row, redb::Error> {
        self.health.guard(|| self.row_unguarded(line, height))
    }

    fn row_unguarded(&self, line: u32, height: u64) -> Result<Row, redb::Error> {
        let found = ReadableTable::get(&self.rows, (line, height))?;
        Ok(Row::from_bytes(
            found.ok_or_else(|| missing(height))?.value(),
        ))
    }

    /// The index of the last block of the main chain in the same line as that one.
    fn stretch_end(&self, height: u64) -> Result<u64, redb::Error> {
        let next = self.stretch_behind(height)?;
        Ok(next.map_or(self.length, |next| next.first - 1))
    }

    fn stretch_at(&self, height: u64) -> Result<Option<Stretch>, redb::Error> {
        if let Some(last) = self.last_stretch.filter(|last| last.first <= height) {
            return Ok(Some(last));
        }
        let below = ReadableTable::range(&self.main, ..=height)?.next_back();
        Ok(below.transpose()?.map(|(first, line)| Stretch {
            first: first.value(),
            line: line.value(),
        }))
    }

    fn stretch_behind(&self, height: u64) -> Result<Option<Stretch>, redb::Error> {
        let behind = ReadableTable::range(&self.main, height + 1..)?.next();
        Ok(behind.transpose()?.map(|(first, line)| Stretch {
            first: first.value(),
            line: line.value(),
        }))
    }
}

/// The error when the index does not know a block that others stand on.
pub(crate) fn missing(height: u64) -> redb::Error {
    redb::Error::Corrupted(format!(
        "the block at index {height} is missing in its line"
    ))
}

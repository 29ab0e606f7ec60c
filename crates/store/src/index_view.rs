//! Reading the index: one consistent view of it, for as long as it is held.

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use crate::account_record::{ACCOUNT_BYTES, account_from_bytes, changes_from_bytes};
use crate::database::META;
use crate::health::Health;
use crate::index_tables::{
    ACCOUNTS, BLOCKS, CHANGES, COVERED_OFFSET, COVERED_SEGMENT, LINES, MAIN, MAIN_CHAIN_LENGTH,
    ROWS,
};
use crate::overlay::{Overlay, Stretch};
use crate::position::Position;
use crate::record::{BLOCK_BYTES, BlockRecord, LINE_BYTES, Line, MainRecord, ROW_BYTES, Row};

type MainTable = ReadOnlyTable<u64, u32>;
type RowTable = ReadOnlyTable<(u32, u64), &'static [u8; ROW_BYTES]>;
type LineTable = ReadOnlyTable<u32, &'static [u8; LINE_BYTES]>;
type AccountTable = ReadOnlyTable<&'static [u8; 32], &'static [u8; ACCOUNT_BYTES]>;
type ChangesTable = ReadOnlyTable<&'static [u8; 32], &'static [u8]>;
type BlockTable = ReadOnlyTable<&'static [u8; 32], &'static [u8; BLOCK_BYTES]>;

/// The index as it was at one moment.
pub(crate) struct View {
    main: MainTable,
    rows: RowTable,
    lines: LineTable,
    blocks: BlockTable,
    accounts: AccountTable,
    changes: ChangesTable,
    covered: Position,
    length: u64,
    /// The last part of the main chain: most of what is asked for is there.
    last_stretch: Option<Stretch>,
    next_line: u32,
    health: Health,
}

impl View {
    /// The newest view.
    pub(crate) fn open(database: &Database, health: &Health) -> Result<View, redb::Error> {
        health.guard(|| View::open_unguarded(database, health))
    }

    fn open_unguarded(database: &Database, health: &Health) -> Result<View, redb::Error> {
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
        Ok(View {
            last_stretch,
            next_line,
            main,
            rows: transaction.open_table(ROWS)?,
            lines,
            blocks: transaction.open_table(BLOCKS)?,
            accounts: transaction.open_table(ACCOUNTS)?,
            changes: transaction.open_table(CHANGES)?,
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

    /// How long the texts of the main chain's blocks are together.
    pub(crate) fn main_bytes(&self) -> Result<u64, redb::Error> {
        self.health.guard(|| match self.last_stretch {
            Some(last) => Ok(self.row_unguarded(last.line, self.length)?.chain_bytes),
            None => Ok(0),
        })
    }

    /// Nothing on top of what it shows.
    pub(crate) fn overlay(&self) -> Overlay {
        Overlay::on(self.length, self.next_line)
    }

    /// A block, on the main chain or beside it.
    pub(crate) fn block(&self, hash: &Hash) -> Result<Option<BlockRecord>, redb::Error> {
        self.health.guard(|| {
            let found = ReadableTable::get(&self.blocks, &hash.0)?;
            Ok(found.map(|bytes| BlockRecord::from_bytes(bytes.value())))
        })
    }

    /// Whether there are others than those of the main chain.
    pub(crate) fn has_side_blocks(&self) -> Result<bool, redb::Error> {
        self.health.guard(|| Ok(self.blocks.len()? > self.length))
    }

    /// Hands out all blocks, in the order of their hashes.
    pub(crate) fn each_block(
        &self,
        mut each: impl FnMut(Hash, BlockRecord) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        self.health.guard(|| {
            for item in ReadableTable::range::<&[u8; 32]>(&self.blocks, ..)? {
                let (hash, record) = item?;
                each(Hash(*hash.value()), BlockRecord::from_bytes(record.value()))?;
            }
            Ok(())
        })
    }

    /// An account at the tip of the main chain.
    pub(crate) fn account(&self, owner: &Address) -> Result<Account, redb::Error> {
        self.health.guard(|| {
            let found = ReadableTable::get(&self.accounts, &owner.0)?;
            let account = found.map(|bytes| account_from_bytes(bytes.value()));
            Ok(account.unwrap_or_default())
        })
    }

    /// Whether any block did something to the accounts.
    pub(crate) fn has_changes(&self) -> Result<bool, redb::Error> {
        Ok(!self.changes.is_empty()?)
    }

    /// What a block did to the accounts.
    pub(crate) fn changes(&self, hash: &Hash) -> Result<Vec<AccountChange>, redb::Error> {
        self.health.guard(|| {
            let found = ReadableTable::get(&self.changes, &hash.0)?;
            let changes = found.map(|bytes| changes_from_bytes(bytes.value()));
            Ok(changes.unwrap_or_default())
        })
    }

    /// The main chain's block at that index.
    pub(crate) fn main_at(&self, index: u64) -> Result<Option<MainRecord>, redb::Error> {
        self.health.guard(|| {
            if index == 0 || index > self.length {
                return Ok(None);
            }
            match self.stretch_at(index)? {
                Some(Stretch { line, .. }) => Ok(Some(self.row_unguarded(line, index)?.main)),
                None => Err(missing(index)),
            }
        })
    }

    /// Hands out the main chain from that index on, as long as it is wanted.
    pub(crate) fn main_while(
        &self,
        index: u64,
        mut is_wanted: impl FnMut(MainRecord) -> bool,
    ) -> Result<(), redb::Error> {
        self.health.guard(|| {
            let mut index = index.max(1);
            while index <= self.length {
                let line = self.stretch_at(index)?.ok_or_else(|| missing(index))?.line;
                let next = ReadableTable::range(&self.main, index + 1..)?.next();
                let end = match next.transpose()? {
                    Some((first, _)) => first.value() - 1,
                    None => self.length,
                };
                for item in ReadableTable::range(&self.rows, (line, index)..=(line, end))? {
                    let (key, row) = item?;
                    if key.value() != (line, index) {
                        return Err(missing(index));
                    }
                    if !is_wanted(Row::from_bytes(row.value()).main) {
                        return Ok(());
                    }
                    index += 1;
                }
                if index <= end {
                    return Err(missing(index));
                }
            }
            Ok(())
        })
    }

    /// The line in which the main chain's block at that index is, or would be if
    /// the last line went on; none if there is no such block.
    pub(crate) fn line_at(&self, index: u64) -> Result<Option<u32>, redb::Error> {
        self.health
            .guard(|| Ok(self.stretch_at(index)?.map(|stretch| stretch.line)))
    }

    /// A line.
    pub(crate) fn line(&self, number: u32) -> Result<Line, redb::Error> {
        self.health.guard(|| {
            let found = ReadableTable::get(&self.lines, number)?;
            let missing = || redb::Error::Corrupted(format!("line {number} is missing"));
            Ok(Line::from_bytes(found.ok_or_else(missing)?.value()))
        })
    }

    /// A block by its place in a line.
    pub(crate) fn row(&self, line: u32, index: u64) -> Result<Row, redb::Error> {
        self.health.guard(|| self.row_unguarded(line, index))
    }

    fn row_unguarded(&self, line: u32, index: u64) -> Result<Row, redb::Error> {
        let found = ReadableTable::get(&self.rows, (line, index))?;
        Ok(Row::from_bytes(
            found.ok_or_else(|| missing(index))?.value(),
        ))
    }

    fn stretch_at(&self, index: u64) -> Result<Option<Stretch>, redb::Error> {
        if let Some(last) = self.last_stretch.filter(|last| last.first <= index) {
            return Ok(Some(last));
        }
        let below = ReadableTable::range(&self.main, ..=index)?.next_back();
        Ok(below.transpose()?.map(|(first, line)| Stretch {
            first: first.value(),
            line: line.value(),
        }))
    }
}

/// The error that the index does not know a block that others stand on.
pub(crate) fn missing(index: u64) -> redb::Error {
    redb::Error::Corrupted(format!("the block at index {index} is missing in its line"))
}

//! Reading the index: one consistent view of it, for as long as it is held.

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, TableError,
};

use crate::account_record::{ACCOUNT_BYTES, account_from_bytes, changes_from_bytes};
use crate::database::META;
use crate::health::Health;
use crate::index_tables::{
    ACCOUNTS, BLOCKS, BRANCH, CHANGES, COVERED_OFFSET, COVERED_SEGMENT, MAIN, MAIN_CHAIN_BYTES,
};
use crate::overlay::Overlay;
use crate::position::Position;
use crate::record::{BLOCK_BYTES, BlockRecord, MAIN_BYTES, MainRecord};

type MainTable = ReadOnlyTable<u64, &'static [u8; MAIN_BYTES]>;
type AccountTable = ReadOnlyTable<&'static [u8; 32], &'static [u8; ACCOUNT_BYTES]>;
type ChangesTable = ReadOnlyTable<&'static [u8; 32], &'static [u8]>;
type BlockTable = ReadOnlyTable<&'static [u8; 32], &'static [u8; BLOCK_BYTES]>;

/// The index as it was at one moment.
pub(crate) struct View {
    main: MainTable,
    blocks: BlockTable,
    accounts: AccountTable,
    changes: ChangesTable,
    covered: Position,
    length: u64,
    main_bytes: u64,
    branch_last: Option<Hash>,
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
        let length = main.last()?.map_or(0, |(index, _)| index.value());
        Ok(View {
            main,
            blocks: transaction.open_table(BLOCKS)?,
            accounts: transaction.open_table(ACCOUNTS)?,
            changes: transaction.open_table(CHANGES)?,
            covered,
            length,
            main_bytes: value(MAIN_CHAIN_BYTES)?,
            branch_last: branch_last(&transaction)?,
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
    pub(crate) fn main_bytes(&self) -> u64 {
        self.main_bytes
    }

    /// Nothing on top of what it shows.
    pub(crate) fn overlay(&self) -> Overlay {
        Overlay::on(self.length, self.branch_last)
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
        self.health
            .guard(|| Ok(self.blocks.len()? > self.main.len()?))
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
            let found = ReadableTable::get(&self.main, index)?;
            Ok(found.map(|bytes| MainRecord::from_bytes(bytes.value())))
        })
    }

    /// Hands out the main chain from that index on, as long as it is wanted.
    pub(crate) fn main_while(
        &self,
        index: u64,
        mut is_wanted: impl FnMut(MainRecord) -> bool,
    ) -> Result<(), redb::Error> {
        self.health.guard(|| {
            for item in ReadableTable::range(&self.main, index..)? {
                if !is_wanted(MainRecord::from_bytes(item?.1.value())) {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn branch_last(transaction: &ReadTransaction) -> Result<Option<Hash>, redb::Error> {
    let branch = match transaction.open_table(BRANCH) {
        // The table comes with the first such branch.
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        branch => branch?,
    };
    let last = branch.last()?;
    Ok(last.map(|(_, bytes)| MainRecord::from_bytes(bytes.value()).hash))
}

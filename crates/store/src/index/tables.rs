//! What the index consists of: its tables, and its names in the one in which a
//! database says what it is.

use redb::TableDefinition;

use crate::index::account_record::{ChangeKey, OwnerNumber};
use crate::index::record::{HASH_KEY_BYTES, LINE_BYTES};

/// The index's own format. One of another format is rebuilt.
pub const INDEX_FORMAT: u64 = 8;

/// Which lines the main chain goes along: the index of the first block of each
/// stretch, and the number of its line.
pub(crate) const MAIN: TableDefinition<u64, u32> = TableDefinition::new("main");
/// The blocks of each line, by its number and their index: all that is kept of
/// them. Most come at the end of a line, where pages are full.
pub(crate) const ROWS: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("rows");
pub(crate) const LINES: TableDefinition<u32, &[u8; LINE_BYTES]> = TableDefinition::new("lines");
/// Where to find a block of which only the hash is known. As hashes are in no
/// order, each write changes pages all over this table, so it is kept small.
pub(crate) const HASHES: TableDefinition<&[u8; HASH_KEY_BYTES], ()> =
    TableDefinition::new("hashes");
/// The numbers of all who ever owned something: they are in the tables below in
/// place of the owners' public keys.
pub(crate) const OWNERS: TableDefinition<&[u8; 32], OwnerNumber> = TableDefinition::new("owners");

/// The accounts that each block changed, as it left them, wherever it stands: by
/// line and index of the block, and the first owner's number of those in the
/// piece. What was written here is never changed or moved.
pub(crate) const ACCOUNT_STATES: TableDefinition<(u32, u64, OwnerNumber), &[u8]> =
    TableDefinition::new("account states");

/// Which blocks changed an account. As owners are in no order, each write changes
/// pages all over this table, so it is kept small.
pub(crate) const ACCOUNT_CHANGES: TableDefinition<&ChangeKey, &[u8]> =
    TableDefinition::new("account changes");

/// The same of the blocks since the last checkpoint, which go there together: by
/// the number of a sorted run, and the first of the keys in the piece.
pub(crate) const RECENT_CHANGES: TableDefinition<(u32, &ChangeKey), &[u8]> =
    TableDefinition::new("recent account changes");

/// Who has sent something in each block, by its line and its index: so a block
/// that was dropped need not be read to see that nothing in it waits again.
pub(crate) const SENDERS: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("senders");

pub(crate) const COVERED_SEGMENT: &str = "covered segment";
pub(crate) const COVERED_OFFSET: &str = "covered offset";
pub(crate) const MAIN_CHAIN_LENGTH: &str = "main chain length";

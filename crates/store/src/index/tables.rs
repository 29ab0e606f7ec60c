//! What the index consists of: its tables, and its names in the one in which a
//! database says what it is.

use redb::TableDefinition;

use crate::index::account_record::{ACCOUNT_KEY_BYTES, AccountRow};
use crate::index::record::{HASH_KEY_BYTES, LINE_BYTES};

/// The index's own format. One of another format is rebuilt.
pub const INDEX_FORMAT: u64 = 7;

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
/// Each account as each block left it that changed it, wherever that block
/// stands. So a reorganisation writes nothing here.
pub(crate) const ACCOUNTS: TableDefinition<&[u8; ACCOUNT_KEY_BYTES], AccountRow> =
    TableDefinition::new("accounts");

/// The accounts as the blocks since the last checkpoint left them, by line and
/// index of the block. In the table above, the changes of one block would change
/// pages all over it; from here they go there all at once.
pub(crate) const RECENT_ACCOUNTS: TableDefinition<(u32, u64), &[u8]> =
    TableDefinition::new("recent accounts");

/// Who has sent something in each block, by its line and its index: so a block
/// that was dropped need not be read to see that nothing in it waits again.
pub(crate) const SENDERS: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("senders");

pub(crate) const COVERED_SEGMENT: &str = "covered segment";
pub(crate) const COVERED_OFFSET: &str = "covered offset";
pub(crate) const MAIN_CHAIN_LENGTH: &str = "main chain length";

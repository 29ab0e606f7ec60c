//! What the index consists of: its tables, and its names in the one that says
//! what a database is like itself.

use redb::TableDefinition;

use crate::account_record::ACCOUNT_BYTES;
use crate::record::{BLOCK_BYTES, LINE_BYTES, ROW_BYTES};

/// The index's own format. One of another format is built anew.
pub const INDEX_FORMAT: u64 = 5;

/// Which lines the main chain goes along: the index of the first block of each
/// stretch, and the number of its line.
pub(crate) const MAIN: TableDefinition<u64, u32> = TableDefinition::new("main");
/// The blocks of each line, by its number and their index.
pub(crate) const ROWS: TableDefinition<(u32, u64), &[u8; ROW_BYTES]> = TableDefinition::new("rows");
pub(crate) const LINES: TableDefinition<u32, &[u8; LINE_BYTES]> = TableDefinition::new("lines");
pub(crate) const BLOCKS: TableDefinition<&[u8; 32], &[u8; BLOCK_BYTES]> =
    TableDefinition::new("blocks");
pub(crate) const ACCOUNTS: TableDefinition<&[u8; 32], &[u8; ACCOUNT_BYTES]> =
    TableDefinition::new("accounts");
pub(crate) const CHANGES: TableDefinition<&[u8; 32], &[u8]> =
    TableDefinition::new("account changes");

pub(crate) const COVERED_SEGMENT: &str = "covered segment";
pub(crate) const COVERED_OFFSET: &str = "covered offset";
pub(crate) const MAIN_CHAIN_LENGTH: &str = "main chain length";

//! What the index consists of: its tables, and its names in the one that says
//! what a database is like itself.

use redb::TableDefinition;

use crate::account_record::ACCOUNT_BYTES;
use crate::record::{BLOCK_BYTES, MAIN_BYTES};

/// The index's own format. One of another format is built anew.
pub const INDEX_FORMAT: u64 = 4;

pub(crate) const MAIN: TableDefinition<u64, &[u8; MAIN_BYTES]> = TableDefinition::new("main");
/// The branch that grows beside the main chain, as `main` will have it. Its blocks
/// stand in `blocks` too: where this table is missing, only time is lost.
pub(crate) const BRANCH: TableDefinition<u64, &[u8; MAIN_BYTES]> = TableDefinition::new("branch");
pub(crate) const BLOCKS: TableDefinition<&[u8; 32], &[u8; BLOCK_BYTES]> =
    TableDefinition::new("blocks");
pub(crate) const ACCOUNTS: TableDefinition<&[u8; 32], &[u8; ACCOUNT_BYTES]> =
    TableDefinition::new("accounts");
pub(crate) const CHANGES: TableDefinition<&[u8; 32], &[u8]> =
    TableDefinition::new("account changes");

pub(crate) const COVERED_SEGMENT: &str = "covered segment";
pub(crate) const COVERED_OFFSET: &str = "covered offset";
pub(crate) const MAIN_CHAIN_BYTES: &str = "main chain bytes";

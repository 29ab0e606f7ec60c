//! What the history consists of: its tables. What their bytes mean is not known
//! here.

use redb::TableDefinition;

use crate::history::record::{COVERED_BYTES, KEY_BYTES, PLACE_BYTES, REORGANISATION_BYTES};

/// The history's own format. One of another format is rebuilt.
pub const HISTORY_FORMAT: u64 = 2;

/// Where each transaction stands in the main chain.
pub(crate) const TRANSACTIONS: TableDefinition<&[u8; PLACE_BYTES], ()> =
    TableDefinition::new("transactions");

/// Where the transactions of somebody stand in the main chain.
pub(crate) const ADDRESSES: TableDefinition<&[u8; PLACE_BYTES], ()> =
    TableDefinition::new("addresses");

/// How many there are, for names with more than `COUNTED_FROM`.
pub(crate) const COUNTS: TableDefinition<&[u8; KEY_BYTES], u64> = TableDefinition::new("counts");

/// The reorganisations, by their number.
pub(crate) const REORGANISATIONS: TableDefinition<u64, &[u8; REORGANISATION_BYTES]> =
    TableDefinition::new("reorganisations");

/// Their numbers, by the hash of the new tip.
pub(crate) const NEW_TIPS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("new tips");

/// The block that the history covers the chain up to.
pub(crate) const COVERED: TableDefinition<(), &[u8; COVERED_BYTES]> =
    TableDefinition::new("covered");

//! What came with an event, as far as people are told of it. Programs get the
//! events as they came.

use adit_node::{BlockAt, BlockSummary, Peer};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What came with an event of the topic `block`.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTip {
    pub(crate) block: BlockSummary,
    /// So many blocks came with it.
    pub(crate) added: u64,
    /// made, or where else it came from.
    pub(crate) origin: String,
}

/// What came with an event of the topic `reorg`.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangedBranch {
    pub(crate) old_tip: BlockAt,
    pub(crate) new_tip: BlockAt,
}

/// What came with an event of the topic `tx`.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTransactions {
    pub(crate) count: u64,
    pub(crate) pending: u64,
    #[serde(default)]
    pub(crate) transactions: Vec<NewTransaction>,
}

/// A transaction that began to wait.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTransaction {
    /// As it stands.
    pub(crate) transaction: Box<RawValue>,
}

/// What came with an event of the topic `peer`.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangedPeer {
    pub(crate) peer: Peer,
}

/// What came with an event of the topic `mining`.
#[derive(Debug, Deserialize)]
pub(crate) struct Mining {
    pub(crate) searching: bool,
    pub(crate) threads: u64,
    pub(crate) guesses_per_s: f64,
}

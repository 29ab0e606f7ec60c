//! Who somebody is to the chain. What they own is not decided here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::transaction::TransactionState;

/// What is known of somebody. Amounts are in base units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddressState {
    /// Who it is: an address of a sealed chain, any name in the classics.
    pub address: String,
    /// What it owns after the last block, where the rules know.
    pub balance: Option<u64>,
    /// How many transactions it has sent that are in blocks, where the rules
    /// know.
    pub nonce: Option<u64>,
    /// The nonce of its next transaction, those that wait considered.
    pub next_nonce: Option<u64>,
    /// The identities of those that wait: first those that it sends, in order.
    pub pending: Vec<String>,
    /// How many transactions of the chain name it; none while the history is
    /// being read.
    pub transaction_count: Option<u64>,
}

/// A page of somebody's transactions, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddressTransactions {
    /// The transactions; on the first page those that wait come first.
    pub transactions: Vec<TransactionState>,
    /// The cursor of the next page, unless this is the last.
    pub next: Option<String>,
}

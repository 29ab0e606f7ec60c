//! Transactions: whether one waits, where it stands, and what proves that. Whether
//! one is valid, the rules decide.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A transaction that waits or stands in a block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TransactionState {
    /// 64 lower-case hex digits. In the classics: the SHA-256 of its canonical
    /// JSON.
    pub id: String,
    /// `pending` or `confirmed`.
    #[schema(value_type = String)]
    pub status: TransactionStage,
    /// As it stands.
    #[schema(value_type = serde_json::Value)]
    pub transaction: Box<RawValue>,
    /// Of the block that holds it, if one does.
    pub block_index: Option<u64>,
    /// Of the same block.
    pub block_hash: Option<String>,
    /// In the block, from 0.
    pub position: Option<u32>,
    /// The blocks of the main chain from that one on; 0 while it waits.
    pub confirmations: u64,
}

/// A transaction, and all places where it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TransactionDetails {
    /// 64 lower-case hex digits.
    pub id: String,
    /// `pending` or `confirmed`.
    #[schema(value_type = String)]
    pub status: TransactionStage,
    /// As it stands.
    #[schema(value_type = serde_json::Value)]
    pub transaction: Box<RawValue>,
    /// Of the newest block that holds it; none while it waits.
    pub block_index: Option<u64>,
    /// Of the same block.
    pub block_hash: Option<String>,
    /// In the block, from 0.
    pub position: Option<u32>,
    /// The blocks of the main chain from that one on; 0 while it waits.
    pub confirmations: u64,
    /// Where it stands in the main chain, the newest first.
    pub places: Vec<Place>,
    /// The cursor of the next page of places, unless this is the last.
    pub next: Option<String>,
}

/// How far a transaction is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TransactionStatus {
    /// 64 lower-case hex digits.
    pub id: String,
    /// `pending` or `confirmed`.
    #[schema(value_type = String)]
    pub status: TransactionStage,
    /// Of the newest block that holds it; none while it waits.
    pub block_index: Option<u64>,
    /// Of the same block.
    pub block_hash: Option<String>,
    /// The blocks of the main chain from that one on; 0 while it waits.
    pub confirmations: u64,
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The block's index.
    pub block_index: u64,
    /// The block's hash.
    pub block_hash: String,
    /// In the block, from 0.
    pub position: u32,
}

/// A transaction that was taken.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// 64 lower-case hex digits.
    pub id: String,
    /// The tutorial's words.
    pub message: String,
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionStage {
    /// It waits for a block.
    Pending,
    /// It stands in a block of the main chain.
    Confirmed,
}

/// What proves that a transaction is in a block, given the block's header.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[expect(
    missing_docs,
    reason = "what stands beside a field stands in the API's description"
)]
pub struct MerkleProof {
    pub id: String,
    #[schema(value_type = serde_json::Value)]
    pub transaction: Box<RawValue>,
    pub position: u32,
    /// The number of transactions in the block.
    pub leaf_count: usize,
    /// The siblings on the way to the root, the nearest first (RFC 6962).
    pub path: Vec<String>,
    /// What the block's work commits to.
    #[schema(value_type = serde_json::Value)]
    pub header: Box<RawValue>,
    /// The proof of work.
    pub proof: u64,
    pub block_hash: String,
    pub block_index: u64,
}

//! What a miner outside the node works on: the next block but for its proof, and
//! what a proof of it is. What stands in the block, the node decides.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// Who asks for a template.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TemplateOwner {
    /// Who is rewarded for the block: an address, or under the classics any name.
    pub reward_to: String,
}

/// The next block but for its proof. Wanted is a number from 0 to 2^64 - 1, written
/// in decimal, with SHA-256(`prefix` + proof + `suffix`) <= `target`; then
/// `before_proof` + proof + `behind_proof` is the block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// The rules of the chain.
    pub rules: String,
    /// The block's index.
    pub index: u64,
    /// The hash of the block that it stands on: the tip when this was made.
    pub previous_hash: String,
    /// As it stands in the block: seconds in the classics, milliseconds in sealed
    /// chains.
    #[schema(value_type = f64)]
    pub timestamp: Box<RawValue>,
    /// The root of the transactions' Merkle tree; only sealed blocks have one.
    pub merkle_root: Option<String>,
    /// The transactions as they stand in the block, the reward among them: the
    /// first in sealed chains, the last in the classics.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub transactions: Vec<Box<RawValue>>,
    /// What is hashed before the proof: the SHA-256 of the header in sealed
    /// chains, the last block's proof in the classics.
    pub prefix: String,
    /// What is hashed behind the proof.
    pub suffix: String,
    /// The greatest hash that a proof may give, in hex.
    pub target: String,
    /// The block's text before its proof,
    pub before_proof: String,
    /// and behind it.
    pub behind_proof: String,
    /// For how long it is worth a search, unless a block comes before: then there
    /// is one with newer transactions.
    pub keep_ms: u64,
}

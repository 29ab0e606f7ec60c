//! What of a block was hashed, and which guess its proof is. Whether it is right,
//! the rules decide.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was hashed of a block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Preimage {
    /// The block's index.
    pub index: u64,
    /// The block's hash.
    pub hash: String,
    /// The rules of the chain.
    pub rules: String,
    /// The text that was hashed: in the classics the whole block, in sealed
    /// chains its header.
    pub preimage: String,
    /// SHA-256 of it: in the classics the block's hash, in sealed chains its
    /// seal.
    pub preimage_sha256: String,
    /// The guess that solved the puzzle; nobody made one for a genesis block.
    pub guess: Option<Guess>,
}

/// A guess: SHA-256 of prefix, proof and suffix is at most the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Guess {
    /// What stands before the proof: the last proof in the classics, the seal
    /// in sealed chains.
    pub prefix: String,
    /// The proof.
    pub proof: u64,
    /// What stands behind the proof: the last block's hash under
    /// `classic-2018`, else nothing.
    pub suffix: String,
    /// The three one after the other.
    pub text: String,
    /// SHA-256 of the text.
    pub sha256: String,
    /// The greatest hash that solves the puzzle.
    pub target: String,
}

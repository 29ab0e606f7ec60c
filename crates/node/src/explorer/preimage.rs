//! What of a block was hashed, letter by letter, and which guess its proof is:
//! whoever does not believe the node computes it again.

use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::puzzle::Puzzle;
use adit_core::rules::{Context, Draft, Rules};
use adit_core::sealed::header_text;
use adit_store::Snapshot;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::block;
use super::problem::Problem;
use super::stored::read;
use crate::driver::NodeHandle;

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

/// What was hashed of that block, on the main chain or beside it. `hash` is
/// what somebody wrote.
pub(crate) async fn preimage(
    node: &NodeHandle,
    snapshot: &Snapshot,
    hash: &str,
) -> Result<Preimage, Problem> {
    let block = block::to_be_sent(node, snapshot, hash).await?;
    let preimage = match block.sealed() {
        Some(_) => header_text(block.text()),
        None => block.text().to_vec(),
    };
    Ok(Preimage {
        index: block.index(),
        hash: block.hash().to_string(),
        rules: node.rules().name().to_owned(),
        preimage_sha256: sha256(&preimage).to_string(),
        guess: puzzle(node, snapshot, &block)?.map(|puzzle| guess(&puzzle, block.proof())),
        // Canonical JSON is ASCII.
        preimage: String::from_utf8_lossy(&preimage).into_owned(),
    })
}

/// What the block's proof solves.
fn puzzle(
    node: &NodeHandle,
    snapshot: &Snapshot,
    block: &Block,
) -> Result<Option<Puzzle>, Problem> {
    let parent = match block.parent() {
        Some(parent) => snapshot.text(&parent).map_err(Problem::unreadable)?,
        None => None,
    };
    let parent = read(node, parent)?;
    Ok(puzzle_after(&**node.rules(), parent.as_ref(), block))
}

/// What the block's proof has to solve behind that parent; nothing in a genesis
/// block.
pub(crate) fn puzzle_after(
    rules: &dyn Rules,
    parent: Option<&Block>,
    block: &Block,
) -> Option<Puzzle> {
    if let Some(sealed) = block.sealed() {
        let puzzle = || Puzzle {
            prefix: sealed.seal.to_hex().to_vec(),
            suffix: Vec::new(),
            target: sealed.header.target.to_be_bytes(),
        };
        return (!block.is_genesis()).then(puzzle);
    }
    let context = Context {
        parent: parent?.header(),
        grandparent: None,
        now: Duration::ZERO,
    };
    // In the classics the puzzle does not depend on what the block holds.
    let draft = Draft {
        now: Duration::ZERO,
        transactions: Vec::new(),
        reward_to: String::new(),
    };
    Some(rules.puzzle(context, &draft))
}

/// The guess that this proof is.
pub(crate) fn guess(puzzle: &Puzzle, proof: u64) -> Guess {
    let prefix = String::from_utf8_lossy(&puzzle.prefix).into_owned();
    let suffix = String::from_utf8_lossy(&puzzle.suffix).into_owned();
    let text = format!("{prefix}{proof}{suffix}");
    Guess {
        sha256: sha256(text.as_bytes()).to_string(),
        target: adit_core::hash::Hash(puzzle.target).to_string(),
        prefix,
        proof,
        suffix,
        text,
    }
}

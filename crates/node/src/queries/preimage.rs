//! What of a block was hashed, letter by letter, and which guess its proof is:
//! anyone who does not believe the node can compute it again.

use adit_api::preimage::{Guess, Preimage};
use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::puzzle::Puzzle;
use adit_core::sealed::header_text;
use adit_store::Snapshot;

use super::block;
use super::error::QueryError;
use super::stored::read;
use crate::guess::{guess, puzzle_after};
use crate::handle::NodeHandle;

/// Returns what was hashed of that block, on the main chain or beside it. `hash`
/// is what somebody wrote.
pub async fn preimage(
    node: &NodeHandle,
    snapshot: &Snapshot,
    hash: &str,
) -> Result<Preimage, QueryError> {
    let block = block::to_be_sent(node, snapshot, hash).await?;
    let preimage = match block.sealed() {
        Some(_) => header_text(block.text()),
        None => block.text().to_vec(),
    };
    Ok(Preimage {
        index: block.height(),
        hash: block.hash().to_string(),
        rules: node.rules().name().to_owned(),
        preimage_sha256: sha256(&preimage).to_string(),
        guess: guess_of(node, snapshot, &block)?,
        // Canonical JSON is ASCII.
        preimage: String::from_utf8_lossy(&preimage).into_owned(),
    })
}

/// Returns the guess that a block's proof is; nobody made one for a genesis block.
pub fn guess_of(
    node: &NodeHandle,
    snapshot: &Snapshot,
    block: &Block,
) -> Result<Option<Guess>, QueryError> {
    let puzzle = puzzle(node, snapshot, block)?;
    Ok(puzzle.map(|puzzle| guess(&puzzle, block.proof())))
}

/// Returns what the block's proof solves.
fn puzzle(
    node: &NodeHandle,
    snapshot: &Snapshot,
    block: &Block,
) -> Result<Option<Puzzle>, QueryError> {
    let parent = match block.parent() {
        Some(parent) => snapshot.text(&parent).map_err(QueryError::unreadable)?,
        None => None,
    };
    let parent = read(node, parent)?;
    Ok(puzzle_after(&**node.rules(), parent.as_ref(), block))
}

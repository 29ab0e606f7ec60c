//! Which guess a block's proof is: what stood before and behind it, and what the
//! hash had to be. Whether it is right, the rules decide.

use std::time::Duration;

use adit_api::preimage::Guess;
use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::puzzle::Puzzle;
use adit_core::rules::{Context, Rules, TemplateContent};

/// Returns what the block's proof has to solve behind that parent; `None` for a
/// genesis block.
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
    let content = TemplateContent {
        now: Duration::ZERO,
        transactions: Vec::new(),
        reward_to: String::new(),
    };
    Some(rules.puzzle(context, &content))
}

/// Returns the guess that this proof is.
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

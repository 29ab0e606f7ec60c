//! Finds the proof of a puzzle. It knows nothing of blocks and rules: a puzzle
//! is bytes before, bytes after, and a target. This is the plain search, one
//! guess after the other with `sha2`; every faster one has to find the same.

use std::sync::atomic::{AtomicBool, Ordering};

use adit_core::puzzle::{DECIMAL_LENGTH_LIMIT, Puzzle, decimal};
use sha2::{Digest, Sha256};

/// Whether to stop is asked once in so many guesses (about a millisecond).
const GUESSES_BETWEEN_LOOKS: u64 = 4_096;

/// The smallest proof that solves the puzzle, not below `start`; `None` when
/// `stop` was set before it was found, or when no 64-bit number solves it.
/// The tutorial's `proof_of_work`.
pub fn search(puzzle: &Puzzle, start: u64, stop: &AtomicBool) -> Option<u64> {
    // The prefix is hashed once; a guess starts from a copy of that state.
    let prefixed = Sha256::new_with_prefix(&puzzle.prefix);
    for proof in start..=u64::MAX {
        if proof % GUESSES_BETWEEN_LOOKS == 0 && stop.load(Ordering::Relaxed) {
            return None;
        }
        let hash: [u8; 32] = prefixed
            .clone()
            .chain_update(decimal(proof, &mut [0; DECIMAL_LENGTH_LIMIT]))
            .chain_update(&puzzle.suffix)
            .finalize()
            .into();
        if hash <= puzzle.target {
            return Some(proof);
        }
    }
    None
}

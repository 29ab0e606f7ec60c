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

/// STUB
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// S
    Scalar,
}
impl Kernel {
    /// A
    pub const ALL: [Kernel; 1] = [Kernel::Scalar];
    /// A
    pub fn name(self) -> &'static str {
        "scalar"
    }
    /// A
    pub fn is_available(self) -> bool {
        true
    }
    /// A
    pub fn fastest() -> Kernel {
        Kernel::Scalar
    }
}
/// A
pub struct Search {
    puzzle: Puzzle,
    next: std::sync::atomic::AtomicU64,
    best: std::sync::atomic::AtomicU64,
    stop: AtomicBool,
}
impl Search {
    /// A
    pub fn new(puzzle: &Puzzle, start: u64, _kernel: Kernel) -> Search {
        Search {
            puzzle: puzzle.clone(),
            next: start.into(),
            best: u64::MAX.into(),
            stop: false.into(),
        }
    }
    /// A
    pub fn work(&self) {
        loop {
            let from = self.next.fetch_add(10_000, Ordering::Relaxed);
            if from > self.best.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed) {
                return;
            }
            for proof in from..from + 10_000 {
                if self.puzzle.is_solved_by(proof) {
                    self.best.fetch_min(proof, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
    /// A
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
    /// A
    pub fn found(&self) -> Option<u64> {
        Some(self.best.load(Ordering::Relaxed)).filter(|b| *b != u64::MAX)
    }
    /// A
    pub fn guesses(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }
}

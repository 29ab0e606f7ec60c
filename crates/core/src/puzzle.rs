//! Proof of work: the one question that all rule sets ask. Which bytes stand
//! before and after the proof, the rules decide; how proofs are searched for is
//! up to the miner.

use sha2::{Digest, Sha256};

/// "The hash starts with four hex zeros" as a number: 2^240 - 1, big-endian.
pub const FOUR_HEX_ZEROS: [u8; 32] = {
    let mut target = [0xff; 32];
    target[0] = 0;
    target[1] = 0;
    target
};

/// Find `proof` such that SHA-256(prefix ++ decimal(proof) ++ suffix), read as
/// a big-endian number, is at most `target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Puzzle {
    /// Bytes before the proof.
    pub prefix: Vec<u8>,
    /// Bytes after the proof.
    pub suffix: Vec<u8>,
    /// The greatest hash that solves the puzzle, big-endian.
    pub target: [u8; 32],
}

impl Puzzle {
    /// The tutorial's `valid_proof`.
    pub fn is_solved_by(&self, proof: u64) -> bool {
        self.hash_of(proof) <= self.target
    }

    /// The hash that has to be small.
    pub fn hash_of(&self, proof: u64) -> [u8; 32] {
        Sha256::new()
            .chain_update(&self.prefix)
            .chain_update(decimal(proof, &mut [0; DECIMAL_LENGTH_LIMIT]))
            .chain_update(&self.suffix)
            .finalize()
            .into()
    }
}

/// Digits of the largest `u64`.
pub const DECIMAL_LENGTH_LIMIT: usize = 20;

/// Writes a number in decimal into the end of `buffer` and returns the digits.
pub fn decimal(mut number: u64, buffer: &mut [u8; DECIMAL_LENGTH_LIMIT]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

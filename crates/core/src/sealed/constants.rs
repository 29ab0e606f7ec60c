//! The numbers that all sealed chains share. What differs between chains is in
//! their parameters.

/// The greatest amount, fee, nonce and timestamp, 2^53 - 1: beyond it, readers
/// that keep numbers as floats (browsers) see another number.
pub const INTEGER_LIMIT: u64 = (1 << 53) - 1;

/// The proof of a genesis block; it solves no puzzle.
pub const GENESIS_PROOF: u64 = 100;

/// The version of a block.
pub const VERSION: u64 = 1;

//! What chains of the rules `sealed` are made of, in their text and as typed
//! values: transactions, headers, blocks, parameters, accounts. Every field is
//! read here and has its form; what is valid where is decided by the rules.

mod account;
mod block;
mod error;
mod fields;
mod header;
mod params;
mod transaction;

pub use account::Account;
pub use block::{Reward, SealedBlock, write_genesis};
pub use error::{SealedError, SealedTransactionError};
pub use fields::FieldError;
pub use header::{Header, block_hash, header_text, write_around_proof, write_block};
pub use params::{
    DATA_LIMIT_BYTES, DURATION_LIMIT_MS, HALF_LIFE_INTERVALS, NAME_LIMIT_BYTES, Params,
    SMALLEST_BLOCK_BYTES,
};
pub use transaction::{ChainId, SealedTransaction, Transfer, signature_in, signed_bytes};

/// The greatest amount, fee, nonce and timestamp, 2^53 - 1: beyond it, readers
/// that keep numbers as floats (browsers) see another number.
pub const INTEGER_LIMIT: u64 = (1 << 53) - 1;

/// The proof of a genesis block; no puzzle stands behind it.
pub const GENESIS_PROOF: u64 = 100;

/// The version of a block.
pub const VERSION: u64 = 1;

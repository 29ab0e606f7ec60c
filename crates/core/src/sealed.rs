//! What chains of the rules `sealed` are made of, in their text and as typed
//! values: transactions, headers, blocks, parameters, accounts. Every field is
//! read here and its form checked; what is valid where, the rules decide.

mod account;
mod block;
mod compact_header;
mod constants;
mod error;
mod fields;
mod header;
mod params;
mod transaction;

pub use account::Account;
pub use block::{Coinbase, SealedBlock, write_genesis};
pub use compact_header::{COMPACT_HEADER_BYTES, COMPACT_HEADER_FORMAT, CompactHeader};
pub use constants::{GENESIS_PROOF, INTEGER_LIMIT, VERSION};
pub use error::{SealedError, SealedTransactionError};
pub use fields::FieldError;
pub use header::{Header, block_hash, header_text, write_around_proof, write_block};
pub use params::{
    DATA_LIMIT_BYTES, DURATION_LIMIT_MS, HALF_LIFE_INTERVALS, NAME_LIMIT_BYTES, Params,
    SMALLEST_BLOCK_BYTES,
};
pub use transaction::{ChainId, SealedTransaction, Transfer, signature_in, signed_bytes};

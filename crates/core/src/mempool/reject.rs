//! Why a transaction may not wait, in words for its sender. The decision is
//! made elsewhere.

use super::fee_rate::FeeRate;
use crate::hash::Hash;

/// A transaction waits for at most this many of its account that are missing
/// before it.
pub const NONCE_GAP_LIMIT: u64 = 16;

/// Why a transaction may not wait.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// It pays less for its length than this node asks for.
    #[error(
        "fee: expected {expected} base units or more, found {found} base units: this node takes \
         nothing below {rate}, and with that fee the transaction has {length_bytes} bytes"
    )]
    MinFee {
        /// The lowest fee for it.
        expected: u64,
        /// What this node asks for.
        rate: FeeRate,
        /// Its length with that fee.
        length_bytes: usize,
        /// What is offered.
        found: u64,
    },
    /// No block that is made here has room for it, not even alone.
    #[error(
        "expected at most {limit_bytes} bytes, found {found}: a block of this chain has no more \
         room beside its header and reward"
    )]
    NoRoom {
        /// The longest that a block has room for.
        limit_bytes: usize,
        /// Its length.
        found: usize,
    },
    /// Its nonce is that of a transaction in a block.
    #[error("nonce: expected {expected} or more, found {found}: that one is in a block already")]
    NonceUsed {
        /// The number of the sender's transactions in blocks.
        expected: u64,
        /// The transaction's nonce.
        found: u64,
    },
    /// Too many are missing before it.
    #[error(
        "nonce: expected {expected}, found {found}: a transaction waits for at most \
         {NONCE_GAP_LIMIT} that are missing before it; send those first"
    )]
    NonceGap {
        /// The first that is missing.
        expected: u64,
        /// The transaction's nonce.
        found: u64,
    },
    /// The account has too many waiting.
    #[error("{limit} transactions of this account are waiting already; wait for a block")]
    TooManyOfAccount {
        /// How many may.
        limit: usize,
    },
    /// Another transaction with this nonce waits, and this one does not pay
    /// enough to take its place.
    #[error(
        "fee: expected {expected} base units or more to take the place of transaction {waiting} \
         with the same nonce, found {found} base units"
    )]
    ReplacementFee {
        /// The transaction that waits.
        waiting: Hash,
        /// A tenth more than its fee.
        expected: u64,
        /// What is offered.
        found: u64,
    },
    /// The account does not own enough for all its waiting transactions.
    #[error(
        "balance: expected {needed} base units for this transaction and those of the account \
         that are waiting, found {balance} base units"
    )]
    Balance {
        /// Amounts and fees of all of them.
        needed: u128,
        /// What the account owns.
        balance: u64,
    },
    /// The recipient would own more than an account can. It could spend first;
    /// but until it does, no block can take the transaction.
    #[error(
        "amount: expected at most {limit} base units, found {amount} base units: the recipient owns \
         so much that no account could hold more"
    )]
    Overflow {
        /// What the recipient has room for.
        limit: u64,
        /// What it would get.
        amount: u64,
    },
    /// There is no room, and it pays no more than those that wait.
    #[error(
        "no more transactions fit ({bytes} bytes are waiting), and those pay more: \
         expected a fee of {expected} base units or more, found {found} base units"
    )]
    FeeRate {
        /// The total length of those that wait.
        bytes: usize,
        /// The fee with which it would find room.
        expected: u64,
        /// What is offered.
        found: u64,
    },
}

impl RejectReason {
    /// The name of the rule that does not hold. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            RejectReason::MinFee { .. } => "min-fee",
            RejectReason::NoRoom { .. } => "size",
            RejectReason::NonceUsed { .. } => "nonce-used",
            RejectReason::NonceGap { .. } => "nonce-gap",
            RejectReason::TooManyOfAccount { .. } => "account-limit",
            RejectReason::ReplacementFee { .. } => "replacement-fee",
            RejectReason::Balance { .. } => "balance",
            RejectReason::Overflow { .. } => "overflow",
            RejectReason::FeeRate { .. } => "fee-rate",
        }
    }
}

//! Who may wait among the transactions of a chain with accounts: one function a
//! rule, for what is submitted and for what dropped blocks give back. It
//! changes nothing.

use super::{Queue, cost};
use crate::hash::Hash;
use crate::pool::{FeeRate, Policy};
use crate::sealed::Account;
use crate::transaction::Payment;

/// At most so many transactions of one account wait.
pub const ACCOUNT_PENDING_LIMIT: usize = 64;

/// A transaction waits for at most so many of its account that are missing
/// before it.
pub const NONCE_GAP_LIMIT: u64 = 16;

/// Of those that dropped blocks give back, at most so many of one account wait:
/// several blocks may have taken as many as may wait of it.
pub const ACCOUNT_RETURNED_LIMIT: usize = 1_024;

/// Why a transaction may not wait.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPending {
    /// It pays less for its length than this node asks for.
    #[error(
        "fee: expected {expected} or more, found {found}: this node takes nothing below {rate}, \
         and with that fee the transaction has {length_bytes} bytes"
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
        /// So many may.
        limit: usize,
    },
    /// Another transaction with this nonce waits, and this one does not pay
    /// enough to take its place.
    #[error(
        "fee: expected {expected} or more to take the place of transaction {waiting} \
         with the same nonce, found {found}"
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
         that are waiting, found {balance}"
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
        "amount: expected at most {limit} base units, found {amount}: the recipient owns so much \
         that no account could hold more"
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
         expected a fee of {expected} or more, found {found}"
    )]
    FeeRate {
        /// How long those that wait are together.
        bytes: usize,
        /// The fee with which it would find room.
        expected: u64,
        /// What is offered.
        found: u64,
    },
}

impl NotPending {
    /// The name of the rule that does not hold. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            NotPending::MinFee { .. } => "min-fee",
            NotPending::NoRoom { .. } => "size",
            NotPending::NonceUsed { .. } => "nonce-used",
            NotPending::NonceGap { .. } => "nonce-gap",
            NotPending::TooManyOfAccount { .. } => "account-limit",
            NotPending::ReplacementFee { .. } => "replacement-fee",
            NotPending::Balance { .. } => "balance",
            NotPending::Overflow { .. } => "overflow",
            NotPending::FeeRate { .. } => "fee-rate",
        }
    }
}

/// Whether the recipient could own what it gets: `account` is the recipient's,
/// as the last block left it. What others that wait would add to it, a block
/// decides.
pub(crate) fn check_recipient(payment: &Payment, account: Account) -> Result<(), NotPending> {
    let (limit, amount) = (u64::MAX - account.balance, payment.amount);
    // Who pays oneself owns no more than before.
    match amount <= limit || payment.recipient == payment.sender {
        true => Ok(()),
        false => Err(NotPending::Overflow { limit, amount }),
    }
}

/// Where a transaction comes from that would wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coming {
    /// Somebody hands it in.
    Submitted,
    /// A dropped block held it, and those before it.
    Returned,
    /// It waited before the node was started anew: that was promised.
    Kept,
}

/// Whether a transaction may wait beside the others of its account, of which
/// `replaced` leaves for its sake. Whether there is room is not asked here.
pub(super) fn check(
    policy: &Policy,
    coming: Coming,
    queue: &Queue,
    payment: &Payment,
) -> Result<(), NotPending> {
    if coming != Coming::Kept {
        policy.check(payment)?;
    }
    check_nonce_is_unused(queue, payment)?;
    let replaced = queue.waiting.get(&payment.nonce);
    let replaced = replaced.map(|waiting| &*waiting.payment);
    if coming != Coming::Kept {
        check_gap(queue, payment)?;
    }
    match coming {
        Coming::Submitted => {
            check_replacement(replaced, payment)?;
            if replaced.is_none() {
                check_count(queue, ACCOUNT_PENDING_LIMIT)?;
            }
            check_balance(queue, replaced.map_or(0, cost), payment)
        }
        // Those behind it could not be in a block without it: they leave where
        // the money does not suffice for all.
        Coming::Returned => {
            check_count(queue, ACCOUNT_RETURNED_LIMIT)?;
            check_balance(queue, queue.cost_from(payment.nonce), payment)
        }
        Coming::Kept => check_balance(queue, queue.cost_from(payment.nonce), payment),
    }
}

fn check_nonce_is_unused(queue: &Queue, payment: &Payment) -> Result<(), NotPending> {
    let (expected, found) = (queue.account.nonce, payment.nonce);
    match found >= expected {
        true => Ok(()),
        false => Err(NotPending::NonceUsed { expected, found }),
    }
}

fn check_gap(queue: &Queue, payment: &Payment) -> Result<(), NotPending> {
    let (expected, found) = (queue.first_missing(), payment.nonce);
    match found.saturating_sub(expected) {
        0..=NONCE_GAP_LIMIT => Ok(()),
        _ => Err(NotPending::NonceGap { expected, found }),
    }
}

fn check_replacement(replaced: Option<&Payment>, payment: &Payment) -> Result<(), NotPending> {
    let Some(old) = replaced else {
        return Ok(());
    };
    let expected = old.fee.saturating_add(old.fee.div_ceil(10).max(1));
    match payment.fee >= expected {
        true => Ok(()),
        false => Err(NotPending::ReplacementFee {
            waiting: old.id,
            expected,
            found: payment.fee,
        }),
    }
}

fn check_count(queue: &Queue, limit: usize) -> Result<(), NotPending> {
    match queue.waiting.len() < limit {
        true => Ok(()),
        false => Err(NotPending::TooManyOfAccount { limit }),
    }
}

/// `freed` is the cost of those that would leave for its sake.
fn check_balance(queue: &Queue, freed: u128, payment: &Payment) -> Result<(), NotPending> {
    let needed = queue.cost + cost(payment) - freed;
    let balance = queue.account.balance;
    match needed <= u128::from(balance) {
        true => Ok(()),
        false => Err(NotPending::Balance { needed, balance }),
    }
}

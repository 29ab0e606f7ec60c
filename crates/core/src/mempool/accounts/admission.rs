//! Which transactions may wait on a chain with accounts: one function a rule,
//! for what is submitted and for what dropped blocks give back. It changes
//! nothing.

use super::account_queue::{Queue, cost};
use crate::mempool::policy::Policy;
use crate::mempool::reject::{NONCE_GAP_LIMIT, RejectReason};
use crate::sealed::Account;
use crate::transaction::Payment;

/// At most this many transactions of one account wait.
pub const ACCOUNT_PENDING_LIMIT: usize = 64;

/// Of those that dropped blocks give back, at most this many of one account
/// wait: several blocks may each have taken as many as may wait of it.
pub const ACCOUNT_RETURNED_LIMIT: usize = 1_024;

/// Whether the recipient could own what it gets: `account` is the recipient's,
/// as the last block left it. What others that wait would add to it, a block
/// decides.
pub(crate) fn check_recipient(payment: &Payment, account: Account) -> Result<(), RejectReason> {
    let (limit, amount) = (u64::MAX - account.balance, payment.amount);
    // An account that pays itself owns no more than before.
    match amount <= limit || payment.recipient == payment.sender {
        true => Ok(()),
        false => Err(RejectReason::Overflow { limit, amount }),
    }
}

/// Where a transaction that is to wait comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coming {
    /// Somebody hands it in.
    Submitted,
    /// A dropped block held it, and those before it.
    Returned,
    /// It waited before the node was restarted: that was promised.
    Kept,
}

/// Whether a transaction may wait beside the others of its account, of which
/// `replaced` leaves for its sake. Whether there is room is not checked here.
pub(super) fn check(
    policy: &Policy,
    coming: Coming,
    queue: &Queue,
    payment: &Payment,
) -> Result<(), RejectReason> {
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

fn check_nonce_is_unused(queue: &Queue, payment: &Payment) -> Result<(), RejectReason> {
    let (expected, found) = (queue.account.nonce, payment.nonce);
    match found >= expected {
        true => Ok(()),
        false => Err(RejectReason::NonceUsed { expected, found }),
    }
}

fn check_gap(queue: &Queue, payment: &Payment) -> Result<(), RejectReason> {
    let (expected, found) = (queue.first_missing(), payment.nonce);
    match found.saturating_sub(expected) {
        0..=NONCE_GAP_LIMIT => Ok(()),
        _ => Err(RejectReason::NonceGap { expected, found }),
    }
}

fn check_replacement(replaced: Option<&Payment>, payment: &Payment) -> Result<(), RejectReason> {
    let Some(old) = replaced else {
        return Ok(());
    };
    let expected = old.fee.saturating_add(old.fee.div_ceil(10).max(1));
    match payment.fee >= expected {
        true => Ok(()),
        false => Err(RejectReason::ReplacementFee {
            waiting: old.id,
            expected,
            found: payment.fee,
        }),
    }
}

fn check_count(queue: &Queue, limit: usize) -> Result<(), RejectReason> {
    match queue.waiting.len() < limit {
        true => Ok(()),
        false => Err(RejectReason::TooManyOfAccount { limit }),
    }
}

/// `freed` is the cost of those that would leave for its sake.
fn check_balance(queue: &Queue, freed: u128, payment: &Payment) -> Result<(), RejectReason> {
    let needed = queue.cost + cost(payment) - freed;
    let balance = queue.account.balance;
    match needed <= u128::from(balance) {
        true => Ok(()),
        false => Err(RejectReason::Balance { needed, balance }),
    }
}

//! What this node asks of a signed transaction before it waits here, besides
//! what the rules ask: a fee for its length, and that a block has room for it.
//! It is a policy and no rule: blocks of others may hold what is refused here,
//! and are valid.

use super::fee_rate::FeeRate;
use super::reject::RejectReason;
use crate::transaction::Payment;

/// What stands between two transactions in a block.
pub(super) const SEPARATOR_BYTES: usize = b", ".len();

/// What is asked of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The lowest fee for its length.
    pub min_fee_rate: FeeRate,
    /// The room for the transactions of a block made here, with what separates
    /// them.
    pub room_bytes: usize,
}

impl Policy {
    /// Whether a transaction may wait, no matter who sends it.
    pub(super) fn check(&self, payment: &Payment) -> Result<(), RejectReason> {
        let limit_bytes = self.room_bytes.saturating_sub(SEPARATOR_BYTES);
        let length_bytes = payment.text.len();
        if length_bytes > limit_bytes {
            return Err(RejectReason::NoRoom {
                limit_bytes,
                found: length_bytes,
            });
        }
        if payment.fee >= self.min_fee_rate.fee_for(length_bytes) {
            return Ok(());
        }
        let (expected, length_bytes) = lowest_fee(payment, |length_bytes| {
            self.min_fee_rate.fee_for(length_bytes)
        });
        Err(RejectReason::MinFee {
            expected,
            rate: self.min_fee_rate,
            length_bytes,
            found: payment.fee,
        })
    }
}

/// The lowest fee with which a transaction pays what is asked for its length,
/// and how long it is then: the digits of the fee count too.
pub(super) fn lowest_fee(payment: &Payment, asked: impl Fn(usize) -> u64) -> (u64, usize) {
    let others_bytes = payment.text.len().saturating_sub(digits(payment.fee));
    let mut fee = asked(others_bytes + 1);
    loop {
        let length_bytes = others_bytes + digits(fee);
        let needed = asked(length_bytes);
        if needed <= fee {
            return (fee, length_bytes);
        }
        fee = needed;
    }
}

fn digits(fee: u64) -> usize {
    fee.checked_ilog10().map_or(1, |zeros| zeros as usize + 1)
}

//! What this node asks of a signed transaction before it waits here, besides
//! what the rules ask: a fee for its length, and that a block has room for it.
//! It is a policy and no rule: blocks of others may hold what is refused here,
//! and are valid.

use super::fee_rate::FeeRate;
use super::reject::NotPending;
use crate::transaction::Payment;

/// What stands between two transactions in a block.
pub(super) const SEPARATOR_BYTES: usize = b", ".len();

/// What is asked of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The lowest fee for its length.
    pub min_fee_rate: FeeRate,
    /// The transactions of a block made here have so much room, with what
    /// separates them.
    pub room_bytes: usize,
}

impl Policy {
    /// Whether a transaction is one that may wait, whoever sends it.
    pub(super) fn check(&self, payment: &Payment) -> Result<(), NotPending> {
        let limit_bytes = self.room_bytes.saturating_sub(SEPARATOR_BYTES);
        let length_bytes = payment.text.len();
        if length_bytes > limit_bytes {
            return Err(NotPending::NoRoom {
                limit_bytes,
                found: length_bytes,
            });
        }
        let expected = self.min_fee_rate.fee_for(length_bytes);
        if payment.fee < expected {
            return Err(NotPending::MinFee {
                expected,
                rate: self.min_fee_rate,
                length_bytes,
                found: payment.fee,
            });
        }
        Ok(())
    }
}

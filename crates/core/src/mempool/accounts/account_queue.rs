//! One account's waiting transactions, by nonce, and when a block takes each of
//! them along. Which may wait there, and which leave, is not decided here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::sealed::Account;
use crate::transaction::Payment;

/// When a block takes a transaction along: the greatest is the first. An
/// account's transactions follow one another, so that none is taken before the
/// worst of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Whether none is missing before it.
    pub is_ready: bool,
    /// The lowest fee for 2^32 bytes of it and those before it.
    pub rate: u128,
    /// Who pays.
    pub sender: Address,
    /// The lowest is the first.
    pub nonce: Reverse<u64>,
}

/// One account's transactions.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    /// As the last block left it.
    pub(super) account: Account,
    pub(super) waiting: BTreeMap<u64, WaitingTransaction>,
    /// Amounts and fees of all that wait.
    pub(super) cost: u128,
}

#[derive(Debug, Clone)]
pub(super) struct WaitingTransaction {
    pub(super) payment: Arc<Payment>,
    pub(super) arrived: Duration,
    /// Where it stands in `by_turn`; `None` for a moment.
    pub(super) turn: Option<Turn>,
}

/// What the sender needs to own.
pub(super) fn cost(payment: &Payment) -> u128 {
    u128::from(payment.amount) + u128::from(payment.fee)
}

impl Queue {
    pub(super) fn on(account: Account) -> Queue {
        Queue {
            account,
            waiting: BTreeMap::new(),
            cost: 0,
        }
    }

    /// The lowest nonce that is neither in a block nor waiting.
    pub(super) fn first_missing(&self) -> u64 {
        self.ready()
            .last()
            .map_or(self.account.nonce, |last| last.payment.nonce + 1)
    }

    /// Amounts and fees of those from that nonce on.
    pub(super) fn cost_from(&self, nonce: u64) -> u128 {
        let rest = self.waiting.range(nonce..);
        rest.map(|(_, waiting)| cost(&waiting.payment)).sum()
    }

    /// Those that lack none before them.
    fn ready(&self) -> impl Iterator<Item = &WaitingTransaction> {
        let nonces = self.account.nonce..;
        let waiting = self.waiting.range(self.account.nonce..);
        waiting
            .zip(nonces)
            .take_while(|((found, _), expected)| *found == expected)
            .map(|((_, waiting), _)| waiting)
    }
}

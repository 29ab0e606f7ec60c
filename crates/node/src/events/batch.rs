//! What the driver did since it last handed that over: noted with so little work
//! that it is no slower for it, and never more than a few kilobytes, however
//! much it was. Who listens is not known here.

use std::sync::Arc;

use adit_api::event::Origin;
use adit_api::peer::Peer;
use adit_core::archive::{Change, MainChange};
use adit_core::block::Block;
use adit_core::reorganisation::Reorganisation;
use adit_core::transaction::{Submitted, TRANSACTION_LIMIT_BYTES};

/// An event names at most this many of the transactions that came,
const EVENT_TRANSACTIONS_LIMIT: usize = 20;

/// the newest ones, which together are no longer than this,
const EVENT_TRANSACTIONS_LIMIT_BYTES: usize = TRANSACTION_LIMIT_BYTES;

/// and of many reorganisations the last ones, this many.
const EVENT_REORGANISATIONS_LIMIT: usize = 20;

/// What was done between two syncs, or several times that.
#[derive(Debug, Default)]
pub(crate) struct EventBatch {
    /// The new tip of the main chain.
    pub(crate) tip: Option<Arc<Block>>,
    /// How many blocks came to the main chain one behind the other, or were the
    /// new tip of another branch.
    pub(crate) added: u64,
    /// Where the tip came from.
    pub(crate) origin: Origin,
    /// The reorganisations, the oldest first.
    pub(crate) reorganisations: Vec<Reorganisation>,
    /// How many transactions came to wait.
    pub(crate) transaction_count: usize,
    /// The newest of them.
    pub(crate) transactions: Vec<Submitted>,
    /// The peers about which something new is known, as they are now.
    pub(crate) peers: Vec<Peer>,
    /// Whether something happened before that is not told here.
    pub(crate) is_incomplete: bool,
}

impl EventBatch {
    /// Notes a change that was kept.
    pub(crate) fn note(&mut self, change: &Change) {
        match change {
            Change::Transaction(transaction) => self.note_waiting(transaction),
            Change::Block { block, main, .. } if *main != MainChange::Side => {
                self.tip = Some(Arc::clone(block));
                self.origin = Origin::Elsewhere;
                self.added += 1;
            }
            Change::MainTip { block, main } => {
                self.tip = Some(Arc::clone(block));
                self.origin = Origin::Elsewhere;
                self.added += u64::from(*main == MainChange::Extend);
            }
            Change::Block { .. } | Change::Peers(_) | Change::Rewind => {}
        }
    }

    /// Notes that a transaction came to wait.
    pub(crate) fn note_waiting(&mut self, transaction: &Submitted) {
        self.transaction_count += 1;
        self.transactions.push(transaction.clone());
        keep_newest_transactions(&mut self.transactions);
    }

    /// Notes that the main chain went over to another branch.
    pub(crate) fn note_reorganisation(&mut self, reorganisation: Reorganisation) {
        self.reorganisations.push(reorganisation);
        keep_newest(&mut self.reorganisations, EVENT_REORGANISATIONS_LIMIT);
    }

    /// Notes that a block was made here.
    pub(crate) fn note_made(&mut self, block: &Block) {
        if self.tip.as_ref().map(|tip| tip.hash()) == Some(block.hash()) {
            self.origin = Origin::Made;
        }
    }

    /// Notes that the chain is its genesis block again.
    pub(crate) fn note_rewind(&mut self, genesis: &Arc<Block>) {
        self.tip = Some(Arc::clone(genesis));
        self.origin = Origin::Made;
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.tip.is_none()
            && self.transaction_count == 0
            && self.peers.is_empty()
            && !self.is_incomplete
    }

    /// Adds what happened later.
    pub(crate) fn merge(&mut self, later: EventBatch) {
        if later.tip.is_some() {
            self.tip = later.tip;
            self.origin = later.origin;
        }
        self.added += later.added;
        self.reorganisations.extend(later.reorganisations);
        self.transaction_count += later.transaction_count;
        self.transactions.extend(later.transactions);
        let is_newer = |peer: &Peer| later.peers.iter().any(|newer| newer.id == peer.id);
        self.peers.retain(|peer| !is_newer(peer));
        self.peers.extend(later.peers);
        self.is_incomplete |= later.is_incomplete;
        keep_newest_transactions(&mut self.transactions);
        keep_newest(&mut self.reorganisations, EVENT_REORGANISATIONS_LIMIT);
    }
}

fn keep_newest_transactions(list: &mut Vec<Submitted>) {
    let mut left_bytes = EVENT_TRANSACTIONS_LIMIT_BYTES;
    let fits = |one: &&Submitted| {
        let left = left_bytes.checked_sub(one.text().len());
        left_bytes = left.unwrap_or_default();
        left.is_some()
    };
    let fitting = list.iter().rev().take_while(fits).count();
    keep_newest(list, fitting.min(EVENT_TRANSACTIONS_LIMIT));
}

fn keep_newest<T>(list: &mut Vec<T>, limit: usize) {
    let surplus = list.len().saturating_sub(limit);
    list.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_transactions_the_newest_are_kept() {
        let mut batch = EventBatch::default();
        let length = EVENT_TRANSACTIONS_LIMIT_BYTES / 2;
        for number in 0..5 {
            let change = Change::Transaction(Submitted::Text(vec![number; length].into()));
            batch.note(&change);
        }
        let firsts = |list: &[Submitted]| list.iter().map(|one| one.text()[0]).collect::<Vec<_>>();
        assert_eq!(firsts(&batch.transactions), [3, 4]);
        let mut later = EventBatch::default();
        for number in 5..40 {
            let change = Change::Transaction(Submitted::Text([number].into()));
            later.note(&change);
        }
        batch.merge(later);
        assert_eq!(firsts(&batch.transactions), (20..40).collect::<Vec<_>>());
        assert_eq!(batch.transaction_count, 40);
    }
}

//! The transactions that wait for a block, in the order in which they came.
//! It decides what a block takes along, what a block that arrived has settled,
//! and what comes back when blocks are dropped. It does not judge them: the
//! rules did.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// At most so many transactions wait.
pub const PENDING_LIMIT_COUNT: usize = 500_000;

/// The transactions that wait are together at most this long.
pub const PENDING_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// The transactions of one block made here are together at most this long;
/// what is left over waits for the next.
pub const MINED_TRANSACTIONS_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// No more can wait: mine a block first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} transactions of {bytes} bytes are waiting already, and no more fit \
     (at most {PENDING_LIMIT_COUNT}, {PENDING_LIMIT_BYTES} bytes); \
     mine a block (GET /mine) and send it again"
)]
pub struct PoolFull {
    /// How many wait.
    pub count: usize,
    /// How long they are together.
    pub bytes: usize,
}

/// How a transaction came to wait for a block. Blocks from elsewhere can hold
/// a returned one, but never one that was only ever submitted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Submitted to this node, and in no block since.
    Accepted,
    /// It was in a block that a reorganisation dropped.
    Returned,
}

/// A transaction that waits for a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its canonical JSON.
    pub text: Arc<[u8]>,
    /// How it came to wait.
    pub origin: Origin,
}

/// The waiting transactions.
#[derive(Debug, Default)]
pub struct Pool {
    waiting: VecDeque<Pending>,
    bytes: usize,
    returned: usize,
}

impl Pool {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a block can settle anything that waits; see [`settle`](Self::settle).
    pub fn can_settle(&self, ours: bool) -> bool {
        self.returned > 0 || (ours && !self.waiting.is_empty())
    }

    /// Those that wait, first come first.
    pub fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.waiting.iter()
    }

    /// Lets a transaction wait, behind all others. Answers how many blocks
    /// will be made before the one that takes it.
    pub fn accept(&mut self, text: Arc<[u8]>) -> Result<u64, PoolFull> {
        if !self.has_room_for(&text) {
            return Err(PoolFull {
                count: self.waiting.len(),
                bytes: self.bytes,
            });
        }
        let blocks_before = self.bytes / MINED_TRANSACTIONS_LIMIT_BYTES;
        self.restore(Pending {
            text,
            origin: Origin::Accepted,
        });
        Ok(blocks_before as u64)
    }

    /// Lets a transaction wait that waited before the node was started anew;
    /// it was promised, so no limit applies.
    pub fn restore(&mut self, pending: Pending) {
        self.bytes += pending.text.len();
        self.returned += usize::from(pending.origin == Origin::Returned);
        self.waiting.push_back(pending);
    }

    /// What the next block made here takes along: the first of them, as many
    /// as fit.
    pub fn for_next_block(&self) -> Vec<Arc<[u8]>> {
        let mut bytes = 0;
        self.waiting
            .iter()
            .take_while(|pending| {
                bytes += pending.text.len();
                bytes <= MINED_TRANSACTIONS_LIMIT_BYTES
            })
            .map(|pending| Arc::clone(&pending.text))
            .collect()
    }

    /// Takes out what a new block of the main chain holds.
    ///
    /// The tutorial's transactions have no identity: two people may make the
    /// same one, and both are meant. So a block from elsewhere settles only
    /// what was in a block before (`Returned`); what was submitted here, and
    /// never left this node, can't be in it. A block made here (`ours`)
    /// settles whatever it took along.
    pub fn settle(&mut self, transactions: &[&[u8]], ours: bool) {
        let settles = |pending: &Pending| ours || pending.origin == Origin::Returned;
        let mut counts = BTreeMap::<&[u8], usize>::new();
        for transaction in transactions {
            // The usual case, a block made here: it took the first ones.
            match self.waiting.front() {
                Some(first) if settles(first) && *first.text == **transaction => {
                    if let Some(first) = self.waiting.pop_front() {
                        self.forget(&first);
                    }
                }
                _ => *counts.entry(transaction).or_default() += 1,
            }
        }
        if counts.is_empty() {
            return;
        }
        let (mut bytes, mut returned) = (0, 0);
        self.waiting.retain(|pending| {
            let count = counts.get_mut(&*pending.text).filter(|count| **count > 0);
            let Some(count) = count.filter(|_| settles(pending)) else {
                return true;
            };
            *count -= 1;
            bytes += pending.text.len();
            returned += usize::from(pending.origin == Origin::Returned);
            false
        });
        self.bytes -= bytes;
        self.returned -= returned;
    }

    /// Puts the transactions of a dropped block back, in front of all others,
    /// in their order. Answers how many did not fit.
    pub fn give_back(&mut self, transactions: &[&[u8]]) -> usize {
        let mut left_out = 0;
        for text in transactions.iter().rev() {
            if !self.has_room_for(text) || text.len() > MINED_TRANSACTIONS_LIMIT_BYTES {
                left_out += 1;
                continue;
            }
            self.bytes += text.len();
            self.returned += 1;
            self.waiting.push_front(Pending {
                text: Arc::from(*text),
                origin: Origin::Returned,
            });
        }
        left_out
    }

    fn forget(&mut self, pending: &Pending) {
        self.bytes -= pending.text.len();
        self.returned -= usize::from(pending.origin == Origin::Returned);
    }

    fn has_room_for(&self, text: &[u8]) -> bool {
        self.waiting.len() < PENDING_LIMIT_COUNT && self.bytes + text.len() <= PENDING_LIMIT_BYTES
    }
}

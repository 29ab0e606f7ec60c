//! The transactions that wait for a block, in the order in which they came.
//! It decides what a block takes along, what a block that arrived has confirmed,
//! and what comes back when blocks are dropped. It does not judge them: the
//! rules did.
//!
//! 1. `by_text` holds the places of all that wait, `returned` those of the
//!    returned ones.
//! 2. Numbers that are still to be given lie outside those of the waiting ones.
//! 3. `bytes` is the sum of the lengths.
//! 4. `packing`, where it is known, is that of all that wait.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// At most this many transactions wait.
pub const PENDING_LIMIT_COUNT: usize = 500_000;

/// The transactions that wait are at most this long in total.
pub const PENDING_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// The transactions of one block made here are at most this long in total; what
/// is left over waits for the next.
pub const MINED_TRANSACTIONS_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// No more can wait: mine a block first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} transactions of {bytes} bytes are waiting already, and no more fit \
     (at most {PENDING_LIMIT_COUNT}, {PENDING_LIMIT_BYTES} bytes); \
     mine a block (GET /mine) and send it again"
)]
pub struct MempoolFull {
    /// How many wait.
    pub count: usize,
    /// Their total length.
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

/// The number of the first transaction that ever waited. Those that came behind
/// it count upwards, those that were put in front count downwards.
const FIRST_NUMBER: u64 = 1 << 63;

/// The waiting transactions.
#[derive(Debug, Clone)]
pub struct QueueMempool {
    /// By numbers that grow along the queue; no two ever have the same one.
    waiting: BTreeMap<u64, Pending>,
    /// Where each text waits, so that no block, whatever it holds, makes us
    /// search the whole queue.
    by_text: BTreeSet<(Arc<[u8]>, u64)>,
    /// The same, of the returned ones alone.
    returned: BTreeSet<(Arc<[u8]>, u64)>,
    /// The number of the next one that comes to the back.
    next_number: u64,
    /// The number of the one that came to the front last.
    front_number: u64,
    bytes: usize,
    /// How those that wait will be spread over blocks, if that is known.
    packing: Option<Packing>,
}

impl Default for QueueMempool {
    fn default() -> QueueMempool {
        QueueMempool {
            waiting: BTreeMap::new(),
            by_text: BTreeSet::new(),
            returned: BTreeSet::new(),
            next_number: FIRST_NUMBER,
            front_number: FIRST_NUMBER,
            bytes: 0,
            packing: None,
        }
    }
}

/// Whole transactions, packed into blocks one after the other.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Packing {
    full_blocks: u64,
    last_block_bytes: usize,
}

impl Packing {
    fn of(waiting: &BTreeMap<u64, Pending>) -> Packing {
        let mut packing = Packing::default();
        for one in waiting.values() {
            packing.add(one.text.len());
        }
        packing
    }

    fn add(&mut self, bytes: usize) {
        if self.last_block_bytes + bytes > MINED_TRANSACTIONS_LIMIT_BYTES {
            self.full_blocks += 1;
            self.last_block_bytes = 0;
        }
        self.last_block_bytes += bytes;
    }
}

impl QueueMempool {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a block can take out anything that waits; see
    /// [`remove_for_block`](Self::remove_for_block).
    pub fn can_remove_for_block(&self, ours: bool) -> bool {
        !self.returned.is_empty() || (ours && !self.waiting.is_empty())
    }

    /// The total length of those that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those that wait, first come first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Pending> {
        self.waiting.values()
    }

    /// Those that wait behind the one of that number, first come first, with
    /// their numbers: a place in the queue that keeps its meaning whatever
    /// comes and goes.
    pub fn behind(&self, number: Option<u64>) -> impl Iterator<Item = (u64, &Pending)> {
        let start = number.map_or(Unbounded, Excluded);
        let rest = self.waiting.range((start, Unbounded));
        rest.map(|(number, pending)| (*number, pending))
    }

    /// Lets a transaction wait, behind all others. Returns how many blocks will
    /// be made before the one that takes it.
    pub fn accept(&mut self, text: Arc<[u8]>) -> Result<u64, MempoolFull> {
        if !self.has_room_for(&text) {
            return Err(MempoolFull {
                count: self.waiting.len(),
                bytes: self.bytes,
            });
        }
        let waiting = &self.waiting;
        let packing = self.packing.get_or_insert_with(|| Packing::of(waiting));
        packing.add(text.len());
        let blocks_before = packing.full_blocks;
        self.push_back(Pending {
            text,
            origin: Origin::Accepted,
        });
        Ok(blocks_before)
    }

    /// Lets a transaction wait that waited before the node was restarted. One
    /// that was accepted was promised, so that no limit applies to it.
    pub fn restore(&mut self, pending: Pending) {
        if pending.origin == Origin::Accepted || self.has_room_for(&pending.text) {
            self.packing = None;
            self.push_back(pending);
        }
    }

    /// What the next block made here takes along: the first of them, as many
    /// as fit.
    pub fn for_next_block(&self) -> Vec<Arc<[u8]>> {
        let mut bytes = 0;
        self.iter()
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
    /// same one, and both are meant. So a block from elsewhere takes out only
    /// what was in a block before (`Returned`); what was submitted here, and
    /// never left this node, can't be in it. A block made here (`ours`)
    /// takes out whatever it took along.
    pub fn remove_for_block(&mut self, transactions: &[&[u8]], ours: bool) {
        for transaction in transactions {
            let number = match self.waiting.first_key_value() {
                // The usual case, a block made here: it took the first ones.
                Some((number, first)) if ours && *first.text == **transaction => Some(*number),
                _ if ours => first_of(&self.by_text, transaction),
                _ => first_of(&self.returned, transaction),
            };
            if let Some(number) = number {
                self.remove(number);
            }
        }
    }

    /// Puts the transactions of a dropped block back, in front of all others,
    /// in their order. Returns how many did not fit.
    pub fn give_back(&mut self, transactions: impl DoubleEndedIterator<Item = Arc<[u8]>>) -> usize {
        let mut left_out = 0;
        for text in transactions.rev() {
            if !self.has_room_for(&text) {
                left_out += 1;
                continue;
            }
            self.packing = None;
            self.push_front(Pending {
                text,
                origin: Origin::Returned,
            });
        }
        left_out
    }

    /// Goes through everything to check that the invariants hold.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn check_invariants(&self) {
        let (mut bytes, mut returned) = (0, 0);
        for (number, Pending { text, origin }) in &self.waiting {
            let place = (Arc::clone(text), *number);
            assert!(self.by_text.contains(&place), "invariant 1");
            let is_returned = *origin == Origin::Returned;
            assert_eq!(self.returned.contains(&place), is_returned, "invariant 1");
            returned += usize::from(is_returned);
            bytes += text.len();
        }
        assert_eq!(self.by_text.len(), self.waiting.len(), "invariant 1");
        assert_eq!(self.returned.len(), returned, "invariant 1");
        let mut numbers = self.waiting.keys();
        let (first, last) = (numbers.next(), numbers.next_back());
        let last = last.or(first);
        assert!(
            first.is_none_or(|first| *first >= self.front_number),
            "invariant 2"
        );
        assert!(
            last.is_none_or(|last| *last < self.next_number),
            "invariant 2"
        );
        assert_eq!(self.bytes, bytes, "invariant 3");
        let packing = self.packing.unwrap_or_else(|| Packing::of(&self.waiting));
        assert_eq!(packing, Packing::of(&self.waiting), "invariant 4");
    }

    fn push_back(&mut self, pending: Pending) {
        let number = self.next_number;
        self.next_number += 1;
        self.insert(number, pending);
    }

    fn push_front(&mut self, pending: Pending) {
        self.front_number -= 1;
        self.insert(self.front_number, pending);
    }

    fn insert(&mut self, number: u64, pending: Pending) {
        self.bytes += pending.text.len();
        self.by_text.insert((Arc::clone(&pending.text), number));
        if pending.origin == Origin::Returned {
            self.returned.insert((Arc::clone(&pending.text), number));
        }
        self.waiting.insert(number, pending);
    }

    fn remove(&mut self, number: u64) {
        let Some(Pending { text, origin }) = self.waiting.remove(&number) else {
            return;
        };
        self.packing = None;
        self.bytes -= text.len();
        let place = (text, number);
        self.by_text.remove(&place);
        if origin == Origin::Returned {
            self.returned.remove(&place);
        }
    }

    fn has_room_for(&self, text: &[u8]) -> bool {
        self.waiting.len() < PENDING_LIMIT_COUNT && self.bytes + text.len() <= PENDING_LIMIT_BYTES
    }
}

/// The number of the first that looks like this.
fn first_of(places: &BTreeSet<(Arc<[u8]>, u64)>, text: &[u8]) -> Option<u64> {
    let (found, number) = places.range((Arc::from(text), 0)..).next()?;
    (**found == *text).then_some(*number)
}

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

/// The number of the first transaction that ever waited. Those that came behind
/// it count upwards, those that were put in front count downwards.
const FIRST_NUMBER: u64 = 1 << 63;

/// The waiting transactions.
#[derive(Debug)]
pub struct QueuePool {
    waiting: VecDeque<Numbered>,
    /// The number of the next one that comes to the back.
    next_number: u64,
    /// The number of the one that came to the front last.
    front_number: u64,
    bytes: usize,
    /// How often each text waits as a returned one.
    returned: BTreeMap<Arc<[u8]>, usize>,
    /// How those that wait will be spread over blocks, if that is known.
    packing: Option<Packing>,
}

/// A waiting transaction with its number, which grows along the queue and is
/// given to no other one after it.
#[derive(Debug)]
struct Numbered {
    number: u64,
    pending: Pending,
}

impl Default for QueuePool {
    fn default() -> QueuePool {
        QueuePool {
            waiting: VecDeque::new(),
            next_number: FIRST_NUMBER,
            front_number: FIRST_NUMBER,
            bytes: 0,
            returned: BTreeMap::new(),
            packing: None,
        }
    }
}

/// Whole transactions, packed into blocks one after the other.
#[derive(Debug, Default, Clone, Copy)]
struct Packing {
    full_blocks: u64,
    last_block_bytes: usize,
}

impl Packing {
    fn of(waiting: &VecDeque<Numbered>) -> Packing {
        let mut packing = Packing::default();
        for one in waiting {
            packing.add(one.pending.text.len());
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

impl QueuePool {
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
        !self.returned.is_empty() || (ours && !self.waiting.is_empty())
    }

    /// How long those that wait are together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those that wait, first come first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Pending> {
        self.waiting.iter().map(|one| &one.pending)
    }

    /// Those that wait behind the one of that number, first come first, with
    /// their numbers: a place in the queue that keeps its meaning whatever
    /// comes and goes.
    pub fn behind(&self, number: Option<u64>) -> impl Iterator<Item = (u64, &Pending)> {
        let is_passed = |one: &Numbered| number.is_some_and(|number| one.number <= number);
        let first = self.waiting.partition_point(is_passed);
        let rest = self.waiting.range(first..);
        rest.map(|one| (one.number, &one.pending))
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
        let waiting = &self.waiting;
        let packing = self.packing.get_or_insert_with(|| Packing::of(waiting));
        packing.add(text.len());
        let blocks_before = packing.full_blocks;
        self.bytes += text.len();
        self.push_back(Pending {
            text,
            origin: Origin::Accepted,
        });
        Ok(blocks_before)
    }

    /// Lets a transaction wait that waited before the node was started anew;
    /// it was promised, so no limit applies.
    pub fn restore(&mut self, pending: Pending) {
        self.note(&pending);
        self.push_back(pending);
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
    /// same one, and both are meant. So a block from elsewhere settles only
    /// what was in a block before (`Returned`); what was submitted here, and
    /// never left this node, can't be in it. A block made here (`ours`)
    /// settles whatever it took along.
    pub fn settle(&mut self, transactions: &[&[u8]], ours: bool) {
        let mut counts = BTreeMap::<&[u8], usize>::new();
        for transaction in transactions {
            // The usual case, a block made here: it took the first ones.
            match self.waiting.front() {
                Some(first) if ours && *first.pending.text == **transaction => {
                    if let Some(first) = self.waiting.pop_front() {
                        self.forget(&first.pending);
                    }
                }
                _ if ours || self.returned.contains_key(*transaction) => {
                    *counts.entry(transaction).or_default() += 1;
                }
                _ => {}
            }
        }
        if counts.is_empty() {
            return;
        }
        let mut settled = Vec::new();
        self.waiting.retain(|Numbered { pending, .. }| {
            let settles = ours || pending.origin == Origin::Returned;
            match counts.get_mut(&*pending.text).filter(|count| **count > 0) {
                Some(count) if settles => {
                    *count -= 1;
                    settled.push(pending.clone());
                    false
                }
                _ => true,
            }
        });
        settled.iter().for_each(|pending| self.forget(pending));
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
            let pending = Pending {
                text: Arc::from(*text),
                origin: Origin::Returned,
            };
            self.note(&pending);
            self.push_front(pending);
        }
        left_out
    }

    fn push_back(&mut self, pending: Pending) {
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.push_back(Numbered { number, pending });
    }

    fn push_front(&mut self, pending: Pending) {
        self.front_number -= 1;
        let number = self.front_number;
        self.waiting.push_front(Numbered { number, pending });
    }

    fn has_room_for(&self, text: &[u8]) -> bool {
        self.waiting.len() < PENDING_LIMIT_COUNT && self.bytes + text.len() <= PENDING_LIMIT_BYTES
    }

    fn note(&mut self, pending: &Pending) {
        self.packing = None;
        self.bytes += pending.text.len();
        if pending.origin == Origin::Returned {
            *self.returned.entry(Arc::clone(&pending.text)).or_default() += 1;
        }
    }

    fn forget(&mut self, pending: &Pending) {
        self.packing = None;
        self.bytes -= pending.text.len();
        if pending.origin == Origin::Returned
            && let Some(count) = self.returned.get_mut(&pending.text)
        {
            *count -= 1;
            if *count == 0 {
                self.returned.remove(&pending.text);
            }
        }
    }
}

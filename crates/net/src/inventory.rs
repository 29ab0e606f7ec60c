//! The transactions that wait, as relay sees them: by the hash of their Merkle
//! leaf, with what they pay. Which may wait, the core decides and tells; here is
//! only known how to find them, and what left lately.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::hash::Hash;
use adit_core::merkle;
use adit_core::recent::Recent;
use adit_core::transaction::{Payment, Submitted};

/// This many transactions are kept that were replaced or refused lately: a block
/// may hold them all the same.
pub const LEFT_LIMIT: usize = 2_000;

/// Longer ones are not kept for that.
pub const LEFT_LIMIT_BYTES: usize = 4 * 1024;

/// A transaction that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayTransaction {
    /// The canonical text.
    pub text: Arc<[u8]>,
    /// What it pays, in base units for 1,000 bytes.
    pub fee_rate: u64,
}

impl RelayTransaction {
    /// As relay sees it.
    pub fn of(submitted: &Submitted) -> RelayTransaction {
        match submitted {
            Submitted::Payment(payment) => RelayTransaction::of_payment(payment),
            Submitted::Text(text) => RelayTransaction {
                text: Arc::clone(text),
                fee_rate: 0,
            },
        }
    }

    /// The same of a payment.
    pub fn of_payment(payment: &Payment) -> RelayTransaction {
        let (text, fee) = (Arc::clone(&payment.text), payment.fee);
        let fee_rate = u128::from(fee) * 1_000 / (text.len().max(1) as u128);
        RelayTransaction {
            fee_rate: u64::try_from(fee_rate).unwrap_or(u64::MAX),
            text,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Inventory {
    waiting: BTreeMap<Hash, RelayTransaction>,
    left: Recent<Hash, Arc<[u8]>>,
    /// What was refused since the last block: it is not asked for until the next
    /// one, after which it may be another matter.
    refused: Recent<Hash, ()>,
}

impl Inventory {
    pub(crate) fn new() -> Inventory {
        Inventory {
            waiting: BTreeMap::new(),
            left: Recent::new(LEFT_LIMIT),
            refused: Recent::new(LEFT_LIMIT),
        }
    }

    /// Takes one up, and returns its leaf if it is new.
    pub(crate) fn insert(&mut self, one: RelayTransaction) -> Option<Hash> {
        let leaf = merkle::leaf(&one.text);
        self.waiting.insert(leaf, one).is_none().then_some(leaf)
    }

    /// It was refused, or waits no longer, for another reason than a block.
    pub(crate) fn leave(&mut self, text: &Arc<[u8]>) {
        let leaf = merkle::leaf(text);
        self.waiting.remove(&leaf);
        self.refused.insert(leaf, ());
        self.keep_left(text);
    }

    /// It does not wait, and a block may hold it all the same.
    pub(crate) fn keep_left(&mut self, text: &Arc<[u8]>) {
        if text.len() <= LEFT_LIMIT_BYTES {
            self.left.insert(merkle::leaf(text), Arc::clone(text));
        }
    }

    /// A block has them.
    pub(crate) fn were_mined<'a>(&mut self, texts: impl Iterator<Item = &'a [u8]>) {
        self.refused = Recent::new(LEFT_LIMIT);
        for text in texts {
            self.waiting.remove(&merkle::leaf(text));
        }
    }

    pub(crate) fn get(&self, leaf: &Hash) -> Option<&RelayTransaction> {
        self.waiting.get(leaf)
    }

    /// Whether there is no reason to ask for it.
    pub(crate) fn knows(&self, leaf: &Hash) -> bool {
        self.waiting.contains_key(leaf) || self.refused.contains(leaf)
    }

    /// Everything that a block may be made of, by its leaf.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&Hash, &Arc<[u8]>)> {
        let waiting = self.waiting.iter().map(|(leaf, one)| (leaf, &one.text));
        let left = self.left.iter();
        waiting.chain(left.filter(|(leaf, _)| !self.waiting.contains_key(leaf)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Hash, &RelayTransaction)> {
        self.waiting.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

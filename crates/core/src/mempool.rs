//! The transactions that wait for a block. Which may wait, in which order, and
//! what a new block means to them depends on whether the rules know accounts:
//! there is a module for each case. What both must be able to answer is here.

mod accounts;
mod fee_rate;
mod policy;
mod queue;
mod reject;

pub(crate) use accounts::check_recipient;
pub use accounts::{
    ACCOUNT_PENDING_LIMIT, ACCOUNT_RETURNED_LIMIT, ACCOUNTS_PENDING_LIMIT_BYTES, Accepted,
    AccountMempool, PASSED_OVER_LIMIT, PENDING_EXPIRY_MS, Turn,
};
pub use fee_rate::{FEE_RATE_BYTES, FeeRate};
pub use policy::Policy;
pub use queue::{
    MINED_TRANSACTIONS_LIMIT_BYTES, MempoolFull, Origin, PENDING_LIMIT_BYTES, PENDING_LIMIT_COUNT,
    Pending, QueueMempool,
};
pub use reject::{NONCE_GAP_LIMIT, RejectReason};

use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, ArchiveError};
use crate::hash::Hash;
use crate::rules::Rules;
use crate::transaction::Submitted;

/// The waiting transactions.
#[derive(Debug, Clone)]
pub enum Mempool {
    /// Of rules that know no accounts: in the order in which they came.
    Queue(QueueMempool),
    /// Of rules that know accounts: by nonce and fee.
    Accounts(AccountMempool),
}

/// A transaction that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It waits now.
    New {
        /// This many blocks will be made before the one that takes it.
        blocks_before: u64,
    },
    /// It waited already.
    Already,
}

/// A transaction that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAccepted {
    /// No more can wait.
    Full(MempoolFull),
    /// It may not wait.
    Rejected(RejectReason),
}

impl Mempool {
    /// An empty one for these rules, which asks for that fee rate where they
    /// know fees.
    pub fn new(rules: &dyn Rules, min_fee_rate: FeeRate) -> Mempool {
        let room_bytes = rules.room_bytes();
        let policy = Policy {
            min_fee_rate,
            room_bytes,
        };
        match rules.keeps_accounts() {
            true => Mempool::Accounts(AccountMempool::new(policy)),
            false => Mempool::Queue(QueueMempool::default()),
        }
    }

    /// Lets a transaction wait, if it may.
    pub(crate) fn accept(
        &mut self,
        now: Duration,
        submitted: Submitted,
        archive: &dyn Archive,
    ) -> Result<Result<Admission, NotAccepted>, ArchiveError> {
        Ok(match (self, submitted) {
            (Mempool::Accounts(mempool), Submitted::Payment(payment)) => {
                let account = archive.account(&payment.sender)?;
                mempool.expire(now);
                let recipient = archive.account(&payment.recipient)?;
                let accepted = check_recipient(&payment, recipient)
                    .and_then(|()| mempool.accept(now, payment, account));
                match accepted {
                    Ok(Accepted::Known) => Ok(Admission::Already),
                    Ok(_) => Ok(Admission::New { blocks_before: 0 }),
                    Err(error) => Err(NotAccepted::Rejected(error)),
                }
            }
            (Mempool::Queue(mempool), submitted) => {
                match mempool.accept(Arc::clone(submitted.text())) {
                    Ok(blocks_before) => Ok(Admission::New { blocks_before }),
                    Err(full) => Err(NotAccepted::Full(full)),
                }
            }
            (Mempool::Accounts(_), Submitted::Text(_)) => {
                unreachable!("rules that keep accounts read payments")
            }
        })
    }

    /// What the next block made here takes along, at most `room_bytes` with the
    /// separators.
    pub fn for_next_block(&self, room_bytes: usize) -> Vec<Submitted> {
        match self {
            Mempool::Queue(mempool) => {
                let texts = mempool.for_next_block().into_iter();
                texts.map(Submitted::Text).collect()
            }
            Mempool::Accounts(mempool) => {
                let payments = mempool.for_next_block(room_bytes, policy::SEPARATOR_BYTES);
                payments.into_iter().map(Submitted::Payment).collect()
            }
        }
    }

    /// Goes through everything to check that the invariants of its kind hold.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn check_invariants(&self) {
        match self {
            Mempool::Queue(mempool) => mempool.check_invariants(),
            Mempool::Accounts(mempool) => mempool.check_invariants(),
        }
    }

    /// Whether exactly this one waits, with the same signature.
    pub(crate) fn holds(&self, id: &Hash, text: &[u8]) -> bool {
        match self {
            Mempool::Queue(_) => false,
            Mempool::Accounts(mempool) => mempool
                .get(id)
                .is_some_and(|payment| *payment.text == *text),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        match self {
            Mempool::Queue(mempool) => mempool.len(),
            Mempool::Accounts(mempool) => mempool.len(),
        }
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The total length of those that wait.
    pub fn bytes(&self) -> usize {
        match self {
            Mempool::Queue(mempool) => mempool.bytes(),
            Mempool::Accounts(mempool) => mempool.bytes(),
        }
    }

    /// The canonical JSON of those that wait, and how they came to.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], Origin)> + '_> {
        match self {
            Mempool::Queue(mempool) => Box::new(mempool.iter().map(|one| (&*one.text, one.origin))),
            Mempool::Accounts(mempool) => {
                Box::new(mempool.iter().map(|one| (&*one.text, Origin::Accepted)))
            }
        }
    }
}

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
    AccountPool, PASSED_OVER_LIMIT, PENDING_EXPIRY_MS, Turn,
};
pub use fee_rate::{FEE_RATE_BYTES, FeeRate};
pub use policy::Policy;
pub use queue::{
    MINED_TRANSACTIONS_LIMIT_BYTES, Origin, PENDING_LIMIT_BYTES, PENDING_LIMIT_COUNT, Pending,
    PoolFull, QueuePool,
};
pub use reject::{NONCE_GAP_LIMIT, RejectReason};

use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, ArchiveError};
use crate::hash::Hash;
use crate::rules::Rules;
use crate::transaction::Submitted;

/// The waiting transactions.
#[derive(Debug)]
pub enum Pool {
    /// Of rules that know no accounts: in the order in which they came.
    Queue(QueuePool),
    /// Of rules that know accounts: by nonce and fee.
    Accounts(AccountPool),
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
    Full(PoolFull),
    /// It may not wait.
    Rejected(RejectReason),
}

impl Pool {
    /// An empty one for these rules, which asks for that fee rate where they
    /// know fees.
    pub fn new(rules: &dyn Rules, min_fee_rate: FeeRate) -> Pool {
        let room_bytes = rules.room_bytes();
        let policy = Policy {
            min_fee_rate,
            room_bytes,
        };
        match rules.keeps_accounts() {
            true => Pool::Accounts(AccountPool::new(policy)),
            false => Pool::Queue(QueuePool::default()),
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
            (Pool::Accounts(pool), Submitted::Payment(payment)) => {
                let account = archive.account(&payment.sender)?;
                pool.expire(now);
                let recipient = archive.account(&payment.recipient)?;
                let accepted = check_recipient(&payment, recipient)
                    .and_then(|()| pool.accept(now, payment, account));
                match accepted {
                    Ok(Accepted::Known) => Ok(Admission::Already),
                    Ok(_) => Ok(Admission::New { blocks_before: 0 }),
                    Err(error) => Err(NotAccepted::Rejected(error)),
                }
            }
            (Pool::Queue(pool), submitted) => match pool.accept(Arc::clone(submitted.text())) {
                Ok(blocks_before) => Ok(Admission::New { blocks_before }),
                Err(full) => Err(NotAccepted::Full(full)),
            },
            (Pool::Accounts(_), Submitted::Text(_)) => {
                unreachable!("rules that keep accounts read payments")
            }
        })
    }

    /// What the next block made here takes along, at most `room_bytes` with the
    /// separators.
    pub fn for_next_block(&self, room_bytes: usize) -> Vec<Submitted> {
        match self {
            Pool::Queue(pool) => {
                let texts = pool.for_next_block().into_iter();
                texts.map(Submitted::Text).collect()
            }
            Pool::Accounts(pool) => {
                let payments = pool.for_next_block(room_bytes, policy::SEPARATOR_BYTES);
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
            Pool::Queue(pool) => pool.check_invariants(),
            Pool::Accounts(pool) => pool.check_invariants(),
        }
    }

    /// Whether exactly this one waits, with the same signature.
    pub(crate) fn holds(&self, id: &Hash, text: &[u8]) -> bool {
        match self {
            Pool::Queue(_) => false,
            Pool::Accounts(pool) => pool.get(id).is_some_and(|payment| *payment.text == *text),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        match self {
            Pool::Queue(pool) => pool.len(),
            Pool::Accounts(pool) => pool.len(),
        }
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The total length of those that wait.
    pub fn bytes(&self) -> usize {
        match self {
            Pool::Queue(pool) => pool.bytes(),
            Pool::Accounts(pool) => pool.bytes(),
        }
    }

    /// The canonical JSON of those that wait, and how they came to.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], Origin)> + '_> {
        match self {
            Pool::Queue(pool) => Box::new(pool.iter().map(|one| (&*one.text, one.origin))),
            Pool::Accounts(pool) => Box::new(pool.iter().map(|one| (&*one.text, Origin::Accepted))),
        }
    }
}

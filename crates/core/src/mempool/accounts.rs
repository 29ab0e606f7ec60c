//! The transactions that wait for a block on a chain with accounts: in order of
//! nonce within each account, and by fee rate between accounts. It decides
//! which leave when there is no room, and what a block takes along. It judges
//! no signature: the rules did. Which may wait, `admission` decides.
//!
//! 1. The five indices hold the same transactions: `accounts`, `by_id`,
//!    `by_rate`, `by_arrival` and `by_turn`, each where it belongs.
//! 2. No account is there without one that waits, none of them has a nonce that
//!    is in a block, and the account can pay for all of them.
//! 3. Each has the turn that follows from those before it.
//! 4. `bytes` is the sum of the lengths, at most [`ACCOUNTS_PENDING_LIMIT_BYTES`].

mod account_queue;
mod admission;

pub use self::account_queue::Turn;
pub(crate) use self::admission::check_recipient;
pub use self::admission::{ACCOUNT_PENDING_LIMIT, ACCOUNT_RETURNED_LIMIT};

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Duration;

use self::account_queue::{Queue, WaitingTransaction, cost};
use self::admission::Coming;
use super::policy::{Policy, lowest_fee};
use super::reject::RejectReason;
use crate::address::Address;
use crate::hash::Hash;
use crate::sealed::Account;
use crate::transaction::Payment;

/// The transactions that wait are at most this long in total.
pub const ACCOUNTS_PENDING_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// A transaction that no block has taken within this time leaves.
pub const PENDING_EXPIRY_MS: u64 = 3 * 24 * 60 * 60 * 1_000;

/// While a block is filled, at most this many are passed over that do not fit,
/// or whose account has one before them that does not: then it is as good as
/// full.
pub const PASSED_OVER_LIMIT: usize = 1_000;

/// What has become of a transaction that was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It waits.
    New,
    /// It waited already.
    Known,
    /// It waits in the place of this one.
    Replaced(Hash),
}

/// The waiting transactions.
#[derive(Debug, Clone)]
pub struct AccountMempool {
    policy: Policy,
    accounts: BTreeMap<Address, Queue>,
    by_id: BTreeMap<Hash, (Address, u64)>,
    /// The worst first: the one that pays least for its length.
    by_rate: BTreeSet<Rank>,
    by_arrival: BTreeSet<(Duration, Address, u64)>,
    /// In the order in which blocks take them along.
    by_turn: BTreeMap<Reverse<Turn>, Arc<Payment>>,
    bytes: usize,
}

/// A place in the order of fee rates, the lowest first. Of an account's
/// transactions that pay the same, the last one is the first to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    rate: u128,
    sender: Address,
    nonce: Reverse<u64>,
}

/// The fee for 2^32 bytes.
fn rate(payment: &Payment) -> u128 {
    (u128::from(payment.fee) << 32) / payment.text.len().max(1) as u128
}

fn rank(payment: &Payment) -> Rank {
    Rank {
        rate: rate(payment),
        sender: payment.sender,
        nonce: Reverse(payment.nonce),
    }
}

impl AccountMempool {
    /// An empty one.
    pub fn new(policy: Policy) -> AccountMempool {
        AccountMempool {
            policy,
            accounts: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_rate: BTreeSet::new(),
            by_arrival: BTreeSet::new(),
            by_turn: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The total length of those that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those that wait, in order of account and nonce.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Payment>> {
        let queues = self.accounts.values();
        queues.flat_map(|queue| queue.waiting.values().map(|waiting| &waiting.payment))
    }

    /// The transaction of that identity.
    pub fn get(&self, id: &Hash) -> Option<&Arc<Payment>> {
        let (sender, nonce) = self.by_id.get(id)?;
        Some(&self.accounts.get(sender)?.waiting.get(nonce)?.payment)
    }

    /// An account's transactions, in order of nonce.
    pub fn of_account(&self, owner: &Address) -> impl Iterator<Item = &Arc<Payment>> {
        let queue = self.accounts.get(owner);
        queue
            .into_iter()
            .flat_map(|queue| queue.waiting.values().map(|waiting| &waiting.payment))
    }

    /// The nonce of the account's next transaction, all that wait considered.
    pub fn next_nonce(&self, owner: &Address, account: Account) -> u64 {
        self.accounts
            .get(owner)
            .map_or(account.nonce, Queue::first_missing)
    }

    /// Lets a transaction wait. `account` is the sender's, as the last block
    /// left it.
    pub fn accept(
        &mut self,
        now: Duration,
        payment: Arc<Payment>,
        account: Account,
    ) -> Result<Accepted, RejectReason> {
        if self.by_id.contains_key(&payment.id) {
            return Ok(Accepted::Known);
        }
        let none = Queue::on(account);
        let queue = self.accounts.get(&payment.sender).unwrap_or(&none);
        admission::check(&self.policy, Coming::Submitted, queue, &payment)?;
        let replaced = queue.waiting.get(&payment.nonce);
        let replaced = replaced.map(|waiting| &*waiting.payment);
        let replaced = replaced.map(|old| (old.id, old.text.len()));
        self.make_room(&payment, replaced.map_or(0, |(_, bytes)| bytes))?;
        self.remove(&payment.sender, payment.nonce);
        self.insert(now, payment, account);
        Ok(replaced.map_or(Accepted::New, |(id, _)| Accepted::Replaced(id)))
    }

    /// Lets a transaction of a dropped block wait again, unless the new main
    /// chain holds it, or another of its account in its place, or there is no
    /// room or no money for it: then later ones of its account go first, which
    /// could not be in a block without it. It is judged like a submitted one,
    /// except that more of its account may wait: several blocks may each have
    /// taken as many as may wait.
    pub fn give_back(
        &mut self,
        now: Duration,
        payment: Arc<Payment>,
        account: Account,
    ) -> Result<(), RejectReason> {
        let queue = self.accounts.get(&payment.sender);
        let waits = queue.is_some_and(|queue| queue.waiting.contains_key(&payment.nonce));
        match waits {
            true => Ok(()),
            false => self.put_back(now, payment, account, Coming::Returned),
        }
    }

    /// Lets a transaction wait that waited before the node was restarted. They
    /// come in the order in which they were accepted, so that each takes the
    /// place of an earlier one with its nonce.
    pub fn restore(
        &mut self,
        now: Duration,
        payment: Arc<Payment>,
        account: Account,
    ) -> Result<(), RejectReason> {
        self.remove(&payment.sender, payment.nonce);
        self.put_in_turn(&payment.sender);
        self.put_back(now, payment, account, Coming::Kept)
    }

    /// As far as expiry goes, all that wait came now.
    pub fn arrive_again(&mut self, now: Duration) {
        self.by_arrival.clear();
        for (sender, queue) in &mut self.accounts {
            for (nonce, waiting) in &mut queue.waiting {
                waiting.arrived = now;
                self.by_arrival.insert((now, *sender, *nonce));
            }
        }
    }

    fn put_back(
        &mut self,
        now: Duration,
        payment: Arc<Payment>,
        account: Account,
        coming: Coming,
    ) -> Result<(), RejectReason> {
        let none = Queue::on(account);
        let queue = self.accounts.get(&payment.sender).unwrap_or(&none);
        admission::check(&self.policy, coming, queue, &payment)?;
        self.make_room(&payment, 0)?;
        let sender = payment.sender;
        self.insert(now, payment, account);
        while let Some(nonce) = self.last_unpayable(&sender) {
            self.remove(&sender, nonce);
        }
        Ok(())
    }

    /// What a block may take along, the best fee rates first, each account in
    /// order of nonce: at most `limit_bytes`, where each takes
    /// `separator_bytes` more than its text.
    pub fn for_next_block(&self, limit_bytes: usize, separator_bytes: usize) -> Vec<Arc<Payment>> {
        let (mut left_bytes, mut passed_over) = (limit_bytes, 0);
        let (mut chosen, mut stopped) = (Vec::new(), BTreeSet::new());
        for (Reverse(turn), payment) in &self.by_turn {
            if !turn.is_ready || passed_over == PASSED_OVER_LIMIT {
                break;
            }
            let rest = left_bytes.checked_sub(payment.text.len() + separator_bytes);
            match rest.filter(|_| !stopped.contains(&turn.sender)) {
                Some(rest) => {
                    left_bytes = rest;
                    chosen.push(Arc::clone(payment));
                }
                // The rest of this account has to wait for this one.
                None => {
                    stopped.insert(turn.sender);
                    passed_over += 1;
                }
            }
        }
        chosen
    }

    /// At most `count` of those that wait, in the order in which blocks take them
    /// along, only those behind a turn if one is given.
    pub fn in_turn(&self, behind: Option<Turn>, count: usize) -> Vec<(Turn, Arc<Payment>)> {
        let start = behind.map_or(Unbounded, |turn| Excluded(Reverse(turn)));
        let found = self.by_turn.range((start, Unbounded)).take(count);
        found
            .map(|(Reverse(turn), payment)| (*turn, Arc::clone(payment)))
            .collect()
    }

    /// The main chain has changed these accounts: what is in blocks now leaves,
    /// and so does what its account can no longer pay. Returns what left
    /// without being in a block.
    pub fn update<'a>(
        &mut self,
        accounts: impl IntoIterator<Item = (&'a Address, &'a Account)>,
    ) -> Vec<Arc<Payment>> {
        let mut dropped = Vec::new();
        for (owner, account) in accounts {
            let Some(queue) = self.accounts.get_mut(owner) else {
                continue;
            };
            if queue.account == *account {
                continue;
            }
            queue.account = *account;
            let confirmed: Vec<u64> = queue
                .waiting
                .range(..account.nonce)
                .map(|(nonce, _)| *nonce)
                .collect();
            for nonce in confirmed {
                self.remove(owner, nonce);
            }
            while let Some(nonce) = self.last_unpayable(owner) {
                dropped.extend(self.remove(owner, nonce));
            }
            self.put_in_turn(owner);
        }
        dropped
    }

    /// Takes out one that no block can take. Those behind it in its account wait
    /// on, for another with its nonce.
    pub fn evict(&mut self, id: &Hash) -> Option<Arc<Payment>> {
        let (sender, nonce) = *self.by_id.get(id)?;
        let evicted = self.remove(&sender, nonce);
        self.put_in_turn(&sender);
        evicted
    }

    /// Takes out what has waited too long. Returns how many that were.
    pub fn expire(&mut self, now: Duration) -> usize {
        let mut count = 0;
        while let Some((arrived, sender, nonce)) = self.by_arrival.first().copied() {
            if now.saturating_sub(arrived) < Duration::from_millis(PENDING_EXPIRY_MS) {
                break;
            }
            count += self.remove_from(&sender, nonce);
        }
        count
    }

    /// Sends away what pays least, until there is room; nothing, if the
    /// transaction does not pay more than all of those.
    fn make_room(&mut self, payment: &Payment, freed_bytes: usize) -> Result<(), RejectReason> {
        let length_bytes = payment.text.len();
        let limit_bytes = ACCOUNTS_PENDING_LIMIT_BYTES + freed_bytes;
        let missing_bytes = (self.bytes + length_bytes).saturating_sub(limit_bytes);
        let (leaving, highest_rate) = self.worst(missing_bytes, payment);
        if highest_rate.is_some_and(|highest| rate(payment) <= highest) {
            let above = highest_rate.map_or(0, |highest| highest.saturating_add(1));
            let (expected, _) = lowest_fee(payment, |length_bytes| {
                let fee = above.saturating_mul(length_bytes as u128);
                u64::try_from(fee.div_ceil(1 << 32)).unwrap_or(u64::MAX)
            });
            return Err(RejectReason::FeeRate {
                bytes: self.bytes,
                expected,
                found: payment.fee,
            });
        }
        for (sender, nonce) in leaving {
            self.remove(&sender, nonce);
        }
        Ok(())
    }

    /// Those that pay least and together free that many bytes, each with what
    /// comes after it in its account, and the highest rate that is given up for
    /// its own sake. What `payment` waits for stays, and what it replaces is
    /// gone already.
    fn worst(
        &self,
        mut missing_bytes: usize,
        payment: &Payment,
    ) -> (BTreeSet<(Address, u64)>, Option<u128>) {
        let (mut leaving, mut highest_rate) = (BTreeSet::new(), None);
        for rank in &self.by_rate {
            if missing_bytes == 0 {
                break;
            }
            let (sender, Reverse(nonce)) = (rank.sender, rank.nonce);
            let is_needed = sender == payment.sender && nonce <= payment.nonce;
            if is_needed || leaving.contains(&(sender, nonce)) {
                continue;
            }
            highest_rate = Some(rank.rate);
            let queue = self.accounts.get(&sender).into_iter();
            for (nonce, waiting) in queue.flat_map(|queue| queue.waiting.range(nonce..)) {
                if leaving.insert((sender, *nonce)) {
                    missing_bytes = missing_bytes.saturating_sub(waiting.payment.text.len());
                }
            }
        }
        // With too few to give up, no fee is enough.
        let is_enough = missing_bytes == 0;
        (
            leaving,
            if is_enough {
                highest_rate
            } else {
                Some(u128::MAX)
            },
        )
    }

    /// Goes through everything to check that the invariants hold.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn check_invariants(&self) {
        let (mut count, mut bytes) = (0, 0);
        for (sender, queue) in &self.accounts {
            assert!(!queue.waiting.is_empty(), "invariant 2: an empty account");
            let costs = queue.waiting.values().map(|one| cost(&one.payment));
            assert_eq!(queue.cost, costs.sum(), "invariant 2: cost");
            let balance = u128::from(queue.account.balance);
            assert!(queue.cost <= balance, "invariant 2: cannot pay");
            let (mut rate_before, mut next_nonce) = (u128::MAX, queue.account.nonce);
            for (
                nonce,
                WaitingTransaction {
                    payment,
                    arrived,
                    turn,
                },
            ) in &queue.waiting
            {
                let place = (*sender, *nonce);
                assert_eq!((payment.sender, payment.nonce), place, "invariant 1");
                assert!(*nonce >= queue.account.nonce, "invariant 2: in a block");
                rate_before = rate(payment).min(rate_before);
                let expected = Turn {
                    is_ready: *nonce == next_nonce,
                    rate: rate_before,
                    sender: *sender,
                    nonce: Reverse(*nonce),
                };
                next_nonce += u64::from(expected.is_ready);
                assert_eq!(*turn, Some(expected), "invariant 3");
                let by_turn = self.by_turn.get(&Reverse(expected));
                assert_eq!(by_turn, Some(payment), "invariant 1: by_turn");
                assert_eq!(
                    self.by_id.get(&payment.id),
                    Some(&place),
                    "invariant 1: by_id"
                );
                assert!(
                    self.by_rate.contains(&rank(payment)),
                    "invariant 1: by_rate"
                );
                let arrival = (*arrived, *sender, *nonce);
                assert!(
                    self.by_arrival.contains(&arrival),
                    "invariant 1: by_arrival"
                );
                (count, bytes) = (count + 1, bytes + payment.text.len());
            }
        }
        let lengths = [
            self.by_id.len(),
            self.by_rate.len(),
            self.by_arrival.len(),
            self.by_turn.len(),
        ];
        assert_eq!(lengths, [count; 4], "invariant 1: as many everywhere");
        assert_eq!(self.bytes, bytes, "invariant 4");
        assert!(bytes <= ACCOUNTS_PENDING_LIMIT_BYTES, "invariant 4");
    }

    /// The accounts of those that wait, as the last block left them.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        let queues = self.accounts.iter();
        queues.map(|(owner, queue)| (owner, &queue.account))
    }

    fn last_unpayable(&self, owner: &Address) -> Option<u64> {
        let queue = self.accounts.get(owner)?;
        let is_unpayable = queue.cost > u128::from(queue.account.balance);
        queue
            .waiting
            .last_key_value()
            .filter(|_| is_unpayable)
            .map(|(nonce, _)| *nonce)
    }

    fn insert(&mut self, now: Duration, payment: Arc<Payment>, account: Account) {
        let (sender, nonce) = (payment.sender, payment.nonce);
        self.by_id.insert(payment.id, (sender, nonce));
        self.by_rate.insert(rank(&payment));
        self.by_arrival.insert((now, sender, nonce));
        self.bytes += payment.text.len();
        let queue = self
            .accounts
            .entry(sender)
            .or_insert_with(|| Queue::on(account));
        queue.cost += cost(&payment);
        queue.waiting.insert(
            nonce,
            WaitingTransaction {
                payment,
                arrived: now,
                turn: None,
            },
        );
        self.put_in_turn(&sender);
    }

    /// Puts an account's transactions where their turn is, after those before
    /// them have changed. Few have to be moved: an account's last one changes
    /// no other's turn.
    fn put_in_turn(&mut self, sender: &Address) {
        let Some(queue) = self.accounts.get_mut(sender) else {
            return;
        };
        let (mut rate_before, mut next_nonce) = (u128::MAX, queue.account.nonce);
        for (nonce, waiting) in &mut queue.waiting {
            rate_before = rate(&waiting.payment).min(rate_before);
            let turn = Turn {
                is_ready: *nonce == next_nonce,
                rate: rate_before,
                sender: *sender,
                nonce: Reverse(*nonce),
            };
            next_nonce += u64::from(turn.is_ready);
            if waiting.turn == Some(turn) {
                continue;
            }
            if let Some(old) = waiting.turn.replace(turn) {
                self.by_turn.remove(&Reverse(old));
            }
            let payment = Arc::clone(&waiting.payment);
            self.by_turn.insert(Reverse(turn), payment);
        }
    }

    /// Takes out this one and those of its account that come after it.
    fn remove_from(&mut self, sender: &Address, nonce: u64) -> usize {
        let queue = self.accounts.get(sender);
        let nonces: Vec<u64> = queue
            .into_iter()
            .flat_map(|queue| queue.waiting.range(nonce..).map(|(nonce, _)| *nonce))
            .collect();
        for nonce in &nonces {
            self.remove(sender, *nonce);
        }
        nonces.len()
    }

    /// A caller that takes out one with others behind it puts those in turn.
    fn remove(&mut self, sender: &Address, nonce: u64) -> Option<Arc<Payment>> {
        let queue = self.accounts.get_mut(sender)?;
        let WaitingTransaction {
            payment,
            arrived,
            turn,
        } = queue.waiting.remove(&nonce)?;
        queue.cost -= cost(&payment);
        if queue.waiting.is_empty() {
            self.accounts.remove(sender);
        }
        self.by_id.remove(&payment.id);
        self.by_rate.remove(&rank(&payment));
        self.by_arrival.remove(&(arrived, *sender, nonce));
        if let Some(turn) = turn {
            self.by_turn.remove(&Reverse(turn));
        }
        self.bytes -= payment.text.len();
        Some(payment)
    }
}

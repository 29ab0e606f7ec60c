//! The mempool with accounts against a naive model, step by step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::hash::Hash;
use adit_core::mempool::{
    ACCOUNT_PENDING_LIMIT, ACCOUNTS_PENDING_LIMIT_BYTES, Accepted, AccountMempool, NONCE_GAP_LIMIT,
    PENDING_EXPIRY_MS, RejectReason, Turn,
};
use adit_core::sealed::Account;
use adit_core::transaction::Payment;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::account_mempool::{
    ANYTHING, RICH, START, accept, has, in_pages, next_block, owner, payment, turns, waiting,
};
use crate::account_mempool_room::{LARGE, full_mempool};
use crate::world::repeatable;

/// What happens to a mempool.
#[derive(Debug, Clone)]
enum Step {
    Accept(u8, u64, u64, u64),
    GiveBack(u8, u64, u64, u64),
    Restore(u8, u64, u64, u64),
    /// An account is like this now.
    Update(u8, u64, u64),
    /// A block takes at most this many bytes of what waits.
    Mine(usize),
    /// This many days pass.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let one = || (0..3u8, 0..22u64, 0..60u64, 0..30u64);
    prop_oneof![
        8 => one().prop_map(|(who, nonce, amount, fee)| Step::Accept(who, nonce, amount, fee)),
        2 => one().prop_map(|(who, nonce, amount, fee)| Step::GiveBack(who, nonce, amount, fee)),
        1 => one().prop_map(|(who, nonce, amount, fee)| Step::Restore(who, nonce, amount, fee)),
        2 => (0..3u8, 0..200u64, 0..8u64).prop_map(|(who, has, nonce)| Step::Update(who, has, nonce)),
        1 => (0..400usize).prop_map(Step::Mine),
        1 => (1..3u64).prop_map(Step::Wait),
    ]
}

/// A mempool without a thought for speed.
#[derive(Default)]
struct Model {
    now: Duration,
    accounts: BTreeMap<u8, Account>,
    waiting: BTreeMap<(u8, u64), (Arc<Payment>, Duration)>,
}

impl Model {
    /// The turns of all that wait, worked out from scratch.
    fn turns(&self) -> Vec<Turn> {
        let turn = |(who, nonce): &(u8, u64)| {
            let before = self.waiting.range((*who, 0)..=(*who, *nonce));
            let rates =
                before.map(|(_, (one, _))| (u128::from(one.fee) << 32) / one.text.len() as u128);
            let mut needed = self.account(*who).nonce..*nonce;
            Turn {
                is_ready: needed.all(|nonce| self.waiting.contains_key(&(*who, nonce))),
                rate: rates.min().unwrap(),
                sender: owner(*who),
                nonce: Reverse(*nonce),
            }
        };
        let mut turns: Vec<_> = self.waiting.keys().map(turn).collect();
        turns.sort_by(|one, other| other.cmp(one));
        turns
    }

    fn account(&self, who: u8) -> Account {
        self.accounts.get(&who).copied().unwrap_or(has(100, 0))
    }

    fn cost(&self, who: u8, nonces: impl Fn(u64) -> bool) -> u64 {
        let all = self.waiting.iter();
        let theirs = all.filter(|((owner, nonce), _)| *owner == who && nonces(*nonce));
        theirs.map(|(_, (one, _))| one.amount + one.fee).sum()
    }

    /// The nonces below `nonce` that neither a block nor a waiting one has,
    /// from the first missing one on.
    fn gap(&self, who: u8, nonce: u64) -> u64 {
        let first = (self.account(who).nonce..).find(|at| !self.waiting.contains_key(&(who, *at)));
        nonce.saturating_sub(first.unwrap())
    }

    fn accept(&mut self, who: u8, payment: &Arc<Payment>) -> Result<(), &'static str> {
        let (account, nonce) = (self.account(who), payment.nonce);
        let old = self
            .waiting
            .get(&(who, nonce))
            .map(|(old, _)| Arc::clone(old));
        if old.as_ref().is_some_and(|old| old.id == payment.id) {
            return Ok(());
        }
        let count = self
            .waiting
            .keys()
            .filter(|(owner, _)| *owner == who)
            .count();
        let least = old
            .as_ref()
            .map_or(0, |old| (old.fee * 11).div_ceil(10).max(old.fee + 1));
        let others = self.cost(who, |other| other != nonce);
        match () {
            () if nonce < account.nonce => return Err("nonce-used"),
            () if self.gap(who, nonce) > NONCE_GAP_LIMIT => return Err("nonce-gap"),
            () if payment.fee < least => return Err("replacement-fee"),
            () if old.is_none() && count == ACCOUNT_PENDING_LIMIT => return Err("account-limit"),
            () if others + payment.amount + payment.fee > account.balance => return Err("balance"),
            () => {}
        }
        self.waiting
            .insert((who, nonce), (Arc::clone(payment), self.now));
        Ok(())
    }

    fn put_back(
        &mut self,
        who: u8,
        payment: &Arc<Payment>,
        gap_limit: u64,
    ) -> Result<(), &'static str> {
        let (account, nonce) = (self.account(who), payment.nonce);
        if nonce < account.nonce {
            return Err("nonce-used");
        }
        if self.gap(who, nonce) > gap_limit {
            return Err("nonce-gap");
        }
        if self.cost(who, |other| other < nonce) + payment.amount + payment.fee > account.balance {
            return Err("balance");
        }
        self.waiting
            .insert((who, nonce), (Arc::clone(payment), self.now));
        self.drop_unpayable(who);
        Ok(())
    }

    fn drop_unpayable(&mut self, who: u8) {
        while self.cost(who, |_| true) > self.account(who).balance {
            let last = self
                .waiting
                .keys()
                .rfind(|(owner, _)| *owner == who)
                .copied();
            self.waiting.remove(&last.unwrap());
        }
    }

    fn update(&mut self, who: u8, account: Account) {
        self.accounts.insert(who, account);
        self.waiting
            .retain(|(owner, nonce), _| *owner != who || *nonce >= account.nonce);
        self.drop_unpayable(who);
    }

    /// Again and again the best of those that are next in their account.
    fn next_block(&self, mut left_bytes: usize) -> Vec<(u8, u64)> {
        let mut chosen = Vec::new();
        let mut next: BTreeMap<u8, u64> =
            (0..3).map(|who| (who, self.account(who).nonce)).collect();
        loop {
            let heads = next
                .iter()
                .filter_map(|(who, nonce)| self.waiting.get(&(*who, *nonce)));
            let best = heads.max_by(|(one, _), (other, _)| {
                let rate = (one.fee as usize * other.text.len())
                    .cmp(&(other.fee as usize * one.text.len()));
                rate.then(one.sender.cmp(&other.sender))
            });
            let Some((best, _)) = best else {
                return chosen;
            };
            let who = best.sender.0[0];
            match left_bytes.checked_sub(best.text.len() + 2) {
                None => drop(next.remove(&who)),
                Some(left) => {
                    left_bytes = left;
                    chosen.push((who, best.nonce));
                    *next.get_mut(&who).unwrap() += 1;
                }
            }
        }
    }

    fn expire(&mut self) {
        let age = Duration::from_millis(PENDING_EXPIRY_MS);
        let old = self.waiting.iter();
        let old: Vec<_> = old
            .filter(|(_, (_, since))| self.now - *since >= age)
            .map(|(key, _)| *key)
            .collect();
        self.waiting.retain(|(who, nonce), _| {
            !old.iter()
                .any(|(owner, first)| owner == who && nonce >= first)
        });
    }
}

fn rule(result: Result<(), RejectReason>) -> Result<(), &'static str> {
    result.map_err(|error| error.rule())
}

fn take(mempool: &mut AccountMempool, model: &mut Model, step: &Step) {
    // The length depends on everything, so that rates differ.
    let made = |who: u8, nonce: u64, amount: u64, fee: u64| {
        payment(
            who,
            nonce,
            amount,
            fee,
            60 + (amount + 7 * fee) as usize % 40,
        )
    };
    match *step {
        Step::Accept(who, nonce, amount, fee) => {
            let payment = made(who, nonce, amount, fee);
            let found = mempool.accept(model.now, Arc::clone(&payment), model.account(who));
            assert_eq!(rule(found.map(|_| ())), model.accept(who, &payment));
        }
        Step::GiveBack(who, nonce, amount, fee) => {
            let payment = made(who, nonce, amount, fee);
            let found = mempool.give_back(model.now, Arc::clone(&payment), model.account(who));
            let expected = match model.waiting.contains_key(&(who, nonce)) {
                true => Ok(()),
                false => model.put_back(who, &payment, NONCE_GAP_LIMIT),
            };
            assert_eq!(rule(found), expected);
        }
        Step::Restore(who, nonce, amount, fee) => {
            let payment = made(who, nonce, amount, fee);
            let found = mempool.restore(model.now, Arc::clone(&payment), model.account(who));
            model.waiting.remove(&(who, nonce));
            assert_eq!(rule(found), model.put_back(who, &payment, u64::MAX));
        }
        Step::Update(who, balance, nonce) => {
            let account = has(balance, nonce);
            model.update(who, account);
            mempool.update([(&owner(who), &account)]);
        }
        Step::Mine(bytes) => {
            for (who, nonce) in model.next_block(bytes) {
                let (paid, _) = &model.waiting[&(who, nonce)];
                let balance = model.account(who).balance - paid.amount - paid.fee;
                let account = has(balance, nonce + 1);
                model.update(who, account);
                mempool.update([(&owner(who), &account)]);
            }
        }
        Step::Wait(days) => {
            model.now += Duration::from_secs(days * 24 * 60 * 60);
            let before = model.waiting.len();
            model.expire();
            assert_eq!(mempool.expire(model.now), before - model.waiting.len());
        }
    }
}

proptest! {
    #![proptest_config(repeatable(1_500))]

    #[test]
    fn a_mempool_does_what_the_model_does(steps in vec(step(), 1..60), limit in 0..600usize) {
        let mut mempool = AccountMempool::new(ANYTHING);
        let mut model = Model { now: START, ..Model::default() };
        for step in &steps {
            take(&mut mempool, &mut model, step);
            let expected: Vec<_> = model.waiting.values().map(|(one, _)| one).collect();
            prop_assert_eq!(mempool.iter().collect::<Vec<_>>(), expected.clone(), "after {:?}", step);
            let bytes: usize = expected.iter().map(|one| one.text.len()).sum();
            prop_assert_eq!((mempool.len(), mempool.bytes()), (expected.len(), bytes));
            prop_assert_eq!(mempool.is_empty(), expected.is_empty());
            prop_assert!(expected.iter().all(|one| mempool.get(&one.id) == Some(one)));
            prop_assert_eq!(next_block(&mempool, limit), model.next_block(limit));
            let in_turn = in_pages(&mempool, 1 + limit % 7);
            let of_next_block = next_block(&mempool, usize::MAX);
            prop_assert_eq!(&in_turn[..of_next_block.len()], &of_next_block);
            prop_assert_eq!(in_turn.into_iter().collect::<BTreeSet<_>>(), waiting(&mempool).into_iter().collect());
            prop_assert_eq!(turns(&mempool), model.turns());
            mempool.check_invariants();
            for who in 0..4 {
                let nonce = mempool.next_nonce(&owner(who), model.account(who));
                prop_assert_eq!(model.gap(who, nonce), 0);
                prop_assert!(!model.waiting.contains_key(&(who, nonce)));
            }
        }
    }
}

proptest! {
    #![proptest_config(repeatable(24))]

    /// With so little room that somebody always has to leave.
    #[test]
    fn a_full_mempool_keeps_its_bound_and_gives_up_the_least(
        offers in vec((0..40u8, 1..200u64, 1..9usize), 1..60),
    ) {
        let mut mempool = full_mempool();
        for (sender, fee, length) in offers {
            let sender = sender + 100;
            let before: BTreeMap<Hash, Arc<Payment>> = ids(&mempool);
            let nonce = mempool.next_nonce(&owner(sender), RICH);
            let offer = payment(sender, nonce, 1, fee * 100, length * LARGE / 4);
            let accepted = accept(&mut mempool, &offer);
            let after = ids(&mempool);
            mempool.check_invariants();
            prop_assert!(mempool.bytes() <= ACCOUNTS_PENDING_LIMIT_BYTES);
            prop_assert_eq!(after.values().map(|one| one.text.len()).sum::<usize>(), mempool.bytes());
            let gone: Vec<_> = before.iter().filter(|(id, _)| !after.contains_key(id)).collect();
            match accepted {
                Ok(Accepted::New) => {
                    // The heads of what left pay less than the newcomer, and
                    // whatever stays of others pays no less than they did.
                    let heads = heads(gone.iter().map(|(_, one)| *one));
                    for head in &heads {
                        prop_assert!(rate(head) < rate(&offer));
                    }
                    prop_assert_eq!(gone.is_empty(), heads.is_empty());
                }
                Err(RejectReason::FeeRate { expected, found, .. }) => {
                    prop_assert!(gone.is_empty());
                    prop_assert!(expected > found);
                    let enough = payment(sender, nonce, 1, expected, length * LARGE / 4);
                    let less = payment(sender, nonce, 1, expected - 1, length * LARGE / 4);
                    prop_assert!(accept(&mut mempool, &less).is_err());
                    prop_assert_eq!(accept(&mut mempool, &enough), Ok(Accepted::New));
                }
                Err(RejectReason::TooManyOfAccount { .. }) => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

fn ids(mempool: &AccountMempool) -> BTreeMap<Hash, Arc<Payment>> {
    mempool
        .iter()
        .map(|one| (one.id, Arc::clone(one)))
        .collect()
}

/// The first of each account.
fn heads<'a>(payments: impl Iterator<Item = &'a Arc<Payment>>) -> Vec<&'a Payment> {
    let mut seen = BTreeSet::new();
    let mut payments: Vec<_> = payments.map(|one| &**one).collect();
    payments.sort_by_key(|one| one.nonce);
    payments.retain(|one| seen.insert(one.sender));
    payments
}

fn rate(payment: &Payment) -> f64 {
    payment.fee as f64 / payment.text.len() as f64
}

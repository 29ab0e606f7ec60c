//! The waiting transactions of a chain with accounts: who may wait, who leaves,
//! what a block takes along. A naive model says what is right.

use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::mempool::{
    ACCOUNT_PENDING_LIMIT, ACCOUNT_RETURNED_LIMIT, Accepted, AccountMempool, FeeRate,
    NONCE_GAP_LIMIT, PASSED_OVER_LIMIT, Policy, RejectReason, Turn,
};
use adit_core::merkle::leaf;
use adit_core::sealed::Account;
use adit_core::transaction::Payment;

pub(crate) const START: Duration = Duration::from_secs(1_700_000_000);

/// Asks nothing of anybody.
pub(crate) const ANYTHING: Policy = Policy {
    min_fee_rate: FeeRate(0),
    room_bytes: usize::MAX,
};

pub(crate) fn owner(number: u8) -> Address {
    Address([number; 32])
}

/// Any text does: the rules have read it.
pub(crate) fn payment(sender: u8, nonce: u64, amount: u64, fee: u64, bytes: usize) -> Arc<Payment> {
    let mut text = format!("{sender} {nonce} {amount} {fee} ").into_bytes();
    text.resize(bytes.max(text.len()), b'x');
    Arc::new(Payment {
        id: sha256(&text),
        leaf: leaf(&text),
        text: text.into(),
        sender: owner(sender),
        recipient: owner(0),
        nonce,
        amount,
        fee,
    })
}

pub(crate) fn small(sender: u8, nonce: u64, fee: u64) -> Arc<Payment> {
    payment(sender, nonce, 1, fee, 100)
}

pub(crate) fn has(balance: u64, nonce: u64) -> Account {
    Account { balance, nonce }
}

pub(crate) const RICH: Account = Account {
    balance: u64::MAX,
    nonce: 0,
};

pub(crate) fn accept(
    mempool: &mut AccountMempool,
    payment: &Arc<Payment>,
) -> Result<Accepted, RejectReason> {
    mempool.accept(START, Arc::clone(payment), RICH)
}

pub(crate) fn mempool_of(payments: &[Arc<Payment>]) -> AccountMempool {
    let mut mempool = AccountMempool::new(ANYTHING);
    for payment in payments {
        assert_eq!(accept(&mut mempool, payment), Ok(Accepted::New));
    }
    mempool
}

pub(crate) fn error_of(result: Result<Accepted, RejectReason>) -> (&'static str, String) {
    let error = result.expect_err("it may not wait");
    (error.rule(), error.to_string())
}

/// Whose transactions wait, and with which nonces.
pub(crate) fn waiting(mempool: &AccountMempool) -> Vec<(u8, u64)> {
    mempool
        .iter()
        .map(|one| (one.sender.0[0], one.nonce))
        .collect()
}

pub(crate) fn next_block(mempool: &AccountMempool, limit_bytes: usize) -> Vec<(u8, u64)> {
    let chosen = mempool.for_next_block(limit_bytes, 2);
    chosen
        .iter()
        .map(|one| (one.sender.0[0], one.nonce))
        .collect()
}

/// The turns of all that wait, in their order.
pub(crate) fn turns(mempool: &AccountMempool) -> Vec<Turn> {
    let all = mempool.in_turn(None, usize::MAX);
    all.into_iter().map(|(turn, _)| turn).collect()
}

/// All that wait, in the order of blocks, page by page.
pub(crate) fn in_pages(mempool: &AccountMempool, page: usize) -> Vec<(u8, u64)> {
    let mut all = Vec::new();
    let mut behind = None;
    loop {
        let found = mempool.in_turn(behind, page);
        all.extend(found.iter().map(|(_, one)| (one.sender.0[0], one.nonce)));
        match found.last() {
            Some((turn, _)) if found.len() == page => behind = Some(*turn),
            _ => return all,
        }
    }
}

#[test]
fn the_best_fee_rates_come_first_and_each_account_in_its_order() {
    let mempool = mempool_of(&[
        small(1, 0, 5),
        small(1, 1, 500),
        small(2, 0, 50),
        small(2, 1, 1),
        payment(3, 0, 1, 90, 200),
    ]);
    let order = [(2, 0), (3, 0), (1, 0), (1, 1), (2, 1)];
    assert_eq!(next_block(&mempool, usize::MAX), order);
}

#[test]
fn what_lacks_one_before_it_waits_until_that_has_come() {
    let mut mempool = mempool_of(&[small(1, 1, 5), small(1, 3, 5)]);
    assert_eq!(next_block(&mempool, usize::MAX), []);
    assert_eq!(mempool.next_nonce(&owner(1), RICH), 0);
    accept(&mut mempool, &small(1, 0, 1)).unwrap();
    assert_eq!(next_block(&mempool, usize::MAX), [(1, 0), (1, 1)]);
    assert_eq!(mempool.next_nonce(&owner(1), RICH), 2);
    assert_eq!(mempool.next_nonce(&owner(2), has(0, 7)), 7);
}

#[test]
fn a_block_is_filled_to_the_byte_and_whoever_does_not_fit_stops_only_their_account() {
    let mempool = mempool_of(&[
        payment(1, 0, 1, 9_000, 300),
        small(1, 1, 9_000),
        small(2, 0, 10),
        small(2, 1, 10),
    ]);
    assert_eq!(next_block(&mempool, 2 * 102), [(2, 0), (2, 1)]);
    assert_eq!(next_block(&mempool, 2 * 102 - 1), [(2, 0)]);
    assert_eq!(next_block(&mempool, 302), [(1, 0)]);
    assert_eq!(next_block(&mempool, 302 + 102), [(1, 0), (1, 1)]);
    assert_eq!(next_block(&mempool, 101), []);
}

#[test]
fn a_nonce_that_is_in_a_block_is_refused() {
    let mut mempool = AccountMempool::new(ANYTHING);
    let refused = mempool.accept(START, small(1, 4, 1), has(100, 5));
    let message = "nonce: expected 5 or more, found 4: that one is in a block already";
    assert_eq!(error_of(refused), ("nonce-used", message.to_owned()));
    assert!(mempool.is_empty());
}

#[test]
fn the_gap_before_a_transaction_is_bounded() {
    let mut mempool = mempool_of(&[small(1, 0, 1), small(1, 1 + NONCE_GAP_LIMIT, 1)]);
    let refused = accept(&mut mempool, &small(1, 2 + NONCE_GAP_LIMIT, 1));
    let message = "nonce: expected 1, found 18: a transaction waits for at most 16 that are \
                   missing before it; send those first";
    assert_eq!(error_of(refused), ("nonce-gap", message.to_owned()));
    let far = mempool.accept(
        START,
        small(2, u64::MAX >> 11, 1),
        has(9, (u64::MAX >> 11) - 1),
    );
    assert_eq!(far, Ok(Accepted::New));
}

#[test]
fn no_more_of_one_account_wait_than_the_limit() {
    let limit = ACCOUNT_PENDING_LIMIT as u64;
    let all: Vec<_> = (0..limit).map(|nonce| small(1, nonce, 1)).collect();
    let mut mempool = mempool_of(&all);
    let refused = accept(&mut mempool, &small(1, limit, 1));
    let message = "64 transactions of this account are waiting already; wait for a block";
    assert_eq!(error_of(refused), ("account-limit", message.to_owned()));
    let replaced = accept(&mut mempool, &small(1, 7, 10));
    assert_eq!(replaced, Ok(Accepted::Replaced(all[7].id)));
    assert_eq!(accept(&mut mempool, &small(2, 0, 1)), Ok(Accepted::New));
    // Several blocks may have taken as many.
    let returned = ACCOUNT_RETURNED_LIMIT as u64;
    for nonce in limit..returned {
        mempool.give_back(START, small(1, nonce, 1), RICH).unwrap();
    }
    assert_eq!(mempool.len(), ACCOUNT_RETURNED_LIMIT + 1);
    let refused = mempool.give_back(START, small(1, returned, 1), RICH);
    let message = "1024 transactions of this account are waiting already; wait for a block";
    assert_eq!(refused.unwrap_err().to_string(), message);
    // What waited before a restart was promised.
    mempool.restore(START, small(1, returned, 1), RICH).unwrap();
}

/// A mempool that wants two base units a byte, and nothing longer than 298 bytes.
fn strict_mempool() -> AccountMempool {
    AccountMempool::new(Policy {
        min_fee_rate: FeeRate(2_000),
        room_bytes: 300,
    })
}

#[test]
fn what_pays_too_little_for_its_length_is_refused_however_it_comes() {
    let message = "fee: expected 200 base units or more, found 199 base units: this node takes nothing below 2000 base \
                   units for 1000 bytes, and with that fee the transaction has 100 bytes";
    let mut mempool = strict_mempool();
    let refused = accept(&mut mempool, &small(1, 0, 199));
    assert_eq!(error_of(refused), ("min-fee", message.to_owned()));
    let refused = mempool
        .give_back(START, small(1, 0, 199), RICH)
        .unwrap_err();
    assert_eq!(refused.to_string(), message);
    assert!(mempool.is_empty());
    mempool.give_back(START, small(1, 0, 200), RICH).unwrap();
    assert_eq!(accept(&mut mempool, &small(1, 1, 200)), Ok(Accepted::New));
    // What was acknowledged before a restart stays, whatever is asked now.
    mempool.restore(START, small(1, 2, 0), RICH).unwrap();
    assert_eq!(next_block(&mempool, usize::MAX), [(1, 0), (1, 1), (1, 2)]);
}

/// With more digits in the fee, the transaction is longer: the fee that is
/// asked for must be the one that is taken.
#[test]
fn the_fee_that_is_asked_for_is_enough() {
    for (rate, found, length) in [
        (1_000, 0, 372),
        (2_000, 7, 120),
        (1, 0, 290),
        (10_000, 99, 99),
    ] {
        let mempool = || {
            AccountMempool::new(Policy {
                min_fee_rate: FeeRate(rate),
                room_bytes: 1_000,
            })
        };
        // Its length without its fee.
        let others = length - found.to_string().len();
        let offer = |fee: u64| payment(1, 0, 0, fee, others + fee.to_string().len());
        let refused = mempool().accept(START, offer(found), RICH).unwrap_err();
        let RejectReason::MinFee { expected, .. } = refused else {
            panic!("{refused}");
        };
        assert!(mempool().accept(START, offer(expected - 1), RICH).is_err());
        assert_eq!(
            mempool().accept(START, offer(expected), RICH),
            Ok(Accepted::New)
        );
    }
}

/// Amounts and fees of nothing come for free, but not from somebody who owns
/// nothing where a fee is asked for.
#[test]
fn whoever_owns_nothing_can_pay_no_fee() {
    let nobody = has(0, 0);
    let offer = |fee| strict_mempool().accept(START, payment(1, 0, 0, fee, 100), nobody);
    assert_eq!(error_of(offer(0)).0, "min-fee");
    assert_eq!(error_of(offer(200)).0, "balance");
}

#[test]
fn a_fee_rate_is_rounded_up_and_does_not_overflow() {
    for (rate, bytes, fee) in [
        (0, 1_000, 0),
        (1, 1, 1),
        (1, 1_000, 1),
        (1, 1_001, 2),
        (1_000, 430, 430),
        (u64::MAX, 999, u64::MAX / 1_000 * 999 + 615),
        (u64::MAX, 1_001, u64::MAX),
    ] {
        assert_eq!(FeeRate(rate).fee_for(bytes), fee, "{rate} for {bytes}");
    }
}

#[test]
fn what_no_block_has_room_for_is_refused_however_it_comes() {
    let message = "expected at most 298 bytes, found 299: a block of this chain has no more room \
                   beside its header and reward";
    let mut mempool = strict_mempool();
    let refused = accept(&mut mempool, &payment(1, 0, 1, 9_000, 299));
    assert_eq!(error_of(refused), ("size", message.to_owned()));
    let refused = mempool.give_back(START, payment(1, 0, 1, 9_000, 299), RICH);
    assert_eq!(refused.unwrap_err().to_string(), message);
    let fits = payment(1, 0, 1, 9_000, 298);
    assert_eq!(accept(&mut mempool, &fits), Ok(Accepted::New));
    assert_eq!(next_block(&mempool, 300), [(1, 0)]);
}

/// It was acknowledged before anything checked how much room there is.
#[test]
fn one_that_never_fits_stops_only_its_account() {
    let mut mempool = strict_mempool();
    mempool
        .restore(START, payment(9, 0, 1, 90_000, 301), RICH)
        .unwrap();
    mempool
        .restore(START, payment(9, 1, 1, 90_000, 100), RICH)
        .unwrap();
    accept(&mut mempool, &small(1, 0, 200)).unwrap();
    assert_eq!(next_block(&mempool, 300), [(1, 0)]);
}

#[test]
fn filling_a_block_passes_over_no_more_than_the_limit() {
    for (too_long, expected) in [(PASSED_OVER_LIMIT - 1, 1), (PASSED_OVER_LIMIT, 0)] {
        let mut mempool = AccountMempool::new(ANYTHING);
        for at in 0..too_long {
            let (sender, nonce) = ((at / 32) as u8, (at % 32) as u64);
            accept(&mut mempool, &payment(sender, nonce, 1, 9_000, 300)).unwrap();
        }
        accept(&mut mempool, &small(200, 0, 1)).unwrap();
        assert_eq!(mempool.for_next_block(150, 2).len(), expected);
    }
}

#[test]
fn a_tenth_more_fee_takes_the_place_of_another() {
    for (fee, enough) in [(0, 1), (1, 2), (9, 10), (10, 11), (11, 13), (1_000, 1_100)] {
        let first = small(1, 0, fee);
        let mut mempool = mempool_of(&[Arc::clone(&first), small(1, 1, 1)]);
        let id = first.id;
        let refused = accept(&mut mempool, &payment(1, 0, 2, enough - 1, 100));
        let message = format!(
            "fee: expected {enough} base units or more to take the place of transaction {id} \
             with the same nonce, found {} base units",
            enough - 1
        );
        assert_eq!(error_of(refused), ("replacement-fee", message));
        let better = payment(1, 0, 2, enough, 130);
        let replaced = accept(&mut mempool, &better);
        assert_eq!(replaced, Ok(Accepted::Replaced(id)));
        assert_eq!(mempool.get(&id), None);
        assert_eq!(mempool.get(&better.id), Some(&better));
        assert_eq!((mempool.len(), mempool.bytes()), (2, 230));
        assert_eq!(waiting(&mempool), [(1, 0), (1, 1)]);
    }
    let mut mempool = mempool_of(&[small(1, 0, u64::MAX - 5)]);
    let refused = accept(&mut mempool, &payment(1, 0, 2, u64::MAX - 1, 100));
    assert_eq!(error_of(refused).0, "replacement-fee", "no overflow");
}

#[test]
fn the_same_one_again_is_known() {
    let payment = small(1, 0, 5);
    let mut mempool = mempool_of(&[Arc::clone(&payment)]);
    assert_eq!(accept(&mut mempool, &payment), Ok(Accepted::Known));
    assert_eq!(mempool.len(), 1);
}

#[test]
fn an_account_pays_for_all_that_wait() {
    let mut mempool = AccountMempool::new(ANYTHING);
    let account = has(100, 0);
    let mut accept = |payment| mempool.accept(START, payment, account);
    accept(payment(1, 0, 60, 5, 0)).unwrap();
    let refused = accept(payment(1, 1, 30, 6, 0));
    let message = "balance: expected 101 base units for this transaction and those of the \
                   account that are waiting, found 100 base units";
    assert_eq!(error_of(refused), ("balance", message.to_owned()));
    accept(payment(1, 1, 30, 5, 0)).unwrap();
    // The one that is replaced need not be paid.
    accept(payment(1, 0, 40, 30, 0)).unwrap_err();
    accept(payment(1, 0, 40, 25, 0)).unwrap();
    let huge = accept(payment(2, 0, u64::MAX, u64::MAX, 0));
    let (_, message) = error_of(huge);
    assert!(
        message.contains("expected 36893488147419103230 base"),
        "{message}"
    );
}

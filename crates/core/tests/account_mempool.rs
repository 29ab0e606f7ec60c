//! The waiting transactions of a chain with accounts: who may wait, who leaves,
//! what a block takes along. A naive model says what is right.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use adit_core::address::Address;
use adit_core::hash::{Hash, sha256};
use adit_core::mempool::{
    ACCOUNT_PENDING_LIMIT, ACCOUNT_RETURNED_LIMIT, ACCOUNTS_PENDING_LIMIT_BYTES, Accepted,
    AccountMempool, FeeRate, NONCE_GAP_LIMIT, PASSED_OVER_LIMIT, PENDING_EXPIRY_MS, Policy,
    RejectReason, Turn,
};
use adit_core::merkle::leaf;
use adit_core::sealed::Account;
use adit_core::transaction::Payment;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::repeatable;

const START: Duration = Duration::from_secs(1_700_000_000);

/// Asks nothing of anybody.
const ANYTHING: Policy = Policy {
    min_fee_rate: FeeRate(0),
    room_bytes: usize::MAX,
};

fn owner(number: u8) -> Address {
    Address([number; 32])
}

/// Any text does: the rules have read it.
fn payment(sender: u8, nonce: u64, amount: u64, fee: u64, bytes: usize) -> Arc<Payment> {
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

fn small(sender: u8, nonce: u64, fee: u64) -> Arc<Payment> {
    payment(sender, nonce, 1, fee, 100)
}

fn has(balance: u64, nonce: u64) -> Account {
    Account { balance, nonce }
}

const RICH: Account = Account {
    balance: u64::MAX,
    nonce: 0,
};

fn accept(mempool: &mut AccountMempool, payment: &Arc<Payment>) -> Result<Accepted, RejectReason> {
    mempool.accept(START, Arc::clone(payment), RICH)
}

fn mempool_of(payments: &[Arc<Payment>]) -> AccountMempool {
    let mut mempool = AccountMempool::new(ANYTHING);
    for payment in payments {
        assert_eq!(accept(&mut mempool, payment), Ok(Accepted::New));
    }
    mempool
}

fn error_of(result: Result<Accepted, RejectReason>) -> (&'static str, String) {
    let error = result.expect_err("it may not wait");
    (error.rule(), error.to_string())
}

/// Whose transactions wait, and with which nonces.
fn waiting(mempool: &AccountMempool) -> Vec<(u8, u64)> {
    mempool
        .iter()
        .map(|one| (one.sender.0[0], one.nonce))
        .collect()
}

fn next_block(mempool: &AccountMempool, limit_bytes: usize) -> Vec<(u8, u64)> {
    let chosen = mempool.for_next_block(limit_bytes, 2);
    chosen
        .iter()
        .map(|one| (one.sender.0[0], one.nonce))
        .collect()
}

/// The turns of all that wait, in their order.
fn turns(mempool: &AccountMempool) -> Vec<Turn> {
    let all = mempool.in_turn(None, usize::MAX);
    all.into_iter().map(|(turn, _)| turn).collect()
}

/// All that wait, in the order of blocks, page by page.
fn in_pages(mempool: &AccountMempool, page: usize) -> Vec<(u8, u64)> {
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

/// Large ones, as many as fit; the fee is the sender's number.
const LARGE: usize = 64 * 1024;
const FULL: usize = ACCOUNTS_PENDING_LIMIT_BYTES / LARGE;

fn full_mempool() -> AccountMempool {
    static LARGES: LazyLock<Vec<Arc<Payment>>> = LazyLock::new(|| {
        let large = |at| payment((at / 8) as u8, at % 8, 1, 1_000 + at / 8, LARGE);
        (0..FULL as u64).map(large).collect()
    });
    let mempool = mempool_of(&LARGES);
    assert_eq!(mempool.bytes(), ACCOUNTS_PENDING_LIMIT_BYTES);
    mempool
}

#[test]
fn where_there_is_no_room_whoever_pays_least_leaves() {
    let mut mempool = full_mempool();
    let bytes = mempool.bytes();
    let refused = accept(&mut mempool, &payment(200, 0, 1, 1_000, LARGE));
    let message = "no more transactions fit (67108864 bytes are waiting), and those pay more: \
                   expected a fee of 1001 base units or more, found 1000 base units";
    assert_eq!(error_of(refused), ("fee-rate", message.to_owned()));
    assert_eq!(mempool.bytes(), bytes);
    assert_eq!(
        accept(&mut mempool, &payment(200, 0, 1, 1_001, LARGE)),
        Ok(Accepted::New)
    );
    // Of those that pay the least the last one of its account left.
    assert!(!waiting(&mempool).contains(&(0, 7)));
    assert!(waiting(&mempool).contains(&(0, 6)));
    assert_eq!(mempool.bytes(), bytes);
}

#[test]
fn nobody_leaves_for_one_that_does_not_come_in() {
    let mut mempool = full_mempool();
    let before = waiting(&mempool);
    // It pays more for its length than eight of them, but not than nine.
    let huge = payment(200, 0, 1, 9 * 1_000 + 5, 9 * LARGE);
    let refused = accept(&mut mempool, &huge);
    let (_, message) = error_of(refused);
    assert!(
        message.contains("a fee of 9010 base units or more, found 9005 base units"),
        "{message}"
    );
    assert_eq!(waiting(&mempool), before);
    let enough = accept(&mut mempool, &payment(200, 0, 1, 9_010, 9 * LARGE));
    assert_eq!(enough, Ok(Accepted::New));
    assert_eq!(waiting(&mempool)[..2], [(1, 0), (1, 1)]);
}

#[test]
fn whoever_leaves_takes_what_waits_for_it_along() {
    let mut mempool = full_mempool();
    let cheap = payment(0, 3, 1, 1_101, LARGE);
    assert!(matches!(
        accept(&mut mempool, &cheap),
        Ok(Accepted::Replaced(_))
    ));
    // 0, 1, 2 and 4 to 7 pay the least, and 7 leaves first; then 6 and so on.
    for (sender, left) in [(200, 7), (201, 6), (202, 5), (203, 4), (204, 2)] {
        accept(&mut mempool, &payment(sender, 0, 1, 2_000, LARGE)).unwrap();
        assert!(!waiting(&mempool).contains(&(0, left)), "{left}");
    }
    // The 3 has left with the 2, though it paid more than others.
    assert_eq!(waiting(&mempool)[..3], [(0, 0), (0, 1), (1, 0)]);
    accept(&mut mempool, &payment(205, 0, 1, 1, 10)).unwrap();
}

#[test]
fn what_a_transaction_waits_for_does_not_leave_for_its_sake() {
    let mut mempool = full_mempool();
    let last = payment(0, 8, 1, 5_000, LARGE);
    assert_eq!(accept(&mut mempool, &last), Ok(Accepted::New));
    let waits = waiting(&mempool);
    assert_eq!(
        waits[..9],
        [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|nonce| (0, nonce))
    );
    assert!(!waits.contains(&(1, 7)));
}

#[test]
fn a_longer_one_takes_the_place_of_the_one_that_pays_least() {
    let mut mempool = full_mempool();
    let longer = payment(0, 7, 1, 1_400, LARGE + 1);
    let replaced = accept(&mut mempool, &longer);
    assert!(
        matches!(replaced, Ok(Accepted::Replaced(_))),
        "{replaced:?}"
    );
    // For the one extra byte, one other has to leave, and none before it.
    assert_eq!(mempool.bytes(), ACCOUNTS_PENDING_LIMIT_BYTES - LARGE + 1);
    assert!(!waiting(&mempool).contains(&(1, 7)));
    assert!((0..8).all(|nonce| waiting(&mempool).contains(&(0, nonce))));
    assert!(mempool.get(&longer.id).is_some());
}

#[test]
fn one_account_with_all_the_room_cannot_send_away_what_it_waits_for() {
    let mut mempool = AccountMempool::new(ANYTHING);
    for nonce in 0..FULL as u64 {
        mempool
            .restore(START, payment(1, nonce, 1, 1, LARGE), RICH)
            .unwrap();
    }
    let refused = mempool.restore(START, payment(1, FULL as u64, 1, 1 << 60, LARGE), RICH);
    assert!(matches!(
        refused,
        Err(RejectReason::FeeRate {
            expected: u64::MAX,
            ..
        })
    ));
    assert_eq!(mempool.len(), FULL);
}

#[test]
fn what_no_block_takes_leaves_after_three_days_with_what_waits_for_it() {
    let expiry = Duration::from_millis(PENDING_EXPIRY_MS);
    let mut mempool = AccountMempool::new(ANYTHING);
    for (at, sender, nonce) in [(0, 1, 1), (1, 1, 0), (1, 2, 0), (9, 1, 2)] {
        let now = START + Duration::from_secs(at);
        mempool.accept(now, small(sender, nonce, 1), RICH).unwrap();
    }
    assert_eq!(mempool.expire(START + expiry - Duration::from_millis(1)), 0);
    assert_eq!(mempool.expire(START + expiry), 2);
    assert_eq!(waiting(&mempool), [(1, 0), (2, 0)]);
    mempool.arrive_anew(START + expiry);
    assert_eq!(
        mempool.expire(START + 2 * expiry - Duration::from_millis(1)),
        0
    );
    assert_eq!(mempool.expire(START + 2 * expiry), 2);
    assert_eq!((mempool.len(), mempool.bytes()), (0, 0));
}

#[test]
fn a_new_fee_is_a_new_arrival() {
    let expiry = Duration::from_millis(PENDING_EXPIRY_MS);
    let mut mempool = mempool_of(&[small(1, 0, 1)]);
    let later = START + Duration::from_secs(5);
    mempool.accept(later, small(1, 0, 2), RICH).unwrap();
    assert_eq!(mempool.expire(START + expiry), 0);
    assert_eq!(mempool.expire(later + expiry), 1);
}

#[test]
fn a_block_takes_out_what_it_holds_and_what_can_no_longer_be_paid_leaves() {
    let mut mempool = AccountMempool::new(ANYTHING);
    for nonce in 0..5 {
        mempool
            .accept(START, payment(1, nonce, 10, 0, 0), has(50, 0))
            .unwrap();
    }
    mempool
        .accept(START, payment(2, 0, 10, 0, 0), has(50, 0))
        .unwrap();
    let dropped = mempool.update([(&owner(1), &has(29, 2)), (&owner(9), &has(1, 1))]);
    let dropped: Vec<_> = dropped.iter().map(|one| one.nonce).collect();
    assert_eq!(dropped, [4]);
    assert_eq!(waiting(&mempool), [(1, 2), (1, 3), (2, 0)]);
    assert!(mempool.update([(&owner(1), &has(29, 4))]).is_empty());
    assert_eq!(waiting(&mempool), [(2, 0)]);
}

#[test]
fn what_a_dropped_block_held_waits_again_before_the_later_ones() {
    let mut mempool = AccountMempool::new(ANYTHING);
    mempool
        .accept(START, payment(1, 2, 10, 0, 0), has(30, 2))
        .unwrap();
    mempool
        .accept(START, payment(1, 3, 10, 0, 0), has(30, 2))
        .unwrap();
    // Without the dropped blocks, it owns less than it was paid in them.
    mempool.update([(&owner(1), &has(35, 0))]);
    let account = has(35, 0);
    for nonce in 0..2 {
        mempool
            .give_back(START, payment(1, nonce, 10, 0, 0), account)
            .unwrap();
    }
    assert_eq!(waiting(&mempool), [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(next_block(&mempool, usize::MAX), [(1, 0), (1, 1), (1, 2)]);
    let used = mempool.give_back(START, payment(2, 3, 1, 1, 0), has(9, 4));
    assert!(matches!(
        used,
        Err(RejectReason::NonceUsed {
            expected: 4,
            found: 3
        })
    ));
    let unpaid = mempool.give_back(START, payment(2, 4, 9, 1, 0), has(9, 4));
    assert!(matches!(
        unpaid,
        Err(RejectReason::Balance {
            needed: 10,
            balance: 9
        })
    ));
}

#[test]
fn what_comes_back_does_not_take_the_place_of_what_its_sender_wants_now() {
    let newer = payment(1, 0, 1, 7, 0);
    let mut mempool = mempool_of(&[Arc::clone(&newer)]);
    mempool
        .give_back(START, payment(1, 0, 2, 70, 0), RICH)
        .unwrap();
    assert_eq!(mempool.iter().collect::<Vec<_>>(), [&newer]);
}

#[test]
fn of_two_that_waited_before_a_restart_the_later_one_counts() {
    let mut mempool = AccountMempool::new(ANYTHING);
    mempool
        .restore(START, payment(1, 0, 90, 0, 0), has(100, 0))
        .unwrap();
    mempool
        .restore(START, payment(1, 0, 80, 1, 0), has(100, 0))
        .unwrap();
    mempool
        .restore(START, payment(1, 1, 10, 1, 0), has(100, 0))
        .unwrap();
    let fees: Vec<_> = mempool.iter().map(|one| one.fee).collect();
    assert_eq!(fees, [1, 1]);
    assert_eq!(mempool.of_account(&owner(1)).count(), 2);
    assert_eq!(mempool.of_account(&owner(2)).count(), 0);
}

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

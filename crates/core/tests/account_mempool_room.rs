//! Where the mempool with accounts is full: who leaves, and for whom; what leaves
//! with time, and what comes back with a block that was dropped.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use adit_core::mempool::{
    ACCOUNTS_PENDING_LIMIT_BYTES, Accepted, AccountMempool, PENDING_EXPIRY_MS, RejectReason,
};
use adit_core::transaction::Payment;

use crate::account_mempool::{
    ANYTHING, RICH, START, accept, error_of, has, mempool_of, next_block, owner, payment, small,
    waiting,
};

/// Large ones, as many as fit; the fee is the sender's number.
pub(crate) const LARGE: usize = 64 * 1024;
const FULL: usize = ACCOUNTS_PENDING_LIMIT_BYTES / LARGE;

pub(crate) fn full_mempool() -> AccountMempool {
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
    mempool.arrive_again(START + expiry);
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

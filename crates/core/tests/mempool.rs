//! The waiting transactions: their order, their bounds, what a block takes out
//! and what a dropped block gives back. A naive model says what is right.

use std::sync::Arc;

use adit_core::mempool::{
    MINED_TRANSACTIONS_LIMIT_BYTES, Origin, PENDING_LIMIT_BYTES, PENDING_LIMIT_COUNT, Pending,
    QueueMempool,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{payment, repeatable, utf8};

fn text(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

fn mempool_of(texts: &[&str]) -> QueueMempool {
    let mut mempool = QueueMempool::default();
    for accepted in texts {
        assert_eq!(mempool.accept(text(accepted)), Ok(0));
    }
    mempool
}

fn remove_for_block(mempool: &mut QueueMempool, texts: &[&str], ours: bool) {
    let texts: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
    mempool.remove_for_block(&texts, ours);
}

fn give_back(mempool: &mut QueueMempool, texts: &[&str]) -> usize {
    mempool.give_back(texts.iter().map(|one| text(one)))
}

fn waiting(mempool: &QueueMempool) -> Vec<String> {
    mempool.iter().map(|pending| utf8(&pending.text)).collect()
}

#[test]
fn first_come_first_served() {
    let mempool = mempool_of(&["a", "b", "a"]);
    assert_eq!(waiting(&mempool), ["a", "b", "a"]);
    let next: Vec<_> = mempool
        .for_next_block()
        .iter()
        .map(|text| utf8(text))
        .collect();
    assert_eq!(next, ["a", "b", "a"]);
    assert_eq!((mempool.len(), mempool.is_empty()), (3, false));
    assert!(QueueMempool::default().is_empty());
}

#[test]
fn what_comes_back_stands_in_front_in_its_order() {
    let mut mempool = mempool_of(&["a"]);
    assert_eq!(give_back(&mut mempool, &["x", "y"]), 0);
    assert_eq!(give_back(&mut mempool, &["w"]), 0);
    assert_eq!(waiting(&mempool), ["w", "x", "y", "a"]);
}

#[test]
fn a_block_made_here_takes_out_what_it_took() {
    let mut mempool = mempool_of(&["a", "b", "a"]);
    remove_for_block(&mut mempool, &["a", "b"], true);
    assert_eq!(waiting(&mempool), ["a"]);
    remove_for_block(&mut mempool, &["z"], true);
    assert_eq!(waiting(&mempool), ["a"]);
}

#[test]
fn a_block_from_elsewhere_takes_out_only_what_came_back() {
    let mut mempool = mempool_of(&["a", "b"]);
    remove_for_block(&mut mempool, &["a", "b"], false);
    assert_eq!(waiting(&mempool), ["a", "b"]);
    give_back(&mut mempool, &["a"]);
    remove_for_block(&mut mempool, &["b", "a", "a"], false);
    let origins: Vec<_> = mempool.iter().map(|pending| pending.origin).collect();
    assert_eq!(waiting(&mempool), ["a", "b"]);
    assert_eq!(origins, [Origin::Accepted, Origin::Accepted]);
}

#[test]
fn each_transaction_of_a_block_takes_out_one_of_those_that_look_like_it() {
    let mut mempool = QueueMempool::default();
    give_back(&mut mempool, &["a", "a", "b", "a"]);
    remove_for_block(&mut mempool, &["b", "a", "a"], false);
    assert_eq!(waiting(&mempool), ["a"]);
}

#[test]
fn it_knows_whether_a_block_can_take_out_anything() {
    let mut mempool = QueueMempool::default();
    assert!(!mempool.can_remove_for_block(true) && !mempool.can_remove_for_block(false));
    mempool.accept(text("a")).unwrap();
    assert!(mempool.can_remove_for_block(true) && !mempool.can_remove_for_block(false));
    give_back(&mut mempool, &["b"]);
    assert!(mempool.can_remove_for_block(true) && mempool.can_remove_for_block(false));
    remove_for_block(&mut mempool, &["b"], false);
    assert!(mempool.can_remove_for_block(true) && !mempool.can_remove_for_block(false));
}

/// Fills a mempool to the byte with transactions of 64 KiB.
fn full_of_bytes() -> QueueMempool {
    let mut mempool = QueueMempool::default();
    let large: Arc<[u8]> = vec![b'x'; 64 * 1024].into();
    for _ in 0..PENDING_LIMIT_BYTES / large.len() {
        mempool.accept(Arc::clone(&large)).unwrap();
    }
    mempool
}

#[test]
fn no_more_bytes_wait_than_the_limit() {
    let mut mempool = full_of_bytes();
    let full = mempool.accept(text("a")).unwrap_err();
    assert_eq!((full.count, full.bytes), (1_024, PENDING_LIMIT_BYTES));
    assert_eq!(
        full.to_string(),
        "1024 transactions of 67108864 bytes are waiting already, and no more fit \
         (at most 500000, 67108864 bytes); mine a block (GET /mine) and send it again"
    );
    assert_eq!(give_back(&mut mempool, &["a", "b"]), 2);
    let large = mempool.for_next_block();
    let large: Vec<_> = large.iter().map(|text| &**text).collect();
    mempool.remove_for_block(&large, true);
    assert!(mempool.accept(text("a")).is_ok());
}

#[test]
fn no_more_transactions_wait_than_the_limit() {
    let mut mempool = QueueMempool::default();
    let small = text("a");
    for _ in 1..PENDING_LIMIT_COUNT {
        mempool.accept(Arc::clone(&small)).unwrap();
    }
    assert_eq!(give_back(&mut mempool, &["x", "y"]), 1);
    let first = mempool.iter().next().unwrap();
    assert_eq!(utf8(&first.text), "y", "the later one of the block fits");
    let full = mempool.accept(small).unwrap_err();
    assert_eq!(full.count, PENDING_LIMIT_COUNT);
}

#[test]
fn what_waited_before_a_restart_was_promised_and_has_no_limit() {
    let mut mempool = full_of_bytes();
    mempool.restore(Pending {
        text: text("a"),
        origin: Origin::Accepted,
    });
    assert_eq!(mempool.len(), 1_025);
    // What came back out of a block was never promised.
    mempool.restore(Pending {
        text: text("b"),
        origin: Origin::Returned,
    });
    assert_eq!(mempool.len(), 1_025);
}

#[test]
fn a_block_takes_no_more_bytes_than_the_limit_and_the_promise_says_which_block() {
    let large: Arc<[u8]> = vec![b'x'; 64 * 1024].into();
    let in_a_block = MINED_TRANSACTIONS_LIMIT_BYTES / large.len();
    let mut mempool = QueueMempool::default();
    for number in 0..2 * in_a_block + 7 {
        let blocks_before = (number / in_a_block) as u64;
        assert_eq!(mempool.accept(Arc::clone(&large)), Ok(blocks_before));
    }
    for expected in [in_a_block, in_a_block, 7] {
        let taken = mempool.for_next_block();
        assert_eq!(taken.len(), expected);
        let taken: Vec<_> = taken.iter().map(|text| &**text).collect();
        mempool.remove_for_block(&taken, true);
    }
    assert!(mempool.is_empty());
}

/// What happens to a mempool. Few different texts, so that many look the same.
#[derive(Debug, Clone)]
enum Step {
    Accept(u64),
    GiveBack(Vec<u64>),
    Settle(Vec<u64>, bool),
    /// A block is made here of all that waits.
    Mine,
}

fn step() -> impl Strategy<Value = Step> {
    let some = || vec(0..4u64, 0..6);
    prop_oneof![
        3 => (0..4u64).prop_map(Step::Accept),
        2 => some().prop_map(Step::GiveBack),
        3 => (some(), any::<bool>()).prop_map(|(list, ours)| Step::Settle(list, ours)),
        1 => Just(Step::Mine),
    ]
}

/// A mempool without a thought for speed.
#[derive(Default)]
struct Model(Vec<(String, Origin)>);

impl Model {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Accept(number) => self.0.push((payment(*number), Origin::Accepted)),
            Step::GiveBack(list) => {
                let returned = list.iter().map(|n| (payment(*n), Origin::Returned));
                self.0.splice(0..0, returned);
            }
            Step::Settle(list, ours) => {
                for number in list {
                    let found = self.0.iter().position(|(text, origin)| {
                        *text == payment(*number) && (*ours || *origin == Origin::Returned)
                    });
                    found.map(|at| self.0.remove(at));
                }
            }
            Step::Mine => self.0.clear(),
        }
    }
}

fn take(mempool: &mut QueueMempool, step: &Step) {
    let texts = |list: &[u64]| list.iter().map(|n| payment(*n)).collect::<Vec<_>>();
    match step {
        Step::Accept(number) => {
            let blocks_before = mempool.accept(text(&payment(*number)));
            assert_eq!(blocks_before, Ok(0));
        }
        Step::GiveBack(list) => {
            let texts = texts(list);
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            assert_eq!(give_back(mempool, &texts), 0);
        }
        Step::Settle(list, ours) => {
            let texts = texts(list);
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            remove_for_block(mempool, &texts, *ours);
        }
        Step::Mine => {
            let taken = mempool.for_next_block();
            let taken: Vec<_> = taken.iter().map(|text| &**text).collect();
            mempool.remove_for_block(&taken, true);
        }
    }
}

#[test]
fn a_place_in_the_queue_keeps_its_meaning() {
    let mut mempool = mempool_of(&["a", "b", "c", "d"]);
    let rest = |mempool: &QueueMempool, number| -> Vec<(u64, String)> {
        let rest = mempool.behind(number);
        rest.map(|(number, one)| (number, utf8(&one.text)))
            .collect()
    };
    let texts =
        |rest: Vec<(u64, String)>| rest.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    let (after_b, _) = rest(&mempool, None)[1];
    assert_eq!(texts(rest(&mempool, Some(after_b))), ["c", "d"]);
    remove_for_block(&mut mempool, &["a", "b", "c"], true);
    assert_eq!(texts(rest(&mempool, Some(after_b))), ["d"]);
    give_back(&mut mempool, &["a", "b"]);
    mempool.accept(text("e")).unwrap();
    assert_eq!(texts(rest(&mempool, Some(after_b))), ["d", "e"]);
    assert_eq!(texts(rest(&mempool, None)), ["a", "b", "d", "e"]);
}

proptest! {
    #![proptest_config(repeatable(2_000))]

    #[test]
    fn a_mempool_does_what_the_model_does(steps in vec(step(), 1..30)) {
        let (mut mempool, mut model) = (QueueMempool::default(), Model::default());
        for step in &steps {
            take(&mut mempool, step);
            model.take(step);
            let found: Vec<_> = mempool
                .iter()
                .map(|pending| (utf8(&pending.text), pending.origin))
                .collect();
            prop_assert_eq!(&found, &model.0, "after {:?}", step);
            let returned = model.0.iter().any(|(_, origin)| *origin == Origin::Returned);
            prop_assert_eq!(mempool.can_remove_for_block(false), returned);
            prop_assert_eq!(mempool.can_remove_for_block(true), !model.0.is_empty());
            let numbers: Vec<u64> = mempool.behind(None).map(|(number, _)| number).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
            let bytes: usize = found.iter().map(|(text, _)| text.len()).sum();
            prop_assert_eq!(mempool.bytes(), bytes);
            mempool.check_invariants();
        }
    }
}

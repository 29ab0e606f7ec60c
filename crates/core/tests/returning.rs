//! What dropped blocks give back is judged like what is submitted: nobody gets
//! in by a reorganisation what this node would not take from them directly.

use std::sync::Arc;

use adit_core::amount::AMOUNT_DIGITS_LIMIT;
use adit_core::archive::MemoryArchive;
use adit_core::chain::BlockSource;
use adit_core::mempool::{FeeRate, Origin, Pending, RejectReason};
use adit_core::node::{
    Answer, Config, DROPPED_READ_LIMIT_BYTES, Effect, Input, LeftOut, Node, Timer,
};
use adit_core::rules::Rules;
use adit_core::sealed::{Params, Transfer};
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;

use crate::sealed_node::{Town, miner_config, params};
use crate::world::{Driven, Workless, config, line_after, next_block, paid_in, payment};

fn left_out(effects: &[Effect]) -> LeftOut {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::LeftOut(left_out) => Some(*left_out),
        _ => None,
    });
    found.unwrap_or_default()
}

fn of_transactions(transactions: usize) -> LeftOut {
    LeftOut {
        transactions,
        blocks: 0,
    }
}

/// What a peer's block may hold, and nobody can submit.
fn unsubmittable() -> Vec<String> {
    let amount =
        |amount: &str| format!(r#"{{"amount": {amount}, "recipient": "b", "sender": "a"}}"#);
    let name = "x".repeat(TRANSACTION_LIMIT_BYTES);
    vec![
        "{}".to_owned(),
        amount(&"9".repeat(AMOUNT_DIGITS_LIMIT + 1)),
        amount("NaN"),
        amount("-Infinity"),
        amount("\"seven\""),
        r#"{"amount": 1, "recipient": "b"}"#.to_owned(),
        r#"{"amount": 1, "recipient": null, "sender": "a"}"#.to_owned(),
        r#"{"amount": 1, "recipient": "b", "sender": 7}"#.to_owned(),
        r#"{"amount": 1, "fee": 2, "recipient": "b", "sender": "a"}"#.to_owned(),
        format!(r#"{{"amount": 1, "recipient": "{name}", "sender": "a"}}"#),
    ]
}

#[test]
fn what_nobody_could_submit_does_not_come_back_from_a_dropped_block() {
    let mut node = Driven::workless();
    let first = node.tip();
    let mut texts = unsubmittable();
    texts.insert(3, payment(1));
    texts.push(payment(2));
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    node.adopt(&[next_block(&first, 7, &texts)]);
    let effects = node.adopt(&line_after(&first, 2, 8));
    assert_eq!(node.pending(), [payment(1), payment(2)]);
    let refused = unsubmittable().len();
    assert_eq!(left_out(&effects), of_transactions(refused));
    assert_eq!(paid_in(&node.mine()), [payment(1), payment(2)]);
}

/// The log of an older version may hold what was not judged when it came back.
#[test]
fn what_came_back_before_a_restart_is_judged_at_the_start() {
    let pending = |text: String, origin| Pending {
        text: text.into_bytes().into(),
        origin,
    };
    let mut kept: Vec<_> = unsubmittable()
        .into_iter()
        .map(|text| pending(text, Origin::Returned))
        .collect();
    kept.push(pending(payment(1), Origin::Returned));
    // It was acknowledged, by whatever rules were in force.
    kept.push(pending("{}".to_owned(), Origin::Accepted));
    let archive = MemoryArchive::default();
    let rules = Arc::new(Workless);
    let node = Node::open(config("us"), rules, 0, Vec::new(), kept, &archive).unwrap();
    let node = Driven::around(node, archive);
    let expected = [
        (payment(1), Origin::Returned),
        ("{}".to_owned(), Origin::Accepted),
    ];
    assert_eq!(node.waiting().collect::<Vec<_>>(), expected);
}

#[test]
fn no_more_of_the_dropped_blocks_is_looked_through_than_the_limit() {
    let mut node = Driven::workless();
    let first = node.tip();
    let long = format!(r#"{{"data": "{}"}}"#, "x".repeat(8_000_000));
    let count = DROPPED_READ_LIMIT_BYTES / 8_000_000 + 1;
    let mut dropped = vec![next_block(&first, 7, &[&payment(1)])];
    for number in 0..=count as u64 {
        let parent = dropped.last().unwrap();
        dropped.push(next_block(parent, 8, &[&long, &payment(100 + number)]));
    }
    node.adopt(&dropped);
    let effects = node.adopt(&line_after(&first, count as u64 + 3, 9));
    let expected: Vec<_> = (1..=count as u64).map(|one| payment(100 + one)).collect();
    assert_eq!(node.pending(), expected, "those of the newest blocks");
    let expected = LeftOut {
        transactions: count,
        blocks: 2,
    };
    assert_eq!(left_out(&effects), expected);
}

/// Blocks that are adopted in place of others, far more than at once: in each of
/// both branches stand some of what waits.
#[test]
fn what_waits_follows_a_long_branch_in_steps_and_no_block_takes_it_along_before() {
    let mut node = Driven::workless();
    node.node.limit_mempool_update(4, 3);
    let first = node.tip();
    let mut dropped = vec![next_block(&first, 7, &[&payment(1), &payment(2)])];
    let mut adopted = vec![next_block(&first, 70, &[&payment(2)])];
    for number in 0..9 {
        dropped.push(next_block(
            &dropped[number],
            7,
            &[&payment(10 + number as u64)],
        ));
        adopted.push(next_block(&adopted[number], 70, &[]));
    }
    adopted.push(next_block(&adopted[9], 70, &[&payment(13)]));
    node.adopt(&dropped);
    node.submit(&payment(3));
    let effects = node.adopt(&adopted);
    assert_eq!(node.tip(), adopted[10]);
    let is_timer = |effect: &Effect| matches!(effect, Effect::SetTimer(Timer::UpdateMempool, at) if *at <= node.now);
    assert_eq!(effects.iter().filter(|effect| is_timer(effect)).count(), 1);
    assert!(!node.node.is_mempool_current());
    // A block that is made meanwhile takes nothing along, and another branch that
    // overtakes it is followed too.
    assert_eq!(paid_in(&node.mine()), [] as [String; 0]);
    node.handle(Input::Timer(Timer::UpdateMempool));
    let more = line_after(&adopted[10], 2, 90);
    node.adopt(&more);
    assert_eq!(node.tip(), more[1]);
    let mut steps = 0;
    while !node.node.is_mempool_current() {
        node.handle(Input::Timer(Timer::UpdateMempool));
        steps += 1;
    }
    assert!(steps > 4, "{steps}");
    let numbers = [1, 10, 11, 12, 14, 15, 16, 17, 18, 3];
    assert_eq!(node.pending(), numbers.map(payment));
    assert_eq!(paid_in(&node.mine()), numbers.map(payment));
}

#[test]
fn under_rules_with_accounts_what_waits_follows_in_steps_too() {
    let mut town = Town::new();
    town.node.node.limit_mempool_update(2, 2);
    let payments: Vec<_> = (0..6).map(|nonce| town.pay(0, 2, nonce, 1, 1)).collect();
    let genesis = Arc::new(town.genesis());
    let (mut dropped, mut adopted) = (Arc::clone(&genesis), genesis);
    for (number, payment) in payments.iter().enumerate() {
        dropped = town.block(&dropped, 10, std::slice::from_ref(payment));
        town.hear(&dropped);
        // The other branch has the first of them too.
        let also = if number == 0 { &payments[..1] } else { &[] };
        adopted = town.block(&adopted, 20, also);
        town.hear(&adopted);
    }
    let last = town.block(&adopted, 20, &[]);
    let effects = town.hear(&last);
    assert_eq!(town.node.tip(), last);
    let is_timer = |effect: &&Effect| matches!(effect, Effect::SetTimer(Timer::UpdateMempool, _));
    assert_eq!(effects.iter().filter(is_timer).count(), 1);
    assert!(!town.node.node.is_mempool_current());
    // A block that is made meanwhile takes nothing along: only the reward.
    assert_eq!(town.node.mine().transactions().count(), 1);
    let mut steps = 0;
    while !town.node.node.is_mempool_current() {
        town.node.handle(Input::Timer(Timer::UpdateMempool));
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    let waiting: Vec<_> = payments[1..]
        .iter()
        .map(|text| String::from_utf8_lossy(text))
        .collect();
    assert_eq!(town.node.pending(), waiting);
    assert_eq!(town.node.mine().transactions().count(), 6);
}

fn wants_a_fee() -> Config {
    Config {
        min_fee_rate: FeeRate(1_000),
        ..miner_config()
    }
}

#[test]
fn a_block_of_others_may_hold_what_pays_too_little_but_it_does_not_wait_here() {
    let mut town = Town::with(params(), wants_a_fee());
    let free = town.pay(0, 2, 0, 10, 0);
    let answer = town.submit(&free);
    assert!(
        matches!(&answer, Answer::Rejected(error) if error.rule() == "min-fee"),
        "{answer:?}"
    );
    let paying = town.pay(1, 2, 0, 10, 1_000);
    let genesis = town.genesis();
    let block = town.block(&genesis, 10, &[free, paying.clone()]);
    town.hear(&block);
    assert_eq!(town.node.tip(), block, "that is no rule of the chain");
    let one = town.block(&genesis, 20, &[]);
    let two = town.block(&one, 20, &[]);
    town.hear(&one);
    let effects = town.hear(&two);
    assert_eq!(left_out(&effects), of_transactions(1));
    assert_eq!(town.node.pending(), [String::from_utf8(paying).unwrap()]);
}

#[test]
fn what_was_acknowledged_for_less_before_a_restart_still_waits() {
    let town = Town::new();
    let free = town.pay(0, 2, 0, 10, 0);
    let kept = vec![Pending {
        text: free.clone().into(),
        origin: Origin::Accepted,
    }];
    let archive = MemoryArchive::default();
    let rules = town.rules.clone();
    let node = Node::open(wants_a_fee(), rules, 0, Vec::new(), kept, &archive).unwrap();
    let mut node = Driven::around(node, archive);
    node.handle(Input::Started);
    node.node.replayed(node.now, &node.archive).unwrap();
    assert_eq!(node.pending(), [String::from_utf8(free).unwrap()]);
    assert_eq!(node.mine().transactions().count(), 2);
}

/// With so little room in a block that its header and reward matter.
fn small_blocks() -> Params {
    Params {
        max_block_bytes: 4_096,
        max_data_bytes: 8_192,
        ..params()
    }
}

/// A transaction of that length.
fn long_payment(town: &Town, from: usize, nonce: u64, fee: u64, length_bytes: usize) -> Vec<u8> {
    let sign = |data: String| {
        town.keys[from].sign(&Transfer {
            amount: 1,
            chain: town.rules.chain_id(),
            data: Some(data),
            fee,
            nonce,
            recipient: town.keys[2].address,
            sender: town.keys[from].address,
        })
    };
    let others_bytes = sign("x".to_owned()).len() - 1;
    let text = sign("x".repeat(length_bytes - others_bytes));
    assert_eq!(text.len(), length_bytes);
    text
}

#[test]
fn what_fits_into_a_block_but_not_beside_header_and_reward_is_refused() {
    let mut town = Town::with(small_blocks(), miner_config());
    let longest = town.rules.room_bytes() - ", ".len();
    let rules = town.rules.clone();
    let beyond = long_payment(&town, 0, 0, 50_000, longest + 1);
    assert!(beyond.len() < rules.params().max_block_bytes as usize);
    match town.submit(&beyond) {
        Answer::Rejected(RejectReason::NoRoom { limit_bytes, found }) => {
            assert_eq!((limit_bytes, found), (longest, longest + 1));
        }
        other => panic!("expected a refusal, found {other:?}"),
    }
    let fits = long_payment(&town, 0, 0, 50_000, longest);
    town.submit_all(&[fits.clone(), town.pay(1, 2, 0, 1, 1)]);
    let block = town.node.mine();
    assert!(block.text().len() <= 4_096, "{}", block.text().len());
    let taken: Vec<_> = block.transactions().skip(1).collect();
    assert_eq!(taken, [&fits[..]]);
    assert_eq!(town.node.mine().transactions().count(), 2);
}

/// Acknowledged by a version that did not know how much room there is.
#[test]
fn one_that_never_fits_does_not_keep_the_others_out_of_the_blocks() {
    let town = Town::with(small_blocks(), miner_config());
    let never = [
        long_payment(&town, 0, 0, 90_000, 3_704),
        town.pay(0, 2, 1, 1, 900),
    ];
    let ordinary = town.pay(1, 2, 0, 1, 1);
    let kept = never.iter().chain([&ordinary]).map(|text| Pending {
        text: text.clone().into(),
        origin: Origin::Accepted,
    });
    let archive = MemoryArchive::default();
    let (rules, kept) = (town.rules.clone(), kept.collect());
    let node = Node::open(miner_config(), rules, 0, Vec::new(), kept, &archive).unwrap();
    let mut node = Driven::around(node, archive);
    node.handle(Input::Started);
    node.node.replayed(node.now, &node.archive).unwrap();
    assert_eq!(node.pending().len(), 3);
    let block = node.mine();
    let taken: Vec<_> = block.transactions().skip(1).collect();
    assert_eq!(taken, [&ordinary[..]]);
    assert_eq!(node.pending().len(), 2);
}

/// The rules themselves skip what does not fit, and what its sender sent next.
#[test]
fn a_draft_leaves_out_what_has_no_room_and_takes_the_rest() {
    let mut town = Town::with(small_blocks(), miner_config());
    let texts = [
        long_payment(&town, 0, 0, 1, 3_900),
        town.pay(0, 2, 1, 1, 1),
        town.pay(1, 2, 0, 1, 1),
    ];
    let genesis = town.genesis();
    let block = town.block(&genesis, 10, &texts);
    let taken: Vec<_> = block.transactions().skip(1).collect();
    assert_eq!(taken, [&texts[2][..]]);
    let input = Input::Block(block.clone(), BlockSource::Single);
    town.node.handle(input);
    assert_eq!(town.node.tip(), block);
}

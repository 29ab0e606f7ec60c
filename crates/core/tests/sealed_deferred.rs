//! Blocks that a node of a sealed chain can not take now: those that come before
//! their time, those beside the main chain, and those that it refuses.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError, SIDE_DEPTH_LIMIT};
use adit_core::node::{Effect, FUTURE_BLOCKS_LIMIT, FUTURE_BLOCKS_LIMIT_BYTES, Input, Timer};
use adit_core::rules::{Rules, Weight};
use adit_core::sealed::Params;
use serde_json::json;

use crate::sealed_node::{Town, alarms, broken_rule, miner_config, params, refused};
use crate::sealed_world::{easy_params, key, proven, value_of, worked_for};

#[test]
fn a_block_that_comes_too_early_is_taken_when_its_time_has_come() {
    let mut town = Town::new();
    let (genesis, ahead_ms) = (town.genesis(), town.ahead_ms());
    let early = town.block(&genesis, ahead_ms + 5_000, &[]);
    let next = town.block(&early, 2_000, &[]);
    let due = town.node.now + Duration::from_secs(5);
    // However often it comes, one alarm is set.
    let effects = town.hear(&early);
    assert_eq!(alarms(&effects, Timer::Retry), [due]);
    assert_eq!(effects.len(), 1);
    assert!(town.hear(&early).is_empty());
    assert!(matches!(
        refused(&town.hear(&next)),
        ChainError::Orphan { .. }
    ));
    assert_eq!(town.length(), 1);

    // Woken too early, it waits on.
    town.node.now = due - Duration::from_millis(1);
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    assert_eq!(alarms(&effects, Timer::Retry), [due]);
    town.node.now = due;
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    assert!(matches!(effects[..], [Effect::Announce(_)]), "{effects:?}");
    assert_eq!(town.node.tip(), early);
    assert!(town.node.handle(Input::Timer(Timer::Retry)).is_empty());
}

#[test]
fn early_blocks_are_taken_in_their_order_and_the_alarm_is_for_the_next() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let base = town.ahead_ms();
    let start = town.node.now;
    let [late, soon] = [30_000, 10_000].map(|wait_ms| town.block(&genesis, base + wait_ms, &[]));
    let at = |wait_ms| start + Duration::from_millis(wait_ms);
    assert_eq!(alarms(&town.hear(&late), Timer::Retry), [at(30_000)]);
    assert_eq!(alarms(&town.hear(&soon), Timer::Retry), [at(10_000)]);
    town.node.now = at(10_000);
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    assert_eq!(alarms(&effects, Timer::Retry), [at(30_000)]);
    assert_eq!(town.node.tip(), soon);
    town.node.now = at(30_000);
    assert!(
        town.node.handle(Input::Timer(Timer::Retry)).is_empty(),
        "a side block"
    );
    assert_eq!(town.node.tip(), soon);
    assert!(town.node.archive.entry(&late.hash()).unwrap().is_some());
}

#[test]
fn no_more_early_blocks_are_held_than_the_limit_and_the_farthest_go_first() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let base = town.ahead_ms();
    let start = town.node.now;
    // Years ahead: they would take the room for ever.
    for number in 0..FUTURE_BLOCKS_LIMIT as u64 {
        let block = town.block(&genesis, base + 1_000_000_000_000 - number, &[]);
        town.hear(&block);
    }
    let farthest = Arc::clone(&town.made[0]);
    let soon = town.block(&genesis, base + 100_000, &[]);
    let due = start + Duration::from_secs(100);
    assert_eq!(alarms(&town.hear(&soon), Timer::Retry), [due]);
    town.node.now = due;
    town.node.handle(Input::Timer(Timer::Retry));
    assert_eq!(town.node.tip(), soon);
    town.node.now = start + Duration::from_secs(2_000_000_000);
    town.wake();
    assert_eq!(town.node.archive.entry(&farthest.hash()).unwrap(), None);
    let taken = town.node.kept.len() - 2;
    assert_eq!(taken, FUTURE_BLOCKS_LIMIT - 1);
}

#[test]
fn early_blocks_are_bounded_in_bytes_too() {
    let mut town = Town::with(
        Params {
            max_block_bytes: 8 * 1024 * 1024,
            max_data_bytes: 8_192,
            allocations: easy_params(&[(&key(0), 1_000_000_000)]).allocations,
            ..params()
        },
        miner_config(),
    );
    let long = |nonce| {
        let transfer = adit_core::sealed::Transfer {
            amount: 1,
            chain: town.rules.chain_id(),
            data: Some("é".repeat(4_096)),
            fee: 0,
            nonce,
            recipient: town.keys[1].address,
            sender: town.keys[0].address,
        };
        town.keys[0].sign(&transfer)
    };
    let texts: Vec<_> = (0..320).map(long).collect();
    let genesis = town.genesis();
    let base = town.ahead_ms();
    let mut bytes = 0;
    let mut count = 0;
    while bytes <= FUTURE_BLOCKS_LIMIT_BYTES {
        let block = town.block(&genesis, base + 1_000_000 - count, &texts);
        assert!(
            !town.hear(&block).is_empty(),
            "each is due before the others"
        );
        bytes += block.text().len();
        count += 1;
    }
    assert!(count < 30, "{count} long blocks");
    town.node.now += Duration::from_secs(2_000_000);
    let kept_before = town.node.kept.len() as u64;
    town.wake();
    assert_eq!(town.node.kept.len() as u64 - kept_before, count - 1);
}

#[test]
fn a_block_of_a_branch_that_comes_too_early_is_not_held() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let early = town.block(&genesis, 10_000_000, &[]);
    let effects = town.node.handle(Input::Block(early, BlockSource::InBranch));
    let ChainError::Invalid(error) = refused(&effects) else {
        panic!("expected an early block, found {effects:?}");
    };
    assert!(error.ahead_until_ms().is_some());
}

#[test]
fn what_stands_on_nothing_known_is_refused_and_not_kept() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let unknown = town.block(&genesis, 10, &[]);
    let orphan = town.block(&unknown, 10, &[]);
    for _ in 0..3 {
        let effects = town.hear(&orphan);
        let ChainError::Orphan { height: 3, parent } = *refused(&effects) else {
            panic!("expected an orphan, found {effects:?}");
        };
        assert_eq!(parent, Some(unknown.hash()));
    }
    assert_eq!(town.node.kept.len(), 1);
}

/// Blocks that come fast make the next ones harder.
#[test]
fn side_blocks_that_are_cheaper_than_the_tip_are_bounded() {
    const LIMIT: usize = 8;
    let params = Params {
        half_life_ms: 20_000,
        ..params()
    };
    let mut town = Town::with(params, miner_config());
    town.node.node.limit_side_blocks(SIDE_DEPTH_LIMIT, LIMIT);
    let genesis = town.genesis();
    let grow = |town: &mut Town| {
        while town.length() < 8 {
            let tip = town.node.tip();
            let next = town.block(&tip, 1, &[]);
            assert_eq!(town.hear(&next).len(), 1, "the main chain goes on");
        }
    };
    grow(&mut town);
    for number in 0..LIMIT as u64 {
        let block = town.block(&genesis, 10 + number, &[]);
        assert!(town.hear(&block).is_empty(), "{number}");
    }
    let kept = town.node.kept.len();
    let more = town.block(&genesis, 9, &[]);
    for _ in 0..2 {
        let effects = town.hear(&more);
        let limit = LIMIT;
        assert!(
            matches!(refused(&effects), ChainError::TooManySideBlocks { limit: found } if *found == limit)
        );
        assert!(town.node.node.chain().known_invalid(&more.hash()).is_none());
    }
    assert_eq!(town.node.kept.len(), kept);
    // What took as much work as the tip does not count.
    let before = town.node.archive.main_hash(7).unwrap().unwrap();
    let before = town.node.archive.block(&before).unwrap().unwrap();
    for wait_ms in 2..5 {
        let block = town.block(&before, wait_ms, &[]);
        assert!(town.hear(&block).is_empty(), "{wait_ms}");
        assert!(town.node.archive.entry(&block.hash()).unwrap().is_some());
    }
    // When the chain starts over, so does the count.
    let request = town.node.request();
    town.node.handle(Input::Rewind(request));
    grow(&mut town);
    for wait_ms in [10, 11] {
        let block = town.block(&genesis, wait_ms, &[]);
        town.hear(&block);
        assert!(town.node.archive.entry(&block.hash()).unwrap().is_some());
    }
}

/// Work that is easier than the chain asks for buys nothing, not even a look at
/// where the block stands.
#[test]
fn blocks_for_little_work_are_refused() {
    let hard = Weight::MAX >> 8;
    let hard_params = Params {
        initial_target: hard,
        pow_limit: hard,
        ..params()
    };
    let mut town = Town::with(hard_params, miner_config());
    let genesis = town.genesis();
    let block = town.block(&genesis, 10, &[]);
    let orphan = town.block(&block, 10, &[]);
    let with_target = |block: &Block, target: Weight| {
        let mut value = value_of(block);
        value["target"] = json!(format!("{target:064x}"));
        Arc::new(town.rules.read(&proven(value)).unwrap())
    };
    let above_limit = with_target(&orphan, Weight::MAX);
    let other_target = with_target(&block, hard - Weight::from(1));
    let unworked = (0..).find_map(|proof| {
        let mut value = value_of(&orphan);
        value["proof"] = json!(proof);
        let text = crate::sealed_world::canonical(&value);
        let block = town.rules.read(&text).unwrap();
        (Weight::from_be_bytes(block.hash().0) > hard).then_some(Arc::new(block))
    });
    let rules: Vec<_> = [above_limit, other_target, unworked.unwrap()]
        .iter()
        .map(|block| broken_rule(&town.hear(block)))
        .collect();
    assert_eq!(rules, ["target", "target", "proof"]);
    assert_eq!((town.node.kept.len(), town.length()), (1, 1));
}

#[test]
fn a_block_with_a_reward_too_high_is_refused() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let mut value = value_of(&town.block(&genesis, 10, &[]));
    value["transactions"][0]["amount"] = json!(1_000_001);
    let block = Arc::new(town.rules.read(&worked_for(value)).unwrap());
    assert_eq!(broken_rule(&town.hear(&block)), "reward");
}

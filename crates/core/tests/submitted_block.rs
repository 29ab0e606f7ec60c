//! A block that somebody offers by itself: what the node says becomes of it,
//! and which blocks it does not keep because their place would cost nothing.

use std::sync::Arc;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::chain::ChainError;
use adit_core::node::{Answer, Effect, Input, Outcome, Timer};
use adit_core::sealed::Params;
use ruint::aliases::U256;

use crate::sealed_node::{Town, miner_config, params};
use crate::world::{Driven, first_block, next_block, payment};

/// What the node answers, and what else follows.
fn offered(node: &mut Driven, block: &Arc<Block>) -> (Outcome, Vec<Effect>) {
    let request = node.request();
    let mut effects = node.handle(Input::SubmitBlock(request, Arc::clone(block)));
    let answers = |effect: &Effect| matches!(effect, Effect::Answer(to, _) if *to == request);
    let place = effects.iter().position(answers).unwrap();
    match effects.remove(place) {
        Effect::Answer(_, Answer::BlockSubmitted(outcome)) => (outcome, effects),
        other => panic!("expected an outcome, found {other:?}"),
    }
}

#[track_caller]
fn refused(node: &mut Driven, block: &Arc<Block>) -> &'static str {
    let (tip, kept) = (node.tip().hash(), node.kept.len());
    let (outcome, effects) = offered(node, block);
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!((node.tip().hash(), node.kept.len()), (tip, kept));
    assert!(node.archive.entry(&block.hash()).unwrap().is_none());
    match outcome {
        Outcome::Refused(error) => error.rule(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn a_block_on_the_tip_extends_the_chain_and_is_known_from_then_on() {
    let mut node = Driven::workless();
    node.submit(&payment(1));
    let block = next_block(&node.tip(), 7, &[]);
    let (outcome, effects) = offered(&mut node, &block);
    assert!(matches!(outcome, Outcome::Extended), "{outcome:?}");
    let announces = |effect: &Effect| matches!(effect, Effect::Announce(_));
    assert!(effects.iter().any(announces), "{effects:?}");
    assert_eq!(node.tip().hash(), block.hash());
    assert!(node.archive.entry(&block.hash()).unwrap().is_some());
    let (outcome, effects) = offered(&mut node, &block);
    assert!(matches!(outcome, Outcome::Known), "{outcome:?}");
    assert!(effects.is_empty(), "{effects:?}");
}

#[test]
fn what_is_not_valid_is_refused_by_its_rule() {
    let mut node = Driven::workless();
    let genesis = node.tip();
    node.mine();
    let parentless = next_block(&next_block(&genesis, 1, &[]), 2, &[]);
    assert_eq!(refused(&mut node, &parentless), "orphan");
    let text = String::from_utf8(next_block(&node.tip(), 3, &[]).text().to_vec()).unwrap();
    let rules = Arc::clone(node.node.chain().rules());
    let wrong = rules.read(text.replace("\"index\": 3", "\"index\": 4").as_bytes());
    assert_eq!(refused(&mut node, &Arc::new(wrong.unwrap())), "index");
}

/// Where a proof does not depend on the content, one proof makes any number of
/// blocks: their places on the disk would be free, and for ever.
#[test]
fn beside_the_main_chain_no_block_is_kept_that_cost_nothing() {
    let mut node = Driven::workless();
    let genesis = node.tip();
    node.mine();
    for salt in 0..3 {
        let side = next_block(&genesis, salt, &[]);
        assert_eq!(refused(&mut node, &side), "not-heavier");
    }
    // Nor the first block of another chain.
    assert_eq!(refused(&mut node, &first_block(12345)), "not-heavier");
    // A peer's whole branch is another matter.
    let branch = next_block(&genesis, 9, &[]);
    let longer = [Arc::clone(&branch), next_block(&branch, 10, &[])];
    node.adopt(&longer);
    assert_eq!(node.tip().hash(), longer[1].hash());
}

/// A town whose blocks cost a few hundred guesses, more when they come fast.
fn town_that_works() -> Town {
    let easy = U256::MAX >> 8;
    let params = Params {
        initial_target: easy,
        pow_limit: easy,
        ..params()
    };
    Town::with(params, miner_config())
}

#[test]
fn beside_a_sealed_chain_a_block_has_to_cost_what_the_tip_did() {
    let mut town = town_that_works();
    let genesis = town.genesis();
    let mut main = vec![town.block(&genesis, 1, &[])];
    for _ in 0..3 {
        let tip = Arc::clone(main.last().unwrap());
        main.push(town.block(&tip, 1, &[]));
    }
    for block in &main {
        let (outcome, _) = offered(&mut town.node, block);
        assert!(matches!(outcome, Outcome::Extended), "{outcome:?}");
    }
    let cheap = town.block(&genesis, 2, &[]);
    assert_eq!(refused(&mut town.node, &cheap), "not-heavier");
    let beside_the_tip = town.block(&main[2], 2, &[]);
    let (outcome, _) = offered(&mut town.node, &beside_the_tip);
    assert!(matches!(outcome, Outcome::Side), "{outcome:?}");
    assert_eq!(town.node.tip().hash(), main[3].hash());
    let longer = town.block(&beside_the_tip, 2, &[]);
    let (outcome, _) = offered(&mut town.node, &longer);
    assert!(matches!(outcome, Outcome::Reorganised), "{outcome:?}");
    assert_eq!(town.node.tip().hash(), longer.hash());
}

/// The places for blocks before their time are few: none is for a block that
/// costs less than the tip, and makes nothing heavier.
#[test]
fn a_cheap_block_beside_the_main_chain_takes_no_place_before_its_time() {
    let mut town = town_that_works();
    let genesis = town.genesis();
    let mut tip = town.block(&genesis, 1, &[]);
    offered(&mut town.node, &tip);
    for _ in 0..3 {
        tip = town.block(&tip, 1, &[]);
        offered(&mut town.node, &tip);
    }
    let cheap = town.block(&genesis, 10_000_000, &[]);
    assert_eq!(refused(&mut town.node, &cheap), "not-heavier");
}

#[test]
fn a_block_without_its_senders_signature_is_refused_whoever_offers_it() {
    let mut town = Town::new();
    let mut payment = town.pay(0, 2, 0, 100, 10);
    let digit = payment.len() - 10;
    payment[digit] = if payment[digit] == b'7' { b'8' } else { b'7' };
    let block = town.block(&town.genesis(), 1, &[payment]);
    assert_eq!(refused(&mut town.node, &block), "signature");
}

#[test]
fn what_comes_too_early_is_held_back_and_stays_an_offer() {
    let mut town = town_that_works();
    let genesis = town.genesis();
    let early = town.block(&genesis, 10_000_000, &[]);
    let (outcome, effects) = offered(&mut town.node, &early);
    assert!(matches!(outcome, Outcome::Deferred), "{outcome:?}");
    let alarm = effects.iter().find_map(|effect| match effect {
        Effect::SetTimer(Timer::Retry, at) => Some(*at),
        _ => None,
    });
    // Meanwhile the chain gets on, with blocks that cost more.
    let mut tip = town.block(&genesis, 1, &[]);
    offered(&mut town.node, &tip);
    for _ in 0..3 {
        tip = town.block(&tip, 1, &[]);
        offered(&mut town.node, &tip);
    }
    town.node.now = alarm.unwrap();
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    let refusal = effects.iter().find_map(|effect| match effect {
        Effect::Refused(error) => Some(error),
        _ => None,
    });
    assert!(
        matches!(refusal, Some(ChainError::NotHeavier { height: 2 })),
        "{effects:?}"
    );
    assert_eq!(town.node.tip().hash(), tip.hash());
}

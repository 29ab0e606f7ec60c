//! Chains on which each transaction becomes a block at once, and which can
//! start over: what that means to a search that is under way.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::mining::Job;
use adit_core::node::{Answer, BlockMaking, ChainPoint, Config, Effect, Input, Timer};
use adit_core::rules::Rules;
use adit_core::transaction::Submitted;

use crate::sealed_world::{Key, SealedChain, easy_params, key};
use crate::world::{Driven, config, job_in};

/// A node that makes a block of each transaction, and somebody who can pay.
fn development() -> (Driven, Arc<dyn Rules>, SealedChain, Key) {
    let rich = key(1);
    let chain = SealedChain::new(easy_params(&[(&rich, 1_000_000)]));
    let rules: Arc<dyn Rules> = Arc::new(chain.rules.clone());
    let config = Config {
        mine_at_once: true,
        ..config(&key(2).address.to_string())
    };
    let mut node = Driven::start(Arc::clone(&rules), config);
    node.now = Duration::from_millis(chain.next_ms());
    (node, rules, chain, rich)
}

fn pay(node: &mut Driven, rules: &dyn Rules, chain: &SealedChain, rich: &Key) -> Vec<Effect> {
    let text = rich.sign(&chain.transfer(rich, &key(3), 1, 1));
    let submitted: Submitted = rules.read_transaction(&text).unwrap();
    let request = node.request();
    node.handle(Input::Transaction(request, submitted))
}

fn search(node: &mut Driven) -> Job {
    let request = node.request();
    job_in(&node.handle(Input::Mine(request))).unwrap()
}

#[test]
fn whoever_waits_for_a_block_gets_that_of_the_next_transaction_and_no_other_is_made() {
    let (mut node, rules, chain, rich) = development();
    let job = search(&mut node);
    let effects = pay(&mut node, &*rules, &chain, &rich);
    let mined = |effect: &Effect| matches!(effect, Effect::Answer(_, Answer::Mined(_)));
    assert!(effects.iter().any(mined));
    assert!(effects.iter().any(|one| matches!(one, Effect::StopMining)));
    let late = node.handle(Input::Proof {
        job: job.number,
        proof: 0,
    });
    assert!(late.is_empty(), "{late:?}");
    assert_eq!(node.node.chain().length(), 2);
}

#[test]
fn a_search_goes_on_behind_the_genesis_block_when_the_chain_begins_anew() {
    let (mut node, rules, chain, rich) = development();
    pay(&mut node, &*rules, &chain, &rich);
    let before = search(&mut node);
    let request = node.request();
    let effects = node.handle(Input::Rewind(request));
    let job = job_in(&effects).expect("the request for a block still waits");
    assert_ne!(job.number, before.number);
    let effects = node.handle(Input::Proof {
        job: job.number,
        proof: 0,
    });
    let refused = |effect: &Effect| matches!(effect, Effect::Refused(_));
    assert!(!effects.iter().any(refused), "{effects:?}");
    assert_eq!(node.node.chain().length(), 2);
}

fn point(node: &mut Driven) -> ChainPoint {
    let point = node.node.chain_point(node.now, &node.archive).unwrap();
    point.expect("there is a genesis block")
}

fn go_to(node: &mut Driven, point: ChainPoint) -> Vec<Effect> {
    let request = node.request();
    node.handle(Input::GoTo(request, Box::new(point)))
}

fn make_block(node: &mut Driven) -> Arc<Block> {
    let request = node.request();
    let effects = node.handle(Input::MakeBlock(request));
    let made = effects.into_iter().find_map(|effect| match effect {
        Effect::Answer(answered, Answer::Mined(block)) if answered == request => Some(block),
        _ => None,
    });
    made.expect("a block was made")
}

#[test]
fn the_chain_goes_back_to_a_point_with_its_accounts_and_what_waited() {
    let (mut node, rules, chain, rich) = development();
    let request = node.request();
    node.handle(Input::SetBlockMaking(request, BlockMaking::OnRequest));
    make_block(&mut node);
    pay(&mut node, &*rules, &chain, &rich);
    let before = point(&mut node);
    assert_eq!((before.tip.height, before.pending_count()), (2, 1));
    make_block(&mut node);
    assert_eq!(
        (node.node.chain().length(), node.node.mempool().len()),
        (3, 0)
    );
    let paid = node.archive.account(&key(3).address).unwrap();
    assert_eq!(paid.balance, 1);
    go_to(&mut node, before.clone());
    assert_eq!(
        (node.node.chain().length(), node.node.mempool().len()),
        (2, 1)
    );
    let unpaid = node.archive.account(&key(3).address).unwrap();
    assert_eq!(unpaid.balance, 0);
    // It goes on from there, as often as anybody likes.
    make_block(&mut node);
    go_to(&mut node, before);
    let made = make_block(&mut node);
    assert_eq!((made.height(), node.node.mempool().len()), (3, 0));
}

#[test]
fn a_block_that_is_made_again_to_the_byte_is_taken_again() {
    let (mut node, _, _, _) = development();
    let (before, now) = (point(&mut node), node.now);
    let first = make_block(&mut node);
    let second = make_block(&mut node);
    go_to(&mut node, before.clone());
    node.now = now;
    assert_eq!(make_block(&mut node).hash(), first.hash());
    assert_eq!(make_block(&mut node).hash(), second.hash());
    // And so is one that comes from elsewhere.
    go_to(&mut node, before);
    let request = node.request();
    node.handle(Input::SubmitBlock(request, first));
    assert_eq!(node.node.chain().length(), 2);
    assert_eq!(node.archive.main().count(), 2);
}

#[test]
fn a_search_goes_on_behind_the_block_that_the_chain_went_to() {
    let (mut node, _, _, _) = development();
    let before = point(&mut node);
    make_block(&mut node);
    let job = search(&mut node);
    let effects = go_to(&mut node, before);
    let renewed = job_in(&effects).expect("the request for a block still waits");
    assert_ne!(renewed.number, job.number);
    node.handle(Input::Proof {
        job: renewed.number,
        proof: 0,
    });
    assert_eq!(node.node.chain().length(), 2);
}

#[test]
fn a_block_that_the_chain_does_not_have_is_no_place_to_go_to() {
    let (mut node, _, _, _) = development();
    make_block(&mut node);
    let gone = point(&mut node);
    let request = node.request();
    node.handle(Input::Rewind(request));
    let effects = go_to(&mut node, gone);
    let refused = |effect: &Effect| matches!(effect, Effect::Answer(_, Answer::UnknownBlock(_)));
    assert!(effects.iter().any(refused), "{effects:?}");
    assert_eq!(node.node.chain().length(), 1);
}

#[test]
fn blocks_come_when_it_is_said() {
    let (mut node, rules, chain, rich) = development();
    let set = |node: &mut Driven, making| {
        let request = node.request();
        node.handle(Input::SetBlockMaking(request, making));
        assert_eq!(node.node.block_making(), making);
    };
    set(&mut node, BlockMaking::OnRequest);
    pay(&mut node, &*rules, &chain, &rich);
    assert_eq!(node.node.chain().length(), 1);
    // What waits by then is in a block at once.
    set(&mut node, BlockMaking::ForEachTransaction);
    assert_eq!(
        (node.node.chain().length(), node.node.mempool().len()),
        (2, 0)
    );
    let request = node.request();
    let every = BlockMaking::Every(Duration::from_secs(2));
    let effects = node.handle(Input::SetBlockMaking(request, every));
    let job = job_in(&effects).expect("the first one is due");
    let effects = node.handle(Input::Proof {
        job: job.number,
        proof: 0,
    });
    let rests = |effect: &Effect| matches!(effect, Effect::SetTimer(Timer::Mine, _));
    assert!(effects.iter().any(rests), "{effects:?}");
    let job = job_in(&node.handle(Input::Timer(Timer::Mine)));
    assert!(job.is_some());
    // A search that nobody wants any more ends.
    let request = node.request();
    let effects = node.handle(Input::SetBlockMaking(request, BlockMaking::OnRequest));
    assert!(effects.iter().any(|one| matches!(one, Effect::StopMining)));
}

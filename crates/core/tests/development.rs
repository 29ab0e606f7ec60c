//! Chains on which each transaction becomes a block at once, and which can
//! start over: what that means to a search that is under way.

use std::sync::Arc;
use std::time::Duration;

use adit_core::mining::Job;
use adit_core::node::{Answer, Config, Effect, Input};
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

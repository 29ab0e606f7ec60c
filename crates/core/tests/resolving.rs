//! `GET /nodes/resolve` and registration: each request is answered when all
//! its peers have answered, and each answer was asked for after the request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use adit_core::node::{Answer, Config, Effect, Input, Timer};
use adit_core::rules::Classic;
use adit_core::sync::{PEERS_LIMIT, PeerReport, RESOLVE_WAITING_LIMIT, RequestId, Resolved, Seen};

use crate::world::{
    Driven, Kept, address, answers_in, asked_in, classic_chain, config, line_after, only_answer,
};

fn node_with_peers(peers: &[&str]) -> Driven {
    let mut node = Driven::workless();
    node.register(peers);
    node
}

fn resolve(node: &mut Driven) -> (RequestId, Vec<Effect>) {
    let request = node.request();
    (request, node.handle(Input::Resolve(request)))
}

fn answer(node: &mut Driven, peer: &str, report: PeerReport) -> Vec<Effect> {
    node.answered(peer, report, Seen::default())
}

fn failed() -> PeerReport {
    PeerReport::Failed("it is dead".to_owned())
}

/// The answered requests among the effects, with the names of their peers.
fn resolved(effects: Vec<Effect>) -> Vec<(RequestId, bool, Vec<String>)> {
    let resolved = |(request, answer)| match answer {
        Answer::Resolved(resolved) => {
            assert_eq!(resolved.request, request);
            let Resolved {
                replaced, peers, ..
            } = resolved;
            let names = peers.iter().map(|(peer, _)| peer.to_string()).collect();
            (request, replaced, names)
        }
        other => panic!("expected a resolved request, found {other:?}"),
    };
    answers_in(effects).into_iter().map(resolved).collect()
}

#[test]
fn a_request_is_answered_when_all_peers_have_answered() {
    let mut node = node_with_peers(&["b:5000", "c:5000", "a:5000"]);
    let (request, effects) = resolve(&mut node);
    assert_eq!(asked_in(&effects), ["a:5000", "b:5000", "c:5000"]);
    assert!(answer(&mut node, "c:5000", PeerReport::Unchanged).is_empty());
    assert!(answer(&mut node, "a:5000", failed()).is_empty());
    let last = answer(&mut node, "b:5000", PeerReport::NotLonger { length: 1 });
    let expected = Resolved {
        request,
        replaced: false,
        peers: vec![
            (address("a:5000"), failed()),
            (address("b:5000"), PeerReport::NotLonger { length: 1 }),
            (address("c:5000"), PeerReport::Unchanged),
        ],
    };
    let found = only_answer(last);
    let Answer::Resolved(found) = found else {
        panic!("expected a resolved request, found {found:?}");
    };
    assert_eq!(found, expected);
}

#[test]
fn without_peers_a_request_is_answered_at_once() {
    let mut node = Driven::workless();
    let (request, effects) = resolve(&mut node);
    assert_eq!(resolved(effects), [(request, false, vec![])]);
}

#[test]
fn a_peer_that_is_being_asked_is_asked_again_for_whoever_came_meanwhile() {
    let mut node = node_with_peers(&["a:5000"]);
    let (first, effects) = resolve(&mut node);
    assert_eq!(asked_in(&effects), ["a:5000"]);
    let (second, effects) = resolve(&mut node);
    assert!(effects.is_empty(), "it is being asked: {effects:?}");
    let (third, effects) = resolve(&mut node);
    assert!(effects.is_empty(), "it is being asked: {effects:?}");
    let names = || vec!["a:5000".to_owned()];
    let effects = answer(&mut node, "a:5000", PeerReport::Unchanged);
    assert_eq!(asked_in(&effects), ["a:5000"]);
    assert_eq!(resolved(effects), [(first, false, names())]);
    let effects = answer(&mut node, "a:5000", PeerReport::Unchanged);
    assert!(asked_in(&effects).is_empty());
    let expected = [(second, false, names()), (third, false, names())];
    assert_eq!(resolved(effects), expected);
}

#[test]
fn a_chain_replaced_while_it_waits_is_reported_and_not_one_from_before() {
    let mut node = node_with_peers(&["a:5000", "peer:5000"]);
    let (before, _) = resolve(&mut node);
    let branch = line_after(&node.tip(), 1, 7);
    let effects = node.adopt(&branch);
    assert!(resolved(effects).is_empty(), "a:5000 has not answered");
    let (after, _) = resolve(&mut node);
    let effects = answer(&mut node, "a:5000", failed());
    let both = || vec!["a:5000".to_owned(), "peer:5000".to_owned()];
    assert_eq!(resolved(effects), [(before, true, both())]);
    answer(&mut node, "a:5000", failed());
    let effects = answer(&mut node, "peer:5000", PeerReport::Unchanged);
    assert_eq!(resolved(effects), [(after, false, both())]);
}

#[test]
fn a_block_made_here_replaces_nothing() {
    let mut node = node_with_peers(&["a:5000"]);
    let (request, _) = resolve(&mut node);
    node.mine();
    let effects = answer(&mut node, "a:5000", PeerReport::NotLonger { length: 1 });
    assert_eq!(
        resolved(effects)[0],
        (request, false, vec!["a:5000".into()])
    );
}

#[test]
fn who_has_gone_is_not_answered() {
    let mut node = node_with_peers(&["a:5000"]);
    let (gone, _) = resolve(&mut node);
    let (stays, _) = resolve(&mut node);
    assert!(node.handle(Input::Cancelled(gone)).is_empty());
    let effects = answer(&mut node, "a:5000", failed());
    assert_eq!(asked_in(&effects), ["a:5000"]);
    assert!(answers_in(effects).is_empty());
    let effects = answer(&mut node, "a:5000", failed());
    assert_eq!(resolved(effects)[0].0, stays);
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut node = node_with_peers(&["a:5000"]);
    assert!(answer(&mut node, "a:5000", failed()).is_empty());
    assert!(answer(&mut node, "stranger:5000", failed()).is_empty());
    let (_, effects) = resolve(&mut node);
    assert!(answer(&mut node, "stranger:5000", failed()).is_empty());
    assert_eq!(asked_in(&effects), ["a:5000"]);
}

#[test]
fn no_more_wait_for_peers_than_the_limit_further_ones_are_answered_at_once() {
    let mut node = node_with_peers(&["a:5000"]);
    for _ in 0..RESOLVE_WAITING_LIMIT {
        let (_, effects) = resolve(&mut node);
        assert!(answers_in(effects).is_empty());
    }
    let (beyond, effects) = resolve(&mut node);
    assert_eq!(resolved(effects), [(beyond, false, vec![])]);
    let first = answer(&mut node, "a:5000", failed());
    assert_eq!(resolved(first).len(), 1);
    let others = answer(&mut node, "a:5000", failed());
    assert_eq!(resolved(others).len(), RESOLVE_WAITING_LIMIT - 1);
}

#[test]
fn the_peers_are_asked_at_every_waking_and_none_twice_at_a_time() {
    let every = Duration::from_secs(10);
    let config = Config {
        resolve_every: Some(every),
        ..config("us")
    };
    let mut node = Driven::start(Arc::new(Classic::Published), config);
    node.register(&["a:5000", "b:5000"]);
    let wakes_in_time = |effects: &[Effect], now: Duration| {
        let wake = |effect: &Effect| matches!(effect, Effect::SetTimer(Timer::AskPeers, at) if *at == now + every);
        assert!(effects.iter().any(wake), "{effects:?}");
    };
    let now = node.now;
    let effects = node.handle(Input::Timer(Timer::AskPeers));
    wakes_in_time(&effects, now);
    assert_eq!(asked_in(&effects), ["a:5000", "b:5000"]);
    answer(&mut node, "a:5000", failed());
    let now = node.now;
    let effects = node.handle(Input::Timer(Timer::AskPeers));
    wakes_in_time(&effects, now);
    assert_eq!(asked_in(&effects), ["a:5000"], "b:5000 is being asked");
}

#[test]
fn without_an_interval_peers_are_asked_only_on_request() {
    let mut node = node_with_peers(&["a:5000"]);
    assert!(node.handle(Input::Started).is_empty());
    assert!(node.handle(Input::Timer(Timer::AskPeers)).is_empty());
}

fn many(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("p{number}:5000")).collect()
}

fn register(node: &mut Driven, peers: &[String]) -> Answer {
    let peers: Vec<_> = peers.iter().map(String::as_str).collect();
    node.register(&peers)
}

#[test]
fn peers_are_registered_up_to_the_limit_and_all_or_none() {
    let mut node = Driven::workless();
    register(&mut node, &many(0..PEERS_LIMIT - 1));
    let two_more = register(&mut node, &many(PEERS_LIMIT - 1..PEERS_LIMIT + 1));
    let Answer::TooManyPeers(error) = two_more else {
        panic!("expected a refusal, found {two_more:?}");
    };
    let message = "at most 128 nodes can be registered; none of these was";
    assert_eq!(error.to_string(), message);
    assert_eq!(node.node.peers().len(), PEERS_LIMIT - 1);
    // Known ones and repeated ones take no room.
    let mut all = many(0..PEERS_LIMIT);
    all.extend(many(0..PEERS_LIMIT));
    let answer = register(&mut node, &all);
    let Answer::Registered(peers) = answer else {
        panic!("expected all peers, found {answer:?}");
    };
    assert_eq!(peers.len(), PEERS_LIMIT);
}

#[test]
fn the_list_of_peers_is_sorted_and_kept_when_it_has_changed() {
    let mut node = Driven::workless();
    let before = node.kept.len();
    node.register(&["b:5000", "a:5001", "a:5000"]);
    node.register(&["b:5000"]);
    let kept: Vec<_> = node.kept.drain(before..).collect();
    let [Kept::Peers(peers)] = kept.as_slice() else {
        panic!("expected one list, found {}", kept.len());
    };
    assert_eq!(*peers, ["a:5000", "a:5001", "b:5000"]);
}

#[test]
fn a_node_does_not_register_itself() {
    let config = Config {
        own_addresses: BTreeSet::from([address("127.0.0.1:5000")]),
        ..config("us")
    };
    let mut node = Driven::start(Arc::new(Classic::Published), config);
    node.register(&["127.0.0.1:5000", "127.0.0.1:5001"]);
    assert_eq!(node.node.peers(), [address("127.0.0.1:5001")]);
}

#[test]
fn a_shorter_chain_of_a_peer_is_not_adopted() {
    let mut node = Driven::classic();
    node.register(&["peer:5000"]);
    node.adopt(&classic_chain(5, 7));
    let (request, _) = resolve(&mut node);
    let longest = node.main_hashes();
    let effects = node.adopt(&classic_chain(4, 8));
    assert_eq!(node.main_hashes(), longest);
    assert_eq!(
        resolved(effects),
        [(request, false, vec!["peer:5000".into()])]
    );
}

#[test]
fn who_waits_no_longer_is_told_which_peers_have_not_answered() {
    let mut node = node_with_peers(&["a:5000", "b:5000", "c:5000"]);
    let asked_before = resolve(&mut node).0;
    let (request, _) = resolve(&mut node);
    answer(&mut node, "b:5000", PeerReport::Unchanged);
    answer(&mut node, "b:5000", PeerReport::NotLonger { length: 1 });
    let effects = node.handle(Input::DeadlineReached(request));
    let expected = Resolved {
        request,
        replaced: false,
        peers: vec![
            (address("a:5000"), PeerReport::StillAsked),
            (address("b:5000"), PeerReport::NotLonger { length: 1 }),
            (address("c:5000"), PeerReport::StillAsked),
        ],
    };
    match only_answer(effects) {
        Answer::Resolved(resolved) => assert_eq!(resolved, expected),
        other => panic!("expected a resolved request, found {other:?}"),
    }
    // The one before waits on, and is answered in the end.
    answer(&mut node, "a:5000", failed());
    let last = answer(&mut node, "c:5000", failed());
    assert_eq!(
        resolved(last).first().map(|(id, ..)| *id),
        Some(asked_before)
    );
}

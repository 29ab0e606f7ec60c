//! A peer's long chain, forged for free, is taken in step by step: requests
//! meanwhile are served, the node may end at any moment, and what waits for its
//! turn is dropped with its peer. What happens in which order is seen by the
//! length of the main chain, which grows with the steps.

use std::io::Write;

use rustix::process::Signal;

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::Node;
use crate::support::until;

/// Long enough for many steps.
pub(crate) const LONG: usize = 60_000;

const PAYMENT: &str = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;

fn length(node: &Node) -> usize {
    node.status()["length"].as_u64().unwrap() as usize
}

/// A node that has started to take in the chain of this peer, and is not at its
/// end.
fn in_the_middle(peer: &Peer) -> Node {
    let node = Node::start();
    node.register([peer]);
    let mut asking = node.connect();
    let request = format!(
        "GET /nodes/resolve HTTP/1.1\r\nHost: {}\r\n\r\n",
        node.address()
    );
    asking.write_all(request.as_bytes()).unwrap();
    until("a part of the chain is taken in", || {
        (length(&node) > 1).then_some(())
    });
    assert!(length(&node) < LONG, "it is taken in at once");
    node
}

pub(crate) fn long_peer() -> Peer {
    Peer::serving(chain_body(&Forger::chain(LONG)))
}

/// Long enough for two requests, one after the other, on a busy machine.
const VERY_LONG: usize = 120_000;

#[test]
fn a_long_branch_keeps_nobody_waiting() {
    let peer = Peer::serving(chain_body(&Forger::chain(VERY_LONG)));
    let node = in_the_middle(&peer);
    assert_eq!(node.post("/transactions/new", PAYMENT).status, 201);
    let mined = node.get("/mine");
    assert_eq!(mined.status, 200, "{}", mined.text());
    let index = mined.json()["index"].as_u64().unwrap() as usize;
    assert!(index < VERY_LONG, "they waited for the whole branch");
    until("the chain is adopted", || {
        (length(&node) == VERY_LONG).then_some(())
    });
    // The block that was made in between is no longer on any main chain.
    until("the payment waits again", || {
        (node.status()["pending"] == 1).then_some(())
    });
    node.assert_unharmed();
}

#[test]
fn a_kill_in_the_middle_of_a_branch_loses_nothing() {
    let peer = long_peer();
    let node = in_the_middle(&peer);
    assert_eq!(node.post("/transactions/new", PAYMENT).status, 201);
    let before = length(&node);
    assert!(before < LONG);
    let node = node.restart();
    assert!(length(&node) >= before);
    assert_eq!(node.status()["pending"], 1);
    // What was taken in by then need not be taken in again.
    assert_eq!(node.resolve().peers[&peer.address]["outcome"], "adopted");
    assert_eq!(length(&node), LONG);
    assert_eq!(node.status()["pending"], 1);
    node.assert_unharmed();
}

#[test]
fn a_node_ends_in_good_order_in_the_middle_of_a_branch() {
    let peer = long_peer();
    let node = in_the_middle(&peer);
    let before = length(&node);
    let node = node.restart_after(Signal::TERM);
    let after = length(&node);
    assert!((before..=LONG).contains(&after), "{before}, then {after}");
    node.assert_unharmed();
}

#[test]
fn nothing_further_is_taken_in_of_a_peer_that_is_removed() {
    let peer = long_peer();
    let node = in_the_middle(&peer);
    let path = format!("/api/v1/peers/{}", peer.address);
    assert_eq!(node.request("DELETE", &path, &[], b"").status, 204);
    let after = length(&node);
    assert!(after < LONG);
    // Were it still being taken in, more of it would be here when a block is.
    assert_eq!(node.get("/mine").status, 200);
    assert_eq!(length(&node), after + 1);
    node.assert_unharmed();
}

/// A long chain whose blocks all hold a payment, and one that is a block longer
/// and shares none with it.
const OVERTAKEN: usize = 20_000;

/// A node on whose main chain the second of these has just overtaken the first.
/// What the first holds waits again, which takes a while.
fn just_overtaken(peers: &[Peer; 2]) -> Node {
    let node = Node::start();
    for (peer, length) in peers.iter().zip([OVERTAKEN, OVERTAKEN + 1]) {
        node.register([peer]);
        until("the chain is adopted", || {
            let asked = node.get("/nodes/resolve");
            assert_eq!(asked.status, 200);
            (self::length(&node) == length).then_some(())
        });
    }
    node
}

#[test]
fn a_long_chain_that_was_overtaken_waits_again_whatever_ends_the_node_meanwhile() {
    let paying = r#"[{"amount": 5, "recipient": "b", "sender": "a"}]"#;
    let paying = Forger::with_transactions(paying);
    let overtaken: Vec<String> = paying.take(OVERTAKEN).collect();
    let peers = [
        Peer::serving(chain_body(&overtaken)),
        Peer::serving(chain_body(&Forger::chain(OVERTAKEN + 1))),
    ];
    for signal in [Signal::KILL, Signal::TERM] {
        let node = just_overtaken(&peers);
        let tip = node.status()["tip"].clone();
        let node = match signal {
            Signal::KILL => node.restart(),
            signal => node.restart_after(signal),
        };
        assert_eq!(length(&node), OVERTAKEN + 1);
        assert_eq!(node.status()["tip"], tip);
        until("all payments wait again", || {
            (node.status()["pending"] == OVERTAKEN).then_some(())
        });
        until("a block takes some of them along", || {
            let mined = node.get("/mine").json();
            (mined["transactions"].as_array().unwrap().len() > 1).then_some(())
        });
        node.assert_unharmed();
    }
}

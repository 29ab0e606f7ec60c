//! Peers whose long answers are of no use: what they can make the node read, however
//! often somebody has it look.

use std::io::Write;

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::Node;

const TURNS: usize = 5;

/// Twice as much as costs nothing.
fn long_blocks(length: usize) -> Vec<String> {
    let note = format!("[\"{}\"]", "a".repeat(2_000_000 / length));
    Forger::with_transactions(&note).take(length).collect()
}

/// Has the node look at this peer a few times. Returns what is said of it, and how
/// often it was asked.
fn looked_at(node: &Node, peer: &Peer) -> (Vec<String>, usize) {
    node.register([peer]);
    let said = (0..TURNS).map(|_| {
        let report = node.resolve().peers[&peer.address].clone();
        let error = report["error"].as_str().or(report["outcome"].as_str());
        error.unwrap().to_string()
    });
    (said.collect(), peer.visits())
}

#[test]
fn a_long_chain_that_is_not_valid_is_not_read_again_at_once() {
    let mut blocks = long_blocks(20);
    let last = blocks.pop().unwrap();
    blocks.push(last.replace("\"index\": 20", "\"index\": 21"));
    let long_space = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(8_000_000));
    let cut = chain_body(&long_blocks(20));
    let cut = &cut[..cut.len() - 20];
    let cases = [
        (
            Peer::serving(chain_body(&blocks)),
            "the block in place 20 is not valid: index: expected 20, found 21",
        ),
        (
            Peer::sending(long_space),
            "expected blocks, found more than 1048576 bytes of other things",
        ),
        (
            Peer::serving(cut),
            &*format!(
                "the answer ends after {} bytes, before the chain does",
                cut.len()
            ),
        ),
    ];
    for (peer, error) in cases {
        let node = Node::start();
        let (said, visits) = looked_at(&node, &peer);
        assert_eq!(said, vec![error; TURNS]);
        assert_eq!(visits, 1, "{error}");
    }
}

/// The tutorial's nodes can send nothing but their chain.
#[test]
fn a_long_chain_that_is_only_shorter_is_read_each_time() {
    let node = Node::start();
    let healthy = Peer::serving(chain_body(&Forger::chain(30)));
    node.register([&healthy]);
    assert_eq!(node.resolve().peers[&healthy.address]["outcome"], "adopted");
    let shorter = Peer::serving(chain_body(&long_blocks(20)));
    let (said, visits) = looked_at(&node, &shorter);
    assert_eq!(
        (said, visits),
        (vec!["not longer".to_string(); TURNS], TURNS)
    );
}

#[test]
fn who_is_registered_again_is_asked_again() {
    let node = Node::start();
    let body = chain_body(&long_blocks(20));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let short = Peer::start(move |_, mut stream| {
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&body.as_bytes()[..1_500_000]);
    });
    let (said, visits) = looked_at(&node, &short);
    assert!(said[0].starts_with("the answer broke off"), "{}", said[0]);
    assert_eq!(visits, 1);
    // Somebody who mended it registers it again.
    let path = format!("/api/v1/peers/{}", short.address);
    assert_eq!(node.request("DELETE", &path, &[], b"").status, 204);
    looked_at(&node, &short);
    assert_eq!(short.visits(), 2);
}

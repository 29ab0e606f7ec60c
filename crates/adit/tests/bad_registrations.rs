//! What is registered: addresses in any spelling, each node once, never the
//! node itself, all of a request's or none, and not without end.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::raw::{Answer, Node};

fn register(node: &Node, addresses: &[&str]) -> Answer {
    node.post("/nodes/register", json!({ "nodes": addresses }).to_string())
}

#[track_caller]
fn assert_registered(node: &Node, expected: Value) {
    assert_eq!(node.status()["nodes"], expected);
}

const NO_HOST: &str = "the host is neither a name nor an IP address";
const NO_PORT: &str = "the port is not in 1..65535";
const NO_NUMBER: &str = "the port is not a number";
const NO_HTTP: &str = "only http:// and https:// are spoken here";
const NO_BRACKET: &str = "a bracket is not closed";

const MALFORMED: [(&str, &str); 26] = [
    ("http//192.168.0.1:5000", NO_HOST),
    ("", NO_HOST),
    ("http://", NO_HOST),
    (":5000", NO_HOST),
    ("a b:5000", NO_HOST),
    ("user@host:5000", NO_HOST),
    ("b\u{fc}cher:5000", NO_HOST),
    ("host\0:5000", NO_HOST),
    ("host\r\nX:5000", NO_HOST),
    ("192.168.0.300:5000", NO_HOST),
    ("192.168.0:5000", NO_HOST),
    ("host..example:5000", NO_HOST),
    (".:5000", NO_HOST),
    ("host:0", NO_PORT),
    ("host:65536", NO_PORT),
    ("host:99999999999999999999", NO_PORT),
    ("host:", NO_PORT),
    ("host:+5000", NO_NUMBER),
    ("host:5000:5000", NO_NUMBER),
    ("host:5000/chain", NO_NUMBER),
    ("ftp://host:5000", NO_HTTP),
    ("file:///etc/passwd", NO_HTTP),
    ("://host:5000", NO_HTTP),
    ("http://[::1:5000", NO_BRACKET),
    (
        "http://[::g]:5000",
        "what stands in brackets is no IPv6 address",
    ),
    ("http://[::1]5000", "only a port can follow the brackets"),
];

#[test]
fn a_malformed_address_is_refused_with_the_reason_and_none_is_registered() {
    let node = Node::start();
    for (address, problem) in MALFORMED {
        let answer = register(&node, &["http://127.0.0.1:5001", address]);
        assert_eq!(answer.status, 400, "{address:?}");
        let expected = format!(
            "Error: Please supply a valid list of nodes ({address:?} is not a node's address: \
             {problem}; write it as http://host:port, https://host:port or host:port)"
        );
        assert_eq!(answer.text(), expected);
    }
    assert_registered(&node, json!([]));
    node.assert_unharmed();
}

#[test]
fn a_long_address_is_quoted_in_part() {
    let node = Node::start();
    let name = "a".repeat(254);
    let answer = register(&node, &[&format!("{name}:5000")]);
    assert_eq!(answer.status, 400);
    let quoted = format!("({:?} is not a node's address: ", "a".repeat(80));
    assert!(answer.text().contains(&quoted), "{}", answer.text());
    let longest = vec!["a".repeat(50); 5].join(".");
    assert_eq!(register(&node, &[&longest[..253]]).status, 201);
    node.assert_unharmed();
}

#[test]
fn one_node_in_many_spellings_is_one() {
    let node = Node::start();
    let spellings = [
        "http://Example.org:80/",
        "example.org",
        "HTTP://EXAMPLE.ORG/chain?a#b",
        "example.org:80",
        "example.org:0080",
        "http://[0:0::0:1]:5001",
        "[::1]:5001",
    ];
    let answer = register(&node, &spellings);
    assert_eq!(answer.status, 201);
    let expected = json!({
        "message": "New nodes have been added",
        "total_nodes": ["[::1]:5001", "example.org:80"],
    });
    assert_eq!(answer.json(), expected);
    assert_registered(&node, json!(["[::1]:5001", "example.org:80"]));
    node.assert_unharmed();
}

#[test]
fn the_node_itself_is_left_out() {
    let node = Node::start();
    let port = node.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LocalHost",
        "[::1]",
        "0.0.0.0",
        "[::]",
    ] {
        let own = format!("http://{host}:{port}");
        let answer = register(&node, &[&own, "http://127.0.0.2:5001"]);
        assert_eq!(answer.status, 201);
        assert_eq!(
            answer.json()["total_nodes"],
            json!(["127.0.0.2:5001"]),
            "{own}"
        );
    }
    node.assert_unharmed();
}

/// Who names too many at the start has a list that grew, and wants a node all the same.
#[test]
fn of_more_nodes_than_there_can_be_at_the_start_the_first_are_registered() {
    let addresses: Vec<String> = (0..130).map(|n| format!("10.0.{n}.1:5000")).collect();
    let node = Node::start_with(&["--peer", &addresses.join(",")]);
    let registered = node.status()["nodes"].as_array().unwrap().clone();
    let names = |all: &[String]| all.iter().cloned().collect::<BTreeSet<_>>();
    let registered: Vec<String> = registered
        .iter()
        .map(|address| address.as_str().unwrap().to_string())
        .collect();
    assert_eq!(names(&registered), names(&addresses[..128]));
    let log = node.log();
    assert!(log.contains("at most 128 nodes can be registered"), "{log}");
    assert!(log.contains("10.0.128.1:5000, 10.0.129.1:5000"), "{log}");
    assert!(!log.contains("10.0.127.1:5000"), "{log}");
}

#[test]
fn more_nodes_than_there_can_be_are_refused_all_together() {
    let node = Node::start();
    let addresses: Vec<String> = (0..130).map(|n| format!("10.0.0.{n}:5000")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let refused = "at most 128 nodes can be registered; none of these was";
    let answer = register(&node, &addresses);
    assert_eq!((answer.status, &*answer.text()), (400, refused));
    assert_registered(&node, json!([]));

    assert_eq!(register(&node, &addresses[..127]).status, 201);
    let answer = register(&node, &addresses[127..]);
    assert_eq!((answer.status, &*answer.text()), (400, refused));
    let repeated = [&addresses[..127], &addresses[..127], &addresses[..1]].concat();
    assert_eq!(register(&node, &repeated).status, 201);
    assert_eq!(register(&node, &addresses[127..128]).status, 201);
    assert_eq!(register(&node, &addresses[128..129]).status, 400);
    assert_eq!(node.status()["nodes"].as_array().unwrap().len(), 128);
    node.assert_unharmed();
}

#[test]
fn what_was_registered_survives_the_process() {
    let node = Node::start();
    assert_eq!(register(&node, &["b:5001", "http://a:5000"]).status, 201);
    let node = node.restart();
    assert_registered(&node, json!(["a:5000", "b:5001"]));
    assert_eq!(register(&node, &["c:5002", "nonsense:"]).status, 400);
    let node = node.restart();
    assert_registered(&node, json!(["a:5000", "b:5001"]));
    node.assert_unharmed();
}

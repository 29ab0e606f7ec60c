//! The tutorial's own tests, under their own names, against the node. Where the
//! Python test handed `new_block` a made-up proof, the block is mined here.

use adit_core::node::Answer;
use adit_core::peer::read_registration;
use adit_core::rules::{Classic, Rules};

use crate::world::{Driven, first_block, only_answer};

/// `POST /nodes/register`, from the body to the list of nodes.
fn register(node: &mut Driven, body: &str) -> Vec<String> {
    if let Ok(peers) = read_registration(body.as_bytes()) {
        let request = node.request();
        let input = adit_core::node::Input::Register(request, peers);
        let answer = only_answer(node.handle(input));
        assert!(matches!(answer, Answer::Registered(_)), "{answer:?}");
    }
    node.node.peers().iter().map(ToString::to_string).collect()
}

/// `POST /transactions/new`.
fn create_transaction(node: &mut Driven) {
    let body = br#"{"sender": "a", "recipient": "b", "amount": 1}"#;
    let text = Classic::Published.read_transaction(body).unwrap();
    let answer = node.submit(std::str::from_utf8(text.text()).unwrap());
    assert!(matches!(answer, Answer::Accepted { block_height: 2 }));
}

#[test]
fn test_valid_nodes() {
    let mut node = Driven::classic();
    let nodes = register(&mut node, r#"{"nodes": ["http://192.168.0.1:5000"]}"#);
    assert_eq!(nodes, ["192.168.0.1:5000"]);
}

#[test]
fn test_malformed_nodes() {
    let mut node = Driven::classic();
    let nodes = register(&mut node, r#"{"nodes": ["http//192.168.0.1:5000"]}"#);
    assert!(nodes.is_empty(), "{nodes:?}");
}

#[test]
fn test_idempotency() {
    let mut node = Driven::classic();
    register(&mut node, r#"{"nodes": ["http://192.168.0.1:5000"]}"#);
    let nodes = register(&mut node, r#"{"nodes": ["http://192.168.0.1:5000"]}"#);
    assert_eq!(nodes.len(), 1);
}

#[test]
fn test_block_creation() {
    let mut node = Driven::classic();
    let genesis = node.tip();
    let block = node.mine();
    assert_eq!(node.archive.main().count(), 2);
    let fields: serde_json::Value = serde_json::from_slice(block.text()).unwrap();
    assert_eq!(fields["index"], 2);
    assert!(fields["timestamp"].is_f64());
    assert_eq!(fields["proof"], 35_293);
    assert_eq!(fields["previous_hash"], genesis.hash().to_string());
}

#[test]
fn test_create_transaction() {
    let mut node = Driven::classic();
    create_transaction(&mut node);
    let expected = r#"{"amount": 1, "recipient": "b", "sender": "a"}"#;
    assert_eq!(node.pending(), [expected]);
}

#[test]
fn test_block_resets_transactions() {
    let mut node = Driven::classic();
    create_transaction(&mut node);
    assert_eq!(node.pending().len(), 1);
    node.mine();
    assert_eq!(node.pending().len(), 0);
}

#[test]
fn test_return_last_block() {
    let mut node = Driven::classic();
    let created = node.mine();
    assert_eq!(node.archive.main().count(), 2);
    assert_eq!(node.archive.main().last(), Some(&*created));
    assert_eq!(node.tip(), created);
}

/// Python: `hashlib.sha256(json.dumps(block, sort_keys=True).encode())` of
/// `{'index': 1, 'timestamp': 1700000000.5, 'transactions': [], 'proof': 100,
/// 'previous_hash': '1'}`.
#[test]
fn test_hash_is_correct() {
    let hash = first_block(1_700_000_000).hash().to_string();
    assert_eq!(hash.len(), 64);
    assert_eq!(
        hash,
        "7dd0b05c7a6aafba30a3d6c7102d235385a934972e4c066bcea9f6adcbae98f2"
    );
}

/// Of the same with the timestamp 1700000000.25: the clock at which the
/// driver of these tests starts.
#[test]
fn a_new_nodes_first_block_is_the_tutorials() {
    let node = Driven::classic();
    assert_eq!(
        node.tip().text(),
        br#"{"index": 1, "previous_hash": "1", "proof": 100, "timestamp": 1700000000.25, "transactions": []}"#
    );
    let expected = "a8d603754772c1ef5d054c356d34c4d8d5c27ca3147da09dae492e2882b804a6";
    assert_eq!(node.tip().hash().to_string(), expected);
}

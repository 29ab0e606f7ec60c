//! A peer whose chain is adopted and then dropped: of what its blocks held,
//! only what anybody could have submitted comes to wait here, so that our own
//! blocks stay readable for everybody.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::interop::Python;
use crate::peer::{Forger, Peer, chain_body};
use crate::support::Server;

/// How many transactions that are none each block holds.
const NOTHINGS: usize = 20_000;

/// A peer with a chain, that has another one when the test says so.
fn changing_peer(chain: &[String]) -> (Peer, Arc<Mutex<String>>) {
    let body = Arc::new(Mutex::new(chain_body(chain)));
    let serving = Arc::clone(&body);
    let peer = Peer::start(move |_, mut stream| {
        let body = serving.lock().unwrap().clone();
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        // The node may have heard enough before the end.
        let _ = stream.write_all(&[head, body].concat().into_bytes());
    });
    (peer, body)
}

/// The answer holds the chain, whose numbers not everybody can read.
#[track_caller]
fn adopt(node: &Server) {
    let told = node.get("/nodes/resolve").expect_status(200).text();
    assert!(told.contains(r#""outcome":"adopted""#));
}

#[test]
fn what_nobody_could_submit_does_not_come_in_by_a_reorganisation() {
    let nothings = ["{}"; NOTHINGS].join(", ");
    let ordinary = r#"{"amount": 5, "recipient": "bob", "sender": "alice"}"#;
    let huge = "9".repeat(5_000);
    let list = format!(
        "[{nothings}, {ordinary}, {{\"amount\": {huge}, \"recipient\": \"b\", \"sender\": \"a\"}}]"
    );
    let first: Vec<String> = Forger::with_transactions(&list).take(3).collect();
    let (peer, body) = changing_peer(&first);
    let node = Server::adit(["--in-memory", "--resolve-every", "0"]);
    node.pay("ours", "yours");
    node.register([&*peer.address]);
    adopt(&node);
    assert_eq!(node.status()["length"], 3);
    *body.lock().unwrap() = chain_body(&Forger::chain(5));
    adopt(&node);

    let status = node.status();
    assert_eq!(
        (&status["length"], &status["pending"]),
        (&json!(5), &json!(4))
    );
    let block = node.mine();
    let ordinary: Value = serde_json::from_str(ordinary).unwrap();
    let ours = json!({ "amount": 1, "recipient": "yours", "sender": "ours" });
    let found = &block["transactions"].as_array().unwrap()[..4];
    assert_eq!(
        found,
        [&ordinary, &ordinary, &ordinary, &ours].map(Value::clone)
    );
    assert_eq!(node.status()["pending"], 0);

    let Some(python) = Python::find() else { return };
    let theirs = python.node([]);
    theirs.register([&*node.address]);
    let told = theirs.get("/nodes/resolve").expect_status(200).text();
    assert!(told.contains("Our chain was replaced"), "{told}");
    assert_eq!(theirs.chain().len(), 6);
}

//! `/check`: somebody gives the address of a node that they have written, and gets a
//! page that says what is right about it and what is not, with what was hashed there
//! beside what has to be. The wrong nodes are real ones in Python where Python is
//! there.

use std::net::TcpListener;

use adit_core::hash::sha256;

use crate::fake_node::FakeNode;
use crate::interop::Python;
use crate::peer::{Forger, Peer, chain_body};
use crate::raw::{Answer, Node};

/// So many checks are kept.
const EXAMINATIONS_LIMIT: usize = 32;

/// A node of the tutorial whose author forgot to sort the keys.
const WITHOUT_SORT_KEYS: &str = r"
import hashlib, json, sys
from tutorial_node import Blockchain

class Mistaken(Blockchain):
    @staticmethod
    def hash(block):
        return hashlib.sha256(json.dumps(block).encode()).hexdigest()

blockchain = Mistaken('classic')
for number in range(3):
    last = blockchain.last_block
    proof = blockchain.proof_of_work(last)
    blockchain.new_transaction('Zoë', 'bob', number)
    blockchain.new_block(proof, blockchain.hash(last))
json.dump({'chain': blockchain.chain, 'length': len(blockchain.chain)}, sys.stdout, sort_keys=True)
";

fn form(node: &Node, path: &str, body: &str) -> Answer {
    let kind = "Content-Type: application/x-www-form-urlencoded";
    node.request("POST", path, &[kind], body.as_bytes())
}

/// Has the node check that address; returns where the finding is, and its page.
#[track_caller]
fn checked(node: &Node, address: &str) -> (String, String) {
    let answer = form(node, "/check", &format!("node={address}"));
    assert_eq!(answer.status, 303, "{}", answer.text());
    let place = answer.header("location").unwrap().to_owned();
    assert!(place.starts_with("/check/"), "{place}");
    let page = node.get(&place);
    assert_eq!(page.status, 200);
    (place, page.text().to_string())
}

#[track_caller]
fn assert_says(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
}

#[test]
fn a_right_node_is_said_to_be_right_step_by_step() {
    let node = Node::start();
    let other = Node::start();
    other.get("/mine");
    let (_, page) = checked(&node, &format!("http%3A%2F%2F{}%2Fchain", other.address()));
    assert_says(
        &page,
        &[
            "Is this node right? Yes, it is right",
            "2 blocks",
            "Right: </span>Every proof solves its puzzle",
            "<small>2 and 2</small>",
            "Right: </span>It has POST /nodes/register",
        ],
    );
    assert!(!page.contains("What to do"), "{page}");
    assert_eq!(other.status()["length"], 2, "nothing was mined there");
}

#[test]
fn a_node_of_either_tutorial_is_checked_under_its_own_rules() {
    let Some(python) = Python::find() else { return };
    let node = Node::start();
    for rules in ["classic", "classic-2018"] {
        let theirs = python.node(["--rules", rules]);
        theirs.mine();
        let before = theirs.get("/chain").body;
        let (_, page) = checked(&node, &theirs.address);
        let under = format!("under the rules {rules}");
        assert_says(&page, &["Yes, it is right", "2 blocks", &under]);
        assert!(theirs.get("/chain").body == before, "nothing was mined");
    }
}

#[test]
fn what_was_hashed_stands_beside_what_has_to_be_key_by_key() {
    let Some(python) = Python::find() else { return };
    let peer = Peer::serving(python.script(WITHOUT_SORT_KEYS, &[]));
    let node = Node::start();
    let (place, page) = checked(&node, &peer.address);
    assert_says(
        &page,
        &[
            "Not yet: one thing to mend",
            "Wrong: </span>Each block names the hash of the one before",
            "block_string = json.dumps(block).encode()",
            "block_string = json.dumps(block, sort_keys=True).encode()",
            "What was hashed, key by key: block 1",
            "<li class=\"same l1\"><b>index</b>",
            "<li class=\"moved l1\"><b>timestamp<",
            "This page can be passed on",
        ],
    );
    // The texts of one block, and not of its neighbour.
    assert!(!page.contains("as it came"), "{page}");
    assert_eq!(page.matches("What was hashed").count(), 1);

    // The same in one file, which needs nothing else.
    let file = node.get(&format!("{place}/file"));
    assert_eq!(file.status, 200);
    let named = file.header("content-disposition");
    assert_eq!(named, Some("attachment; filename=\"node-check.html\""));
    let file = file.text().to_string();
    assert_says(&file, &["<style>", "What was hashed, key by key: block 1"]);
    for leads in ["href=", "src=", "action=", "url("] {
        assert!(!file.contains(leads), "{leads} in {file}");
    }
}

#[test]
fn the_text_that_a_wrong_hash_is_of_is_the_one_that_is_shown() {
    let mut blocks = Forger::chain(3);
    let compact = blocks[0].replace(": ", ":").replace(", ", ",");
    let named = sha256(compact.as_bytes()).to_string();
    let right = sha256(blocks[0].as_bytes()).to_string();
    blocks[1] = blocks[1].replace(&right, &named);
    let node = Node::start();
    let (_, page) = checked(&node, &Peer::serving(chain_body(&blocks)).address);
    let escaped = compact.replace('"', "&#34;");
    assert_says(&page, &[&named, &right, &format!("<code>{escaped}</code>")]);
    // What stands in ours alone is a blank, and marked.
    assert_says(&page, &["&#34;index&#34;:<mark> </mark>1"]);
}

#[test]
fn what_is_no_node_is_named() {
    let node = Node::start();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = free.local_addr().unwrap().to_string();
    drop(free);
    let cases = [
        (nobody, "Nothing answers at this address and port."),
        (
            FakeNode::always(404, b"<h1>Not Found</h1>").address,
            "it has no GET /chain.",
        ),
        (
            FakeNode::always(500, b"<h1>Error</h1>").address,
            "own code failed while it answered (500 Internal Server Error)",
        ),
        (
            FakeNode::always(200, b"<!doctype html><title>A site</title>").address,
            "The answer is an HTML page and not JSON",
        ),
        (
            FakeNode::always(200, b"{\"length\": 1}").address,
            "The answer has no member named chain.",
        ),
    ];
    for (address, cause) in cases {
        let (_, page) = checked(&node, &address);
        assert_says(&page, &["Not yet", cause, "What to do"]);
    }
    node.assert_unharmed();
}

#[test]
fn it_asks_for_nothing_that_would_change_anything() {
    let other = FakeNode::always(405, b"");
    let node = Node::start();
    checked(&node, &other.address);
    for asked in other.asked() {
        let is_reading = ["GET /chain", "GET /api/v1/status", "OPTIONS /"]
            .iter()
            .any(|harmless| asked.starts_with(harmless));
        assert!(is_reading, "{asked}");
    }
}

#[test]
fn a_mistyped_address_is_told_at_the_field() {
    let node = Node::start();
    for (typed, says) in [
        ("not+a+host", "the host is neither a name nor an IP address"),
        ("ftp%3A%2F%2Fa", "only http:// and https:// are spoken here"),
        ("", "is not a node"),
    ] {
        let answer = form(&node, "/check", &format!("node={typed}"));
        assert_eq!(answer.status, 400, "{typed}");
        let page = answer.text().to_string();
        assert_says(&page, &["aria-invalid=\"true\"", "role=\"alert\"", says]);
    }
    assert_eq!(form(&node, "/check", "").status, 400);
}

#[test]
fn a_sealed_chain_that_is_not_ours_is_said_to_be_none_that_we_know() {
    let other = FakeNode::answering(&[("GET /status", crate::fake_answers::status("sealed"))]);
    let node = Node::start();
    let answer = form(&node, "/check", &format!("node={}", other.address));
    assert_says(&answer.text(), &["adit doctor --chain FILE"]);
}

#[test]
fn the_newest_checks_are_kept_and_no_more() {
    let node = Node::start();
    let other = FakeNode::always(404, b"");
    let (first, _) = checked(&node, &other.address);
    let (second, _) = checked(&node, &other.address);
    for _ in 0..EXAMINATIONS_LIMIT - 1 {
        checked(&node, &other.address);
    }
    assert_eq!(node.get(&first).status, 404);
    assert_eq!(node.get(&second).status, 200);
    let listed = node.get("/check").text().to_string();
    let links = listed.matches("href=\"/check/").count();
    assert_eq!(links, EXAMINATIONS_LIMIT);
    assert_eq!(node.get("/check/0000").status, 404);
    node.assert_unharmed();
}

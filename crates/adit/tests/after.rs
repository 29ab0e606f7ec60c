//! What follows the blocks that a client has: in lines, bounded, and to the byte what
//! stands in the chain; and the headers of a sealed chain, from which anybody finds
//! the hashes of its blocks.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adit_core::hash::{Hash, read_hex};
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::CompactHeader;
use serde_json::Value;

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::{Node, read_answer, read_head, request_text};
use crate::support::{Process, Server, adit, until};

/// A node with a forged chain of these blocks.
fn holding(blocks: &[String]) -> Node {
    let node = Node::start();
    let peer = Peer::serving(chain_body(blocks));
    node.register([&peer]);
    assert_eq!(node.resolve().peers[&peer.address]["outcome"], "adopted");
    node
}

fn hash_at(node: &Node, height: usize) -> String {
    node.get(&format!("/api/v1/block-height/{height}")).text()
}

fn after(locator: &str) -> String {
    format!("/api/v1/blocks/after?locator={locator}")
}

#[test]
fn a_client_that_asks_on_reads_the_whole_chain_in_bounded_answers() {
    let blocks = Forger::chain(9_000);
    let node = holding(&blocks);
    let (mut read, mut answers) = (Vec::<String>::new(), Vec::new());
    let mut locator = String::new();
    loop {
        let answer = node.get(&after(&locator));
        let tip = node.status()["tip"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("etag"), Some(&*format!("\"{tip}\"")));
        if answer.status == 204 {
            assert_eq!(locator, tip);
            break;
        }
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(answer.header("adit-chain"), Some("9000 9000"));
        let text = answer.text();
        assert!(text.ends_with('\n'));
        read.extend(text.lines().map(str::to_owned));
        answers.push(text.lines().count());
        locator = hash_at(&node, read.len());
    }
    assert!(read == blocks);
    assert_eq!(answers, [4_000, 4_000, 1_000]);
}

#[test]
fn an_answer_is_bounded_in_bytes_and_holds_one_block_however_long_it_is() {
    let long = format!("[\"{}\"]", "a".repeat(5_000_000));
    let all: Vec<String> = Forger::with_transactions(&long).take(2).collect();
    let node = holding(&all);
    for (known, expected) in [(String::new(), &all[0]), (hash_at(&node, 1), &all[1])] {
        let answer = node.get(&after(&known));
        assert!(answer.text() == format!("{expected}\n"), "{known}");
    }
    node.assert_unharmed();
}

#[test]
fn the_highest_block_that_is_named_and_in_the_main_chain_counts() {
    let blocks = Forger::chain(20);
    let node = holding(&blocks);
    let stranger = "ab".repeat(32);
    let [seventh, twelfth] = [7, 12].map(|height| hash_at(&node, height));
    for locator in [
        format!("{twelfth},{seventh}"),
        format!("{seventh},{twelfth}"),
        format!("{stranger},{twelfth}"),
        format!("{twelfth},{stranger}"),
    ] {
        let text = node.get(&after(&locator)).text();
        assert!(text.lines().eq(&blocks[12..]), "{locator}");
    }
    let none = node.get(&after(&stranger));
    assert_eq!(
        (none.status, &none.json()["type"]),
        (404, &"/problems/not-found".into())
    );
    assert!(none.header("adit-instance").is_some());
    let all = node.get("/api/v1/blocks/after").text();
    assert!(all.lines().eq(&blocks));
}

#[test]
fn what_is_no_locator_is_refused_and_what_is_known_is_not_sent() {
    let node = holding(&Forger::chain(5));
    let hash = hash_at(&node, 2);
    let many = vec![&*hash; 65].join(",");
    for path in ["/api/v1/blocks/after", "/api/v1/headers"] {
        for locator in ["0", "%00", &hash.to_uppercase(), &format!("{hash},"), &many] {
            let answer = node.get(&format!("{path}?locator={locator}"));
            assert_eq!(
                (answer.status, &answer.json()["type"]),
                (400, &"/problems/malformed".into())
            );
        }
    }
    assert_eq!(node.get(&after(&vec![&*hash; 64].join(","))).status, 200);
    let tip = format!("If-None-Match: \"{}\"", hash_at(&node, 5));
    assert_eq!(node.request("GET", &after(&hash), &[&tip], b"").status, 304);
    let mut stream = node.connect();
    let head = request_text(node.address(), "HEAD", &after(&hash), &[], b"");
    stream.write_all(&head).unwrap();
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream).unwrap();
    assert_eq!((head.status, head.header("adit-chain")), (200, Some("5 5")));
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    // Under the classics a header proves nothing.
    let headers = node.get(&format!("/api/v1/headers?locator={hash}"));
    assert_eq!(
        (headers.status, &headers.json()["type"]),
        (409, &"/problems/not-here".into())
    );
    assert!(headers.text().contains("blocks/after"));
}

#[test]
fn a_peer_that_would_rather_ask_for_less_is_told_that_it_can() {
    let node = holding(&Forger::chain(5));
    let offered = node.request("GET", "/chain", &["adit-sync: blocks-after"], b"");
    assert_eq!(
        (offered.status, offered.header("adit-sync")),
        (204, Some("blocks-after"))
    );
    assert!(offered.header("adit-instance").is_some() && offered.header("adit-node").is_some());
    for header in ["adit-sync: something-else", "adit-other: blocks-after"] {
        let whole = node.request("GET", "/chain", &[header], b"");
        assert_eq!(whole.json()["length"], 5);
    }
}

#[test]
fn a_peer_that_tells_of_its_block_is_asked_alone() {
    let (one, other) = (holding(&Forger::chain(30)), Node::start());
    let asked = Arc::<AtomicUsize>::default();
    let bystander = Peer::start({
        let (asked, body) = (Arc::clone(&asked), chain_body(&Forger::chain(20)));
        move |path, mut stream| {
            if path == "/chain" {
                asked.fetch_add(1, Ordering::Relaxed);
            }
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{body}").as_bytes());
        }
    });
    other.register([&Peer::at(one.address()), &bystander]);
    one.register([&Peer::at(other.address())]);
    other.resolve();
    let before = asked.load(Ordering::Relaxed);
    for number in 1..=3 {
        assert_eq!(one.get("/mine").status, 200);
        until("the other has the block", || {
            (other.status()["length"] == 30 + number).then_some(())
        });
    }
    assert_eq!(asked.load(Ordering::Relaxed), before);
    // Whoever nobody knows may be a peer that was started again.
    let told = ["Prefer: return=minimal", "adit-instance: unknown"];
    let answer = other.request("GET", "/nodes/resolve", &told, b"");
    assert_eq!(answer.status, 204);
    assert_eq!(asked.load(Ordering::Relaxed), before + 1);
}

#[test]
fn whoever_only_tells_of_a_block_is_not_sent_the_chain() {
    let node = holding(&Forger::chain(300));
    let asked = Peer::serving(chain_body(&Forger::chain(200)));
    node.register([&asked]);
    let told = |headers: &[&str]| node.request("GET", "/nodes/resolve", headers, b"");
    let minimal = "Prefer: return=minimal";
    let answer = told(&[minimal]);
    assert_eq!(
        (answer.status, answer.header("preference-applied")),
        (204, Some("return=minimal"))
    );
    let visits = asked.visits();
    assert_eq!(visits, 1);
    // What is here already need not be looked for.
    let known = format!("adit-tip: {}", hash_at(&node, 200));
    assert_eq!(told(&[minimal, &known]).status, 204);
    assert_eq!(asked.visits(), visits);
    let unknown = format!("adit-tip: {}", "ab".repeat(32));
    assert_eq!(told(&[minimal, &unknown]).status, 204);
    assert_eq!(asked.visits(), visits + 1);
    assert_eq!(
        told(&[&known]).json()["message"],
        "Our chain is authoritative"
    );
}

#[test]
fn the_hashes_of_a_sealed_chain_follow_from_its_headers() {
    let process = Process::start(&mut adit(["dev", "-p", "0", "--json"]));
    let told: Value = until("it says where it listens", || {
        serde_json::from_str(process.stdout().lines().next()?).ok()
    });
    let address = told["url"].as_str().unwrap().replace("http://", "");
    let node = Server { process, address };
    for _ in 0..6 {
        node.post("/api/v1/mine", "").expect_status(200);
    }
    let blocks = node.chain();
    let rules = Sealed::new(blocks[0].to_string().as_bytes()).unwrap();
    let genesis = *rules.genesis(Default::default()).header();
    let sent = node.get("/api/v1/headers").expect_status(200).json();
    assert_eq!(sent["format"], 1);
    assert_eq!(sent["start"]["index"], 1);
    assert_eq!(sent["start"]["hash"], genesis.hash.to_string());
    let (mut parent, mut grandparent) = (genesis, None);
    for header in sent["headers"].as_array().unwrap() {
        let mut bytes = [0; 48];
        read_hex(header.as_str().unwrap().as_bytes(), &mut bytes).unwrap();
        let compact = CompactHeader::from_bytes(&bytes);
        let rebuilt = rules.rebuild_header(&parent, grandparent.as_ref(), &compact);
        (grandparent, parent) = (Some(parent), rebuilt);
    }
    assert_eq!(parent.hash.to_string(), node.status()["tip"]);
    assert_eq!(parent.height, blocks.len() as u64);

    // The same as bytes, behind the third block.
    let third = blocks[3]["previous_hash"].as_str().unwrap();
    let path = format!("/api/v1/headers?locator={third}");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: application/octet-stream\r\n\r\n",
        node.address
    );
    let mut stream = TcpStream::connect(&node.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let answer = read_answer(&mut BufReader::new(stream)).unwrap();
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    let (head, headers) = answer.body.split_at(41);
    assert_eq!(head[..9], [1, 0, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(Hash(head[9..].try_into().unwrap()).to_string(), third);
    let hex: Vec<Value> = headers
        .chunks(48)
        .map(|header| {
            header
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into()
        })
        .collect();
    assert_eq!(hex, sent["headers"].as_array().unwrap()[2..]);
    let tip = node.status()["tip"].as_str().unwrap().to_owned();
    let none = node.get(&format!("/api/v1/headers?locator={tip}"));
    assert_eq!(none.status, 204);
}

//! Clients that are many, slow, or gone before their answer: the others are
//! served meanwhile, and what was acknowledged is kept.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::{Node, read_answer};
use crate::support::until;

const TRANSACTION: &str = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;

/// A client that asks for something that is at hand has it within this time,
/// whatever the others do.
const PROMPT: Duration = Duration::from_secs(9);

/// The node serves a client as it should: promptly, every endpoint.
#[track_caller]
fn assert_serves(node: &Node) {
    let start = Instant::now();
    assert_eq!(node.get("/api/v1/status").status, 200);
    assert_eq!(node.post("/transactions/new", TRANSACTION).status, 201);
    assert_eq!(node.get("/mine").status, 200);
    assert_eq!(node.get("/chain").status, 200);
    assert_eq!(node.post("/nodes/register", r#"{"nodes": []}"#).status, 201);
    assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
}

/// Opens connections that send this and then nothing.
fn open(node: &Node, count: usize, start: &str) -> Vec<TcpStream> {
    let opened = (0..count).map(|_| {
        let mut stream = node.connect();
        stream.write_all(start.as_bytes()).unwrap();
        stream
    });
    opened.collect()
}

/// A node whose chain is about this long.
fn with_long_chain(megabytes: usize) -> Node {
    const BLOCK_BYTES: usize = 50_000;
    let transactions = format!("[\"{}\"]", "a".repeat(BLOCK_BYTES));
    let blocks = Forger::with_transactions(&transactions);
    let blocks: Vec<String> = blocks.take(megabytes * 1_000_000 / BLOCK_BYTES).collect();
    let node = Node::start();
    node.register([&Peer::serving(chain_body(&blocks))]);
    assert_eq!(node.resolve().message, "Our chain was replaced");
    node
}

#[test]
fn sixty_four_who_mine_at_once_make_sixty_four_blocks() {
    let node = Node::start();
    let mut indexes: Vec<u64> = thread::scope(|scope| {
        let mining: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| node.get("/mine").json()["index"].as_u64().unwrap()))
            .collect();
        mining
            .into_iter()
            .map(|mined| mined.join().unwrap())
            .collect()
    });
    indexes.sort_unstable();
    assert_eq!(indexes, (2..=65).collect::<Vec<u64>>());
    assert_eq!(node.checked_chain().len(), 65);
    node.assert_unharmed();
}

#[test]
fn two_hundred_at_once_are_all_served() {
    let node = Node::start();
    let mut streams = open(&node, 200, "");
    let length = TRANSACTION.len();
    for stream in &mut streams {
        let head = format!(
            "POST /transactions/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
    }
    for stream in &mut streams {
        stream.write_all(TRANSACTION.as_bytes()).unwrap();
    }
    for stream in streams {
        assert_eq!(
            read_answer(&mut BufReader::new(stream)).unwrap().status,
            201
        );
    }
    assert_eq!(node.status()["pending"], 200);
    node.get("/mine");
    assert_eq!(node.checked_chain()[1].transactions().count(), 201);
    node.assert_unharmed();
}

#[test]
fn clients_that_send_a_byte_a_second_keep_nobody_waiting() {
    let node = Node::start();
    let mut heads = open(&node, 100, "G");
    let head = "POST /transactions/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 46\r\n\r\n";
    let mut bodies = open(&node, 100, head);
    let _idle = open(&node, 100, "");
    let start = Instant::now();
    let is_answered = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).unwrap();
        peeked.is_ok()
    };
    until("bodies are waited for no longer", || {
        for (stream, byte) in heads.iter_mut().zip(b"ET /chain".iter().cycle()) {
            stream.write_all(&[*byte]).unwrap();
        }
        for stream in &mut bodies {
            // The node hangs up in the end.
            let _ = stream.write_all(b" ");
        }
        assert_serves(&node);
        thread::sleep(Duration::from_millis(500));
        bodies.iter().all(is_answered).then_some(())
    });
    assert!(start.elapsed() > Duration::from_secs(9) && start.elapsed() < Duration::from_secs(20));
    for stream in bodies {
        let answer = read_answer(&mut BufReader::new(stream)).unwrap();
        assert_eq!(answer.status, 408);
        assert_eq!(answer.text(), "the body was not whole after 10000 ms\n");
    }
    node.assert_unharmed();
}

#[test]
fn a_client_that_goes_away_is_forgotten() {
    let node = with_long_chain(10);
    for request in [
        "GET /chain",
        "GET /mine",
        "GET /nodes/resolve",
        "GET /api/v1/status",
    ] {
        drop(open(
            &node,
            50,
            &format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ));
        for mut stream in open(
            &node,
            50,
            &format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ) {
            let _ = stream.read(&mut [0; 100]);
        }
    }
    // Blocks for clients that have gone may have been made, but no more are.
    let length = node.status()["length"].as_u64().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(node.status()["length"], length);
    assert_serves(&node);
    node.assert_unharmed();
}

#[test]
fn clients_that_read_nothing_of_a_long_chain_hold_little_memory() {
    let node = with_long_chain(40);
    let before_mb = node.resident_mb();
    let request = "GET /chain HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3);
    let streams = open(&node, 100, &request);
    for stream in &streams {
        stream.peek(&mut [0]).unwrap();
    }
    assert_serves(&node);
    let grown_mb = node.resident_mb().saturating_sub(before_mb);
    // The limit on long pieces is 134 MB, to which the short ones come; held
    // whole, the answers would be 4,000 MB.
    assert!(grown_mb < 300, "{grown_mb} MB");
    node.assert_unharmed();
}

#[test]
fn idle_connections_leave_the_node_the_files_that_it_needs() {
    let node = Node::start_with_open_files(128);
    let mut first = node.connect();
    let idle = open(&node, 150, "");
    let mut ask = |method: &str, path: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        first.write_all(request.as_bytes()).unwrap();
        read_answer(&mut BufReader::new(&first)).unwrap().status
    };
    for number in 1..=20 {
        let nodes = format!("{{\"nodes\": [\"127.0.0.{number}:1\"]}}");
        assert_eq!(ask("POST", "/nodes/register", &nodes), 201);
        assert_eq!(ask("POST", "/transactions/new", TRANSACTION), 201);
        assert_eq!(ask("GET", "/mine", ""), 200);
        assert_eq!(ask("GET", "/nodes/resolve", ""), 200);
        assert_eq!(ask("GET", "/chain", ""), 200);
    }
    drop(idle);
    node.assert_unharmed();
}

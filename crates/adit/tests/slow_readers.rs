//! Clients that ask for long answers and take them slowly or not at all: what
//! the node holds for them has a bound, whatever they ask for, others are
//! served meanwhile, and in the end they are cut off.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::{Node, read_answer, read_head};
use crate::support::until;

/// More clients than could each have a whole answer: together they would be
/// two gigabytes.
const CLIENTS: usize = 240;

/// What the node may hold for all of them, in MB: the budget of 101 MB, the
/// answers that are being made, and what it needs for itself.
const LIMIT_MB: u64 = 300;

/// This many letters, which look random and are always the same.
fn letters(count: usize) -> String {
    const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(ALPHABET[(state >> 58) as usize])
    });
    next.take(count).collect()
}

/// A node with a few blocks that are as long as blocks can be, much that waits,
/// and somebody who is named often. Returns the paths of long answers.
fn with_long_answers() -> (Node, Vec<String>) {
    let node = Node::start();
    // Letters that gzip makes hardly shorter: what is packed is long as well.
    let long = format!("[\"{}\"]", letters(8_000_000));
    let blocks: Vec<String> = Forger::with_transactions(&long).take(3).collect();
    node.register([&Peer::serving(chain_body(&blocks))]);
    assert_eq!(node.resolve().message, "Our chain was replaced");
    for number in 0..120 {
        let recipient = letters(60_000);
        let transaction =
            format!(r#"{{"sender": "a", "recipient": "{recipient}", "amount": {number}}}"#);
        assert_eq!(node.post("/transactions/new", transaction).status, 201);
    }
    let hash = node.get("/api/v1/blocks/tip/hash").text();
    let paths = vec![
        format!("/api/v1/block/{hash}/raw"),
        format!("/api/v1/block/{hash}/txs"),
        "/api/v1/address/a/txs?limit=100".to_string(),
        "/api/v1/mempool?limit=100".to_string(),
        "/chain".to_string(),
        "/docs/swagger-ui-bundle.js".to_string(),
    ];
    for path in &paths {
        let answer = node.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.len() > 1_000_000, "{path}");
    }
    (node, paths)
}

/// Asks three times, and reads nothing.
fn ask(node: &Node, path: &str) -> TcpStream {
    ask_with(node, path, "")
}

/// The same, with these header lines.
fn ask_with(node: &Node, path: &str, lines: &str) -> TcpStream {
    let mut stream = node.connect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    stream.write_all(request.repeat(3).as_bytes()).unwrap();
    stream
}

#[test]
fn long_answers_that_nobody_reads_hold_little_memory() {
    hold_little_memory("");
}

#[test]
fn packed_answers_that_nobody_reads_hold_little_memory() {
    hold_little_memory("Accept-Encoding: gzip\r\n");
}

/// What the node holds for those who ask with these header lines.
fn hold_little_memory(lines: &str) {
    let (node, paths) = with_long_answers();
    let before_mb = node.resident_mb();
    let kinds = paths.iter().cycle().take(CLIENTS);
    let streams: Vec<TcpStream> = kinds.map(|path| ask_with(&node, path, lines)).collect();
    for stream in &streams {
        stream.peek(&mut [0]).unwrap();
    }
    let grown_mb = node.peak_mb().saturating_sub(before_mb);
    assert!(grown_mb < LIMIT_MB, "{grown_mb} MB");
    // Others are answered, with what is short and what comes in pieces.
    let start = Instant::now();
    assert_eq!(node.status()["length"], 3);
    assert!(start.elapsed() < Duration::from_secs(9));
    assert_eq!(node.get("/chain").json()["length"], 3);
    // A client that finds no room is told to come again, and can.
    let mut refused = 0;
    for stream in &streams {
        let head = read_head(&mut BufReader::new(stream)).unwrap();
        if head.status != 200 {
            assert_eq!(head.status, 503);
            assert_eq!(head.header("retry-after"), Some("1"));
            refused += 1;
        }
    }
    // A chain comes in small pieces then: a sixth client that asks for it is
    // served.
    let most = CLIENTS * 5 / 6;
    assert!((1..=most).contains(&refused), "{refused} of {CLIENTS}");
    drop(streams);
    until("there is room again", || {
        (node.get(&paths[0]).status == 200).then_some(())
    });
    node.assert_unharmed();
}

/// Waits until the node hangs up, without reading.
fn until_cut_off(mut stream: TcpStream) -> Duration {
    let start = Instant::now();
    // What has arrived can be read long after the node has hung up; nothing
    // can be written then.
    while stream.write(b"\r\n").is_ok() {
        thread::sleep(Duration::from_millis(100));
    }
    start.elapsed()
}

/// The pace itself is tried at its place, with a shorter window.
#[test]
fn who_does_not_take_an_answer_is_cut_off() {
    let (node, paths) = with_long_answers();
    let mut listening = node.connect();
    let listen = "GET /api/v1/events?topics=reorg HTTP/1.1\r\nHost: localhost\r\n\r\n";
    listening.write_all(listen.as_bytes()).unwrap();
    let silent = ["/chain", &paths[0]].map(|path| ask(&node, path));
    thread::scope(|scope| {
        let silent = silent.map(|stream| scope.spawn(|| until_cut_off(stream)));
        for silent in silent {
            let after = silent.join().unwrap();
            assert!(after > Duration::from_secs(25), "{after:?}");
            assert!(after < Duration::from_secs(60), "{after:?}");
        }
    });
    // A client that listens is not slow: there was nothing to take.
    let mut listening = BufReader::new(listening);
    assert_eq!(read_head(&mut listening).unwrap().status, 200);
    listening.get_ref().set_nonblocking(true).unwrap();
    let mut heard = Vec::new();
    let error = listening.read_to_end(&mut heard).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert!(String::from_utf8_lossy(&heard).contains(": still here"));
    node.assert_unharmed();
}

#[test]
fn an_answer_that_is_read_late_is_whole() {
    let node = Node::start();
    let mut stream = node.connect();
    // A long body behind an answer that is there at once: it must not be lost.
    let head = "POST /nodes/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(&vec![b'x'; 900_000]);
    thread::sleep(Duration::from_millis(200));
    let answer = read_answer(&mut BufReader::new(stream)).unwrap();
    assert_eq!(answer.status, 413);
    node.assert_unharmed();
}

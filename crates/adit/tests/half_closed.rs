//! Clients that close their side when they have asked (`nc -N`, shutdown): they
//! get their answer, and nothing is taken from them without one. Clients that
//! have gone look the same at first, and are given up on.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::Params;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use tempfile::tempdir;

use crate::raw::{Node, read_answer};
use crate::support::{PATIENCE, Server, until};

fn ask(mut stream: TcpStream, request: &str) -> TcpStream {
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream
}

#[test]
fn whoever_closes_their_side_gets_their_answer() {
    let node = Node::start();
    for path in ["/chain", "/mine", "/nodes/resolve", "/", "/api/v1/status"] {
        for version in ["1.0", "1.1"] {
            let request = format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n");
            let mut stream = BufReader::new(ask(node.connect(), &request));
            let answer = read_answer(&mut stream).unwrap();
            assert_eq!(answer.status, 200, "{path}");
            // The node closes its side, too.
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
    }
    node.assert_unharmed();
}

#[test]
fn nothing_is_taken_from_them_without_an_answer() {
    const POSTS: usize = 200;
    let node = Node::start();
    let answered: usize = thread::scope(|scope| {
        let posting: Vec<_> = (0..8)
            .map(|thread| {
                let node = &node;
                scope.spawn(move || {
                    let post = |number: usize| {
                        let body = format!(
                            r#"{{"sender": "a", "recipient": "b", "amount": 1{number}{thread}}}"#
                        );
                        let length = body.len();
                        let request = format!(
                            "POST /transactions/new HTTP/1.1\r\nHost: localhost\r\n\
                             Content-Length: {length}\r\n\r\n{body}"
                        );
                        let stream = ask(node.connect(), &request);
                        let answer = read_answer(&mut BufReader::new(stream)).unwrap();
                        usize::from(answer.status == 201)
                    };
                    (0..POSTS / 8).map(post).sum::<usize>()
                })
            })
            .collect();
        posting.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(answered, POSTS);
    assert_eq!(node.status()["pending"], POSTS);
    node.assert_unharmed();
}

/// A node whose blocks take longer to find than anybody waits.
fn that_finds_nothing(folder: &std::path::Path) -> Server {
    let key = SigningKey::from(sha256(b"somebody").0);
    let somebody = Address(VerificationKeyBytes::from(&key).into());
    let params = Params {
        initial_target: U256::MAX >> 60,
        pow_limit: U256::MAX >> 8,
        allocations: [(somebody, 1_000)].into(),
        ..Params::defaults("half-closed")
    };
    let made = Duration::from_secs(1_700_000_000);
    let rules = Sealed::with_params(params, made).unwrap();
    let file = folder.join("genesis.json");
    std::fs::write(&file, rules.genesis_text().unwrap()).unwrap();
    let reward_to = somebody.to_string();
    let chain = file.to_str().unwrap();
    Server::adit(["--in-memory", "--chain", chain, "--reward-to", &reward_to])
}

#[test]
fn a_block_is_not_searched_for_somebody_who_has_gone() {
    let folder = tempdir().unwrap();
    let node = that_finds_nothing(folder.path());
    let is_searching = || node.status()["mining"]["searching"] == true;
    for request in [
        "GET /mine HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/v1/mine HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&node.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        until("it searches", || is_searching().then_some(()));
        let start = Instant::now();
        drop(stream);
        until("it searches no more", || (!is_searching()).then_some(()));
        assert!(start.elapsed() < Duration::from_secs(20), "{request}");
    }
    // Clients that still wait are told.
    let stream = TcpStream::connect(&node.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let stream = ask(stream, "GET /mine HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = read_answer(&mut BufReader::new(stream)).unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.text().starts_with("you closed your side"));
}

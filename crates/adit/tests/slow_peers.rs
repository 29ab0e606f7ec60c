//! Peers that take their time. They are asked side by side, so that waiting for
//! one costs the others nothing; meanwhile the node goes on as usual.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::gzip;
use crate::peer::{Forger, Peer, chain_body};
use crate::raw::Node;
use crate::support::{PATIENCE, until};

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// A peer that says nothing is waited for so long.
const SILENCE: Duration = Duration::from_secs(10);

const SILENT: &str = "no answer within 10000 ms";

const SLOW: &str = "less than 10240 bytes in 10000 ms";

/// What a peer waits for whose turn does not come; the test has ended by then.
const FOR_EVER: Duration = Duration::from_secs(120);

/// A peer that sends this and nothing more, but does not hang up.
fn stopping_after(start: &str) -> Peer {
    let start = start.to_string();
    Peer::start(move |_, mut stream| {
        let _ = stream.write_all(start.as_bytes());
        thread::sleep(FOR_EVER);
    })
}

/// A peer that sends `start` at once, and then a piece every `pause`, until
/// the node hangs up.
fn dripping(start: impl AsRef<[u8]>, piece: &[u8], pause: Duration) -> Peer {
    let (start, piece) = (start.as_ref().to_vec(), piece.to_vec());
    Peer::start(move |_, mut stream| {
        let mut sent = stream.write_all(&start);
        while sent.is_ok() {
            sent = stream.write_all(&piece);
            thread::sleep(pause);
        }
    })
}

/// One of every kind, with what is said of it after ten seconds.
fn slow_peers() -> [(Peer, &'static str); 11] {
    let second = Duration::from_secs(1);
    let millisecond = Duration::from_millis(1);
    let packed = gzip::answer(&gzip::HEADER);
    let empty_piece = b"\0\0\0\xff\xff";
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n";
    [
        (stopping_after(""), SILENT),
        (stopping_after("HTTP/1.1 200 OK\r\nContent-"), SILENT),
        (dripping("", b"H", second), SILENT),
        (dripping("HTTP/1.1 200 OK\r\nX: ", b"a", second), SILENT),
        (
            dripping("", b"HTTP/1.1 100 Continue\r\n\r\n", Duration::ZERO),
            SILENT,
        ),
        (stopping_after(OK), SLOW),
        (stopping_after(&format!("{OK}{{\"chain\": [")), SLOW),
        (stopping_after(long), SLOW),
        (dripping(OK, b" ", second), SLOW),
        (dripping(OK, &[b' '; 900], second), SLOW),
        (dripping(packed, empty_piece, millisecond), SLOW),
    ]
}

#[test]
fn slow_peers_cost_the_healthy_one_and_the_clients_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let not_accepting = Peer::at(&listener.local_addr().unwrap().to_string());
    let slow = slow_peers();
    let slow = slow.into_iter().chain([(not_accepting, SILENT)]);
    let (slow, expected): (Vec<Peer>, Vec<&str>) = slow.unzip();
    let node = Node::start();
    let healthy = Peer::serving(chain_body(&Forger::chain(6)));
    node.register(&slow);
    node.register([&healthy]);
    let start = Instant::now();
    let resolved = thread::scope(|scope| {
        let resolving = scope.spawn(|| node.resolve());
        until("the healthy peer's chain is adopted", || {
            (node.status()["length"] == 6).then_some(())
        });
        for _ in 0..3 {
            assert_eq!(node.get("/mine").status, 200);
        }
        assert_eq!(node.checked_chain().len(), 9);
        assert!(!resolving.is_finished());
        resolving.join().unwrap()
    });
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(resolved.message, "Our chain was replaced");
    // On a busy machine some are still being asked when that is answered.
    for (peer, expected) in slow.iter().zip(expected) {
        assert_ne!(resolved.peers[&peer.address]["outcome"], "adopted");
        let said = until("the peer's ask has ended", || {
            let peers = node.get("/api/v1/peers").json();
            let all = peers["peers"].as_array().unwrap();
            let seen = all.iter().find(|seen| seen["id"] == *peer.address).unwrap();
            seen["problem"].as_str().map(str::to_string)
        });
        assert_eq!(said, expected);
    }
    node.assert_unharmed();
}

#[test]
fn more_silent_peers_than_are_asked_at_once_do_not_keep_the_healthy_one_away() {
    let silent: Vec<Peer> = (0..20).map(|_| stopping_after("")).collect();
    let node = Node::start();
    let healthy = Peer::serving(chain_body(&Forger::chain(6)));
    node.register(&silent);
    node.register([&healthy]);
    let start = Instant::now();
    let resolved = node.resolve();
    assert!(start.elapsed() < 2 * PATIENCE);
    assert_eq!(resolved.peers[&healthy.address]["outcome"], "adopted");
    assert!(silent.iter().all(|peer| resolved.error(peer) == SILENT));
    node.assert_unharmed();
}

#[test]
fn as_many_silent_peers_as_can_be_registered_do_not_hold_up_the_healthy_one() {
    let silent: Vec<Peer> = (0..126).map(|_| stopping_after("")).collect();
    let node = Node::start();
    // By its name, it comes last.
    let healthy = Peer::serving(chain_body(&Forger::chain(6)));
    let healthy = Peer::at(&healthy.address.replace("127.0.0.1", "localhost"));
    node.register(&silent);
    node.register([&healthy]);
    let start = Instant::now();
    let _asking = node.ask_to_resolve();
    until("the healthy peer's chain is adopted", || {
        (node.status()["length"] == 6).then_some(())
    });
    // Twelve seconds, once; a fourth of the time that the others take.
    assert!(start.elapsed() < SILENCE / 2, "{:?}", start.elapsed());
}

#[test]
fn peers_that_stop_in_a_large_block_keep_no_other_one_out() {
    let block = format!("{OK}{{\"chain\": [{{\"a\": \"{}", "a".repeat(7 << 20));
    let sent = Arc::<AtomicUsize>::default();
    let stopping = || {
        let (block, sent) = (block.clone(), Arc::clone(&sent));
        Peer::start(move |_, mut stream| {
            let _ = stream.write_all(block.as_bytes());
            sent.fetch_add(1, Ordering::Relaxed);
            thread::sleep(FOR_EVER);
        })
    };
    let stopping: Vec<Peer> = (0..24).map(|_| stopping()).collect();
    let large = format!("[\"{}\"]", "a".repeat(3 << 20));
    let body = chain_body(
        &Forger::with_transactions(&large)
            .take(3)
            .collect::<Vec<_>>(),
    );
    let healthy = Peer::start({
        let sent = Arc::clone(&sent);
        move |_, mut stream| {
            until("the others have stopped", || {
                (sent.load(Ordering::Relaxed) == 24).then_some(())
            });
            // It comes at the pace of a network.
            let _ = stream.write_all(OK.as_bytes());
            for part in body.as_bytes().chunks(256 << 10) {
                let _ = stream.write_all(part);
                thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let node = Node::start();
    node.register(&stopping);
    node.register([&healthy]);
    let resolved = node.resolve();
    let report = &resolved.peers[&healthy.address];
    assert_eq!(report["outcome"], "adopted", "{report}");
    // That there was no room for all of them is said of none.
    let listed = node.get("/api/v1/peers").json();
    for peer in listed["peers"].as_array().unwrap() {
        let problem = peer["problem"].as_str().unwrap_or(SLOW);
        assert_eq!(problem, SLOW, "{peer}");
    }
    let crowded = resolved.peers.values().filter(|report| {
        let error = report["error"].as_str();
        error.is_some_and(|error| error.starts_with("too many large blocks"))
    });
    assert!((6..24).contains(&crowded.count()));
    node.assert_unharmed();
}

#[test]
fn a_client_that_waits_for_slow_peers_and_goes_away_is_forgotten() {
    let node = Node::start();
    let slow = Peer::start(|_, mut stream| {
        thread::sleep(Duration::from_secs(2));
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n");
    });
    node.register([&slow]);
    for _ in 0..50 {
        let mut stream = node.connect();
        let request = format!(
            "GET /nodes/resolve HTTP/1.1\r\nHost: {}\r\n\r\n",
            node.address()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        assert!(stream.read(&mut [0]).is_err());
    }
    let start = Instant::now();
    assert_eq!(
        node.resolve().error(&slow),
        "expected status 200, found 404 Not Found"
    );
    assert!(start.elapsed() < PATIENCE);
    node.assert_unharmed();
}

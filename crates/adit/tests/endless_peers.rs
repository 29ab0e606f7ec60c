//! Peers whose answer does not end, or unpacks to far more than was sent. The
//! node takes a bounded part of it, in bounded memory, and goes on.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::gzip;
use crate::peer::{Forger, Peer, Resolved, chain_body};
use crate::raw::Node;

/// An endless peer gives up after this much, which is more than the node should
/// take of anything that is not a chain.
const SENT_LIMIT_BYTES: usize = 30_000_000;

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Sends `start`, and then `again` over and over.
fn endless(start: &str, again: &str) -> Peer {
    let (start, again) = (start.to_string(), again.repeat(100_000 / again.len()));
    Peer::start(move |_, mut stream| {
        let mut sent = stream.write_all(start.as_bytes());
        for _ in 0..SENT_LIMIT_BYTES / again.len() {
            // The node hangs up when it has seen enough.
            sent = sent.and_then(|()| stream.write_all(again.as_bytes()));
        }
    })
}

/// Resolves among these peers and a healthy one, whose chain is adopted, and
/// measures the most memory that the node held meanwhile.
fn resolve_among(peers: &[Peer]) -> (Resolved, u64) {
    let node = Node::start();
    let transaction = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;
    assert_eq!(node.post("/transactions/new", transaction).status, 201);
    let healthy = Peer::serving(chain_body(&Forger::chain(6)));
    node.register(peers);
    node.register([&healthy]);
    let (resolved, peak_mb) = thread::scope(|scope| {
        let resolving = scope.spawn(|| node.resolve());
        let mut peak_mb = 0;
        while !resolving.is_finished() {
            peak_mb = peak_mb.max(node.resident_mb());
            thread::sleep(Duration::from_millis(5));
        }
        (resolving.join().unwrap(), peak_mb)
    });
    assert_eq!(resolved.peers[&healthy.address]["outcome"], "adopted");
    assert_eq!(node.checked_chain().len(), 6);
    assert_eq!(node.status()["pending"], 1);
    node.assert_unharmed();
    (resolved, peak_mb)
}

/// Resolves among peers that start like this and go on like that for ever,
/// and compares what is said of each.
fn check(limit_mb: u64, cases: &[(String, &str, &str)]) {
    let peers = cases.iter().map(|(start, again, _)| endless(start, again));
    let peers: Vec<Peer> = peers.collect();
    let (resolved, peak_mb) = resolve_among(&peers);
    let said: Vec<&str> = peers.iter().map(|peer| resolved.error(peer)).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, _, error)| *error).collect();
    assert_eq!(said, expected);
    assert!(peak_mb < limit_mb, "{peak_mb} MB");
}

#[test]
fn an_endless_head_is_cut_off() {
    const HEAD: &str = "the answer broke off: message head is too large";
    const EXTENSION: &str = "the answer broke off: chunk extensions over limit";
    const TRAILERS: &str = "the answer broke off: chunk trailers count overflow";
    check(
        100,
        &[
            ("HTTP/1.1 200 ".into(), "b", HEAD),
            ("HTTP/1.1 200 OK\r\nA: ".into(), "b", HEAD),
            ("HTTP/1.1 200 OK\r\n".into(), "A: b\r\n", HEAD),
            (format!("{CHUNKED}1;"), "b", EXTENSION),
            (format!("{CHUNKED}0\r\n"), "A: b\r\n", TRAILERS),
        ],
    );
}

/// What is said of an answer that goes on beside its blocks: it is read no
/// further, since each byte costs a processor something.
const MUCH_ELSE: &str = "expected blocks, found more than 1048576 bytes of other things";

#[test]
fn endless_space_is_not_read() {
    let starts = [
        "",
        "{\"chain\"",
        "{\"chain\": ",
        "{\"chain\": [",
        "{\"chain\": []}",
    ];
    check(
        100,
        &starts.map(|start| (format!("{OK}{start}"), " \n", MUCH_ELSE)),
    );
}

#[test]
fn endless_members_beside_the_chain_are_not_read() {
    const KEY: &str =
        "text is larger than the limit of 65536 bytes (counted from byte 1 of the answer)";
    const VALUE: &str =
        "text is larger than the limit of 65536 bytes (counted from byte 6 of the answer)";
    const LIST: &str = "canonical form is larger than the limit of 65536 bytes \
                        (counted from byte 6 of the answer)";
    check(
        100,
        &[
            (format!("{OK}{{\""), "a", KEY),
            (format!("{OK}{{\"a\": \""), "a", VALUE),
            (format!("{OK}{{\"a\": 1"), "1", VALUE),
            (format!("{OK}{{\"a\": [0"), ",0", LIST),
            (format!("{OK}{{\"a\": 1"), ",\"a\":1", MUCH_ELSE),
        ],
    );
}

#[test]
fn an_endless_block_is_cut_off_at_the_limit_of_a_block() {
    const LONG: &str =
        "text is larger than the limit of 8388608 bytes (counted from byte 11 of the answer)";
    const LONG_CANONICAL: &str = "canonical form is larger than the limit of 8388608 bytes \
                                  (counted from byte 11 of the answer)";
    const MEMBERS: &str = "more than 100000 members in one object at byte 600001 \
                           (counted from byte 11 of the answer)";
    check(
        500,
        &[
            (format!("{OK}{{\"chain\": [\""), "a", LONG),
            (format!("{OK}{{\"chain\": [1"), "1", LONG),
            (format!("{OK}{{\"chain\": [0.1"), "1", LONG),
            (format!("{OK}{{\"chain\": [\""), "\u{e9}", LONG),
            (format!("{OK}{{\"chain\": [[0"), ",0", LONG_CANONICAL),
            (format!("{OK}{{\"chain\": [[0"), ",1e15", LONG_CANONICAL),
            (
                format!("{OK}{{\"chain\": [[0"),
                ",{\"b\":0,\"a\":0}",
                LONG_CANONICAL,
            ),
            (format!("{OK}{{\"chain\": [{{\"b\":0"), ",\"a\":0", MEMBERS),
        ],
    );
}

#[test]
fn a_bomb_is_unpacked_only_as_far_as_a_block_can_go() {
    let space = gzip::bomb(" ", 400_000_000);
    assert!(space.len() < 3_000_000);
    let space = Peer::sending(gzip::answer(&space));
    let block = Peer::sending(gzip::answer(&gzip::bomb("{\"chain\": [\"a", 400_000_000)));
    let peers = [space, block];
    let (resolved, peak_mb) = resolve_among(&peers);
    let said = peers.each_ref().map(|peer| resolved.error(peer));
    assert_eq!(
        said,
        [
            MUCH_ELSE,
            "text is larger than the limit of 8388608 bytes (counted from byte 11 of the answer)"
        ]
    );
    assert!(peak_mb < 150, "{peak_mb} MB");
}

#[test]
fn blocks_that_pack_too_well_are_unpacked_only_so_far_and_asked_for_plain() {
    let long = format!("[\"{}\"]", "a".repeat(8_000_000));
    let blocks: Vec<String> = Forger::with_transactions(&long).take(9).collect();
    let plain = chain_body(&blocks);
    let packed = gzip::runs(plain.as_bytes());
    assert!(packed.len() * 100 < plain.len());
    let (node, packed) = (Node::start(), gzip::answer(&packed));
    let (asked, always) = (Arc::<AtomicUsize>::default(), packed.clone());
    let always_packed = Peer::start({
        let asked = Arc::clone(&asked);
        move |path, mut stream| {
            asked.fetch_add(usize::from(path == "/chain"), Ordering::Relaxed);
            let _ = stream.write_all(&always);
        }
    });
    let (plain, is_first) = (format!("{OK}{plain}"), AtomicBool::new(true));
    let peer = Peer::start(move |path, mut stream| {
        assert_eq!(path, "/chain");
        let _ = match is_first.swap(false, Ordering::Relaxed) {
            true => stream.write_all(&packed),
            false => stream.write_all(plain.as_bytes()),
        };
    });
    node.register([&peer, &always_packed]);
    let resolved = node.resolve();
    assert_eq!(resolved.peers[&peer.address]["outcome"], "adopted");
    assert_eq!(node.status()["length"], 9);
    // A peer that packs it all the same is not unpacked again and again.
    let refused = "expected an answer that is not packed, as it was asked for, found \
                   Content-Encoding: \"gzip\"";
    assert_eq!(resolved.error(&always_packed), refused);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(node.resolve().error(&always_packed), refused);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    node.assert_unharmed();
}

#[test]
fn an_endless_chain_of_valid_blocks_is_held_on_disk_until_it_breaks_off() {
    let note = format!("[\"{}\"]", "a".repeat(5_000));
    let forging = Peer::start(move |_, mut stream| {
        let mut sent = stream.write_all(format!("{OK}{{\"chain\": [").as_bytes());
        let mut sent_bytes = 0;
        for block in Forger::with_transactions(&note) {
            if sent.is_err() || sent_bytes > SENT_LIMIT_BYTES {
                return;
            }
            sent = stream.write_all(format!("{block}, ").as_bytes());
            sent_bytes += block.len();
        }
    });
    let (resolved, peak_mb) = resolve_among(std::slice::from_ref(&forging));
    let error = resolved.error(&forging);
    assert!(error.ends_with("before the chain does"), "{error}");
    assert!(peak_mb < 150, "{peak_mb} MB");
}

#[test]
fn as_many_large_blocks_as_are_read_at_once_fit_into_memory() {
    let start = format!("{OK}{{\"chain\": [[0");
    let peers: Vec<Peer> = (0..16)
        .map(|_| endless(&start, ",{\"b\":0,\"a\":0}"))
        .collect();
    let (_, peak_mb) = resolve_among(&peers);
    assert!(peak_mb < 1_500, "{peak_mb} MB");
}

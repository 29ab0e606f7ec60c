//! Blocks that have changed on the disk, and peers that can send only their
//! whole chain, as the tutorial's: the block is taken out of it, and peers that
//! are slow or lie keep nobody from that.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::damage::{LOG, copied_to_another, flip, lines, mined};
use crate::folders::node_on;
use crate::interop::Python;
use crate::peer::{Peer, chain_body};
use crate::support::{Server, adit, run, until};

/// What an endless peer sends at most; it is more than anybody takes of it.
const SENT_LIMIT_BYTES: usize = 30_000_000;

/// A peer that only drips gives up then; the test has ended by that time.
const DRIPS: usize = 120;

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

const NOT_FOUND: &str = "HTTP/1.1 404 NOT FOUND\r\nContent-Length: 0\r\n\r\n";

/// A stopped node's folder, its log, and the path of its third block, whose
/// bytes have changed since.
struct Damaged {
    folder: TempDir,
    whole: Vec<u8>,
    raw: String,
}

impl Damaged {
    /// A folder with so many blocks, of which the third has changed.
    fn with(blocks: usize) -> Damaged {
        let (folder, hashes) = mined(blocks);
        let whole = fs::read(folder.path().join(LOG)).unwrap();
        flip(&folder.path().join(LOG), lines(folder.path())[2].0 + 30);
        Damaged {
            folder,
            whole,
            raw: format!("/api/v1/block/{}/raw", hashes[2]),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn blocks(&self) -> Vec<String> {
        let log = std::str::from_utf8(&self.whole).unwrap();
        log.lines().map(str::to_string).collect()
    }

    /// A node on the folder with these peers; it has met the damage.
    fn node(&self, peers: &[Peer]) -> Server {
        let mut arguments = vec!["--resolve-every".to_string(), "0".to_string()];
        arguments.extend(["--data-dir".into(), self.path().to_str().unwrap().into()]);
        for peer in peers {
            arguments.extend(["--peer".into(), format!("http://{}", peer.address)]);
        }
        let node = Server::adit(arguments);
        node.get(&self.raw).expect_status(500);
        node
    }

    #[track_caller]
    fn expect_mended_by(&self, node: &Server) {
        let text = until("the block is mended", || {
            let answer = node.get(&self.raw);
            (answer.status == 200).then(|| answer.text())
        });
        assert_eq!(text, self.blocks()[2]);
        assert!(fs::read(self.path().join(LOG)).unwrap() == self.whole);
    }
}

/// Answers `/chain`, and knows no other path of ours.
fn of_chain_only(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> Peer {
    Peer::start(move |path, mut stream| match path {
        "/chain" => answer(stream),
        _ => drop(stream.write_all(NOT_FOUND.as_bytes())),
    })
}

fn serving_chain(blocks: &[String]) -> Peer {
    let answer = format!("{OK}{}", chain_body(blocks));
    of_chain_only(move |mut stream| drop(stream.write_all(answer.as_bytes())))
}

/// Sends this, and then further bytes one by one.
fn drip(mut stream: TcpStream, start: &str) {
    let mut sent = stream.write_all(start.as_bytes());
    for _ in 0..DRIPS {
        sent = sent.and_then(|()| stream.write_all(b" "));
        thread::sleep(Duration::from_secs(1));
    }
}

/// Sends this, and then `again` without an end.
fn flood(mut stream: TcpStream, start: &str, again: &str) {
    let again = again.repeat(100_000 / again.len());
    let mut sent = stream.write_all(start.as_bytes());
    for _ in 0..SENT_LIMIT_BYTES / again.len() {
        sent = sent.and_then(|()| stream.write_all(again.as_bytes()));
    }
}

/// Peers of every kind that are slow or lie about these blocks.
fn bad_peers(blocks: &[String]) -> Vec<Peer> {
    let first = blocks[0].clone();
    let other = blocks[1].clone();
    let starts = [
        format!("{OK}{{\"chain\": ["),
        format!("{OK}{{\"chain\": [{first}"),
        format!("{OK}{{\"chain\": [{first}, "),
        format!("{OK}{{\"chain\": [{first}, {other}, "),
    ];
    let [empty, one, next, two] = starts;
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{{\"chain\": [");
    let changed = other.replacen("\"amount\": 1", "\"amount\": 2", 1);
    vec![
        // Whatever they are asked for, these drip.
        Peer::start(|_, stream| drip(stream, "")),
        Peer::start(|_, stream| drip(stream, OK)),
        of_chain_only(move |stream| drip(stream, &one)),
        of_chain_only(move |stream| drip(stream, &two)),
        // These send other blocks than they should, for a hash and as a chain.
        Peer::sending(format!("{OK}{other}")),
        serving_chain(&[blocks[0].clone(), changed]),
        serving_chain(&[blocks[0].clone(), blocks[0].clone(), blocks[0].clone()]),
        serving_chain(&blocks[..2]),
        serving_chain(&[]),
        // These never end.
        Peer::start(|_, stream| flood(stream, OK, "x")),
        of_chain_only(move |stream| flood(stream, &empty, " ")),
        of_chain_only(move |stream| flood(stream, &next, "[[")),
        of_chain_only(move |stream| flood(stream, &long, "\"x\", ")),
        of_chain_only(move |stream| flood(stream, OK, "{\"a\": 1, ")),
        // And these do not answer at all.
        Peer::sending(""),
        Peer::at("127.0.0.1:1"),
    ]
}

#[test]
fn a_damaged_block_is_taken_out_of_the_chain_of_the_tutorials_node() {
    let Some(python) = Python::find() else { return };
    let damaged = Damaged::with(5);
    let file = damaged.path().join("chain.json");
    fs::write(&file, chain_body(&damaged.blocks())).unwrap();
    let theirs = python.node(["--load", file.to_str().unwrap()]);
    let node = damaged.node(&[Peer::at(&theirs.address)]);
    damaged.expect_mended_by(&node);
}

#[test]
fn slow_and_lying_peers_keep_no_chain_from_mending_a_block() {
    let damaged = Damaged::with(5);
    let mut peers = bad_peers(&damaged.blocks());
    peers.push(serving_chain(&damaged.blocks()));
    let node = damaged.node(&peers);
    damaged.expect_mended_by(&node);
    node.mine();
}

#[test]
fn slow_and_lying_peers_keep_no_block_away_that_another_serves_by_its_hash() {
    let damaged = Damaged::with(5);
    let other = copied_to_another(damaged.path());
    fs::write(other.path().join(LOG), &damaged.whole).unwrap();
    let other = node_on(other.path(), "classic");
    let mut peers = bad_peers(&damaged.blocks());
    peers.push(Peer::at(&other.address));
    let node = damaged.node(&peers);
    damaged.expect_mended_by(&node);
}

#[test]
fn a_start_over_a_damaged_tip_takes_it_out_of_a_chain_among_slow_and_lying_ones() {
    let damaged = Damaged::with(3);
    let data = damaged.path().to_str().unwrap();
    run(&mut adit(["node", "-p", "0", "--data-dir", data])).expect_code(1);
    let mut peers = bad_peers(&damaged.blocks());
    peers.push(serving_chain(&damaged.blocks()));
    let mut command = adit(["node", "-p", "0", "--data-dir", data]);
    for peer in &peers {
        command.args(["--peer", &format!("http://{}", peer.address)]);
    }
    let node = Server::start(&mut command);
    assert!(fs::read(damaged.path().join(LOG)).unwrap() == damaged.whole);
    assert_eq!(
        node.get(&damaged.raw).expect_status(200).text(),
        damaged.blocks()[2]
    );
}

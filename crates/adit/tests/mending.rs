//! Blocks that have changed on the disk, and peers that can send only their
//! whole chain, as the tutorial's do: the block is taken from it, and peers that
//! are slow or lie do not prevent that.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::{TempDir, tempdir};

use crate::adopting::{LONG, long_peer};
use crate::damage::{LOG, copied_to_another, flip, lines, mined, pages, zero_page};
use crate::folders::node_on;
use crate::interop::Python;
use crate::peer::{Forger, Peer, chain_body};
use crate::sealed_hostile::outcome;
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
    /// A folder with this many blocks, of which the third has changed.
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
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{\"chain\": [";
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
        of_chain_only(move |stream| flood(stream, long, "\"x\", ")),
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
fn a_damaged_block_that_a_longer_chain_drops_ends_no_node() {
    let damaged = Damaged::with(12);
    let (other, hashes) = mined(14);
    let log = fs::read_to_string(other.path().join(LOG)).unwrap();
    let blocks: Vec<_> = log.lines().map(str::to_string).collect();
    // Nobody has the damaged block any more.
    let peers = [serving_chain(&blocks)];
    let node = damaged.node(&peers);
    node.get("/nodes/resolve").expect_status(200);
    let tip = node.get("/api/v1/blocks/tip/hash").expect_status(200);
    assert_eq!(tip.text(), hashes[13]);
    assert_eq!(node.mine()["index"], 15);
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

/// The folder of a stopped node that has this chain.
fn with_chain(blocks: &[String]) -> TempDir {
    let folder = tempdir().unwrap();
    let node = node_on(folder.path(), "classic");
    outcome(&node, &Peer::serving(chain_body(blocks)).address);
    assert_eq!(node.status()["length"], blocks.len());
    node.process.signal(Signal::TERM);
    node.process.ended().expect_code(0);
    fs::remove_file(folder.path().join("peers.json")).unwrap();
    folder
}

/// The chain that a much longer one takes the place of: then all of its blocks
/// are looked for in the index, and read.
fn shorter_chain() -> Vec<String> {
    Forger::with_transactions("[7]").take(LONG / 3).collect()
}

/// A node on this folder that has started to take in the long chain of a peer,
/// and has not come to where that is the heavier one.
fn in_the_middle(folder: &Path, peers: &[&Peer]) -> Server {
    let node = node_on(folder, "classic");
    let (length, log) = (&node.status()["length"], folder.join(LOG));
    let before = fs::metadata(&log).unwrap().len();
    node.pay("carol", "dave");
    node.register(peers.iter().map(|peer| peer.address.as_str()));
    let address = &node.address;
    let request = format!("GET /nodes/resolve HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut asking = TcpStream::connect(address).unwrap();
    asking.write_all(request.as_bytes()).unwrap();
    until("a part of the chain is stored", || {
        (fs::metadata(&log).unwrap().len() > before).then_some(())
    });
    assert_eq!(&node.status()["length"], length);
    node
}

/// Whatever happened in the middle of it: the chain is adopted in the end, and
/// the payment that was acknowledged waits.
#[track_caller]
fn expect_adopted(node: &Server) {
    until("the long chain is adopted", || {
        let resolved = node.try_get("/nodes/resolve").ok()?;
        let status = node.try_get("/api/v1/status").ok()?;
        let is_whole = status.status == 200 && status.json()["length"] == LONG;
        (resolved.status == 200 && is_whole).then_some(())
    });
    assert_eq!(node.status()["pending"], 1);
    let said = node.process.stderr();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn an_index_that_is_damaged_in_the_middle_of_a_long_adoption_is_built_anew() {
    let folder = with_chain(&shorter_chain());
    let long = long_peer();
    let node = in_the_middle(folder.path(), &[&long]);
    let index = folder.path().join("index.redb");
    for page in 2..pages(&index) {
        zero_page(&index, page);
    }
    expect_adopted(&node);
    let said = node.process.stderr();
    assert!(
        said.contains("the index is damaged and is rebuilt"),
        "{said}"
    );
}

#[test]
fn a_block_that_is_damaged_in_the_middle_of_a_long_adoption_is_mended() {
    let blocks = shorter_chain();
    let folder = with_chain(&blocks);
    let log = folder.path().join(LOG);
    let whole = fs::read(&log).unwrap();
    let (long, old) = (long_peer(), serving_chain(&blocks));
    let node = in_the_middle(folder.path(), &[&long, &old]);
    flip(&log, lines(folder.path())[2].0 + 30);
    expect_adopted(&node);
    let said = node.process.stderr();
    assert!(said.contains("the damaged block was mended"), "{said}");
    assert!(fs::read(&log).unwrap().starts_with(&whole));
}

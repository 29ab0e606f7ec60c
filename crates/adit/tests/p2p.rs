//! Nodes that talk with each other by themselves, over real sockets: they find each
//! other, blocks and transactions go round, what was begun goes on after a kill, and
//! what keeps them apart is told.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::sealed::{ChainId, Transfer};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use tempfile::{TempDir, tempdir};

use crate::support::{Server, adit, run, until};

/// A sealed chain on which a block takes a few guesses, and somebody with money.
pub(crate) struct Town {
    folder: TempDir,
    file: PathBuf,
    id: String,
    rich: SigningKey,
}

impl Town {
    pub(crate) fn new() -> Town {
        let folder = tempdir().unwrap();
        let rich = SigningKey::from(sha256(b"rich").0);
        let allocation = format!("{}=1000", address(&rich));
        let made = run(adit(["chain", "new", "--name", "town", "--json"])
            .args(["--block-interval", "1s", "--difficulty", "16"])
            .args(["--alloc", &allocation])
            .current_dir(folder.path()));
        let made = made.expect_code(0).json();
        Town {
            file: folder.path().join(made["file"].as_str().unwrap()),
            id: made["chain"].as_str().unwrap().to_owned(),
            folder,
            rich,
        }
    }

    pub(crate) fn file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    pub(crate) fn rich(&self) -> String {
        address(&self.rich).to_string()
    }

    fn node<'a>(&self, options: impl IntoIterator<Item = &'a str>) -> Server {
        let reward = address(&self.rich).to_string();
        let chain = self.file.to_str().unwrap();
        let common = ["node", "--chain", chain, "--reward-to", &reward];
        Server::start(adit(common).env("ADIT_PORT", "0").args(options))
    }

    /// One that keeps nothing.
    fn passing<'a>(&self, options: impl IntoIterator<Item = &'a str>) -> Server {
        self.node(["--in-memory"].into_iter().chain(options))
    }

    fn kept<'a>(&self, name: &str, options: impl IntoIterator<Item = &'a str>) -> Server {
        let folder = self.folder.path().join(name);
        let options: Vec<&str> = options.into_iter().collect();
        let kept = ["--data-dir", folder.to_str().unwrap()];
        self.node([&kept[..], &options[..]].concat())
    }

    fn payment(&self, nonce: u64) -> String {
        let transfer = Transfer {
            amount: 1,
            chain: ChainId::from_hex(self.id.as_bytes()).unwrap(),
            data: None,
            fee: 500,
            nonce,
            recipient: address(&SigningKey::from(sha256(b"bob").0)),
            sender: address(&self.rich),
        };
        let signature = self.rich.sign(&transfer.to_signed_bytes()).to_bytes();
        String::from_utf8(transfer.with_signature(&signature)).unwrap()
    }
}

fn address(key: &SigningKey) -> Address {
    Address(VerificationKeyBytes::from(key).into())
}

/// Where a node talks.
pub(crate) fn place(node: &Server) -> String {
    let status = node.status();
    status["p2p"]["addresses"][0].as_str().unwrap().to_owned()
}

pub(crate) fn length(node: &Server) -> u64 {
    node.status()["length"].as_u64().unwrap()
}

/// The agreements of those that a node talks with.
pub(crate) fn talks(node: &Server) -> Vec<String> {
    let peers = node.get("/api/v1/peers").expect_status(200).json();
    let talking = peers["talking"].as_array().unwrap().iter();
    let agreements = talking.map(|peer| peer["agreement"].as_str().unwrap().to_owned());
    agreements.collect()
}

#[track_caller]
pub(crate) fn agree(nodes: &[&Server]) {
    until("all have one chain", || {
        let tips: Vec<_> = nodes
            .iter()
            .map(|node| node.status()["tip"].clone())
            .collect();
        tips.windows(2).all(|two| two[0] == two[1]).then_some(())
    });
}

#[test]
fn two_nodes_share_a_chain_blocks_and_transactions() {
    let town = Town::new();
    let one = town.passing([]);
    for _ in 0..30 {
        one.mine();
    }
    let other = town.passing(["--connect", &place(&one)]);
    agree(&[&one, &other]);
    assert_eq!(length(&other), 31);
    // Blocks both ways.
    one.mine();
    agree(&[&one, &other]);
    other.mine();
    agree(&[&one, &other]);
    assert_eq!(length(&one), 33);
    // A transaction waits where it was not handed in, and is mined there.
    one.post("/api/v1/tx", &town.payment(0)).expect_status(201);
    until("the transaction has come", || {
        (other.status()["pending"] == 1).then_some(())
    });
    other.mine();
    agree(&[&one, &other]);
    assert_eq!(one.status()["pending"], 0);
    for node in [&one, &other] {
        assert_eq!(talks(node), ["same"]);
    }
    let said = one.get("/metrics").expect_status(200).text();
    assert!(said.contains("adit_p2p_peers{dialled=\"in\"} 1"), "{said}");
    assert!(said.contains("adit_p2p_messages_total{way=\"out\",message=\"hello\"} 1"));
}

#[test]
fn five_in_a_row_find_each_other() {
    let town = Town::new();
    let mut nodes = vec![town.passing([])];
    for _ in 0..4 {
        let last = place(nodes.last().unwrap());
        nodes.push(town.passing(["--connect", &last]));
    }
    for _ in 0..5 {
        nodes[0].mine();
    }
    let all: Vec<&Server> = nodes.iter().collect();
    agree(&all);
    nodes[4].mine();
    agree(&all);
    nodes[4]
        .post("/api/v1/tx", &town.payment(0))
        .expect_status(201);
    for node in &nodes {
        until("the transaction has come", || {
            (node.status()["pending"] == 1).then_some(())
        });
    }
    nodes[2].mine();
    agree(&all);
    // Each was told of one other, and knows more by now.
    until("they know others", || {
        (talks(&nodes[0]).len() > 1).then_some(())
    });
}

#[test]
fn what_was_fetched_outlives_a_kill_and_so_does_whom_one_knows() {
    let town = Town::new();
    let one = town.kept("one", []);
    for _ in 0..400 {
        one.mine();
    }
    let there = place(&one);
    let mut other = town.kept("other", ["--connect", &there]);
    let me = other.status()["p2p"]["id"].clone();
    let mut before = 0;
    for _ in 0..3 {
        let wanted = before + 1;
        before = until("some blocks have come", || {
            Some(length(&other)).filter(|length| *length > wanted)
        });
        other.process.kill();
        other = town.kept("other", ["--connect", &there]);
        assert!(
            length(&other) + 64 >= before,
            "{} < {before}",
            length(&other)
        );
        assert_eq!(other.status()["p2p"]["id"], me);
    }
    agree(&[&one, &other]);
    let folder = town.folder.path().join("other");
    let mode = fs::metadata(folder.join("peer-key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // One that was stopped in good order remembers the other, without being told.
    other.process.signal(rustix::process::Signal::TERM);
    other.process.ended().expect_code(0);
    assert!(folder.join("peer-addresses").exists());
    let other = town.kept("other", []);
    until("it talks again", || {
        (!talks(&other).is_empty()).then_some(())
    });
    one.mine();
    agree(&[&one, &other]);
}

#[test]
fn a_peer_that_is_registered_by_http_is_talked_with() {
    let town = Town::new();
    let one = town.passing([]);
    one.mine();
    let url = format!("http://{}", one.address);
    let other = town.passing(["--peer", &url, "--resolve-every", "1s"]);
    until("they talk", || (talks(&other) == ["same"]).then_some(()));
    let without = town.passing(["--no-p2p", "--peer", &url, "--resolve-every", "1s"]);
    assert!(without.status()["p2p"].is_null());
    without.register([one.address.as_str()]);
    one.register([without.address.as_str()]);
    one.mine();
    agree(&[&one, &other, &without]);
    without.mine();
    agree(&[&one, &other, &without]);
}

#[test]
fn chains_do_not_mix() {
    let (here, there) = (Town::new(), Town::new());
    let one = here.passing([]);
    let stranger = there.passing(["--connect", &place(&one)]);
    stranger.mine();
    thread::sleep(Duration::from_millis(500));
    assert!(talks(&one).is_empty() && talks(&stranger).is_empty());
    assert_eq!(length(&one), 1);
}

#[test]
fn a_taken_port_is_told_or_gone_around() {
    let town = Town::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let chain = town.file.to_str().unwrap();
    let refused = run(adit(["node", "-p", "0", "--in-memory", "--chain", chain])
        .args(["--p2p-port", &port.to_string()]));
    refused
        .expect_code(1)
        .expect_error(["--p2p-port", "is taken"]);
    // The usual one lies ten thousand above HTTP's.
    let http = until("a pair of ports is free", || {
        let peers = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = peers.local_addr().unwrap().port().checked_sub(10_000)?;
        let is_free = port > 1_024 && TcpListener::bind(("127.0.0.1", port)).is_ok();
        is_free.then_some((port, peers))
    });
    let (port, peers) = http;
    let port = port.to_string();
    let node = town.passing(["-p", &port]);
    assert!(node.process.stderr().contains("takes a free one"));
    assert_ne!(
        node.status()["p2p"]["port"],
        peers.local_addr().unwrap().port()
    );
    drop((node, peers));
    let node = town.passing(["-p", &port]);
    let expected = port.parse::<u16>().unwrap() + 10_000;
    assert_eq!(node.status()["p2p"]["port"], expected);
}

#[test]
fn a_submitted_transaction_is_kept_even_if_a_peer_relayed_it_first() {
    let town = Town::new();
    let one = town.passing([]);
    let other = town.kept("other", ["--connect", &place(&one)]);
    until("they talk", || (!talks(&one).is_empty()).then_some(()));
    one.post("/api/v1/tx", &town.payment(0)).expect_status(201);
    until("it has come", || {
        (other.status()["pending"] == 1).then_some(())
    });
    let is_kept = || pending_log(&town.folder.path().join("other")).contains("\"nonce\": 0");
    assert!(!is_kept());
    other
        .post("/api/v1/tx", &town.payment(0))
        .expect_status(201);
    assert!(is_kept());
}

fn pending_log(folder: &Path) -> String {
    let files = fs::read_dir(folder.join("pending")).unwrap();
    let texts = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    texts
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .collect()
}

#[test]
fn whoever_is_invited_joins_with_one_line() {
    let town = Town::new();
    let one = town.passing([]);
    one.mine();
    let url = format!("http://{}", one.address);
    let invited = run(&mut adit(["invite", "--node", &url])).expect_code(0);
    let invite = invited.stdout.trim().to_owned();
    assert!(invite.starts_with("adit:/ip4/127.0.0.1/tcp/"), "{invite}");
    let json = run(&mut adit(["invite", "--node", &url, "--json"])).expect_code(0);
    assert_eq!(json.json()["invite"], *invite);
    let folder = town.folder.path().join("joined");
    let joined = ["join", &invite, folder.to_str().unwrap(), "-p", "0"];
    let other = Server::start(&mut adit(joined));
    agree(&[&one, &other]);
    assert_eq!(length(&other), 2);
    drop(other);
    // The chain is kept: the next time nobody has to be there for it.
    drop(one);
    let other = Server::start(&mut adit(joined));
    assert_eq!(length(&other), 2);
    drop(other);
    let elsewhere = town.folder.path().join("elsewhere");
    let refused = run(&mut adit([
        "join",
        &invite,
        elsewhere.to_str().unwrap(),
        "-p",
        "0",
    ]));
    refused
        .expect_code(1)
        .expect_error(["no answer from", "firewall"]);
    let wrong = run(&mut adit(["join", "adit:nowhere"]));
    wrong
        .expect_code(1)
        .expect_error(["expected an invitation"]);
}

//! Beside the tutorial's own node, in Python: it registers with ours and ours
//! with it, each adopts what the other mines, and both find the same hash for
//! every block, however odd its content.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adit_core::hash::{Hash, sha256};
use adit_core::json;
use serde_json::{Value, json};

use crate::support::{Server, adit, free_port, run, until};

const RULES: [&str; 2] = ["classic", "classic-2018"];

/// After this long without agreement, nodes of equally long chains are taken to
/// wait for the next block.
const SETTLING_TIME: Duration = Duration::from_secs(2);

#[test]
fn a_mixed_network_agrees_under_the_rules_of_2017() {
    check_mixed_network("classic");
}

#[test]
fn a_mixed_network_agrees_under_the_rules_of_2018() {
    check_mixed_network("classic-2018");
}

#[test]
fn a_chain_of_odd_python_values_is_adopted_hash_for_hash() {
    let Some(python) = Python::find() else { return };
    for rules in RULES {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chain.json");
        python.write_odd_chain(rules, &file);
        let theirs = python.node(["--rules", rules, "--load", file.to_str().unwrap()]);
        let ours = start_in_memory(rules, &["--peer", &theirs.address, "--resolve-every", "1s"]);
        let expected = python.check(&theirs, rules);
        assert_eq!(expected["valid"], true, "{expected}");
        until("the chain is adopted", || {
            (ours.status()["tip"] == expected["tip"]).then_some(())
        });
        assert_eq!(python.check(&ours, rules), expected);

        theirs.register([&*ours.address]);
        ours.mine();
        until("a block on top of it is taken back", || {
            (tip(&theirs) == tip(&ours)).then_some(())
        });
    }
}

#[test]
fn odd_transactions_submitted_here_are_adopted_there_hash_for_hash() {
    let Some(python) = Python::find() else { return };
    let ours = start_in_memory("classic", &[]);
    let amounts = [
        "1e16",
        "0.1",
        "5e-324",
        "1e22",
        "-0.0",
        "-7",
        "913237640596033.25",
    ];
    let huge = "9".repeat(400);
    for amount in amounts.into_iter().chain([&*huge]) {
        let body = format!(
            r#"{{"recipient": "\ud83e\udd80 李雷", "sender": "Zoë\u007f\\", "amount": {amount}}}"#
        );
        ours.post("/transactions/new", &body).expect_status(201);
    }
    for _ in 0..2 {
        ours.get("/mine").expect_status(200);
    }
    let theirs = python.node([]);
    theirs.register([&*ours.address]);
    let answer = theirs.get("/nodes/resolve").expect_status(200);
    assert!(answer.text().contains("Our chain was replaced"));
    let expected = json!({ "length": 3, "tip": ours.status()["tip"], "valid": true });
    assert_eq!(python.check(&theirs, "classic"), expected);
}

/// Forms and `http POST ... amount=10` send strings, and the tutorial takes them.
#[test]
fn amounts_that_spell_a_number_go_both_ways_with_the_same_hashes() {
    let Some(python) = Python::find() else { return };
    let ours = start_in_memory("classic", &[]);
    let theirs = python.node([]);
    let amounts = ["10", "-2.50", "+5", ".5", "007", "1e3", " 10\r\n"];
    let kept = |node: &Server| -> Vec<Value> {
        let chain = node.chain();
        let transactions = chain
            .iter()
            .map(|block| block["transactions"].as_array().unwrap());
        let paid = transactions.flatten().filter(|one| one["sender"] != "0");
        paid.map(|one| one["amount"].clone()).collect()
    };
    let submit = |node: &Server| {
        for amount in amounts {
            let body = json!({ "sender": node.address, "recipient": "b", "amount": amount });
            node.post("/transactions/new", &body.to_string())
                .expect_status(201);
        }
        node.mine();
        assert_eq!(kept(node), amounts);
    };

    submit(&ours);
    theirs.register([&*ours.address]);
    theirs.get("/nodes/resolve").expect_status(200);
    let expected = json!({ "length": 2, "tip": ours.status()["tip"], "valid": true });
    assert_eq!(python.check(&theirs, "classic"), expected);

    let theirs = python.node([]);
    theirs.mine();
    submit(&theirs);
    ours.register([&*theirs.address]);
    ours.get("/nodes/resolve").expect_status(200);
    assert_eq!(kept(&ours), amounts);
    assert_eq!(
        python.check(&ours, "classic"),
        python.check(&theirs, "classic")
    );
    let waits = ours.status()["pending"].clone();
    assert_eq!(
        waits,
        amounts.len(),
        "those of the dropped block wait again"
    );
}

#[test]
fn a_new_node_begins_as_the_tutorial_does() {
    let node = start_in_memory("classic", &[]);
    let chain = node.chain();
    let [genesis] = &*chain else {
        panic!("expected one block: {chain:?}");
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let timestamp = genesis["timestamp"].clone();
    let age_seconds = now.as_secs_f64() - timestamp.as_f64().unwrap();
    assert!(
        timestamp.is_f64() && (0.0..60.0).contains(&age_seconds),
        "{timestamp}"
    );
    let expected = json!({
        "index": 1,
        "previous_hash": "1",
        "proof": 100,
        "timestamp": timestamp,
        "transactions": [],
    });
    assert_eq!(*genesis, expected);
    let (_, hash) = tip(&node);
    assert_eq!(node.status()["tip"], hash.to_string());
}

#[test]
fn a_new_node_joins_the_longer_chain_of_the_other_kind() {
    let Some(python) = Python::find() else { return };
    for rules in RULES {
        let old_python = python.node(["--rules", rules]);
        let old_adit = start_in_memory(rules, &[]);
        for _ in 0..3 {
            old_python.mine();
            old_adit.mine();
        }
        let new_adit = start_in_memory(rules, &["--peer", &old_python.address]);
        until("adit has joined", || {
            (tip(&new_adit) == tip(&old_python)).then_some(())
        });
        let new_python = python.node(["--rules", rules]);
        new_python.register([&*old_adit.address]);
        new_python.get("/nodes/resolve").expect_status(200);
        assert_eq!(tip(&new_python), tip(&old_adit));
    }
}

#[test]
fn an_advertised_node_is_registered_with_a_peer_that_starts_later_or_anew() {
    let Some(python) = Python::find() else { return };
    let [our_port, their_port] = [free_port(), free_port()];
    let our_address = format!("127.0.0.1:{our_port}");
    let ours = Server::start(
        adit(["-p", &our_port.to_string(), "--in-memory", "--json"])
            .args(["--advertise", &our_address])
            .args(["--peer", &format!("127.0.0.1:{their_port}")]),
    );
    assert_eq!(ours.address, our_address);
    for _start in ["later", "anew"] {
        let theirs = python.node(["-p", &their_port.to_string()]);
        until("the peer knows this node", || {
            // Registering nothing tells what is registered.
            theirs.register([]).contains(&our_address).then_some(())
        });
        let (length, _) = tip(&theirs);
        for _ in 0..length {
            ours.mine();
        }
        until("the peer has the blocks made here", || {
            (tip(&theirs) == tip(&ours)).then_some(())
        });
    }
}

fn start_in_memory(rules: &str, arguments: &[&str]) -> Server {
    Server::adit(["--in-memory", "--rules", rules].iter().chain(arguments))
}

/// Length and last hash of a node's chain, counted and hashed here.
fn tip(node: &Server) -> (usize, Hash) {
    let body = node.get("/chain").expect_status(200).body;
    let body = json::canonical(&body, usize::MAX).unwrap();
    let chain = json::member(&body, "chain").and_then(json::elements);
    let chain: Vec<_> = chain.unwrap().collect();
    (chain.len(), sha256(chain.last().unwrap()))
}

/// Blocks made on every side, first one at a time, then all at once: in the
/// end there is one chain, and it holds what was submitted to our nodes.
fn check_mixed_network(rules: &str) {
    let Some(python) = Python::find() else { return };
    let network = Network::start(&python, rules);
    network.take_turns();
    network.mine_all_at_once();
    let agreed = network.settle();
    let expected = json!({ "length": agreed.0, "tip": agreed.1.to_string(), "valid": true });
    for node in network.all() {
        assert_eq!(python.check(node, rules), expected, "{}", node.address);
    }
    network.check_everything_submitted_to_ours_is_in();
}

/// Two nodes of each kind, each registered with the others.
struct Network {
    theirs: [Server; 2],
    ours: [Server; 2],
}

impl Network {
    const TURNS: usize = 3;
    const BLOCKS_AT_ONCE: usize = 6;

    fn start(python: &Python, rules: &str) -> Network {
        let network = Network {
            theirs: [(); 2].map(|()| python.node(["--rules", rules])),
            ours: [(); 2].map(|()| start_in_memory(rules, &["--resolve-every", "1s"])),
        };
        for node in network.all() {
            let others = network.all().filter(|other| other.address != node.address);
            let known = node.register(others.map(|other| &*other.address));
            assert_eq!(known.len(), 3);
        }
        network
    }

    fn all(&self) -> impl Iterator<Item = &Server> {
        self.ours.iter().chain(&self.theirs)
    }

    /// The chain of all four, if it is the same.
    fn agreed(&self) -> Option<(usize, Hash)> {
        let tips: Vec<_> = self.all().map(tip).collect();
        tips.iter().all(|tip| *tip == tips[0]).then(|| tips[0])
    }

    fn take_turns(&self) {
        let mut length = 1;
        for turn in 0..Self::TURNS {
            for (place, miner) in self.all().enumerate() {
                for node in self.all() {
                    pay(node, &format!("turn {turn}, block of {place}"));
                }
                miner.mine();
                length += 1;
                until("all have the new block", || {
                    self.agreed().filter(|agreed| agreed.0 == length)
                });
            }
        }
    }

    fn mine_all_at_once(&self) {
        thread::scope(|scope| {
            for node in self.all() {
                scope.spawn(move || {
                    for number in 0..Self::BLOCKS_AT_ONCE {
                        pay(node, &format!("at once, {number}"));
                        node.mine();
                    }
                });
            }
        });
    }

    /// Waits for agreement, and mines where it would not come by itself: where
    /// transactions wait, where chains are equally long, and where a Python
    /// node's chain was replaced while it mined, so that it serves a broken
    /// one until another is longer.
    fn settle(&self) -> (usize, Hash) {
        let mut since = Instant::now();
        until("all agree, and no transaction waits", || {
            let agreed = self.agreed();
            let waits = |node: &&Server| node.status()["pending"] != 0;
            let miner = self.ours.iter().find(waits);
            if agreed.is_some() && miner.is_none() {
                return agreed;
            }
            if agreed.is_some() || since.elapsed() > SETTLING_TIME {
                let miner = miner.unwrap_or(&self.ours[0]);
                let longest = self.all().map(|node| tip(node).0).max().unwrap();
                while tip(miner).0 <= longest {
                    miner.mine();
                }
                since = Instant::now();
            }
            None
        })
    }

    fn check_everything_submitted_to_ours_is_in(&self) {
        let chain = self.theirs[0].chain();
        let transactions = chain
            .iter()
            .flat_map(|block| block["transactions"].as_array().unwrap());
        let transactions: Vec<&Value> = transactions.collect();
        for node in &self.ours {
            let turns = (0..Self::TURNS)
                .flat_map(|turn| (0..4).map(move |place| format!("turn {turn}, block of {place}")));
            let at_once = (0..Self::BLOCKS_AT_ONCE).map(|number| format!("at once, {number}"));
            for recipient in turns.chain(at_once) {
                let expected =
                    json!({ "sender": node.address, "recipient": recipient, "amount": 1 });
                let found = transactions.iter().filter(|found| ***found == expected);
                assert_eq!(found.count(), 1, "{expected}");
            }
        }
    }
}

/// A transaction whose sender tells to which node it was submitted.
fn pay(node: &Server, recipient: &str) {
    node.pay(&node.address, recipient);
}

/// The tutorial's node and its own check of a chain.
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Without Python there is nothing to compare with: the test is skipped
    /// and says so, but not where all tests must run.
    pub(crate) fn find() -> Option<Python> {
        let version = Command::new("python3").arg("--version").output();
        if version.is_ok_and(|output| output.status.success()) {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
            return Some(Python { folder });
        }
        assert!(std::env::var_os("CI").is_none(), "python3 is missing");
        eprintln!("skipped: there is no python3 here to run the tutorial's node");
        None
    }

    /// The tutorial's node, on a free port if none is given.
    pub(crate) fn node<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Server {
        let mut arguments: Vec<&str> = arguments.into_iter().collect();
        if !arguments.contains(&"-p") {
            arguments.extend(["-p", "0"]);
        }
        Server::start(self.command("tutorial_node.py").args(arguments))
    }

    /// What the tutorial's own code says of a node's chain.
    fn check(&self, node: &Server, rules: &str) -> Value {
        let url = format!("http://{}", node.address);
        let mut check = self.command("check_chain.py");
        run(check.args([&*url, "--rules", rules])).json()
    }

    pub(crate) fn command(&self, script: &str) -> Command {
        let mut command = Command::new("python3");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(self.folder.join(script));
        command
    }

    pub(crate) fn write_odd_chain(&self, rules: &str, file: &Path) {
        self.script(ODD_CHAIN, &[rules, file.to_str().unwrap()]);
    }

    /// Runs a script that can import the tutorial's node; returns what it says.
    pub(crate) fn script(&self, script: &str, arguments: &[&str]) -> String {
        let mut python = Command::new("python3");
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        python.env("PYTHONPATH", &self.folder);
        let script = python.args(["-c", script]).args(arguments);
        run(script).expect_code(0).stdout
    }
}

/// What only Python's JSON has, or writes in a way of its own; the further
/// fields are part of the hash, so they are there before the next block.
const ODD_CHAIN: &str = r"
import json, sys
from tutorial_node import Blockchain

blockchain = Blockchain(sys.argv[1])

def mine(**further_fields):
    last_block = blockchain.last_block
    proof = blockchain.proof_of_work(last_block)
    blockchain.new_block(proof, blockchain.hash(last_block)).update(further_fields)

names = ['Zoë', '李雷', '\U0001f980', '\x7f', '\ud800', '\x00\n\t\\\x22/', '']
for sender, recipient in zip(names, reversed(names)):
    blockchain.new_transaction(sender, recipient, 1)
mine()
floats = [1e16, 0.1, 5e-324, 1e22, 1e-5, 1.7976931348623157e308, 913237640596033.25]
for amount in floats + [-0.0, 2**4000, -(10**30), float('nan'), float('inf'), -float('inf')]:
    blockchain.new_transaction('a', 'b', amount)
mine()
for amount in [None, True, 'ten', [], {}, [1, [2, [3.0]]], {'\uffff': 1, '\U00010000': 2, 'é': 3, 'z': 4}]:
    blockchain.new_transaction({'odd': 'sender'}, ['odd', 'recipient'], amount)
mine(miner='\U0001f980', nonce=1.0, extra={'b': [1e16, float('nan')], 'a': -0.0}, Index=None)
mine(timestamp=7)
mine()
with open(sys.argv[2], 'w', encoding='utf-8') as file:
    json.dump({'chain': blockchain.chain, 'length': len(blockchain.chain)}, file)
";

//! What others may do to a node of a sealed chain: peers whose chains can't be
//! paid for, are not signed or come too early, clients that ask for nonsense,
//! and crashes at the wrong moment.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::address::Address;
use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::rules::{Context, Rules, Sealed, TemplateContent};
use adit_core::sealed::{Params, Transfer};
use adit_core::transaction::Submitted;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::peer::{Peer, chain_body};
use crate::support::{Server, adit, run, until};

/// What the one account owns from the start.
const FUNDS: u64 = 1_000;

/// How far ahead of the clock blocks may be.
const FUTURE_LIMIT_MS: u64 = 1_000;

fn rich() -> SigningKey {
    SigningKey::from(sha256(b"rich").0)
}

fn address_of(key: &SigningKey) -> Address {
    Address(VerificationKeyBytes::from(key).into())
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// A chain on which any number is a proof, so that whole chains are made at no
/// cost.
pub(crate) struct World {
    rules: Sealed,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World::with_reward(Params::defaults("hostile").reward)
    }

    fn with_reward(reward: u64) -> World {
        let params = Params {
            reward,
            block_interval_ms: 1,
            initial_target: U256::MAX,
            pow_limit: U256::MAX,
            future_limit_ms: FUTURE_LIMIT_MS,
            allocations: [(address_of(&rich()), FUNDS)].into(),
            ..Params::defaults("hostile")
        };
        let start = Duration::from_millis(now_ms() - 3_600_000);
        let world = World {
            rules: Sealed::with_params(params, start).unwrap(),
            folder: tempdir().unwrap(),
        };
        fs::write(world.file(), world.rules.genesis_text().unwrap()).unwrap();
        world
    }

    pub(crate) fn file(&self) -> String {
        let file = self.folder.path().join("genesis.json");
        file.to_str().unwrap().to_string()
    }

    /// A node of this chain that looks at its peers only when it is told to.
    pub(crate) fn node(&self) -> Server {
        let file = self.file();
        let reward_to = address_of(&rich()).to_string();
        let options = ["--chain", &file, "--reward-to", &reward_to];
        Server::adit(
            options
                .into_iter()
                .chain(["--in-memory", "--resolve-every", "0"])
                .chain(["--min-fee-rate", "0"]),
        )
    }

    /// A payment by the rich one to somebody.
    pub(crate) fn payment(&self, nonce: u64, amount: u64, fee: u64) -> String {
        let transfer = Transfer {
            amount,
            chain: self.rules.chain_id(),
            data: None,
            fee,
            nonce,
            recipient: address_of(&SigningKey::from([7; 32])),
            sender: address_of(&rich()),
        };
        let signature = rich().sign(&transfer.to_signed_bytes()).to_bytes();
        String::from_utf8(transfer.with_signature(&signature)).unwrap()
    }

    /// A chain of which each further block is made then, and holds this.
    fn chain(&self, blocks: impl IntoIterator<Item = (u64, Vec<String>)>) -> Vec<String> {
        let mut made: Vec<Block> = vec![self.rules.genesis(Duration::ZERO)];
        for (time_ms, transactions) in blocks {
            let read = |text: String| self.rules.read_own_payment(text.as_bytes()).unwrap();
            let payments = transactions.into_iter().map(read);
            let content = TemplateContent {
                now: Duration::from_millis(time_ms),
                transactions: payments.map(Submitted::Payment).collect(),
                reward_to: address_of(&SigningKey::from([9; 32])).to_string(),
            };
            let context = Context {
                parent: made.last().unwrap().header(),
                grandparent: made.iter().rev().nth(1).map(|block| block.header()),
                now: content.now,
            };
            made.push(self.rules.complete(context, &content, 0));
        }
        let texts = made.iter().map(|block| block.text().to_vec());
        texts.map(|text| String::from_utf8(text).unwrap()).collect()
    }

    /// A chain of this many blocks, of which the one in `place` holds this.
    pub(crate) fn chain_with(
        &self,
        length: u64,
        place: u64,
        transactions: Vec<String>,
    ) -> Vec<String> {
        let start_ms = now_ms() - 1_800_000;
        self.chain((2..=length).map(|index| {
            let has_them = index == place;
            let transactions = transactions.iter().filter(|_| has_them);
            (start_ms + index, transactions.cloned().collect())
        }))
    }
}

/// What a node says of a peer, once it has looked at it.
pub(crate) fn outcome(node: &Server, peer: &str) -> Value {
    node.register([peer]);
    let told = node.get("/nodes/resolve").expect_status(200).json();
    told["peers"][0].clone()
}

#[test]
fn a_chain_that_cannot_be_paid_for_has_failed_and_is_said_to() {
    let world = World::new();
    let twice = vec![world.payment(0, 600, 0), world.payment(1, 600, 0)];
    let chain = world.chain_with(1_000, 300, twice);
    let peer = Peer::serving(chain_body(&chain));
    let node = world.node();
    // A chain of their own that outweighs what is right of the other.
    let ours = world.chain_with(500, 0, vec![]);
    let own = Peer::serving(chain_body(&ours));
    assert_eq!(outcome(&node, &own.address)["outcome"], "adopted");
    let body = json!({ "nodes": [format!("http://{}", peer.address)] });
    node.post("/nodes/register", &body.to_string())
        .expect_status(201);
    for _ in 0..2 {
        let told = node.get("/nodes/resolve").expect_status(200).json();
        let mut all = told["peers"].as_array().unwrap().iter();
        let said = all.find(|said| said["node"] == *peer.address);
        let said = said.unwrap();
        assert_eq!(said["outcome"], "failed", "{said}");
        let error = said["error"].as_str().unwrap();
        assert!(error.contains("the block in place 300"), "{error}");
        assert!(error.ends_with("has 400 base units"), "{error}");
    }
    assert_eq!(node.status()["length"], 500);
    let refusals = node.process.stderr().matches("block refused").count();
    assert_eq!(
        refusals, 1,
        "it is said once a minute, and what stands on a refused block is not even tried"
    );
}

#[test]
fn of_a_chain_that_is_wrong_far_on_the_part_that_is_right_counts() {
    let world = World::new();
    let twice = vec![world.payment(0, 600, 0), world.payment(1, 600, 0)];
    let peer = Peer::serving(chain_body(&world.chain_with(50, 40, twice)));
    let node = world.node();
    let said = outcome(&node, &peer.address);
    assert_eq!(
        (&said["outcome"], &said["length"]),
        (&json!("adopted"), &json!(39))
    );
    assert_eq!(node.status()["length"], 39);
}

/// With another signature that is none.
pub(crate) fn forged(payment: &str) -> String {
    let (start, end) = payment.split_at(payment.len() - 4);
    let digit = if end.starts_with('0') { "1" } else { "0" };
    format!("{start}{digit}{}", &end[1..])
}

#[test]
fn signatures_are_looked_at_when_a_chain_weighs_more_and_all_of_them_then() {
    let world = World::new();
    let node = world.node();
    let right = Peer::serving(chain_body(&world.chain_with(30, 0, vec![])));
    assert_eq!(outcome(&node, &right.address)["outcome"], "adopted");
    let wrong = || vec![forged(&world.payment(0, 1, 1))];
    let said = |chain: Vec<String>| {
        let peer = Peer::serving(chain_body(&chain));
        node.register([&*peer.address]);
        let told = node.get("/nodes/resolve").expect_status(200).json();
        let mut all = told["peers"].as_array().unwrap().iter();
        let said = all.find(|said| said["node"] == *peer.address);
        said.unwrap().clone()
    };
    for length in [20, 30] {
        let said = said(world.chain_with(length, 5, wrong()));
        assert_eq!(said["outcome"], "not longer", "{said}");
    }
    for place in [5, 31, 60] {
        let said = said(world.chain_with(60, place, wrong()));
        assert_eq!(said["outcome"], "failed", "{said}");
        let error = said["error"].as_str().unwrap();
        assert!(error.contains(&format!("place {place} ")), "{error}");
        assert!(error.contains("signature"), "{error}");
    }
    assert_eq!(node.status()["length"], 30);
}

/// The rewarded account has nearly all that can be counted: no block of the
/// node's own can be taken any longer, and any number is a proof.
#[test]
fn a_node_whose_own_blocks_are_refused_neither_spins_nor_fills_the_log() {
    let world = World::with_reward((1 << 53) - 1);
    let peer = Peer::serving(chain_body(&world.chain_with(2_049, 0, vec![])));
    let reward_to = address_of(&SigningKey::from([9; 32])).to_string();
    let file = world.file();
    let options = ["--chain", &file, "--reward-to", &reward_to, "--in-memory"];
    let node = Server::adit(options.into_iter().chain(["--mine=1"]));
    outcome(&node, &peer.address);
    let answer = until("a request for a block is answered with the reason", || {
        let answer = node.get("/mine");
        (answer.status == 503).then(|| answer.text())
    });
    assert!(answer.contains("above 2^64-1"), "{answer}");
    let said = node.process.stderr();
    assert_eq!(said.matches("block refused").count(), 1, "{said}");
    let length = node.status()["length"].as_u64().unwrap();
    assert!(length >= 2_049, "{length}");
}

#[test]
fn a_wrong_signature_in_the_middle_is_found() {
    let world = World::new();
    let chain = world.chain_with(1_000, 500, vec![forged(&world.payment(0, 1, 1))]);
    let peer = Peer::serving(chain_body(&chain));
    let node = world.node();
    let said = outcome(&node, &peer.address);
    assert_eq!(said["outcome"], "failed", "{said}");
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("place 500"), "{error}");
    assert!(error.contains("signature"), "{error}");
    assert_eq!(node.status()["length"], 1);
}

#[test]
fn a_signature_that_has_changed_in_the_log_is_found_by_reindex() {
    let world = World::new();
    let folder = world.folder.path().join("data");
    let start_ms = now_ms() - 1_800_000;
    let with = |payment: String| world.chain([(start_ms, vec![]), (start_ms + 1, vec![payment])]);
    let payment = world.payment(0, 5, 0);
    let (chain, other) = (with(payment.clone()), with(forged(&payment)));
    let file = world.folder.path().join("chain.jsonl");
    fs::write(&file, format!("{}\n", chain.join("\n"))).unwrap();
    let on = |command: &[&str]| {
        let mut command = adit([&["chain"], command].concat());
        run(command.arg("--data-dir").arg(&folder))
    };
    let path = file.to_str().unwrap();
    on(&["import", "--chain", &world.file(), path]).expect_code(0);
    on(&["reindex"]).expect_code(0);

    // All but the signature fits: the root, the hash, the proof.
    let log = folder.join("blocks/000001.jsonl");
    let kept = fs::read_to_string(&log).unwrap();
    assert!(kept.contains(&chain[2]));
    fs::write(&log, kept.replace(&chain[2], &other[2])).unwrap();
    let place = format!("at byte {}", chain[0].len() + chain[1].len() + 2);
    on(&["reindex"])
        .expect_code(1)
        .expect_error(["signature", &place]);
}

#[test]
fn the_import_of_a_chain_that_cannot_be_paid_for_fails() {
    let world = World::new();
    let twice = vec![world.payment(0, 600, 0), world.payment(1, 600, 0)];
    let chain = world.chain_with(20, 10, twice).join("\n");
    let (file, data) = (
        world.folder.path().join("chain.jsonl"),
        world.folder.path().join("data"),
    );
    fs::write(&file, chain).unwrap();
    let mut import = adit(["chain", "import", "--chain", &world.file()]);
    let ended = run(import.arg(&file).arg("--data-dir").arg(&data));
    ended.expect_code(1).expect_error(["place 10", "has 400"]);
    let verified = run(adit(["chain", "verify"]).arg("--data-dir").arg(&data));
    let verified = verified.expect_code(0);
    assert!(verified.stdout.contains("9 blocks"), "{}", verified.stdout);
}

/// A peer that never changes, and says so with an ETag.
fn unchanging_peer(body: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let knows_it = head.iter().any(|line| line.contains("\"always\""));
            let answer = match knows_it {
                true => "HTTP/1.1 304 Not Modified\r\n\r\n".to_string(),
                false => format!(
                    "HTTP/1.1 200 OK\r\nETag: \"always\"\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                ),
            };
            // The node may have heard enough before the end.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_block_that_came_too_early_is_taken_when_its_time_has_come() {
    let world = World::new();
    let ahead_ms = now_ms() + FUTURE_LIMIT_MS + 3_000;
    let chain = world.chain([(ahead_ms, vec![]), (ahead_ms + 1, vec![])]);
    let node = world.node();
    let peer = unchanging_peer(chain_body(&chain));
    let said = outcome(&node, &peer);
    assert_eq!(said["outcome"], "not longer", "{said}");
    until("the blocks' time has come", || {
        node.get("/nodes/resolve").expect_status(200);
        (node.status()["length"] == 3).then_some(())
    });
}

#[test]
fn a_payment_that_took_the_place_of_another_outlives_the_process() {
    let world = World::new();
    let data = world.folder.path().join("data");
    let start = || {
        let mut node = adit(["node", "-p", "0", "--chain", &world.file()]);
        let node = node.args(["--min-fee-rate", "0", "--data-dir"]);
        Server::start(node.arg(&data))
    };
    let node = start();
    let submit = |payment: &str| -> Value {
        let answer = node.post("/api/v1/tx", payment).expect_status(201);
        answer.json()["id"].clone()
    };
    submit(&world.payment(0, 900, 10));
    let cheaper = submit(&world.payment(0, 100, 20));
    let next = submit(&world.payment(1, 800, 10));
    let path = format!("/api/v1/address/{}", address_of(&rich()));
    let waiting = |node: &Server| node.get(&path).expect_status(200).json()["pending"].clone();
    assert_eq!(waiting(&node), json!([cheaper, next]));
    node.process.kill();
    assert_eq!(waiting(&start()), json!([cheaper, next]));
}

#[test]
fn every_path_says_which_methods_it_takes() {
    let node = World::new().node();
    for (path, method, allowed) in [
        ("/api/v1/tx", "GET", "POST"),
        ("/api/v1/tx", "PUT", "POST"),
        ("/api/v1/tx/12", "POST", "GET, HEAD"),
        ("/api/v1/tx/12/merkle-proof", "DELETE", "GET, HEAD"),
        ("/api/v1/address/adit1", "POST", "GET, HEAD"),
        ("/api/v1/dev/reset", "GET", "POST"),
        ("/api/v1/dev/reset", "OPTIONS", "POST"),
    ] {
        let answer = crate::support::ask(&node.address, &format!("{method} {path}"), "");
        let answer = answer.unwrap().expect_status(405);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    let nothing = node.get("/api/v1/nothing").expect_status(404).json();
    assert_eq!(nothing["type"], "/problems/not-found");
    for path in [
        "/api/v1/tx/%ff",
        "/api/v1/tx/%ff/merkle-proof",
        "/api/v1/address/%ff",
    ] {
        let problem = node.get(path).expect_status(400).json();
        assert_eq!(problem["type"], "/problems/malformed");
    }
}

#[test]
fn a_genesis_block_that_was_lost_is_restored_from_the_chain_file() {
    let world = World::new();
    let data = world.folder.path().join("data");
    let start = |options: &[&str]| {
        let mut node = adit(["node", "-p", "0", "--data-dir"]);
        node.arg(&data).args(options);
        node
    };
    drop(Server::start(&mut start(&["--chain", &world.file()])));
    let other = World::new();
    for spoil in ["", "{", &fs::read_to_string(other.file()).unwrap()] {
        let kept = data.join("genesis.json");
        match spoil {
            "" => fs::remove_file(kept).unwrap(),
            spoil => fs::write(kept, spoil).unwrap(),
        }
        let told = run(&mut start(&["--rules", "sealed"])).expect_code(1);
        told.expect_error(["genesis.json", "--chain FILE"]);
        drop(Server::start(&mut start(&["--chain", &world.file()])));
        drop(Server::start(&mut start(&["--rules", "sealed"])));
    }
    let told = run(&mut start(&["--chain", &other.file()])).expect_code(1);
    told.expect_error(["start with --rules sealed"]);
}

/// What `adit doctor` finds at a peer with this chain.
fn examined(world: &World, chain: &[String], code: i32) -> Value {
    let peer = Peer::serving(chain_body(chain));
    let mut command = adit(["doctor", "--json", "--chain", &world.file(), &peer.address]);
    run(&mut command).expect_code(code).json()["audit"].clone()
}

#[test]
fn the_doctor_sees_what_only_the_content_of_a_sealed_chain_shows() {
    let world = World::new();
    let good = world.chain_with(20, 5, vec![world.payment(0, 600, 1)]);
    let audit = examined(&world, &good, 0);
    assert_eq!(
        (&audit["verdict"], &audit["length"]),
        (&json!("valid"), &json!(20))
    );
    assert_eq!(audit["rules"], "sealed");

    let twice = vec![world.payment(0, 600, 0), world.payment(1, 600, 0)];
    let audit = examined(&world, &world.chain_with(20, 5, twice), 1);
    assert_eq!(
        (&audit["verdict"], &audit["length"]),
        (&json!("refused"), &json!(4))
    );
    assert_eq!(audit["block"]["index"], 5);
    let problem = audit["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("the block in place 5 is not valid: "),
        "{problem}"
    );
    assert!(problem.ends_with("has 400 base units"), "{problem}");

    let payment = world.payment(0, 1, 1);
    let digit = if payment.ends_with("0\"}") {
        "1\"}"
    } else {
        "0\"}"
    };
    let wrong = format!("{}{digit}", &payment[..payment.len() - digit.len()]);
    let audit = examined(&world, &world.chain_with(20, 7, vec![wrong]), 1);
    assert_eq!(audit["rule"], "signature", "{audit:#}");
    assert_eq!(audit["block"]["index"], 7);
}

#[test]
fn the_doctor_asks_for_the_chain_file_of_a_sealed_node() {
    let node = World::new().node();
    let asked = run(&mut adit(["doctor", &node.address]));
    asked.expect_code(1).expect_error(["--chain FILE"]);
}

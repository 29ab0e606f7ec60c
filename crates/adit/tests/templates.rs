//! Mining from outside the node: what a template says, that what is made of it is taken,
//! how a block is answered that comes too late or is wrong, and `adit miner`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::puzzle::Puzzle;
use adit_core::sealed::{ChainId, Transfer};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::interop::Python;
use crate::support::{Process, Server, adit, free_port, run, until};

fn key(name: &str) -> SigningKey {
    SigningKey::from(sha256(name.as_bytes()).0)
}

fn address(name: &str) -> Address {
    Address(VerificationKeyBytes::from(&key(name)).into())
}

/// A chain on which `rich` has a thousand coins, and a proof takes some 4,096 guesses.
struct Chain {
    folder: TempDir,
    file: PathBuf,
    id: String,
}

impl Chain {
    fn new() -> Chain {
        let folder = tempdir().unwrap();
        let allocation = format!("{}=1000", address("rich"));
        let made = run(adit(["chain", "new", "--name", "test", "--json"])
            .args(["--block-interval", "1s", "--difficulty", "4096"])
            .args(["--alloc", &allocation])
            .current_dir(folder.path()));
        let made = made.expect_code(0).json();
        Chain {
            file: folder.path().join(made["file"].as_str().unwrap()),
            id: made["chain"].as_str().unwrap().to_string(),
            folder,
        }
    }

    fn node<'a>(&'a self, options: impl IntoIterator<Item = &'a str>) -> Server {
        let joined = ["--chain", self.file.to_str().unwrap()];
        Server::adit(joined.into_iter().chain(options))
    }

    fn in_memory(&self) -> Server {
        self.node(["--in-memory"])
    }

    /// Pays a coin to `name`.
    fn pay(&self, node: &Server, nonce: u64, name: &str) -> String {
        let transfer = Transfer {
            amount: 1_000_000,
            chain: ChainId::from_hex(self.id.as_bytes()).unwrap(),
            data: None,
            fee: 1_000,
            nonce,
            recipient: address(name),
            sender: address("rich"),
        };
        let signature = key("rich").sign(&transfer.to_signed_bytes()).to_bytes();
        let text = String::from_utf8(transfer.with_signature(&signature)).unwrap();
        let answer = node.post("/api/v1/tx", &text).expect_status(201).json();
        answer["id"].as_str().unwrap().to_owned()
    }
}

fn balance(node: &Server, name: &str) -> u64 {
    let path = format!("/api/v1/address/{}", address(name));
    node.get(&path).json()["balance"].as_u64().unwrap()
}

fn template(node: &Server, reward_to: &str) -> Value {
    let path = format!("/api/v1/template?reward_to={reward_to}");
    node.get(&path).expect_status(200).json()
}

/// The block that a template becomes, found by trying.
fn found(template: &Value) -> String {
    let text = |name: &str| template[name].as_str().unwrap().to_owned();
    let puzzle = Puzzle {
        prefix: text("prefix").into_bytes(),
        suffix: text("suffix").into_bytes(),
        target: text("target").parse::<adit_core::hash::Hash>().unwrap().0,
    };
    let proof = (0..u64::MAX).find(|proof| puzzle.is_solved_by(*proof));
    format!(
        "{}{}{}",
        text("before_proof"),
        proof.unwrap(),
        text("behind_proof")
    )
}

/// Has Python mine a block of the node's template; returns what the node answered.
fn mined_by_hand(python: &Python, node: &Server, reward_to: &str) -> Value {
    let url = format!("http://{}", node.address);
    let mut command = python.command("mine_template.py");
    run(command.args([&url, reward_to])).expect_code(0).json()
}

#[test]
fn a_miner_in_another_language_needs_nothing_but_the_template() {
    let Some(python) = Python::find() else { return };
    let chain = Chain::new();
    let node = chain.in_memory();
    let id = chain.pay(&node, 0, "bob");
    let answer = mined_by_hand(&python, &node, &address("ann").to_string());
    assert_eq!(answer["outcome"], "extended");
    assert_eq!(answer["index"], 2);
    assert_eq!(balance(&node, "bob"), 1_000_000);
    // The reward and the fee.
    assert_eq!(balance(&node, "ann"), 1_000_000 + 1_000);
    let paid = node.get(&format!("/api/v1/tx/{id}")).json();
    assert_eq!(paid["status"], "confirmed");
}

#[test]
fn the_classics_have_templates_too() {
    let Some(python) = Python::find() else { return };
    for rules in ["classic", "classic-2018"] {
        let node = Server::adit(["--rules", rules, "--in-memory"]);
        node.pay("alice", "bob");
        for index in [2, 3] {
            let answer = mined_by_hand(&python, &node, "a miner \u{2603}\"");
            assert_eq!(answer["outcome"], "extended", "{rules}");
            assert_eq!(answer["index"], index);
        }
        let block = &node.chain()[1];
        assert_eq!(block["transactions"][0]["recipient"], "bob");
        assert_eq!(block["transactions"][1]["recipient"], "a miner \u{2603}\"");
    }
}

#[test]
fn a_block_is_answered_by_what_becomes_of_it() {
    let chain = Chain::new();
    let node = chain.in_memory();
    let [ann, bob] = ["ann", "bob"].map(|name| template(&node, &address(name).to_string()));
    assert_ne!(ann["prefix"], bob["prefix"], "each has a search of its own");
    let submit = |block: &str| node.post("/api/v1/blocks", block);
    let block = found(&ann);
    assert_eq!(
        submit(&block).expect_status(200).json()["outcome"],
        "extended"
    );
    assert_eq!(submit(&block).expect_status(200).json()["outcome"], "known");
    // As much work went into it: it stands beside the main chain.
    assert_eq!(
        submit(&found(&bob)).expect_status(200).json()["outcome"],
        "side"
    );

    let next = template(&node, &address("ann").to_string());
    assert_eq!(
        next["index"], 3,
        "the tip is another, and so is the template"
    );
    assert_eq!(next["previous_hash"], node.status()["tip"]);
    let other_reward = found(&next).replace("\"amount\": 1000000", "\"amount\": 1000001");
    let problem = submit(&other_reward).expect_status(400).json();
    assert_eq!(problem["rule"], "merkle-root", "{problem}");
    assert_eq!(problem["found"], next["merkle_root"]);
    assert_eq!(problem["expected"].as_str().unwrap().len(), 64);
    let mut unproved: Value = serde_json::from_str(&found(&next)).unwrap();
    unproved["proof"] = json!(0);
    let problem = submit(&unproved.to_string()).expect_status(400).json();
    assert_eq!(problem["rule"], "proof", "{problem}");
    let target = next["target"].as_str().unwrap();
    assert_eq!(problem["expected"], format!("at most {target}"));

    let classic = Server::adit(["--in-memory"]);
    let late = found(&template(&classic, "ann"));
    classic.mine();
    let problem = classic
        .post("/api/v1/blocks", &late)
        .expect_status(400)
        .json();
    assert_eq!(problem["rule"], "not-heavier", "{problem}");
}

#[test]
fn a_template_is_for_somebody_who_can_be_rewarded() {
    let chain = Chain::new();
    let node = chain.in_memory();
    for path in ["?reward_to=bob", "?reward_to=", "", "?reward_to=adit1x"] {
        let answer = node.get(&format!("/api/v1/template{path}"));
        assert_eq!(answer.expect_status(400).json()["status"], 400, "{path}");
    }
    let classic = Server::adit(["--in-memory"]);
    let long = "a".repeat(128);
    template(&classic, &long);
    let too_long = classic.get(&format!("/api/v1/template?reward_to={long}a"));
    too_long.expect_status(400);
}

#[test]
fn so_many_miners_get_so_many_templates() {
    let chain = Chain::new();
    let node = chain.in_memory();
    let names: Vec<String> = (0..300)
        .map(|number| address(&number.to_string()).to_string())
        .collect();
    let mut prefixes: Vec<String> = names
        .iter()
        .map(|name| {
            let template = template(&node, name);
            let rewarded = template["transactions"][0]["recipient"].as_str();
            assert_eq!(rewarded, Some(&**name));
            template["prefix"].as_str().unwrap().to_owned()
        })
        .collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    assert_eq!(prefixes.len(), names.len());
}

fn miner(node: &str, more: &[&str]) -> Command {
    let url = format!("http://{node}");
    let mut command = adit(["miner", "--node", &url, "--threads", "1"]);
    command.args(more).stdin(Stdio::null());
    command
}

#[test]
fn a_miner_elsewhere_makes_the_blocks_of_two_nodes() {
    let chain = Chain::new();
    let first = chain.in_memory();
    let peer = format!("http://{}", first.address);
    let second = chain.node(["--in-memory", "--peer", &peer, "--resolve-every", "200ms"]);
    let paid = chain.pay(&first, 0, "bob");
    let ann = address("ann").to_string();
    let miner = Process::start(&mut miner(
        &first.address,
        &["--reward-to", &ann, "--every", "50ms"],
    ));
    let path = format!("/api/v1/tx/{paid}");
    until("the payment is in the other node's chain", || {
        let answer = second.get(&path);
        (answer.status == 200 && answer.json()["confirmations"].as_u64()? >= 2).then_some(())
    });
    assert!(balance(&second, "ann") >= 2_001_000);
    // It goes on where somebody else's block is the tip.
    let other = template(&first, &address("bob").to_string());
    let length = first.status()["length"].as_u64().unwrap();
    let answer = first.post("/api/v1/blocks", &found(&other));
    assert!([200, 400].contains(&answer.status), "{}", answer.text());
    until("it is longer", || {
        (first.status()["length"].as_u64()? > length + 2).then_some(())
    });
    miner.signal(Signal::TERM);
    let ended = miner.ended().expect_code(0);
    assert!(ended.stdout.contains("it is the tip"), "{ended:?}");
    assert!(ended.stderr.contains("found; stopped"), "{ended:?}");
}

#[test]
fn a_miner_finds_its_node_again_and_ends_after_its_blocks() {
    let chain = Chain::new();
    let port = free_port().to_string();
    let data = chain.folder.path().join("data");
    let start = || {
        let chain = ["--chain", chain.file.to_str().unwrap()];
        let place = ["-p", &port, "--data-dir", data.to_str().unwrap()];
        Server::start(adit(["node"]).args(chain).args(place))
    };
    let node = start();
    let ann = address("ann").to_string();
    let options = ["--reward-to", &ann, "--every", "100ms", "--json"];
    let miner = Process::start(&mut miner(&node.address, &options));
    until("there is a block", || {
        miner.stdout().contains("extended").then_some(())
    });
    node.process.kill();
    until("the node is missed", || {
        miner.stderr().contains("trying again").then_some(())
    });
    let before = miner.stdout().lines().count();
    let node = start();
    until("there is another", || {
        (miner.stdout().lines().count() > before).then_some(())
    });
    drop(miner);

    let options = ["--reward-to", &ann, "--blocks", "2", "--json"];
    let ended = run(&mut self::miner(&node.address, &options)).expect_code(0);
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let taken = lines
        .iter()
        .filter(|line| line["outcome"] == "extended")
        .count();
    assert_eq!(taken, 2, "{ended:?}");
}

#[test]
fn a_miner_is_rewarded_by_the_name_of_a_wallet_and_says_what_is_wrong() {
    let chain = Chain::new();
    let node = chain.in_memory();
    let wallets = chain.folder.path().join("wallets");
    fs::create_dir(&wallets).unwrap();
    let wallets = wallets.to_str().unwrap();
    let made = run(adit([
        "wallet",
        "new",
        "--name",
        "ann",
        "--wallet-dir",
        wallets,
        "--json",
    ])
    .env("ADIT_PASSWORD", "correct horse battery"));
    let made = made.expect_code(0).json();
    let options = ["--wallet-dir", wallets, "--reward-to"];
    let ended = run(miner(&node.address, &options).args(["ann", "--blocks", "1"]));
    ended.expect_code(0);
    let path = format!("/api/v1/address/{}", made["address"].as_str().unwrap());
    assert_eq!(node.get(&path).json()["balance"], 1_000_000);
    let nobody = run(miner(&node.address, &options).arg("nobody"));
    nobody.expect_code(1).expect_error(["nobody"]);
}

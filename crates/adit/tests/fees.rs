//! What a node of a sealed chain asks of transactions before they wait: a fee
//! for their length, and that a block has room for them. Spam costs something,
//! wallets offer what is asked for, and nothing starves the others.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Params, Transfer};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::fake_node::FakeNode;
use crate::sending::{Network, development_chain};
use crate::support::{Server, adit, run};

/// This many strangers send something for nothing.
const SPAM_COUNT: usize = 1_500;

fn key(name: &str) -> SigningKey {
    SigningKey::from(sha256(name.as_bytes()).0)
}

fn address_of(key: &SigningKey) -> Address {
    Address(VerificationKeyBytes::from(key).into())
}

/// A chain on which any number is a proof and `rich` has coins.
struct Chain {
    rules: Sealed,
    folder: TempDir,
}

impl Chain {
    fn new(max_block_bytes: u64) -> Chain {
        let params = Params {
            block_interval_ms: 1,
            initial_target: U256::MAX,
            pow_limit: U256::MAX,
            max_block_bytes,
            max_data_bytes: 8_192,
            allocations: [(address_of(&key("rich")), 1_000_000_000)].into(),
            ..Params::defaults("fees")
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let rules = Sealed::with_params(params, now - Duration::from_secs(3_600)).unwrap();
        let folder = tempdir().unwrap();
        fs::write(
            folder.path().join("chain.json"),
            rules.genesis_text().unwrap(),
        )
        .unwrap();
        Chain { rules, folder }
    }

    fn node(&self, options: &[&str]) -> Server {
        let file = self.folder.path().join("chain.json");
        let miner = address_of(&key("miner")).to_string();
        let node = ["node", "-p", "0", "--in-memory", "--reward-to", &miner];
        Server::start(adit(node).arg("--chain").arg(file).args(options))
    }

    fn sign(&self, from: &str, nonce: u64, fee: u64, data: &str) -> String {
        let sender = key(from);
        let transfer = Transfer {
            amount: 0,
            chain: self.rules.chain_id(),
            data: (!data.is_empty()).then(|| data.to_owned()),
            fee,
            nonce,
            recipient: address_of(&key(&format!("friend of {from}"))),
            sender: address_of(&sender),
        };
        let signature = sender.sign(&transfer.to_signed_bytes()).to_bytes();
        String::from_utf8(transfer.with_signature(&signature)).unwrap()
    }
}

/// The rule that refuses it; `None` if it was taken.
fn refused(node: &Server, transaction: &str) -> Option<String> {
    let answer = node.post("/api/v1/tx", transaction);
    match answer.status {
        201 => None,
        _ => Some(
            answer.expect_status(400).json()["rule"]
                .as_str()?
                .to_owned(),
        ),
    }
}

#[test]
fn nobody_spams_a_sealed_chain_for_nothing() {
    let chain = Chain::new(1 << 20);
    let data = "x".repeat(1_024);
    let node = chain.node(&[]);
    let spam = |number: usize| chain.sign(&format!("nobody {number}"), 0, 0, &data);
    for number in 0..SPAM_COUNT {
        assert_eq!(refused(&node, &spam(number)).as_deref(), Some("min-fee"));
    }
    let offering = chain.sign("nobody", 0, 5_000, &data);
    assert_eq!(refused(&node, &offering).as_deref(), Some("balance"));
    assert_eq!(node.status()["pending"], 0);
    let told = node
        .post("/transactions/new", &spam(0))
        .expect_status(400)
        .text();
    assert!(
        told.contains("this node takes nothing below 1000"),
        "{told}"
    );

    let paid = chain.sign("rich", 0, 2_000, &data);
    assert_eq!(refused(&node, &paid), None);
    assert_eq!(node.mine()["transactions"].as_array().unwrap().len(), 2);

    // Anyone who wants it can have it as it was.
    let free = chain.node(&["--min-fee-rate", "0"]);
    assert_eq!(refused(&free, &spam(0)), None);
}

#[test]
fn the_lowest_fee_is_told() {
    let chain = Chain::new(1 << 20);
    let said = |node: &Server| {
        let status = run(&mut adit(["status", "--node", &node.address]));
        let lines = status.expect_code(0).stdout;
        let fees = lines.lines().find(|line| line.starts_with("fees"));
        fees.map(str::to_owned)
    };
    for (options, rate, words) in [
        (
            &[][..],
            1_000,
            "fees     0.001 coins or more for 1000 bytes",
        ),
        (
            &["--min-fee-rate", "0.25"],
            250_000,
            "fees     0.25 coins or more for 1000 bytes",
        ),
    ] {
        let node = chain.node(options);
        assert_eq!(node.status()["min_fee_rate"], rate);
        assert_eq!(said(&node).as_deref(), Some(words));
    }
    assert_eq!(development_chain().status()["min_fee_rate"], 0);
    let classic = Server::adit(["--in-memory"]);
    assert_eq!(classic.status()["min_fee_rate"], Value::Null);
    assert_eq!(said(&classic), None);
    let page = chain.node(&[]).get("/").expect_status(200).text();
    assert!(
        page.contains("nothing below 0.001 coins for 1,000 bytes"),
        "{page}"
    );
    run(&mut adit(["--min-fee-rate", "free"]))
        .expect_code(2)
        .expect_error(["--min-fee-rate"]);
}

#[test]
fn wallets_offer_what_the_node_asks_for() {
    let network = Network::start(&["--min-fee-rate", "0.02", "--mine=1"]);
    let (node, wallets) = (&network.node, &network.wallets);
    let friend = wallets.make("friend");
    let note = "x".repeat(1_000);
    let send = ["send", &friend, "1", "--data", &note, "--wait"];
    let sent = wallets.ask(node, &send).expect_code(0).json();
    // About 1,400 bytes with the longest nonce, at twenty base units each.
    let fee = sent["fee"].as_u64().unwrap();
    assert!((27_000..28_500).contains(&fee), "{fee}");

    let file = network.genesis();
    let notarized = wallets.ask(node, &["notarize", &file]).expect_code(0);
    let id = notarized.json()["id"].as_str().unwrap().to_owned();
    let found = node.get(&format!("/api/v1/tx/{id}")).json();
    let fee = found["transaction"]["fee"].as_u64().unwrap();
    assert!((9_000..12_000).contains(&fee), "{fee}");

    let little = ["send", &friend, "1", "--fee", "0.001"];
    let refused = wallets.ask(node, &little).expect_code(1);
    refused.expect_error([
        "expected",
        "found 0.001 coins",
        "takes nothing below 0.02 coins for 1000 bytes",
        "without --fee",
    ]);
}

#[test]
fn what_is_signed_apart_offers_what_nodes_usually_ask_for() {
    let network = Network::start(&[]);
    let (node, wallets) = (&network.node, &network.wallets);
    let friend = wallets.make("friend");
    let (genesis, note) = (network.genesis(), "x".repeat(1_000));
    let folder = tempdir().unwrap();
    let file = folder.path().join("signed.json");
    let file = file.to_str().unwrap();
    for (nonce, more, fees) in [
        ("0", &["--data", &*note][..], 1_350..1_420),
        ("1", &[], 1_000..1_001),
    ] {
        let sign = ["sign", "--genesis", &genesis, "--nonce", nonce];
        let pay = ["--to", &friend, "--amount", "1", "-o", file];
        wallets
            .run(&[&sign[..], &pay, more].concat())
            .expect_code(0);
        let sent = wallets.ask(node, &["broadcast", file]).expect_code(0);
        let fee = sent.json()["fee"].as_u64().unwrap();
        assert!(fees.contains(&fee), "{fee}");
    }
}

/// A node that lies, or is expensive, does not get what nobody agreed to.
#[test]
fn no_price_is_paid_that_only_a_node_has_named() {
    let network = Network::start(&[]);
    let mut status = network.node.status();
    status["min_fee_rate"] = json!(u64::MAX);
    let liar = FakeNode::answering(&[
        ("GET /status", status),
        (
            "GET /address/x",
            json!({ "address": "x", "balance": 0, "nonce": 0, "next_nonce": 0, "pending": [] }),
        ),
    ]);
    let wallets = &network.wallets;
    let friend = wallets.make("friend");
    let send = [
        "send",
        &friend,
        "1",
        "--nonce",
        "0",
        "--node",
        &liar.address,
    ];
    let refused = wallets.run(&send).expect_code(1);
    refused.expect_error(["more than 0.1 coins is not offered", "--fee"]);
    let asked = liar.asked();
    assert!(
        asked.iter().all(|one| !one.starts_with("POST")),
        "{asked:?}"
    );
}

#[test]
fn one_that_no_block_has_room_for_does_not_starve_the_others() {
    let chain = Chain::new(4_096);
    let node = chain.node(&[]);
    let empty = chain.sign("rich", 0, 900_000, "x").len() - 1;
    let long = chain.sign("rich", 0, 900_000, &"x".repeat(3_704 - empty));
    assert_eq!(long.len(), 3_704);
    assert_eq!(refused(&node, &long).as_deref(), Some("size"));
    // As long as possible, and expensive; then a cheaper one.
    let room = chain.rules.room_bytes() - ", ".len();
    let longest = chain.sign("rich", 0, 900_000, &"x".repeat(room - empty));
    assert_eq!(refused(&node, &longest), None);
    let ordinary = chain.sign("rich", 1, 1_000, "");
    assert_eq!(refused(&node, &ordinary), None);
    for expected in [longest, ordinary] {
        let block = node.mine();
        let found = &block["transactions"].as_array().unwrap()[1..];
        let expected: Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(found, [expected]);
    }
}

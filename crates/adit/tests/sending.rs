//! `adit send`, `balance` and `broadcast`: coins move on a real node, and what
//! does not work says why.

use std::path::Path;

use adit_core::hash::sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ended, Server, adit, run, run_with_input};
use crate::wallet::Wallets;

const COIN: u64 = 1_000_000;

/// What `adit send` pays for a transaction unless told otherwise.
const FEE: u64 = 1_000;

#[test]
fn coins_move_and_the_balance_tells() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let sent = wallets.ask(&node, &["send", &friend, "1.5"]).expect_code(0);
    let sent = sent.json();
    assert_eq!(sent["amount"], 1_500_000);
    assert_eq!(sent["fee"], FEE);
    assert_eq!(sent["nonce"], 0);
    // It is in a block by then, and that is said.
    assert_eq!(sent["status"], "confirmed");
    assert_eq!(sent["block_index"], 2);

    let send = [
        "send", &friend, "0.000001", "--fee", "2", "--yes", "--data", "hi", "--wait",
    ];
    let confirmed = wallets.ask(&node, &send).expect_code(0).json();
    assert_eq!(confirmed["nonce"], 1);
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(confirmed["block_index"], 3);
    let chain = node.chain();
    let transaction = &chain[2]["transactions"][1];
    assert_eq!(transaction["data"], "hi");
    assert_eq!(transaction["fee"], 2 * COIN);

    let balance = wallets.ask(&node, &["balance", &friend]).expect_code(0);
    let expected = json!({
        "address": friend,
        "balance": 1_500_001,
        "nonce": 0,
        "next_nonce": 0,
        "pending": [],
    });
    assert_eq!(balance.json(), expected);
    let own = wallets.command(&["balance", "--node", &node.address]);
    let words = run(&mut { own }).expect_code(0).stdout;
    // It is the one that finds the blocks too, at a coin each; fees come back.
    for text in [
        "balance  10000.499999 coins",
        "sent     2 transactions",
        "dev",
    ] {
        assert!(words.contains(text), "no {text:?} in {words}");
    }
}

#[test]
fn transactions_that_wait_are_counted() {
    let network = Network::start(&[]);
    let (node, wallets) = (&network.node, &network.wallets);
    let friend = wallets.make("friend");
    let ids: Vec<Value> = (0..3)
        .map(|nonce| {
            let sent = wallets.ask(node, &["send", &friend, "1"]).expect_code(0);
            assert_eq!(sent.json()["nonce"], nonce);
            sent.json()["id"].clone()
        })
        .collect();
    let waiting = wallets.ask(node, &["balance"]).expect_code(0).json();
    assert_eq!(waiting["pending"], json!(ids));
    assert_eq!(waiting["balance"], 100 * COIN);
    assert_eq!(
        (&waiting["nonce"], &waiting["next_nonce"]),
        (&json!(0), &json!(3))
    );

    node.mine();
    let after = wallets.ask(node, &["balance"]).expect_code(0).json();
    // The reward goes to this wallet too, and with it its own fees.
    assert_eq!(after["balance"], 98 * COIN);
    assert_eq!(after["pending"], json!([]));
    assert_eq!(after["nonce"], 3);
}

#[test]
fn what_was_signed_apart_is_broadcast_once() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let status = node.status();
    let chain = status["chain"]["id"].as_str().unwrap();
    let sign = [
        "sign",
        "--to",
        &friend,
        "--amount",
        "2",
        "--nonce",
        "0",
        "--chain-id",
        chain,
    ];
    let signed = wallets.run(&sign).expect_code(0).stdout;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("signed.json");
    std::fs::write(&file, &signed).unwrap();

    let file = file.to_str().unwrap();
    let sent = wallets
        .ask(&node, &["broadcast", file, "--wait"])
        .expect_code(0);
    let sent = sent.json();
    let sent_id = &sent["id"];
    assert_eq!(sent["block_index"], 2);
    let again = wallets.ask(&node, &["broadcast", file]).expect_code(0);
    assert_eq!(&again.json()["id"], sent_id);
    assert_eq!(node.status()["length"], 2);

    let broadcast = |text: &str| {
        let mut command = wallets.command(&["broadcast", "-", "--node", &node.address]);
        run_with_input(&mut command, text.as_bytes()).expect_code(1)
    };
    broadcast(&signed.replace("2000000", "3000000")).expect_error(["signature"]);
    broadcast("{").expect_error(["is no transaction"]);
    broadcast("{}").expect_error(["this is no transaction", "is missing"]);
    broadcast(&" ".repeat(70_000)).expect_error(["longer than 65536 bytes"]);
    let other = signed.replace(chain, "0123456789abcdef");
    broadcast(&other).expect_error(["signature"]);
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let refused = |arguments: &[&str]| wallets.ask(&node, arguments).expect_code(1);
    refused(&["send", &friend, "20000"]).expect_error([
        "balance",
        "20000.001 coins",
        "found 10000 coins",
    ]);
    refused(&["send", &friend, "1", "--name", "friend"]).expect_error([
        "balance",
        "expected 1.001 coins",
        "found 0 coins",
    ]);
    refused(&["send", &friend, "1", "--name", "nobody"])
        .expect_error(["`adit wallet new --name nobody`"]);
    let long = "x".repeat(1_025);
    refused(&["send", &friend, "1", "--data", &long]).expect_error(["data", "1024"]);

    let classic = Server::adit(["--in-memory"]);
    let refused = wallets
        .ask(&classic, &["send", &friend, "1"])
        .expect_code(1);
    refused.expect_error(["the rules classic", "sealed chain", "adit --chain FILE"]);

    let address = classic.address.clone();
    drop(classic);
    let refused = wallets.run(&["balance", "--node", &address]).expect_code(1);
    refused.expect_error([
        &*format!("no node answers at http://{address}"),
        "(--node says where)",
    ]);
    let in_json = wallets.run(&["balance", "--node", &address, "--json"]);
    let error: Value = serde_json::from_str(&in_json.expect_code(1).stderr).unwrap();
    assert!(error["error"].as_str().unwrap().contains("no node answers"));
}

/// A node that makes a block of every transaction.
pub(crate) fn development_chain() -> Server {
    Server::start(&mut adit(["dev", "-p", "0", "--log", "info"]))
}

/// A node of a chain with real work, and a wallet that has a hundred coins and
/// gets the rewards.
pub(crate) struct Network {
    pub(crate) node: Server,
    pub(crate) wallets: Wallets,
    folder: TempDir,
}

impl Network {
    pub(crate) fn start(arguments: &[&str]) -> Network {
        let (wallets, folder) = (Wallets::new(), TempDir::new().unwrap());
        let owner = wallets.make("default");
        let genesis = genesis_in(folder.path());
        let funds = format!("{owner}=100");
        let mut new = adit([
            "chain", "new", "--name", "class", "--alloc", &funds, "--output",
        ]);
        run(new.arg(&genesis).args(["--difficulty", "65536"])).expect_code(0);
        let mut node = adit([
            "node",
            "-p",
            "0",
            "--in-memory",
            "--reward-to",
            &owner,
            "--chain",
        ]);
        let node = Server::start(node.arg(&genesis).args(arguments));
        Network {
            node,
            wallets,
            folder,
        }
    }

    /// The file with the chain's genesis block.
    pub(crate) fn genesis(&self) -> String {
        genesis_in(self.folder.path())
    }
}

fn genesis_in(folder: &Path) -> String {
    folder.join("class.json").to_str().unwrap().to_owned()
}

impl Wallets {
    /// With the key of the first account of `adit dev`.
    pub(crate) fn with_funds() -> Wallets {
        let wallets = Wallets::new();
        let key = sha256(b"adit dev account 0").to_string();
        wallets.import("default", &key).expect_code(0);
        wallets
    }

    /// The address of a new wallet.
    pub(crate) fn make(&self, name: &str) -> String {
        let made = self.run(&["wallet", "new", "--json", "--name", name]);
        let address = made.expect_code(0).json()["address"].clone();
        address.as_str().unwrap().to_owned()
    }

    /// A command that asks this node.
    pub(crate) fn ask(&self, node: &Server, arguments: &[&str]) -> Ended {
        self.run(&[arguments, &["--json", "--node", &node.address]].concat())
    }
}

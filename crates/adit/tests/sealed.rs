//! Chains with signatures and balances, from outside: how one is made and
//! joined, what its nodes take and refuse, and what outlives a restart.

use std::fs;
use std::path::{Path, PathBuf};

use adit_core::address::Address;
use adit_core::hash::{Hash, sha256};
use adit_core::merkle;
use adit_core::sealed::{ChainId, Transfer};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{Process, Server, adit, free_port, run, until};

/// Enough for a plain payment.
const FEE: u64 = 500;

/// Somebody with a secret key.
struct Key(SigningKey);

impl Key {
    fn new(name: &str) -> Key {
        Key(SigningKey::from(sha256(name.as_bytes()).0))
    }

    fn of_hex(hex: &str) -> Key {
        Key(SigningKey::from(hex.parse::<Hash>().unwrap().0))
    }

    fn address(&self) -> Address {
        Address(VerificationKeyBytes::from(&self.0).into())
    }

    /// A signed payment of one base unit with the fee.
    fn pay(&self, chain: &str, nonce: u64, recipient: Address) -> String {
        let transfer = Transfer {
            amount: 1,
            chain: ChainId::from_hex(chain.as_bytes()).unwrap(),
            data: None,
            fee: FEE,
            nonce,
            recipient,
            sender: self.address(),
        };
        let signature = self.0.sign(&transfer.to_signed_bytes()).to_bytes();
        String::from_utf8(transfer.with_signature(&signature)).unwrap()
    }
}

/// A chain of our own, in which `rich` has a thousand coins.
struct Chain {
    folder: TempDir,
    file: PathBuf,
    id: String,
}

impl Chain {
    fn new(rich: &Key) -> Chain {
        let folder = tempdir().unwrap();
        let allocation = format!("{}=1000", rich.address());
        let made = run(adit(["chain", "new", "--name", "test", "--json"])
            .args(["--block-interval", "1s", "--difficulty", "65536"])
            .args(["--alloc", &allocation])
            .current_dir(folder.path()));
        let made = made.expect_code(0).json();
        Chain {
            file: folder.path().join(made["file"].as_str().unwrap()),
            id: made["chain"].as_str().unwrap().to_string(),
            folder,
        }
    }

    fn file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    fn node<'a>(&'a self, options: impl IntoIterator<Item = &'a str>) -> Server {
        let joined = ["--chain", self.file(), "--in-memory"];
        Server::adit(joined.into_iter().chain(options))
    }
}

fn balance(node: &Server, owner: &Key) -> u64 {
    account(node, owner)["balance"].as_u64().unwrap()
}

fn account(node: &Server, owner: &Key) -> Value {
    let path = format!("/api/v1/address/{}", owner.address());
    node.get(&path).expect_status(200).json()
}

fn submit(node: &Server, transaction: &str) -> String {
    let answer = node.post("/api/v1/tx", transaction).expect_status(201);
    answer.json()["id"].as_str().unwrap().to_string()
}

/// Why a transaction is not accepted: the rule's name.
fn refused(node: &Server, transaction: &str) -> String {
    let answer = node.post("/api/v1/tx", transaction).expect_status(400);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["type"], "/problems/transaction", "{problem}");
    problem["rule"].as_str().unwrap().to_string()
}

#[test]
fn a_chain_is_its_file_and_is_not_overwritten() {
    let rich = Key::new("rich");
    let chain = Chain::new(&rich);
    let node = chain.node([]);
    let status = node.status();
    assert_eq!(status["rules"], "sealed");
    assert_eq!(status["chain"]["id"], *chain.id);
    assert_eq!(status["chain"]["name"], "test");
    assert_eq!(status["tip"], status["chain"]["genesis"]);
    assert_eq!(balance(&node, &rich), 1_000_000_000);
    let again = run(adit(["chain", "new", "--name", "test"]).current_dir(chain.folder.path()));
    again
        .expect_code(1)
        .expect_error(["test.json", "not overwritten"]);
    for (option, wrong) in [
        ("--alloc=somebody=1", "an address"),
        ("--alloc=1000", "ADDRESS=AMOUNT"),
        ("--block-interval=soon", "--block-interval"),
        ("--difficulty=0", "--difficulty"),
    ] {
        let refused = run(&mut adit(["chain", "new", "--name", "other", option]));
        refused.expect_code(2).expect_error([wrong]);
    }
}

#[test]
fn a_chain_starts_at_its_pace() {
    let folder = tempdir().unwrap();
    let new = |name: &str, options: &[&str]| {
        let mut new = adit(["chain", "new", "--json", "--name", name]);
        let made = run(new.args(options).current_dir(&folder)).expect_code(0);
        let genesis = std::fs::read(folder.path().join(format!("{name}.json"))).unwrap();
        let genesis: Value = serde_json::from_slice(&genesis).unwrap();
        let target = genesis["params"]["initial_target"].as_str().unwrap();
        (
            made.json()["difficulty"].as_u64().unwrap(),
            target.to_owned(),
        )
    };
    let (given, target) = new("given", &["--difficulty", "65536"]);
    assert_eq!((given, &target[..8]), (65_536, "0000ffff"));
    // No block takes fewer guesses than the greatest target.
    let (least, target) = new("least", &["--difficulty", "1"]);
    assert_eq!((least, &target[..8]), (256, "00ffffff"));
    // What this machine makes in an hour is far more than what it makes in 36 ms,
    // whatever else it does meanwhile.
    let (quick, _) = new("quick", &["--block-interval", "36ms"]);
    let (slow, _) = new("slow", &["--block-interval", "1h"]);
    assert!(slow > 1_000 * quick, "{slow} and {quick}");
}

#[test]
fn a_payment_is_signed_sent_mined_and_proved() {
    let (rich, poor) = (Key::new("rich"), Key::new("poor"));
    let chain = Chain::new(&rich);
    let miner = poor.address().to_string();
    let node = chain.node(["--reward-to", &miner]);
    let payment = rich.pay(&chain.id, 0, poor.address());
    let id = submit(&node, &payment);
    assert_eq!(submit(&node, &payment), id, "sent again, it is the same");
    let next = submit(&node, &rich.pay(&chain.id, 1, poor.address()));
    let waits = node
        .get(&format!("/api/v1/tx/{id}"))
        .expect_status(200)
        .json();
    assert_eq!(waits["status"], "pending");
    assert_eq!(
        waits["transaction"],
        serde_json::from_str::<Value>(&payment).unwrap()
    );
    assert_eq!(waits["block_index"], Value::Null);
    let before = account(&node, &rich);
    assert_eq!(before["next_nonce"], 2);
    assert_eq!(before["pending"], json!([id, next]));
    assert_eq!(before["balance"], 1_000_000_000);

    let block = node.mine();
    assert_eq!(block["message"], "New Block Forged");
    assert_eq!(block["transactions"][0]["amount"], 1_000_000 + 2 * FEE);
    assert_eq!(balance(&node, &rich), 1_000_000_000 - 2 * (1 + FEE));
    assert_eq!(balance(&node, &poor), 1_000_000 + 2 * (1 + FEE));
    assert_eq!(account(&node, &rich)["nonce"], 2);
    node.mine();
    let found = node
        .get(&format!("/api/v1/tx/{id}"))
        .expect_status(200)
        .json();
    assert_eq!(found["status"], "confirmed");
    assert_eq!(
        (&found["block_index"], &found["position"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(found["confirmations"], 2);

    let proof = node.get(&format!("/api/v1/tx/{id}/merkle-proof"));
    let proof = proof.expect_status(200).json();
    assert_eq!(proof["leaf_count"], 3);
    let path = proof["path"].as_array().unwrap().iter();
    let path: Vec<Hash> = path
        .map(|hash| hash.as_str().unwrap().parse().unwrap())
        .collect();
    let root = merkle::root_of_path(merkle::leaf(payment.as_bytes()), 1, 3, &path);
    assert_eq!(
        root.unwrap().to_string(),
        proof["header"]["merkle_root"].as_str().unwrap()
    );
    assert_eq!(proof["block_hash"], found["block_hash"]);
}

#[test]
fn what_waits_is_listed_and_found_by_its_id() {
    let (rich, poor) = (Key::new("rich"), Key::new("poor"));
    let chain = Chain::new(&rich);
    let miner = poor.address().to_string();
    let node = chain.node(["--reward-to", &miner]);
    let later = submit(&node, &rich.pay(&chain.id, 1, poor.address()));
    let first = submit(&node, &rich.pay(&chain.id, 0, poor.address()));
    let mempool = |query: &str| -> Value {
        let path = format!("/api/v1/mempool{query}");
        node.get(&path).expect_status(200).json()
    };
    let page = mempool("?limit=1");
    assert_eq!(page["count"], 2);
    assert_eq!(page["transactions"][0]["id"], *first);
    let cursor = page["next"].as_str().unwrap();
    let rest = mempool(&format!("?cursor={cursor}"));
    assert_eq!(rest["transactions"][0]["id"], *later);
    assert_eq!(rest["next"], Value::Null);
    let search = |name: &str| -> Value {
        let path = format!("/api/v1/search?q={name}");
        let found = node.get(&path).expect_status(200).json();
        found["results"][0].clone()
    };
    assert_eq!(search(&first)["label"], "transaction that waits");
    node.mine();
    let found = search(&first.to_uppercase());
    assert_eq!(found["kind"], "transaction");
    assert_eq!(found["label"], "transaction in block 2");
    assert_eq!(found["path"], format!("/tx/{first}"));
    assert_eq!(search(&miner)["kind"], "address");
    // What was in a block does not move what stands behind a place.
    assert_eq!(
        mempool(&format!("?cursor={cursor}"))["transactions"],
        json!([])
    );
}

#[test]
fn what_nobody_signed_or_cannot_be_paid_is_refused_with_the_rule() {
    let (rich, poor) = (Key::new("rich"), Key::new("poor"));
    let chain = Chain::new(&rich);
    let node = chain.node([]);
    let payment = rich.pay(&chain.id, 0, poor.address());
    assert_eq!(
        refused(&node, &payment.replace("\"amount\": 1", "\"amount\": 2")),
        "signature"
    );
    assert_eq!(
        refused(&node, &rich.pay("0123456789abcdef", 0, poor.address())),
        "chain"
    );
    assert_eq!(
        refused(&node, &rich.pay(&chain.id, 17, poor.address())),
        "nonce-gap"
    );
    assert_eq!(
        refused(&node, &poor.pay(&chain.id, 0, rich.address())),
        "balance"
    );
    assert_eq!(refused(&node, "{"), "json");
    assert_eq!(
        refused(&node, &payment.replacen('{', "{\"amount\": 1, ", 1)),
        "json"
    );
    assert_eq!(
        refused(&node, &payment.replacen('{', "{\"more\": 1, ", 1)),
        "fields"
    );
    let unsigned = r#"{"sender": "a", "recipient": "b", "amount": 1}"#;
    assert_eq!(refused(&node, unsigned), "signature");
    let told = node.post("/transactions/new", unsigned).expect_status(400);
    for word in ["not signed", "adit send", &chain.id, "adit transaction v1"] {
        assert!(told.text().contains(word), "{}", told.text());
    }
    let taken = node
        .post("/transactions/new", &payment)
        .expect_status(201)
        .json();
    assert_eq!(taken["message"], "Transaction will be added to Block 2");
    assert_eq!(submit(&node, &payment), taken["id"]);
    for path in ["/api/v1/tx/12", "/api/v1/address/adit1"] {
        let problem = node.get(path).expect_status(400).json();
        assert_eq!(problem["type"], "/problems/malformed");
    }
    let path = format!("/api/v1/tx/{}", "0".repeat(64));
    assert_eq!(
        node.get(&path).expect_status(404).json()["type"],
        "/problems/not-found"
    );
    let reset = node.post("/api/v1/dev/reset", "").expect_status(409).json();
    assert_eq!(reset["type"], "/problems/not-here");
}

#[test]
fn a_node_makes_no_block_that_nobody_is_rewarded_for() {
    let chain = Chain::new(&Key::new("rich"));
    let node = chain.node([]);
    let told = node.get("/mine").expect_status(409);
    assert!(told.text().contains("--reward-to"), "{}", told.text());
    assert_eq!(node.status()["length"], 1);
    let refused = run(&mut adit([
        "--chain",
        chain.file(),
        "--in-memory",
        "--mine",
        "-p",
        "0",
    ]));
    refused.expect_code(1).expect_error(["--reward-to"]);
    let address = Key::new("rich").address().to_string();
    let refused = run(&mut adit([
        "--in-memory",
        "-p",
        "0",
        "--reward-to",
        &address,
    ]));
    refused
        .expect_code(1)
        .expect_error(["--reward-to", "classic"]);
    let refused = run(&mut adit(["--in-memory", "-p", "0", "--reward-to", "me"]));
    refused.expect_code(2).expect_error(["--reward-to"]);
}

#[test]
fn those_who_have_the_file_come_to_one_chain() {
    let (first, second) = (Key::new("first"), Key::new("second"));
    let chain = Chain::new(&first);
    let (first_address, second_address) =
        (first.address().to_string(), second.address().to_string());
    let one = chain.node(["--reward-to", &first_address, "--mine=1"]);
    let options = [
        "--reward-to",
        &second_address,
        "--mine=1",
        "--peer",
        &one.address,
    ];
    let other = chain.node(options.into_iter().chain(["--resolve-every", "500ms"]));
    one.register([&*other.address]);
    let id = submit(&other, &first.pay(&chain.id, 0, second.address()));
    until("both were rewarded, and both nodes say so", || {
        let paid = |node: &Server| balance(node, &second) > 1_000_000;
        (paid(&one) && paid(&other)).then_some(())
    });
    until("the payment is confirmed on both", || {
        let confirmed = |node: &Server| {
            let answer = node.get(&format!("/api/v1/tx/{id}"));
            answer.status == 200 && answer.json()["status"] == "confirmed"
        };
        (confirmed(&one) && confirmed(&other)).then_some(())
    });
    let stranger = Chain::new(&second);
    let stranger = stranger.node([]);
    stranger.register([&*one.address]);
    let told = stranger.get("/nodes/resolve").expect_status(200).json();
    let error = told["peers"][0]["error"].as_str().unwrap();
    assert!(error.contains("this chain starts with"), "{error}");
}

#[test]
fn accounts_and_waiting_payments_outlive_the_process() {
    let (rich, poor) = (Key::new("rich"), Key::new("poor"));
    let chain = Chain::new(&rich);
    let data = chain.folder.path().join("data");
    let miner = poor.address().to_string();
    let start = |more: &[&str]| {
        let mut node = adit(["node", "-p", "0", "--reward-to", &miner]);
        Server::start(node.arg("--data-dir").arg(&data).args(more))
    };
    let node = start(&["--chain", chain.file()]);
    submit(&node, &rich.pay(&chain.id, 0, poor.address()));
    node.mine();
    let waiting = submit(&node, &rich.pay(&chain.id, 1, poor.address()));
    node.process.kill();

    let node = start(&["--rules", "sealed"]);
    assert_eq!(balance(&node, &rich), 1_000_000_000 - (1 + FEE));
    assert_eq!(account(&node, &rich)["pending"], json!([waiting]));
    node.mine();
    assert_eq!(account(&node, &rich)["nonce"], 2);
    node.process.kill();

    let other = Chain::new(&poor);
    let mut wrong = adit(["node", "-p", "0", "--chain", other.file(), "--data-dir"]);
    run(wrong.arg(&data))
        .expect_code(1)
        .expect_error(["--chain", "holds the chain"]);
    let mut wrong = adit(["node", "-p", "0", "--data-dir"]);
    run(wrong.arg(&data))
        .expect_code(1)
        .expect_error(["--rules", "sealed"]);
    chain_commands(&data, &chain, &rich);
}

/// The commands on a folder, with the chain of the test above in it.
fn chain_commands(data: &Path, chain: &Chain, rich: &Key) {
    let on = |arguments: &[&str]| {
        let mut command = adit(["chain"]);
        run(command.args(arguments).arg("--data-dir").arg(data))
    };
    let verified = on(&["verify"]).expect_code(0);
    assert!(verified.stdout.contains("3 blocks"), "{}", verified.stdout);
    on(&["reindex"]).expect_code(0);
    let exported = chain.folder.path().join("chain.jsonl");
    let file = exported.to_str().unwrap();
    on(&["export", file]).expect_code(0);
    let import = |file: &str, folder: &str| {
        let mut command = adit(["chain", "import", "--chain", chain.file(), file]);
        run(command
            .arg("--data-dir")
            .arg(chain.folder.path().join(folder)))
    };
    import(file, "copy").expect_code(0);
    let copy = chain.folder.path().join("copy");
    let mut node = adit(["node", "-p", "0", "--rules", "sealed", "--data-dir"]);
    let node = Server::start(node.arg(copy));
    assert_eq!(account(&node, rich)["nonce"], 2);

    // A wrong signature under a right header: the block's hash stays.
    let text = fs::read_to_string(&exported).unwrap();
    let at = text.find("\"signature\": \"").unwrap() + "\"signature\": \"".len();
    let digit = if text.as_bytes()[at] == b'0' {
        "1"
    } else {
        "0"
    };
    let forged = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
    let forged_file = chain.folder.path().join("forged.jsonl");
    fs::write(&forged_file, forged).unwrap();
    let refused = import(forged_file.to_str().unwrap(), "forged").expect_code(1);
    refused.expect_error(["place 2", "merkle_root"]);
}

#[test]
fn a_development_chain_makes_a_block_of_each_transaction_and_begins_anew() {
    let port = free_port().to_string();
    let node = Process::start(&mut adit(["dev", "-p", &port, "--json"]));
    let told: Value = until("it says what there is", || {
        let said = node.stdout();
        serde_json::from_str(said.lines().next()?).ok()
    });
    let server = Server {
        process: node,
        address: told["url"].as_str().unwrap().replace("http://", ""),
    };
    let accounts = told["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 10);
    let key = |at: usize| Key::of_hex(accounts[at]["secret_key"].as_str().unwrap());
    let (one, two) = (key(1), key(2));
    assert_eq!(accounts[1]["address"], one.address().to_string());
    let chain = told["chain"].as_str().unwrap();
    for round in 0..2 {
        assert_eq!(balance(&server, &two), 10_000_000_000);
        for nonce in 0..5 {
            let id = submit(&server, &one.pay(chain, nonce, two.address()));
            let found = server
                .get(&format!("/api/v1/tx/{id}"))
                .expect_status(200)
                .json();
            assert_eq!(found["block_index"], nonce + 2, "round {round}");
            assert_eq!(balance(&server, &two), 10_000_000_001 + nonce);
        }
        let reset = server
            .post("/api/v1/dev/reset", "")
            .expect_status(200)
            .json();
        assert_eq!(reset["length"], 1);
        let forgotten = server.get(&format!("/api/v1/address/{}", two.address()));
        assert_eq!(forgotten.json()["transaction_count"], 0, "round {round}");
        assert_eq!(server.status()["length"], 1);
    }
}

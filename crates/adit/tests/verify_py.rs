//! `docs/verify.py`, which shares no code with adit: it finds the same hashes,
//! work and balances, and any change to a chain.

use std::path::Path;
use std::process::Command;

use adit_core::hash::{Hash, sha256};
use adit_core::sealed::{block_hash, header_text};
use adit_core::{json as canonical_json, merkle};
use ed25519_zebra::SigningKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sending::Network;
use crate::support::{Ended, run};

#[test]
fn it_finds_what_the_vectors_say() {
    let Some(verifier) = Verifier::find() else {
        return;
    };
    let vectors = vectors();
    let blocks = blocks(&vectors);
    for text in [
        lines(&blocks),
        json!({ "chain": blocks, "length": 0 }).to_string(),
    ] {
        let found = verifier.verify(&text, &[]).expect_code(0).stdout;
        let tip = vectors["blocks"].as_array().unwrap().last().unwrap();
        let tip = tip["hash"].as_str().unwrap();
        let length = blocks.len();
        let work = vectors["blocks"].as_array().unwrap().iter();
        let work: u64 = work
            .filter_map(|block| block["work"].as_str()?.parse::<u64>().ok())
            .sum();
        let first = format!("valid: {length} blocks, the last is {tip}, work {work}\n");
        assert!(found.starts_with(&first), "{found}");
        for (address, account) in vectors["balances"].as_object().unwrap() {
            let (balance, nonce) = (&account["balance"], &account["nonce"]);
            let line = format!("{address} has {balance} base units, sent {nonce} transactions\n");
            assert!(found.contains(&line), "no {line} in {found}");
        }
    }
}

#[test]
fn it_takes_what_a_node_has_mined() {
    let Some(verifier) = Verifier::find() else {
        return;
    };
    let network = Network::start(&[]);
    let (node, wallets) = (&network.node, &network.wallets);
    let friend = wallets.make("friend");
    for data in ["plain", "Zo\u{eb} \u{1f980}\n\"\\\u{7f}"] {
        wallets
            .ask(node, &["send", &friend, "1.25", "--data", data])
            .expect_code(0);
        node.mine();
    }
    node.mine();
    let body = node.get("/chain").text();
    let status = node.status();
    let genesis = status["chain"]["genesis"].as_str().unwrap();
    let found = verifier.verify(&body, &[genesis]).expect_code(0).stdout;
    let tip = status["tip"].as_str().unwrap();
    let first = format!("valid: 4 blocks, the last is {tip}, work ");
    assert!(found.starts_with(&first), "{found}");
    let line = format!("{friend} has 2500000 base units, sent 0 transactions\n");
    assert!(found.contains(&line), "{found}");

    let other = verifier.verify(&body, &["00"]).expect_code(1);
    other.expect_error(["block 1 is not valid", genesis]);
}

/// Also where the package is missing.
#[test]
fn called_wrongly_it_says_how_it_is_used() {
    if Verifier::find().is_none() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.py");
    for arguments in [&[][..], &["a", "b", "c"]] {
        let ended = run(Command::new("python3")
            .arg("-S")
            .arg(&script)
            .args(arguments));
        let ended = ended.expect_code(2);
        ended.expect_error(["python3 verify.py FILE [GENESIS_HASH]", "adit chain export"]);
    }
    let missing = run(Command::new("python3")
        .arg(&script)
        .arg("/nonexistent/file"));
    let missing = missing.expect_code(1);
    assert!(!missing.stderr.contains("Traceback"), "{missing:?}");
}

/// Each change that leaves the work undone, and so is cheap.
#[test]
fn it_finds_whatever_was_changed() {
    let Some(verifier) = Verifier::find() else {
        return;
    };
    let honest = blocks(&vectors());
    let with_payment = with_payment(&honest);
    let zeros = "0".repeat(64);
    let changes: Vec<(&str, Change)> = vec![
        (
            "merkle_root",
            change(with_payment, "/transactions/1/amount", json!(1)),
        ),
        (
            "merkle_root",
            change(with_payment, "/transactions/0/amount", json!(1)),
        ),
        (
            "merkle_root",
            change(with_payment, "/merkle_root", json!(zeros)),
        ),
        (
            "no work",
            change(3, "/timestamp", json!(1_795_300_099_999_u64)),
        ),
        ("no work", change(3, "/proof", json!(1))),
        ("proof or timestamp", change(3, "/proof", json!("1"))),
        ("proof or timestamp", change(3, "/proof", json!(-1))),
        ("target", change(3, "/target", json!("f".repeat(64)))),
        ("index", change(3, "/index", json!(5))),
        ("version", change(3, "/version", json!(2))),
        ("previous_hash", change(3, "/previous_hash", json!(zeros))),
        ("fields", change(3, "/nonce", json!(1))),
        ("previous_hash", change(0, "/timestamp", json!(1))),
        ("previous_hash", change(0, "/params/reward", json!(9))),
        ("genesis", change(0, "/proof", json!(101))),
        ("genesis", change(0, "/target", json!(zeros))),
        ("previous_hash", Box::new(|chain| drop(chain.remove(2)))),
        ("previous_hash", Box::new(|chain| chain.swap(2, 3))),
        ("KeyError", Box::new(|chain| chain[3] = json!({}))),
        ("TypeError", Box::new(|chain| chain[3] = json!([]))),
    ];
    for (number, (problem, change)) in changes.iter().enumerate() {
        let mut chain = honest.clone();
        change(&mut chain);
        let refused = verifier.verify(&lines(&chain), &[]).expect_code(1);
        assert_eq!(refused.stdout, "", "change {number}");
        refused.expect_error([" is not valid: ", problem]);
    }
}

/// What only somebody can do who works: the last block is changed, and then its
/// root and its proof are made good.
#[test]
fn it_finds_what_was_changed_by_a_miner() {
    let Some(verifier) = Verifier::find() else {
        return;
    };
    let mut honest = blocks(&vectors());
    honest.truncate(with_payment(&honest) + 1);
    let verify = |last: Value| {
        let mut chain = honest.clone();
        *chain.last_mut().unwrap() = last;
        verifier.verify(&lines(&chain), &[])
    };
    let last = honest.last().unwrap();
    verify(worked_for(last.clone())).expect_code(0);

    let (sender, finder) = (
        last["transactions"][1]["sender"].clone(),
        last["transactions"][0]["recipient"].clone(),
    );
    let finder_text = finder.as_str().unwrap();
    // The checksum is over "adit", whatever stands there.
    let other_human_part = finder_text.replacen("adit", "edit", 1);
    let mistyped = format!(
        "{}{}",
        &finder_text[..62],
        if finder_text.ends_with('q') { "p" } else { "q" }
    );
    let mut early = honest[honest.len() - 2]["timestamp"].clone();
    for (problem, path, value) in [
        ("InvalidSignature", "/transactions/1/amount", json!(1)),
        ("InvalidSignature", "/transactions/1/data", json!("other")),
        ("InvalidSignature", "/transactions/1/sender", finder.clone()),
        (
            "another chain",
            "/transactions/1/chain",
            json!("0".repeat(16)),
        ),
        ("another chain", "/transactions/1/more", json!(1)),
        ("amount, fee", "/transactions/1/amount", json!(-1)),
        ("amount, fee", "/transactions/1/fee", json!(1.0)),
        ("data", "/transactions/1/data", json!("")),
        ("data", "/transactions/1/data", json!("x".repeat(1_025))),
        ("is no address", "/transactions/1/sender", json!("adit1")),
        ("reward", "/transactions/0/amount", json!(9_000_000)),
        ("reward", "/transactions/0/index", json!(1)),
        ("reward", "/transactions/0/sender", sender.clone()),
        ("is no address", "/transactions/0/recipient", json!("me")),
        (
            "is no address",
            "/transactions/0/recipient",
            json!(mistyped),
        ),
        (
            "is no address",
            "/transactions/0/recipient",
            json!(other_human_part),
        ),
        ("timestamp", "/timestamp", early.take()),
        (
            "target",
            "/target",
            json!("00ff".to_owned() + &"f".repeat(60)),
        ),
    ] {
        let mut block = last.clone();
        set(&mut block, path, value);
        let refused = verify(worked_for(block)).expect_code(1);
        refused.expect_error(["is not valid", problem]);
    }

    // Signed by the first key of the vectors, as its next one.
    let pay = |recipient: &Value, amount: u64| {
        let mut block = last.clone();
        let transactions = block["transactions"].as_array_mut().unwrap();
        let chain = transactions[1]["chain"].clone();
        transactions.push(signed(json!({
            "amount": amount,
            "chain": chain,
            "fee": 0,
            "recipient": recipient,
        })));
        verify(worked_for(block))
    };
    pay(&finder, 1).expect_code(0);
    let refused = pay(&finder, (1 << 53) - 1).expect_code(1);
    refused.expect_error(["and spends 9007199254740991"]);
    let refused = pay(&json!(mistyped), 1).expect_code(1);
    refused.expect_error(["is no address"]);

    let mut block = last.clone();
    let transactions = block["transactions"].as_array_mut().unwrap();
    transactions.push(transactions[1].clone());
    verify(worked_for(block))
        .expect_code(1)
        .expect_error(["nonce"]);

    let mut block = last.clone();
    let transactions = block["transactions"].as_array_mut().unwrap();
    let signature = transactions[1]["signature"]
        .as_str()
        .unwrap()
        .to_uppercase();
    transactions[1]["signature"] = json!(signature);
    verify(worked_for(block))
        .expect_code(1)
        .expect_error(["another form"]);

    let mut block = last.clone();
    set(&mut block, "/transactions", json!([]));
    verify(worked_for(block))
        .expect_code(1)
        .expect_error(["IndexError"]);
}

#[test]
fn it_finds_a_block_that_is_too_long() {
    let Some(verifier) = Verifier::find() else {
        return;
    };
    let [mut genesis, mut block] = [0, 1].map(|at| blocks(&vectors())[at].clone());
    let easy = "f".repeat(64);
    for target in ["/target", "/params/initial_target", "/params/pow_limit"] {
        set(&mut genesis, target, json!(easy));
    }
    set(&mut block, "/target", json!(easy));
    let reward = block["transactions"][0].clone();
    set(&mut block, "/transactions", json!([reward]));
    set(
        &mut block,
        "/transactions/0/amount",
        genesis["params"]["reward"].clone(),
    );
    let length = canonical(&worked_for(block.clone())).len();
    for (limit_bytes, code) in [(length, 0), (length - 1, 1)] {
        set(&mut genesis, "/params/max_block_bytes", json!(limit_bytes));
        let seal = sha256(&header_text(&canonical(&genesis)));
        let hash = block_hash(seal, 100).to_string();
        set(&mut block, "/previous_hash", json!(hash));
        let chain = [genesis.clone(), worked_for(block.clone())];
        let said = verifier.verify(&lines(&chain), &[]).expect_code(code);
        assert_eq!(said.stderr.contains("too long"), code == 1, "{said:?}");
    }
}

/// What is done to the blocks of a chain.
type Change = Box<dyn Fn(&mut Vec<Value>)>;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../core/tests/vectors/sealed_chain.json")).unwrap()
}

fn blocks(vectors: &Value) -> Vec<Value> {
    let blocks = vectors["blocks"].as_array().unwrap().iter();
    blocks.map(|block| block["block"].clone()).collect()
}

/// The place of the last block with a payment.
fn with_payment(blocks: &[Value]) -> usize {
    let has_payment = |block: &Value| block["transactions"].get(1).is_some();
    blocks.iter().rposition(has_payment).unwrap()
}

fn lines(blocks: &[Value]) -> String {
    blocks.iter().map(|block| format!("{block}\n")).collect()
}

fn change(block: usize, path: &'static str, value: Value) -> Change {
    Box::new(move |chain| set(&mut chain[block], path, value.clone()))
}

/// Sets what stands at a path, or puts it there.
fn set(block: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    block.pointer_mut(parent).unwrap()[name] = value;
}

/// The block with the root of its transactions and a proof for its target.
fn worked_for(mut block: Value) -> Value {
    let leaves = block["transactions"].as_array().unwrap().iter();
    let leaves: Vec<Hash> = leaves.map(|leaf| merkle::leaf(&canonical(leaf))).collect();
    block["merkle_root"] = json!(merkle::root(&leaves).to_string());
    let seal = sha256(&header_text(&canonical(&block)));
    let target: Hash = block["target"].as_str().unwrap().parse().unwrap();
    let proof = (0..).find(|proof| block_hash(seal, *proof) <= target);
    block["proof"] = json!(proof.unwrap());
    block
}

/// The transaction as the first key of the vectors signs it, as its next one.
fn signed(mut transfer: Value) -> Value {
    let vectors = vectors();
    let key = &vectors["keys"][0];
    let secret: Hash = key["secret"].as_str().unwrap().parse().unwrap();
    let address = key["address"].as_str().unwrap();
    transfer["sender"] = json!(address);
    transfer["nonce"] = vectors["balances"][address]["nonce"].clone();
    let message = [b"adit transaction v1\n", &*canonical(&transfer)].concat();
    let signature = SigningKey::from(secret.0).sign(&message).to_bytes();
    let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    transfer["signature"] = json!(digits);
    transfer
}

fn canonical(value: &Value) -> Vec<u8> {
    canonical_json::canonical(value.to_string().as_bytes(), usize::MAX).unwrap()
}

/// The script, and a Python that can run it.
struct Verifier {
    python: String,
}

impl Verifier {
    /// Without Python and its package the test is skipped and says so, but not
    /// where all tests must run. `.ci/run` says which Python has it.
    fn find() -> Option<Verifier> {
        let python = std::env::var("VERIFY_PYTHON").unwrap_or("python3".to_owned());
        let import = Command::new(&python)
            .args(["-c", "import cryptography"])
            .output();
        if import.is_ok_and(|output| output.status.success()) {
            return Some(Verifier { python });
        }
        let missing = format!("{python} with the package cryptography is missing");
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}, which docs/verify.py needs");
        None
    }

    fn verify(&self, chain: &str, arguments: &[&str]) -> Ended {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.py");
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("chain.jsonl");
        std::fs::write(&file, chain).unwrap();
        run(Command::new(&self.python)
            .arg(script)
            .arg(file)
            .args(arguments))
    }
}

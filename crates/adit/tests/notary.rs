//! `adit notarize` and `adit prove`: what is written after a real block proves
//! the file without any node, and any change to it is found by name.

use std::fs;
use std::path::PathBuf;

use adit_core::hash::sha256;
use adit_core::json as canonical_json;
use adit_core::sealed::block_hash;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sending::{Network, development_chain};
use crate::support::{Ended, Process, adit, run, until};
use crate::wallet::Wallets;

#[test]
fn a_notarised_file_is_proven_without_a_node() {
    let notarised = Notarised::new();
    let (made, proof) = (&notarised.made, notarised.read());
    let hash = sha256(CONTENT).to_string();
    assert_eq!(made["sha256"], hash);
    assert_eq!(made["confirmations"], 1);
    assert_eq!(proof["transaction"]["data"], format!("sha256:{hash}"));
    assert_eq!(proof["transaction"]["amount"], 0);
    assert_eq!(proof["leaf_count"], 4, "the reward, two payments and this");
    assert_eq!(proof["position"], 3);

    let genesis = notarised.network.genesis();
    let proven = notarised.prove(&["--genesis", &genesis]).expect_code(0);
    let proven = proven.json();
    assert_eq!(proven["valid"], true);
    assert_eq!(proven["genesis_known"], true);
    for name in [
        "id",
        "sha256",
        "sender",
        "time",
        "block_index",
        "block_hash",
        "work",
        "chain",
    ] {
        assert_eq!(proven[name], made[name], "{name}");
    }
    let block = &notarised.block;
    assert_eq!(proven["block_index"], 2);
    assert_eq!(proven["timestamp"], block["timestamp"]);
    assert_eq!(proven["work"], "65536");
    assert_eq!(proven["chain"]["name"], "class");
    let year = proven["time"].as_str().unwrap().split('-').next().unwrap();
    assert!(year.parse::<u32>().unwrap() >= 2025, "{proven}");

    // The folder of wallets and the node are not needed.
    let words = run(adit(["prove"]).arg(notarised.file())).expect_code(0);
    for text in [&*hash, "existed", "class", "--genesis FILE"] {
        assert!(words.stdout.contains(text), "no {text} in {words:?}");
    }
}

#[test]
fn a_changed_file_is_found() {
    let notarised = Notarised::new();
    let mut content = CONTENT.to_vec();
    content[3] ^= 1;
    fs::write(notarised.file(), &content).unwrap();
    let refused = notarised.prove(&[]).expect_code(1);
    assert_eq!(refused.stdout, "");
    let (then, now) = (sha256(CONTENT).to_string(), sha256(&content).to_string());
    refused.expect_error(["file was changed", &then, &now]);
}

#[test]
fn each_part_of_a_proof_that_is_changed_has_its_own_error() {
    let notarised = Notarised::new();
    let zeros = "0".repeat(64);
    let (signed, header, path) = (
        "transaction was changed",
        "header was changed",
        "not in the block",
    );
    for (problem, place, value) in [
        (signed, "/transaction/recipient", notarised.friend.clone()),
        (signed, "/transaction/sender", notarised.friend.clone()),
        (signed, "/transaction/nonce", json!(9)),
        (signed, "/transaction/chain", json!("0".repeat(16))),
        (signed, "/transaction/signature", json!("0".repeat(128))),
        ("another file", "/transaction/data", json!("sha256:00")),
        (path, "/position", json!(2)),
        (path, "/leaf_count", json!(2)),
        (path, "/leaf_count", json!(0)),
        (path, "/path/0", json!(zeros)),
        (path, "/path", json!([])),
        (header, "/header/timestamp", json!(1_600_000_000_000_u64)),
        (header, "/header/merkle_root", json!(zeros)),
        (header, "/header/index", json!(3)),
        (header, "/header/previous_hash", json!(zeros)),
        (header, "/header/target", json!("f".repeat(64))),
        (header, "/proof", json!(1)),
        (header, "/block_hash", json!(zeros)),
        ("for the chain", "/genesis/timestamp", json!(1)),
        ("for the chain", "/genesis/params/name", json!("other")),
        ("genesis block: proof", "/genesis/proof", json!(1)),
        ("version: expected 1", "/header/version", json!(2)),
        (
            "path is missing or has another form",
            "/path/0",
            json!("00"),
        ),
        (
            "path is missing or has another form",
            "/path",
            json!(vec![zeros.clone(); 33]),
        ),
        (
            "position is missing or has another form",
            "/position",
            json!("2"),
        ),
        (
            "format is missing or has another form",
            "/format",
            json!("adit proof v2"),
        ),
        ("expected plain digits", "/proof", json!(1.5)),
        ("is no field of this", "/header/more", json!(1)),
        ("amount", "/transaction/amount", json!("0")),
    ] {
        let mut proof = notarised.read();
        set(&mut proof, place, value);
        notarised.write(&proof);
        let refused = notarised.prove(&[]).expect_code(1);
        assert_eq!(refused.stdout, "", "{place}");
        refused.expect_error([problem]);
    }
    for text in [
        "",
        "{}",
        "[]",
        "{\"format\": \"adit proof v1\", \"format\": 1}",
    ] {
        fs::write(notarised.proof(), text).unwrap();
        notarised
            .prove(&[])
            .expect_code(1)
            .expect_error(["not a proof"]);
    }
}

/// A forger makes everything fit that can be made to fit without work.
#[test]
fn a_header_without_work_proves_nothing() {
    let notarised = Notarised::new();
    let earlier = json!(1_600_000_000_000_u64);
    for (target, problem) in [
        (notarised.block["target"].clone(), "no work stands behind"),
        (json!("f".repeat(64)), "too little work stands behind"),
    ] {
        let mut proof = notarised.read();
        proof["header"]["timestamp"] = earlier.clone();
        proof["header"]["target"] = target;
        let header = proof["header"].to_string();
        let header = canonical_json::canonical(header.as_bytes(), 10_000).unwrap();
        let hash = block_hash(sha256(&header), proof["proof"].as_u64().unwrap());
        proof["block_hash"] = json!(hash.to_string());
        notarised.write(&proof);
        notarised.prove(&[]).expect_code(1).expect_error([problem]);
    }
}

/// On a chain where every guess is a proof, a header can have any time.
#[test]
fn a_header_of_any_time_is_read_and_one_older_than_the_chain_is_refused() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("claim");
    fs::write(&file, CONTENT).unwrap();
    let file = file.to_str().unwrap();
    wallets.ask(&node, &["notarize", file]).expect_code(0);
    let text = fs::read(format!("{file}.proof.json")).unwrap();
    let proof: Value = serde_json::from_slice(&text).unwrap();
    let began = proof["genesis"]["timestamp"].as_u64().unwrap();
    let prove = |time_ms: u64| {
        let mut proof = proof.clone();
        proof["header"]["timestamp"] = json!(time_ms);
        let header = proof["header"].to_string();
        let header = canonical_json::canonical(header.as_bytes(), 10_000).unwrap();
        let hash = block_hash(sha256(&header), proof["proof"].as_u64().unwrap());
        proof["block_hash"] = json!(hash.to_string());
        fs::write(format!("{file}.proof.json"), proof.to_string()).unwrap();
        run(&mut adit(["prove", file, "--json"]))
    };
    for (time_ms, expected) in [
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z".to_owned()),
        (
            253_402_300_800_000,
            "253402300800000 ms after 1970".to_owned(),
        ),
        (
            (1 << 53) - 1,
            format!("{} ms after 1970", (1_u64 << 53) - 1),
        ),
    ] {
        assert_eq!(prove(time_ms).expect_code(0).json()["time"], expected);
    }
    assert_eq!(prove(began).expect_code(0).json()["timestamp"], began);
    for older in [began - 1, 0] {
        let refused = prove(older).expect_code(1);
        refused.expect_error(["older than the chain", &began.to_string()]);
    }
}

#[test]
fn a_proof_of_another_chain_is_refused() {
    let notarised = Notarised::new();
    let other = notarised.folder.path().join("other.json");
    let mut new = adit(["chain", "new", "--name", "other", "--output"]);
    run(new.arg(&other)).expect_code(0);
    let refused = notarised.prove(&["--genesis", other.to_str().unwrap()]);
    refused.expect_code(1).expect_error(["another chain"]);
    let refused = notarised.prove(&["--genesis", notarised.proof().to_str().unwrap()]);
    refused.expect_code(1).expect_error(["no genesis block"]);
}

#[test]
fn a_broken_off_notarisation_is_gone_on_with_and_paid_once() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("empty");
    fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let notarize =
        |arguments: &[&str]| wallets.ask(&node, &[&["notarize", file], arguments].concat());
    let made = notarize(&["--fee", "0.5"]).expect_code(0).json();
    let proof = format!("{file}.proof.json");
    assert_eq!(made["proof"], proof);
    notarize(&[])
        .expect_code(1)
        .expect_error(["already", "--proof"]);

    fs::remove_file(&proof).unwrap();
    let id = made["id"].as_str().unwrap();
    let again = notarize(&["--transaction", id]).expect_code(0).json();
    assert_eq!(again["block_hash"], made["block_hash"]);
    let status = node.status();
    assert_eq!(status["length"], 2, "nothing else was put into the chain");
    run(adit(["prove", file, "--proof", &proof]).current_dir("/")).expect_code(0);

    let other = folder.path().join("other");
    fs::write(&other, "other").unwrap();
    let other = other.to_str().unwrap();
    let refused = wallets.ask(&node, &["notarize", other, "--transaction", id]);
    refused.expect_code(1).expect_error(["another file"]);
    assert!(!folder.path().join("other.proof.json").exists());
    let unknown = "0".repeat(64);
    let refused = wallets.ask(&node, &["notarize", other, "--transaction", &unknown]);
    refused.expect_code(1).expect_error(["does not know"]);
}

#[test]
fn a_proof_can_wait_for_blocks_on_top() {
    let (network, folder) = (Network::start(&[]), TempDir::new().unwrap());
    let file = folder.path().join("claim.txt");
    fs::write(&file, CONTENT).unwrap();
    let node = &network.node;
    let arguments = ["notarize", file.to_str().unwrap(), "--confirmations", "3"];
    let arguments = [&arguments[..], &["--json", "--node", &node.address]].concat();
    let notarize = Process::start(&mut network.wallets.command(&arguments));
    until("the file's hash waits for a block", || {
        (node.status()["pending"] == 1).then_some(())
    });
    for _ in 0..3 {
        let proof = fs::read(folder.path().join("claim.txt.proof.json"));
        assert_eq!(proof.unwrap(), b"", "there is no more than its place");
        node.mine();
    }
    let made = notarize.ended().expect_code(0).json();
    assert_eq!(made["confirmations"], 3);
    assert_eq!(made["block_index"], 2);
}

#[test]
fn without_a_proof_or_a_file_the_error_says_so() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    let mut prove = adit(["prove"]);
    prove.arg(&file);
    let refused = run(&mut prove).expect_code(1);
    refused.expect_error(["file.proof.json", "adit notarize"]);
    let wallets = Wallets::with_funds();
    let node = development_chain();
    let refused = wallets.ask(&node, &["notarize", file.to_str().unwrap()]);
    refused.expect_code(1).expect_error(["No such file"]);
    assert_eq!(node.status()["length"], 1, "nothing was paid for it");
}

const CONTENT: &[u8] = b"We, the undersigned, were here first.\n";

/// A file whose hash stands in a block with other payments.
struct Notarised {
    network: Network,
    folder: TempDir,
    friend: Value,
    block: Value,
    made: Value,
}

impl Notarised {
    fn new() -> Notarised {
        let (network, folder) = (Network::start(&[]), TempDir::new().unwrap());
        let file = folder.path().join("claim.txt");
        fs::write(&file, CONTENT).unwrap();
        let (node, wallets) = (&network.node, &network.wallets);
        let friend = wallets.make("friend");
        for _ in 0..2 {
            wallets.ask(node, &["send", &friend, "1"]).expect_code(0);
        }
        let arguments = [
            "notarize",
            file.to_str().unwrap(),
            "--json",
            "--node",
            &node.address,
        ];
        let notarize = Process::start(&mut wallets.command(&arguments));
        until("the file's hash waits for a block", || {
            (node.status()["pending"] == 3).then_some(())
        });
        node.mine();
        let made = notarize.ended().expect_code(0).json();
        let block = node.chain()[1].clone();
        Notarised {
            friend: json!(friend),
            network,
            folder,
            block,
            made,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("claim.txt")
    }

    fn proof(&self) -> PathBuf {
        self.folder.path().join("claim.txt.proof.json")
    }

    /// The proof as it was made, whatever was done to its file since.
    fn read(&self) -> Value {
        let kept = self.folder.path().join("kept");
        if !kept.exists() {
            fs::copy(self.proof(), &kept).unwrap();
        }
        serde_json::from_slice(&fs::read(kept).unwrap()).unwrap()
    }

    fn write(&self, proof: &Value) {
        fs::write(self.proof(), proof.to_string()).unwrap();
    }

    fn prove(&self, arguments: &[&str]) -> Ended {
        run(adit(["prove", "--json"]).arg(self.file()).args(arguments))
    }
}

/// Sets what stands at a path, or puts it there.
fn set(value: &mut Value, place: &str, part: Value) {
    match value.pointer_mut(place) {
        Some(found) => *found = part,
        None => {
            let (parent, name) = place.rsplit_once('/').unwrap();
            value.pointer_mut(parent).unwrap()[name] = part;
        }
    }
}

//! Blocks that anybody offers over the API, and what the API says was hashed of
//! a block: enough to make one with nothing but SHA-256.

use std::io::{BufReader, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::address::Address;
use adit_core::block::BLOCK_LIMIT_BYTES;
use adit_core::hash::sha256;
use adit_core::rules::{Context, Rules, Sealed, TemplateContent};
use adit_core::sealed::Params;
use adit_core::transaction::Submitted;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use serde_json::Value;
use tempfile::tempdir;

use crate::raw::{Node, read_answer};
use crate::support::Server;

fn preimage(node: &Server, index: u64) -> Value {
    let hash = node
        .get(&format!("/api/v1/block-height/{index}"))
        .expect_status(200)
        .text();
    let path = format!("/api/v1/block/{hash}/preimage");
    let preimage = node.get(&path).expect_status(200).json();
    assert_eq!(preimage["hash"], *hash);
    assert_eq!(preimage["index"], index);
    preimage
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn hex(text: &str) -> String {
    sha256(text.as_bytes()).to_string()
}

fn offer(node: &Server, block: &str) -> Value {
    node.post("/api/v1/blocks", block).expect_status(200).json()
}

#[track_caller]
fn refused(node: &Server, block: &str) -> Value {
    let answer = node.post("/api/v1/blocks", block).expect_status(400);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["type"], "/problems/block", "{problem}");
    problem
}

fn tip(node: &Server) -> String {
    node.get("/api/v1/blocks/tip/hash").text()
}

/// A block after that one, as a reader of the tutorial writes it.
fn classic_block(parent: &Value, parent_hash: &str, proof: u64, note: &str) -> String {
    format!(
        r#"{{"note":"{note}", "index":{}, "transactions":[], "timestamp":1.5e9,
            "proof":{proof}, "previous_hash":"{parent_hash}"}}"#,
        parent["index"].as_u64().unwrap() + 1,
    )
}

/// The smallest proof, by plain counting.
fn solve(prefix: u64, suffix: &str) -> u64 {
    (0..)
        .find(|proof| hex(&format!("{prefix}{proof}{suffix}")).starts_with("0000"))
        .unwrap()
}

#[test]
fn a_classic_preimage_is_the_block_and_the_guess_that_of_the_tutorial() {
    for (rules, is_2018) in [("classic", false), ("classic-2018", true)] {
        let node = Server::adit(["--in-memory", "--rules", rules]);
        node.pay("us", "them");
        node.mine();
        let [first, second] = [preimage(&node, 1), preimage(&node, 2)];
        assert_eq!(first["guess"], Value::Null);
        for block in [&first, &second] {
            assert_eq!(block["rules"], rules);
            assert_eq!(hex(text(block, "preimage")), text(block, "hash"));
            assert_eq!(block["preimage_sha256"], block["hash"]);
        }
        let raw = format!("/api/v1/block/{}/raw", text(&second, "hash"));
        assert_eq!(node.get(&raw).text(), text(&second, "preimage"));
        let guess = &second["guess"];
        let suffix = if is_2018 { text(&first, "hash") } else { "" };
        assert_eq!(
            (text(guess, "prefix"), text(guess, "suffix")),
            ("100", suffix)
        );
        assert_eq!(
            text(guess, "text"),
            format!("100{}{suffix}", guess["proof"])
        );
        assert_eq!(hex(text(guess, "text")), text(guess, "sha256"));
        assert!(text(guess, "sha256") <= text(guess, "target"));
        assert!(text(guess, "target").starts_with("0000ffff"));
    }
    let node = Server::adit(["--in-memory"]);
    let nowhere = format!("/api/v1/block/{}/preimage", "0".repeat(64));
    assert_eq!(node.get(&nowhere).status, 404);
}

#[test]
fn whoever_solves_the_puzzle_extends_the_chain() {
    for rules in ["classic", "classic-2018"] {
        let node = Server::adit(["--in-memory", "--rules", rules]);
        let first = preimage(&node, 1);
        let parent_hash = text(&first, "hash");
        let suffix = if rules == "classic" { "" } else { parent_hash };
        let proof = solve(100, suffix);
        let block = classic_block(&first, parent_hash, proof, "offered");
        let answer = offer(&node, &block);
        assert_eq!(answer["outcome"], "extended");
        assert_eq!(answer["index"], 2);
        assert_eq!(tip(&node), text(&answer, "hash"));
        // Layout does not matter, and what is there is known.
        assert_eq!(offer(&node, &block.replace(' ', ""))["outcome"], "known");
        assert_eq!(node.mine()["index"], 3);
        assert_eq!(offer(&node, &block)["outcome"], "known");
    }
}

#[test]
fn a_refusal_names_the_rule_and_the_block() {
    let node = Server::adit(["--in-memory"]);
    let first = preimage(&node, 1);
    let parent_hash = text(&first, "hash");
    let good = classic_block(&first, parent_hash, 35_293, "good");
    let before = tip(&node);
    for (rule, block) in [
        ("json", "{".to_owned()),
        ("json", "[".repeat(600)),
        ("fields", "[]".to_owned()),
        ("fields", good.replace("35293", "\"35293\"")),
        ("index", good.replace("\"index\":2", "\"index\":3")),
        ("proof", good.replace("35293", "35294")),
        ("orphan", good.replace(parent_hash, &"0".repeat(64))),
    ] {
        let problem = refused(&node, &block);
        assert_eq!(problem["rule"], rule, "{problem}");
        let has_block = !matches!(rule, "json" | "fields");
        assert_eq!(problem["block"].is_object(), has_block, "{problem}");
    }
    assert_eq!(tip(&node), before);
    let wrong = refused(&node, &good.replace("35293", "35294"));
    assert_eq!(wrong["block"]["index"], 2);
    assert_eq!(text(&wrong["block"], "hash").len(), 64);
    assert_eq!(offer(&node, &good)["outcome"], "extended");
}

/// One proof fits any number of blocks: none of them is kept.
#[test]
fn blocks_beside_a_classic_chain_take_no_room() {
    let node = Server::adit(["--in-memory"]);
    let first = preimage(&node, 1);
    node.mine();
    let before = tip(&node);
    for number in 0..5 {
        let block = classic_block(&first, text(&first, "hash"), 35_293, &number.to_string());
        let problem = refused(&node, &block);
        assert_eq!(problem["rule"], "not-heavier");
        let hash = text(&problem["block"], "hash");
        assert_eq!(node.get(&format!("/api/v1/block/{hash}")).status, 404);
    }
    assert_eq!(tip(&node), before);
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_comes() {
    let node = Node::start();
    for (bytes, status) in [(BLOCK_LIMIT_BYTES, 400), (BLOCK_LIMIT_BYTES + 1, 413)] {
        let head = format!(
            "POST /api/v1/blocks HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n"
        );
        let body = if status == 413 { 0 } else { bytes };
        let request = [head.as_bytes(), &vec![b'x'; body]].concat();
        assert_eq!(node.send(&request).unwrap().status, status);
    }
}

/// A place is taken by a block that is there, and not by the promise of one;
/// nor do many that come slowly keep out one that is there.
#[test]
fn who_only_says_that_a_block_will_come_takes_nobodys_place() {
    let node = Node::start();
    let head = |bytes: usize| {
        format!(
            "POST /api/v1/blocks HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n"
        )
    };
    let mut waiting = Vec::new();
    for number in 0..40 {
        let mut stream = node.connect();
        stream
            .write_all(head(BLOCK_LIMIT_BYTES).as_bytes())
            .unwrap();
        if number % 2 == 0 {
            stream.write_all(&vec![b' '; 1_000_000]).unwrap();
        }
        waiting.push(stream);
    }
    for _ in 0..20 {
        let answer = node.post("/api/v1/blocks", b"{");
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    // What has come of them counts together.
    let before_mb = node.resident_mb();
    let mut refused = 0;
    for stream in &mut waiting {
        let _ = stream.write_all(&vec![b' '; BLOCK_LIMIT_BYTES - 2_000_000]);
    }
    assert!(node.resident_mb() < before_mb + 150);
    for stream in waiting {
        let answer = read_answer(&mut BufReader::new(stream)).unwrap();
        assert!([408, 503].contains(&answer.status), "{}", answer.status);
        refused += usize::from(answer.status == 503);
    }
    assert!(refused > 20, "{refused}");
    node.assert_unharmed();
}

fn address(name: &str) -> Address {
    let key = SigningKey::from(sha256(name.as_bytes()).0);
    Address(VerificationKeyBytes::from(&key).into())
}

#[test]
fn a_sealed_block_is_checked_to_its_last_signature() {
    let rich = SigningKey::from(sha256(b"rich").0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let params = Params {
        initial_target: U256::MAX >> 8,
        pow_limit: U256::MAX >> 8,
        allocations: [(address("rich"), 1_000)].into(),
        ..Params::defaults("offers")
    };
    let rules = Sealed::with_params(params, now - Duration::from_secs(60)).unwrap();
    let folder = tempdir().unwrap();
    let file = folder.path().join("genesis.json");
    std::fs::write(&file, rules.genesis_text().unwrap()).unwrap();
    let node = Server::adit(["--in-memory", "--chain", file.to_str().unwrap()]);

    let genesis = rules.genesis(Duration::ZERO);
    let transfer = adit_core::sealed::Transfer {
        amount: 5,
        chain: rules.chain().unwrap().id,
        data: None,
        fee: 1,
        nonce: 0,
        recipient: address("bob"),
        sender: address("rich"),
    };
    let signature = rich.sign(&transfer.to_signed_bytes()).to_bytes();
    let mut forged = signature;
    forged[3] ^= 1;
    let block = |signature: &[u8; 64], after: Duration| {
        let context = Context {
            parent: genesis.header(),
            grandparent: None,
            now: after,
        };
        let payment = rules.read_own_payment(&transfer.with_signature(signature));
        let payment = payment.unwrap();
        let content = TemplateContent {
            now: after,
            transactions: vec![Submitted::Payment(payment)],
            reward_to: address("miner").to_string(),
        };
        let puzzle = rules.puzzle(context, &content);
        let proof = (0..).find(|proof| puzzle.is_solved_by(*proof)).unwrap();
        let block = rules.complete(context, &content, proof);
        String::from_utf8(block.text().to_vec()).unwrap()
    };
    let forged = block(&forged, now);
    for _ in 0..2 {
        let problem = refused(&node, &forged);
        assert_eq!(problem["rule"], "signature", "{problem}");
        assert_eq!(problem["block"]["index"], 2);
    }
    let early = block(&signature, now + Duration::from_secs(100_000));
    assert_eq!(offer(&node, &early)["outcome"], "held-back");
    let good = block(&signature, now);
    let unsealed = refused(&node, &good.replace("\"amount\": 5", "\"amount\": 6"));
    assert_eq!(unsealed["rule"], "merkle-root", "{unsealed}");
    let answer = offer(&node, &good);
    assert_eq!(answer["outcome"], "extended");
    assert_eq!(offer(&node, &good)["outcome"], "known");

    let made = preimage(&node, 2);
    let seal = text(&made, "preimage_sha256");
    assert_eq!(hex(text(&made, "preimage")), seal);
    assert!(!text(&made, "preimage").contains("transactions"));
    let guess = &made["guess"];
    assert_eq!((text(guess, "prefix"), text(guess, "suffix")), (seal, ""));
    assert_eq!(text(guess, "text"), format!("{seal}{}", guess["proof"]));
    assert_eq!(hex(text(guess, "text")), text(guess, "sha256"));
    assert_eq!(guess["sha256"], made["hash"]);
    assert_eq!(preimage(&node, 1)["guess"], Value::Null);
}

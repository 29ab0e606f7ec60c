//! What a node may answer, with all there is in it, and with a text where
//! strangers may write.

use serde_json::{Value, json};

use crate::fake_node::FakeNode;

pub(crate) const HASH: &str = "00000000a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c";

/// 2026-11-22T21:58:00Z.
pub(crate) const TIME_MS: u64 = 1_795_384_680_000;

/// A node that has all there is, with this text where strangers may write.
pub(crate) fn node(stranger: &str) -> FakeNode {
    serve(&answers(stranger))
}

pub(crate) fn serve(answers: &[(String, Value)]) -> FakeNode {
    let answers: Vec<_> = answers
        .iter()
        .map(|(name, body)| (&**name, body.clone()))
        .collect();
    FakeNode::answering(&answers)
}

pub(crate) fn answers(stranger: &str) -> Vec<(String, Value)> {
    let block = block(stranger);
    let peers = peers(stranger);
    let reorganisation = reorganisation();
    let mut whole = reorganisation.clone();
    let was = json!({ "block_index": 5, "block_hash": HASH, "position": 1 });
    let details = json!({
        "dropped": [block],
        "adopted": [block],
        "transactions": [{ "id": HASH, "transaction": {}, "was": was, "fate": "returned", "now": null }],
        "truncated": true,
        "rule": format!("the most work {stranger}"),
    });
    whole
        .as_object_mut()
        .unwrap()
        .extend(details.as_object().unwrap().clone());
    let mut found = transaction(stranger, Some(7));
    found["places"] = json!([was, { "block_index": 5, "block_hash": HASH, "position": 0 }]);
    found["next"] = Value::Null;
    let list =
        |transactions: Value| json!({ "count": 1, "transactions": transactions, "next": null });
    let account = json!({
        "address": stranger,
        "balance": 2_500_000,
        "nonce": 3,
        "next_nonce": 4,
        "pending": [HASH],
        "transaction_count": 9,
    });
    let tip = |status: &str, index: u64, fork: Value| {
        json!({ "hash": HASH, "index": index, "status": status, "branch_length": 2,
                "total_weight": "4096", "fork": fork })
    };
    let answers = [
        ("GET /status", status("sealed")),
        ("GET /blocks/tip/hash", json!(HASH)),
        ("GET /block-height/7", json!(HASH)),
        ("GET /block/HASH", block.clone()),
        (
            "GET /block/HASH/txs",
            json!([{ "amount": 1_500_000, "recipient": stranger, "sender": "0" }]),
        ),
        ("GET /block/HASH/raw", block.clone()),
        ("GET /blocks", json!({ "blocks": [block], "next": "6" })),
        ("GET /tx/HASH", found),
        ("GET /address/bob", account),
        (
            "GET /address/bob/txs",
            list(json!([transaction(stranger, None)])),
        ),
        ("GET /mempool", list(json!([transaction(stranger, None)]))),
        ("GET /peers", peers.clone()),
        ("POST /peers", peers),
        ("DELETE /peers/other%3A5000", json!("")),
        (
            "GET /chain-tips",
            json!({ "tips": [
                tip("active", 7, Value::Null),
                tip("valid-fork", 100, json!({ "index": 4, "hash": HASH })),
            ] }),
        ),
        (
            "GET /reorgs",
            json!({ "reorganisations": [reorganisation], "next": null }),
        ),
        ("GET /reorgs/HASH", whole),
        ("GET /stats", stats()),
        ("POST /mine", block),
    ];
    answers
        .map(|(request, body)| (request.replace("HASH", HASH), body))
        .into()
}

pub(crate) fn status(rules: &str) -> Value {
    json!({
        "version": "9.9.9",
        "rules": rules,
        "chain": null,
        "length": 7,
        "tip": HASH,
        "pending": 1,
        "nodes": ["other:5000"],
        "mining": { "searching": true, "kernel": "portable", "threads": 2, "guesses": 1, "guesses_per_s": 1.5e6 },
    })
}

fn block(stranger: &str) -> Value {
    json!({
        "index": 7,
        "hash": HASH,
        "previous_hash": stranger,
        "timestamp": TIME_MS,
        "time_ms": TIME_MS,
        "proof": 35293,
        "target": null,
        "transaction_count": 2,
        "size_bytes": 534,
        "weight": "1",
        "total_weight": "7",
        "reward_to": stranger,
        "on_main_chain": true,
        "confirmations": 2,
        "next_hash": HASH,
    })
}

fn transaction(stranger: &str, block_index: Option<u64>) -> Value {
    let confirmed = block_index.is_some();
    json!({
        "id": HASH,
        "status": if confirmed { "confirmed" } else { "pending" },
        "transaction": { "amount": 1_500_000, "fee": 1_000, "recipient": stranger, "sender": "alice", "note": [stranger] },
        "block_index": block_index,
        "block_hash": confirmed.then_some(HASH),
        "position": confirmed.then_some(1),
        "confirmations": if confirmed { 2 } else { 0 },
    })
}

fn peers(stranger: &str) -> Value {
    let peer = |id: &str, agreement: &str, problem: Value| {
        json!({ "id": id, "kind": "python", "agreement": agreement, "length": 9, "tip": HASH, "lag": -2,
                "asked_ms": TIME_MS, "answered_ms": TIME_MS, "problem": problem })
    };
    let problem = format!("block 3: its proof is wrong {stranger}");
    json!({ "peers": [peer("other:5000", "refused", json!(problem)), peer("third:5000", "same", Value::Null)] })
}

fn reorganisation() -> Value {
    let point = |index: u64| json!({ "index": index, "hash": HASH, "total_weight": "7" });
    json!({
        "id": HASH,
        "time_ms": TIME_MS,
        "fork": { "index": 4, "hash": HASH },
        "old_tip": point(6),
        "new_tip": point(7),
        "dropped_count": 2,
        "adopted_count": 3,
    })
}

fn stats() -> Value {
    let block = |index: u64, interval: i64| {
        json!({ "index": index, "hash": HASH, "time_ms": TIME_MS, "interval_ms": interval,
                "transaction_count": 2, "size_bytes": 534, "difficulty": 4096.0 })
    };
    json!({
        "length": 7,
        "tip": HASH,
        "total_weight": "28672",
        "window": 2,
        "mean_interval_ms": 10_000.0,
        "mean_transactions": 2.0,
        "difficulty": 4096.0,
        "guesses_per_s": 409.6,
        "pending": 1,
        "pool": [{ "time_ms": 1_795_365_322_744u64, "count": 1 }],
        "series": [block(6, 10_000), block(7, -1_500)],
    })
}

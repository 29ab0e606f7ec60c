//! Blocks over the API: by index, by hash, page by page, and byte for byte.

use adit_core::hash::sha256;
use serde_json::Value;

use crate::raw::Answer;
use crate::support::{Server, ask};

fn node_with_blocks(count: usize) -> Server {
    let node = Server::adit(["--in-memory"]);
    node.pay("us", "them");
    for _ in 0..count {
        node.mine();
    }
    node
}

fn json_at(node: &Server, path: &str) -> Value {
    node.get(path).expect_status(200).json()
}

fn text_at(node: &Server, path: &str) -> String {
    node.get(path).expect_status(200).text()
}

#[track_caller]
fn refused(answer: Answer, status: u16, kind: &str) {
    let problem = answer.expect_status(status).json();
    assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
    assert_eq!(problem["status"], status);
}

#[test]
fn pages_of_blocks_go_from_the_tip_to_the_genesis_block() {
    let node = node_with_blocks(6);
    let mut path = "/api/v1/blocks?limit=3".to_string();
    let mut indexes = Vec::new();
    loop {
        let answer = node.get(&path).expect_status(200);
        let link = answer.header("link").map(str::to_string);
        let page = answer.json();
        let blocks = page["blocks"].as_array().unwrap();
        indexes.push(
            blocks
                .iter()
                .map(|block| block["index"].as_u64().unwrap())
                .collect::<Vec<_>>(),
        );
        let Some(cursor) = page["next"].as_str() else {
            assert_eq!(link, None);
            break;
        };
        path = format!("/api/v1/blocks?cursor={cursor}&limit=3");
        assert_eq!(link.unwrap(), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(indexes, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    for (query, count) in [("", 7), ("?limit=0", 1), ("?limit=1000000", 7)] {
        let page = json_at(&node, &format!("/api/v1/blocks{query}"));
        assert_eq!(page["blocks"].as_array().unwrap().len(), count, "{query}");
    }
    refused(node.get("/api/v1/blocks?cursor=-"), 400, "malformed");
}

#[test]
fn a_block_is_found_by_its_hash_and_is_what_was_hashed() {
    let node = node_with_blocks(3);
    let hash = text_at(&node, "/api/v1/block-height/2");
    let chain = node.chain();
    let block = json_at(&node, &format!("/api/v1/block/{hash}"));
    assert_eq!(block["hash"], *hash);
    assert_eq!(block["index"], 2);
    assert_eq!(block["previous_hash"], chain[1]["previous_hash"]);
    assert_eq!(block["timestamp"], chain[1]["timestamp"]);
    assert_eq!(block["transaction_count"], 2);
    assert_eq!(
        (&block["on_main_chain"], &block["confirmations"]),
        (&true.into(), &3.into())
    );
    let raw = node
        .get(&format!("/api/v1/block/{hash}/raw"))
        .expect_status(200);
    assert_eq!(sha256(raw.text().as_bytes()).to_string(), hash);
    assert!(raw.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(block["size_bytes"], raw.text().len());
    let transactions = json_at(&node, &format!("/api/v1/block/{hash}/txs"));
    assert_eq!(transactions, chain[1]["transactions"]);
    assert_eq!(text_at(&node, "/api/v1/blocks/tip/height"), "4");
    let tip = text_at(&node, "/api/v1/blocks/tip/hash");
    assert_eq!(tip, text_at(&node, "/api/v1/block-height/4"));
}

#[test]
fn what_follows_the_tip_is_sent_again_only_when_the_tip_has_changed() {
    let node = node_with_blocks(1);
    let hash = text_at(&node, "/api/v1/block-height/1");
    let block = format!("/api/v1/block/{hash}");
    for path in ["/api/v1/blocks", &block] {
        let etag = node.get(path).header("etag").unwrap().to_string();
        let again = || {
            // What `ask` puts behind it becomes the value of one more field.
            let request = format!("GET {path} HTTP/1.1\r\nIf-None-Match: {etag}\r\nRest:");
            ask(&node.address, &request, "").unwrap().status
        };
        assert_eq!(again(), 304);
        node.mine();
        assert_eq!(again(), 200);
    }
}

#[test]
fn what_is_not_there_is_a_problem_document() {
    let node = node_with_blocks(1);
    for (path, status, kind) in [
        ("/api/v1/block-height/3", 404, "not-found"),
        ("/api/v1/block-height/0", 404, "not-found"),
        ("/api/v1/block-height/-1", 400, "malformed"),
        ("/api/v1/block-height/two", 400, "malformed"),
        ("/api/v1/block/12", 400, "malformed"),
        (
            &format!("/api/v1/block/{}", "0".repeat(64)),
            404,
            "not-found",
        ),
        (
            &format!("/api/v1/block/{}/raw", "0".repeat(64)),
            404,
            "not-found",
        ),
        (
            &format!("/api/v1/block/{}/txs", "f".repeat(64)),
            404,
            "not-found",
        ),
    ] {
        refused(node.get(path), status, kind);
    }
}

#[test]
fn the_classics_know_no_balances_and_prove_nothing() {
    let node = node_with_blocks(0);
    let nobody = json_at(&node, "/api/v1/address/adit1");
    assert_eq!(nobody["balance"], Value::Null);
    assert_eq!(nobody["nonce"], Value::Null);
    let id = "0".repeat(64);
    refused(node.get(&format!("/api/v1/tx/{id}")), 404, "not-found");
    refused(
        node.get(&format!("/api/v1/tx/{id}/merkle-proof")),
        409,
        "not-here",
    );
}

//! What can be found in the chain: transactions by identity, everybody by name,
//! reorganisations and the branches beside the main chain.

use std::fs;
use std::path::Path;

use adit_core::hash::sha256;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::sealed_hostile::World;
use crate::support::{Server, until};

fn node_in(folder: &Path) -> Server {
    Server::adit([
        "--resolve-every",
        "0",
        "--data-dir",
        folder.to_str().unwrap(),
    ])
}

fn ended_in_order(node: Server) {
    node.process.signal(Signal::TERM);
    node.process.ended().expect_code(0);
}

#[track_caller]
fn json_at(node: &Server, path: &str) -> Value {
    node.get(path).expect_status(200).json()
}

/// The identity of what `Server::pay` submits.
fn id_of(sender: &str, recipient: &str) -> String {
    let text = format!(r#"{{"amount": 1, "recipient": "{recipient}", "sender": "{sender}"}}"#);
    sha256(text.as_bytes()).to_string()
}

/// Every byte but letters and digits, as it stands in a path.
fn in_path(name: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

/// The hash of the last block.
fn tip(node: &Server) -> String {
    node.status()["tip"].as_str().unwrap().to_string()
}

fn place(block: &Value, position: u32) -> Value {
    json!({ "block_index": block["index"], "block_hash": block["hash"], "position": position })
}

fn block(node: &Server, index: u64) -> Value {
    let hash = node.get(&format!("/api/v1/block-height/{index}")).text();
    json_at(node, &format!("/api/v1/block/{hash}"))
}

#[test]
fn a_transaction_is_found_in_all_its_places() {
    let node = Server::adit(["--in-memory"]);
    let id = id_of("a", "b");
    let path = format!("/api/v1/tx/{id}");
    node.get(&path).expect_status(404);
    let body = r#"{"sender": "a", "recipient": "b", "amount": 1}"#;
    let answer = node.post("/api/v1/tx", body).expect_status(201).json();
    assert_eq!(answer["id"], *id);
    let waiting = json_at(&node, &path);
    let expected = json!({
        "id": id,
        "status": "pending",
        "transaction": { "amount": 1, "recipient": "b", "sender": "a" },
        "block_index": null,
        "block_hash": null,
        "position": null,
        "confirmations": 0,
        "places": [],
        "next": null,
    });
    assert_eq!(waiting, expected);

    node.pay("a", "b");
    node.mine();
    node.mine();
    node.pay("c", "d");
    node.pay("a", "b");
    node.mine();
    let (second, fourth) = (block(&node, 2), block(&node, 4));
    let confirmed = json_at(&node, &path);
    let expected = json!({
        "id": id,
        "status": "confirmed",
        "transaction": { "amount": 1, "recipient": "b", "sender": "a" },
        "block_index": 4,
        "block_hash": fourth["hash"],
        "position": 1,
        "confirmations": 1,
        "places": [place(&fourth, 1), place(&second, 1), place(&second, 0)],
        "next": null,
    });
    assert_eq!(confirmed, expected);
    let status = json_at(&node, &format!("{path}/status"));
    assert_eq!(status["status"], "confirmed");
    assert_eq!(status["block_index"], 4);

    // Page by page, and after the same one was submitted again.
    node.pay("a", "b");
    let mut next = format!("{path}?limit=2");
    let mut places = Vec::new();
    loop {
        let answer = node.get(&next).expect_status(200);
        let page = answer.json();
        assert_eq!(page["status"], "pending");
        places.extend(page["places"].as_array().unwrap().clone());
        let Some(cursor) = page["next"].as_str() else {
            assert_eq!(answer.header("link"), None);
            break;
        };
        next = format!("{path}?cursor={cursor}&limit=2");
        assert_eq!(
            answer.header("link"),
            Some(&*format!("<{next}>; rel=\"next\""))
        );
    }
    assert_eq!(Value::from(places), expected["places"]);
    let wrong = node.get(&format!("{path}?cursor=x")).expect_status(400);
    assert_eq!(wrong.json()["type"], "/problems/malformed");
}

#[test]
fn everybody_is_found_by_name_whatever_it_is() {
    let node = Server::adit(["--in-memory"]);
    let names = [
        "Zoë",
        "a/b",
        "100%",
        "%2F",
        "\u{1f980} 李雷",
        "?q=1#x",
        "\"\\\n\u{7f}",
        ".",
        "..",
    ];
    for name in names {
        node.pay(name, "the baker");
    }
    node.pay("the baker", "the baker");
    let baker = json_at(&node, "/api/v1/address/the%20baker");
    assert_eq!(baker["pending"].as_array().unwrap().len(), names.len() + 1);
    assert_eq!(baker["transaction_count"], 0);
    node.mine();
    node.pay("Zoë", "the baker");
    for name in names {
        let path = format!("/api/v1/address/{}", in_path(name));
        let found = json_at(&node, &path);
        assert_eq!(found["address"], name);
        assert_eq!(found["transaction_count"], 1, "{found}");
        let list = json_at(&node, &format!("{path}/txs"));
        let senders = list["transactions"].as_array().unwrap().iter();
        let senders = senders.map(|one| &one["transaction"]["sender"]);
        let expected = if name == "Zoë" { 2 } else { 1 };
        assert_eq!(senders.clone().count(), expected, "{list}");
        assert!(senders.clone().all(|sender| sender == name), "{list}");
    }

    // Those that wait come first, then the newest; a page at a time.
    let mut path = "/api/v1/address/the%20baker/txs?limit=4".to_string();
    let mut found = Vec::new();
    loop {
        let page = json_at(&node, &path);
        found.extend(page["transactions"].as_array().unwrap().clone());
        let Some(cursor) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/address/the%20baker/txs?limit=4&cursor={cursor}");
    }
    let positions: Vec<_> = found.iter().map(|one| one["position"].as_u64()).collect();
    let last = names.len() as u64;
    let confirmed = (0..=last).rev().map(Some);
    assert_eq!(
        positions,
        [None].into_iter().chain(confirmed).collect::<Vec<_>>()
    );
    assert_eq!(found[0]["status"], "pending");
    let baker = json_at(&node, "/api/v1/address/the%20baker");
    assert_eq!(baker["transaction_count"], last + 1);
    assert_eq!(baker["pending"], json!([id_of("Zo\\u00eb", "the baker")]));

    let miner = json_at(&node, "/api/v1/address/0");
    assert_eq!(miner["transaction_count"], 1, "rewards are paid by \"0\"");
}

/// Two nodes that share three blocks, and then went ways of their own: ours
/// made one block, theirs two. Then ours takes over theirs.
fn reorganised(ours: &Server, theirs: &Server) {
    ours.mine();
    ours.mine();
    theirs.register([&*ours.address]);
    theirs.get("/nodes/resolve").expect_status(200);
    assert_eq!(tip(theirs), tip(ours));
    ours.pay("both", "b");
    ours.pay("ours", "b");
    ours.pay("ours", "b");
    ours.mine();
    theirs.pay("ours", "b");
    theirs.mine();
    theirs.pay("both", "b");
    theirs.mine();
    ours.register([&*theirs.address]);
    ours.get("/nodes/resolve").expect_status(200);
    assert_eq!(tip(theirs), tip(ours));
}

/// What became of the transactions, and where they stand now.
fn fates(details: &Value) -> Vec<(String, String, Value)> {
    let transactions = details["transactions"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    transactions
        .map(|one| {
            let sender = text(&one["transaction"]["sender"]);
            (sender, text(&one["fate"]), one["now"].clone())
        })
        .collect()
}

#[test]
fn a_reorganisation_of_long_transactions_shows_only_some_of_them() {
    let ours = Server::adit(["--in-memory"]);
    let theirs = Server::adit(["--in-memory", "--resolve-every", "0"]);
    let long = "x".repeat(60_000);
    for number in 0..30 {
        ours.pay(&format!("{number} {long}"), "b");
    }
    ours.mine();
    theirs.mine();
    theirs.mine();
    ours.register([&*theirs.address]);
    ours.get("/nodes/resolve").expect_status(200);
    let path = format!("/api/v1/reorgs/{}", tip(&theirs));
    let answer = ours.get(&path).expect_status(200);
    assert!(answer.text().len() < 2 * 1024 * 1024);
    let details = answer.json();
    assert_eq!(details["truncated"], true);
    let fates = fates(&details);
    assert!((10..30).contains(&fates.len()), "{}", fates.len());
    assert!(fates.iter().all(|(_, fate, _)| fate == "returned"));
}

#[test]
fn a_reorganisation_is_told_with_the_fate_of_each_transaction() {
    let folder = tempdir().unwrap();
    let ours = node_in(folder.path());
    let theirs = Server::adit(["--in-memory", "--resolve-every", "0"]);
    let none = json!({ "reorganisations": [], "next": null });
    assert_eq!(json_at(&ours, "/api/v1/reorgs"), none);
    reorganised(&ours, &theirs);
    assert_eq!(
        json_at(&theirs, "/api/v1/reorgs")["reorganisations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let list = json_at(&ours, "/api/v1/reorgs");
    let [seen] = &**list["reorganisations"].as_array().unwrap() else {
        panic!("expected one: {list}");
    };
    let (fork, new_tip) = (block(&ours, 3), block(&ours, 5));
    let at = |block: &Value| json!({ "index": block["index"], "hash": block["hash"] });
    assert_eq!(seen["id"], new_tip["hash"]);
    assert_eq!(seen["fork"], at(&fork));
    assert_eq!(
        (&seen["dropped_count"], &seen["adopted_count"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(seen["old_tip"]["total_weight"], "4");
    assert_eq!(seen["new_tip"]["total_weight"], "5");
    assert!(seen["time_ms"].as_u64().unwrap() > 1_600_000_000_000);

    let path = format!("/api/v1/reorgs/{}", seen["id"].as_str().unwrap());
    let details = json_at(&ours, &path);
    let old_tip = &details["dropped"][0];
    assert_eq!(
        at(old_tip),
        json!({ "index": 4, "hash": seen["old_tip"]["hash"] })
    );
    assert_eq!(old_tip["on_main_chain"], false);
    assert_eq!(details["adopted"].as_array().unwrap().len(), 2);
    assert_eq!(details["adopted"][1], new_tip);
    assert_eq!(details["truncated"], false);
    assert!(
        details["rule"]
            .as_str()
            .unwrap()
            .contains("5 blocks against 4")
    );
    let (fourth, nowhere) = (block(&ours, 4), Value::Null);
    let fate =
        |sender: &str, fate: &str, now: &Value| (sender.to_string(), fate.to_string(), now.clone());
    let expected = [
        fate("both", "moved", &place(&new_tip, 0)),
        // One of the two stands in the new branch.
        fate("ours", "moved", &place(&fourth, 0)),
        fate("ours", "returned", &nowhere),
        fate("0", "lost", &nowhere),
    ];
    assert_eq!(fates(&details), expected);
    assert_eq!(details["transactions"][0]["was"], place(old_tip, 0));

    // What waited again finds its block.
    ours.mine();
    let sixth = block(&ours, 6);
    let expected = [
        expected[0].clone(),
        expected[1].clone(),
        fate("ours", "returned", &place(&sixth, 0)),
        expected[3].clone(),
    ];
    assert_eq!(fates(&json_at(&ours, &path)), expected);
    ours.get(&format!("/api/v1/reorgs/{}", "0".repeat(64)))
        .expect_status(404);
    ours.get("/api/v1/reorgs/12").expect_status(400);

    let tips = json_at(&ours, "/api/v1/chain-tips");
    let expected = json!([
        {
            "hash": sixth["hash"],
            "index": 6,
            "status": "active",
            "branch_length": 0,
            "total_weight": "6",
            "fork": null,
        },
        {
            "hash": seen["old_tip"]["hash"],
            "index": 4,
            "status": "valid-fork",
            "branch_length": 1,
            "total_weight": "4",
            "fork": at(&fork),
        },
    ]);
    assert_eq!(tips["tips"], expected);
}

#[test]
fn a_block_that_is_offered_beside_the_chain_is_a_tip() {
    let world = World::new();
    let node = world.node();
    node.mine();
    let main = json_at(&node, "/api/v1/chain-tips")["tips"][0].clone();
    assert_eq!(main["hash"], tip(&node));
    let theirs = world.chain_with(3, 0, Vec::new());
    let offer = |text: &String| node.post("/api/v1/blocks", text).expect_status(200).json();
    let beside = offer(&theirs[1]);
    assert_eq!(beside["outcome"], "side");
    let tips = until("the history has heard of it", || {
        let tips = json_at(&node, "/api/v1/chain-tips")["tips"].clone();
        (tips[1]["hash"] == beside["hash"]).then_some(tips)
    });
    let expected = json!([
        main,
        {
            "hash": beside["hash"],
            "index": 2,
            "status": "valid-fork",
            "branch_length": 1,
            "total_weight": main["total_weight"],
            "fork": { "index": 1, "hash": block(&node, 1)["hash"] },
        },
    ]);
    assert_eq!(tips, expected);
    let heavier = offer(&theirs[2]);
    assert_eq!(heavier["outcome"], "reorganised");
    let tips = until("the branches have changed places", || {
        let tips = json_at(&node, "/api/v1/chain-tips")["tips"].clone();
        (tips[0]["hash"] == heavier["hash"]).then_some(tips)
    });
    assert_eq!(tips[1]["hash"], main["hash"]);
    assert_eq!(tips.as_array().unwrap().len(), 2);
}

#[test]
fn what_was_seen_outlives_the_node_and_what_can_be_read_again_a_lost_history() {
    let folder = tempdir().unwrap();
    let ours = node_in(folder.path());
    reorganised(
        &ours,
        &Server::adit(["--in-memory", "--resolve-every", "0"]),
    );
    let id = id_of("both", "b");
    let asked = |node: &Server| {
        let paths = [
            format!("/api/v1/tx/{id}"),
            "/api/v1/address/b".to_string(),
            "/api/v1/chain-tips".to_string(),
        ];
        paths.map(|path| json_at(node, &path))
    };
    let (before, seen) = (asked(&ours), json_at(&ours, "/api/v1/reorgs"));
    assert_eq!(before[0]["places"].as_array().unwrap().len(), 1);
    assert_eq!(before[2]["tips"].as_array().unwrap().len(), 2);
    ended_in_order(ours);

    let ours = node_in(folder.path());
    assert_eq!(asked(&ours), before);
    assert_eq!(json_at(&ours, "/api/v1/reorgs"), seen);
    ended_in_order(ours);

    fs::remove_file(folder.path().join("history.redb")).unwrap();
    let ours = node_in(folder.path());
    assert_eq!(asked(&ours), before);
    assert_eq!(
        json_at(&ours, "/api/v1/reorgs")["reorganisations"],
        json!([])
    );

    // After a kill, it finds its way from what was durable.
    ours.pay("late", "b");
    ours.mine();
    let late = format!("/api/v1/tx/{}", id_of("late", "b"));
    assert_eq!(json_at(&ours, &late)["status"], "confirmed");
    ours.process.kill();
    let ours = node_in(folder.path());
    assert_eq!(json_at(&ours, &late)["status"], "confirmed");
}

#[test]
fn a_failed_history_stops_nothing_else() {
    let folder = tempdir().unwrap();
    ended_in_order(node_in(folder.path()));
    // Where its file should be, something stands that is no file.
    let file = folder.path().join("history.redb");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let node = node_in(folder.path());
    node.pay("a", "b");
    node.mine();
    let problem = until("the history has failed", || {
        let answer = node.get("/api/v1/address/a").expect_status(503).json();
        let detail = answer["detail"].as_str().unwrap().to_string();
        detail.contains("failed").then_some(answer)
    });
    assert_eq!(problem["type"], "/problems/busy");
    assert_eq!(node.chain().len(), 2);
    assert!(
        node.process.stderr().contains("history"),
        "{}",
        node.process.stderr()
    );
    ended_in_order(node);
}

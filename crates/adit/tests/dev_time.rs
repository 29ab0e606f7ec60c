//! `adit dev` for those who test programs on it: back to a snapshot, to another time,
//! many blocks at once, and blocks when it is said.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::dev::Dev;
use crate::sending::Network;
use crate::support::{Ended, Process, Server, adit, ask, run, until};

const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// The last millisecond of the year 9999.
const LAST_MS: u64 = 253_402_300_799_999;

impl Dev {
    /// A command of `adit dev` for this chain.
    pub(crate) fn tell(&self, arguments: &[&str]) -> Ended {
        let node = ["--node", &self.server.address];
        let arguments = ["dev"].iter().chain(arguments).chain(&node);
        run(&mut adit(arguments))
    }

    /// The JSON that it prints.
    #[track_caller]
    pub(crate) fn told(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        self.tell(&arguments).expect_code(0).json()
    }

    /// Signs a payment of so many coins from `dev0` to account 1.
    pub(crate) fn signed(&self, nonce: u64, coins: &str) -> String {
        let chain = self.told["chain"].as_str().unwrap();
        let nonce = nonce.to_string();
        let to = ["--to", self.account(1), "--amount", coins];
        let rest = ["--nonce", &nonce, "--chain-id", chain];
        let arguments = ["sign", "--name", "dev0"].into_iter().chain(to);
        run(&mut adit(arguments.chain(rest))).expect_code(0).stdout
    }

    #[track_caller]
    pub(crate) fn pay(&self, nonce: u64, coins: &str) -> String {
        let signed = self.signed(nonce, coins);
        let answer = self.server.post("/api/v1/tx", &signed).expect_status(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let path = format!("/api/v1/dev/{path}");
        let answer = self.server.post(&path, &body.to_string());
        assert!((200..300).contains(&answer.status), "{}", answer.text());
        answer.json()
    }

    /// The rule that a refusal names.
    #[track_caller]
    fn refused(&self, path: &str, body: &Value) -> Value {
        let path = format!("/api/v1/dev/{path}");
        let answer = self.server.post(&path, &body.to_string());
        answer.expect_status(409).json()["rule"].take()
    }

    fn status_of(&self, transaction: &str) -> Value {
        let path = format!("/api/v1/tx/{transaction}");
        self.server.get(&path).json()["status"].take()
    }

    pub(crate) fn tip(&self) -> Value {
        let blocks = self.server.get("/api/v1/blocks?limit=1").expect_status(200);
        blocks.json()["blocks"][0].take()
    }

    fn now_ms(&self) -> u64 {
        self.told(&["time"])["now_ms"].as_u64().unwrap()
    }
}

#[test]
fn the_chain_goes_back_to_a_snapshot_with_its_accounts_and_what_waited() {
    let dev = Dev::start(&["--no-mining"]);
    let first = dev.pay(0, "1");
    dev.told(&["mine"]);
    let waiting = dev.pay(1, "2");
    let snapshot = dev.told(&["snapshot"]);
    let tip = dev.tip();
    assert_eq!(snapshot["id"], 1);
    assert_eq!(snapshot["block"]["index"], 2);
    assert_eq!(snapshot["block"]["hash"], tip["hash"]);
    assert_eq!(snapshot["pending"], 1);
    let later = dev.told(&["snapshot"]);
    assert_eq!(later["id"], 2);
    dev.told(&["mine", "3"]);
    let dropped = dev.pay(2, "4");
    dev.told(&["mine"]);
    assert_eq!((dev.length(), dev.balance(1)), (6, 10_007_000_000));
    assert_eq!(dev.status_of(&dropped), "confirmed");

    let reverted = dev.told(&["revert", "1"]);
    assert_eq!(reverted["dropped"], 4);
    assert_eq!(reverted["block"], snapshot["block"]);
    assert_eq!(reverted["pending"], 1);
    assert_eq!((dev.length(), dev.balance(1)), (2, 10_001_000_000));
    assert_eq!(dev.tip()["hash"], tip["hash"]);
    assert_eq!(dev.server.status()["pending"], 1);
    assert_eq!(dev.status_of(&first), "confirmed");
    assert_eq!(dev.status_of(&waiting), "pending");
    let gone = dev.server.get(&format!("/api/v1/tx/{dropped}"));
    gone.expect_status(404);
    let list = dev
        .server
        .get(&format!("/api/v1/address/{}/txs", dev.account(1)));
    let count = list.expect_status(200).json()["transactions"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(count, 2, "one in a block, and one that waits");
    // It is told as what it is to everybody else: a reorganisation.
    let seen = dev.server.get("/api/v1/reorgs").expect_status(200).json();
    let seen = &seen["reorganisations"][0];
    assert_eq!(
        (&seen["dropped_count"], &seen["adopted_count"]),
        (&4.into(), &0.into())
    );
    for page in ["/", "/blocks", "/forks", "/pending"] {
        dev.server.get(page).expect_status(200);
    }
    // That snapshot is gone, and so is the later one; numbers do not come again.
    dev.tell(&["revert", "2"])
        .expect_code(1)
        .expect_error(["no snapshot 2"]);
    dev.tell(&["revert"])
        .expect_code(1)
        .expect_error(["adit dev snapshot"]);
    assert_eq!(dev.told(&["snapshot"])["id"], 3);
    // The chain goes on from there, and the dropped nonce is free again.
    dev.told(&["mine"]);
    assert_eq!((dev.length(), dev.balance(1)), (3, 10_003_000_000));
    dev.pay(2, "5");
}

#[test]
fn a_revert_is_told_to_those_who_listen() {
    let dev = Dev::start(&[]);
    dev.told(&["snapshot"]);
    dev.told(&["mine", "5"]);
    let watch = ["watch", "--json", "--node", &dev.server.address];
    let watching = Process::start(&mut adit(watch));
    until("it watches", || {
        watching.stderr().contains("watching").then_some(())
    });
    dev.told(&["revert"]);
    until("it hears of the revert", || {
        let heard = watching.stdout();
        let has = |topic: &str| heard.contains(topic);
        (has("\"dropped_count\":5") && has("\"length\":1")).then_some(())
    });
}

#[test]
fn a_block_that_is_made_again_to_the_byte_is_no_obstacle() {
    // As tests do it that set the time of the next block before each run.
    let dev = Dev::start(&["--genesis-time", "2026-01-01T00:00:00Z"]);
    let signed = dev.signed(0, "1");
    let mut hashes = Vec::new();
    for _ in 0..3 {
        dev.told(&["snapshot"]);
        dev.told(&["time", "next", "2100-01-01"]);
        dev.server.post("/api/v1/tx", &signed).expect_status(201);
        assert_eq!((dev.length(), dev.balance(1)), (2, 10_001_000_000));
        dev.told(&["time", "next", "2100-01-02"]);
        dev.told(&["mine", "10", "--interval", "1s"]);
        hashes.push(dev.tip()["hash"].clone());
        dev.told(&["revert"]);
        assert_eq!(dev.length(), 1);
    }
    assert_eq!(hashes, vec![hashes[0].clone(); 3]);
}

#[test]
fn the_clock_is_set_and_moved_and_never_goes_behind_the_last_block() {
    let dev = Dev::start(&[]);
    let begin_ms = dev.now_ms();
    let set = dev.told(&["time", "set", "2040-01-01"]);
    assert!(set["now_ms"].as_u64().unwrap() >= 2_208_988_800_000);
    dev.told(&["time", "move", "1h"]);
    dev.told(&["mine"]);
    let block_ms = dev.tip()["time_ms"].as_u64().unwrap();
    assert!((2_208_992_400_000..2_208_992_400_000 + 600_000).contains(&block_ms));
    // Years lie between two blocks, and the next proof is as easy as before.
    dev.told(&["time", "move", "100years"]);
    dev.told(&["mine", "5"]);
    dev.pay(0, "1");
    assert_eq!(dev.length(), 8);
    let tip_ms = dev.tip()["time_ms"].as_u64().unwrap();
    assert!(tip_ms > begin_ms + 113 * YEAR_MS);
    let too_early = [0, 1, begin_ms, tip_ms];
    for time_ms in too_early {
        assert_eq!(
            dev.refused("time", &json!({ "set_ms": time_ms })),
            "time-back"
        );
        assert_eq!(
            dev.refused("time", &json!({ "next_ms": time_ms })),
            "time-back"
        );
    }
    assert_eq!(
        dev.refused("time", &json!({ "move_ms": i64::MIN })),
        "time-back"
    );
    assert_eq!(
        dev.refused("time", &json!({ "move_ms": i64::MAX })),
        "time-limit"
    );
    for time_ms in [LAST_MS + 1, u64::MAX] {
        assert_eq!(
            dev.refused("time", &json!({ "set_ms": time_ms })),
            "time-limit"
        );
    }
    for wrong in [
        "{}",
        "{\"set_ms\": 1, \"move_ms\": 1}",
        "{\"set_ms\": -1}",
        "[]",
        "1e999",
        "",
    ] {
        let answer = dev.server.post("/api/v1/dev/time", wrong);
        assert_eq!(
            answer.expect_status(400).json()["type"],
            "/problems/malformed"
        );
    }
    // The last moment there is: the clock stands there, and blocks come even then.
    dev.post("time", &json!({ "next_ms": LAST_MS }));
    dev.told(&["mine", "3"]);
    assert_eq!(dev.tip()["time_ms"], LAST_MS + 2);
    assert_eq!(dev.length(), 11);
    assert_eq!(dev.now_ms(), LAST_MS);
    let shown = dev.tell(&["time"]).expect_code(0).stdout;
    assert!(shown.starts_with("9999-12-31T23:59:59.999Z"), "{shown}");
    dev.server.get("/").expect_status(200);
}

#[test]
fn the_clock_is_moved_back_as_far_as_the_last_block() {
    let dev = Dev::start(&[]);
    dev.told(&["time", "move", "2h"]);
    let before_ms = dev.now_ms();
    dev.told(&["time", "move", "-1h"]);
    let moved_ms = before_ms - dev.now_ms();
    assert!((3_000_000..=3_600_000).contains(&moved_ms), "{moved_ms}");
    let refused = dev.tell(&["time", "move", "-1year"]).expect_code(1);
    refused.expect_error(["the last block is of"]);
    dev.tell(&["time", "move", "-x"]).expect_code(2);
}

#[test]
fn a_chain_that_begins_in_years_begins_its_clock_there() {
    let dev = Dev::start(&["--genesis-time", "2090-01-01T00:00:00Z"]);
    for _ in 0..2 {
        dev.told(&["mine"]);
        let tip_ms = dev.tip()["time_ms"].as_u64().unwrap();
        assert!(
            (3_786_912_000_000..3_786_912_600_000).contains(&tip_ms),
            "{tip_ms}"
        );
        dev.told(&["time", "move", "1day"]);
        dev.told(&["reset"]);
    }
}

#[test]
fn the_next_block_has_the_time_that_was_said_and_the_clock_goes_on_from_there() {
    let dev = Dev::start(&["--no-mining"]);
    dev.told(&["snapshot"]);
    let next = dev.told(&["time", "next", "2050-06-01T12:00:00Z"]);
    assert_eq!(
        (&next["now_ms"], &next["held"]),
        (&2_537_697_600_000_u64.into(), &true.into())
    );
    let still = dev.told(&["time"]);
    assert_eq!(still["now_ms"], next["now_ms"], "it stands");
    dev.told(&["mine"]);
    assert_eq!(dev.tip()["time_ms"], 2_537_697_600_000_u64);
    let after = dev.told(&["time"]);
    assert_eq!(after["held"], false);
    assert!(after["now_ms"].as_u64().unwrap() >= 2_537_697_600_000);
    // As far as it was ahead at the snapshot: not at all.
    let reverted = dev.told(&["revert"]);
    assert!(reverted["time"]["offset_ms"].as_i64().unwrap().abs() < 1_000);
    dev.told(&["time", "set", "2050-06-01"]);
    dev.told(&["reset"]);
    assert!(dev.now_ms() < 2_537_000_000_000);
}

#[test]
fn many_blocks_are_made_at_once_as_far_apart_as_it_is_said() {
    let dev = Dev::start(&["--no-mining"]);
    dev.pay(0, "1");
    let made = dev.told(&["mine", "1000", "--interval", "12s"]);
    assert_eq!(
        (&made["blocks"], &made["first"]["index"]),
        (&1_000.into(), &2.into())
    );
    assert_eq!(made["last"]["index"], 1_001);
    assert_eq!(made["last"]["hash"], dev.tip()["hash"]);
    assert_eq!(dev.balance(1), 10_001_000_000);
    let time_ms = |index: u64| {
        let hash = dev
            .server
            .get(&format!("/api/v1/block-height/{index}"))
            .text();
        let block = dev.server.get(&format!("/api/v1/block/{}", hash.trim()));
        block.expect_status(200).json()["time_ms"].as_u64().unwrap()
    };
    assert_eq!(time_ms(1_001) - time_ms(2), 999 * 12_000);
    assert_eq!(time_ms(3) - time_ms(2), 12_000);
    let one = dev
        .server
        .post("/api/v1/dev/mine", "")
        .expect_status(200)
        .json();
    assert_eq!(one["blocks"], 1);
    for count in [0, 10_001, u64::MAX] {
        assert_eq!(
            dev.refused("mine", &json!({ "blocks": count })),
            "block-count"
        );
    }
    let far = json!({ "blocks": 10_000, "interval_ms": u64::MAX });
    assert_eq!(dev.refused("mine", &far), "time-limit");
    assert_eq!(dev.length(), 1_002);
}

#[test]
fn blocks_are_made_otherwise_while_it_runs() {
    let dev = Dev::start(&[]);
    assert_eq!(
        dev.told(&["status"])["block_making"]["when"],
        "each-transaction"
    );
    dev.told(&["blocks", "on-request"]);
    dev.pay(0, "1");
    assert_eq!(dev.length(), 1);
    dev.told(&["blocks", "each-transaction"]);
    assert_eq!((dev.length(), dev.balance(1)), (2, 10_001_000_000));
    dev.told(&["blocks", "20ms"]);
    until("blocks come by themselves", || {
        (dev.length() > 5).then_some(())
    });
    // Nothing of the old intervals goes on.
    for _ in 0..20 {
        dev.told(&["blocks", "1h"]);
    }
    dev.told(&["blocks", "on-request"]);
    let length = dev.length();
    dev.pay(1, "1");
    assert_eq!(dev.length(), length);
    for wrong in ["0s", "often", ""] {
        dev.tell(&["blocks", wrong]).expect_code(2);
    }
    for wrong in [
        json!({ "when": "interval" }),
        json!({ "when": "interval", "interval_ms": 0 }),
        json!({ "when": "on-request", "interval_ms": 5 }),
        json!({ "when": "sometimes" }),
    ] {
        let answer = dev
            .server
            .post("/api/v1/dev/block-making", &wrong.to_string());
        answer.expect_status(400);
    }
}

#[test]
fn no_other_chain_does_any_of_this() {
    let (classic, network) = (Server::adit(["--in-memory"]), Network::start(&[]));
    for node in [&classic, &network.node] {
        let length = node.status()["length"].clone();
        for (path, body) in [
            ("snapshots", ""),
            ("revert", "{\"id\": 1}"),
            ("time", "{\"move_ms\": 1}"),
            ("mine", "{\"blocks\": 1}"),
            ("block-making", "{\"when\": \"each-transaction\"}"),
            ("state", "{}"),
            ("reset", ""),
        ] {
            let answer = node.post(&format!("/api/v1/dev/{path}"), body);
            let answer = answer.expect_status(409).json();
            assert_eq!(answer["type"], "/problems/not-here", "{path}");
            assert!(answer["detail"].as_str().unwrap().contains("`adit dev`"));
        }
        for path in ["", "/state"] {
            let answer = node.get(&format!("/api/v1/dev{path}"));
            answer.expect_status(409);
        }
        assert_eq!(node.status()["length"], length);
    }
}

#[test]
fn snapshots_come_and_go_while_transactions_and_blocks_do() {
    let dev = Dev::start(&["--accounts", "8"]);
    let chain = dev.told["chain"].as_str().unwrap();
    // Signed before: each is sent again and again, and is new after each revert.
    let payments: Vec<Vec<String>> = (0..8)
        .map(|from| {
            let name = format!("dev{from}");
            let sign = |nonce: u64| {
                let nonce = nonce.to_string();
                let to = ["--to", dev.account(0), "--amount", "1", "--nonce", &nonce];
                let whose = ["sign", "--name", &name, "--chain-id", chain];
                run(&mut adit(whose.into_iter().chain(to)))
                    .expect_code(0)
                    .stdout
            };
            (0..4).map(sign).collect()
        })
        .collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        for payments in &payments {
            for _ in 0..2 {
                threads.spawn(|| {
                    for payment in payments.iter().cycle() {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        // Taken, or refused for its nonce; never unanswered.
                        let answer = ask(&dev.server.address, "POST /api/v1/tx", payment);
                        assert!(matches!(answer.unwrap().status, 201 | 400));
                    }
                });
            }
        }
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                dev.post("mine", &json!({ "blocks": 100 }));
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            dev.post("snapshots", &Value::Null);
            for _ in 0..100 {
                let taken = dev.post("snapshots", &Value::Null);
                let reverted = dev.post("revert", &json!({ "id": taken["id"] }));
                assert_eq!(reverted["block"], taken["block"]);
            }
            let reverted = dev.post("revert", &json!({ "id": 1 }));
            assert!(reverted["block"]["index"].as_u64().unwrap() >= 1);
        }));
        is_over.store(true, Ordering::Relaxed);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
    // It is a valid chain, and all that was owned is there.
    let length = dev.length();
    let blocks = dev.server.chain();
    assert_eq!(blocks.len() as u64, length);
    for pair in blocks.windows(2) {
        assert_eq!(
            pair[0]["index"].as_u64().unwrap() + 1,
            pair[1]["index"].as_u64().unwrap()
        );
    }
    // What waited for an earlier one of its account goes with that.
    for payment in payments.iter().flatten() {
        let answer = dev.server.post("/api/v1/tx", payment);
        assert!(matches!(answer.status, 201 | 400), "{}", answer.text());
    }
    assert_eq!(dev.server.status()["pending"], 0);
    assert!(
        dev.told(&["status"])["snapshots"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn there_are_no_more_snapshots_than_there_may_be() {
    let dev = Dev::start(&["--no-mining"]);
    // What waits is as long as all snapshots together may keep.
    let long = "x".repeat(1_000);
    let chain = dev.told["chain"].as_str().unwrap();
    for number in 0..60 {
        let (name, nonce) = (format!("dev{}", number % 3), (number / 3).to_string());
        let to = ["--to", dev.account(1), "--amount", "1", "--nonce", &nonce];
        let whose = [
            "sign",
            "--name",
            &name,
            "--chain-id",
            chain,
            "--data",
            &long,
        ];
        let signed = run(&mut adit(whose.into_iter().chain(to))).expect_code(0);
        let answer = dev.server.post("/api/v1/tx", &signed.stdout);
        answer.expect_status(201);
    }
    let mut taken = 0;
    let rule = loop {
        let answer = dev.server.post("/api/v1/dev/snapshots", "");
        match answer.status {
            201 => taken += 1,
            _ => break answer.expect_status(409).json()["rule"].take(),
        }
        assert!(taken < 1_000, "there is no end");
    };
    assert_eq!(rule, "snapshots-limit");
    assert!(taken > 10, "{taken}");
    // Each revert makes room.
    dev.told(&["revert", "2"]);
    assert_eq!(dev.told(&["snapshot"])["pending"], 60);
}

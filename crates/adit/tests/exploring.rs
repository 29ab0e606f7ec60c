//! The commands that look at a running node, beside real ones: two that found
//! blocks apart and met, and a development chain with coins.

use std::fmt::Write as _;

use adit_core::hash::sha256;
use serde_json::{Value, json};

use crate::sending::development_chain;
use crate::support::{Ended, Server, adit, run, until};
use crate::wallet::Wallets;

/// A node that found two blocks, met one that had found three, and makes
/// nothing by itself; alice has paid bob on the branch that was left.
struct Met {
    ours: Server,
    theirs: Server,
}

impl Met {
    fn start() -> Met {
        let [ours, theirs] =
            [(); 2].map(|()| Server::adit(["--in-memory", "--resolve-every", "0"]));
        ours.pay("alice", "bob");
        ours.mine();
        ours.mine();
        for _ in 0..3 {
            theirs.mine();
        }
        let met = Met { ours, theirs };
        met.ask(&["peers", "add", &format!("http://{}", met.theirs.address)])
            .expect_code(0);
        assert_eq!(met.ours.get("/nodes/resolve").status, 200);
        assert_eq!(met.ours.status()["length"], 4);
        met
    }

    /// The status as a terminal with colours shows it.
    fn status_in_colour(&self) -> String {
        let mut status = adit(["status", "--node", &self.ours.address]);
        run(status.env("CLICOLOR_FORCE", "1")).expect_code(0).stdout
    }

    fn ask(&self, arguments: &[&str]) -> Ended {
        run(adit(arguments).args(["--node", &self.ours.address]))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.ask(&[arguments, &["--json"]].concat())
            .expect_code(0)
            .json()
    }

    #[track_caller]
    fn expect(&self, arguments: &[&str], texts: &[&str]) {
        let said = self.ask(arguments).expect_code(0).stdout;
        for text in texts {
            assert!(said.contains(text), "{arguments:?}: no {text:?} in\n{said}");
        }
    }
}

#[test]
fn what_programs_get_is_what_the_node_answers() {
    let met = Met::start();
    let tip = met.ours.status()["tip"].as_str().unwrap().to_owned();
    let payment = met.json(&["mempool"])["transactions"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (command, path) in [
        (&["block"][..], format!("/block/{tip}")),
        (&["block", "4"], format!("/block/{tip}")),
        (&["block", "4", "--txs"], format!("/block/{tip}/txs")),
        (&["blocks", "-n", "2"], "/blocks?limit=2".to_owned()),
        (&["tx", &payment], format!("/tx/{payment}")),
        (&["address", "bob"], "/address/bob".to_owned()),
        (
            &["address", "bob", "--txs"],
            "/address/bob/txs?limit=25".to_owned(),
        ),
        (&["mempool"], "/mempool?limit=25".to_owned()),
        (&["peers"], "/peers".to_owned()),
        (&["tips"], "/chain-tips".to_owned()),
        (&["reorgs"], "/reorgs?limit=25".to_owned()),
        (&["reorgs", &tip], format!("/reorgs/{tip}")),
        (&["stats", "-n", "3"], "/stats?blocks=3".to_owned()),
    ] {
        let answer = met.ours.get(&format!("/api/v1{path}")).expect_status(200);
        let said = met.ask(&[command, &["--json"]].concat()).expect_code(0);
        assert_eq!(
            said.stdout.trim_end(),
            answer.text().trim_end(),
            "{command:?}"
        );
    }
}

#[test]
fn people_see_how_two_branches_met() {
    let met = Met::start();
    let tip = met.ours.status()["tip"].as_str().unwrap().to_owned();
    let payment = met.json(&["mempool"])["transactions"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    met.expect(
        &["status"],
        &["4 blocks", "1 of 1 have the same chain", " dropped, "],
    );
    met.expect(&["peers"], &[&met.theirs.address, "same", "adit"]);
    met.expect(&["tips"], &["active", "valid-fork", &tip]);
    met.expect(&["reorgs"], &["dropped", &tip]);
    met.expect(
        &["reorgs", &tip],
        &["Dropped:", "Adopted:", &payment, "returned", "lost"],
    );
    met.expect(
        &["mempool"],
        &["1 transaction waiting", "alice", "bob", &payment],
    );
    met.expect(&["tx", &payment], &["waits for a block", "alice", "bob"]);
    met.expect(
        &["address", "bob", "--txs"],
        &["nobody owns anything", "waits", &payment],
    );
    met.expect(&["stats"], &["65536 guesses a block", "4 blocks"]);
    met.expect(
        &["block", "--txs"],
        &[&tip, "in the main chain, 1 confirmation"],
    );

    met.expect(&["mine"], &["5", "in the main chain, 1 confirmation"]);
    met.expect(
        &["tx", &payment],
        &["in block 5 at position 0, 1 confirmation"],
    );
    met.expect(
        &["peers", "remove", &met.theirs.address],
        &["is not asked any more"],
    );
    met.expect(&["peers"], &["no node is registered"]);
}

#[test]
fn the_last_blocks_are_drawn_into_a_file() {
    let node = Server::adit(["--in-memory"]);
    node.mine();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("blocks.svg");
    for chart in ["transactions", "size", "interval", "difficulty", "rate"] {
        let mut stats = adit(["stats", "--json", "--node", &node.address, "--chart", chart]);
        let said = run(stats.arg("--svg").arg(&file)).expect_code(0).json();
        assert_eq!(said, json!({ "file": file }));
        let drawn = std::fs::read_to_string(&file).unwrap();
        assert!(
            drawn.starts_with("<svg") && drawn.ends_with("</svg>\n"),
            "{drawn}"
        );
        assert!(drawn.contains("xmlns"), "{drawn}");
    }
    let drawn = std::fs::read_to_string(&file).unwrap();
    let printed = adit([
        "stats",
        "--svg",
        "-",
        "--chart",
        "rate",
        "--node",
        &node.address,
    ]);
    assert_eq!(run(&mut { printed }).expect_code(0).stdout, drawn);
    let alone = run(&mut adit([
        "stats",
        "--chart",
        "rate",
        "--node",
        &node.address,
    ]));
    alone.expect_code(2).expect_error(["--svg"]);
    let mut nowhere = adit(["stats", "--node", &node.address, "--svg"]);
    let failed = run(nowhere.arg(folder.path())).expect_code(1);
    failed.expect_error([folder.path().to_str().unwrap()]);
}

#[test]
fn watching_tells_of_both_branches() {
    let [ours, theirs] = [(); 2].map(|()| Server::adit(["--in-memory", "--resolve-every", "0"]));
    let watch = crate::support::Process::start(&mut adit(["watch", "--node", &ours.address]));
    until("it watches", || {
        watch.stderr().contains("watching").then_some(())
    });
    ours.mine();
    until("the block is seen", || {
        watch.stdout().contains("made here").then_some(())
    });
    theirs.mine();
    theirs.mine();
    ours.register([&*theirs.address]);
    assert_eq!(ours.get("/nodes/resolve").status, 200);
    let tip = ours.status()["tip"].as_str().unwrap().to_owned();
    until("the reorganisation is seen", || {
        let said = watch.stdout();
        let seen = said.lines().any(|line| {
            line.contains("reorg") && line.contains("the chain left 2") && line.contains(&tip)
        });
        seen.then_some(())
    });
}

#[test]
fn pages_of_a_list_join() {
    let node = Server::adit(["--in-memory"]);
    for number in 0..5 {
        node.pay(&format!("payer {number}"), "bob");
    }
    let (mut seen, mut cursor) = (String::new(), None::<String>);
    loop {
        let mut list = adit(["mempool", "-n", "2", "--json", "--node", &node.address]);
        if let Some(cursor) = &cursor {
            list.args(["--cursor", cursor]);
        }
        let page = run(&mut list).expect_code(0).json();
        for one in page["transactions"].as_array().unwrap() {
            write!(seen, "{} ", one["transaction"]["sender"]).unwrap();
        }
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        let said = run(&mut adit(["mempool", "-n", "2", "--node", &node.address]));
        assert!(said.expect_code(0).stdout.contains("more with --cursor"));
    }
    assert_eq!(
        seen,
        r#""payer 0" "payer 1" "payer 2" "payer 3" "payer 4" "#
    );
    let wrong = run(&mut adit([
        "mempool",
        "--cursor",
        "x y",
        "--node",
        &node.address,
    ]));
    wrong.expect_code(1).expect_error(["cursor"]);
}

#[test]
fn amounts_of_coins_are_in_coins() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let sent = wallets
        .ask(&node, &["send", &friend, "1.5"])
        .expect_code(0)
        .json();
    let id = sent["id"].as_str().unwrap();
    let ask = |arguments: &[&str]| {
        let said = run(adit(arguments).args(["--node", &node.address]));
        said.expect_code(0).stdout
    };
    let found = ask(&["tx", id]);
    for text in [
        "amount         1.5\n",
        "fee            0.001\n",
        "in block 2 at position 1",
    ] {
        let words: Vec<_> = text.split_whitespace().collect();
        let has_line = found.lines().any(|line| {
            line.split_whitespace()
                .collect::<Vec<_>>()
                .starts_with(&words)
        });
        assert!(has_line || found.contains(text), "no {text:?} in\n{found}");
    }
    let account = ask(&["address", &friend, "--txs"]);
    assert!(
        account.contains("1.5 coins") && account.contains(id),
        "{account}"
    );
    let mined = ask(&["mine"]);
    assert!(mined.contains("reward to"), "{mined}");
}

#[test]
fn a_node_of_a_sealed_chain_without_an_address_to_reward_says_so() {
    let folder = tempfile::TempDir::new().unwrap();
    let genesis = folder.path().join("class.json");
    let mut new = adit(["chain", "new", "--name", "class", "--output"]);
    run(new.arg(&genesis)).expect_code(0);
    let node = Server::start(adit(["node", "-p", "0", "--in-memory", "--chain"]).arg(&genesis));
    let refused = run(&mut adit(["mine", "--node", &node.address])).expect_code(1);
    refused.expect_error(["--reward-to"]);
}

#[test]
fn names_of_any_kind_are_asked_for() {
    let node = Server::adit(["--in-memory"]);
    for name in ["a/b?c#d%20 é", "\u{1b}[31m", "%2e%2e", "日本"] {
        let body = json!({ "sender": name, "recipient": "bob", "amount": 1 }).to_string();
        node.post("/transactions/new", &body).expect_status(201);
        let found = run(&mut adit([
            "address",
            "--json",
            "--node",
            &node.address,
            name,
        ]));
        let found = found.expect_code(0).json();
        assert_eq!(found["address"], name);
        assert_eq!(found["pending"].as_array().unwrap().len(), 1, "{name:?}");
    }
}

#[test]
fn an_amount_that_spells_a_number_is_shown_as_the_string_that_it_is() {
    let node = Server::adit(["--in-memory"]);
    let text = r#"{"amount": "10", "recipient": "bob", "sender": "alice"}"#;
    node.post("/api/v1/tx", text).expect_status(400);
    node.post("/transactions/new", text).expect_status(201);
    let id = sha256(text.as_bytes()).to_string();
    let said = run(&mut adit(["tx", &id, "--node", &node.address])).expect_code(0);
    assert!(
        said.stdout.contains("amount     \"10\"\n"),
        "{}",
        said.stdout
    );
    let said = run(&mut adit(["mempool", "--node", &node.address])).expect_code(0);
    assert!(said.stdout.contains(" \"10\"\n"), "{}", said.stdout);
    let page = node.get(&format!("/tx/{id}")).expect_status(200).text();
    assert!(page.contains("&#34;10&#34;"), "{page}");
}

#[test]
fn the_id_of_a_classic_transaction_is_its_hash() {
    let node = Server::adit(["--in-memory"]);
    node.pay("alice", "bob");
    node.mine();
    let id = sha256(br#"{"amount": 1, "recipient": "bob", "sender": "alice"}"#).to_string();
    let found = run(&mut adit(["tx", &id, "--json", "--node", &node.address]));
    assert_eq!(found.expect_code(0).json()["block_index"], 2);
    let nowhere = "0".repeat(64);
    let refused = run(&mut adit(["tx", &nowhere, "--node", &node.address]));
    refused.expect_code(1).expect_error([&*nowhere]);
}

#[test]
fn the_status_is_green_where_all_is_well_and_red_where_somebody_should_look() {
    let met = Met::start();
    let (green, red) = ("\u{1b}[32m", "\u{1b}[31m");
    let said = met.status_in_colour();
    assert!(
        said.contains(&format!("{green}1 of 1 have the same chain")),
        "{said}"
    );
    met.ask(&["peers", "add", "http://localhost:9"])
        .expect_code(0);
    assert_eq!(met.ours.get("/nodes/resolve").status, 200);
    let said = met.status_in_colour();
    assert!(
        said.contains(&format!("{red}1 of 2 have the same chain")),
        "{said}"
    );
    let mut plain = adit(["status", "--node", &met.ours.address]);
    let said = run(plain.env("NO_COLOR", "1")).expect_code(0).stdout;
    assert!(!said.contains('\u{1b}'), "{said}");
}

//! The commands that look at a running node: what they say to people and to
//! programs, how they fit a terminal, and what strangers' texts can't do there.

use std::{fs, io};

use serde_json::{Value, json};

use crate::fake_answers::{HASH, answers, node, serve, status};
use crate::fake_node::{FakeNode, problem};
use crate::support::{Ended, Server, adit, free_port, run};
use crate::terminal::on_terminal;

/// A clear screen, a red text, and a text that reads from right to left; none of
/// it may reach a terminal as it is.
const HOSTILE: &str = "mallory\u{1b}[2J\u{1b}[31m\r\n\u{202e}\u{7}\u{9b}0m\u{7f}\u{2066}";

/// What of it would do something.
const HARMFUL: [char; 8] = [
    '\u{1b}', '\r', '\u{202e}', '\u{7}', '\u{9b}', '\u{7f}', '\u{2066}', '\u{0}',
];

/// Every command, and what its summary for people says.
fn commands() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    vec![
        (
            vec!["status"],
            vec![
                "sealed",
                "7 blocks",
                "1 of 2 have the same chain, 1 refused",
            ],
        ),
        (
            vec!["status"],
            vec!["reorgs", "2 blocks dropped, 3 adopted"],
        ),
        (
            vec!["block"],
            vec!["in the main chain, 2 confirmations", "2026-11-22T21:58:00Z"],
        ),
        (vec!["block", "7", "--txs"], vec!["position", "bob", "1.5"]),
        (vec!["blocks"], vec!["reward to", "more with --cursor 6"]),
        (
            vec!["tx", HASH],
            vec!["in block 7 at position 1, 2 confirmations", "note"],
        ),
        (
            vec!["tx", HASH],
            vec!["stands in several places", "5         0"],
        ),
        (vec!["address", "bob"], vec!["2.5 coins", "3 transactions"]),
        (vec!["address", "bob", "--txs"], vec!["waits", "1.5"]),
        (
            vec!["mempool"],
            vec!["1 transaction waiting", "alice", "1.5"],
        ),
        (
            vec!["peers"],
            vec!["other:5000", "refused", "block 3: its proof", "same"],
        ),
        (vec!["peers", "add", "other:5000"], vec!["other:5000"]),
        (
            vec!["peers", "remove", "other:5000"],
            vec!["other:5000 is not asked any more"],
        ),
        (vec!["tips"], vec!["active", "valid-fork", "4"]),
        (vec!["reorgs"], vec!["2026-11-22T21:58:00Z", "2", "3"]),
        (
            vec!["reorgs", HASH],
            vec!["the most work", "returned", "Dropped:", "Adopted:"],
        ),
        (vec!["stats"], vec!["10.0 s", "4096 guesses", "-1.5 s"]),
        (vec!["mine"], vec!["in the main chain, 2 confirmations"]),
    ]
}

#[test]
fn every_command_has_words_for_people() {
    let node = node("bob");
    for (command, texts) in commands() {
        let said = ask(&node, &command).expect_code(0);
        for text in texts {
            assert!(
                said.stdout.contains(text),
                "{command:?}: no {text:?} in {said:#?}"
            );
        }
        assert_eq!(said.stderr, "", "{command:?}");
    }
}

#[test]
fn programs_get_the_api_s_answer_byte_for_byte_and_nothing_else() {
    let node = node("bob");
    for (request, command) in [
        ("GET /status", &["status"][..]),
        ("GET /block/HASH", &["block"]),
        ("GET /block/HASH", &["block", HASH]),
        ("GET /block/HASH/txs", &["block", "7", "--txs"]),
        ("GET /blocks", &["blocks"]),
        ("GET /tx/HASH", &["tx", HASH]),
        ("GET /address/bob", &["address", "bob"]),
        ("GET /address/bob/txs", &["address", "bob", "--txs"]),
        ("GET /mempool", &["mempool"]),
        ("GET /peers", &["peers"]),
        ("POST /peers", &["peers", "add", "other:5000"]),
        ("GET /chain-tips", &["tips"]),
        ("GET /reorgs", &["reorgs"]),
        ("GET /reorgs/HASH", &["reorgs", HASH]),
        ("GET /stats", &["stats"]),
        ("POST /mine", &["mine"]),
    ] {
        let answers = answers("bob");
        let (_, expected) = answers
            .iter()
            .find(|(name, _)| *name == request.replace("HASH", HASH))
            .unwrap();
        let said = ask(&node, &[command, &["--json"]].concat()).expect_code(0);
        assert_eq!(said.stdout, format!("{expected}\n"), "{command:?}");
        assert_eq!(said.stderr, "", "{command:?}");
    }
    let removed = ask(&node, &["peers", "remove", "other:5000", "--json"]).expect_code(0);
    assert_eq!(removed.json(), json!({ "removed": "other:5000" }));
}

#[test]
fn the_bytes_of_a_block_come_without_a_line_end() {
    let node = Server::adit(["--in-memory"]);
    node.mine();
    let hash = node.status()["tip"].as_str().unwrap().to_owned();
    let raw = run(&mut adit(["block", "--raw", "--node", &node.address])).expect_code(0);
    let hashed = adit_core::hash::sha256(raw.stdout.as_bytes());
    assert_eq!(hashed.to_string(), hash);
}

#[test]
fn what_is_asked_for_is_what_was_said() {
    let node = node("bob");
    for (command, request) in [
        (&["blocks", "-n", "7"][..], "GET /api/v1/blocks?limit=7"),
        (
            &["mempool", "--cursor", "a b"],
            "GET /api/v1/mempool?limit=25&cursor=a%20b",
        ),
        (&["stats", "-n", "9"], "GET /api/v1/stats?blocks=9"),
        (
            &["peers", "add", "http://Other:1", "b"],
            r#"POST /api/v1/peers {"nodes":["other:1","b:80"]}"#,
        ),
        (
            &["peers", "remove", "other:1"],
            "DELETE /api/v1/peers/other%3A1",
        ),
        (
            &["address", "a/b?c#d é"],
            "GET /api/v1/address/a%2Fb%3Fc%23d%20%C3%A9",
        ),
        (&["block", "3"], "GET /api/v1/block-height/3"),
    ] {
        ask(&node, command);
        let asked = node.asked();
        assert!(
            asked.iter().any(|one| one == request),
            "{request:?} is not among {asked:#?}"
        );
    }
}

#[test]
fn wrong_usage_is_named_and_asks_nobody() {
    let node = node("bob");
    for (command, named) in [
        (&["block", "0"][..], "indexes begin with 1"),
        (&["block", "last"], "four or more), or tip"),
        (&["block", "--raw", "--txs"], "--txs"),
        (&["tx"], "<ID>"),
        (&["tx", "00"], "an id of 64 hex digits"),
        (&["address", ".."], "cannot be asked for over HTTP"),
        (&["mempool", "-n", "0"], "1..=100"),
        (&["stats", "-n", "1001"], "1..=1000"),
        (&["peers", "add"], "<URL>"),
        (&["peers", "add", "http://"], "not a node's address"),
        (
            &["watch", "--topics", "weather"],
            "block, reorg, tx, peer, mining",
        ),
        (&["reorgs", HASH, "-n", "3"], "--limit"),
    ] {
        ask(&node, command).expect_code(2).expect_error([named]);
    }
    assert_eq!(node.asked(), [""; 0]);
}

#[test]
fn without_a_node_every_command_says_where_to_look() {
    let port = free_port().to_string();
    for (command, _) in commands() {
        let arguments = [&command[..], &["-p", &port]].concat();
        let failed = run(&mut adit(&arguments)).expect_code(1);
        assert_eq!(failed.stdout, "", "{command:?}");
        let place = format!("no node answers at http://127.0.0.1:{port}");
        failed.expect_error([&*place, "is it running?", "-p"]);
    }
    let watch = run(&mut adit(["watch", "-p", &port, "--json"])).expect_code(1);
    let error: Value = serde_json::from_str(&watch.stderr).unwrap();
    assert!(error["error"].as_str().unwrap().contains("no node answers"));
}

#[test]
fn a_problem_is_told_in_the_node_s_words() {
    let refusing = FakeNode::always(409, &problem(409, "this chain has no \u{1b}[31mred coins"));
    let refused = ask(&refusing, &["tips"]).expect_code(1);
    let refused = refused.expect_error(["refused: this chain has no \\u{1b}[31mred coins"]);
    assert!(!refused.stderr.contains('\u{1b}'), "{refused:#?}");
    let hostile = FakeNode::always(409, &problem(409, HOSTILE));
    for command in [
        &["tips"][..],
        &["tips", "--json"],
        &["watch"],
        &["balance", "bob"],
    ] {
        let refused = ask(&hostile, command);
        assert!(!refused.stderr.contains(HARMFUL), "{refused:#?}");
    }
    let busy = FakeNode::always(503, &problem(503, "the disk is slow"));
    ask(&busy, &["tips"])
        .expect_code(1)
        .expect_error(["the disk is slow; try again in a moment"]);
    let other = FakeNode::always(404, b"<html>nothing</html>");
    ask(&other, &["tips"])
        .expect_code(1)
        .expect_error(["/api/v1/chain-tips", "may be older"]);
    let no_json = FakeNode::always(200, b"hello");
    ask(&no_json, &["tips"])
        .expect_code(1)
        .expect_error(["is no node of adit", "/api/v1/chain-tips"]);
}

#[test]
fn an_answer_without_end_is_broken_off() {
    let endless = FakeNode::always(200, &vec![b' '; 17 * 1024 * 1024]);
    for command in [
        &["tips"][..],
        &["tips", "--json"],
        &["block", HASH, "--raw"],
    ] {
        let failed = ask(&endless, command).expect_code(1);
        assert_eq!(failed.stdout, "");
        failed.expect_error(["longer than 16777216 bytes"]);
    }
}

#[test]
fn strangers_texts_do_nothing_to_a_terminal() {
    let node = node(HOSTILE);
    for (command, _) in commands() {
        for extra in [&[][..], &["--json"]] {
            let arguments = [&command[..], extra, &["--node", &node.address]].concat();
            let said = on_terminal(adit(&arguments).env("NO_COLOR", "1"), 200);
            let harmful = said.chars().find(|shown| HARMFUL.contains(shown));
            assert_eq!(harmful, None, "{arguments:?}: {said:?}");
            if !extra.is_empty() {
                // It means the same as what came.
                assert!(serde_json::from_str::<Value>(&said).is_ok(), "{said:?}");
            }
        }
    }
    let said = ask(&node, &["block", "--txs"]).expect_code(0).stdout;
    assert!(
        said.contains(r"mallory\u{1b}[2J\u{1b}[31m\r\n\u{202e}\u{7}"),
        "{said}"
    );
}

#[test]
fn a_name_that_looks_escaped_is_told_from_one_that_is() {
    let said = ask(&node(r"bob\u{1b}"), &["block", "--txs"])
        .expect_code(0)
        .stdout;
    assert!(said.contains(r"bob\\u{1b}"), "{said}");
    let plain = "José \"Pepe\" O'Neill 日本";
    let said = ask(&node(plain), &["block", "--txs"]).expect_code(0).stdout;
    assert!(said.contains(plain), "{said}");
}

#[test]
fn tables_fit_the_terminal_and_hashes_lose_their_middle() {
    let node = node("bob");
    for command in [
        &["blocks"][..],
        &["mempool"],
        &["peers"],
        &["tips"],
        &["reorgs"],
        &["stats"],
    ] {
        let arguments = [command, &["--node", &node.address]].concat();
        for columns in [40, 80, 200] {
            let said = on_terminal(&mut plain(&arguments), columns);
            // What is said of one thing is never shortened.
            let table = said.rsplit("\n\n").next().unwrap();
            for line in table.lines() {
                let width = line.chars().count();
                assert!(
                    width <= usize::from(columns),
                    "{width} of {columns}: {line:?}\n{said}"
                );
            }
        }
    }
    let arguments = ["tips", "--node", &node.address];
    let narrow = on_terminal(&mut plain(&arguments), 60);
    assert!(narrow.contains('…') && !narrow.contains(HASH), "{narrow}");
    assert!(narrow.contains("000000…3a4b5c"), "{narrow}");
    let wide = on_terminal(&mut plain(&arguments), 200);
    assert!(wide.contains(HASH) && !wide.contains('…'), "{wide}");
}

#[test]
fn columns_wins_over_the_terminal_and_counts_for_nothing_elsewhere() {
    let node = node("bob");
    let arguments = ["blocks", "--node", &node.address];
    let terminal = |columns: &str| {
        // COLUMNS is removed by the code that makes the terminal.
        let script = format!("COLUMNS={columns} exec \"$0\" \"$@\"");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_adit")]);
        on_terminal(
            shell.args(arguments).env("NO_COLOR", "1").current_dir("/"),
            80,
        )
    };
    let longest = |said: &str| said.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest(&terminal("40")) <= 40);
    assert!(terminal("200").contains(HASH));
    assert!(longest(&terminal("nonsense")) <= 80);

    let piped = run(adit(arguments).env("COLUMNS", "40"))
        .expect_code(0)
        .stdout;
    assert!(piped.contains(HASH) && !piped.contains('…'), "{piped}");
}

#[test]
fn ages_are_for_those_who_look() {
    let node = node("bob");
    let arguments = ["block", "--node", &node.address];
    let shown = on_terminal(&mut plain(&arguments), 80);
    assert!(shown.contains("2026-11-22T21:58:00Z ("), "{shown}");
    let piped = run(&mut adit(arguments)).expect_code(0).stdout;
    assert!(piped.contains("2026-11-22T21:58:00Z\n"), "{piped}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let node = node("bob");
    let arguments = ["blocks", "--node", &node.address];
    let has_colours = |said: &str| said.contains('\u{1b}');
    assert!(has_colours(&on_terminal(&mut adit(arguments), 80)));
    for (name, value) in [("NO_COLOR", "1"), ("CLICOLOR", "0")] {
        let said = on_terminal(adit(arguments).env(name, value), 80);
        assert!(!has_colours(&said), "{name}={value}: {said:?}");
    }
    let json = ["blocks", "--json", "--node", &node.address];
    assert!(!has_colours(&on_terminal(&mut adit(json), 80)));
    assert!(!has_colours(
        &run(&mut adit(arguments)).expect_code(0).stdout
    ));
    let forced = run(adit(arguments).env("CLICOLOR_FORCE", "1")).expect_code(0);
    assert!(has_colours(&forced.stdout));
}

#[test]
fn numbers_stand_to_the_right() {
    let said = ask(&node("bob"), &["tips"]).expect_code(0).stdout;
    let lines: Vec<_> = said.lines().collect();
    let end = lines[0].find("  hash").unwrap();
    for (line, index) in [(lines[1], " 7"), (lines[2], " 100")] {
        assert!(line[..end].ends_with(index), "{said}");
    }
}

#[test]
fn a_number_of_a_thousand_digits_breaks_nothing() {
    let amount = "9".repeat(1_000);
    let text = format!(
        r#"{{"count":1,"next":null,"transactions":[{{"id":"{HASH}","status":"pending","transaction":{{"amount": {amount}, "recipient": "b", "sender": "a"}},"block_index":null,"block_hash":null,"position":null,"confirmations":0}}]}}"#
    );
    let mut answers = answers("bob");
    answers.retain(|(request, _)| request != "GET /mempool" && request != "GET /status");
    answers.push(("GET /mempool".to_owned(), json!(text)));
    answers.push(("GET /status".to_owned(), status("classic")));
    let node = serve(&answers);
    let said = ask(&node, &["mempool"]).expect_code(0).stdout;
    assert!(said.contains(&amount), "{said}");
    let arguments = ["mempool", "--node", &node.address];
    let narrow = on_terminal(&mut plain(&arguments), 80);
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 80),
        "{narrow}"
    );
}

#[test]
fn that_nobody_reads_is_no_error() {
    let node = node("bob");
    for command in [
        &["blocks"][..],
        &["blocks", "--json"],
        &["block"],
        &["block", "--raw"],
    ] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = adit(command);
        command.args(["--node", &node.address]).stdout(writer);
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(ended.stderr, b"", "{ended:?}");
    }
    // A disk that is full is one.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut blocks = adit(["blocks", "--node", &node.address]);
    let failed = blocks.stdout(full).output().unwrap();
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
}

fn ask(node: &FakeNode, arguments: &[&str]) -> Ended {
    run(adit(arguments).args(["--node", &node.address]))
}

fn plain(arguments: &[&str]) -> std::process::Command {
    let mut command = adit(arguments);
    command.env("NO_COLOR", "1");
    command
}

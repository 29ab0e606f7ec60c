//! `adit chain` on the data folder of a stopped node: what is exported can be
//! imported again, nothing wrong is taken in, and damage is found.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{Ended, Server, adit, run, run_with_input};

#[test]
fn show_finds_a_block_by_index_by_hash_or_the_last() {
    let stored = Stored::with_blocks(3);
    let last = stored.chain("show", &["--json"]).expect_code(0).json();
    assert_eq!(last, stored.blocks[3]);
    let second = stored.chain("show", &["2", "--json"]).expect_code(0).json();
    assert_eq!(second, stored.blocks[1]);
    let hash = stored.blocks[2]["previous_hash"].as_str().unwrap();
    let by_hash = stored
        .chain("show", &[hash, "--json"])
        .expect_code(0)
        .json();
    assert_eq!(by_hash, second);
    let words = stored.chain("show", &["2"]).expect_code(0).stdout;
    for text in [hash, "35293", "payer 1"] {
        assert!(words.contains(text), "no {text} in {words}");
    }
    let previous = second["previous_hash"].as_str().unwrap();
    let line = format!("previous      {previous}\n");
    assert!(words.contains(&line), "no {line:?} in {words}");
}

#[test]
fn show_says_which_blocks_there_are() {
    let stored = Stored::with_blocks(1);
    let nowhere = "0".repeat(64);
    for wanted in ["0", "3", &nowhere] {
        let refused = stored.chain("show", &[wanted]).expect_code(1);
        refused.expect_error(["the chain has 2"]);
    }
    let refused = stored.chain("show", &["first"]).expect_code(1);
    refused.expect_error(["\"first\"", "index", "hash"]);
}

#[test]
fn verify_counts_the_blocks_and_names_the_last() {
    let stored = Stored::with_blocks(3);
    let expected = json!({ "valid": true, "length": 4, "tip": stored.tip });
    let verified = stored.chain("verify", &["--json"]).expect_code(0);
    assert_eq!(verified.json(), expected);
    let words = stored.chain("verify", &[]).expect_code(0).stdout;
    assert_eq!(
        words,
        format!("valid: 4 blocks, the last is {}\n", stored.tip)
    );
}

#[test]
fn verify_finds_a_flipped_byte_in_the_middle_of_the_log() {
    for (text, replacement) in [
        ("payer 2", "payer 9"),
        ("\"proof\"", "\"proog\""),
        ("}]}\n", "}]}\r"),
    ] {
        let stored = Stored::with_blocks(4);
        let log = stored.folder().join("blocks/000001.jsonl");
        let lines = fs::read_to_string(&log).unwrap();
        // The third line is the block with payer 2.
        let third: usize = lines.split_inclusive('\n').take(2).map(str::len).sum();
        let at = third + lines[third..].find(text).unwrap();
        let log = fs::File::options().write(true).open(&log).unwrap();
        let written = log.write_all_at(replacement.as_bytes(), at as u64);
        written.unwrap();
        let refused = stored.chain("verify", &["--json"]).expect_code(1);
        let error: Value = serde_json::from_str(&refused.stderr).unwrap();
        let error = error["error"].as_str().unwrap();
        let place = format!("from byte {third} on, expected block 3");
        for found in ["000001.jsonl is damaged", &place] {
            assert!(error.contains(found), "{error}");
        }
    }
}

#[test]
fn an_export_imported_elsewhere_is_the_same_chain() {
    let stored = Stored::with_blocks(5);
    let file = stored.file("export.jsonl");
    let exported = stored.chain("export", &[&file, "--json"]).expect_code(0);
    assert_eq!(exported.json(), json!({ "length": 6, "file": file }));
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, stored.blocks);
    let to_output = stored.chain("export", &["-"]).expect_code(0);
    assert_eq!(to_output.stdout, text);

    let elsewhere = Stored::nothing();
    let imported = elsewhere.chain("import", &[&file, "--json"]).expect_code(0);
    assert_eq!(imported.json(), json!({ "length": 6, "adopted": true }));
    assert_eq!(
        elsewhere.chain("export", &["-"]).expect_code(0).stdout,
        text
    );
    elsewhere.expect_valid(6, &stored.tip);
    assert_eq!(elsewhere.start().chain(), stored.blocks);
}

#[test]
fn the_body_of_chain_is_imported_as_an_export_is_from_a_file_or_the_input() {
    let stored = Stored::with_blocks(4);
    let export = stored.chain("export", &["-"]).expect_code(0).stdout;
    for text in [&stored.body, export.as_bytes()] {
        let file = stored.file("chain");
        fs::write(&file, text).unwrap();
        let from_file = Stored::nothing();
        from_file.chain("import", &[&file]).expect_code(0);
        from_file.expect_valid(5, &stored.tip);

        let from_input = Stored::nothing();
        let mut import = from_input.command("import", &["-"]);
        run_with_input(&mut import, text).expect_code(0);
        from_input.expect_valid(5, &stored.tip);
    }
}

#[test]
fn an_import_that_is_not_longer_changes_nothing() {
    let [stored, other] = [Stored::with_blocks(2), Stored::with_blocks(2)];
    let file = other.file("export");
    other.chain("export", &[&file]).expect_code(0);
    let imported = stored.chain("import", &[&file, "--json"]).expect_code(0);
    assert_eq!(imported.json(), json!({ "length": 3, "adopted": false }));
    let words = stored.chain("import", &[&file]).expect_code(0).stdout;
    assert!(words.contains("nothing changed"), "{words}");
    stored.expect_valid(3, &stored.tip);
}

#[test]
fn what_a_longer_import_drops_waits_for_a_block_again() {
    let [stored, longer] = [(2, "Ada"), (3, "Charles")]
        .map(|(count, recipient)| Stored::with_payments(count, recipient));
    let mut import = stored.command("import", &["-"]);
    run_with_input(&mut import, &longer.body).expect_code(0);
    stored.expect_valid(4, &longer.tip);
    let node = stored.start();
    assert_eq!(node.status()["pending"], 2);
    let block = node.mine();
    let waited = [1, 2].map(
        |number| json!({ "sender": format!("payer {number}"), "recipient": "Ada", "amount": 1 }),
    );
    assert_eq!(block["transactions"].as_array().unwrap()[..2], waited);
}

#[test]
fn what_an_import_drops_and_holds_itself_does_not_wait_again() {
    let [stored, longer] = [2, 3].map(Stored::with_blocks);
    let mut import = stored.command("import", &["-"]);
    run_with_input(&mut import, &longer.body).expect_code(0);
    assert_eq!(stored.start().status()["pending"], 0);
}

#[test]
fn an_import_whose_last_block_is_wrong_changes_nothing() {
    let [stored, longer] = [Stored::with_blocks(1), Stored::with_blocks(4)];
    let before = fs::read(stored.folder().join("blocks/000001.jsonl")).unwrap();
    let proof = format!("\"proof\": {}", longer.blocks[4]["proof"]);
    let export = longer.chain("export", &["-"]).expect_code(0).stdout;
    let body = String::from_utf8(longer.body.clone()).unwrap();
    for text in [&export, &body] {
        let wrong_proof = text.replace(&proof, "\"proof\": 12345");
        assert_ne!(*text, wrong_proof);
        let mut import = stored.command("import", &["-"]);
        let refused = run_with_input(&mut import, wrong_proof.as_bytes()).expect_code(1);
        refused.expect_error(["block 5", "proof", "12345"]);
        let cut_off = &text[..text.len() - 100];
        let mut import = stored.command("import", &["-"]);
        run_with_input(&mut import, cut_off.as_bytes()).expect_code(1);
    }
    let after = fs::read(stored.folder().join("blocks/000001.jsonl")).unwrap();
    assert_eq!(after, before);
    stored.expect_valid(2, &stored.tip);
}

#[test]
fn an_import_under_other_rules_is_refused() {
    let stored = Stored::with_blocks(2);
    let elsewhere = Stored::nothing();
    let mut import = elsewhere.command("import", &["-", "--rules", "classic-2018"]);
    let refused = run_with_input(&mut import, &stored.body).expect_code(1);
    refused.expect_error(["block 2", "proof"]);
    let mut import = stored.command("import", &["-", "--rules", "classic-2018"]);
    let refused = run_with_input(&mut import, &stored.body).expect_code(1);
    refused.expect_error(["\"classic-2018\"", "\"classic\"", "--data-dir"]);
}

#[test]
fn after_an_import_that_failed_the_folder_can_come_to_stand_under_other_rules() {
    let stored = Stored::with_blocks(2);
    let elsewhere = Stored::nothing();
    let mut import = elsewhere.command("import", &["-", "--rules", "classic-2018"]);
    run_with_input(&mut import, &stored.body).expect_code(1);
    let refused = elsewhere.chain("verify", &[]).expect_code(1);
    refused.expect_error(["there is no chain in"]);
    let mut import = elsewhere.command("import", &["-", "--rules", "classic"]);
    run_with_input(&mut import, &stored.body).expect_code(0);
    elsewhere.expect_valid(3, &stored.tip);
}

#[test]
fn an_import_of_something_else_says_what_was_expected() {
    let stored = Stored::with_blocks(1);
    for (text, problem) in [
        ("", "the chain is empty"),
        (r#"{"chain": []}"#, "the chain is empty"),
        (r#"{"chain": 7}"#, "expected a list of blocks"),
        (r#"{"error": "busy"}"#, "expected a hash"),
        ("[]", "expected a block, found a list"),
        ("<html>", "expected a value at byte 0, found `<`"),
    ] {
        let mut import = stored.command("import", &["-"]);
        let refused = run_with_input(&mut import, text.as_bytes()).expect_code(1);
        refused.expect_error(["not imported", problem]);
    }
    let refused = stored.chain("import", &["/nowhere/chain"]).expect_code(1);
    refused.expect_error(["/nowhere/chain"]);
    stored.expect_valid(2, &stored.tip);
}

#[test]
fn reindex_makes_a_lost_or_broken_index_anew() {
    let stored = Stored::with_blocks(3);
    let index = stored.folder().join("index.redb");
    for broken in [None, Some(&b"garbage"[..]), Some(&[0; 100_000])] {
        match broken {
            None => fs::remove_file(&index).unwrap(),
            Some(bytes) => fs::write(&index, bytes).unwrap(),
        }
        let reindexed = stored.chain("reindex", &["--json"]).expect_code(0);
        assert_eq!(reindexed.json(), json!({ "length": 4 }));
        stored.expect_valid(4, &stored.tip);
    }
    let words = stored.chain("reindex", &[]).expect_code(0).stdout;
    assert_eq!(words, "the index was rebuilt: 4 blocks in the chain\n");
    assert_eq!(stored.start().chain(), stored.blocks);
}

/// A block that was changed has another hash, and the one behind it no longer
/// fits: that is where the log is to be cut.
#[test]
fn reindex_says_where_a_changed_log_no_longer_fits_and_what_to_do() {
    let stored = Stored::with_blocks(4);
    let log = stored.folder().join("blocks/000001.jsonl");
    let lines = fs::read_to_string(&log).unwrap();
    fs::write(&log, lines.replace("payer 2", "payer 9")).unwrap();
    let kept: usize = lines.split_inclusive('\n').take(3).map(str::len).sum();
    let cut = format!("truncate -s {kept} ");
    for _ in 0..2 {
        let refused = stored.chain("reindex", &[]).expect_code(1);
        refused.expect_error(["000001.jsonl", "block 4 stands on an unknown block", &cut]);
    }
    let file = fs::File::options().write(true).open(&log).unwrap();
    file.set_len(kept as u64).unwrap();
    let reindexed = stored.chain("reindex", &["--json"]).expect_code(0);
    assert_eq!(reindexed.json(), json!({ "length": 3 }));
    assert_eq!(stored.start().chain().len(), 3);
}

#[test]
fn no_command_touches_the_folder_of_a_running_node() {
    let stored = Stored::with_blocks(1);
    let file = stored.file("chain");
    stored.chain("export", &[&file]).expect_code(0);
    let node = stored.start();
    let holder = format!("process {}, port", node.process.id());
    for (command, arguments) in [
        ("show", vec![]),
        ("verify", vec![]),
        ("export", vec!["-"]),
        ("import", vec![&*file]),
        ("reindex", vec![]),
    ] {
        let refused = stored.chain(command, &arguments).expect_code(1);
        refused.expect_error(["in use by", &*holder, "stop that process"]);
        let refused = stored.chain(command, &[&arguments[..], &["--json"]].concat());
        let error: Value = serde_json::from_str(&refused.expect_code(1).stderr).unwrap();
        assert!(
            error["error"].as_str().unwrap().contains(&holder),
            "{error}"
        );
    }
    node.mine();
    assert_eq!(node.chain().len(), 3);
}

#[test]
fn a_folder_without_a_chain_is_said_to_be_one_and_stays_so() {
    let nothing = Stored::nothing();
    for (command, arguments) in [
        ("show", vec![]),
        ("verify", vec![]),
        ("export", vec!["-"]),
        ("reindex", vec![]),
    ] {
        let refused = nothing.chain(command, &arguments).expect_code(1);
        refused.expect_error(["there is no chain in", nothing.folder().to_str().unwrap()]);
    }
    assert!(!nothing.folder().exists());
}

/// The data folder of a node that has stopped, and what it held.
struct Stored {
    folder: TempDir,
    blocks: Vec<Value>,
    tip: String,
    /// The body of its `/chain`.
    body: Vec<u8>,
}

impl Stored {
    fn nothing() -> Stored {
        Stored {
            folder: tempdir().unwrap(),
            blocks: Vec::new(),
            tip: String::new(),
            body: Vec::new(),
        }
    }

    /// This many blocks after the first, each with one payment.
    fn with_blocks(count: usize) -> Stored {
        Stored::with_payments(count, "somebody")
    }

    fn with_payments(count: usize, recipient: &str) -> Stored {
        let mut stored = Stored::nothing();
        let node = stored.start();
        for number in 1..=count {
            node.pay(&format!("payer {number}"), recipient);
            node.mine();
        }
        stored.blocks = node.chain();
        stored.tip = node.status()["tip"].as_str().unwrap().to_string();
        stored.body = node.get("/chain").body;
        node.process.signal(Signal::TERM);
        node.process.ended().expect_code(0);
        stored
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data folder.
    fn file(&self, name: &str) -> String {
        let file: &Path = &self.folder.path().join(name);
        file.to_str().unwrap().to_string()
    }

    fn start(&self) -> Server {
        let mut node = adit(["node", "-p", "0", "--data-dir"]);
        Server::start(node.arg(self.folder()))
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut adit = adit(["chain", command, "--data-dir"]);
        adit.arg(self.folder()).args(arguments);
        adit
    }

    fn chain(&self, command: &str, arguments: &[&str]) -> Ended {
        run(&mut self.command(command, arguments))
    }

    #[track_caller]
    fn expect_valid(&self, length: usize, tip: &str) {
        let expected = json!({ "valid": true, "length": length, "tip": tip });
        assert_eq!(
            self.chain("verify", &["--json"]).expect_code(0).json(),
            expected
        );
    }
}

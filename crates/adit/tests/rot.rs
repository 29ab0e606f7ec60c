//! What has changed on the disk where no sum shows it, or lies there in place of
//! a file: it is found by what it means, and a start ends by saying which file it
//! is, or goes on.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::folders::{node_on, one};
use crate::support::{Ended, adit, run, until};

const LOG: &str = "blocks/000001.jsonl";

/// A start that is to fail, as that of anybody who forgot nothing.
fn start(folder: &Path, rules: &str) -> Ended {
    let arguments = ["node", "-p", "0", "--rules", rules, "--data-dir"];
    run(adit(arguments).arg(folder))
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(folder).unwrap();
    files.next().unwrap().unwrap().path()
}

#[test]
fn what_waits_in_a_folder_without_sums_has_its_signatures_checked() {
    let (folder, expected) = one("sealed");
    assert_eq!(expected["pending"].as_array().unwrap().len(), 2);
    let file = only_file(&folder.path().join("pending"));
    let whole = fs::read_to_string(&file).unwrap();
    assert!(!whole.contains("\"sum\""), "{whole}");
    let changed = whole.replacen("\"amount\": 250000,", "\"amount\": 250001,", 1);
    assert_ne!(changed, whole);
    fs::write(&file, changed).unwrap();
    start(folder.path(), "sealed").expect_code(1).expect_error([
        "pending",
        "at byte 0",
        "delete this line",
    ]);
    fs::write(&file, whole).unwrap();
    let node = node_on(folder.path(), "sealed");
    assert_eq!(node.status()["pending"], 2);
}

#[test]
fn the_genesis_block_of_a_sealed_chain_is_mended_without_a_peer() {
    let (folder, expected) = one("sealed");
    let log = folder.path().join(LOG);
    let whole = fs::read(&log).unwrap();
    let node = node_on(folder.path(), "sealed");
    let file = OpenOptions::new().write(true).open(&log).unwrap();
    file.write_all_at(b"?", 20).unwrap();
    let genesis = "/api/v1/block-height/1";
    let hash = node.get(genesis).expect_status(200).text();
    let raw = format!("/api/v1/block/{hash}/raw");
    node.get(&raw).expect_status(500);
    until("the genesis block is mended", || {
        (node.get(&raw).status == 200).then_some(())
    });
    assert!(fs::read(&log).unwrap() == whole);
    assert_eq!(node.status()["tip"], expected["tip"]);
}

#[test]
fn a_sealed_folder_without_its_node_json_is_known_by_its_log() {
    let (folder, expected) = one("sealed");
    fs::remove_file(folder.path().join("node.json")).unwrap();
    let node = node_on(folder.path(), "sealed");
    assert_eq!(node.status()["tip"], expected["tip"]);
    assert_eq!(node.status()["pending"], 2);
    let said = node.process.stderr();
    assert!(said.contains("node.json is missing"), "{said}");
    drop(node);
    // Without the log there is nothing to tell it from.
    let (folder, _) = one("sealed");
    fs::remove_file(folder.path().join("node.json")).unwrap();
    fs::write(folder.path().join(LOG), "another's notes\n").unwrap();
    start(folder.path(), "sealed")
        .expect_code(1)
        .expect_error(["which chain?"]);
}

#[test]
fn a_pipe_or_a_folder_in_place_of_a_file_ends_the_start_and_is_named() {
    for name in [
        "node.json",
        "genesis.json",
        "peers.json",
        "index.redb",
        "lock",
        LOG,
        "pending",
    ] {
        for (make, found) in [("mkfifo", "a named pipe"), ("mkdir", "a folder")] {
            let (folder, _) = one("sealed");
            let mut path = folder.path().join(name);
            if name == "pending" {
                path = only_file(&path);
            }
            let _ = fs::remove_file(&path);
            assert!(Command::new(make).arg(&path).status().unwrap().success());
            let file = path.file_name().unwrap().to_str().unwrap();
            let said = [file, found, "move it away"];
            start(folder.path(), "sealed")
                .expect_code(1)
                .expect_error(said);
            if name != "pending" {
                let command = ["chain", "verify", "--data-dir"];
                run(adit(command).arg(folder.path()))
                    .expect_code(1)
                    .expect_error(said);
            }
        }
    }
}

#[test]
fn rules_that_there_are_not_are_named() {
    let (folder, _) = one("sealed");
    let file = folder.path().join("node.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"sealed\"", "\"seeled\"")).unwrap();
    start(folder.path(), "sealed")
        .expect_code(1)
        .expect_error(["node.json", "seeled", "restore"]);
}

#[test]
fn a_node_that_meets_damage_while_it_ends_does_end() {
    let (folder, expected) = one("sealed");
    let node = node_on(folder.path(), "sealed");
    node.process.signal(Signal::TERM);
    node.process.ended().expect_code(0);
    let node = node_on(folder.path(), "sealed");
    let index = folder.path().join("index.redb");
    let bytes = fs::metadata(&index).unwrap().len();
    let file = OpenOptions::new().write(true).open(&index).unwrap();
    file.write_all_at(&vec![0; bytes as usize], 0).unwrap();
    node.process.signal(Signal::TERM);
    node.process.ended().expect_code(0);
    let node = node_on(folder.path(), "sealed");
    assert_eq!(node.status()["tip"], expected["tip"]);
    assert_eq!(node.status()["pending"], 2);
}

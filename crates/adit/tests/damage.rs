//! Files that change on the disk under a node, or while it is stopped: that
//! costs time, or the node says where the damage is, and nothing that was
//! acknowledged is lost.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::folders::{node_on, one, told};
use crate::support::{Ended, Server, adit, run, until};

const PAGE_BYTES: u64 = 4096;

/// This many blocks make an index of which a start reads only a part.
const BLOCKS: usize = 150;

pub(crate) const LOG: &str = "blocks/000001.jsonl";

fn stop(node: Server) -> Ended {
    node.process.signal(Signal::TERM);
    node.process.ended().expect_code(0)
}

/// A stopped node's folder, and the hashes of its blocks.
pub(crate) fn mined(blocks: usize) -> (TempDir, Vec<String>) {
    let folder = tempdir().unwrap();
    let node = node_on(folder.path(), "classic");
    node.pay("alice", "bob");
    for _ in 1..blocks {
        node.mine();
    }
    let hashes = (1..=blocks).map(|index| {
        let path = format!("/api/v1/block-height/{index}");
        node.get(&path).expect_status(200).text()
    });
    let hashes = hashes.collect();
    node.pay("bob", "carol");
    stop(node);
    (folder, hashes)
}

pub(crate) fn zero_page(file: &Path, page: u64) {
    let file = OpenOptions::new().write(true).open(file).unwrap();
    let zeros = [0; PAGE_BYTES as usize];
    file.write_all_at(&zeros, page * PAGE_BYTES).unwrap();
}

pub(crate) fn pages(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len() / PAGE_BYTES
}

pub(crate) fn flip(file: &Path, offset: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(file)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    byte[0] ^= 1;
    file.write_all_at(&byte, offset).unwrap();
}

/// The start and the end of each line of the log.
pub(crate) fn lines(folder: &Path) -> Vec<(u64, u64)> {
    let log = fs::read(folder.join(LOG)).unwrap();
    let mut start = 0;
    let lines = log.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let begin = start;
        start += line.len() as u64;
        (begin, start)
    });
    lines.collect()
}

fn copied(folder: &Path) -> TempDir {
    let copy = tempdir().unwrap();
    let done = Command::new("cp")
        .arg("-a")
        .arg(folder.join("."))
        .arg(copy.path())
        .status();
    assert!(done.unwrap().success());
    copy
}

/// The same of another node: one with the same name would be taken for itself.
pub(crate) fn copied_to_another(folder: &Path) -> TempDir {
    let copy = copied(folder);
    let file = copy.path().join("node.json");
    let mut identity: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    identity["node_id"] = "0123456789abcdef0123456789abcdef".into();
    fs::write(&file, identity.to_string()).unwrap();
    copy
}

#[test]
fn a_node_starts_with_any_page_of_its_databases_damaged_and_goes_on() {
    let (kept, expected) = one("sealed");
    // The databases are then of today's format.
    stop(node_on(kept.path(), "sealed"));
    for file in ["index.redb", "history.redb"] {
        let count = pages(&kept.path().join(file));
        for page in [0, 1, 2, 5, count - 1] {
            let folder = copied(kept.path());
            zero_page(&folder.path().join(file), page);
            let node = node_on(folder.path(), "sealed");
            assert_eq!(
                told(&node, &expected["addresses"]),
                expected,
                "{file} {page}"
            );
            stop(node);
            let command = ["chain", "verify", "--json", "--data-dir"];
            let verified = run(adit(command).arg(folder.path())).expect_code(0).json();
            assert_eq!(verified["tip"], expected["tip"]);
        }
    }
}

#[test]
fn a_node_whose_databases_are_damaged_under_it_builds_them_anew_and_goes_on() {
    let (folder, hashes) = mined(BLOCKS);
    let node = node_on(folder.path(), "classic");
    until("the history is there", || {
        let bob = node.get("/api/v1/address/bob");
        (bob.status == 200).then_some(())
    });
    let pid = node.process.id();
    for file in ["index.redb", "history.redb"] {
        let file = folder.path().join(file);
        for page in 2..pages(&file) {
            zero_page(&file, page);
        }
    }
    node.pay("carol", "dave");
    // Every answer is right, or says that there is none now.
    for hash in &hashes {
        let answer = node.get(&format!("/api/v1/block/{hash}"));
        match answer.status {
            200 => assert_eq!(answer.json()["hash"], **hash),
            status => assert_eq!(status, 503, "{}", answer.text()),
        }
    }
    until("the index is rebuilt", || {
        node.process
            .stderr()
            .contains("the index is damaged and is rebuilt")
            .then_some(())
    });
    for (index, hash) in (1..).zip(&hashes) {
        let block = until("the node is back", || {
            let answer = node.try_get(&format!("/api/v1/block/{hash}")).ok()?;
            (answer.status == 200).then(|| answer.json())
        });
        assert_eq!(block["index"], index);
    }
    assert_eq!(node.process.id(), pid);
    // The payments that were acknowledged wait, and go into the next block.
    let block = node.mine();
    assert_eq!(block["index"], BLOCKS + 1);
    assert_eq!(block["transactions"].as_array().unwrap().len(), 3);
    until("the history is rebuilt", || {
        let dave = node.get("/api/v1/address/dave");
        (dave.status == 200 && dave.json()["transaction_count"] == 1).then_some(())
    });
    stop(node);
}

#[test]
fn a_block_that_has_changed_on_the_disk_is_not_served_and_is_taken_from_a_peer() {
    let (folder, hashes) = mined(5);
    let other = copied_to_another(folder.path());
    let whole = fs::read(folder.path().join(LOG)).unwrap();
    let node = node_on(folder.path(), "classic");
    let raw = format!("/api/v1/block/{}/raw", hashes[2]);
    let text = node.get(&raw).expect_status(200).text();
    flip(&folder.path().join(LOG), lines(folder.path())[2].0 + 30);

    for path in [&raw, "/chain", "/api/v1/blocks"] {
        let refused = node.get(path).expect_status(500);
        assert_eq!(refused.header("cache-control"), None);
        let problem = refused.json();
        assert_eq!(problem["type"], "/problems/block-damaged", "{path}");
        assert_eq!(problem["block"]["index"], 3);
        assert_eq!(problem["block"]["hash"], *hashes[2]);
    }
    node.get(&format!("/api/v1/block/{}/raw", hashes[3]))
        .expect_status(200);
    let said = until("the log says it", || {
        let said = node.process.stderr();
        said.contains("is damaged").then_some(said)
    });
    assert_eq!(said.matches("is damaged").count(), 1, "{said}");
    assert!(said.contains(LOG) && said.contains(&hashes[2]), "{said}");
    stop(node);

    let peer = node_on(other.path(), "classic");
    let node = Server::adit([
        "--data-dir",
        folder.path().to_str().unwrap(),
        "--peer",
        &format!("http://{}", peer.address),
    ]);
    node.get(&raw).expect_status(500);
    let mended = until("the block is mended", || {
        let answer = node.get(&raw);
        (answer.status == 200).then(|| answer.text())
    });
    assert_eq!(mended, text);
    assert_eq!(fs::read(folder.path().join(LOG)).unwrap(), whole);
}

#[test]
fn a_node_does_not_build_on_a_tip_that_has_changed_on_the_disk() {
    let (folder, hashes) = mined(4);
    let other = copied_to_another(folder.path());
    let (start, _) = lines(folder.path())[3];
    flip(&folder.path().join(LOG), start + 40);
    let data = folder.path().to_str().unwrap();
    let offset = format!("from byte {start} on");
    let place = [LOG, &offset, "block 4", &hashes[3], "--peer"];
    run(&mut adit(["node", "-p", "0", "--data-dir", data]))
        .expect_code(1)
        .expect_error(place);
    run(&mut adit(["chain", "verify", "--data-dir", data]))
        .expect_code(1)
        .expect_error(place);

    let peer = node_on(other.path(), "classic");
    let peer = format!("http://{}", peer.address);
    let node = Server::adit(["--data-dir", data, "--peer", &peer]);
    assert_eq!(node.status()["tip"], *hashes[3]);
    assert_eq!(node.mine()["index"], 5);
    stop(node);
    run(&mut adit(["chain", "verify", "--data-dir", data])).expect_code(0);
}

#[test]
fn what_waits_and_has_changed_on_the_disk_is_not_mined() {
    let (folder, _) = mined(2);
    let pending = fs::read_dir(folder.path().join("pending")).unwrap();
    let file = pending.map(|file| file.unwrap().path()).next().unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    assert!(whole.contains("\"amount\": 1,"), "{whole}");
    fs::write(&file, whole.replace("\"amount\": 1,", "\"amount\": 9,")).unwrap();
    let data = folder.path().to_str().unwrap();
    let refused = run(&mut adit(["node", "-p", "0", "--data-dir", data])).expect_code(1);
    refused.expect_error(["pending", "at byte 0", "delete this line"]);
    fs::write(&file, whole).unwrap();
    let node = node_on(folder.path(), "classic");
    let block: Value = node.mine();
    assert_eq!(block["transactions"][0]["amount"], 1);
}

/// `adit` on a folder that this process can't write to, root or not: on a
/// read-only mount, as another user, or by the folder's rights.
fn on_read_only(folder: &Path, arguments: &str) -> Option<Ended> {
    let program = env!("CARGO_BIN_EXE_adit");
    let data = folder.display();
    let command = format!("{program} {arguments} --data-dir {data}");
    if !rustix::process::geteuid().is_root() {
        return Some(run(&mut shell(&format!(
            "chmod -R a-w {data} && {command}; code=$?; chmod -R u+w {data}; exit $code"
        ))));
    }
    let mount = format!("mount --bind {data} {data} && mount -o remount,bind,ro {data}");
    let can_mount = run(Command::new("unshare").args(["-m", "sh", "-c", &mount]));
    if can_mount.status.success() {
        let all = format!("{mount} && ! touch {data}/x 2>/dev/null && exec {command}");
        return Some(run(Command::new("unshare").args(["-m", "sh", "-c", &all])));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no read-only mount can be made: {can_mount:?}"
    );
    eprintln!("skipped: no read-only mount can be made");
    None
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[test]
fn a_chain_is_verified_shown_and_exported_where_nothing_can_be_written() {
    let (folder, hashes) = mined(4);
    // What the index does not cover is read too.
    let node = node_on(folder.path(), "classic");
    node.mine();
    let tip = node.status()["tip"].as_str().unwrap().to_owned();
    node.process.kill();
    for damaged in [false, true] {
        if damaged {
            zero_page(&folder.path().join("index.redb"), 1);
        }
        let before = content(folder.path());
        let Some(verified) = on_read_only(folder.path(), "chain verify --json") else {
            return;
        };
        let verified = verified.expect_code(0).json();
        assert_eq!(
            (&verified["length"], &verified["tip"]),
            (&5.into(), &tip.clone().into())
        );
        let shown = on_read_only(folder.path(), "chain show 3")
            .unwrap()
            .expect_code(0);
        assert!(shown.stdout.contains(&hashes[2]), "{shown:?}");
        let exported = on_read_only(folder.path(), "chain export -")
            .unwrap()
            .expect_code(0);
        let log = fs::read_to_string(folder.path().join(LOG)).unwrap();
        assert_eq!(exported.stdout, log);
        assert!(content(folder.path()) == before, "something was written");
    }
}

/// All files, their bytes and their rights.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>, u32)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes, mode));
        }
    }
    found.sort();
    found
}

#[test]
fn a_chain_that_a_node_has_is_not_looked_at() {
    let folder = tempdir().unwrap();
    let node = node_on(folder.path(), "classic");
    let data = folder.path().to_str().unwrap();
    let refused = run(&mut adit(["chain", "verify", "--data-dir", data])).expect_code(1);
    let process = format!("process {}", node.process.id());
    refused.expect_error(["in use", &process]);
}

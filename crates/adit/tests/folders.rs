//! The promise that a version opens what earlier ones wrote: data folders that
//! they made (`folders/README.md` says how) are opened by the program as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{Server, adit, run, until};

/// Every folder that is kept: its name, to be shown with a failure, and its
/// archive.
fn kept() -> Vec<(String, PathBuf)> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/folders");
    let mut kept = Vec::new();
    for version in fs::read_dir(folders).unwrap() {
        let version = version.unwrap().path();
        for file in fs::read_dir(version).into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "gz") {
                kept.push((file.display().to_string(), file));
            }
        }
    }
    kept
}

pub(crate) fn unpacked(archive: &Path) -> TempDir {
    let folder = tempdir().unwrap();
    let done = Command::new("tar")
        .arg("xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(done.unwrap().success(), "{}", archive.display());
    folder
}

/// One of the newest of them, for tests of what may happen to it.
pub(crate) fn one(name: &str) -> (TempDir, Value) {
    let file = format!("{name}.tar.gz");
    let kept = kept().into_iter().map(|(_, archive)| archive);
    let archive = kept.filter(|archive| archive.ends_with(&file)).max();
    let archive = archive.unwrap();
    (unpacked(&archive), expected(&archive))
}

/// What a node told of a folder when it was made.
fn expected(archive: &Path) -> Value {
    let file = archive.with_extension("").with_extension("json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

pub(crate) fn node_on(folder: &Path, rules: &str) -> Server {
    let folder = folder.to_str().unwrap();
    Server::adit([
        "--data-dir",
        folder,
        "--rules",
        rules,
        "--resolve-every",
        "0",
    ])
}

/// The same of a node of today.
#[track_caller]
pub(crate) fn told(node: &Server, addresses: &Value) -> Value {
    let covered = |path: &str| {
        until("the history is there", || {
            let answer = node.get(path);
            (answer.status != 503).then(|| answer.expect_status(200).json())
        })
    };
    let list = |path: &str, list: &str, key: &str| {
        let answer = covered(path);
        let items = answer[list].as_array().unwrap().iter();
        let mut items: Vec<String> = items
            .map(|item| item[key].as_str().unwrap().to_owned())
            .collect();
        items.sort_unstable();
        items
    };
    let status = node.status();
    let names = addresses.as_object().unwrap().keys();
    let states = names.map(|name| {
        let state = covered(&format!("/api/v1/address/{name}"));
        let known = ["balance", "nonce", "transaction_count"];
        let known = known.map(|key| (key.to_owned(), state[key].clone()));
        (name.clone(), Value::Object(known.into_iter().collect()))
    });
    json!({
        "rules": status["rules"],
        "tip": status["tip"],
        "length": status["length"],
        "pending": list("/api/v1/mempool", "transactions", "id"),
        "tips": list("/api/v1/chain-tips", "tips", "hash"),
        "peers": list("/api/v1/peers", "peers", "id"),
        "addresses": Value::Object(states.collect()),
    })
}

#[test]
fn folders_of_earlier_versions_are_opened_and_hold_what_they_held() {
    let kept = kept();
    assert!(!kept.is_empty());
    for (name, archive) in kept {
        eprintln!("{name}");
        let folder = unpacked(&archive);
        let expected = expected(&archive);
        let node = node_on(folder.path(), expected["rules"].as_str().unwrap());
        assert_eq!(told(&node, &expected["addresses"]), expected);
        // It goes on from there.
        let block = node.get("/mine");
        if expected["rules"] != "sealed" {
            let next = expected["length"].as_u64().unwrap() + 1;
            assert_eq!(block.expect_status(200).json()["index"], next);
        }
    }
}

#[test]
fn chains_of_earlier_versions_are_valid() {
    for (name, archive) in kept() {
        eprintln!("{name}");
        let folder = unpacked(&archive);
        let expected = expected(&archive);
        let command = ["chain", "verify", "--json", "--data-dir"];
        let verified = run(adit(command).arg(folder.path())).expect_code(0).json();
        assert_eq!(verified["length"], expected["length"]);
        assert_eq!(verified["tip"], expected["tip"]);
    }
}

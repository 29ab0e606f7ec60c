//! Chains whose target cannot follow the hash power: none is made, and none is
//! joined by mistake.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Server, adit, run};

#[test]
fn a_chain_whose_target_cannot_follow_is_joined_only_by_force() {
    let folder = TempDir::new().unwrap();
    for (interval, half_life, follows) in [
        (10_000, 10_001, false),
        (10_000, 49_999, false),
        (10_000, 50_000, true),
        (10_000, 10_000_000, true),
        (10_000, 10_000_001, false),
        (10_000, 655_360_000, false),
        (1, 4, false),
        (1, 1_001, false),
    ] {
        let file = genesis(&folder, |params| {
            params["block_interval_ms"] = json!(interval);
            params["half_life_ms"] = json!(half_life);
        });
        let join = ["--in-memory", "--chain", file.to_str().unwrap()];
        if follows {
            Server::adit(join);
            continue;
        }
        let refused = run(adit(["node", "-p", "0"]).args(join)).expect_code(1);
        let found = [interval, half_life].map(|number| number.to_string());
        let half_life = format!("found {} and {}", found[1], found[0]);
        refused.expect_error(["half_life_ms", "5 to 1000", &half_life, "--force"]);
    }
    // A target that is meant to stay where it is.
    let constant = genesis(&folder, |params| {
        params["block_interval_ms"] = json!(1);
        params["initial_target"] = params["pow_limit"].clone();
        params["half_life_ms"] = json!(300_000);
    });
    Server::adit(["--in-memory", "--chain", constant.to_str().unwrap()]);
}

#[test]
fn a_chain_that_was_joined_is_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let file = genesis(&folder, |params| params["half_life_ms"] = json!(10_001));
    let file = file.to_str().unwrap();
    let data = folder.path().join("data");
    let join = ["--data-dir", data.to_str().unwrap(), "--chain", file];
    let refused = run(adit(["node", "-p", "0"]).args(join)).expect_code(1);
    refused.expect_error(["--force"]);
    assert!(!data.exists(), "nothing was made");

    let node = Server::adit([&join[..], &["--force"]].concat());
    let warned = node.process.stderr();
    assert!(
        warned.contains("warning: the target of the chain"),
        "{warned}"
    );
    drop(node);
    let node = Server::adit(join);
    assert!(!node.process.stderr().contains("warning"));
    drop(node);

    // What was exported is taken in by force too, and then without.
    let export = folder.path().join("export");
    let export = export.to_str().unwrap();
    run(adit(["chain", "export", export, "--data-dir"]).arg(&data)).expect_code(0);
    let other = folder.path().join("other");
    let import = |extra: &[&str]| {
        let mut import = adit(["chain", "import", export, "--chain", file, "--data-dir"]);
        run(import.arg(&other).args(extra))
    };
    import(&[]).expect_code(1).expect_error(["--force"]);
    import(&["--force"])
        .expect_code(0)
        .expect_error(["warning"]);
    assert_eq!(import(&[]).expect_code(0).stderr, "");
}

#[test]
fn nothing_is_forced_where_no_chain_is_joined() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let refused = run(adit(["node", "-p", "0", "--force", "--data-dir"]).arg(&data));
    refused
        .expect_code(1)
        .expect_error(["--force", "--chain FILE"]);
    let import = ["chain", "import", "/dev/null", "--force", "--data-dir"];
    let refused = run(adit(import).arg(&data));
    refused
        .expect_code(1)
        .expect_error(["--force", "--chain FILE"]);
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn no_chain_is_made_whose_target_cannot_follow() {
    let folder = TempDir::new().unwrap();
    let new = |interval: &str, name: &str| {
        let mut new = adit(["chain", "new", "--name", name, "--block-interval", interval]);
        run(new.current_dir(folder.path()))
    };
    let refused = new("74days", "slow").expect_code(1);
    refused.expect_error(["--block-interval", "5 to 1000", "73 days"]);
    assert!(!folder.path().join("slow.json").exists());
    for (interval, name) in [("73days", "slower"), ("1ms", "fast"), ("10s", "usual")] {
        new(interval, name).expect_code(0);
    }
}

/// A new chain's genesis block, with other parameters.
fn genesis(folder: &TempDir, change: impl FnOnce(&mut Value)) -> PathBuf {
    let file = folder.path().join("genesis.json");
    let _ = fs::remove_file(&file);
    let mut new = adit(["chain", "new", "--name", "class", "--output"]);
    new.arg(&file).args(["--difficulty", "65536"]);
    run(&mut new).expect_code(0);
    let mut block: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut block["params"]);
    // The first block has no work, and its target is the initial one.
    block["target"] = block["params"]["initial_target"].clone();
    fs::write(&file, block.to_string()).unwrap();
    file
}

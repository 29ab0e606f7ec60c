//! A node for which the system makes no more threads, as under a limit of its
//! user or its container: everything takes longer, and nothing else happens.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::thread;

use adit_core::address::Address;
use adit_core::hash::sha256;
use rustix::process::geteuid;
use tempfile::{TempDir, tempdir};

use crate::peer::{Forger, Peer, chain_body};
use crate::sealed_hostile::{World, forged, outcome};
use crate::support::{Server, adit, run, until};

/// Nobody else uses it: the limit counts all that a user runs.
const USER: u32 = 61_234;

/// As that user, for whom limits count, unless that is so already.
fn as_user(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut setpriv = Command::new("setpriv");
    let user = format!("--reuid={USER}");
    setpriv.args([user.as_str(), "--clear-groups"]).arg(program);
    setpriv
}

/// No thread of this process can start another one from now on. False where
/// nobody can bring that about.
fn limit_threads(process: u32) -> bool {
    let mut prlimit = as_user(Path::new("prlimit"));
    let pid = process.to_string();
    let done = prlimit.args(["--pid", &pid, "--nproc=1:1"]).status();
    done.is_ok_and(|done| done.success())
}

/// The names of its threads.
fn threads(process: u32) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
}

/// A node for which no more threads are made, with a folder of its own.
struct Limited {
    node: Server,
    _folder: TempDir,
}

impl Limited {
    /// Starts a node of this chain, or else of the classic rules. `None` where
    /// nobody can limit its threads.
    fn start(chain: Option<&str>, arguments: &[&str]) -> Option<Limited> {
        let folder = tempdir().unwrap();
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        // Where it was built, another user may not look.
        let program = path.join("adit");
        fs::copy(env!("CARGO_BIN_EXE_adit"), &program).unwrap();
        let data = path.join("data");
        fs::create_dir(&data).unwrap();
        if geteuid().is_root() {
            chown(&data, Some(USER), None).unwrap();
        }
        let mut command = as_user(&program);
        command
            .args(["node", "-p", "0", "--data-dir"])
            .arg(&data)
            .args(arguments)
            .current_dir("/");
        if let Some(chain) = chain {
            let copy = path.join("chain.json");
            fs::copy(chain, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
            command.arg("--chain").arg(copy);
        }
        let node = Server::start(&mut command);
        let serving = thread::available_parallelism().unwrap().get().min(8);
        until("it has a thread to spare", || {
            let names = threads(node.process.id());
            let of_clients = names.filter(|name| name.trim_end() == "tokio-rt-worker");
            (of_clients.count() > serving).then_some(())
        });
        if !limit_threads(node.process.id()) {
            assert!(std::env::var_os("CI").is_none(), "prlimit limits nothing");
            eprintln!("skipped: prlimit limits nothing here");
            return None;
        }
        Some(Limited {
            node,
            _folder: folder,
        })
    }
}

#[test]
fn a_node_that_gets_no_more_threads_answers_and_adopts() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let made = run(adit(["chain", "new", "--name", "test", "--json"])
        .args(["--block-interval", "1s", "--difficulty", "65536"])
        .current_dir(folder));
    let made = made.expect_code(0).json();
    let chain = folder.join(made["file"].as_str().unwrap());
    let chain = chain.to_str().unwrap();
    let reward_to = Address([7; 32]).to_string();
    let other = Server::adit(["--chain", chain, "--in-memory", "--reward-to", &reward_to]);
    let peer = format!("http://{}", other.address);
    let Some(limited) = Limited::start(Some(chain), &["--peer", &peer]) else {
        return;
    };
    let node = &limited.node;
    for _ in 0..3 {
        other.post("/api/v1/mine", "").expect_status(200);
    }
    until("it has the other's chain", || {
        node.get("/nodes/resolve").expect_status(200);
        (node.status()["length"] == 4).then_some(())
    });
    for path in [
        "/chain",
        "/",
        "/charts",
        "/metrics",
        "/blocks",
        "/api/v1/stats",
        "/api/v1/blocks",
        "/api/v1/block-height/2",
        "/api/v1/mempool",
    ] {
        node.get(path).expect_status(200);
    }
    assert!(!node.process.stderr().contains("panicked"));
}

#[test]
fn a_node_that_gets_no_more_threads_takes_a_long_branch_from_the_disk() {
    // More than a branch may hold in memory: a part of it is staged.
    let long = format!("[\"{}\"]", "a".repeat(8_000_000));
    let blocks: Vec<String> = Forger::with_transactions(&long).take(4).collect();
    let Some(limited) = Limited::start(None, &["--resolve-every", "0"]) else {
        return;
    };
    let node = &limited.node;
    let peer = Peer::serving(chain_body(&blocks));
    let said = outcome(node, &peer.address);
    assert_eq!(said["outcome"], "adopted", "{said}");
    assert_eq!(node.status()["length"], 4);
    let (tip, path) = (sha256(blocks[3].as_bytes()), "/api/v1/blocks/tip/hash");
    assert_eq!(node.get(path).text(), tip.to_string());
    assert!(!node.process.stderr().contains("panicked"));
}

#[test]
fn a_node_that_gets_no_more_threads_checks_signatures_all_the_same() {
    let world = World::new();
    let arguments = ["--resolve-every", "0", "--min-fee-rate", "0"];
    let Some(limited) = Limited::start(Some(&world.file()), &arguments) else {
        return;
    };
    let node = &limited.node;
    let payment = world.payment(0, 1, 1);
    let wrong = world.chain_with(60, 40, vec![forged(&payment)]);
    let said = outcome(node, &Peer::serving(chain_body(&wrong)).address);
    assert_eq!(said["outcome"], "failed", "{said}");
    let error = said["error"].as_str().unwrap();
    assert!(
        error.contains("place 40 ") && error.contains("signature"),
        "{error}"
    );
    assert_eq!(node.status()["length"], 1);
    let right = Peer::serving(chain_body(&world.chain_with(50, 40, vec![payment])));
    node.register([&*right.address]);
    node.get("/nodes/resolve").expect_status(200);
    assert_eq!(node.status()["length"], 50);
    assert!(!node.process.stderr().contains("panicked"));
}

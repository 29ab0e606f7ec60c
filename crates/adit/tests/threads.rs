//! A node for which the system makes no more threads, as under a limit of its
//! user or of its container: everything takes longer, and nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::thread;

use adit_core::address::Address;
use rustix::process::geteuid;
use tempfile::tempdir;

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

#[test]
fn a_node_that_gets_no_more_threads_answers_and_adopts() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    // Where it was built, another user may not look.
    let program = folder.join("adit");
    fs::copy(env!("CARGO_BIN_EXE_adit"), &program).unwrap();
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    if geteuid().is_root() {
        chown(&data, Some(USER), None).unwrap();
    }
    let made = run(adit(["chain", "new", "--name", "test", "--json"])
        .args(["--block-interval", "1s"])
        .current_dir(folder));
    let made = made.expect_code(0).json();
    let chain = folder.join(made["file"].as_str().unwrap());
    let chain = chain.to_str().unwrap();
    let reward_to = Address([7; 32]).to_string();
    let other = Server::adit(["--chain", chain, "--in-memory", "--reward-to", &reward_to]);
    let mut command = as_user(&program);
    command
        .args(["node", "-p", "0", "--chain", chain, "--data-dir"])
        .arg(&data)
        .args(["--peer", &format!("http://{}", other.address)])
        .current_dir("/");
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
        return;
    }
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

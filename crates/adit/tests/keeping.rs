//! What is paid for is kept: a proof has its place before it is paid for, an id
//! is said before anything can go wrong, and words are only shown of a wallet
//! that exists.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::deprived::{NO_LINKS, NO_RENAMING, NO_SYNCING, filtered, lock_folder, unprivileged};
use crate::sending::{Network, development_chain};
use crate::support::{Ended, Process, Server, adit, run, until};
use crate::wallet::Wallets;

#[test]
fn a_proof_that_cannot_be_written_is_not_paid_for() {
    let (node, wallets, claim) = (development_chain(), Wallets::with_funds(), Claim::new());
    let nothing_paid = || assert_eq!(node.status()["length"], 1, "something was paid");
    let refused = |arguments: &[&str]| {
        let ended = wallets.ask(&node, &[&["notarize", &claim.file()], arguments].concat());
        ended.expect_code(1).expect_error(["nothing was paid"])
    };
    refused(&["--proof", "/no/such/folder/proof.json"]).expect_error(["No such file"]);
    let long = claim.folder.path().join("x".repeat(256));
    refused(&["--proof", long.to_str().unwrap()]).expect_error(["name too long"]);
    nothing_paid();

    lock_folder(claim.folder.path());
    let notarize = wallets.command(&["notarize", &claim.file(), "--node", &node.address]);
    let Some(mut notarize) = unprivileged(&notarize) else {
        return;
    };
    let ended = run(&mut notarize).expect_code(1);
    ended.expect_error(["Permission denied", "nothing was paid", "--proof"]);
    nothing_paid();
}

#[test]
fn a_proof_needs_no_hard_links() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    for (number, filter) in [NO_LINKS, NO_RENAMING].into_iter().enumerate() {
        let claim = Claim::new();
        let notarize = wallets.command(&["notarize", &claim.file(), "--node", &node.address]);
        let Some(mut notarize) = filtered(&notarize, filter) else {
            return;
        };
        run(&mut notarize).expect_code(0);
        run(&mut adit(["prove", &claim.file()])).expect_code(0);
        assert_eq!(node.status()["length"], 2 + number, "paid once");
        assert_eq!(claim.names(), ["claim.txt", "claim.txt.proof.json"]);
    }
}

#[test]
fn the_id_is_said_at_once_and_again_when_the_node_is_lost() {
    let (network, claim) = (Network::start(&[]), Claim::new());
    let (node, wallets) = (&network.node, &network.wallets);
    let friend = wallets.make("friend");
    let started = |arguments: &[&str]| {
        let arguments = [arguments, &["--node", &node.address]].concat();
        Process::start(&mut wallets.command(&arguments))
    };
    let send = started(&["send", &friend, "1", "--wait"]);
    let sent = id_waiting(node, 1, &[]);
    let notarize = started(&["notarize", &claim.file(), "--json"]);
    let notarised = id_waiting(node, 2, &[&sent]);
    // Nobody has to wait for an error to hear it.
    until("both have said the id", || {
        (send.stderr().contains(&sent) && notarize.stderr().contains(&notarised)).then_some(())
    });
    assert_eq!(claim.proof(), "", "its place is taken");
    drop(network.node);

    let error = last_line(send.ended().expect_code(1));
    assert!(error.contains(&sent), "{error}");
    let ended = notarize.ended().expect_code(1);
    let lines: Vec<Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["transaction"], notarised);
    let error = lines[1]["error"].as_str().unwrap();
    let hint = format!("adit notarize --transaction {notarised}");
    assert!(error.contains(&hint), "{error}");
    assert_eq!(claim.names(), ["claim.txt"], "its place is given back");
}

#[test]
fn one_file_is_not_paid_for_twice_side_by_side_and_a_broken_off_run_is_in_nobodys_way() {
    let (network, claim) = (Network::start(&[]), Claim::new());
    let (node, wallets) = (&network.node, &network.wallets);
    let arguments = ["notarize", &claim.file(), "--node", &node.address];
    let first = Process::start(&mut wallets.command(&arguments));
    let id = id_waiting(node, 1, &[]);
    let second = run(&mut wallets.command(&arguments)).expect_code(1);
    second.expect_error(["already"]);
    assert_eq!(node.status()["pending"], 1);

    first.kill();
    assert_eq!(claim.proof(), "");
    let prove = run(&mut adit(["prove", &claim.file()])).expect_code(1);
    prove.expect_error(["is empty", "--transaction"]);
    node.mine();
    let going_on = [&arguments[..], &["--transaction", &id]].concat();
    run(&mut wallets.command(&going_on)).expect_code(0);
    run(&mut adit(["prove", &claim.file()])).expect_code(0);
    assert_eq!(node.status()["pending"], 0);
}

#[test]
fn words_are_shown_of_a_wallet_that_is_there() {
    let wallets = Wallets::new();
    for (name, filter) in [("linkless", NO_LINKS), ("fixed", NO_RENAMING)] {
        let new = wallets.command(&["wallet", "new", "--json", "--name", name]);
        let Some(mut new) = filtered(&new, filter) else {
            return;
        };
        let made = run(&mut new).expect_code(0).json();
        let imported = wallets.import(&format!("{name}-2"), made["phrase"].as_str().unwrap());
        assert_eq!(imported.expect_code(0).json()["address"], made["address"]);
        let address = wallets.run(&["wallet", "address", "--name", name, "--json"]);
        assert_eq!(address.expect_code(0).json()["address"], made["address"]);
    }
    let new = wallets.command(&["wallet", "new", "--name", "unsynced"]);
    let Some(mut new) = filtered(&new, NO_SYNCING) else {
        return;
    };
    let ended = run(&mut new).expect_code(1);
    assert_eq!(ended.stdout, "", "words of a wallet that may be gone");
    assert!(!wallets.file("unsynced").exists());

    lock_folder(&wallets.folder());
    let new = wallets.command(&["wallet", "new", "--name", "locked"]);
    let Some(mut new) = unprivileged(&new) else {
        return;
    };
    let ended = run(&mut new).expect_code(1);
    assert_eq!(ended.stdout, "");
    ended.expect_error(["locked.json", "Permission denied"]);
}

/// A file to notarise, alone in its folder.
struct Claim {
    folder: TempDir,
}

impl Claim {
    fn new() -> Claim {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("claim.txt"), "mine").unwrap();
        Claim { folder }
    }

    fn file(&self) -> String {
        let file: PathBuf = self.folder.path().join("claim.txt");
        file.to_str().unwrap().to_owned()
    }

    fn proof(&self) -> String {
        fs::read_to_string(format!("{}.proof.json", self.file())).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let found = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = found
            .map(|one| one.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The id of the one that waits besides these, once this many do.
fn id_waiting(node: &Server, count: u64, known: &[&str]) -> String {
    until("the transactions wait", || {
        (node.status()["pending"] == count).then_some(())
    });
    let waiting = node.get("/api/v1/mempool").expect_status(200).json();
    let ids = waiting["transactions"].as_array().unwrap().iter();
    let mut ids = ids.map(|one| one["id"].as_str().unwrap());
    ids.find(|id| !known.contains(id)).unwrap().to_owned()
}

fn last_line(ended: Ended) -> String {
    ended.stderr.lines().last().unwrap().to_owned()
}

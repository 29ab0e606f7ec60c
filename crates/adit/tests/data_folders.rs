//! Where a node keeps its data if nobody says where: one port serves one chain
//! after the other, and each finds its own again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{Ended, Server, adit, free_port, run};

/// A user, and a port on which one node after the other listens.
struct Home {
    folder: TempDir,
    port: String,
}

impl Home {
    fn new() -> Home {
        Home {
            folder: tempdir().unwrap(),
            port: free_port().to_string(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = adit(arguments);
        let data = self.folder.path().join("data");
        command.envs([("HOME", self.folder.path()), ("XDG_DATA_HOME", &data)]);
        command.current_dir(self.folder.path());
        command
    }

    /// A sealed chain's file.
    fn new_chain(&self, name: &str) -> String {
        let mut new = self.command(&["chain", "new", "--difficulty", "256", "--name", name]);
        run(&mut new).expect_code(0);
        format!("{name}.json")
    }

    /// Runs a node until it has made this many blocks; returns its length.
    fn node(&self, options: &[&str], blocks: usize) -> u64 {
        let node = [&["node", "-p", &self.port], options].concat();
        let node = Server::start(&mut self.command(&node));
        (0..blocks).for_each(|_| drop(node.mine()));
        node.status()["length"].as_u64().unwrap()
    }

    fn verify(&self, options: &[&str]) -> Ended {
        let verify = ["chain", "verify", "--json", "-p", &self.port];
        run(&mut self.command(&[&verify, options].concat()))
    }

    fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(self.base()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names
    }

    fn base(&self) -> PathBuf {
        self.folder.path().join("data/adit")
    }
}

fn length_of(ended: Ended) -> Value {
    ended.expect_code(0).json()["length"].clone()
}

#[test]
fn one_port_serves_one_chain_after_the_other() {
    let home = Home::new();
    let (class, club) = (home.new_chain("class"), home.new_chain("club"));
    let reward = [
        "--reward-to",
        "adit1wgq2r8wanuw4ap4yycmsrvg88ws5xven5lr9mwd2rk3f6yukeenqdsx2g2",
    ];
    let of_chain = |file| [&["--chain", file], &reward[..]].concat();
    assert_eq!(home.node(&[], 1), 2);
    assert_eq!(length_of(home.verify(&[])), 2);
    assert_eq!(home.node(&of_chain(&class), 2), 3);
    assert_eq!(home.node(&["--rules", "classic-2018"], 3), 4);
    // Each is found again, and the one of a chain by its rules alone too.
    assert_eq!(home.node(&[], 0), 2);
    assert_eq!(home.node(&["--rules", "sealed"], 0), 3);
    assert_eq!(home.node(&of_chain(&club), 4), 5);
    assert_eq!(home.node(&of_chain(&class), 0), 3);
    assert_eq!(home.node(&["--rules", "classic-2018"], 0), 4);
    assert_eq!(home.folders().len(), 4);

    // Where there is a choice, it is left to the user.
    let which = home.verify(&[]).expect_code(1);
    let port = &*home.port;
    which.expect_error([
        "several chains",
        "--chain FILE",
        "--data-dir",
        port,
        "classic-2018",
    ]);
    assert_eq!(length_of(home.verify(&["--chain", &club])), 5);
    let folder = home.base().join(port);
    assert_eq!(
        length_of(home.verify(&["--data-dir", folder.to_str().unwrap()])),
        2
    );
    let mut sealed = home.command(&["node", "-p", port, "--rules", "sealed"]);
    run(&mut sealed)
        .expect_code(1)
        .expect_error(["several chains"]);
}

#[test]
fn a_chain_in_a_folder_named_by_its_port_alone_is_found_and_used() {
    let home = Home::new();
    let class = home.new_chain("class");
    let folder = home.base().join(&home.port);
    let data_dir = ["--chain", &class, "--data-dir", folder.to_str().unwrap()];
    let reward = [
        "--reward-to",
        "adit1wgq2r8wanuw4ap4yycmsrvg88ws5xven5lr9mwd2rk3f6yukeenqdsx2g2",
    ];
    assert_eq!(home.node(&[&data_dir[..], &reward].concat(), 2), 3);
    assert_eq!(home.node(&["--chain", &class], 0), 3);
    assert_eq!(home.node(&["--rules", "sealed"], 0), 3);
    assert_eq!(home.folders(), [&*home.port]);
    // Another chain comes beside it.
    assert_eq!(home.node(&[], 3), 4);
    assert_eq!(home.node(&["--chain", &class], 0), 3);
    assert_eq!(
        home.folders(),
        [home.port.clone(), format!("{}-classic", home.port)]
    );
    // What of it can be lost is found in the block log.
    fs::remove_file(Path::new(&folder).join("node.json")).unwrap();
    assert_eq!(home.node(&["--chain", &class], 0), 3);
    assert_eq!(home.folders().len(), 2);
}

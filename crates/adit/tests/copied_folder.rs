//! A node recognises itself, and nobody else: not even the one that runs on a
//! copy of its data folder and so goes by its name.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Server, until};

fn node_in(folder: &Path) -> Server {
    let folder = folder.to_str().unwrap();
    Server::adit(["--data-dir", folder, "--resolve-every", "0"])
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            false => std::fs::copy(&path, to.join(name)).map(drop).unwrap(),
        }
    }
}

fn peers_of(node: &Server) -> Value {
    node.get("/api/v1/peers").expect_status(200).json()
}

#[test]
fn a_node_on_a_copied_data_folder_is_a_peer_of_its_original_and_that_is_said() {
    let folder = TempDir::new().unwrap();
    let (original, copied) = (folder.path().join("original"), folder.path().join("copy"));
    let node = node_in(&original);
    node.mine();
    node.process.kill();
    copy(&original, &copied);
    let (first, second) = (node_in(&original), node_in(&copied));
    assert_eq!(first.status()["node_id"], second.status()["node_id"]);
    first.register([second.address.as_str()]);
    second.register([first.address.as_str()]);
    for (miner, other) in [(&first, &second), (&second, &first)] {
        miner.mine();
        until("both have the new block", || {
            let _ = other.get("/nodes/resolve");
            (other.chain() == miner.chain()).then_some(())
        });
    }
    for (node, other) in [(&first, &second), (&second, &first)] {
        node.get("/nodes/resolve").expect_status(200);
        let list = peers_of(node);
        let peer = &list["peers"][0];
        assert_eq!(peer["id"], *other.address, "{list}");
        assert_eq!(peer["agreement"], "same");
        let problem = peer["problem"].as_str().unwrap();
        assert!(problem.contains("goes by this node's name"), "{problem}");
        let log = node.process.stderr();
        let warnings = log.matches("goes by the name of this node").count();
        assert_eq!(warnings, 1, "{log}");
    }
}

/// Passes connections on to a node, under another address than its own.
fn relay_to(address: &str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (own, address) = (listener.local_addr().unwrap(), address.to_owned());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let there = TcpStream::connect(&address).unwrap();
            let (mut in_a, mut out_a) = (stream.try_clone().unwrap(), stream);
            let (mut in_b, mut out_b) = (there.try_clone().unwrap(), there);
            thread::spawn(move || io::copy(&mut in_a, &mut out_b));
            thread::spawn(move || io::copy(&mut in_b, &mut out_a));
        }
    });
    own.to_string()
}

#[test]
fn a_node_that_finds_itself_behind_another_address_drops_it_and_says_so() {
    let node = Server::adit(["--in-memory", "--resolve-every", "0"]);
    let relay = relay_to(&node.address);
    node.register([relay.as_str()]);
    let resolved = node.get("/nodes/resolve").expect_status(200).json();
    assert_eq!(resolved["peers"][0]["outcome"], "this node itself");
    assert_eq!(
        peers_of(&node),
        json!({ "peers": [], "own": [relay], "talking": [] })
    );
    until("the log says so", || {
        let log = node.process.stderr();
        log.contains("this node itself answers there").then_some(())
    });
}

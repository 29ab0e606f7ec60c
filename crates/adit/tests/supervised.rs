//! A node under a supervisor that wants to know when it is ready (sd_notify(3)).

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::support::{Server, adit};

fn heard(socket: &UnixDatagram) -> String {
    let mut told = [0; 256];
    let length = socket.recv(&mut told).unwrap();
    String::from_utf8_lossy(&told[..length]).trim().to_owned()
}

#[test]
fn the_supervisor_hears_that_it_is_ready_and_that_it_stops() {
    for command in ["node", "dev"] {
        let folder = tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut adit = adit([command, "-p", "0", "--log", "info"]);
        if command == "node" {
            adit.arg("--in-memory");
        }
        adit.env("NOTIFY_SOCKET", folder.path().join("notify"));
        let node = Server::start(&mut adit);
        assert_eq!(heard(&socket), "READY=1", "{command}");
        node.get("/chain").expect_status(200);
        node.process.signal(Signal::TERM);
        assert_eq!(heard(&socket), "STOPPING=1", "{command}");
    }
}

#[test]
fn a_supervisor_that_is_gone_stops_nothing() {
    let mut adit = adit(["node", "-p", "0", "--in-memory"]);
    adit.env("NOTIFY_SOCKET", "/nowhere/notify");
    let node = Server::start(&mut adit);
    node.get("/chain").expect_status(200);
}

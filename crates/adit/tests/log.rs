//! Nothing that happens to the log, or to the terminal, harms the node.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Server, adit, ask, free_port, until};

/// Each request is a line of the log, longer than this.
const LINE_BYTES: usize = 4_000;

/// More of the log than a pipe takes.
const REQUESTS: usize = 100;

#[test]
fn a_node_goes_on_when_the_reader_of_its_log_has_gone() {
    let (mut node, port) = node_with_log_to(Stdio::piped());
    let mut log = BufReader::new(node.0.stderr.take().unwrap());
    let mut first_line = String::new();
    log.read_line(&mut first_line).unwrap();
    drop(log);
    answers_and_ends_in_good_order(node, port);
}

#[test]
fn a_node_goes_on_when_nobody_reads_its_log_any_further() {
    let (mut node, port) = node_with_log_to(Stdio::piped());
    let _held_open = node.0.stderr.take();
    answers_and_ends_in_good_order(node, port);
}

#[test]
fn a_node_goes_on_when_the_disk_of_its_log_is_full() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (node, port) = node_with_log_to(full.into());
    answers_and_ends_in_good_order(node, port);
}

#[test]
fn lines_that_were_lost_are_counted_in_the_log() {
    let (mut node, port) = node_with_log_to(Stdio::piped());
    let log = node.0.stderr.take().unwrap();
    // A pipe and the lines that may wait take less than this.
    (0..5 * REQUESTS).for_each(|_| request(port));
    let mut lines = BufReader::new(log).lines();
    until("the lost lines are said", || {
        let line = lines.next()?.unwrap();
        line.contains("lines of the log were lost").then_some(())
    });
}

#[test]
fn a_hangup_ends_no_node() {
    let node = Server::start(&mut adit(["node", "-p", "0", "--in-memory"]));
    for hangup in 1..=2 {
        node.process.signal(Signal::HUP);
        until("it says so", || {
            let said = node.process.stderr().matches("hangup").count();
            (said == hangup).then_some(())
        });
        assert_eq!(node.status()["length"], 1);
    }
}

/// A process that is killed when its test lets go of it.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn node_with_log_to(log: Stdio) -> (Node, u16) {
    let port = free_port();
    let mut node: Command = adit(["node", "--in-memory", "--log", "debug", "-p"]);
    node.arg(port.to_string()).stdout(Stdio::null()).stderr(log);
    let node = Node(node.spawn().unwrap());
    until("the node listens", || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    (node, port)
}

fn request(port: u16) {
    let request = format!("GET /{}", "x".repeat(LINE_BYTES));
    assert_eq!(
        ask(&format!("127.0.0.1:{port}"), &request, "")
            .unwrap()
            .status,
        404
    );
}

fn answers_and_ends_in_good_order(mut node: Node, port: u16) {
    (0..REQUESTS).for_each(|_| request(port));
    kill_process(Pid::from_child(&node.0), Signal::TERM).unwrap();
    let status = until("the node ends", || node.0.try_wait().unwrap());
    assert!(status.success(), "{status:?}");
}

//! Nothing that happens to the log, or to the terminal, harms the node.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::peer::Peer;
use crate::raw::Node;
use crate::support::{Server, adit, ask, free_port, until};
use crate::terminal::answering;

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

/// This many lines of a kind that tell something new are written in a minute.
const NEWS_LINES_LIMIT: usize = 30;

#[test]
fn what_others_can_do_again_and_again_fills_no_log() {
    let node = Node::start();
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let flapping = Peer::start({
        let calls = AtomicUsize::new(0);
        move |path, mut stream| {
            let is_well = path != "/chain" || calls.fetch_add(1, Ordering::Relaxed) % 2 == 1;
            let _ = match is_well {
                true => stream.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
                false => stream.write_all(b"HTTP/1.1 500 No\r\n\r\n"),
            };
        }
    });
    node.register([&flapping]);
    for _ in 0..3 * NEWS_LINES_LIMIT {
        let refused = node.request("POST", "/operator", &form, b"token=wrong");
        assert_eq!(refused.status, 401, "{}", refused.text());
        node.get("/mine").expect_status(200);
    }
    for _ in 0..6 * NEWS_LINES_LIMIT {
        node.resolve();
    }
    let lines = |text: &str| {
        let log = node.log();
        log.lines().filter(|line| line.contains(text)).count()
    };
    until("the last of the lines are written", || {
        (lines("can be read again") >= NEWS_LINES_LIMIT).then_some(())
    });
    // Where all of that takes longer than a minute, another one's are there too.
    let some = NEWS_LINES_LIMIT..=2 * NEWS_LINES_LIMIT;
    assert!((1..=2).contains(&lines("a page was shown a token")));
    // Each block is counted, in a line with those that were made soon after each other.
    let made = |line: &str| {
        let (before, _) = line
            .split_once(" blocks made")
            .or(line.split_once(" block made"))?;
        Some(before.rsplit(' ').next()?.parse::<usize>().unwrap_or(1))
    };
    until("all blocks are counted", || {
        let log = node.log();
        let counts: Vec<usize> = log.lines().filter_map(made).collect();
        assert!(counts.len() <= NEWS_LINES_LIMIT, "{log}");
        (counts.iter().sum::<usize>() == 3 * NEWS_LINES_LIMIT).then_some(())
    });
    assert!(some.contains(&lines("the peer's chain was not read")));
    assert!(some.contains(&lines("can be read again")));
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
struct Spawned(Child);

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn node_with_log_to(log: Stdio) -> (Spawned, u16) {
    let port = free_port();
    let mut node: Command = adit(["node", "--in-memory", "--log", "debug", "-p"]);
    node.arg(port.to_string()).stdout(Stdio::null()).stderr(log);
    let node = Spawned(node.spawn().unwrap());
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

fn answers_and_ends_in_good_order(mut node: Spawned, port: u16) {
    (0..REQUESTS).for_each(|_| request(port));
    kill_process(Pid::from_child(&node.0), Signal::TERM).unwrap();
    let status = until("the node ends", || node.0.try_wait().unwrap());
    assert!(status.success(), "{status:?}");
}

#[test]
fn who_sits_at_a_terminal_is_told_what_to_do_next() {
    let mut node = Command::new("timeout");
    node.args(["--foreground", "--signal", "INT", "2"]);
    node.arg(env!("CARGO_BIN_EXE_adit"));
    node.args(["node", "-p", "0", "--in-memory"])
        .current_dir("/");
    let said = answering(&mut node, &[]);
    for text in [
        "  Open http://127.0.0.1:",
        "Ctrl-C stops",
        "mine makes a block",
    ] {
        assert_eq!(said.matches(text).count(), 1, "{text} in {said}");
    }
}

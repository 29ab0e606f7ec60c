//! `adit watch` beside a real node: it shows what others do, survives a restart,
//! and ends when nobody reads it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::peer::Peer;
use crate::support::{Process, Server, adit, free_port, until};

#[test]
fn what_other_clients_do_is_seen_in_order() {
    let node = Server::adit(["--in-memory"]);
    let watch = Watch::on(&node.address, &["--topics", "block,tx"]);
    watch.is_there();
    node.pay("alice", "bob");
    let events = watch.events(1);
    node.mine();
    let made = &watch.events(2)[1];
    assert_eq!(events[0]["event"], "tx");
    assert_eq!(
        events[0]["data"]["transactions"][0]["transaction"]["recipient"],
        "bob"
    );
    assert_eq!(
        (&made["event"], &made["data"]["origin"]),
        (&"block".into(), &"made".into())
    );
    assert_eq!(made["data"]["block"]["hash"], node.status()["tip"]);
}

#[test]
fn people_get_a_line_an_event() {
    let node = Server::adit(["--in-memory"]);
    let watch = Process::start(&mut adit(["watch", "--node", &node.address]));
    until("it watches", || {
        watch.stderr().contains("watching").then_some(())
    });
    node.pay("ali\u{1b}[2Jce", "bob");
    until("the transaction is seen", || {
        watch.stdout().contains("waiting").then_some(())
    });
    node.mine();
    let said = until("the block is seen", || {
        let said = watch.stdout();
        said.contains("made here").then_some(said)
    });
    assert!(
        said.contains(r"1 new, 1 waiting: ali\u{1b}[2Jce pays bob 1"),
        "{said}"
    );
    let tip = node.status()["tip"].as_str().unwrap().to_owned();
    let line = said.lines().find(|line| line.contains("block")).unwrap();
    assert!(
        line.contains(&format!("2 {tip}, 2 transactions, made here")),
        "{line}"
    );
    // Once a second it is said how fast proofs are searched; that they are not
    // is news once.
    assert!(said.matches("not searching").count() <= 1, "{said}");
}

#[test]
fn a_node_that_was_restarted_is_found_again_and_what_was_missed_is_said() {
    let (folder, port) = (TempDir::new().unwrap(), free_port().to_string());
    let start = || {
        let mut node = adit(["node", "-p", &port, "--data-dir"]);
        Server::start(node.arg(folder.path()))
    };
    let node = start();
    let watch = Watch::on(&node.address, &["--topics", "block"]);
    watch.is_there();
    node.mine();
    watch.events(1);
    node.process.kill();
    until("it is missed", || {
        watch.0.stderr().contains("lost the node").then_some(())
    });
    // Long enough for failed tries.
    thread::sleep(Duration::from_secs(1));
    let node = start();
    // That events were lost is one; what comes before it is said is lost too.
    watch.events(2);
    node.mine();
    let events = watch.events(3);
    let names: Vec<_> = events.iter().map(|event| &event["event"]).collect();
    assert_eq!(names, ["block", "missed", "block"]);
    assert_eq!(events[2]["data"]["block"]["index"], 3);
    let said = watch.0.stderr();
    assert!(
        said.contains("lost the node at") && said.contains("found the node"),
        "{said}"
    );
}

#[test]
fn what_came_last_is_named_when_the_connection_was_lost() {
    // It sends one event to each listener, and hangs up.
    let event = "id: 7-1\r\nevent: tx\r\ndata: {\"count\":1,\r\ndata: \"pending\":1}\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    let node = crate::fake_node::FakeNode::streaming(&format!("{head}: hello\r\n{event}"));
    let watch = Watch::on(&node.address, &[]);
    watch.events(2);
    let listeners: Vec<_> = node
        .asked()
        .into_iter()
        .filter(|one| one.contains("/events"))
        .collect();
    assert_eq!(
        listeners[..2],
        [
            "GET /api/v1/events?topics=block,reorg,tx,peer",
            "GET /api/v1/events?topics=block,reorg,tx,peer after 7-1",
        ]
    );
    assert_eq!(
        watch.events(1)[0]["data"],
        serde_json::json!({ "count": 1, "pending": 1 })
    );
}

#[test]
fn signals_end_it_without_an_error() {
    let node = Server::adit(["--in-memory"]);
    for signal in [Signal::INT, Signal::TERM] {
        let watch = Watch::on(&node.address, &[]);
        watch.is_there();
        watch.0.signal(signal);
        let ended = watch.0.ended().expect_code(0);
        assert!(!ended.stderr.contains("error"), "{ended:#?}");
    }
}

#[test]
fn it_ends_when_nobody_reads_even_if_nothing_happens() {
    let node = Server::adit(["--in-memory"]);
    let mut command = adit(["watch", "--topics", "reorg", "--node", &node.address]);
    let mut watch = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(watch.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    drop(watch.stdout.take());
    let status = until("it ends", || watch.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn an_event_without_end_is_broken_off() {
    let endless = Peer::start(|path, mut stream| {
        use std::io::Write;
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        let body = match path.contains("/events") {
            true => "data: x".repeat(2 * 1024 * 1024),
            false => crate::fake_answers::status("classic").to_string(),
        };
        // Nobody listens to the end.
        let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
    });
    let watch = Process::start(&mut adit(["watch", "--node", &endless.address]));
    watch
        .ended()
        .expect_code(1)
        .expect_error(["an event of more than 8388608 bytes"]);
}

/// `adit watch --json`.
struct Watch(Process);

impl Watch {
    fn on(address: &str, arguments: &[&str]) -> Watch {
        Watch(Process::start(
            adit(["watch", "--json", "--node", address]).args(arguments),
        ))
    }

    #[track_caller]
    fn is_there(&self) {
        until("it watches", || {
            self.0.stderr().contains("watching").then_some(())
        });
    }

    /// The events so far, as soon as there are this many; each line is one.
    #[track_caller]
    fn events(&self, count: usize) -> Vec<Value> {
        until("the events come", || {
            let said = self.0.stdout();
            let whole = &said[..said.rfind('\n').map_or(0, |end| end + 1)];
            let events = whole
                .lines()
                .map(|line| serde_json::from_str(line).unwrap());
            let events: Vec<_> = events.collect();
            (events.len() >= count).then_some(events)
        })
    }
}

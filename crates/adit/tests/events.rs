//! What happens at a node, heard as it happens: `GET /api/v1/events`.

use std::io::Write;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{PATIENCE, Server, ask, until};

/// A listener: an open answer, read line by line.
struct Listener {
    lines: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Event {
    id: Option<String>,
    topic: String,
    data: Value,
}

impl Listener {
    fn of(node: &Server, query: &str, last_seen: Option<&str>) -> Listener {
        let mut stream = TcpStream::connect(&node.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last_seen = last_seen.map(|id| format!("Last-Event-ID: {id}\r\n"));
        let head = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nHost: {}\r\n{}\r\n",
            node.address,
            last_seen.unwrap_or_default()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut listener = Listener {
            lines: BufReader::new(stream),
        };
        assert_eq!(listener.line().unwrap(), "HTTP/1.1 200 OK");
        // From the greeting on, nothing that happens is missed.
        while listener.line().unwrap() != "retry: 1000" {}
        listener
    }

    /// The next event; `None` when the node has ended the answer.
    fn next(&mut self) -> Option<Event> {
        let (mut id, mut topic) = (None, String::new());
        loop {
            let line = self.line()?;
            // What is neither of these is a comment, or says how long a piece is.
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_string());
            } else if let Some(text) = line.strip_prefix("event: ") {
                topic = text.to_string();
            } else if let Some(text) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(text).unwrap();
                return Some(Event { id, topic, data });
            }
        }
    }

    #[track_caller]
    fn next_of(&mut self, topic: &str) -> Event {
        let event = self.next().unwrap();
        assert_eq!(event.topic, topic, "{event:?}");
        event
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_string()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn transactions_and_blocks_are_told_to_all_who_listen() {
    let node = Server::adit(["--in-memory"]);
    let mut listeners = [(); 3].map(|()| Listener::of(&node, "?topics=block,tx", None));
    node.pay("us", "them");
    for listener in &mut listeners {
        let event = listener.next_of("tx");
        assert_eq!(event.data["count"], 1);
        assert_eq!(event.data["pending"], 1);
        let transaction = &event.data["transactions"][0];
        assert_eq!(transaction["transaction"]["recipient"], "them");
        assert_eq!(transaction["id"].as_str().unwrap().len(), 64);
    }
    let mined = node.mine();
    let tip = node.get("/api/v1/blocks/tip/hash").text();
    for listener in &mut listeners {
        let event = listener.next_of("block");
        assert_eq!(event.data["block"]["index"], mined["index"]);
        assert_eq!(event.data["block"]["hash"], tip);
        assert_eq!(event.data["length"], 2);
        assert_eq!(event.data["pending"], 0);
        assert_eq!(event.data["added"], 1);
        assert_eq!(event.data["origin"], "made");
    }
}

#[test]
fn only_the_wanted_topics_are_told() {
    let node = Server::adit(["--in-memory"]);
    let mut listener = Listener::of(&node, "?topics=block", None);
    node.pay("us", "them");
    // Long enough that the transaction is told before the block.
    std::thread::sleep(Duration::from_millis(200));
    node.mine();
    listener.next_of("block");
    let answer = node
        .get("/api/v1/events?topics=block,weather")
        .expect_status(400);
    let problem = answer.json();
    assert_eq!(problem["type"], "/problems/malformed");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("weather") && detail.contains("reorg"),
        "{detail}"
    );
}

#[test]
fn whoever_comes_back_hears_what_was_missed() {
    let node = Server::adit(["--in-memory"]);
    let mut listener = Listener::of(&node, "?topics=block", None);
    node.mine();
    let seen = listener.next_of("block").id.unwrap();
    drop(listener);
    let mut present = Listener::of(&node, "?topics=block", None);
    for _ in 0..2 {
        node.mine();
        // Each is told by itself.
        present.next_of("block");
    }
    let mut listener = Listener::of(&node, "?topics=block", Some(&seen));
    let lengths = [(); 2].map(|()| listener.next_of("block").data["length"].clone());
    assert_eq!(lengths, [3, 4]);
}

#[test]
fn whoever_comes_back_too_late_is_told_so() {
    let node = Server::adit(["--in-memory"]);
    for name in ["1234-0", "nonsense", "-", "", "99999999999999999999999-5"] {
        let mut listener = Listener::of(&node, "?topics=block", Some(name));
        let event = listener.next_of("missed");
        assert_eq!(event.id, None, "{name}");
        node.mine();
        listener.next_of("block");
    }
}

#[test]
fn a_change_of_branches_is_told_before_the_block_that_it_leads_to() {
    let ours = Server::adit(["--in-memory"]);
    let theirs = Server::adit(["--in-memory"]);
    let mut listener = Listener::of(&ours, "?topics=block,reorg", None);
    ours.mine();
    listener.next_of("block");
    let old_tip = ours.get("/api/v1/blocks/tip/hash").text();
    for _ in 0..3 {
        theirs.mine();
    }
    let new_tip = theirs.get("/api/v1/blocks/tip/hash").text();
    ours.register([&*theirs.address]);
    ours.get("/nodes/resolve").expect_status(200);
    let change = listener.next_of("reorg").data;
    assert_eq!(change["id"], new_tip);
    assert_eq!(change["fork"], Value::Null);
    assert_eq!(change["dropped_count"], 2);
    assert_eq!(change["adopted_count"], 4);
    assert_eq!(change["new_tip"]["total_weight"], "4");
    assert_eq!(change["old_tip"]["hash"], old_tip);
    assert_eq!(change["old_tip"]["index"], 2);
    assert_eq!(change["new_tip"]["hash"], new_tip);
    assert_eq!(change["new_tip"]["index"], 4);
    let block = listener.next_of("block").data;
    assert_eq!(block["block"]["hash"], new_tip);
    assert_eq!(block["origin"], "elsewhere");
}

#[test]
fn of_a_reorganisation_event_history_and_log_say_the_same() {
    let ours = Server::adit(["--in-memory"]);
    let theirs = Server::adit(["--in-memory", "--resolve-every", "0"]);
    let mut listener = Listener::of(&ours, "?topics=reorg", None);
    ours.mine();
    theirs.register([&*ours.address]);
    theirs.get("/nodes/resolve").expect_status(200);
    // Told of our blocks, it would adopt them, and there were no branches.
    let forgotten = ask(
        &theirs.address,
        &format!("DELETE /api/v1/peers/{}", ours.address),
        "",
    );
    assert_eq!(forgotten.unwrap().status, 204);
    let mut events = Vec::new();
    // First a branch of some blocks, then one that is a block longer.
    for (dropped, adopted) in [(2, 20), (1, 2)] {
        let fork = ours.get("/api/v1/blocks/tip/hash").text();
        (0..dropped).for_each(|_| drop(ours.mine()));
        let old_tip = ours.get("/api/v1/blocks/tip/hash").text();
        (0..adopted).for_each(|_| drop(theirs.mine()));
        ours.register([&*theirs.address]);
        ours.get("/nodes/resolve").expect_status(200);
        let tip = theirs.get("/api/v1/blocks/tip/hash").text();
        assert_eq!(ours.get("/api/v1/blocks/tip/hash").text(), tip);

        let event = listener.next_of("reorg").data;
        assert_eq!(event["fork"]["hash"], fork);
        assert_eq!(event["old_tip"]["hash"], old_tip);
        assert_eq!(event["dropped_count"], dropped);
        // On a slow machine the branch is taken in steps, and shown after each.
        let new_tip = event["new_tip"]["hash"].as_str().unwrap();
        let shown = event["adopted_count"].as_u64().unwrap();
        assert!((dropped + 1..=adopted).contains(&shown), "{event}");
        let said = format!(
            "fork={fork} old_tip={old_tip} new_tip={new_tip} dropped={dropped} adopted={shown}"
        );
        let log = || ours.process.stderr().contains(&said).then_some(());
        until(&format!("the log says {said}"), log);
        events.insert(0, event);
    }
    let list = ours.get("/api/v1/reorgs").expect_status(200).json();
    assert_eq!(list["reorganisations"], Value::from(events));
    let counted = ours.get("/metrics").text();
    assert!(
        counted.contains("adit_chain_reorganisations_total 2\n"),
        "{counted}"
    );
}

#[test]
fn what_is_new_of_a_peer_is_told_once() {
    let ours = Server::adit(["--in-memory"]);
    let theirs = Server::adit(["--in-memory"]);
    let mut listener = Listener::of(&ours, "?topics=peer,block", None);
    ours.register([&*theirs.address]);
    for _ in 0..2 {
        ours.get("/nodes/resolve").expect_status(200);
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut peer = listener.next_of("peer").data["peer"].take();
    assert_eq!(peer["id"], theirs.address);
    // That it was registered is told by itself if the question took its time.
    if peer["agreement"] == "not-asked" {
        peer = listener.next_of("peer").data["peer"].take();
    }
    assert_eq!(peer["kind"], "adit");
    assert_eq!(peer["agreement"], "fork");
    // The second time it was as before: the next event is another's.
    ours.mine();
    listener.next_of("block");
}

#[test]
fn listeners_are_let_go_when_the_node_ends() {
    let node = Server::adit(["--in-memory"]);
    let mut listener = Listener::of(&node, "", None);
    node.process.signal(Signal::TERM);
    let ended = node.process.ended();
    assert!(ended.status.success(), "{ended:?}");
    while let Some(event) = listener.next() {
        assert_eq!(event.topic, "mining");
    }
}

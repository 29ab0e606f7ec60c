//! What a node says of its peers over its API, real ones in Python among them:
//! kind, agreement and problem; removing them; and auditing a peer's chain.

use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::gzip;
use crate::interop::Python;
use crate::peer::{Forger, Peer, chain_body};
use crate::raw::{Answer, Node};
use crate::support::{Server, until};

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

impl Node {
    pub(crate) fn peers(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/peers").expect_status(200).json();
        answer["peers"].as_array().unwrap().clone()
    }

    /// What it says of this peer.
    #[track_caller]
    pub(crate) fn peer(&self, address: &str) -> Value {
        let found = self.peers().into_iter().find(|peer| peer["id"] == address);
        found.unwrap_or_else(|| panic!("{address} is no peer"))
    }

    fn register_at(&self, address: &str) -> Answer {
        let body = json!({ "nodes": [address] }).to_string();
        self.post("/api/v1/peers", body)
    }

    pub(crate) fn remove(&self, address: &str) -> Answer {
        self.request("DELETE", &format!("/api/v1/peers/{address}"), &[], b"")
    }

    fn audit(&self, address: &str) -> Answer {
        self.get(&format!("/api/v1/peers/{address}/audit"))
    }
}

/// A problem document of this name.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16, name: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.json()["type"], format!("/problems/{name}"));
}

#[test]
fn a_python_peer_is_followed_from_the_first_question_to_its_end() {
    let Some(python) = Python::find() else { return };
    let theirs = python.node([]);
    let ours = Node::start();
    let address = &*theirs.address;
    let answer = ours.register_at(address).expect_status(201).json();
    let unknown = json!({
        "id": address, "kind": "unknown", "agreement": "not-asked", "length": null, "tip": null,
        "lag": null, "asked_ms": null, "answered_ms": null, "problem": null,
    });
    assert_eq!(
        answer,
        json!({ "peers": [unknown], "own": [], "talking": [] })
    );

    ours.resolve();
    let peer = ours.peer(address);
    assert_eq!(peer["agreement"], "fork", "its first block is another one");
    assert_eq!(peer["kind"], "python");
    assert_eq!((&peer["length"], &peer["lag"]), (&json!(1), &json!(0)));

    theirs.mine();
    ours.resolve();
    let peer = ours.peer(address);
    assert_eq!(peer["agreement"], "same");
    assert_eq!(peer["tip"], ours.status()["tip"]);
    let (asked, answered) = (peer["asked_ms"].as_u64(), peer["answered_ms"].as_u64());
    assert!(asked.unwrap() <= answered.unwrap());

    assert_eq!(ours.get("/mine").status, 200);
    let peer = ours.peer(address);
    assert_eq!(peer["agreement"], "behind", "without another question");
    assert_eq!(peer["lag"], 1);

    let address = theirs.address.clone();
    drop(theirs);
    ours.resolve();
    let peer = ours.peer(&address);
    assert_eq!(peer["agreement"], "unreachable");
    assert!(
        peer["problem"]
            .as_str()
            .unwrap()
            .starts_with("no connection")
    );
    assert_eq!(
        (&peer["length"], &peer["kind"]),
        (&json!(2), &json!("python"))
    );
    assert_eq!(peer["answered_ms"], answered.unwrap());
}

#[test]
fn a_peer_of_our_kind_is_known_by_its_tip_alone() {
    let theirs = Server::adit(["--in-memory", "--resolve-every", "0"]);
    let ours = Node::start();
    ours.register_at(&theirs.address);
    theirs.mine();
    ours.resolve();
    assert_eq!(ours.peer(&theirs.address)["kind"], "adit");
    // It says "not modified" from now on.
    let resolved = ours.resolve();
    assert_eq!(resolved.peers[&theirs.address]["outcome"], "unchanged");
    let peer = ours.peer(&theirs.address);
    assert_eq!(peer["agreement"], "same");
    assert_eq!(peer["length"], 2);

    // A new record knows what the tag of the answer says.
    ours.remove(&theirs.address).expect_status(204);
    ours.register_at(&theirs.address);
    ours.resolve();
    let peer = ours.peer(&theirs.address);
    assert_eq!(peer["agreement"], "same");
    assert_eq!((&peer["length"], &peer["lag"]), (&json!(2), &json!(0)));
}

#[test]
fn a_refused_chain_is_named_with_its_problem() {
    let mut blocks = Forger::chain(4);
    blocks[2] = blocks[2].replace("\"proof\": ", "\"proof\": 1");
    let lying = Peer::serving(chain_body(&blocks));
    let silent = Peer::sending("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let ours = Node::start();
    ours.register([&lying, &silent]);
    let resolved = ours.resolve();
    let peer = ours.peer(&lying.address);
    assert_eq!(peer["agreement"], "refused");
    assert_eq!(peer["problem"], resolved.error(&lying));
    assert!(
        resolved
            .error(&lying)
            .starts_with("the block in place 3 is not valid: ")
    );
    assert_eq!(peer["length"], Value::Null);
    assert_ne!(peer["answered_ms"], Value::Null);
    let peer = ours.peer(&silent.address);
    assert_eq!(peer["agreement"], "unreachable");
    assert_eq!(peer["problem"], "expected status 200, found 404 Not Found");
    assert_eq!(peer["answered_ms"], Value::Null);
}

#[test]
fn a_removed_peer_stays_removed() {
    let ours = Node::start();
    ours.register_at("127.0.0.1:1");
    ours.register_at("peer.example:2");
    ours.remove("PEER.example:2").expect_status(204);
    assert_eq!(ours.status()["nodes"], json!(["127.0.0.1:1"]));
    assert_problem(&ours.remove("peer.example:2"), 404, "not-found");
    assert_problem(&ours.remove("peer.example:0"), 400, "malformed");
    let ours = ours.restart();
    assert_eq!(ours.status()["nodes"], json!(["127.0.0.1:1"]));
    ours.assert_unharmed();
}

#[test]
fn a_peer_that_is_removed_while_it_is_asked_keeps_nobody_waiting() {
    let ours = Node::start();
    let slow = Peer::start(|_, mut stream| {
        thread::sleep(Duration::from_secs(3));
        let _ = stream.write_all(chain_body(&Forger::chain(9)).as_bytes());
    });
    ours.register([&slow]);
    let resolved = thread::scope(|scope| {
        let resolving = scope.spawn(|| ours.resolve());
        until("it is asked", || (slow.visits() > 0).then_some(()));
        ours.remove(&slow.address).expect_status(204);
        resolving.join().unwrap()
    });
    assert!(resolved.peers.is_empty());
    assert!(ours.peers().is_empty());
    ours.assert_unharmed();
}

#[test]
fn what_can_not_be_registered_is_a_problem() {
    let ours = Node::start();
    for body in ["", "[]", "{\"nodes\": 7}", "{\"nodes\": [\"ftp://a:1\"]}"] {
        assert_problem(&ours.post("/api/v1/peers", body), 400, "malformed");
    }
    let many: Vec<_> = (1..=129).map(|port| format!("a:{port}")).collect();
    let many = json!({ "nodes": many }).to_string();
    assert_problem(&ours.post("/api/v1/peers", many), 400, "malformed");
    ours.post("/api/v1/peers", " ".repeat(70_000))
        .expect_status(413);
    assert!(ours.peers().is_empty());
    let answer = ours
        .request("PUT", "/api/v1/peers", &[], b"")
        .expect_status(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    let answer = ours.get("/api/v1/peers/a:1").expect_status(405);
    assert_eq!(answer.header("allow"), Some("DELETE"));
}

#[test]
fn an_audit_of_a_python_peer_says_where_it_forks_from_ours() {
    let Some(python) = Python::find() else { return };
    let theirs = python.node([]);
    let ours = Node::start();
    theirs.mine();
    ours.register_at(&theirs.address);
    ours.resolve();
    theirs.mine();
    ours.get("/mine").expect_status(200);
    ours.get("/mine").expect_status(200);
    let audit = ours.audit(&theirs.address).expect_status(200).json();
    assert_eq!(audit["verdict"], "valid");
    assert_eq!(audit["length"], 3);
    assert_eq!(
        audit["comparison"],
        json!({ "our_length": 4, "fork_index": 2 })
    );
    assert_eq!(audit["problem"], Value::Null);
    assert_eq!(ours.status()["length"], 4, "nothing was adopted");
}

#[test]
fn an_audit_is_of_registered_peers_only_and_one_at_a_time_of_each() {
    let ours = Node::start();
    assert_problem(&ours.audit("127.0.0.1:9"), 404, "not-found");
    assert_problem(&ours.audit("host:port"), 400, "malformed");
    let slow = Peer::start(|_, mut stream| {
        thread::sleep(Duration::from_secs(2));
        let body = chain_body(&Forger::chain(3));
        let _ = stream.write_all(format!("{OK}{body}").as_bytes());
    });
    ours.register([&slow]);
    thread::scope(|scope| {
        let first = scope.spawn(|| ours.audit(&slow.address));
        until("the audit is under way", || {
            (slow.visits() > 0).then_some(())
        });
        assert_problem(&ours.audit(&slow.address), 503, "busy");
        let first = first.join().unwrap().expect_status(200).json();
        assert_eq!(first["verdict"], "valid");
        let notes = first["notes"].to_string();
        assert!(notes.contains("its whole answer took 2."), "{notes}");
    });
    ours.audit(&slow.address).expect_status(200);
}

#[test]
fn slow_peers_keep_no_other_from_being_audited_and_clients_that_have_gone_make_room() {
    let ours = Node::start();
    let silent = |_| Peer::start(|_, _stream| thread::sleep(Duration::from_secs(120)));
    let silent: Vec<Peer> = (0..4).map(silent).collect();
    let healthy = Peer::serving(chain_body(&Forger::chain(3)));
    ours.register(&silent);
    ours.register([&healthy]);
    let mut clients = Vec::new();
    for peer in &silent {
        ours.audit(&healthy.address).expect_status(200);
        let mut client = ours.connect();
        let head = format!(
            "GET /api/v1/peers/{}/audit HTTP/1.1\r\nHost: {}\r\n\r\n",
            peer.address,
            ours.address()
        );
        client.write_all(head.as_bytes()).unwrap();
        until("the audit is under way", || {
            (peer.visits() > 0).then_some(())
        });
        clients.push(client);
    }
    assert_problem(&ours.audit(&healthy.address), 503, "busy");
    clients.pop();
    until("there is room again", || {
        let answer = ours.audit(&healthy.address);
        (answer.status == 200).then_some(())
    });
}

/// Audits this peer, and measures the most memory that the node held.
fn audited(peer: &Peer) -> (Value, u64) {
    let ours = Node::start();
    ours.register([peer]);
    let (audit, peak_mb) = thread::scope(|scope| {
        let auditing = scope.spawn(|| ours.audit(&peer.address));
        let mut peak_mb = 0;
        while !auditing.is_finished() {
            peak_mb = peak_mb.max(ours.resident_mb());
            thread::sleep(Duration::from_millis(5));
        }
        (auditing.join().unwrap(), peak_mb)
    });
    ours.assert_unharmed();
    (audit.expect_status(200).json(), peak_mb)
}

/// Sends `start`, and then `again` until it has sent 30 MB.
fn endless(start: String, again: &str) -> Peer {
    let again = again.repeat(100_000 / again.len());
    Peer::start(move |_, mut stream| {
        let mut sent = stream.write_all(start.as_bytes());
        for _ in 0..30_000_000 / again.len() {
            sent = sent.and_then(|()| stream.write_all(again.as_bytes()));
        }
    })
}

#[test]
fn hostile_peers_are_audited_in_bounded_memory() {
    let block = endless(format!("{OK}{{\"chain\": [\""), "a");
    let members = endless(format!("{OK}{{\"chain\": [{{\"b\":0"), ",\"a\":0");
    let bomb = Peer::sending(gzip::answer(&gzip::bomb("{\"chain\": [\"a", 400_000_000)));
    let large = "text is larger than the limit of 8388608 bytes";
    let cases = [
        (block, large),
        (members, "more than 100000 members in one object"),
        (bomb, large),
    ];
    for (peer, expected) in cases {
        let (audit, peak_mb) = audited(&peer);
        assert_eq!(audit["verdict"], "refused");
        let problem = audit["problem"].as_str().unwrap();
        assert!(problem.starts_with(expected), "{problem}");
        assert!(peak_mb < 200, "{peak_mb} MB");
    }
}

#[test]
fn huge_blocks_that_are_wrong_are_explained_in_bounded_memory() {
    let members: Vec<_> = (0..99_000)
        .map(|number| format!("\"{number}\": 1"))
        .collect();
    let lists = [
        (format!("[\"{}\"]", "\u{e9}".repeat(1_000_000)), "too long"),
        (
            format!("[{}]", "[], ".repeat(250_000) + "0"),
            "was changed afterwards",
        ),
        (
            format!("[{{{}}}]", members[..60_000].join(",")),
            "was changed afterwards",
        ),
        (format!("[{{{}}}]", members.join(",")), "too long"),
    ];
    for (list, expected) in lists {
        let mut blocks = Forger::with_transactions(&list).take(2).collect::<Vec<_>>();
        blocks[0] = blocks[0].replace("1500000000.5", "1500000001.5");
        let (audit, peak_mb) = audited(&Peer::serving(chain_body(&blocks)));
        assert_eq!(audit["verdict"], "refused");
        assert_eq!(audit["before"]["is_cut"], true);
        let cause = audit["diagnosis"]["cause"].as_str().unwrap();
        assert!(cause.contains(expected), "{cause}");
        assert!(peak_mb < 300, "{peak_mb} MB");
    }
}

#[test]
fn slow_and_silent_peers_end_an_audit_in_time() {
    let drip = Peer::start(|_, mut stream| {
        let mut sent = stream.write_all(format!("{OK}{{\"chain\": [").as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(b" ");
            thread::sleep(Duration::from_millis(500));
        }
    });
    let silent = Peer::start(|_, _stream| thread::sleep(Duration::from_secs(120)));
    let cases = [
        (drip, "less than 10240 bytes in 10000 ms"),
        (silent, "no answer within 10000 ms"),
    ];
    thread::scope(|scope| {
        for (peer, expected) in cases {
            scope.spawn(move || {
                let (audit, _) = audited(&peer);
                assert_eq!(audit["verdict"], "unreachable");
                assert_eq!(audit["problem"], expected);
            });
        }
    });
}

#[test]
fn the_description_has_the_peers() {
    let ours = Node::start();
    let description = ours.get("/openapi.json").json();
    let expected = [
        ("/api/v1/peers", "get", "200 503"),
        ("/api/v1/peers", "post", "201 400 408 413 503"),
        ("/api/v1/peers/{id}", "delete", "204 400 404 503"),
        ("/api/v1/peers/{id}/audit", "get", "200 400 404 503"),
    ];
    for (path, method, statuses) in expected {
        let responses = &description["paths"][path][method]["responses"];
        let missing = statuses
            .split(' ')
            .find(|status| responses[*status].is_null());
        assert_eq!(missing, None, "{method} {path}: {responses}");
    }
}

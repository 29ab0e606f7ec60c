//! Between adit nodes only what is missing travels: what a new block costs, what a
//! sync that was cut off costs again, and what a peer can do that lies about what it
//! has. All of it over real sockets.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use adit_core::hash::sha256;

use crate::peer::{Forger, Peer, chain_body, check};
use crate::raw::Node;
use crate::relay::Relay;
use crate::support::{adit, run, until};

/// What a peer that offers to be asked for what follows our blocks says of itself.
const INSTANCE: &str = "adit-instance: 00000000000000000000000000000001\r\n";

fn length(node: &Node) -> usize {
    node.status()["length"].as_u64().unwrap() as usize
}

/// A node with a forged chain of these blocks.
fn holding(blocks: &[String]) -> Node {
    let node = Node::start();
    let peer = Peer::serving(chain_body(blocks));
    node.register([&peer]);
    assert_eq!(node.resolve().peers[&peer.address]["outcome"], "adopted");
    let path = format!("/api/v1/peers/{}", peer.address);
    assert_eq!(node.request("DELETE", &path, &[], b"").status, 204);
    node
}

/// Two nodes with this chain that know each other, each through a relay.
fn pair(blocks: &[String]) -> ([Node; 2], [Relay; 2]) {
    let nodes = [holding(blocks), Node::start()];
    let relays = nodes.each_ref().map(|node| Relay::to(node.address()));
    nodes[1].register([&Peer::at(&relays[0].address)]);
    assert_eq!(nodes[1].resolve().message, "Our chain was replaced");
    nodes[0].register([&Peer::at(&relays[1].address)]);
    assert_eq!(nodes[0].resolve().message, "Our chain is authoritative");
    (nodes, relays)
}

#[test]
fn a_new_block_costs_a_block_and_not_a_chain() {
    let ([one, other], relays) = pair(&Forger::chain(3_000));
    let crossed = || relays.iter().map(Relay::bytes).sum::<usize>();
    let before = crossed();
    for number in 1..=3 {
        one.get("/mine");
        until("the other has the block", || {
            (length(&other) == 3_000 + number).then_some(())
        });
    }
    // It is told to look, and asks for what it lacks.
    assert!(crossed() - before < 3 * 2_000, "{}", crossed() - before);
    let before = crossed();
    let reports = other.resolve().peers;
    assert_eq!(reports[&relays[0].address]["outcome"], "unchanged");
    assert!(crossed() - before < 600, "{}", crossed() - before);
    one.assert_unharmed();
    other.assert_unharmed();
}

#[test]
fn of_two_branches_only_what_follows_the_fork_travels() {
    let ([one, other], relays) = pair(&Forger::chain(2_000));
    let forked = |node: &Node, blocks: usize| {
        let path = format!("/api/v1/peers/{}", relays[0].address);
        let (before, start) = (node.status()["tip"].clone(), length(node));
        for _ in 0..blocks {
            assert_eq!(node.get("/mine").status, 200);
        }
        assert_eq!(length(node), start + blocks);
        assert_ne!(node.status()["tip"], before);
        path
    };
    // They do not know of each other for a while.
    let path = format!("/api/v1/peers/{}", relays[1].address);
    assert_eq!(one.request("DELETE", &path, &[], b"").status, 204);
    let path = forked(&one, 5);
    assert_eq!(other.request("DELETE", &path, &[], b"").status, 204);
    forked(&other, 3);
    let before = relays[0].bytes();
    other.register([&Peer::at(&relays[0].address)]);
    let report = other.resolve().peers[&relays[0].address].clone();
    assert_eq!(report["outcome"], "adopted", "{report}");
    assert_eq!(other.status()["tip"], one.status()["tip"]);
    let cost = relays[0].bytes() - before;
    let log = other.log();
    assert!(log.contains("3 blocks dropped, 5 adopted"), "{log}");
    // A locator, and at most as many blocks again as both lack.
    assert!(cost < 8_000, "{cost}");
    // The lighter one is not even read.
    forked(&other, 2);
    one.register([&Peer::at(&relays[1].address)]);
    one.resolve();
    assert_eq!(one.status()["tip"], other.status()["tip"]);
}

#[test]
fn a_lighter_branch_is_told_apart_and_not_read() {
    let ([one, other], relays) = pair(&Forger::chain(500));
    let path = format!("/api/v1/peers/{}", relays[1].address);
    assert_eq!(one.request("DELETE", &path, &[], b"").status, 204);
    let path = format!("/api/v1/peers/{}", relays[0].address);
    assert_eq!(other.request("DELETE", &path, &[], b"").status, 204);
    for _ in 0..4 {
        one.get("/mine");
    }
    let huge = format!(
        r#"{{"sender": "a", "recipient": "{}", "amount": 1}}"#,
        "b".repeat(60_000)
    );
    for _ in 0..3 {
        assert_eq!(other.post("/transactions/new", &huge).status, 201);
        other.get("/mine");
    }
    one.register([&Peer::at(&relays[1].address)]);
    let before = relays[1].bytes();
    let report = one.resolve().peers[&relays[1].address].clone();
    assert_eq!(
        (&report["outcome"], &report["length"]),
        (&"not longer".into(), &503.into())
    );
    // What was on its way already is not more than the system holds.
    assert!(relays[1].bytes() - before < 200_000);
    let listed = one.get("/api/v1/peers").json()["peers"][0].clone();
    assert_eq!(listed["agreement"], "fork", "{listed}");
    assert_eq!(listed["kind"], "adit");
    // It has not changed since. What was on its way is counted until it has come.
    let before = until("what was on its way has come", || {
        let bytes = relays[1].bytes();
        thread::sleep(Duration::from_millis(200));
        (relays[1].bytes() == bytes).then_some(bytes)
    });
    let report = one.resolve().peers[&relays[1].address].clone();
    assert_eq!(report["outcome"], "unchanged");
    let cost = relays[1].bytes() - before;
    assert!(cost < 700, "{cost}");
}

#[test]
fn a_kill_in_the_middle_of_the_first_sync_costs_little_again() {
    const LENGTH: usize = 20_000;
    let blocks = Forger::chain(LENGTH);
    let all_bytes: usize = blocks.iter().map(String::len).sum();
    let one = holding(&blocks);
    let relay = Relay::to(one.address());
    let new = Node::start();
    new.register([&Peer::at(&relay.address)]);
    let _asking = new.ask_to_resolve();
    until("a part of the chain is there", || {
        (length(&new) > 5_000).then_some(())
    });
    let new = new.restart();
    let kept = length(&new);
    assert!((5_000..LENGTH).contains(&kept), "{kept}");
    let report = new.resolve().peers[&relay.address].clone();
    assert_eq!(report["outcome"], "adopted", "{report}");
    assert_eq!(new.status()["tip"], one.status()["tip"]);
    let crossed = relay.bytes();
    assert!(
        crossed < all_bytes + all_bytes / 2,
        "{crossed} of {all_bytes}"
    );
    new.assert_unharmed();
}

#[test]
fn nodes_of_all_kinds_end_on_one_chain() {
    let new = [holding(&Forger::chain(300)), Node::start(), Node::start()];
    let older = Relay::to_older(new[1].address());
    let relays = [
        Relay::to(new[0].address()),
        older,
        Relay::to(new[2].address()),
    ];
    // What speaks the tutorial alone.
    let plain = Peer::serving(chain_body(&Forger::chain(200)));
    let peers: Vec<Peer> = relays
        .iter()
        .map(|relay| Peer::at(&relay.address))
        .collect();
    for (number, node) in new.iter().enumerate() {
        let others = peers
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number);
        node.register(others.map(|(_, peer)| peer));
        node.register([&plain]);
    }
    for node in &new {
        node.resolve();
        assert_eq!(length(node), 300);
    }
    for node in &new {
        node.get("/mine");
        until("all have the block", || {
            let tips = new.each_ref().map(|node| node.status()["tip"].clone());
            (tips[0] == tips[1] && tips[1] == tips[2]).then_some(())
        });
    }
    assert_eq!(length(&new[0]), 303);
    let listed = new[0].get("/api/v1/peers").json();
    let kinds = listed["peers"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|peer| peer["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "adit").count(),
        2,
        "{listed}"
    );
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "python").count(),
        1,
        "{listed}"
    );
}

/// A peer that offers to be asked for what follows our blocks, and answers such a
/// question with these bytes, given the locator.
fn offering(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Peer {
    Peer::start(move |path, mut stream| {
        let answer = match path.strip_prefix("/api/v1/blocks/after?locator=") {
            Some(locator) => answer(locator),
            None => offer(),
        };
        // The node may have heard enough before the end.
        let _ = stream.write_all(&answer);
    })
}

fn offer() -> Vec<u8> {
    let head = "HTTP/1.1 204 No Content\r\nadit-sync: blocks-after\r\nadit-node: liar\r\n";
    format!("{head}{INSTANCE}Connection: close\r\n\r\n").into_bytes()
}

/// An answer with these bytes, of a node whose chain has this tip and claims to be of
/// this length.
fn answer(tip: &str, claimed: usize, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nETag: \"{tip}\"\r\n\
         adit-chain: {claimed} {claimed}\r\n{INSTANCE}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn none_known() -> Vec<u8> {
    format!("HTTP/1.1 404 Not Found\r\n{INSTANCE}Content-Length: 0\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

fn hash(block: &str) -> String {
    sha256(block.as_bytes()).to_string()
}

fn lines(blocks: &[String]) -> String {
    blocks.join("\n") + "\n"
}

/// A peer with a chain that shares no block with ours: it is asked for all of it, and
/// answers with what `page` makes of the blocks behind the one that it is asked about.
fn stranger(
    blocks: Vec<String>,
    claimed: usize,
    page: impl Fn(&[String]) -> String + Send + Sync + 'static,
) -> Peer {
    let hashes: Vec<String> = blocks.iter().map(|block| hash(block)).collect();
    offering(move |locator| {
        let known = hashes.iter().position(|known| known == locator);
        let from = match (locator, known) {
            ("", _) => 0,
            (_, Some(known)) => known + 1,
            _ => return none_known(),
        };
        answer(hashes.last().unwrap(), claimed, &page(&blocks[from..]))
    })
}

#[test]
fn a_peer_that_lies_about_what_follows_costs_its_own_turn() {
    let forged = Forger::chain(400);
    let (tip, other) = (hash(&forged[399]), "ab".repeat(32));
    let lines_from = {
        let forged = forged.clone();
        move |first: usize| lines(&forged[first..])
    };
    let of_all = |body: String| {
        let tip = tip.clone();
        offering(move |_| answer(&tip, 400, &body))
    };
    let elsewhere = format!(
        "expected what follows one of the blocks that it was asked about, found block 5 behind {}",
        hash(&forged[3])
    );
    let nothing = "expected blocks behind those that it was asked about, found none";
    let not_json = "expected `null` at byte 1, found `o` (counted from byte 0 of the answer)";
    let cut = lines_from(0);
    let cut = cut[..cut.len() - 40].to_string();
    let cut_length = cut.trim_end().len();
    let unknown_tip = offering(move |_| {
        format!("HTTP/1.1 204 No Content\r\nETag: \"{other}\"\r\nConnection: close\r\n\r\n")
            .into_bytes()
    });
    let other_process = offering(|_| {
        let head = "HTTP/1.1 404 Not Found\r\nadit-instance: another\r\n";
        format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
    });
    check([
        (of_all(lines_from(4)), elsewhere),
        (of_all(String::new()), nothing.to_string()),
        (unknown_tip, nothing.to_string()),
        (of_all("no block\n".to_string()), not_json.to_string()),
        (
            of_all(cut),
            format!("the answer ends after {cut_length} bytes, before the chain does"),
        ),
        (
            other_process,
            "expected status 200, found 204 No Content".to_string(),
        ),
    ]);
}

#[test]
fn blocks_that_come_again_are_refused() {
    let node = holding(&Forger::chain(300));
    let note = r#"["another"]"#;
    let blocks: Vec<String> = Forger::with_transactions(note).take(400).collect();
    let first = lines(&blocks[..120]);
    let repeating = stranger(blocks, 400, move |_| first.clone());
    node.register([&repeating]);
    let refused = "the block in place 121 is not valid: index: expected 121, found 1";
    assert_eq!(node.resolve().error(&repeating), refused);
    assert_eq!(length(&node), 300);
}

#[test]
fn a_chain_in_crumbs_is_not_read_to_its_end() {
    let node = holding(&Forger::chain(300));
    let note = r#"["another"]"#;
    let blocks: Vec<String> = Forger::with_transactions(note).take(400).collect();
    let crumbs = stranger(blocks, 400, |rest| lines(&rest[..1]));
    node.register([&crumbs]);
    let resolved = node.resolve();
    let crumbly = "it sends its chain in too many answers of a few blocks each";
    assert_eq!(resolved.error(&crumbs), crumbly);
    // Once for the chain, twice for what it has of ours, and then for crumbs.
    assert_eq!(crumbs.visits(), 3 + 17);
    assert_eq!(length(&node), 300);
    node.assert_unharmed();
}

#[test]
fn a_peer_that_claims_more_than_it_has_is_asked_ever_more_seldom() {
    let node = holding(&Forger::chain(300));
    // Twenty times as long as what costs nothing.
    let note = format!("[\"{}\"]", "a".repeat(80_000));
    let blocks: Vec<String> = Forger::with_transactions(&note).take(250).collect();
    let liar = stranger(blocks, 1_000_000, |rest| lines(&rest[..rest.len().min(50)]));
    node.register([&liar]);
    let report = node.resolve().peers[&liar.address].clone();
    assert_eq!(
        (&report["outcome"], &report["length"]),
        (&"not longer".into(), &250.into())
    );
    let visits = liar.visits();
    let listed = || node.get("/api/v1/peers").json()["peers"][0]["agreement"].clone();
    assert_eq!(listed(), "fork");
    for _ in 0..3 {
        let report = node.resolve().peers[&liar.address].clone();
        assert_eq!(report["outcome"], "not longer");
    }
    assert_eq!(liar.visits(), visits);
    assert_eq!(listed(), "fork");
    assert_eq!(length(&node), 300);
    node.assert_unharmed();
}

#[test]
fn a_chain_that_gets_heavier_in_a_later_answer_is_adopted_whole() {
    let node = holding(&Forger::chain(300));
    let note = r#"["another"]"#;
    let blocks: Vec<String> = Forger::with_transactions(note).take(650).collect();
    let tip = hash(&blocks[649]);
    let peer = stranger(blocks, 650, |rest| lines(&rest[..rest.len().min(120)]));
    node.register([&peer]);
    let report = node.resolve().peers[&peer.address].clone();
    assert_eq!(report["outcome"], "adopted", "{report}");
    assert_eq!(node.status()["tip"], tip);
    assert_eq!(length(&node), 650);
    node.assert_unharmed();
}

#[test]
fn what_came_of_a_chain_that_breaks_off_is_kept() {
    let node = Node::start();
    let blocks = Forger::chain(650);
    let peer = stranger(blocks, 650, |rest| match rest.len() {
        600.. => lines(&rest[..300]),
        // What follows is none.
        _ => "null\n".to_string(),
    });
    node.register([&peer]);
    let resolved = node.resolve();
    assert!(
        resolved.error(&peer).contains("block in place 301"),
        "{}",
        resolved.error(&peer)
    );
    assert_eq!(resolved.message, "Our chain was replaced");
    assert_eq!(length(&node), 300);
    node.assert_unharmed();
}

#[test]
fn what_was_adopted_before_excuses_no_junk() {
    let node = Node::start();
    let note = format!("[\"{}\"]", "a".repeat(30_000));
    let blocks: Vec<String> = Forger::with_transactions(&note).take(250).collect();
    let peer = stranger(blocks, 250, |rest| match rest.len() {
        200.. => lines(&rest[..100]),
        // Behind much that is valid, and would have been taken in, comes what is none.
        _ => lines(&rest[..100]) + "null\n",
    });
    node.register([&peer]);
    let first = node.resolve().error(&peer).to_string();
    assert!(first.contains("block in place 201"), "{first}");
    assert_eq!(length(&node), 100);
    let visits = peer.visits();
    assert_eq!(node.resolve().error(&peer), first);
    assert_eq!(peer.visits(), visits);
    node.assert_unharmed();
}

#[test]
fn an_answer_that_drips_is_not_waited_for() {
    let node = Node::start();
    let dripping = Peer::start(|path, mut stream| {
        if path == "/chain" {
            let _ = stream.write_all(&offer());
            return;
        }
        let head = answer(&"0".repeat(64), 400, "");
        let head = String::from_utf8(head).unwrap();
        let head = head.replace("Content-Length: 0", "Content-Length: 1000000");
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(b" ");
            thread::sleep(Duration::from_millis(100));
        }
    });
    node.register([&dripping]);
    let resolved = node.resolve();
    assert_eq!(
        resolved.error(&dripping),
        "less than 10240 bytes in 10000 ms"
    );
    node.assert_unharmed();
}

#[test]
fn a_peer_that_another_node_took_the_place_of_is_asked_for_its_chain_in_the_same_turn() {
    let is_other = Arc::<AtomicBool>::default();
    let (blocks, longer) = (Forger::chain(50), chain_body(&Forger::chain(60)));
    let page = answer(&hash(&blocks[49]), 50, &lines(&blocks));
    let peer = Peer::start({
        let is_other = Arc::clone(&is_other);
        move |path, mut stream| {
            let is_other = is_other.load(Ordering::Relaxed);
            let answer = match (is_other, path) {
                (false, "/chain") => offer(),
                (false, path) if path.ends_with("locator=") => page.clone(),
                (false, _) => none_known(),
                (true, "/chain") => format!("HTTP/1.0 200 OK\r\n\r\n{longer}").into_bytes(),
                (true, _) => b"HTTP/1.0 404 NOT FOUND\r\n\r\n<p>Not here.".to_vec(),
            };
            let _ = stream.write_all(&answer);
        }
    });
    let node = Node::start();
    node.register([&peer]);
    assert_eq!(node.resolve().peers[&peer.address]["outcome"], "adopted");
    assert_eq!(length(&node), 50);
    is_other.store(true, Ordering::Relaxed);
    let report = node.resolve().peers[&peer.address].clone();
    assert_eq!(report["outcome"], "adopted", "{report}");
    assert_eq!(length(&node), 60);
    assert_eq!(
        node.get("/api/v1/peers").json()["peers"][0]["kind"],
        "python"
    );
}

/// A proxy may forward what the tutorial's nodes ask for, and nothing else.
#[test]
fn a_peer_that_offers_what_nobody_can_ask_it_for_is_asked_for_its_chain() {
    let blocks = Forger::chain(50);
    let (theirs, ours) = (holding(&blocks), Node::start());
    let relay = Relay::to_tutorial_of(theirs.address());
    ours.register([&Peer::at(&relay.address)]);
    for outcome in ["adopted", "unchanged"] {
        let report = ours.resolve().peers[&relay.address].clone();
        assert_eq!(report["outcome"], outcome, "{report}");
        assert_eq!(length(&ours), blocks.len());
    }
}

#[test]
fn nodes_of_different_sealed_chains_refuse_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = ["one", "another"].map(|name| {
        let file = folder.path().join(format!("{name}.json"));
        let file = file.to_str().unwrap();
        run(&mut adit([
            "chain", "new", "--name", name, "--output", file,
        ]))
        .expect_code(0);
        Node::start_with(&["--chain", file])
    });
    for (ours, theirs) in [(0, 1), (1, 0)] {
        let peer = Peer::at(nodes[theirs].address());
        nodes[ours].register([&peer]);
        let resolved = nodes[ours].resolve();
        let error = resolved.error(&peer);
        assert!(
            error.starts_with("the block in place 1 is not valid: "),
            "{error}"
        );
        let listed = nodes[ours].get("/api/v1/peers").json()["peers"][0].clone();
        assert_eq!(
            (&listed["agreement"], &listed["kind"]),
            (&"refused".into(), &"adit".into())
        );
    }
}

//! Peers that answer at once, but wrongly. Each stands beside a healthy one,
//! whose chain is adopted all the same, and is named with what was wrong with
//! its own. Nothing of a wrong chain is taken, and nothing that waits is lost.

use std::io::Write;
use std::net::TcpListener;

use crate::gzip;
use crate::peer::{Forger, Peer, Resolved, chain_body};
use crate::raw::Node;

/// The length of the healthy peer's chain.
const HEALTHY_LENGTH: usize = 6;

/// The length of the wrong chains: they would win.
const WRONG_LENGTH: usize = 9;

/// A node with one block and one waiting transaction resolves among a healthy
/// peer and these: it ends on the healthy one's chain, with the transaction.
fn resolve_among(wrong: &[Peer]) -> Resolved {
    let node = Node::start();
    let transaction = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;
    assert_eq!(node.post("/transactions/new", transaction).status, 201);
    let healthy = Forger::chain(HEALTHY_LENGTH);
    let healthy_peer = Peer::serving(chain_body(&healthy));
    node.register(wrong);
    node.register([&healthy_peer]);

    let resolved = node.resolve();
    assert_eq!(resolved.message, "Our chain was replaced");
    assert_eq!(resolved.peers[&healthy_peer.address]["outcome"], "adopted");
    assert_eq!(resolved.peers.len(), wrong.len() + 1);
    assert_is_chain(&node, &healthy);
    assert_eq!(node.status()["pending"], 1);
    node.assert_unharmed();
    resolved
}

#[track_caller]
fn assert_is_chain(node: &Node, expected: &[String]) {
    let chain = node.checked_chain();
    let chain = chain.iter().map(|block| String::from_utf8_lossy(block.text()));
    assert_eq!(chain.collect::<Vec<_>>(), expected);
}

/// Resolves among these peers, and compares what is said of each.
fn check(peers: &[Peer], expected: &[&str]) {
    let resolved = resolve_among(peers);
    let said: Vec<&str> = peers.iter().map(|peer| resolved.error(peer)).collect();
    assert_eq!(said, expected);
}

#[test]
fn an_answer_that_is_no_answer_is_refused() {
    let huge_header = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(1_000_000));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200));
    let (answers, errors): (Vec<&str>, Vec<&str>) = [
        ("", "the answer broke off: connection closed before message completed"),
        ("HTTP/1.1 200 OK\r\nContent-", "the answer broke off: connection closed before message completed"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01", "the answer broke off: invalid HTTP version parsed"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "the answer broke off: invalid HTTP version parsed"),
        ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "expected status 200, found 500 Internal Server Error"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "expected status 200, found 404 Not Found"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "expected status 200, found 204 No Content"),
        ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "expected status 200, found 302 Found"),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "expected status 200, found 101 Switching Protocols"),
        ("HTTP/1.1 999999 OK\r\n\r\n", "the answer broke off: invalid HTTP status-code parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "the answer broke off: invalid content-length parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "the answer broke off: invalid content-length parsed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "the answer broke off: Invalid chunk size line: missing size digit"),
        (&huge_header, "the answer broke off: message head is too large"),
        (&many_headers, "the answer broke off: message head is too large"),
    ]
    .into_iter()
    .unzip();
    let peers: Vec<Peer> = answers.into_iter().map(Peer::sending).collect();
    check(&peers, &errors);
}

#[test]
fn an_answer_that_is_no_chain_is_refused() {
    let deep = format!("{{\"chain\": [{}", "[".repeat(1_000_000));
    let blocks = Forger::chain(WRONG_LENGTH);
    let whole = chain_body(&blocks);
    let list = blocks.join(", ");
    let (bodies, errors): (Vec<String>, Vec<&str>) = [
        (String::new(), "the answer ends after 0 bytes, before the chain does"),
        ("<!doctype html><title>It works</title>".into(), "expected an object with a \"chain\" at byte 0 of the answer, found \"<!doctype html><titl\""),
        ("\u{0}\u{1}\u{2}".into(), "expected an object with a \"chain\" at byte 0 of the answer, found \"\\0\\u{1}\\u{2}\""),
        ("null".into(), "expected an object with a \"chain\" at byte 0 of the answer, found \"null\""),
        (format!("[{list}]"), "expected an object with a \"chain\" at byte 0 of the answer, found \"[{\\\"index\\\": 1, \\\"previ\""),
        ("{}".into(), "the answer has no \"chain\""),
        ("{\"length\": 1000000}".into(), "the answer has no \"chain\""),
        ("{\"chain\": []}".into(), "the chain is empty"),
        ("{\"chain\": null, \"length\": 9}".into(), "expected a list of blocks at byte 10 of the answer, found \"null, \\\"length\\\": 9}\""),
        (format!("{{\"chain\": \"{}\"}}", "[]"), "expected a list of blocks at byte 10 of the answer, found \"\\\"[]\\\"}\""),
        (format!("{{\"chain\": [{list}], \"chain\": [{list}]}}"), "expected one \"chain\" at byte 1416 of the answer, found \"[{\\\"index\\\": 1, \\\"previ\""),
        (format!("{{\"chain\": [{list}]"), "the answer ends after 1405 bytes, before the chain does"),
        (format!("{{\"chain\": [{list},]}}"), "expected a value at byte 0, found `]` (counted from byte 1405 of the answer)"),
        (format!("{whole} {whole}"), "expected nothing more at byte 1420 of the answer, found \"{\\\"chain\\\": [{\\\"index\\\":\""),
        (deep, "nesting deeper than 512 levels at byte 512 (counted from byte 11 of the answer)"),
    ]
    .into_iter()
    .unzip();
    let peers: Vec<Peer> = bodies.iter().map(Peer::serving).collect();
    check(&peers, &errors);
}

#[test]
fn a_chain_with_one_wrong_block_is_refused_whole() {
    let blocks = Forger::chain(WRONG_LENGTH);
    let last = blocks.last().unwrap();
    let wrong_last = |old: &str, new: &str, error| {
        assert!(last.contains(old));
        (last.replacen(old, new, 1), error)
    };
    let (lasts, errors): (Vec<String>, Vec<&str>) = [
        wrong_last("71730", "71731", "the block in place 9 is not valid: block 9: proof 71731 does not solve the puzzle"),
        wrong_last("71730", "true", "the block in place 9 is not valid: proof: expected an integer in 0..2^64-1, found true or false"),
        wrong_last("71730", "71730.0", "the block in place 9 is not valid: proof: expected an integer in 0..2^64-1, found a number"),
        wrong_last("71730", "-1", "the block in place 9 is not valid: proof: expected an integer in 0..2^64-1, found a number"),
        wrong_last("71730", "18446744073709551616", "the block in place 9 is not valid: proof: expected an integer in 0..2^64-1, found a number"),
        wrong_last("71730", "NaN", "the block in place 9 is not valid: proof: expected an integer in 0..2^64-1, found a number that is not finite"),
        wrong_last("71730", "\"71730\"", "the block in place 9 is not valid: proof: expected an integer in 0..2^64-1, found a string"),
        wrong_last("\"index\": 9", "\"index\": 10", "the block in place 9 is not valid: index: expected 9, found 10"),
        wrong_last("\"index\": 9", "\"index\": null", "the block in place 9 is not valid: index: expected an integer in 0..2^64-1, found null"),
        wrong_last("\"previous_hash\"", "\"previous\"", "the block in place 9 is not valid: previous_hash: expected a hash, found nothing"),
        wrong_last("\"previous_hash\": \"", "\"previous_hash\": \"0", "the block in place 9 is not valid: block 9: previous_hash: expected 095db4c2ebb88f795758e618e8500e7cdd1b4598b1c25f330b1a3e4351831c28, found \"0095db4c2ebb88f795758e618e8500e7cdd1b4598b1c25f330b1a3e4351831c28\""),
        wrong_last("[]", "{}", "the block in place 9 is not valid: transactions: expected a list, found an object"),
        wrong_last("\"transactions\": []", "\"memo\": []", "the block in place 9 is not valid: transactions: expected a list, found nothing"),
        ("null".to_string(), "the block in place 9 is not valid: expected a block, found null"),
        (format!("[{last}]"), "the block in place 9 is not valid: expected a block, found a list"),
        (blocks[7].clone(), "the block in place 9 is not valid: index: expected 9, found 8"),
    ]
    .into_iter()
    .unzip();
    let chains = lasts.into_iter().map(|last| {
        let first = blocks[..WRONG_LENGTH - 1].iter().cloned();
        first.chain([last]).collect::<Vec<_>>()
    });
    let peers: Vec<Peer> = chains.map(|chain| Peer::serving(chain_body(&chain))).collect();
    check(&peers, &errors);
}

#[test]
fn a_chain_that_starts_in_the_middle_or_was_changed_there_is_refused() {
    let blocks = Forger::chain(WRONG_LENGTH);
    let swapped = [&blocks[..3], &[blocks[4].clone(), blocks[3].clone()], &blocks[5..]].concat();
    let mut changed = blocks.clone();
    changed[4] = changed[4].replace("1500000000.5", "1500000000.0");
    let twice = [&blocks[..], &blocks[..]].concat();
    let (chains, errors): (Vec<Vec<String>>, Vec<&str>) = [
        (blocks[1..].to_vec(), "the block in place 1 is not valid: index: expected 1, found 2"),
        (swapped, "the block in place 4 is not valid: index: expected 4, found 5"),
        (changed, "the block in place 6 is not valid: block 6: previous_hash: expected 8c4dc5c080c6ce36d2bcb95bd30c928ff745e99852222f03b12d19ca59b185c8, found \"bdb3595d9da6c86932786ec4f59ac30c53200ba4bb43c673a186c51ba3817cb5\""),
        (twice, "the block in place 10 is not valid: index: expected 10, found 1"),
    ]
    .into_iter()
    .unzip();
    let peers = chains.iter().map(|chain| Peer::serving(chain_body(chain)));
    check(&peers.collect::<Vec<_>>(), &errors);
}

#[test]
fn blocks_are_counted_whatever_length_is_stated() {
    let node = Node::start();
    let (short, long) = (Forger::chain(4), Forger::chain(7));
    let body = |blocks: &[String], length: &str| {
        format!("{{\"length\": {length}, \"chain\": [{}]}}", blocks.join(","))
    };
    let boasting = Peer::serving(body(&short, "1000000"));
    let modest = Peer::serving(body(&long, "[\"one\"]"));
    node.register([&boasting, &modest]);
    let resolved = node.resolve();
    assert_eq!(resolved.message, "Our chain was replaced");
    assert_eq!(resolved.peers[&boasting.address]["length"], 4);
    assert_eq!(resolved.peers[&modest.address]["length"], 7);
    assert_is_chain(&node, &long);
    node.assert_unharmed();
}

#[test]
fn a_chain_of_our_length_is_not_adopted() {
    let node = Node::start();
    node.get("/mine");
    let before = node.get("/chain").body;
    let peer = Peer::serving(chain_body(&Forger::chain(2)));
    node.register([&peer]);
    let resolved = node.resolve();
    assert_eq!(resolved.message, "Our chain is authoritative");
    assert_eq!(resolved.peers[&peer.address]["outcome"], "not longer");
    assert_eq!(node.get("/chain").body, before);
}

#[test]
fn an_answer_that_is_cut_or_longer_than_it_says_is_refused_or_read_as_it_says() {
    let body = chain_body(&Forger::chain(WRONG_LENGTH));
    let stating = |length: usize, body: &str| {
        Peer::sending(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"))
    };
    let half = &body[..body.len() / 2];
    let chunk = format!("{:x}\r\n{half}\r\n", half.len());
    let peers = [
        stating(body.len() + 1, &body),
        stating(body.len(), half),
        stating(half.len(), &body),
        stating(0, &body),
        Peer::sending(format!("HTTP/1.1 200 OK\r\n\r\n{half}")),
        Peer::sending(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")),
        Peer::sending(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
        )),
    ];
    check(&peers, &["the answer broke off: end of file before message length reached", "the answer broke off: end of file before message length reached", "the answer ends after 709 bytes, before the chain does", "the answer ends after 0 bytes, before the chain does", "the answer ends after 709 bytes, before the chain does", "the answer broke off: unexpected EOF during chunk size line", "the answer ends after 709 bytes, before the chain does"]);
}

#[test]
fn a_peer_that_is_not_there_costs_the_others_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let nobody = Peer::at(&address);
    let nameless = Peer::at("no-such-host.invalid:5000");
    let resolved = resolve_among(&[nobody, nameless]);
    let error = |address: &str| resolved.peers[address]["error"].as_str().unwrap();
    assert_eq!(error(&address), "no connection: Connection refused (os error 111)");
    assert!(error("no-such-host.invalid:5000").starts_with("no connection: "));
}

#[test]
fn a_redirect_is_followed_on_the_same_host_only() {
    let redirect = |to: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
    };
    let target = Peer::serving(chain_body(&Forger::chain(WRONG_LENGTH)));
    let (_, port) = target.address.rsplit_once(':').unwrap();
    let peers = [
        Peer::sending(redirect(&format!("http://{}/chain", target.address))),
        Peer::sending(redirect(&format!("//{}/chain", target.address))),
        Peer::sending(redirect(&format!("http://localhost:{port}/chain"))),
        Peer::sending(redirect("/again")),
        Peer::sending(redirect("file:///etc/passwd")),
        Peer::sending(redirect("http://[")),
    ];
    check(&peers, &["it redirects to another host, and is not followed there", "it redirects to another host, and is not followed there", "it redirects to another host, and is not followed there", "it redirects in circles", "expected status 200, found 302 Found", "expected status 200, found 302 Found"]);
    assert_eq!(target.visits(), 0);

    let node = Node::start();
    let body = chain_body(&Forger::chain(WRONG_LENGTH));
    let moved = Peer::start(move |path, mut stream| {
        let answer = match path {
            "/moved" => format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"),
            _ => redirect("/moved"),
        };
        stream.write_all(answer.as_bytes()).unwrap();
    });
    node.register([&moved]);
    assert_eq!(node.resolve().peers[&moved.address]["outcome"], "adopted");
    assert_eq!(node.checked_chain().len(), WRONG_LENGTH);
}

#[test]
fn what_a_peer_calls_unchanged_is_left_alone() {
    let unasked = Peer::sending("HTTP/1.1 304 Not Modified\r\n\r\n");
    let resolved = resolve_among(std::slice::from_ref(&unasked));
    assert_eq!(resolved.peers[&unasked.address]["outcome"], "unchanged");
}

#[test]
fn a_packed_answer_is_unpacked_and_a_broken_one_refused() {
    let node = Node::start();
    let blocks = Forger::chain(WRONG_LENGTH);
    let body = chain_body(&blocks);
    let packed = gzip::stored(body.as_bytes());
    let healthy = Peer::sending(gzip::answer(&packed));
    node.register([&healthy]);
    assert_eq!(node.resolve().peers[&healthy.address]["outcome"], "adopted");
    assert_is_chain(&node, &blocks);

    let mut wrong_sum = packed.clone();
    let end = wrong_sum.len() - 8;
    wrong_sum[end] ^= 1;
    let peers = [
        Peer::sending(gzip::answer(body.as_bytes())),
        Peer::sending(gzip::answer(&packed[..packed.len() / 2])),
        Peer::sending(gzip::answer(&wrong_sum)),
        Peer::sending(gzip::answer(b"")),
    ];
    check(&peers, &["the answer can't be unpacked: Invalid gzip header", "the answer can't be unpacked: unexpected end of file", "the answer can't be unpacked: CRC computed does not match", "the answer ends after 0 bytes, before the chain does"]);

    let packed_twice = Peer::sending(gzip::answer(&gzip::stored(&packed)));
    let not_said = Peer::serving(&packed);
    let resolved = resolve_among(&[packed_twice, not_said]);
    let said = resolved.peers.values().filter_map(|peer| peer["error"].as_str());
    let expected = "expected an object with a \"chain\" at byte 0 of the answer, found ";
    assert_eq!(said.filter(|error| error.starts_with(expected)).count(), 2);
}

//! Which answers come in gzip, to whom, and that nothing else about them is
//! another.

use std::io::{BufReader, Read, Write};

use flate2::read::GzDecoder;

use crate::peer::{Forger, Peer, chain_body};
use crate::raw::{Answer, Node, read_head};

const GZIP: &str = "Accept-Encoding: gzip, deflate, br";

fn unpacked(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut bytes = Vec::new();
    GzDecoder::new(&*answer.body)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// A node with a chain that is sent in several pieces.
fn with_long_chain() -> Node {
    let node = Node::start();
    let long = format!("[\"{}\"]", "abc".repeat(300_000));
    let blocks: Vec<String> = Forger::with_transactions(&long).take(3).collect();
    node.register([&Peer::serving(chain_body(&blocks))]);
    assert_eq!(node.resolve().message, "Our chain was replaced");
    node
}

#[test]
fn who_takes_gzip_gets_the_same_in_less() {
    let node = with_long_chain();
    let hash = node.get("/api/v1/blocks/tip/hash").text();
    for path in [
        "/chain",
        "/",
        "/openapi.json",
        "/assets/style.css",
        "/assets/page.js",
        "/docs/swagger-ui-bundle.js",
        &format!("/api/v1/block/{hash}/raw"),
        "/api/v1/blocks",
    ] {
        let plain = node.get(path);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(plain.header("vary"), Some("accept-encoding"), "{path}");
        let packed = node.request("GET", path, &[GZIP], b"");
        assert_eq!(packed.status, plain.status, "{path}");
        assert_eq!(packed.header("vary"), Some("accept-encoding"), "{path}");
        assert_eq!(packed.header("content-length"), None, "{path}");
        let kind = plain.header("content-type");
        assert_eq!(packed.header("content-type"), kind, "{path}");
        assert_eq!(unpacked(&packed), plain.body, "{path}");
        assert!(packed.body.len() < plain.body.len() * 2 / 3, "{path}");
        // What is packed is the same, though not to the byte.
        let weak = plain.header("etag").map(|etag| format!("W/{etag}"));
        assert_eq!(packed.header("etag"), weak.as_deref(), "{path}");
    }
    node.assert_unharmed();
}

#[test]
fn who_does_not_ask_for_gzip_gets_every_answer_as_it_is() {
    let node = with_long_chain();
    let plain = node.get("/chain");
    for accepted in [
        "Accept-Encoding: identity",
        "Accept-Encoding: gzip;q=0",
        "Accept-Encoding: br, zstd",
        "Accept-Encoding: identity, gzip;q=0.1",
        "Accept: */*",
    ] {
        let answer = node.request("GET", "/chain", &[accepted], b"");
        assert_eq!(answer.header("content-encoding"), None, "{accepted}");
        assert_eq!(answer.header("etag"), plain.header("etag"), "{accepted}");
        assert_eq!(answer.body, plain.body, "{accepted}");
    }
}

#[test]
fn what_is_short_comes_as_it_is() {
    let node = Node::start();
    for path in [
        "/chain",
        "/api/v1/status",
        "/api/v1/blocks/tip/hash",
        "/health/live",
        "/assets/icon.svg",
    ] {
        let plain = node.get(path);
        assert!(plain.body.len() < 1_024, "{path}");
        let answer = node.request("GET", path, &[GZIP], b"");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        assert_eq!(answer.header("vary"), plain.header("vary"), "{path}");
        assert_eq!(answer.header("etag"), plain.header("etag"), "{path}");
        assert_eq!(
            answer.header("content-length"),
            plain.header("content-length")
        );
    }
}

/// A peer takes what unpacks to more than 16 MiB, and to 16 times what was
/// sent, for a bomb.
#[test]
fn a_chain_that_is_very_long_comes_as_it_is() {
    let node = Node::start();
    let long = format!("[\"{}\"]", "a".repeat(8_000_000));
    let blocks: Vec<String> = Forger::with_transactions(&long).take(3).collect();
    node.register([&Peer::serving(chain_body(&blocks))]);
    assert_eq!(node.resolve().message, "Our chain was replaced");
    let answer = node.request("GET", "/chain", &[GZIP], b"");
    assert!(answer.body.len() > 24_000_000);
    assert_eq!(answer.header("content-encoding"), None);
    let other = Node::start();
    other.register([&Peer::at(node.address())]);
    assert_eq!(other.resolve().message, "Our chain was replaced");
}

#[test]
fn what_a_client_has_packed_or_not_is_known_by_its_tag() {
    let node = with_long_chain();
    let strong = node.get("/chain").header("etag").unwrap().to_owned();
    let weak = format!("W/{strong}");
    for (known, expected) in [
        (strong.clone(), &strong),
        (weak.clone(), &weak),
        (format!("\"other\", {weak}"), &weak),
        (format!("{weak}, {strong}"), &strong),
        ("*".to_owned(), &strong),
    ] {
        let known = format!("If-None-Match: {known}");
        for headers in [&[&*known][..], &[&*known, GZIP]] {
            let answer = node.request("GET", "/chain", headers, b"");
            assert_eq!(answer.status, 304, "{headers:?}");
            let varies = answer.header("vary").unwrap_or_default();
            assert!(varies.contains("accept-encoding"), "{headers:?}");
            assert_eq!(answer.header("etag"), Some(&**expected), "{headers:?}");
            assert_eq!(answer.header("content-encoding"), None);
        }
    }
}

#[test]
fn the_head_of_an_answer_is_the_same_without_it() {
    let node = with_long_chain();
    for path in ["/chain", "/assets/style.css"] {
        for accepted in [GZIP, "Accept: */*"] {
            let answer = node.request("GET", path, &[accepted], b"");
            let request = format!(
                "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{accepted}\r\n\r\n"
            );
            let mut stream = node.connect();
            stream.write_all(request.as_bytes()).unwrap();
            let mut stream = BufReader::new(stream);
            let head = read_head(&mut stream).unwrap();
            for name in ["etag", "vary", "content-encoding", "content-type"] {
                assert_eq!(head.header(name), answer.header(name), "{path}: {name}");
            }
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert!(rest.is_empty(), "{path}");
        }
    }
}

#[test]
fn events_are_never_packed_and_no_proxy_is_to_keep_them_back() {
    let node = Node::start();
    let mut stream = node.connect();
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{GZIP}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream).unwrap();
    assert_eq!(head.header("content-encoding"), None);
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("vary"), None);
}

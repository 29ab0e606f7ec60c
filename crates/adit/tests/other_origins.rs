//! What pages of other sites may do in a node whose operator allows their
//! origin, and what they still may not.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use crate::raw::{Answer, Node, read_answer, request_text};
use crate::support::{PATIENCE, Server, adit};

const TRANSACTION: &[u8] = br#"{"sender": "a", "recipient": "b", "amount": 5}"#;

const JSON: &str = "Content-Type: application/json";

const ALLOWED: &str = "Origin: http://localhost:3000";

const OTHER: &str = "Origin: http://localhost:3001";

/// A page on another port of the same machine, to a browser.
const SAME_SITE: &str = "Sec-Fetch-Site: same-site";

/// What everybody may do, and answers with this.
const OPEN: [(&str, &str, &[u8], u16); 7] = [
    ("GET", "/chain", b"", 200),
    ("GET", "/mine", b"", 200),
    ("POST", "/transactions/new", TRANSACTION, 201),
    (
        "POST",
        "/nodes/register",
        br#"{"nodes": ["http://localhost:1"]}"#,
        201,
    ),
    ("GET", "/nodes/resolve", b"", 200),
    ("GET", "/api/v1/status", b"", 200),
    ("POST", "/api/v1/tx", TRANSACTION, 201),
];

/// What only the operator may do.
const OPERATORS: [(&str, &str); 3] = [
    ("POST", "/api/v1/mine"),
    ("POST", "/api/v1/peers"),
    ("DELETE", "/api/v1/peers/localhost:1"),
];

/// The forms of our own pages.
const FORMS: [&str; 5] = ["/send", "/mine-block", "/check", "/peers", "/operator"];

fn allowing(origins: &[&str]) -> Node {
    let options: Vec<&str> = origins
        .iter()
        .flat_map(|origin| ["--allow-origin", origin])
        .collect();
    Node::start_with(&options)
}

fn preflight(node: &Node, path: &str, origin: &str, method: &str) -> Answer {
    let asked = format!("Access-Control-Request-Method: {method}");
    let headers = "Access-Control-Request-Headers: content-type";
    node.request("OPTIONS", path, &[origin, SAME_SITE, &asked, headers], b"")
}

fn allowed_origin(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn pages_of_an_allowed_origin_do_what_everybody_may() {
    let node = allowing(&["http://localhost:3000/", "https://front.example"]);
    for (method, path, body, status) in OPEN {
        let asked = preflight(&node, path, ALLOWED, method);
        assert_eq!(asked.status, 204, "{path}");
        assert_eq!(allowed_origin(&asked), Some("http://localhost:3000"));
        let methods = asked.header("access-control-allow-methods").unwrap();
        assert!(methods.split(", ").any(|one| one == method), "{methods}");
        let headers = asked.header("access-control-allow-headers").unwrap();
        for name in ["Content-Type", "Authorization", "If-None-Match"] {
            assert!(headers.contains(name), "{headers}");
        }
        assert_eq!(asked.header("access-control-allow-credentials"), None);
        assert!(asked.header("vary").unwrap().contains("origin"), "{path}");

        let answer = node.request(method, path, &[ALLOWED, SAME_SITE, JSON], body);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let readers = match (path, method) {
            ("/chain" | "/api/v1/status", "GET") => "*",
            _ => "http://localhost:3000",
        };
        assert_eq!(allowed_origin(&answer), Some(readers), "{path}");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("ETag"), "{path}");
    }
    assert_eq!(node.status()["length"], 2);
    assert_eq!(node.status()["pending"], 2);
    node.assert_unharmed();
}

#[test]
fn pages_of_all_other_origins_change_nothing() {
    let node = allowing(&["http://localhost:3000"]);
    for (method, path, body, _) in OPEN {
        let may_read = ["/chain", "/api/v1/status"].contains(&path);
        for origin in [
            OTHER,
            "Origin: null",
            "Origin: http://localhost:3000.evil.example",
        ] {
            let answer = node.request(method, path, &[origin, SAME_SITE, JSON], body);
            let asked = preflight(&node, path, origin, method);
            if may_read {
                assert_eq!((answer.status, asked.status), (200, 204), "{path}");
                assert_eq!(allowed_origin(&answer), Some("*"), "{path}");
                let methods = asked.header("access-control-allow-methods");
                assert_eq!(methods, Some("GET, HEAD"), "{path}");
                continue;
            }
            assert_eq!((answer.status, asked.status), (403, 403), "{origin} {path}");
            assert_eq!(allowed_origin(&answer), None, "{origin} {path}");
            // A cache does not give this answer to an origin that is allowed.
            let vary = answer.header("vary").unwrap();
            assert!(vary.contains("origin"), "{origin} {path}: {vary}");
            assert_eq!(allowed_origin(&asked), None, "{origin} {path}");
        }
    }
    // Whoever runs the node is told how to allow it.
    let refused = node.request("POST", "/transactions/new", &[OTHER, JSON], TRANSACTION);
    let advice = "start the node with --allow-origin http://localhost:3001";
    assert!(refused.text().contains(advice), "{}", refused.text());
    assert_eq!(node.status()["length"], 1);
    assert_eq!(node.status()["pending"], 0);
    node.assert_unharmed();
}

/// An image or a link in a page of an allowed origin does not say from where it
/// comes.
#[test]
fn who_names_no_origin_is_taken_for_a_foreign_page() {
    let node = allowing(&["http://localhost:3000", "*"]);
    for headers in [
        &[SAME_SITE][..],
        &["Sec-Fetch-Site: cross-site"],
        &["Referer: http://localhost:3000/"],
    ] {
        let answer = node.request("GET", "/mine", headers, b"");
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(node.status()["length"], 1);
}

#[test]
fn no_origin_is_allowed_what_is_the_operators() {
    let token = "correct-horse-battery-staple";
    for allow in ["http://localhost:3000", "*"] {
        let node = Node::start_with(&["--allow-origin", allow, "--api-token", token]);
        for (method, path) in OPERATORS {
            let answer = node.request(method, path, &[ALLOWED, SAME_SITE, JSON], b"{}");
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
            assert_eq!(answer.json()["rule"], "foreign-page", "{path}");
            let cookie = "Cookie: adit-own-page=yes; adit-operator=guess";
            let answer = node.request(method, path, &[ALLOWED, cookie, JSON], b"{}");
            assert_eq!(answer.status, 403, "{method} {path}");
        }
        // The pages' forms are for the pages alone.
        for path in FORMS {
            let answer = node.request("POST", path, &[ALLOWED, SAME_SITE], b"a=b");
            assert_eq!(answer.status, 403, "{path}");
            assert_eq!(allowed_origin(&answer), None, "{path}");
            let page = node.request("GET", "/", &[ALLOWED, SAME_SITE], b"");
            assert_eq!(allowed_origin(&page), None);
        }
        let peers = node.request("GET", "/api/v1/peers", &[ALLOWED, SAME_SITE], b"");
        assert_eq!(peers.status, 200);
        assert_eq!(node.status()["length"], 1);
        // Who shows the token is the operator, wherever the page is from.
        let shown = format!("Authorization: Bearer {token}");
        let mined = node.request("POST", "/api/v1/mine", &[ALLOWED, SAME_SITE, &shown], b"");
        assert_eq!(mined.status, 200, "{}", mined.text());
        node.assert_unharmed();
    }
}

#[test]
fn a_star_allows_every_origin_and_no_name_of_others() {
    let node = allowing(&["*"]);
    for origin in ["Origin: http://evil.example", "Origin: null"] {
        let asked = preflight(&node, "/transactions/new", origin, "POST");
        assert_eq!(allowed_origin(&asked), Some("*"));
        let posted = node.request(
            "POST",
            "/transactions/new",
            &[origin, "Sec-Fetch-Site: cross-site", JSON],
            TRANSACTION,
        );
        assert_eq!(posted.status, 201, "{origin}");
        assert_eq!(allowed_origin(&posted), Some("*"));
        assert_eq!(posted.header("vary"), None);
    }
    // A name that others control (DNS rebinding) is none of the node's.
    let headers = ["Host: evil.example", "Origin: http://evil.example", JSON];
    for path in ["/transactions/new", "/api/v1/tx"] {
        let answer = node.request("POST", path, &headers, TRANSACTION);
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("does not answer to the name"));
    }
    assert_eq!(node.status()["pending"], 2);
}

#[test]
fn a_chain_to_develop_on_allows_this_machines_pages_by_itself() {
    let node = Server::start(&mut adit(["dev", "-p", "0", "--log", "info"]));
    let asked = |origin: &str, path: &str| {
        let method = "Access-Control-Request-Method: POST";
        let request = request_text(&node.address, "OPTIONS", path, &[origin, method], b"");
        let mut stream = TcpStream::connect(&node.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&request).unwrap();
        read_answer(&mut BufReader::new(stream)).unwrap().status
    };
    for path in ["/transactions/new", "/api/v1/tx"] {
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]",
        ] {
            assert_eq!(asked(&format!("Origin: {origin}"), path), 204, "{origin}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost.evil.example",
        ] {
            assert_eq!(asked(&format!("Origin: {origin}"), path), 403, "{origin}");
        }
    }
}

#[test]
fn what_is_no_origin_is_refused_at_the_start() {
    for wrong in ["localhost:3000", "http://localhost:3000/app", "null"] {
        let command = &mut adit(["node", "--in-memory", "-p", "0", "--allow-origin", wrong]);
        let ended = crate::support::run(command).expect_code(2);
        assert!(
            ended.stderr.contains("expected an origin"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("http://localhost:3000"));
    }
}

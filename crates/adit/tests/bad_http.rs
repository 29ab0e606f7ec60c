//! How requests are sent: what is not HTTP, or bends its rules, is refused, at
//! worst by closing the connection, and the next client is served.

use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::raw::{Node, read_answer, read_head};

const HOST: &str = "Host: localhost\r\nConnection: close\r\n";

#[test]
fn what_is_no_http_is_refused() {
    let node = Node::start();
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let long_header = format!("GET /chain HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let many_headers = format!("GET /chain HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
    let refused: [(&[u8], u16); 12] = [
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (&[0; 100], 400),
        (&[0xff; 100_000], 400),
        (b"GET  HTTP/1.1\r\n\r\n", 400),
        (b"GET /chain HTTP/9.9\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET /chain HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (
            b"GET /chain HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
            400,
        ),
        (long_path.as_bytes(), 431),
        (long_header.as_bytes(), 431),
        (many_headers.as_bytes(), 431),
    ];
    for (request, status) in refused {
        let start = String::from_utf8_lossy(&request[..request.len().min(40)]);
        assert_eq!(node.send(request).unwrap().status, status, "{start:?}");
    }
    // HTTP/2 is not spoken; hyper knows its first line and just hangs up.
    assert!(node.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_err());
    node.assert_unharmed();
}

#[test]
fn a_request_names_its_host_once() {
    let node = Node::start();
    for path in ["/chain", "/", "/api/v1/status", "/nothing"] {
        for (version, hosts, is_refused) in [
            ("1.1", "", true),
            ("1.1", "Host: localhost\r\nHost: localhost\r\n", true),
            ("1.1", "Host: localhost\r\nhost: example.org\r\n", true),
            ("1.0", "Host: localhost\r\nHost: localhost\r\n", true),
            ("1.0", "", false),
            ("1.1", "Host: localhost\r\n", false),
            ("1.1", "hOsT: [::1]:5000\r\n", false),
        ] {
            let request = format!("GET {path} HTTP/{version}\r\nConnection: close\r\n{hosts}\r\n");
            let status = node.send(request.as_bytes()).unwrap().status;
            assert_eq!(status == 400, is_refused, "{status} for {request}");
        }
        // Where the target names a host too, that one counts: they are one.
        for (target, is_refused) in [("localhost", false), ("example.org", true)] {
            let request = format!("GET http://{target}{path} HTTP/1.1\r\n{HOST}\r\n");
            let status = node.send(request.as_bytes()).unwrap().status;
            assert_eq!(status == 400, is_refused, "{status} for {request}");
        }
    }
    let answer = node.send(b"GET /api/v1/status HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(answer.json()["type"], "/problems/malformed");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("expected a Host header")
    );
    node.assert_unharmed();
}

#[test]
fn a_body_whose_length_is_in_doubt_is_refused() {
    let node = Node::start();
    for headers in [
        "Content-Length: -5",
        "Content-Length: +5",
        "Content-Length: 5 5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ] {
        let request = format!("POST /transactions/new HTTP/1.1\r\n{HOST}{headers}\r\n\r\nhello");
        assert_eq!(
            node.send(request.as_bytes()).unwrap().status,
            400,
            "{headers}"
        );
    }
    let head =
        format!("POST /transactions/new HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n");
    for body in [
        "hello",
        "-1\r\n",
        "ffffffffffffffffff\r\n",
        "5\r\nhelloX",
        &format!("2;{}", "a".repeat(100_000)),
    ] {
        let answer = node.send(format!("{head}{body}\r\n").as_bytes()).unwrap();
        assert_eq!(answer.status, 400, "{body:.20}");
        assert!(answer.text().starts_with("the body could not be read: "));
    }
    assert_eq!(node.status()["pending"], 0);
    node.assert_unharmed();
}

#[test]
fn a_body_that_is_longer_than_it_is_said_to_be_is_a_new_request() {
    let node = Node::start();
    let transaction = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;
    let length = transaction.len();
    let request = format!(
        "POST /transactions/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n\
         {transaction}{transaction}\r\n\r\n"
    );
    let mut stream = node.connect();
    stream.write_all(request.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    assert_eq!(read_answer(&mut stream).unwrap().status, 201);
    assert_eq!(read_answer(&mut stream).unwrap().status, 400);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(node.status()["pending"], 1);
    node.assert_unharmed();
}

#[test]
fn a_body_that_ends_before_it_should_is_refused() {
    let node = Node::start();
    let head = "POST /transactions/new HTTP/1.1\r\nHost: localhost\r\n";
    for rest in [
        "Content-Length: 500\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ] {
        let mut stream = node.connect();
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // The node may answer or just hang up; it takes nothing and does not wait.
        let mut answer = Vec::new();
        let start = Instant::now();
        let _ = stream.read_to_end(&mut answer);
        assert!(start.elapsed() < Duration::from_secs(9));
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));
    }
    assert_eq!(node.status()["pending"], 0);
    node.assert_unharmed();
}

#[test]
fn a_wrong_method_is_told_the_right_one() {
    let node = Node::start();
    for (path, allowed) in [
        ("/mine", "GET"),
        ("/transactions/new", "POST"),
        ("/chain", "GET, HEAD"),
        ("/nodes/register", "POST"),
        ("/nodes/resolve", "GET"),
        ("/metrics", "GET, HEAD"),
    ] {
        for method in [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
        ] {
            if allowed.contains(method) {
                continue;
            }
            let answer = node.request(method, path, &[], b"{}");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allowed));
            let expected = format!("{method} does nothing at {path}; use {allowed}\n");
            assert_eq!(answer.text(), expected);
        }
    }
    assert_eq!(node.status()["length"], 1);
    node.assert_unharmed();
}

#[test]
fn head_gets_no_body_and_makes_no_block() {
    let node = Node::start();
    for (path, status) in [
        ("/mine", 405),
        ("/transactions/new", 405),
        ("/chain", 200),
        ("/nodes/register", 405),
        ("/nodes/resolve", 405),
        ("/api/v1/status", 200),
        ("/metrics", 200),
        ("/nothing", 404),
    ] {
        let mut stream = node.connect();
        let request = format!("HEAD {path} HTTP/1.1\r\n{HOST}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        assert_eq!(read_head(&mut stream).unwrap().status, status, "{path}");
        let mut body = Vec::new();
        stream.read_to_end(&mut body).unwrap();
        assert_eq!(body, b"", "{path}");
    }
    assert_eq!(node.status()["length"], 1);
    node.assert_unharmed();
}

#[test]
fn an_unknown_path_is_told_what_there_is() {
    let node = Node::start();
    let answer = node.get("/nodes");
    assert_eq!(answer.status, 404);
    let text = answer.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("there is nothing at /nodes; there is"));
    assert_eq!(lines.next(), Some("GET    /chain"), "the tutorial's first");
    let mut listed: Vec<String> = text.lines().skip(1).map(str::to_string).collect();
    let description = node.get("/openapi.json").json();
    let paths = description["paths"].as_object().unwrap().iter();
    let mut described: Vec<String> = paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{:<6} {path}", method.to_uppercase()))
        })
        .collect();
    listed.sort();
    described.sort();
    assert_eq!(listed, described);
    let long = format!("/{}", "a".repeat(10_000));
    for path in [
        "//chain",
        "/chain/",
        "/CHAIN",
        "/%63hain",
        "/../chain",
        "/%00%ff",
        &long,
    ] {
        assert_eq!(node.get(path).status, 404, "{path:.20}");
        assert_eq!(node.post(path, b"{}").status, 404, "{path:.20}");
    }
    let answer = node.send(format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n").as_bytes());
    assert_eq!(answer.unwrap().status, 404);
    assert_eq!(node.get("/api/v1/status?a=b&a=%ff#c").status, 200);
    node.assert_unharmed();
}

#[test]
fn old_and_plain_clients_are_served() {
    let node = Node::start();
    for request in [
        "GET /chain HTTP/1.0\r\n\r\n",
        "GET /chain HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        "\r\n\r\nGET /chain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET http://localhost/chain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /chain HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n",
    ] {
        let answer = node.send(request.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{request}");
        assert_eq!(answer.json()["length"], 1);
    }
    node.assert_unharmed();
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let node = Node::start();
    let mut stream = node.connect();
    let request = "GET /mine HTTP/1.1\r\nHost: localhost\r\n\r\n\
                   GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n\
                   POST /nodes/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(request.repeat(20).as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    for index in 2..22 {
        let mined = read_answer(&mut stream).unwrap();
        assert_eq!(mined.json()["index"], index);
        assert_eq!(read_answer(&mut stream).unwrap().status, 404);
        assert_eq!(read_answer(&mut stream).unwrap().status, 400);
    }
    assert_eq!(node.checked_chain().len(), 21);
    node.assert_unharmed();
}

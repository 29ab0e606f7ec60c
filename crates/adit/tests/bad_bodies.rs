//! What is in a request's body: whatever it is, the node says what was wrong
//! with it, takes nothing of it, and goes on. The expected texts are literal:
//! they are what a learner with a typing mistake reads.

use crate::raw::Node;

const NOT_JSON: [(&[u8], &str); 12] = [
    (b"", "the text ends where a value should begin"),
    (b" \n", "the text ends where a value should begin"),
    (b"{", "the text ends inside an object"),
    (
        b"{\"amount\": 5,}",
        "expected a key in double quotes at byte 13, found `}`",
    ),
    (
        b"{'amount': 5}",
        "expected a key in double quotes at byte 1, found `'`",
    ),
    (
        b"{\"amount\": 05}",
        "expected no digit after a leading zero at byte 12, found `5`",
    ),
    (
        b"{} {}",
        "expected the end of the text at byte 3, found `{`",
    ),
    (b"{\"sender\": \"\xff\"}", "not UTF-8 at byte 12"),
    (b"{\"sender\": \"\xed\xa0\x80\"}", "not UTF-8 at byte 12"),
    (
        b"{\"sender\": \"a\nb\"}",
        "control character 0x0a inside a string at byte 13; write it as an escape",
    ),
    (
        b"\xef\xbb\xbf{}",
        "the text begins with a byte order mark (ef bb bf): send UTF-8 without one",
    ),
    (b"\xff\xfe{\0}\0", "the text is in UTF-16: send it in UTF-8"),
];

const NO_TRANSACTIONS: [(&str, &str); 22] = [
    (
        "null",
        "expected a JSON object with sender, recipient and amount, found null",
    ),
    (
        "true",
        "expected a JSON object with sender, recipient and amount, found true or false",
    ),
    (
        "5",
        "expected a JSON object with sender, recipient and amount, found a number",
    ),
    (
        "NaN",
        "expected a JSON object with sender, recipient and amount, found a number that is not finite",
    ),
    (
        "\"sender recipient amount\"",
        "expected a JSON object with sender, recipient and amount, found a string",
    ),
    (
        "[\"sender\", \"recipient\", \"amount\"]",
        "expected a JSON object with sender, recipient and amount, found a list",
    ),
    ("{}", "Missing values"),
    (r#"{"recipient": "b", "amount": 5}"#, "Missing values"),
    (r#"{"sender": "a", "amount": 5}"#, "Missing values"),
    (r#"{"sender": "a", "recipient": "b"}"#, "Missing values"),
    (
        r#"{"Sender": "a", "recipient": "b", "amount": 5}"#,
        "Missing values",
    ),
    (
        r#"{"sender": null, "recipient": "b", "amount": 5}"#,
        "sender: expected a string, found null",
    ),
    (
        r#"{"sender": 0, "recipient": "b", "amount": 5}"#,
        "sender: expected a string, found a number",
    ),
    (
        r#"{"sender": "a", "recipient": ["b"], "amount": 5}"#,
        "recipient: expected a string, found a list",
    ),
    (
        r#"{"sender": "a", "recipient": {}, "amount": 5}"#,
        "recipient: expected a string, found an object",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": "five"}"#,
        "amount: expected a finite number, found a string that spells none",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": true}"#,
        "amount: expected a finite number, found true or false",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": null}"#,
        "amount: expected a finite number, found null",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": NaN}"#,
        "amount: expected a finite number, found a number that is not finite",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": -Infinity}"#,
        "amount: expected a finite number, found a number that is not finite",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": 1e400}"#,
        "amount: expected a finite number, found a number that is not finite",
    ),
    (
        r#"{"sender": "a", "recipient": "b", "amount": [5]}"#,
        "amount: expected a finite number, found a list",
    ),
];

const NO_LISTS: [(&str, &str); 10] = [
    ("null", ""),
    ("7", ""),
    ("[]", ""),
    ("{}", ""),
    (r#"{"nodes": null}"#, ""),
    (r#"{"nodes": "http://127.0.0.1:5001"}"#, ""),
    (r#"{"nodes": {"http://127.0.0.1:5001": true}}"#, ""),
    (
        r#"{"nodes": [5001]}"#,
        " (expected addresses, found a number)",
    ),
    (r#"{"nodes": [null]}"#, " (expected addresses, found null)"),
    (
        r#"{"nodes": [["http://127.0.0.1:5001"]]}"#,
        " (expected addresses, found a list)",
    ),
];

#[test]
fn what_is_not_json_is_refused_with_the_place() {
    let node = Node::start();
    for (body, problem) in NOT_JSON {
        let answer = node.post("/transactions/new", body);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.text(), format!("the body is not JSON: {problem}"));
        let answer = node.post("/nodes/register", body);
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.text(),
            format!("Error: Please supply a valid list of nodes ({problem})")
        );
    }
    assert_eq!(node.status()["pending"], 0);
    assert_eq!(node.status()["nodes"], serde_json::json!([]));
    node.assert_unharmed();
}

#[test]
fn a_form_is_answered_with_the_line_to_type() {
    let node = Node::start();
    let address = node.address();
    let part = "--b\r\nContent-Disposition: form-data; name=\"nodes\"\r\n\r\na\r\n--b--\r\n";
    for (path, data) in [
        (
            "/transactions/new",
            r#"{"sender": "alice", "recipient": "bob", "amount": 5}"#,
        ),
        ("/nodes/register", r#"{"nodes": ["http://localhost:5001"]}"#),
        (
            "/api/v1/tx",
            r#"{"sender": "alice", "recipient": "bob", "amount": 5}"#,
        ),
        ("/api/v1/peers", r#"{"nodes": ["http://localhost:5001"]}"#),
        ("/api/v1/blocks", "@block.json"),
    ] {
        let line = format!(
            "    curl -H 'Content-Type: application/json' -d '{data}' http://{address}{path}\n"
        );
        for form in [
            "sender=a&recipient=b&amount=5",
            "nodes=http%3A%2F%2Flocalhost%3A5001",
            part,
        ] {
            let answer = node.post(path, form);
            assert_eq!(answer.status, 400, "{path} {form}");
            let said = match path.starts_with("/api") {
                true => answer.json()["detail"].as_str().unwrap().to_owned(),
                false => answer.text(),
            };
            let expected = format!(
                "the body is a form, and JSON is wanted; send raw JSON, like this:\n\n{line}"
            );
            assert_eq!(said.trim_end(), expected.trim_end(), "{path} {form}");
        }
    }
    assert_eq!(node.status()["pending"], 0);
    assert_eq!(node.status()["nodes"], serde_json::json!([]));
    node.assert_unharmed();
}

#[test]
fn what_is_no_transaction_is_refused_with_what_was_expected_and_found() {
    let node = Node::start();
    for (body, problem) in NO_TRANSACTIONS {
        let answer = node.post("/transactions/new", body);
        assert_eq!((answer.status, &*answer.text()), (400, problem), "{body}");
    }
    assert_eq!(node.status()["pending"], 0);
    node.assert_unharmed();
}

#[test]
fn what_is_no_list_of_nodes_is_refused_in_the_words_of_the_tutorial() {
    let node = Node::start();
    for (body, why) in NO_LISTS {
        let answer = node.post("/nodes/register", body);
        let expected = format!("Error: Please supply a valid list of nodes{why}");
        assert_eq!((answer.status, answer.text()), (400, expected), "{body}");
    }
    assert_eq!(node.status()["nodes"], serde_json::json!([]));
    node.assert_unharmed();
}

#[test]
fn nesting_is_read_to_512_levels_and_refused_beyond() {
    let node = Node::start();
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"amount": 5, "deep": {open}{close}, "recipient": "b", "sender": "a"}}"#)
    };
    assert_eq!(node.post("/transactions/new", nested(512)).status, 201);
    let answer = node.post("/transactions/new", nested(513));
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "the body is not JSON: nesting deeper than 512 levels at byte 533"
    );
    for brackets in ["[".repeat(65_536), "{\"a\":".repeat(13_000)] {
        assert_eq!(node.post("/transactions/new", &brackets).status, 400);
        assert_eq!(node.post("/nodes/register", &brackets).status, 400);
    }
    node.assert_unharmed();
}

#[test]
fn a_body_that_is_too_long_is_refused_with_the_limit() {
    let node = Node::start();
    for length in [65_537, 1_000_000, 30_000_000] {
        for path in ["/transactions/new", "/nodes/register"] {
            let body = vec![b'['; length];
            let stated = node.post(path, &body);
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
                 {length:x}\r\n"
            );
            let chunked = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
            let chunked = node.send(&chunked).unwrap();
            for answer in [stated, chunked] {
                assert_eq!(answer.status, 413);
                assert_eq!(answer.text(), "the body is longer than 65536 bytes\n");
            }
        }
    }
    assert!(node.resident_mb() < 100, "{} MB", node.resident_mb());
    node.assert_unharmed();
}

#[test]
fn a_body_that_is_said_to_be_too_long_is_refused_before_it_comes() {
    let node = Node::start();
    for length in ["65537", "10000000000", "18446744073709551613"] {
        let start = std::time::Instant::now();
        let answer = node.send(
            format!(
                "POST /transactions/new HTTP/1.1\r\nHost: localhost\r\n\
                 Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
            )
            .as_bytes(),
        );
        assert_eq!(answer.unwrap().status, 413);
        assert!(start.elapsed().as_secs() < 5);
    }
    node.assert_unharmed();
}

#[test]
fn a_transaction_is_bounded_as_it_is_kept_not_only_as_it_is_sent() {
    let node = Node::start();
    let with_sender = |count: usize| {
        let sender = "\u{e9}".repeat(count);
        format!(r#"{{"sender": "{sender}", "recipient": "b", "amount": 5}}"#)
    };
    // Sent as two bytes each, kept as `\u00e9`.
    assert_eq!(
        node.post("/transactions/new", with_sender(10_000)).status,
        201
    );
    let answer = node.post("/transactions/new", with_sender(15_000));
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "the body is not JSON: canonical form is larger than the limit of 65536 bytes"
    );
    node.assert_unharmed();
}

#[test]
fn odd_but_valid_transactions_are_kept_as_python_would_keep_them() {
    let node = Node::start();
    let digits = "9".repeat(4_300);
    let big = format!(r#"{{"sender": "a", "recipient": "b", "amount": {digits}}}"#);
    let kept_big = format!(r#"{{"amount": {digits}, "recipient": "b", "sender": "a"}}"#);
    let odd = [
        (
            r#"{"sender": "\ud800", "recipient": "\u0000\u007f", "amount": -0.0}"#,
            r#"{"amount": -0.0, "recipient": "\u0000\u007f", "sender": "\ud800"}"#,
        ),
        (
            r#"{"amount": 1, "amount": true, "sender": "a", "recipient": "b", "amount": 3}"#,
            r#"{"amount": 3, "recipient": "b", "sender": "a"}"#,
        ),
        (
            r#"{"s\u0065nder": "a", "recipient": "b", "amount": 1e2, "memo": NaN}"#,
            r#"{"amount": 100.0, "recipient": "b", "sender": "a"}"#,
        ),
        (
            r#"{"sender": "", "recipient": "😀", "amount": -5}"#,
            r#"{"amount": -5, "recipient": "\ud83d\ude00", "sender": ""}"#,
        ),
        (
            r#"{"sender": "form", "recipient": "b", "amount": "\u0031\u0030"}"#,
            r#"{"amount": "10", "recipient": "b", "sender": "form"}"#,
        ),
        (&big, &kept_big),
    ];
    for (body, _) in odd {
        let answer = node.post("/transactions/new", body);
        assert_eq!(answer.status, 201, "{body}");
        assert_eq!(
            answer.text(),
            r#"{"message": "Transaction will be added to Block 2"}"#
        );
    }
    assert_eq!(node.get("/mine").status, 200);
    let chain = node.checked_chain();
    let kept: Vec<&[u8]> = chain[1].transactions().collect();
    assert_eq!(kept.len(), odd.len() + 1);
    for (kept, (_, expected)) in kept.iter().zip(odd) {
        assert_eq!(String::from_utf8_lossy(kept), expected);
    }
    node.assert_unharmed();
}

#[test]
fn any_content_type_will_do() {
    let node = Node::start();
    let transaction = br#"{"sender": "a", "recipient": "b", "amount": 5}"#;
    let types: [&[&str]; 5] = [
        &[],
        &["Content-Type: text/plain"],
        &["Content-Type: application/x-www-form-urlencoded"],
        &["Content-Type: application/json; charset=latin-1"],
        &["Content-Type: \u{1f4a9}"],
    ];
    for headers in types {
        let answer = node.request("POST", "/transactions/new", headers, transaction);
        assert_eq!(answer.status, 201, "{headers:?}");
        let answer = node.request("POST", "/nodes/register", headers, b"{\"nodes\": []}");
        assert_eq!(answer.status, 201, "{headers:?}");
    }
    assert_eq!(node.status()["pending"], 5);
    node.assert_unharmed();
}

#[test]
fn what_needs_no_body_does_not_mind_one() {
    let node = Node::start();
    for path in ["/mine", "/chain", "/nodes/resolve", "/api/v1/status"] {
        for body in [&b"{"[..], b"\xff", &[b'['; 30_000]] {
            let answer = node.request("GET", path, &[], body);
            assert_eq!(answer.status, 200, "{path}");
        }
    }
    assert_eq!(node.status()["length"], 4);
    node.assert_unharmed();
}

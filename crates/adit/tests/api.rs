//! The API as a whole: what is around every answer, how it says what went
//! wrong, which answers a client has already, and whether the description is
//! true.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};

use serde_json::{Value, json};

use crate::raw::{Answer, Node, read_answer, read_head};
use crate::support::{Server, adit, ask, until};

/// What a page of another site may ask for.
const OPEN: [&str; 6] = [
    "/api/v1/status",
    "/api/v1/blocks",
    "/api/v1/nothing",
    "/health/live",
    "/metrics",
    "/openapi.json",
];

const DOCUMENT: &str = include_str!("../../../docs/api.md");

const JSON: &str = "Content-Type: application/json";

#[track_caller]
fn expect_problem(answer: Answer, status: u16, kind: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
    assert_eq!(problem["status"], status);
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    problem
}

fn id_of(answer: &Answer) -> String {
    let id = answer.header("x-request-id");
    id.expect("every answer of the API has an id").to_string()
}

#[test]
fn a_request_has_an_id_in_its_answer_and_in_the_log() {
    let node = Server::start(adit(["node", "-p", "0", "--in-memory"]).args(["--log", "debug"]));
    let with_id = |method: &str, path: &str, id: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nX-Request-Id: {id}\r\nRest:");
        id_of(&ask(&node.address, &request, "").unwrap())
    };
    let given = "a-Client.of_ours:17";
    for path in OPEN {
        assert_eq!(with_id("GET", path, given), given, "{path}");
    }
    assert_eq!(with_id("PUT", "/api/v1/status", given), given);
    until("it is in the log", || {
        node.process.stderr().contains(given).then_some(())
    });
    assert_eq!(
        with_id("GET", "/api/v1/status", &"a".repeat(64)),
        "a".repeat(64)
    );
    let mut made = BTreeSet::new();
    for wrong in ["", "two words", "<script>", "\u{e9}", &"a".repeat(65)] {
        let id = with_id("GET", "/api/v1/status", wrong);
        assert!(id != wrong && id.len() == 36, "{wrong:?} became {id:?}");
        assert!(made.insert(id), "each request has its own");
    }
    let tutorial = node.get("/chain");
    assert_eq!(
        tutorial.header("x-request-id"),
        None,
        "to the byte as it was"
    );
}

#[test]
fn pages_of_other_sites_may_read_and_nothing_else() {
    let node = Node::start();
    let origin = "Origin: http://elsewhere.example";
    for path in OPEN {
        let answer = node.request("GET", path, &[origin], b"");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "{path}"
        );
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["ETag", "Link", "X-Request-Id"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        let asked = "Access-Control-Request-Method: GET";
        let preflight = node.request("OPTIONS", path, &[origin, asked], b"");
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        let methods = preflight.header("access-control-allow-methods");
        assert_eq!(methods, Some("GET, HEAD"));
    }
    for method in ["POST", "DELETE", "PUT"] {
        let asked = format!("Access-Control-Request-Method: {method}");
        let answer = node.request("OPTIONS", "/api/v1/mine", &[origin, &asked], b"");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{method}"
        );
        expect_problem(answer, 403, "foreign");
    }
    for path in [
        "/api/v1/mine",
        "/api/v1/tx",
        "/api/v1/blocks",
        "/api/v1/peers",
    ] {
        let refused = node.request("POST", path, &[origin, JSON], b"{}");
        assert_eq!(
            refused.header("access-control-allow-origin"),
            None,
            "{path}"
        );
        expect_problem(refused, 403, "foreign");
    }
    let chain = node.request("GET", "/chain", &[origin], b"");
    assert_eq!(chain.header("access-control-allow-origin"), Some("*"));
    for path in ["/mine", "/"] {
        let answer = node.request("GET", path, &[], b"");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    assert_eq!(
        node.status()["length"],
        2,
        "only the tutorial's own call made a block"
    );
    node.assert_unharmed();
}

#[test]
fn what_goes_wrong_is_a_problem_document_that_is_explained() {
    let node = Node::start();
    let hash = "0".repeat(64);
    let long = "x".repeat(70_000);
    let mut types = BTreeSet::new();
    let mut wrong = |method: &str, path: &str, headers: &[&str], body: &str, status, kind: &str| {
        let answer = node.request(method, path, headers, body.as_bytes());
        id_of(&answer);
        if status == 503 {
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        let problem = expect_problem(answer, status, kind);
        types.insert(problem["type"].as_str().unwrap().to_string());
    };
    for path in [
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/status",
        "/api/v1/nothing",
        "/health",
    ] {
        wrong("GET", path, &[], "", 404, "not-found");
    }
    wrong(
        "GET",
        &format!("/api/v1/block/{hash}"),
        &[],
        "",
        404,
        "not-found",
    );
    wrong("GET", "/problems/nothing", &[], "", 404, "not-found");
    wrong("GET", "/api/v1/block/%ff", &[], "", 400, "malformed");
    wrong(
        "GET",
        "/api/v1/blocks?limit=many",
        &[],
        "",
        400,
        "malformed",
    );
    wrong(
        "GET",
        "/api/v1/blocks?limit=1&limit=2",
        &[],
        "",
        400,
        "malformed",
    );
    wrong("GET", "/api/v1/mempool?cursor=x", &[], "", 400, "malformed");
    wrong("GET", "/api/v1/search", &[], "", 400, "malformed");
    wrong("POST", "/api/v1/tx", &[JSON], "{", 400, "transaction");
    wrong("POST", "/api/v1/blocks", &[JSON], "{}", 400, "block");
    wrong("POST", "/api/v1/tx", &[JSON], &long, 413, "too-long");
    wrong("POST", "/api/v1/peers", &[JSON], &long, 413, "too-long");
    wrong("POST", "/api/v1/dev/reset", &[], "", 409, "not-here");
    wrong(
        "GET",
        "/api/v1/status",
        &["Host: elsewhere.example"],
        "",
        403,
        "foreign",
    );
    wrong(
        "DELETE",
        "/api/v1/status",
        &[],
        "",
        405,
        "method-not-allowed",
    );
    for kind in types {
        let explanation = node.get(&kind);
        assert_eq!(explanation.status, 200, "{kind}");
        let title = explanation.text();
        assert!(title.lines().count() > 2, "{kind}: {title}");
    }
    node.assert_unharmed();
}

#[test]
fn the_document_lists_all_kinds_of_problems() {
    let node = Server::adit(["--in-memory"]);
    let unknown = expect_problem(node.get("/problems/nothing"), 404, "not-found");
    let (_, names) = unknown["detail"]
        .as_str()
        .unwrap()
        .split_once("the problems ")
        .unwrap();
    let explained: BTreeSet<&str> = names.split(", ").collect();
    let rows = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `/problems/"));
    let mut listed = BTreeSet::new();
    for row in rows {
        let (name, rest) = row.split_once("` | ").unwrap();
        let status = rest.split(' ').next().unwrap();
        let text = node
            .get(&format!("/problems/{name}"))
            .expect_status(200)
            .text();
        assert!(
            text.lines()
                .next()
                .unwrap()
                .ends_with(&format!("({status})")),
            "{text}"
        );
        listed.insert(name);
    }
    assert_eq!(listed, explained);
}

#[test]
fn a_body_that_does_not_come_is_a_problem_too() {
    let node = Node::start();
    let mut stream = node.connect();
    let head = "POST /api/v1/tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let answer = read_answer(&mut BufReader::new(stream)).unwrap();
    expect_problem(answer, 408, "too-slow");
    node.assert_unharmed();
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let node = Node::start();
    for (path, allowed) in [
        ("/api/v1/status", "GET, HEAD"),
        ("/api/v1/blocks", "GET, HEAD, POST"),
        ("/api/v1/block/abc/txs", "GET, HEAD"),
        ("/api/v1/tx", "POST"),
        ("/api/v1/tx/abc", "GET, HEAD"),
        ("/api/v1/mine", "POST"),
        ("/api/v1/peers/localhost:1", "DELETE"),
        ("/health/ready", "GET, HEAD"),
        ("/problems/busy", "GET, HEAD"),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            if allowed.contains(method) {
                continue;
            }
            let answer = node.request(method, path, &[], b"{}");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
            let problem = expect_problem(answer, 405, "method-not-allowed");
            let detail = problem["detail"].as_str().unwrap();
            assert_eq!(
                detail,
                format!("{method} does nothing at {path}; use {allowed}")
            );
        }
    }
    node.assert_unharmed();
}

#[test]
fn of_a_page_too_it_is_said_what_can_be_done_with_it() {
    let node = Node::start();
    for (path, allowed) in [("/blocks", "GET,HEAD"), ("/send", "POST")] {
        let answer = node.request("DELETE", path, &[], b"");
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allowed))
        );
    }
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let node = Server::adit(["--in-memory"]);
    node.pay("us", "them");
    node.mine();
    let hash = node.get("/api/v1/block-height/1").text();
    let again = |path: &str, etag: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nIf-None-Match: {etag}\r\nRest:");
        let answer = ask(&node.address, &request, "").unwrap();
        assert_eq!(
            answer.header("etag").is_some(),
            answer.status == 304 || answer.status == 200
        );
        answer.status
    };
    let etag = |path: &str| {
        let answer = node.get(path).expect_status(200);
        answer.header("etag").expect(path).to_string()
    };
    for path in [
        "/api/v1/blocks",
        "/api/v1/blocks?limit=1&cursor=1",
        "/api/v1/stats",
        "/api/v1/block-height/1",
        "/api/v1/blocks/tip/hash",
        "/api/v1/blocks/tip/height",
        &format!("/api/v1/block/{hash}"),
    ] {
        // What waits is noted every few seconds, which changes /stats too.
        let stays = (0..3).any(|_| {
            let etag = etag(path);
            let known = [&*etag, "*", &format!("\"other\", W/{etag}")];
            known.iter().all(|known| again(path, known) == 304)
        });
        assert!(stays, "{path}");
        let etag = etag(path);
        assert_eq!(again(path, "\"other\""), 200, "{path}");
        node.mine();
        assert_eq!(again(path, &etag), 200, "{path}");
    }
    for part in ["raw", "txs", "preimage"] {
        let path = format!("/api/v1/block/{hash}/{part}");
        let cached = node.get(&path).header("cache-control").unwrap().to_string();
        assert!(cached.contains("immutable"), "{path}");
        let etag = etag(&path);
        node.mine();
        assert_eq!(again(&path, &etag), 304, "{path}");
    }
    for path in [
        "/api/v1/chain-tips",
        "/api/v1/reorgs",
        "/api/v1/address/them",
        "/api/v1/address/them/txs",
        "/api/v1/peers",
    ] {
        let etag = etag(path);
        assert_eq!(again(path, &etag), 304, "{path}");
        assert_eq!(again(path, "\"other\""), 200, "{path}");
    }
    let path = "/api/v1/mempool";
    let empty = etag(path);
    assert_eq!(again(path, &empty), 304);
    node.pay("us", "them");
    assert_eq!(again(path, &empty), 200);
    node.mine();
    assert_eq!(again(path, &empty), 304, "the mempool is as it was");
    let stats = etag("/api/v1/stats");
    node.pay("us", "them");
    assert_eq!(again("/api/v1/stats", &stats), 200, "one more waits");
}

#[test]
fn head_has_the_headers_of_get_and_nothing_behind_them() {
    let node = Node::start();
    for path in [
        "/api/v1/status",
        "/api/v1/blocks",
        "/api/v1/mempool",
        "/api/v1/stats",
        "/api/v1/search?q=1",
        "/health/live",
        "/health/ready",
        "/problems/busy",
        "/metrics",
        "/openapi.json",
    ] {
        let get = node.get(path);
        let mut stream = node.connect();
        let request =
            format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let head = read_head(&mut stream).unwrap();
        assert_eq!(head.status, 200, "{path}");
        // What waits is noted every few seconds, which changes /stats too.
        let after = node.get(path);
        for name in ["content-type", "etag", "access-control-allow-origin"] {
            let of_get = [get.header(name), after.header(name)];
            assert!(of_get.contains(&head.header(name)), "{path}, {name}");
        }
        let mut body = Vec::new();
        stream.read_to_end(&mut body).unwrap();
        assert_eq!(body, b"", "{path}");
    }
    node.assert_unharmed();
}

#[test]
fn a_node_says_that_it_lives_and_takes_something_in() {
    let node = Server::adit(["--in-memory"]);
    for (path, text) in [("/health/live", "live\n"), ("/health/ready", "ready\n")] {
        assert_eq!(node.get(path).expect_status(200).text(), text);
    }
}

#[test]
fn the_description_has_everything_that_there_is() {
    let node = Server::adit(["--in-memory"]);
    let description = node.get("/openapi.json").expect_status(200).json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let tags = description["tags"].as_array().unwrap().iter();
    let tags: BTreeSet<_> = tags.map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut names = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        paths.insert(path.as_str());
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} is the name of two operations");
            assert!(operation["summary"].is_string(), "{method} {path}");
            let tag = operation["tags"][0].as_str().unwrap();
            assert!(tags.contains(tag), "{method} {path}: {tag}");
            // What generators make of a schema without a name, no two programs share.
            let posted = &operation["requestBody"]["content"]["application/json"]["schema"];
            let is_named = posted["$ref"].is_string() || posted.is_null();
            assert!(is_named, "{method} {path}: {posted}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let described = response["description"].as_str().unwrap_or_default();
                assert!(!described.is_empty(), "{method} {path}: {status}");
            }
        }
    }
    for path in [
        "/mine",
        "/transactions/new",
        "/chain",
        "/nodes/register",
        "/nodes/resolve",
        "/metrics",
        "/health/ready",
        "/problems/{name}",
    ] {
        assert!(paths.contains(path), "{path}");
    }
    // What nobody described would be found neither here nor in the list that
    // an unknown path is told; a path that is described is one.
    for path in paths {
        let path = path.replace("{hash}", &"0".repeat(64));
        let answer = ask(&node.address, &format!("BREW {path}"), "").unwrap();
        assert_eq!(answer.status, 405, "{path}");
    }
    let example = json!({ "$ref": "#/components/schemas/ProblemDocument" });
    let status = &description["paths"]["/api/v1/status"]["get"]["responses"]["403"];
    assert_eq!(
        status["content"]["application/problem+json"]["schema"],
        example
    );
}

//! A node below a path of its host: whatever it writes leads below that path,
//! and it is the same node with the path and without.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::raw::{Answer, Node, request_text};
use crate::support::{Server, adit, run};

const BASE: &str = "/adit";

/// Attributes that make a browser go somewhere.
const ATTRIBUTES: [&str; 8] = [
    "href",
    "src",
    "action",
    "formaction",
    "srcset",
    "poster",
    "data",
    "xlink:href",
];

const FIREFOX: [&str; 3] = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
    "Accept: text/html",
    "Accept-Language: en-GB",
];

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

const TOKEN: &str = "a-token-for-tests-only";

fn below(options: &[&str]) -> Node {
    Node::start_with(&[&["--base-path", BASE], options].concat())
}

fn pay_and_mine(node: &Node, count: usize) {
    for number in 0..count {
        let body = json!({ "sender": "alice", "recipient": format!("bob {number}"), "amount": 1 });
        node.post("/transactions/new", body.to_string())
            .expect_status(201);
        node.get("/mine").expect_status(200);
    }
}

/// Where an address that stands in that file leads to; `None` if that is where
/// it stands.
fn place(file: &str, address: &str) -> Option<String> {
    let address = address.split('#').next().filter(|path| !path.is_empty())?;
    assert!(!address.contains("//"), "{file}: {address}");
    if address.starts_with('/') {
        return Some(address.to_owned());
    }
    let path = file.split('?').next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

/// The addresses that an answer leads to, as they stand in it.
fn addresses(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let kind = answer.header("content-type").unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    if kind.starts_with("text/html") {
        let tags = between(&text, "<", '>').into_iter();
        found.extend(tags.flat_map(addresses_in_tag));
    } else if kind.starts_with("text/css") {
        let urls = between(&text, "url(", ')').into_iter();
        let urls = urls.map(|url| url.trim_matches(['"', '\'']));
        found.extend(
            urls.filter(|url| !url.starts_with("data:"))
                .map(str::to_owned),
        );
    }
    for name in ["location", "content-location"] {
        found.extend(answer.header(name).map(str::to_owned));
    }
    let link = answer.header("link").unwrap_or_default();
    found.extend(between(link, "<", '>').into_iter().map(str::to_owned));
    found
}

fn addresses_in_tag(tag: &str) -> Vec<String> {
    let names = ATTRIBUTES.iter();
    let opens = names.flat_map(|name| [format!(" {name}=\""), format!("\n{name}=\"")]);
    let values = opens.flat_map(|open| {
        let values = between(tag, &open, '"').into_iter();
        values.map(str::to_owned).collect::<Vec<_>>()
    });
    let plain = |value: String| value.replace("&#38;", "&").replace("&amp;", "&");
    values.map(plain).collect()
}

/// The addresses in a module of ours. The vendored ones of `/docs` are packed
/// scripts, which the browser's test looks at.
fn addresses_in_module(path: &str, text: &str) -> Vec<String> {
    for opening in [
        "fetch(",
        "new EventSource(",
        "new Worker(",
        "import(",
        "open(",
    ] {
        for argument in between(text, opening, ')') {
            let is_rooted = ["\"/", "'/", "`/"]
                .iter()
                .any(|root| argument.starts_with(root));
            assert!(!is_rooted, "{path}: {opening}{argument}");
        }
    }
    let quoted = [(" from \"", '"'), (" from '", '\''), ("new URL(\"", '"')];
    let found = quoted
        .iter()
        .flat_map(|(open, close)| between(text, open, *close));
    found.map(str::to_owned).collect()
}

/// Follows every address from these paths on, and every form; all are below the
/// base path, and lead to something. Returns what was there.
#[track_caller]
fn crawl(node: &Node, from: &[&str]) -> BTreeMap<String, Answer> {
    let mut known = BTreeMap::new();
    let from = from.iter().map(|path| (path.to_string(), "the test"));
    let mut next: VecDeque<(String, String)> =
        from.map(|(path, from)| (path, from.to_owned())).collect();
    while let Some((path, from)) = next.pop_front() {
        let is_below = path == BASE || path.starts_with("/adit/");
        assert!(
            is_below,
            "{path}, to which {from} leads, is not below {BASE}"
        );
        if known.contains_key(&path) {
            continue;
        }
        let answer = node.get(&path);
        // A form that is posted is there, and does nothing for GET.
        let is_there = answer.status < 400 || answer.status == 405;
        assert!(is_there, "{path}, linked from {from}: {}", answer.text());
        let mut found = addresses(&answer);
        if path.starts_with("/adit/assets/") && path.ends_with(".js") {
            found.extend(addresses_in_module(&path, &answer.text()));
        }
        let leads_to = found.iter().filter_map(|address| place(&path, address));
        next.extend(leads_to.map(|address| (address, path.clone())));
        known.insert(path, answer);
        assert!(known.len() < 2_000, "there is no end of pages");
    }
    known
}

#[test]
fn every_address_that_a_node_writes_is_below_its_path_and_leads_somewhere() {
    let (node, other) = (below(&[]), Node::start());
    pay_and_mine(&node, 3);
    pay_and_mine(&other, 5);
    let others = json!({ "nodes": [format!("http://{}", other.address()), "http://127.0.0.1:9"] });
    node.post("/adit/nodes/register", others.to_string())
        .expect_status(201);
    node.get("/adit/nodes/resolve").expect_status(200);
    node.get("/adit/mine").expect_status(200);
    for number in 0..110 {
        let body =
            json!({ "sender": "a \"b\" href=\"/x", "recipient": number.to_string(), "amount": 1 });
        node.post("/transactions/new", body.to_string())
            .expect_status(201);
    }
    let found = crawl(
        &node,
        &[
            "/adit",
            "/adit/search?q=1",
            "/adit/search?q=nothing",
            "/adit/api/v1/blocks?limit=1",
            "/adit/api/v1/address/alice/txs?limit=1",
        ],
    );
    for part in [
        "/adit/",
        "/adit/assets/style.css",
        "/adit/assets/mine-worker.js",
        "/adit/assets/verify-block.js",
        "/adit/block/",
        "/adit/tx/",
        "/adit/address/a%20%22b%22%20href%3D%22%2Fx",
        "/adit/reorg/",
        "/adit/pending?cursor=",
        "/adit/docs/swagger-ui.css",
        "/adit/openapi.json",
        "/adit/metrics",
        "/adit/mine-block",
        "/adit/send",
        "/adit/peers/ask",
        "/adit/peers/127.0.0.1:9/audit",
        "/adit/api/v1/blocks?cursor=",
        "/adit/api/v1/address/alice/txs?cursor=",
    ] {
        assert!(found.keys().any(|path| path.starts_with(part)), "no {part}");
    }
    node.assert_unharmed();
}

#[test]
fn a_sealed_chain_is_below_it_too() {
    let mut dev = adit(["dev", "-p", "0", "--log", "info", "--base-path", "/a/dit/"]);
    let dev = Server::start(&mut dev);
    dev.mine();
    let home = dev.get("/a/dit/").text();
    assert!(home.contains("action=\"/a/dit/send\"") && home.contains("href=\"/a/dit/blocks\""));
    assert!(dev.process.stdout().contains("/a/dit/api/v1/dev/reset"));
    let verify = dev.get("/a/dit/verify").text();
    let line = format!("curl -s http://{}/a/dit/chain", dev.address);
    assert!(verify.contains(&line), "{verify}");
    dev.get("/a/dit/api/v1/status").expect_status(200);
    dev.post("/a/dit/api/v1/dev/reset", "").expect_status(200);
}

/// What is answered but for what is new with each start.
fn lasting(answer: Answer) -> (u16, Vec<(String, String)>, String) {
    let passing = ["date", "x-request-id", "adit-instance"];
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !passing.contains(&name.as_str()));
    (answer.status, headers, answer.text())
}

#[test]
fn but_for_the_path_it_answers_the_same_with_it_and_without() {
    let folder = tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let start = |options: &[&str]| {
        let always = ["--data-dir", data, "--resolve-every", "0"];
        Server::adit([&always[..], options].concat())
    };
    let plain = start(&[]);
    for number in 0..3 {
        plain.pay("alice", &format!("bob {number}"));
        plain.mine();
    }
    plain.pay("alice", "carol");
    let tip = plain.get("/api/v1/blocks/tip/hash").text();
    let block = format!("/block/{tip}");
    let paths = [
        "/",
        "/blocks",
        &block,
        "/address/alice",
        "/pending",
        "/forks",
        "/peers",
        "/verify",
        "/tamper",
        "/learn",
        "/glossary",
        "/search",
        "/search?q=nothing",
        "/search?q=1",
        "/operator",
        "/docs",
        "/docs/",
        "/docs/swagger-initializer.js",
        "/chain",
        "/verify.py",
        "/assets/style.css",
        "/assets/page.js",
        "/api/v1/blocks?limit=1",
        "/api/v1/search?q=1",
        "/api/v1/nothing",
        "/problems/busy",
    ];
    // A page names the node as the one who asks has written it.
    let named = |node: &Server, text: String| {
        let (_, port) = node.address.rsplit_once(':').unwrap();
        let text = text.replace(&node.address, "HOST");
        let text = text.replace(&format!("localhost:{port}"), "HOST");
        text.replace(&format!("-p {port}"), "-p PORT")
    };
    let expected = paths.map(|path| {
        let (status, headers, text) = lasting(plain.get(path));
        (status, headers, named(&plain, text))
    });
    plain.process.signal(Signal::TERM);
    plain.process.ended().expect_code(0);

    let node = start(&["--base-path", BASE]);
    for (path, (status, headers, text)) in paths.into_iter().zip(expected) {
        let with_path = lasting(node.get(&format!("{BASE}{path}")));
        assert_eq!(with_path, lasting(node.get(path)), "{path}");
        assert_eq!(with_path.0, status, "{path}");
        let found = named(&node, with_path.2.replace(BASE, ""));
        assert_eq!(found, text, "{path}");
        let lines = |headers: &[(String, String)]| -> Vec<String> {
            let lines = headers.iter().filter(|(name, _)| name != "content-length");
            let line = |(name, value): &(String, String)| format!("{name}: {value}");
            lines.map(line).collect()
        };
        let without: Vec<_> = lines(&with_path.1)
            .iter()
            .map(|line| removed(line))
            .collect();
        assert_eq!(without, lines(&headers), "{path}");
    }
    // What is sent and what HEAD says of it are equally long.
    let home = node.get("/adit/");
    let head = ask_head(&node.address, "/adit/");
    let length = head.header("content-length").unwrap();
    assert_eq!(length, home.body.len().to_string());
    assert!(home.body.len() < 100_000);
}

/// A header's line as it is where the node has the host for itself.
fn removed(line: &str) -> String {
    match line.strip_suffix("Path=/adit; HttpOnly; SameSite=Strict") {
        Some(cookie) => format!("{cookie}Path=/; HttpOnly; SameSite=Strict"),
        None => line.replace(BASE, ""),
    }
}

fn ask_head(address: &str, path: &str) -> Answer {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = request_text(address, "HEAD", path, &[], b"");
    stream.write_all(&request).unwrap();
    crate::raw::read_head(&mut BufReader::new(stream)).unwrap()
}

#[test]
fn forms_lead_on_and_cookies_come_back_below_it_alone() {
    let node = below(&["--api-token", TOKEN, "--allowed-host", "node.example"]);
    let own = "Sec-Fetch-Site: same-origin";
    let sent = node.request(
        "POST",
        "/adit/send",
        &[FORM, own],
        b"sender=a&recipient=b&amount=1",
    );
    let place = sent
        .expect_status(303)
        .header("location")
        .unwrap()
        .to_owned();
    assert!(place.starts_with("/adit/tx/"), "{place}");
    node.get(&place).expect_status(200);
    let found = node.get("/adit/search?q=a").expect_status(303);
    assert_eq!(found.header("location"), Some("/adit/address/a"));

    let shown = format!("token={TOKEN}");
    let shown = node.request("POST", "/adit/operator", &[FORM, own], shown.as_bytes());
    assert_eq!(shown.header("location"), Some("/adit/operator"));
    let cookie = shown.header("set-cookie").unwrap();
    assert!(cookie.starts_with("adit-operator="), "{cookie}");
    assert!(cookie.contains("; Path=/adit; HttpOnly"), "{cookie}");
    let kept = format!("Cookie: {}", cookie.split(';').next().unwrap());
    // From elsewhere, the operator is known by the cookie alone.
    let elsewhere = "X-Forwarded-For: 192.0.2.1";
    for (cookies, status) in [(&[][..], 401), (&[kept.as_str()], 303)] {
        let headers = [&[elsewhere, own], cookies].concat();
        let added = node.request("POST", "/adit/peers", &headers, b"node=127.0.0.1:9");
        assert_eq!(added.status, status, "{}", added.text());
    }
}

#[test]
fn pages_of_other_sites_change_nothing_below_it_either() {
    let node = below(&[]);
    for foreign in [
        "Origin: http://evil.example",
        "Sec-Fetch-Site: cross-site",
        "Referer: http://evil.example/adit/",
    ] {
        for (method, path) in [
            ("GET", "/adit/mine"),
            ("POST", "/adit/mine-block"),
            ("POST", "/adit/transactions/new"),
            ("POST", "/adit/peers"),
        ] {
            let answer = node.request(method, path, &[foreign], b"");
            assert_eq!(answer.status, 403, "{foreign}, {path}");
        }
    }
    // A browser that does not say from which page it comes is asked, below the path.
    let asked = node.request("GET", "/adit/mine", &FIREFOX, b"");
    assert_eq!(asked.status, 403);
    assert!(asked.text().contains("action=\"/adit/mine\""));
    assert!(asked.text().contains("<h1><code>/adit/mine</code></h1>"));
    let cookie = asked.header("set-cookie").unwrap();
    assert!(cookie.contains("Path=/adit;"), "{cookie}");
    let back = [&FIREFOX[..], &["Cookie: adit-own-page=yes"]].concat();
    assert_eq!(node.request("GET", "/adit/mine", &back, b"").status, 200);
    assert_eq!(node.status()["length"], 2);
}

#[test]
fn what_programs_are_told_is_below_it() {
    let node = below(&[]);
    pay_and_mine(&node, 2);
    let description = node.get("/adit/openapi.json").json();
    assert_eq!(description["servers"][0]["url"], BASE);
    let problem = node.get("/adit/api/v1/nothing").json();
    assert_eq!(problem["type"], "/adit/problems/not-found");
    node.get(problem["type"].as_str().unwrap())
        .expect_status(200);
    let found = node.get("/adit/api/v1/search?q=2").json();
    let path = found["results"][0]["path"].as_str().unwrap().to_owned();
    assert!(path.starts_with("/adit/block/"), "{path}");
    node.get(&path).expect_status(200);
    let list = node.get("/adit/api/v1/blocks?limit=1");
    let next = list.header("link").unwrap();
    assert!(next.starts_with("</adit/api/v1/blocks?cursor="), "{next}");
    let form = node.request("POST", "/adit/transactions/new", &[FORM], b"sender=a");
    let line = format!("http://{}/adit/transactions/new", node.address());
    assert!(form.text().contains(&line), "{}", form.text());
    let nothing = node.get("/adit/nothing").text();
    assert!(
        nothing.contains("there is nothing at /adit/nothing"),
        "{nothing}"
    );
    assert!(nothing.contains("GET    /adit/chain\n"), "{nothing}");
    assert!(
        node.get("/aditional")
            .text()
            .contains("nothing at /adit/aditional")
    );
}

#[test]
fn events_come_below_it() {
    let node = below(&[]);
    let mut stream = node.connect();
    let accept = ["Accept: text/event-stream"];
    let request = request_text(node.address(), "GET", "/adit/api/v1/events", &accept, b"");
    stream.write_all(&request).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.is_empty()), "no head");
    pay_and_mine(&node, 1);
    assert!(lines.any(|line| line.starts_with("event: block")));
}

#[test]
fn commands_and_peers_find_it_with_the_path_and_without() {
    let (node, other) = (below(&[]), Node::start());
    pay_and_mine(&node, 2);
    let url = format!("http://{}/adit/", node.address());
    let ask = |arguments: &[&str]| -> Value {
        let mut command = adit(arguments);
        run(command.args(["--json", "--node", &url]))
            .expect_code(0)
            .json()
    };
    assert_eq!(ask(&["status"])["length"], 3);
    assert_eq!(ask(&["mine"])["index"], 4);
    let plain = run(adit(["status", "--json", "-p"]).arg(node.port().to_string()));
    assert_eq!(plain.expect_code(0).json()["length"], 4);

    // As in the tutorial, a path behind the host is left out.
    let nodes = json!({ "nodes": [url] });
    let known = other.post("/nodes/register", nodes.to_string());
    let known = known.expect_status(201).json();
    assert_eq!(known["total_nodes"], json!([node.address()]));
    let resolved = other.get("/nodes/resolve").json();
    assert_eq!(resolved["message"], "Our chain was replaced");
}

#[test]
fn what_is_no_base_path_is_refused_at_the_start() {
    for (wrong, says) in [
        ("adit", "expected a path that begins with a slash"),
        ("https://node.example/adit", "such as /adit; found"),
        ("/a b", "letters, digits and -._~"),
        ("/chain", "/chain is a path of the node's own"),
    ] {
        let refused = run(&mut adit([
            "node",
            "--in-memory",
            "-p",
            "0",
            "--base-path",
            wrong,
        ]));
        refused.expect_code(2).expect_error([says, "--base-path"]);
        let mut dev = adit(["dev", "-p", "0"]);
        run(dev.env("ADIT_BASE_PATH", wrong))
            .expect_code(2)
            .expect_error([says]);
    }
    let none = Server::adit(["--in-memory", "--base-path", "/"]);
    assert!(none.get("/").text().contains("href=\"/blocks\""));
}

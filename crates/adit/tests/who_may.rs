//! Who may do what once a node listens to other machines: everybody reads, uses
//! the tutorial's endpoints, and hands in what the rules judge; the rest is the
//! operator's, who shows a token or sits at the node's own machine. And what
//! everybody else learns of the hosts that a node asks.
//!
//! These tests need an address that is not loopback. They run themselves again
//! in a network of their own, where there is one.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::raw::Answer;
use crate::support::{Ended, Server, adit, ask, run, until};

const TOKEN: &str = "correct-horse-battery-staple";

/// An address for documentation (RFC 5737), which the network gets.
const ADDRESS: &str = "198.51.100.1";

/// Tells a test that it runs in a network of its own.
const VARIABLE: &str = "WHO_MAY_ADDRESS";

/// The pages' forms that are the operator's.
const OPERATORS_FORMS: [&str; 4] = [
    "POST /check",
    "POST /peers",
    "POST /peers/127.0.0.1:9/remove",
    "GET /peers/127.0.0.1:9/audit",
];

/// Runs a test where the machine has an address that is not loopback.
fn from_elsewhere(name: &str, test: impl FnOnce(&str)) {
    if let Ok(address) = std::env::var(VARIABLE) {
        return test(&address);
    }
    let in_network = |then: &str| {
        let mut command = Command::new("unshare");
        let network = format!("ip link set lo up && ip addr add {ADDRESS}/32 dev lo && {then}");
        command.args(["--map-root-user", "--net", "sh", "-c", &network]);
        command
    };
    if in_network("true")
        .output()
        .is_ok_and(|tried| tried.status.success())
    {
        let mut command = in_network("exec \"$0\" \"$@\"");
        command
            .arg(std::env::current_exe().unwrap())
            .env(VARIABLE, ADDRESS);
        command.args(["--exact", &format!("who_may::{name}"), "--nocapture"]);
        run(&mut command).expect_code(0);
        return;
    }
    if let Some(address) = address_of_machine() {
        return test(&address);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "there is no address but loopback"
    );
    eprintln!("{name} was skipped: there is no address but loopback, and no network of its own");
}

/// The address under which the machine would speak to others, if it has one.
fn address_of_machine() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent by this.
    socket.connect("203.0.113.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback()).then(|| ip.to_string())
}

/// A node that listens to other machines, seen from here and from elsewhere.
struct OpenNode {
    _server: Server,
    here: String,
    elsewhere: String,
}

impl OpenNode {
    fn start(address: &str, command: &str, options: &[&str]) -> OpenNode {
        let mut starting = adit([command, "-p", "0", "--host", "0.0.0.0"]);
        let server = Server::start(starting.args(options));
        let (_, port) = server.address.rsplit_once(':').unwrap();
        OpenNode {
            here: format!("127.0.0.1:{port}"),
            elsewhere: format!("{address}:{port}"),
            _server: server,
        }
    }

    fn elsewhere(&self, request: &str, headers: &[&str], body: &str) -> Answer {
        with_headers(&self.elsewhere, request, headers, body)
    }

    fn here(&self, request: &str, headers: &[&str], body: &str) -> Answer {
        with_headers(&self.here, request, headers, body)
    }
}

fn with_headers(address: &str, request: &str, headers: &[&str], body: &str) -> Answer {
    let lines: String = headers.iter().map(|line| format!("\r\n{line}")).collect();
    // `ask` writes the version behind the request.
    let first = format!("{request} HTTP/1.1{lines}\r\nX-Rest: ");
    ask(address, &first, body).unwrap()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, rule: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["rule"], rule);
    let asks_for_token = answer.header("www-authenticate") == Some("Bearer");
    assert_eq!(asks_for_token, status == 401);
}

/// Every operation that the API describes, with its tier, and with names for its
/// variable parts.
fn operations(node: &OpenNode) -> Vec<(String, String)> {
    let description = node.here("GET /openapi.json", &[], "").json();
    let mut found = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let tier = operation["x-tier"].as_str().unwrap_or("none");
            let is_described = operation["responses"].get("401").is_some();
            assert_eq!(is_described, tier == "operator", "{method} {path}");
            assert_eq!(
                operation.get("security").is_some(),
                tier == "operator",
                "{path}"
            );
            let mut path = path.replace("/peers/{id}", "/peers/127.0.0.1:9");
            for name in ["{id}", "{hash}", "{index}", "{address}", "{name}"] {
                path = path.replace(name, "1");
            }
            found.push((format!("{} {path}", method.to_uppercase()), tier.to_owned()));
        }
    }
    assert_eq!(
        description["components"]["securitySchemes"]["operator"]["scheme"],
        "bearer"
    );
    found
}

#[test]
fn what_is_the_operators_needs_the_token_or_the_nodes_own_machine() {
    let name = "what_is_the_operators_needs_the_token_or_the_nodes_own_machine";
    from_elsewhere(name, |address| {
        let node = OpenNode::start(address, "dev", &["--log", "info", "--api-token", TOKEN]);
        let operations = operations(&node);
        let of_operator = operations.iter().filter(|(_, tier)| tier == "operator");
        assert_eq!(of_operator.count(), 13);
        let right = bearer(TOKEN);
        for (operation, tier) in &operations {
            if operation.starts_with("GET /api/v1/events") {
                continue;
            }
            let is_operators = tier == "operator";
            assert!(
                ["open", "judged", "operator"].contains(&&**tier),
                "{operation}: {tier}"
            );
            let answer = node.elsewhere(operation, &[], "");
            match is_operators {
                true => assert_refused(&answer, 401, "token-missing"),
                false => assert!(![401, 403].contains(&answer.status), "{operation}"),
            }
            if !is_operators {
                continue;
            }
            for wrong in [
                &bearer("correct-horse-battery-stapla"),
                "Authorization: Basic eDp5",
            ] {
                assert_refused(&node.elsewhere(operation, &[wrong], ""), 401, "token-wrong");
            }
            for proxy in [
                "Forwarded: for=203.0.113.9",
                "X-Forwarded-For: 203.0.113.9",
                "X-Forwarded-Proto: https",
                "X-Real-IP: 203.0.113.9",
                "CF-Connecting-IP: 203.0.113.9",
                "True-Client-IP: 203.0.113.9",
                "X-Original-Forwarded-For: 203.0.113.9",
                "CDN-Loop: example",
                "Via: 1.1 proxy",
            ] {
                assert_refused(&node.here(operation, &[proxy], ""), 401, "token-missing");
            }
            for answer in [
                node.elsewhere(operation, &[&right], ""),
                node.here(operation, &[&right, "Via: 1.1 proxy"], ""),
                node.here(operation, &[], ""),
            ] {
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{operation}: {}",
                    answer.text()
                );
            }
        }
        for form in OPERATORS_FORMS {
            let answer = node.elsewhere(form, &[], "node=127.0.0.1:9");
            assert_eq!(answer.status, 401, "{form}");
            assert!(
                answer
                    .header("content-type")
                    .unwrap()
                    .starts_with("text/html")
            );
            let answer = node.here(form, &[], "node=127.0.0.1:9");
            assert!(![401, 403].contains(&answer.status), "{form}");
        }
        // Another name than the node's may be another site's.
        let foreign = with_host(&node.here, "evil.example", "POST /api/v1/mine");
        assert_refused(&foreign, 401, "token-missing");
    });
}

/// The answer to a request that is sent there under another name.
fn with_host(address: &str, host: &str, request: &str) -> Answer {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: 0\r\n\r\n").unwrap();
    crate::raw::read_answer(&mut std::io::BufReader::new(stream)).unwrap()
}

#[test]
fn without_a_token_only_the_nodes_own_machine_is_the_operators() {
    let name = "without_a_token_only_the_nodes_own_machine_is_the_operators";
    from_elsewhere(name, |address| {
        let node = OpenNode::start(address, "node", &["--in-memory"]);
        for headers in [&[][..], &[&*bearer(TOKEN)]] {
            let answer = node.elsewhere("POST /api/v1/mine", headers, "");
            assert_refused(&answer, 403, "no-token");
        }
        node.here("POST /api/v1/mine", &[], "").expect_status(200);
        // The tutorial's endpoints are everybody's, under any name.
        let payment = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;
        node.elsewhere("POST /transactions/new", &[], payment)
            .expect_status(201);
        node.elsewhere("POST /api/v1/tx", &[], payment)
            .expect_status(201);
        node.elsewhere("GET /mine", &[], "").expect_status(200);
        let nodes = r#"{"nodes": ["http://127.0.0.1:9"]}"#;
        node.elsewhere("POST /nodes/register", &[], nodes)
            .expect_status(201);
        node.elsewhere("GET /nodes/resolve", &[], "")
            .expect_status(200);
        // The page's button does what GET /mine does, and so is everybody's too.
        node.elsewhere("POST /mine-block", &[], "")
            .expect_status(303);
        for request in ["GET /chain", "GET /mine", "GET /nodes/resolve"] {
            with_host(&node.elsewhere, "node.example.com:5000", request).expect_status(200);
        }
        let chain = node.elsewhere("GET /chain", &[], "").json();
        assert_eq!(chain["length"], 5);
    });
}

#[test]
fn a_browser_is_told_the_token_once_and_shows_a_cookie_from_our_own_pages() {
    let name = "a_browser_is_told_the_token_once_and_shows_a_cookie_from_our_own_pages";
    from_elsewhere(name, |address| {
        let node = OpenNode::start(address, "node", &["--in-memory", "--api-token", TOKEN]);
        let origin = format!("Origin: http://{}", node.elsewhere);
        let wrong = node.elsewhere("POST /operator", &[&origin], "token=wrong");
        assert_eq!(
            wrong.expect_status(401).header("set-cookie"),
            Some(OWN_PAGE)
        );
        let right = node.elsewhere("POST /operator", &[&origin], &format!("token={TOKEN}"));
        let given = right
            .expect_status(303)
            .header("set-cookie")
            .unwrap()
            .to_owned();
        assert!(
            given.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
            "{given}"
        );
        assert!(!given.contains(TOKEN), "{given}");
        let cookie = format!("Cookie: a=b; {}", given.split(';').next().unwrap());
        let agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0";
        let add = |headers: &[&str]| {
            let added = node.elsewhere("POST /peers", headers, "node=127.0.0.1:9");
            added.status
        };
        assert_eq!(add(&[&cookie, agent, &origin]), 303);
        assert_eq!(add(&[&cookie, agent, "Origin: http://evil.example"]), 403);
        assert_eq!(add(&[&cookie, agent, "Origin: null"]), 403);
        assert_eq!(add(&[&cookie, agent]), 403);
        assert_eq!(add(&[agent, &origin]), 401);
        assert_eq!(
            add(&[&format!("Cookie: adit-operator={TOKEN}"), agent, &origin]),
            401
        );
        let status = node.here("GET /api/v1/status", &[], "").json();
        assert_eq!(status["nodes"], json!(["127.0.0.1:9"]));
    });
}

const OWN_PAGE: &str = "adit-own-page=yes; Path=/; HttpOnly; SameSite=Strict";

#[test]
fn the_commands_show_the_token() {
    from_elsewhere("the_commands_show_the_token", |address| {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let file = file.to_str().unwrap();
        let node = OpenNode::start(address, "node", &["--in-memory", "--api-token-file", file]);
        let at = ["--node", &node.elsewhere];
        let mine = |more: &[&str]| run(adit(["mine"]).args(at).args(more));
        mine(&[])
            .expect_code(1)
            .expect_error(["--api-token", "rule token-missing"]);
        let wrong = ["--api-token", "another-token-of-mine"];
        mine(&wrong)
            .expect_code(1)
            .expect_error(["rule token-wrong"]);
        mine(&["--api-token", TOKEN]).expect_code(0);
        mine(&["--api-token-file", file]).expect_code(0);
        let peers = |arguments: &[&str]| {
            let mut command = adit(["peers"]);
            run(command
                .args(at)
                .args(arguments)
                .env("ADIT_API_TOKEN", TOKEN))
        };
        peers(&["add", "127.0.0.1:9"]).expect_code(0);
        peers(&["remove", "127.0.0.1:9"]).expect_code(0);
        let without = run(adit(["peers"]).args(at).args(["add", "127.0.0.1:9"]));
        without.expect_code(1).expect_error(["rule token-missing"]);
    });
}

#[test]
fn a_token_that_could_be_guessed_is_refused_at_the_start_and_not_repeated() {
    let start = |variables: &[(&str, &str)]| -> Ended {
        let mut command = adit(["node", "-p", "0", "--in-memory"]);
        run(command.envs(variables.iter().copied()))
    };
    let ended = start(&[("ADIT_API_TOKEN", "tooshort")]).expect_code(1);
    let ended = ended.expect_error(["--api-token", "8 bytes long", "at least 16"]);
    assert!(!ended.stderr.contains("tooshort"), "{}", ended.stderr);
    let both = [("ADIT_API_TOKEN", TOKEN), ("ADIT_API_TOKEN_FILE", "/none")];
    start(&both)
        .expect_code(1)
        .expect_error(["give one of them"]);
    let nowhere = start(&[("ADIT_API_TOKEN_FILE", "/none")]).expect_code(1);
    nowhere.expect_error(["--api-token-file /none", "No such file"]);
    let help = run(adit(["node", "--help"]).env("ADIT_API_TOKEN", TOKEN)).expect_code(0);
    assert!(!help.stdout.contains(TOKEN), "{}", help.stdout);
}

/// A host that says this to everybody.
fn host_that_says(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(text.as_bytes());
        }
    });
    address
}

#[test]
fn nobody_learns_from_a_node_which_hosts_are_behind_it() {
    let name = "nobody_learns_from_a_node_which_hosts_are_behind_it";
    from_elsewhere(name, |address| {
        let options = ["--in-memory", "--resolve-every", "0"];
        let node = OpenNode::start(address, "node", &options);
        let hosts = [
            "127.0.0.1:9".to_owned(),
            host_that_says("SSH-2.0-s3cret\r\n"),
            host_that_says("HTTP/1.1 404 Not s3cret\r\nServer: Werkzeug/s3cret\r\n\r\ns3cret"),
            host_that_says(
                "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"chain\": [\"s3cret\"]} ",
            ),
        ];
        let nodes = json!({ "nodes": hosts }).to_string();
        node.elsewhere("POST /nodes/register", &[], &nodes)
            .expect_status(201);
        let resolved = node
            .elsewhere("GET /nodes/resolve", &[], "")
            .expect_status(200);
        let reports = resolved.json()["peers"].as_array().unwrap().clone();
        assert_eq!(reports.len(), hosts.len());
        for report in &reports {
            let node = &report["node"];
            assert_eq!(report, &json!({ "node": node, "outcome": "not answered" }));
        }
        // They stand as they should, for the operator.
        let details = |answer: Answer| answer.expect_status(200).json()["peers"].clone();
        let seen = until("the peers were asked", || {
            let peers = details(node.here("GET /api/v1/peers", &[], ""));
            let all = peers.as_array().unwrap();
            let asked = all.iter().all(|peer| peer["agreement"] != "not-asked");
            asked.then(|| peers.clone())
        });
        let operators = seen.to_string();
        assert!(
            operators.contains("Connection refused") && operators.contains("404"),
            "{seen}"
        );
        assert!(
            operators.contains("\"refused\"") && operators.contains("\"python\""),
            "{seen}"
        );
        // To all others they are all alike.
        for peer in details(node.elsewhere("GET /api/v1/peers", &[], ""))
            .as_array_mut()
            .unwrap()
        {
            for own in ["id", "asked_ms"] {
                peer.as_object_mut().unwrap().remove(own);
            }
            let alike = json!({ "kind": "unknown", "agreement": "unreachable", "length": null,
                "tip": null, "lag": null, "answered_ms": null, "problem": null });
            assert_eq!(*peer, alike);
        }
        // A page of another site in the operator's own browser may read the API.
        let foreign = ["Origin: http://evil.example"];
        let told = details(node.here("GET /api/v1/peers", &foreign, ""));
        assert!(
            told.as_array()
                .unwrap()
                .iter()
                .all(|peer| peer["problem"] == Value::Null)
        );
        for path in ["/peers", "/api/v1/peers", "/metrics", "/nodes/resolve"] {
            let text = node.elsewhere(&format!("GET {path}"), &[], "").text();
            // With the space: a port may have these digits.
            for hidden in ["s3cret", "os error", " 404", "Python, or"] {
                assert!(!text.contains(hidden), "{path}: {hidden} in {text}");
            }
        }
        let count = |metrics: Answer| {
            let text = metrics.text();
            let line = text
                .lines()
                .find(|line| line.contains("agreement=\"unreachable\""));
            line.and_then(|line| line.rsplit(' ').next())
                .map(str::to_owned)
        };
        assert_eq!(
            count(node.elsewhere("GET /metrics", &[], "")).as_deref(),
            Some("4")
        );
        assert_eq!(
            count(node.here("GET /metrics", &[], "")).as_deref(),
            Some("3")
        );
    });
}

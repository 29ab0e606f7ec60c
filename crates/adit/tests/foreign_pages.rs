//! What a web page of another site can make a browser do to a node on the
//! same machine: read what everybody may read, and change nothing.

use crate::raw::Node;

const TRANSACTION: &[u8] = br#"{"sender": "a", "recipient": "b", "amount": 5}"#;

const CHANGING: [(&str, &str); 4] = [
    ("GET", "/mine"),
    ("POST", "/transactions/new"),
    ("POST", "/nodes/register"),
    ("GET", "/nodes/resolve"),
];

#[test]
fn a_page_of_another_site_changes_nothing() {
    let node = Node::start();
    let other_port = format!("Origin: http://localhost:{}", node.port() - 1);
    for foreign in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: ",
        "Origin: http://localhost",
        &other_port,
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: \u{ff}",
    ] {
        for (method, path) in CHANGING {
            let answer = node.request(method, path, &[foreign], TRANSACTION);
            assert_eq!(answer.status, 403, "{foreign}, {method} {path}");
            assert!(answer.text().contains(" cannot change anything here"));
        }
        for path in ["/chain", "/api/v1/status"] {
            assert_eq!(
                node.request("GET", path, &[foreign], b"").status,
                200,
                "{foreign}"
            );
        }
    }
    assert_eq!(node.status()["length"], 1);
    assert_eq!(node.status()["pending"], 0);
    node.assert_unharmed();
}

#[test]
fn a_page_of_the_node_itself_changes_what_it_likes() {
    let node = Node::start();
    let own = format!("Origin: http://{}", node.address());
    for headers in [
        &[&*own, "Sec-Fetch-Site: same-origin"][..],
        &["Sec-Fetch-Site: none"],
        &[],
    ] {
        let answer = node.request("POST", "/transactions/new", headers, TRANSACTION);
        assert_eq!(answer.status, 201, "{headers:?}");
        assert_eq!(node.request("GET", "/mine", headers, b"").status, 200);
    }
    assert_eq!(node.checked_chain().len(), 4);
    node.assert_unharmed();
}

const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0";

const OWN_PAGE: &str = "Cookie: adit-own-page=yes";

/// Over plain HTTP to an address that is not this machine's, browsers do not say
/// from which page a request comes.
#[test]
fn a_browser_that_does_not_say_from_where_it_comes_is_asked_again() {
    let node = Node::start();
    for path in ["/mine", "/nodes/resolve"] {
        for accept in ["Accept: text/html,*/*;q=0.8", "Accept: image/avif,*/*"] {
            let foreign = "Referer: http://evil.example/";
            for headers in [
                &[BROWSER, accept][..],
                &[BROWSER, accept, foreign, OWN_PAGE],
            ] {
                let answer = node.request("GET", path, headers, b"");
                assert_eq!(answer.status, 403, "{path}: {headers:?}");
            }
        }
        let answer = node.request("GET", path, &[BROWSER, "Accept: text/html"], b"");
        let button = format!("<form method=\"get\" action=\"{path}\"><button");
        assert!(answer.text().contains(&button), "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap();
        assert_eq!(
            cookie,
            "adit-own-page=yes; Path=/; HttpOnly; SameSite=Strict"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(node.status()["length"], 1);
    let own = format!("Referer: http://{}/", node.address());
    for headers in [&[BROWSER, OWN_PAGE][..], &[BROWSER, OWN_PAGE, &own]] {
        let answer = node.request("GET", "/mine", headers, b"");
        assert_eq!(answer.status, 200, "{headers:?}");
    }
    assert_eq!(node.checked_chain().len(), 3);
    node.assert_unharmed();
}

#[test]
fn programs_are_answered_as_ever() {
    let node = Node::start();
    for headers in [
        &[][..],
        &["User-Agent: curl/8.14.1", "Accept: */*"],
        &[
            "User-Agent: python-requests/2.32.3",
            "Accept-Encoding: gzip, deflate",
            "Accept: */*",
        ],
        &[
            "User-Agent: HTTPie/3.2.4",
            "Accept: application/json, */*;q=0.5",
        ],
        &[
            "User-Agent: PostmanRuntime/7.43.0",
            "Postman-Token: x",
            "Cookie: a=b",
        ],
        &[
            "User-Agent: node",
            "Accept-Language: *",
            "Sec-Fetch-Mode: cors",
        ],
        &["User-Agent: Mozilla/5.0 (Windows NT 10.0; en-GB) WindowsPowerShell/5.1.26100.1"],
    ] {
        let answer = node.request("GET", "/mine", headers, b"");
        assert_eq!(answer.status, 200, "{headers:?}");
        let text = answer.text();
        assert!(text.starts_with("{\"index\": "), "{headers:?}: {text}");
        assert!(answer.header("set-cookie").is_none());
    }
    node.assert_unharmed();
}

#[test]
fn a_name_that_others_control_is_not_the_nodes() {
    let node = Node::start();
    for foreign in [
        "evil.example",
        "evil.example:5000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil..local",
        "",
        ":5000",
        "[evil.example]",
        "::1",
        "\u{ff}",
    ] {
        let host = format!("Host: {foreign}");
        for path in ["/chain", "/api/v1/status", "/mine", "/nothing"] {
            let answer = node.request("GET", path, &[&host], b"");
            assert_eq!(answer.status, 403, "{host}, {path}");
            let text = "the node does not answer to the name ";
            assert!(answer.text().contains(text), "{host}, {path}");
        }
    }
    assert_eq!(node.status()["length"], 1);
    node.assert_unharmed();
}

/// nginx asks for the name of its `proxy_pass` unless it is told to pass Host on.
#[test]
fn where_a_proxy_changes_the_host_it_is_said_what_to_do() {
    let node = Node::start();
    let names = |text: &str| text.contains("proxy") && text.contains("Host");
    for headers in [
        &[
            "Origin: http://chain.example",
            "Sec-Fetch-Site: same-origin",
        ][..],
        &["Origin: http://chain.example"],
        &[BROWSER, "Referer: http://chain.example/"],
    ] {
        let answer = node.request("POST", "/send", headers, b"sender=a");
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(names(&answer.text()), "{}", answer.text());
    }
    let answer = node.request("GET", "/", &["Host: chain.example"], b"");
    assert_eq!(answer.status, 403);
    assert!(names(&answer.text()), "{}", answer.text());
    assert!(answer.text().contains("--allowed-host chain.example"));
}

#[test]
fn a_node_answers_to_localhost_and_to_addresses() {
    let node = Node::start();
    for own in [
        "localhost",
        "LOCALHOST:5000",
        "127.0.0.1",
        "127.0.0.1:5000",
        "192.168.0.1:80",
        "node2:5000",
        "class.local",
        "node.prod.internal:5000",
        "[::1]",
        "[::1]:5000",
    ] {
        let host = format!("Host: {own}");
        assert_eq!(
            node.request("GET", "/mine", &[&host], b"").status,
            200,
            "{host}"
        );
    }
    let answer = node.send(b"GET /mine HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(node.checked_chain().len(), 12);
    node.assert_unharmed();
}

#[test]
fn no_page_is_shown_inside_one_of_another_site() {
    let node = Node::start();
    for path in ["/", "/nothing", "/search?q=x", "/docs/", "/docs/index.html"] {
        let answer = node.request("GET", path, &["Accept: text/html"], b"");
        let header = |name: &str| answer.header(name).unwrap_or_default().to_string();
        assert!(header("content-type").starts_with("text/html"), "{path}");
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(policy.contains("script-src 'self';"), "{path}: {policy}");
        // Swagger UI sets styles on its elements.
        let is_docs = path.starts_with("/docs");
        assert_eq!(policy.contains("unsafe"), is_docs, "{path}: {policy}");
    }
}

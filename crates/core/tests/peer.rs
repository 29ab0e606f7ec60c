//! Addresses of nodes, in one normal form, and the bodies that register them.

use adit_core::peer::{PeerAddress, REGISTRATION_LIMIT_BYTES, Scheme, read_registration};

#[test]
fn an_address_has_one_normal_form_however_it_is_written() {
    for (written, normal) in [
        ("http://192.168.0.1:5000", "192.168.0.1:5000"),
        ("192.168.0.1:5000", "192.168.0.1:5000"),
        ("http://192.168.0.1:5000/", "192.168.0.1:5000"),
        ("192.168.0.1:5000/", "192.168.0.1:5000"),
        (
            "http://192.168.0.1:5000/chain?full=1#end",
            "192.168.0.1:5000",
        ),
        ("http://localhost?x", "localhost:80"),
        ("http://localhost#x", "localhost:80"),
        ("HTTP://LocalHost:5000", "localhost:5000"),
        ("Node-1.Example:5000", "node-1.example:5000"),
        ("my_node:05000", "my_node:5000"),
        ("localhost", "localhost:80"),
        ("http://localhost", "localhost:80"),
        ("localhost:65535", "localhost:65535"),
        ("localhost:1", "localhost:1"),
        ("http://[::1]:5000", "[::1]:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("[::1]", "[::1]:80"),
        ("::1", "[::1]:80"),
        ("http://[::1]/chain", "[::1]:80"),
        ("[0:0:0:0:0:0:0:1]:5000", "[::1]:5000"),
        ("http://[2001:DB8::00A]:5000", "[2001:db8::a]:5000"),
        ("2001:db8::a", "[2001:db8::a]:80"),
        ("https://node.example", "https://node.example:443"),
        ("HTTPS://Node.Example:5000/x", "https://node.example:5000"),
        ("https://[::1]", "https://[::1]:443"),
        (" http://localhost:5000\t", "localhost:5000"),
        ("\nhost:5000 ", "host:5000"),
    ] {
        let address = written.parse::<PeerAddress>();
        let found = address.as_ref().map(ToString::to_string);
        assert_eq!(found.as_deref(), Ok(normal), "{written}");
        let again = normal.parse::<PeerAddress>();
        assert_eq!(again, address, "{normal} is not its own normal form");
    }
}

#[test]
fn what_is_no_address_is_refused_with_the_reason() {
    let name_too_long = "a".repeat(254);
    let host = "the host is neither a name nor an IP address";
    let range = "the port is not in 1..65535";
    let number = "the port is not a number";
    for (written, problem) in [
        ("", host),
        ("/", host),
        ("http://", host),
        ("http:///chain", host),
        (":5000", host),
        ("http//192.168.0.1:5000", host),
        ("user@host:5000", host),
        ("http://user@host:5000", host),
        ("ho st:5000", host),
        ("host :5000", host),
        ("hóst:5000", host),
        ("host\n:5000", host),
        ("host%41:5000", host),
        ("host/chain", host),
        ("a,b:5000", host),
        (name_too_long.as_str(), host),
        ("localhost:0", range),
        ("localhost:65536", range),
        ("localhost:99999999999999999999", range),
        ("localhost:", range),
        ("localhost:-1", number),
        ("localhost:+80", number),
        ("localhost:5000/chain", number),
        ("localhost:http", number),
        ("localhost:50 00", number),
        ("http://user:secret@host:5000", number),
        ("1::2::3", number),
        ("::1%eth0", number),
        (
            "ftp://localhost",
            "only http:// and https:// are spoken here",
        ),
        ("://localhost", "only http:// and https:// are spoken here"),
        ("[::1:5000", "a bracket is not closed"),
        (
            "[localhost]:5000",
            "what stands in brackets is no IPv6 address",
        ),
        ("[]:5000", "what stands in brackets is no IPv6 address"),
        ("[::1]5000", "only a port can follow the brackets"),
    ] {
        let error = written.parse::<PeerAddress>().expect_err(written);
        let shown: String = written.chars().take(80).collect();
        let expected = format!(
            "{shown:?} is not a node's address: {problem}; \
             write it as http://host:port, https://host:port or host:port"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_name_may_have_253_bytes() {
    let longest = "a".repeat(253);
    let address = longest.parse::<PeerAddress>().unwrap();
    assert_eq!(address.to_string(), format!("{longest}:80"));
}

#[test]
fn an_address_can_be_put_together_from_host_and_port() {
    let text =
        |host: &str| PeerAddress::new(Scheme::Http, host, 5000).map(|address| address.to_string());
    assert_eq!(text("Example.org").as_deref(), Some("example.org:5000"));
    assert_eq!(text("127.0.0.1").as_deref(), Some("127.0.0.1:5000"));
    assert_eq!(text("::1").as_deref(), Some("[::1]:5000"));
    for host in ["", "[::1]", "a:5000", "a/b", "a b"] {
        assert_eq!(text(host), None, "{host}");
    }
}

fn registered(body: &str) -> Result<Vec<String>, String> {
    match read_registration(body.as_bytes()) {
        Ok(peers) => Ok(peers.iter().map(ToString::to_string).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_registration_names_nodes_in_a_list() {
    let body = r#"{"more": 1, "nodes": ["http://b:5000", "a:5001", "\u0061:5001", "[::1]:80"]}"#;
    let expected = ["b:5000", "a:5001", "a:5001", "[::1]:80"];
    assert_eq!(registered(body).unwrap(), expected);
    assert_eq!(registered(r#"{"nodes": []}"#).unwrap(), [""; 0]);
}

#[test]
fn one_bad_address_spoils_the_registration_and_is_named() {
    let body = r#"{"nodes": ["http://a:5000", "ftp://b:5000", "c:5000"]}"#;
    let expected = "Error: Please supply a valid list of nodes \
        (\"ftp://b:5000\" is not a node's address: only http:// and https:// are spoken here; \
        write it as http://host:port, https://host:port or host:port)";
    assert_eq!(registered(body).unwrap_err(), expected);
}

#[test]
fn without_a_list_of_texts_the_tutorials_own_words_come_back() {
    let words = "Error: Please supply a valid list of nodes";
    for body in [
        "{}",
        "[]",
        "null",
        r#"{"nodes": null}"#,
        r#"{"nodes": "a:5000"}"#,
        r#"{"nodes": {"a": 5000}}"#,
        r#"["a:5000"]"#,
    ] {
        assert_eq!(registered(body).unwrap_err(), words, "{body}");
    }
    for (body, why) in [
        (r#"{"nodes": [5000]}"#, "expected addresses, found a number"),
        (
            r#"{"nodes": ["a:5000", null]}"#,
            "expected addresses, found null",
        ),
        (
            r#"{"nodes": [["a:5000"]]}"#,
            "expected addresses, found a list",
        ),
        ("", "the text ends where a value should begin"),
        ("nodes=a", "expected `null` at byte 1, found `o`"),
    ] {
        assert_eq!(registered(body).unwrap_err(), format!("{words} ({why})"));
    }
}

#[test]
fn a_registration_has_a_limit() {
    let body = |length: usize| {
        let around = r#"{"nodes": [], "more": ""}"#.len();
        let filler = "x".repeat(length - around);
        format!(r#"{{"nodes": [], "more": "{filler}"}}"#)
    };
    let (fits, beyond) = (REGISTRATION_LIMIT_BYTES, REGISTRATION_LIMIT_BYTES + 1);
    assert_eq!(registered(&body(fits)).unwrap(), [""; 0]);
    let expected = "Error: Please supply a valid list of nodes \
        (text is larger than the limit of 65536 bytes)";
    assert_eq!(registered(&body(beyond)).unwrap_err(), expected);
}

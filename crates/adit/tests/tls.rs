//! Nodes behind a proxy that speaks TLS and serves them below a path, as
//! `https://` addresses: of commands, and of peers. The proxy's certificate is
//! signed by an authority of these tests alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::{Server, adit, run, until};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

/// A command that trusts the tests' authority, and nobody else.
fn trusting(mut command: Command) -> Command {
    command.env("SSL_CERT_FILE", file("ca.pem"));
    command.env_remove("SSL_CERT_DIR");
    command
}

/// Passes what comes by TLS below `path` on to a node. Returns its URL.
fn proxy(node: &Server, path: &'static str) -> String {
    let certificate = CertificateDer::from_pem_file(file("node.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("node.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (config, node) = (Arc::new(config), node.address.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, node) = (Arc::clone(&config), node.clone());
            // A client that does not trust it hangs up.
            thread::spawn(move || pass_on(config, stream, &node, path));
        }
    });
    format!("https://127.0.0.1:{port}{path}")
}

/// One request and its answer.
fn pass_on(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    node: &str,
    path: &str,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(connection, stream));
    let (mut head, mut line, mut body_bytes) = (String::new(), String::new(), 0);
    while client.read_line(&mut line)? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(length) = lower.strip_prefix("content-length:") {
            body_bytes = length.trim().parse().unwrap();
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
        line.clear();
    }
    let mut body = vec![0; body_bytes];
    client.read_exact(&mut body)?;
    let below = format!(" {path}/");
    assert!(head.contains(&below), "{head}");
    let head = head.replacen(&below, " /", 1);
    let mut asked = TcpStream::connect(node)?;
    write!(asked, "{head}Connection: close\r\n\r\n")?;
    asked.write_all(&body)?;
    std::io::copy(&mut asked, client.get_mut())?;
    client.get_mut().conn.send_close_notify();
    client.get_mut().flush()
}

#[test]
fn commands_ask_a_node_by_https_below_a_path() {
    let node = Server::adit(["--in-memory"]);
    node.mine();
    let url = proxy(&node, "/nodes/adit");
    let ask = |arguments: &[&str]| {
        let arguments = arguments.iter().copied();
        run(&mut trusting(adit(arguments.chain(["--node", &url]))))
    };
    let status = ask(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["length"], 2);
    let block = ask(&["block", "2", "--json"]).expect_code(0).json();
    assert_eq!(block["index"], 2);
    ask(&["peers", "add", "127.0.0.1:1"]).expect_code(0);
    let shown = ask(&["status"]).expect_code(0).stdout;
    assert!(shown.contains(&url), "{shown}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_named() {
    let node = Server::adit(["--in-memory"]);
    let url = proxy(&node, "");
    let mut stranger = adit(["status", "--node", &url]);
    stranger.env("SSL_CERT_FILE", "/dev/null");
    stranger.env_remove("SSL_CERT_DIR");
    let refused = run(&mut stranger).expect_code(1);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&url), "{}", refused.stderr);
}

#[test]
fn a_peer_is_followed_by_https() {
    let long = Server::adit(["--in-memory"]);
    for _ in 0..3 {
        long.mine();
    }
    let url = proxy(&long, "");
    let node = Server::start(&mut trusting(adit(["node", "--in-memory", "--port", "0"])));
    let body = json!({ "nodes": [url] }).to_string();
    let registered = node.post("/nodes/register", &body).expect_status(201);
    assert_eq!(registered.json()["total_nodes"], json!([url]));
    until("the chain is adopted", || {
        node.get("/nodes/resolve").expect_status(200);
        (node.chain() == long.chain()).then_some(())
    });
    let peers: Value = node.get("/api/v1/peers").json();
    assert_eq!(peers["peers"][0]["id"], url);
    // It is removed by the same name.
    let removed = run(&mut adit([
        "peers",
        "remove",
        &url,
        "--node",
        &node.address,
    ]));
    removed.expect_code(0);
    assert_eq!(node.get("/api/v1/peers").json()["peers"], json!([]));
}

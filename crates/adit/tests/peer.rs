//! Peers that do what a test tells them to, and chains that cost nothing: the
//! tutorial's proofs form one public sequence, so that any length is forged
//! for free. That is its lesson, and here a tool.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use adit_core::hash::sha256;
use serde_json::{Value, json};

use crate::raw::Node;

/// A peer lets go of a node that takes nothing, or says nothing, for this long.
const PEER_PATIENCE: Duration = Duration::from_secs(60);

/// Listens until the tests end, and answers every connection in the same way.
pub(crate) struct Peer {
    /// `host:port`.
    pub(crate) address: String,
    visits: Arc<AtomicUsize>,
}

impl Peer {
    /// Reads a request, then hands its path and the connection to `answer`.
    pub(crate) fn start(answer: impl Fn(&str, TcpStream) + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let visits = Arc::<AtomicUsize>::default();
        let (answer, counted) = (Arc::new(answer), Arc::clone(&visits));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                let answer = Arc::clone(&answer);
                thread::spawn(move || {
                    if let Some(path) = read_request(&stream) {
                        answer(&path, stream);
                    }
                });
            }
        });
        Peer { address, visits }
    }

    /// Sends these bytes, whatever it is asked for, and closes the connection.
    pub(crate) fn sending(bytes: impl AsRef<[u8]>) -> Peer {
        let bytes = bytes.as_ref().to_vec();
        Peer::start(move |_, mut stream| {
            // The node may have heard enough before the end.
            let _ = stream.write_all(&bytes);
        })
    }

    /// Answers with this body as it should be answered.
    pub(crate) fn serving(body: impl AsRef<[u8]>) -> Peer {
        let body = body.as_ref();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Peer::sending([head.as_bytes(), body].concat())
    }

    /// A peer that is said to be there.
    pub(crate) fn at(address: &str) -> Peer {
        Peer {
            address: address.to_string(),
            visits: Arc::default(),
        }
    }

    /// How many connections there were.
    pub(crate) fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

/// Reads a request's head, and returns its path.
fn read_request(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(PEER_PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PEER_PATIENCE)).ok()?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let _end = lines.find(|line| line.as_ref().is_ok_and(String::is_empty))?;
    Some(first.split(' ').nth(1)?.to_string())
}

/// What `GET /nodes/resolve` said.
pub(crate) struct Resolved {
    pub(crate) message: String,
    /// What is said of each peer, by its address.
    pub(crate) peers: BTreeMap<String, Value>,
}

impl Resolved {
    /// Why this peer's chain was not read.
    #[track_caller]
    pub(crate) fn error(&self, peer: &Peer) -> &str {
        let report = &self.peers[&peer.address];
        assert_eq!(report["outcome"], "failed", "{report}");
        report["error"].as_str().unwrap()
    }
}

impl Node {
    pub(crate) fn register<'a>(&self, peers: impl IntoIterator<Item = &'a Peer>) {
        let nodes = peers.into_iter().map(|peer| &peer.address);
        let body = json!({ "nodes": nodes.collect::<Vec<_>>() }).to_string();
        assert_eq!(self.post("/nodes/register", body).status, 201);
    }

    /// Has the peers asked, and waits for nothing. The connection lasts as long as what
    /// is returned.
    pub(crate) fn ask_to_resolve(&self) -> TcpStream {
        let mut stream = self.connect();
        let request = format!(
            "GET /nodes/resolve HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.address()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    pub(crate) fn resolve(&self) -> Resolved {
        let answer = self.get("/nodes/resolve");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        let peers = answer["peers"].as_array().unwrap().iter();
        Resolved {
            message: answer["message"].as_str().unwrap().to_string(),
            peers: peers
                .map(|peer| (peer["node"].as_str().unwrap().to_string(), peer.clone()))
                .collect(),
        }
    }
}

/// The length of the healthy peer's chain.
const HEALTHY_LENGTH: usize = 6;

/// The length of the wrong chains: they would win.
pub(crate) const WRONG_LENGTH: usize = 9;

/// A node with one block and one waiting transaction resolves among a healthy
/// peer and these: it ends on the healthy one's chain, with the transaction.
pub(crate) fn resolve_among(wrong: &[Peer]) -> Resolved {
    let node = Node::start();
    let transaction = r#"{"sender": "a", "recipient": "b", "amount": 5}"#;
    assert_eq!(node.post("/transactions/new", transaction).status, 201);
    let healthy = Forger::chain(HEALTHY_LENGTH);
    let healthy_peer = Peer::serving(chain_body(&healthy));
    node.register(wrong);
    node.register([&healthy_peer]);

    let resolved = node.resolve();
    assert_eq!(resolved.message, "Our chain was replaced");
    assert_eq!(resolved.peers[&healthy_peer.address]["outcome"], "adopted");
    assert_eq!(resolved.peers.len(), wrong.len() + 1);
    assert_is_chain(&node, &healthy);
    assert_eq!(node.status()["pending"], 1);
    node.assert_unharmed();
    resolved
}

/// The node has exactly this chain.
#[track_caller]
pub(crate) fn assert_is_chain(node: &Node, expected: &[String]) {
    let chain = node.checked_chain();
    let texts = chain
        .iter()
        .map(|block| String::from_utf8_lossy(block.text()));
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

/// Resolves among these peers, and compares what is said of each.
#[track_caller]
pub(crate) fn check<'a>(cases: impl IntoIterator<Item = (Peer, impl Into<Cow<'a, str>>)>) {
    let (peers, expected): (Vec<Peer>, Vec<_>) = cases.into_iter().unzip();
    let resolved = resolve_among(&peers);
    let said: Vec<&str> = peers.iter().map(|peer| resolved.error(peer)).collect();
    let expected: Vec<Cow<str>> = expected.into_iter().map(Into::into).collect();
    assert_eq!(said, expected);
}

/// Makes the canonical texts of a chain's blocks, one after the other.
pub(crate) struct Forger {
    proofs: Vec<u64>,
    transactions: String,
    previous_hash: String,
    index: usize,
}

impl Forger {
    pub(crate) fn new() -> Forger {
        Forger::with_transactions("[]")
    }

    /// Puts this canonical list into every block.
    pub(crate) fn with_transactions(transactions: &str) -> Forger {
        let proofs = include_str!("../../core/tests/vectors/classic_proofs.json");
        Forger {
            proofs: serde_json::from_str(proofs).unwrap(),
            transactions: transactions.to_string(),
            previous_hash: "1".to_string(),
            index: 0,
        }
    }

    /// A whole chain of this many blocks.
    pub(crate) fn chain(length: usize) -> Vec<String> {
        Forger::new().take(length).collect()
    }

    /// The proof of the block in this place, the first being 0. From place 47
    /// on, 61 proofs return again and again.
    fn proof(&self, place: usize) -> u64 {
        match place {
            0..47 => self.proofs[place],
            _ => self.proofs[(place - 47) % 61 + 47],
        }
    }
}

impl Iterator for Forger {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let proof = self.proof(self.index);
        self.index += 1;
        let block = format!(
            "{{\"index\": {}, \"previous_hash\": \"{}\", \"proof\": {proof}, \
             \"timestamp\": 1500000000.5, \"transactions\": {}}}",
            self.index, self.previous_hash, self.transactions
        );
        self.previous_hash = sha256(block.as_bytes()).to_string();
        Some(block)
    }
}

/// The body of an answer to `GET /chain`.
pub(crate) fn chain_body(blocks: &[String]) -> String {
    let length = blocks.len();
    format!(
        "{{\"chain\": [{}], \"length\": {length}}}",
        blocks.join(", ")
    )
}

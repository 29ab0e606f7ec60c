//! Makes this node known to its peers, by the tutorial's `POST
//! /nodes/register`, and again from time to time: a Python node forgets its
//! neighbours when it restarts. What they do with it is up to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::peer::PeerAddress;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use crate::handle::NodeHandle;
use crate::open_files;
use crate::peers::fetch::client;

/// A peer must answer a registration within this time.
const REGISTER_TIMEOUT_MS: u64 = 5_000;

/// After a registration failed it is tried again this much later, and after
/// twice as long each further time.
const RETRY_MS: u64 = 1_000;

/// The longest time between two registrations with the same peer.
const REPEAT_MS: u64 = 10_000;

/// How often the peers that are due are looked for.
const LOOK_MS: u64 = 500;

/// At most this many peers are registered with at the same time.
const REGISTER_AT_ONCE_LIMIT: usize = 32;

/// One of this many open files may be such a registration's.
const REGISTER_SHARE: usize = 32;

#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    retry_ms: u64,
}

/// Registers `own` with every peer of the node, for as long as the node runs.
pub(crate) async fn advertise(node: NodeHandle, own: PeerAddress) {
    let body = serde_json::json!({ "nodes": [own.url("")] }).to_string();
    let mut advertiser = Advertiser {
        client: client(),
        body: body.into(),
        at_once: open_files::for_peers(REGISTER_AT_ONCE_LIMIT, REGISTER_SHARE),
        peers: Vec::new(),
        due: BTreeMap::new(),
        running: BTreeMap::new(),
        calls: JoinSet::new(),
    };
    let mut view = node.status_changes();
    loop {
        let peers = view.borrow_and_update().peers.clone();
        advertiser.follow(peers);
        advertiser.call_who_is_due();
        tokio::select! {
            () = sleep(Duration::from_millis(LOOK_MS)) => {}
            changed = view.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some(ended) = advertiser.calls.join_next_with_id() => advertiser.note(ended),
        }
    }
}

struct Advertiser {
    client: Client,
    body: Arc<str>,
    at_once: usize,
    /// The peers as they were last seen.
    peers: Vec<String>,
    /// When each of them is to be registered with.
    due: BTreeMap<String, Due>,
    running: BTreeMap<String, AbortHandle>,
    calls: JoinSet<(String, bool)>,
}

impl Advertiser {
    /// These are the peers now: what is under way with others is cut off.
    fn follow(&mut self, peers: Vec<String>) {
        if peers == self.peers {
            return;
        }
        self.peers = peers;
        let peers = &self.peers;
        self.due.retain(|peer, _| peers.contains(peer));
        self.running.retain(|peer, call| {
            let stays = peers.contains(peer);
            if !stays {
                call.abort();
            }
            stays
        });
    }

    fn call_who_is_due(&mut self) {
        let now = Instant::now();
        for peer in &self.peers {
            if self.calls.len() >= self.at_once {
                return;
            }
            let is_due = self.due.get(peer).is_none_or(|due| due.at <= now);
            if is_due && !self.running.contains_key(peer) {
                let (client, body) = (self.client.clone(), Arc::clone(&self.body));
                let call = self.calls.spawn(register(client, peer.clone(), body));
                self.running.insert(peer.clone(), call);
            }
        }
    }

    /// Notes what came of a call.
    fn note(&mut self, ended: Result<(Id, (String, bool)), JoinError>) {
        // One that was cut off belongs to no peer any longer.
        let Ok((id, (peer, is_registered))) = ended else {
            return;
        };
        if self.running.get(&peer).is_none_or(|call| call.id() != id) {
            return;
        }
        self.running.remove(&peer);
        let retry_ms = self.due.get(&peer).map_or(RETRY_MS, |due| due.retry_ms);
        let (wait_ms, retry_ms) = match is_registered {
            true => (REPEAT_MS, RETRY_MS),
            false => (retry_ms, (retry_ms * 2).min(REPEAT_MS)),
        };
        let at = Instant::now() + Duration::from_millis(wait_ms);
        self.due.insert(peer, Due { at, retry_ms });
    }
}

async fn register(client: Client, peer: String, body: Arc<str>) -> (String, bool) {
    let address: PeerAddress = peer.parse().expect("peers are registered as addresses");
    let request = client
        .post(address.url("/nodes/register"))
        .header(CONTENT_TYPE, "application/json")
        .timeout(Duration::from_millis(REGISTER_TIMEOUT_MS))
        .body(body.to_string());
    let answer = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    match &answer {
        Ok(_) => tracing::debug!(%peer, "registered with the peer"),
        Err(error) => tracing::debug!(%peer, %error, "could not register with the peer"),
    }
    (peer, answer.is_ok())
}

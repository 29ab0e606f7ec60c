//! Makes this node known to its peers, by the tutorial's `POST
//! /nodes/register`, and again from time to time: a Python node forgets its
//! neighbours when it is started anew.

use std::collections::BTreeMap;
use std::time::Duration;

use adit_core::peer::PeerAddress;
use futures_util::future::join_all;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use tokio::time::{Instant, sleep};

use crate::driver::NodeHandle;
use crate::fetch::client;

/// A peer must answer a registration within this time.
const REGISTER_TIMEOUT_MS: u64 = 5_000;

/// After a registration failed it is tried again this much later, and after
/// twice as long each further time.
const RETRY_MS: u64 = 1_000;

/// The longest time between two registrations with the same peer.
const REPEAT_MS: u64 = 10_000;

/// How often it is looked who is due.
const LOOK_MS: u64 = 500;

#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    retry_ms: u64,
}

/// Registers `own` with every peer of the node, for as long as the node runs.
pub(crate) async fn advertise(node: NodeHandle, own: PeerAddress) {
    let client = client();
    let body = serde_json::json!({ "nodes": [format!("http://{own}")] }).to_string();
    let mut due = BTreeMap::<String, Due>::new();
    loop {
        let now = Instant::now();
        let view = node.view();
        let peers = view.peers.iter();
        let wanted = peers.filter(|peer| due.get(*peer).is_none_or(|due| due.at <= now));
        let results = join_all(wanted.map(|peer| register(&client, peer, &body))).await;
        for (peer, is_registered) in results {
            let retry_ms = due.get(&peer).map_or(RETRY_MS, |due| due.retry_ms);
            let (wait_ms, retry_ms) = match is_registered {
                true => (REPEAT_MS, RETRY_MS),
                false => (retry_ms, (retry_ms * 2).min(REPEAT_MS)),
            };
            let at = Instant::now() + Duration::from_millis(wait_ms);
            due.insert(peer, Due { at, retry_ms });
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

async fn register(client: &Client, peer: &str, body: &str) -> (String, bool) {
    let request = client
        .post(format!("http://{peer}/nodes/register"))
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
    (peer.to_string(), answer.is_ok())
}

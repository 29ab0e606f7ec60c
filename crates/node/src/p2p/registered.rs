//! Finds where registered peers talk: an adit node says so in its status. What
//! becomes of the address is not known here.

use std::collections::BTreeMap;
use std::time::Duration;

use adit_api::status::Status;
use adit_core::peer::PeerAddress;
use adit_core::sync::PeerKind;
use adit_net::machine::Input;
use adit_p2p::identity_named;
use reqwest::Client;
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep, timeout};

use super::news::NewsSender;
use crate::handle::NodeHandle;
use crate::peers::fetch::client;

/// A peer must say how it is within this time.
const STATUS_TIMEOUT_MS: u64 = 5_000;

/// What it says is at most this long.
const STATUS_LIMIT_BYTES: usize = 64 * 1024;

/// New peers are looked for so often.
const LOOK_MS: u64 = 2_000;

/// A peer that said nothing useful is asked again after this time, and then after
/// twice as long each time,
const RETRY_MS: u64 = 10_000;

/// but no less often than this. So often the others are asked too: they may have
/// moved.
const REPEAT_MS: u64 = 600_000;

/// Tells the machine of the peers that are registered, for as long as the node
/// runs.
pub(super) async fn follow(node: NodeHandle, to_machine: NewsSender) {
    let client = client();
    let mut due: BTreeMap<PeerAddress, (Instant, u64)> = BTreeMap::new();
    loop {
        let Ok(peers) = node.inspect(adit_peers).await else {
            return;
        };
        due.retain(|peer, _| peers.contains(peer));
        for peer in peers {
            let (at, retry_ms) = due
                .get(&peer)
                .copied()
                .unwrap_or((Instant::now(), RETRY_MS));
            if at > Instant::now() {
                continue;
            }
            let wait_ms = match address_of(&client, &peer).await {
                Some(address) if to_machine.send(Input::HeardOf(address)).is_err() => return,
                Some(_) => REPEAT_MS,
                None => retry_ms,
            };
            let next = Instant::now() + Duration::from_millis(wait_ms);
            due.insert(peer, (next, (retry_ms * 2).min(REPEAT_MS)));
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

fn adit_peers(node: &adit_core::node::Node) -> Vec<PeerAddress> {
    let records = node.peer_records();
    let adit = records.filter(|(_, record)| record.kind == PeerKind::Adit);
    adit.map(|(peer, _)| peer.clone()).collect()
}

/// Where a peer talks: at the host that is registered, whatever it calls itself.
async fn address_of(client: &Client, peer: &PeerAddress) -> Option<adit_net::address::PeerAddress> {
    let limit = Duration::from_millis(STATUS_TIMEOUT_MS);
    let status = timeout(limit, status_of(client, peer)).await.ok()??;
    let p2p = status.p2p?;
    let identity = identity_named(&p2p.id).ok()?;
    let host = peer.host().trim_start_matches('[').trim_end_matches(']');
    let found = timeout(limit, lookup_host((host, p2p.port))).await;
    let socket = found.ok()?.ok()?.next()?;
    Some(adit_net::address::PeerAddress::new(socket, identity))
}

async fn status_of(client: &Client, peer: &PeerAddress) -> Option<Status> {
    let answer = client.get(peer.url("/api/v1/status")).send().await.ok()?;
    let mut answer = answer.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        body.extend_from_slice(&piece);
        if body.len() > STATUS_LIMIT_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&body).ok()
}

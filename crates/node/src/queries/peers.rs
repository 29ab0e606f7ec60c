//! The registered peers: what kind of nodes they are, how their chains compare
//! with ours, and what is wrong with them. When they are asked, the core decides.

use std::collections::BTreeMap;
use std::time::Duration;

use adit_api::audit::Audit;
use adit_api::peer::{self, Peer, PeerList, TalkingPeer};
use adit_core::archive::{Archive, ArchiveError};
use adit_core::hash::Hash;
use adit_core::node::Node;
use adit_core::peer::PeerAddress;
use adit_core::sync::{Agreement, PeerRecord};
use adit_net::machine::{Direction, PeerView};
use adit_p2p::multiaddr::Multiaddr;
use adit_p2p::name_of;
use adit_store::Snapshot;
use tokio::task::JoinSet;

use super::error::QueryError;
use crate::handle::{NodeHandle, Stopping};
use crate::peers::audit::{self, Beside};

/// Returns all registered peers.
pub async fn list(node: &NodeHandle) -> Result<PeerList, QueryError> {
    let (records, own) = node.inspect(|node| (records(node), own(node))).await?;
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    let (tip, length) = (snapshot.tip(), snapshot.length());
    let peers = records
        .iter()
        .map(|(address, record)| described(address, record, tip, length, &snapshot));
    let peers = peers.collect::<Result<_, _>>();
    Ok(PeerList {
        peers: peers.map_err(QueryError::unreadable)?,
        own,
        talking: talking(node, &snapshot)
            .await
            .map_err(QueryError::unreadable)?,
    })
}

/// Returns what is said of the peers that this node talks with.
async fn talking(node: &NodeHandle, ours: &Snapshot) -> Result<Vec<TalkingPeer>, ArchiveError> {
    let machine = match node.p2p() {
        Some(p2p) => p2p.machine().await.map(|machine| (p2p, machine)),
        None => None,
    };
    let Some((p2p, machine)) = machine else {
        return Ok(Vec::new());
    };
    let traffic: BTreeMap<_, _> = p2p.traffic().iter().map(|one| (one.peer, *one)).collect();
    let mut peers = Vec::new();
    for peer in machine.peers {
        let Some(traffic) = traffic.get(&peer.peer) else {
            continue;
        };
        let mut address = Multiaddr::from(&peer.address);
        address.identity = None;
        peers.push(TalkingPeer {
            id: name_of(&peer.address.identity),
            address: address.to_string(),
            dialled: dialled_of(peer.direction),
            agreement: talking_agreement(&peer, ours)?,
            height: peer.best.map(|(_, height)| height),
            latency_ms: peer.latency.map(|latency| latency.as_secs_f64() * 1_000.0),
            connected_s: traffic.connected.as_secs_f64(),
            bytes_in: traffic.bytes_in,
            bytes_out: traffic.bytes_out,
            queued_bytes: traffic.queued_bytes,
            firsts: peer.firsts,
        });
    }
    peers.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(peers)
}

fn dialled_of(direction: Direction) -> peer::Dialled {
    match direction {
        Direction::Inbound => peer::Dialled::In,
        Direction::Outbound => peer::Dialled::Out,
        Direction::BlocksOnly => peer::Dialled::BlocksOnly,
        Direction::Feeler => peer::Dialled::Feeler,
    }
}

fn talking_agreement(peer: &PeerView, ours: &Snapshot) -> Result<peer::Agreement, ArchiveError> {
    let Some((best, height)) = peer.best else {
        return Ok(peer::Agreement::NotAsked);
    };
    Ok(match ours.main_hash(height)? {
        _ if ours.tip() == Some(best) => peer::Agreement::Same,
        Some(hash) if hash == best => peer::Agreement::Behind,
        Some(_) => peer::Agreement::Fork,
        None => peer::Agreement::Ahead,
    })
}

fn own(node: &Node) -> Vec<String> {
    node.own_addresses().map(ToString::to_string).collect()
}

fn records(node: &Node) -> Vec<(PeerAddress, PeerRecord)> {
    let records = node.peer_records();
    let records = records.map(|(peer, record)| (peer.clone(), record.clone()));
    records.collect()
}

/// Returns what is said of a peer, beside our chain of that length with that tip.
pub fn described(
    address: &PeerAddress,
    record: &PeerRecord,
    tip: Option<Hash>,
    our_length: u64,
    ours: &dyn Archive,
) -> Result<Peer, ArchiveError> {
    let agreement = record.agreement(tip, ours)?;
    let length = record.length(ours)?;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let lag = |length: u64| {
        let lag = i128::from(our_length) - i128::from(length);
        i64::try_from(lag).unwrap_or(i64::MAX)
    };
    Ok(Peer {
        id: address.to_string(),
        kind: audit::kind_of(record.kind),
        agreement: agreement_of(agreement),
        length,
        tip: record.chain.map(|chain| chain.tip.to_string()),
        lag: length.map(lag),
        asked_ms: record.asked.map(ms),
        answered_ms: record.answered.map(ms),
        problem: record.problem(),
    })
}

fn agreement_of(agreement: Agreement) -> peer::Agreement {
    match agreement {
        Agreement::Same => peer::Agreement::Same,
        Agreement::Behind => peer::Agreement::Behind,
        Agreement::Ahead => peer::Agreement::Ahead,
        Agreement::Fork => peer::Agreement::Fork,
        Agreement::Refused => peer::Agreement::Refused,
        Agreement::Unreachable => peer::Agreement::Unreachable,
        Agreement::NotAsked => peer::Agreement::NotAsked,
    }
}

/// Returns the address of a registered peer; `id` is what somebody wrote.
pub fn registered(node: &NodeHandle, id: &str) -> Result<PeerAddress, QueryError> {
    let address: PeerAddress = id.parse().map_err(QueryError::malformed)?;
    let text = address.to_string();
    match node.status().peers.contains(&text) {
        true => Ok(address),
        false => Err(not_registered(&address)),
    }
}

/// Returns that there is no such peer.
pub fn not_registered(address: &PeerAddress) -> QueryError {
    QueryError::not_found(format!(
        "{address} is no peer of this node; GET /api/v1/peers lists them"
    ))
}

/// Reads a registered peer's whole chain, and returns what is wrong with it.
pub async fn audit(node: &NodeHandle, id: &str) -> Result<Audit, QueryError> {
    let address = registered(node, id)?;
    let place = node.audits().take(&address).map_err(QueryError::busy)?;
    let snapshot: Snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    let (rules, beside) = (
        node.rules().clone(),
        Beside {
            snapshot,
            _place: place,
        },
    );
    // If the caller goes away, the set is dropped, and the audit with it.
    let mut auditing = JoinSet::new();
    auditing.spawn_on(
        async move { audit::audit_beside(&address, rules, Some(beside)).await },
        node.peers_runtime(),
    );
    match auditing.join_next().await {
        Some(Ok(audit)) => Ok(audit),
        _ => Err(Stopping.into()),
    }
}

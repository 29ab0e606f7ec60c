//! Registers and removes peers, and has all of them asked for their chains.
//! What they answer is judged elsewhere.

use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::node::Answer;
use adit_core::peer::{PeerAddress, RegistrationError, read_registration};
use adit_core::sync::{PeerReport, TooManyPeers};
use reqwest::header::HeaderValue;

use crate::handle::{NodeHandle, Request, Stopping};
use crate::node_status::NodeStatus;
use crate::queries::error::QueryError;

/// Why no peer was registered: all of them are, or none.
#[derive(Debug, thiserror::Error)]
pub enum NotRegistered {
    /// That is no list of addresses.
    #[error(transparent)]
    Malformed(#[from] RegistrationError),
    /// There are as many peers as there can be.
    #[error(transparent)]
    TooMany(TooManyPeers),
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// Registers the peers that a body of the tutorial's `/nodes/register` names.
/// Returns all that are registered then.
pub async fn register(node: &NodeHandle, body: &[u8]) -> Result<Vec<PeerAddress>, NotRegistered> {
    let peers = read_registration(body)?;
    match node.request(Request::Register(peers)).await? {
        Answer::Registered(all) => Ok(all),
        Answer::TooManyPeers(error) => Err(NotRegistered::TooMany(error)),
        answer => unreachable!("the core answers who is registered: {answer:?}"),
    }
}

/// Removes a peer: it is no longer asked, nor told of blocks. Returns whether it
/// was one.
pub async fn unregister(node: &NodeHandle, peer: PeerAddress) -> Result<bool, Stopping> {
    match node.request(Request::Unregister(peer)).await? {
        Answer::Unregistered { was_registered } => Ok(was_registered),
        answer => unreachable!("the core answers whether it was a peer: {answer:?}"),
    }
}

/// What the peers had.
#[derive(Debug)]
pub struct Resolution {
    /// Whether another chain is the main chain now.
    pub replaced: bool,
    /// What came of asking each peer.
    pub peers: Vec<(String, PeerReport)>,
}

/// Has all peers asked for their chains; or the one alone that told of it, where it is
/// known which that is. After `patience`, the node is told to
/// answer with what it knows; if it is too busy for that until the limit, the
/// answer is made without it. Peers that are still being read go on in the
/// background.
pub async fn resolve(
    node: &NodeHandle,
    told_by: Option<HeaderValue>,
    patience: Duration,
    limit: Duration,
) -> Result<Resolution, QueryError> {
    let before = node.status();
    let request = told_by.map_or(Request::Resolve, Request::ResolveInstance);
    let answer = node.request_in_time(request, patience, limit);
    match answer.await? {
        Some(Answer::Resolved(resolved)) => {
            let peers = resolved.peers.into_iter();
            Ok(Resolution {
                replaced: resolved.replaced,
                peers: peers
                    .map(|(peer, report)| (peer.to_string(), report))
                    .collect(),
            })
        }
        Some(answer) => unreachable!("the core answers what the peers had: {answer:?}"),
        None => unanswered(&before, node),
    }
}

/// What can be said where the node is too busy to say it: whether the chain that
/// there was then has been replaced, and that the peers are still being asked.
fn unanswered(before: &NodeStatus, node: &NodeHandle) -> Result<Resolution, QueryError> {
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    let at_its_place = snapshot.main_hash(before.length);
    let at_its_place = at_its_place.map_err(QueryError::unreadable)?;
    let stands = before.tip.is_none() || at_its_place == before.tip;
    let peers = before.peers.iter().cloned();
    Ok(Resolution {
        replaced: !stands,
        peers: peers.map(|peer| (peer, PeerReport::StillAsked)).collect(),
    })
}

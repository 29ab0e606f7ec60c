//! Registers and removes peers, and has all of them asked for their chains.
//! What they answer is judged elsewhere.

use std::time::Duration;

use adit_core::node::Answer;
use adit_core::peer::{PeerAddress, RegistrationError, read_registration};
use adit_core::sync::{Resolved, TooManyPeers};

use crate::handle::{NodeHandle, Request, Stopping};

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

/// Removes a peer: it is not asked any more, nor told of blocks. Returns whether
/// it was one.
pub async fn unregister(node: &NodeHandle, peer: PeerAddress) -> Result<bool, Stopping> {
    match node.request(Request::Unregister(peer)).await? {
        Answer::Unregistered { was_registered } => Ok(was_registered),
        answer => unreachable!("the core answers whether it was a peer: {answer:?}"),
    }
}

/// Has all peers asked for their chains, and waits for them until the limit;
/// those that are still being read then go on in the background.
pub async fn resolve(node: &NodeHandle, limit: Duration) -> Result<Resolved, Stopping> {
    match node.request_in_time(Request::Resolve, limit).await? {
        Answer::Resolved(resolved) => Ok(resolved),
        answer => unreachable!("the core answers what the peers had: {answer:?}"),
    }
}

//! One place to ask for anything by its whole name: a block's index or hash, a
//! transaction's id, an address, a peer. The beginning of a name finds nothing.

use adit_api::search::{Found, FoundKind, SearchQuery, SearchResult};
use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_store::Snapshot;

use super::branches::reorganisation;
use super::error::QueryError;
use super::stored::hash_of;
use super::{address, transaction};
use crate::handle::NodeHandle;

/// Nothing here has a longer name.
pub const QUERY_LIMIT_BYTES: usize = 256;

/// Returns all that has that name.
pub async fn search(node: &NodeHandle, query: &SearchQuery) -> Result<Found, QueryError> {
    let name = query.q.trim();
    if name.len() > QUERY_LIMIT_BYTES {
        let problem = format!("nothing has a name longer than {QUERY_LIMIT_BYTES} bytes");
        return Err(QueryError::malformed(problem));
    }
    let mut results = Vec::new();
    results.extend(blocks(node, name)?);
    results.extend(transaction::search(node, name).await?);
    results.extend(address::search(node, name).await?);
    results.extend(reorganisation::search(node, name).await?);
    results.extend(peer(node, name));
    Ok(Found {
        query: name.to_owned(),
        results,
    })
}

fn blocks(node: &NodeHandle, name: &str) -> Result<Option<SearchResult>, QueryError> {
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    if let Some(hash) = hash_of(name) {
        return of_hash(&snapshot, hash);
    }
    let Ok(height) = name.parse::<u64>() else {
        return Ok(None);
    };
    match snapshot.main_hash(height).map_err(QueryError::unreadable)? {
        Some(hash) => of_hash(&snapshot, hash),
        None => Ok(None),
    }
}

fn of_hash(snapshot: &Snapshot, hash: Hash) -> Result<Option<SearchResult>, QueryError> {
    let entry = snapshot.entry(&hash).map_err(QueryError::unreadable)?;
    Ok(entry.map(|entry| SearchResult {
        kind: FoundKind::Block,
        id: hash.to_string(),
        label: format!("block {}", entry.height),
        path: format!("/block/{hash}"),
    }))
}

fn peer(node: &NodeHandle, name: &str) -> Option<SearchResult> {
    let view = node.status();
    let peer = view.peers.iter().find(|peer| *peer == name)?;
    Some(SearchResult {
        kind: FoundKind::Peer,
        id: peer.clone(),
        label: format!("peer {peer}"),
        path: format!("/peers/{peer}/audit"),
    })
}

//! One place to ask for anything by its name: a block's index or hash, a transaction's id,
//! an address, a peer. Where nothing has that name, what it is a part of is found: the
//! beginning of a hash. How people write a name is not known here.

use adit_api::search::{Found, FoundKind, SearchQuery, SearchResult};
use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_store::Snapshot;

use super::branches::reorganisation;
use super::error::QueryError;
use super::stored::hash_of;
use super::term::{self, HashPart};
use super::{address, transaction};
use crate::handle::NodeHandle;

/// Nothing here has a longer name.
pub const QUERY_LIMIT_BYTES: usize = 256;

/// Of the blocks whose hashes begin alike, and of the transactions, this many are looked
/// at,
pub const PARTS_LOOKED_AT_LIMIT: usize = 256;

/// and of those that fit, this many of each are found.
const PARTS_FOUND_LIMIT: usize = 10;

/// Returns all that has that name, or, if nothing has, what it is a part of.
pub async fn search(node: &NodeHandle, query: &SearchQuery) -> Result<Found, QueryError> {
    let name = query.q.trim();
    if name.len() > QUERY_LIMIT_BYTES {
        let problem = format!("nothing has a name longer than {QUERY_LIMIT_BYTES} bytes");
        return Err(QueryError::malformed(problem));
    }
    let bare = term::name_in(name);
    // Anything may be a name, whatever else it looks like.
    let mut results = whole(node, name).await?;
    if results.is_empty() && bare != name {
        results = whole(node, &bare).await?;
    }
    if results.is_empty()
        && let Some(part) = HashPart::read(&bare)
    {
        results = parts(node, &part).await?;
    }
    Ok(Found {
        query: name.to_owned(),
        results,
    })
}

async fn whole(node: &NodeHandle, name: &str) -> Result<Vec<SearchResult>, QueryError> {
    let mut results = Vec::new();
    results.extend(blocks(node, name)?);
    results.extend(transaction::search(node, name).await?);
    results.extend(address::search(node, name).await?);
    results.extend(reorganisation::search(node, name).await?);
    results.extend(peer(node, name));
    Ok(results)
}

async fn parts(node: &NodeHandle, part: &HashPart) -> Result<Vec<SearchResult>, QueryError> {
    let mut results = Vec::new();
    {
        let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
        let hashes = snapshot.hashes_between(&part.first, &part.last, PARTS_LOOKED_AT_LIMIT);
        let hashes = hashes.map_err(QueryError::unreadable)?.into_iter();
        for hash in hashes
            .filter(|hash| part.fits(hash))
            .take(PARTS_FOUND_LIMIT)
        {
            results.extend(of_hash(&snapshot, hash)?);
        }
    }
    let ids = transaction::search_part(node, part, PARTS_LOOKED_AT_LIMIT).await?;
    for id in ids.into_iter().take(PARTS_FOUND_LIMIT) {
        results.extend(transaction::search(node, &id.to_string()).await?);
    }
    Ok(results)
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
    let is_named = |peer: &&String| peer.eq_ignore_ascii_case(name);
    let peer = view.peers.iter().find(is_named)?;
    Some(SearchResult {
        kind: FoundKind::Peer,
        id: peer.clone(),
        label: format!("peer {peer}"),
        path: format!("/peers/{peer}/audit"),
    })
}

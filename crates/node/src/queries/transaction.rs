//! Transactions by their identity: whether one waits, and where in the chain it
//! stands. In the classics the same one may stand in several places. Whether one
//! is valid is not asked here.

use std::collections::HashSet;
use std::sync::Arc;

use adit_api::page::Page;
use adit_api::search::{FoundKind, SearchResult};
use adit_api::transaction::{
    Place, TransactionDetails, TransactionStage, TransactionState, TransactionStatus,
};
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_store::TransactionPlace;

use super::error::QueryError;
use super::mempool::lookup;
use super::paging::{cursor_of_place, place_cursor};
use super::reading::beside;
use super::stored::{as_it_stands, block_at, hash_of};
use super::term::HashPart;
use crate::handle::NodeHandle;
use crate::history::HistoryAt;

/// For one page of transactions, blocks of at most this many bytes are read; then
/// it ends early.
pub const PAGE_READ_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// A transaction in a block of the main chain.
pub struct Confirmed {
    /// The block that holds it.
    pub block: Arc<Block>,
    /// Where in the block it stands, from 0.
    pub position: u32,
    /// Its identity.
    pub id: Hash,
}

/// Returns a transaction with a page of its places.
pub async fn details(
    node: &NodeHandle,
    id: Hash,
    page: &Page,
) -> Result<TransactionDetails, QueryError> {
    // The waiting ones first: what leaves them is in a block by then.
    let waiting = lookup::of_id(node, id).await?;
    let history = match (&waiting, node.rules().keeps_accounts()) {
        // It can't be in a block too.
        (Some(_), true) => None,
        _ => Some(node.history().await?),
    };
    let (found, next) = match &history {
        Some(history) => beside(|| read_places(node, history, &id, page)).await?,
        None => (Vec::new(), None),
    };
    let state = match (waiting, found.first(), &history) {
        (Some(text), _, _) => waiting_state(id, &text)?,
        (None, Some(newest), Some(history)) => newest.state(history)?,
        _ => return Err(not_found(id)),
    };
    Ok(TransactionDetails {
        id: state.id,
        status: state.status,
        transaction: state.transaction,
        block_index: state.block_index,
        block_hash: state.block_hash,
        position: state.position,
        confirmations: state.confirmations,
        places: found.iter().map(Confirmed::place).collect(),
        next: next.map(cursor_of_place),
    })
}

/// Returns a page of the places where a transaction stands, and the last one that
/// was looked at, unless there are no more.
fn read_places(
    node: &NodeHandle,
    history: &HistoryAt,
    id: &Hash,
    page: &Page,
) -> Result<(Vec<Confirmed>, Option<TransactionPlace>), QueryError> {
    let (mut found, mut next) = (Vec::new(), None);
    let before = place_cursor(page)?.unwrap_or(TransactionPlace::LAST);
    let mut reading = Reading::new(node, history);
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let places = history.view.places_before(id, before, limit + 1);
    let mut places = places.map_err(QueryError::unreadable)?;
    let is_last = places.len() <= limit;
    places.truncate(limit);
    for place in &places {
        if reading.has_read_enough() {
            break;
        }
        next = Some(*place);
        found.extend(reading.at(*place)?.filter(|one| one.id == *id));
    }
    if is_last && next == places.last().copied() {
        next = None;
    }
    Ok((found, next))
}

/// Returns which of these are to be found: they wait, or stand in the main chain.
pub async fn known(node: &NodeHandle, ids: HashSet<Hash>) -> Result<HashSet<Hash>, QueryError> {
    let waiting = lookup::among(node, ids.clone()).await?;
    let mut known: HashSet<Hash> = waiting.into_keys().collect();
    // What no longer waits is in a block by now.
    let history = node.history().await?;
    beside(|| {
        for id in ids {
            let places = history.view.places_before(&id, TransactionPlace::LAST, 1);
            if !places.map_err(QueryError::unreadable)?.is_empty() {
                known.insert(id);
            }
        }
        Ok(known)
    })
    .await
}

/// Returns how far a transaction is.
pub async fn status(node: &NodeHandle, id: Hash) -> Result<TransactionStatus, QueryError> {
    let one = Page {
        limit: Some(1),
        ..Page::default()
    };
    let details = details(node, id, &one).await?;
    Ok(TransactionStatus {
        id: details.id,
        status: details.status,
        block_index: details.block_index,
        block_hash: details.block_hash,
        confirmations: details.confirmations,
    })
}

/// Returns the newest place of a transaction in the main chain.
pub async fn confirmed(node: &NodeHandle, id: Hash) -> Result<Confirmed, QueryError> {
    let history = node.history().await?;
    // A whole block is read and taken apart.
    beside(|| {
        let mut reading = Reading::new(node, &history);
        let newest = history.view.places_before(&id, TransactionPlace::LAST, 1);
        for place in newest.map_err(QueryError::unreadable)? {
            if let Some(found) = reading.at(place)?.filter(|one| one.id == id) {
                return Ok(found);
            }
        }
        Err(not_found(id))
    })
    .await
}

/// Returns the transaction of that name, for a search.
pub async fn search(node: &NodeHandle, name: &str) -> Result<Option<SearchResult>, QueryError> {
    let Some(id) = hash_of(name) else {
        return Ok(None);
    };
    match status(node, id).await {
        Ok(found) => Ok(Some(SearchResult {
            kind: FoundKind::Transaction,
            label: match found.block_index {
                Some(height) => format!("transaction in block {height}"),
                None => "transaction that waits".to_owned(),
            },
            path: format!("/tx/{id}"),
            id: found.id,
        })),
        Err(QueryError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the identities of transactions of which this is a part, for a search: at most
/// this many are looked at.
pub async fn search_part(
    node: &NodeHandle,
    part: &HashPart,
    limit: usize,
) -> Result<Vec<Hash>, QueryError> {
    let mut ids = lookup::ids_that_fit(node, |id| part.fits(id)).await?;
    let history = node.history().await?;
    let in_blocks = || {
        let mut reading = Reading::new(node, &history);
        let places = history.view.places_between(&part.first, &part.last, limit);
        let mut ids = Vec::new();
        for place in places.map_err(QueryError::unreadable)? {
            if reading.has_read_enough() {
                break;
            }
            let found = reading.at(place)?.map(|one| one.id);
            ids.extend(found.filter(|id| part.fits(id)));
        }
        Ok(ids)
    };
    ids.extend(beside(in_blocks).await?);
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Returns what is said of a transaction that waits.
pub fn waiting_state(id: Hash, text: &[u8]) -> Result<TransactionState, QueryError> {
    Ok(TransactionState {
        id: id.to_string(),
        status: TransactionStage::Pending,
        transaction: as_it_stands(text)?,
        block_index: None,
        block_hash: None,
        position: None,
        confirmations: 0,
    })
}

fn not_found(id: Hash) -> QueryError {
    QueryError::not_found(format!(
        "transaction {id} is neither in a block of the main chain nor waiting for one"
    ))
}

impl Confirmed {
    /// Its canonical JSON.
    pub fn text(&self) -> &[u8] {
        let mut transactions = self.block.transactions();
        transactions.nth(self.position as usize).unwrap_or_default()
    }

    pub(super) fn place(&self) -> Place {
        Place {
            block_index: self.block.height(),
            block_hash: self.block.hash().to_string(),
            position: self.position,
        }
    }

    pub(super) fn state(&self, history: &HistoryAt) -> Result<TransactionState, QueryError> {
        let length = history.snapshot.length();
        Ok(TransactionState {
            id: self.id.to_string(),
            status: TransactionStage::Confirmed,
            transaction: as_it_stands(self.text())?,
            block_index: Some(self.block.height()),
            block_hash: Some(self.block.hash().to_string()),
            position: Some(self.position),
            confirmations: (length + 1).saturating_sub(self.block.height()),
        })
    }
}

/// Reads blocks of the main chain for the transactions in them, each once if
/// they come in order.
pub(super) struct Reading<'a> {
    node: &'a NodeHandle,
    history: &'a HistoryAt,
    last: Option<(Arc<Block>, Vec<Hash>)>,
    read_bytes: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(node: &'a NodeHandle, history: &'a HistoryAt) -> Reading<'a> {
        Reading {
            node,
            history,
            last: None,
            read_bytes: 0,
        }
    }

    /// Whether no more is to be read for one answer.
    pub(super) fn has_read_enough(&self) -> bool {
        self.read_bytes >= PAGE_READ_LIMIT_BYTES
    }

    /// Returns what stands there.
    pub(super) fn at(&mut self, place: TransactionPlace) -> Result<Option<Confirmed>, QueryError> {
        let is_at_hand = |(block, _): &(Arc<Block>, _)| block.height() == place.height;
        if !self.last.as_ref().is_some_and(is_at_hand) {
            let block = block_at(self.node, &self.history.snapshot, place.height)?;
            self.last = block.map(|block| {
                self.read_bytes += block.text().len();
                let ids = self.node.rules().transaction_ids(&block);
                (Arc::new(block), ids)
            });
        }
        let Some((block, ids)) = &self.last else {
            return Ok(None);
        };
        let id = ids.get(place.position as usize);
        Ok(id.map(|id| Confirmed {
            block: Arc::clone(block),
            position: place.position,
            id: *id,
        }))
    }
}

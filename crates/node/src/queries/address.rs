//! Who somebody is to the chain: what they own, where the rules know that, and
//! the transactions in which they are named. Who they are besides is not known.

use adit_api::address::{AddressState, AddressTransactions};
use adit_api::page::Page;
use adit_api::search::{FoundKind, SearchResult};
use adit_api::transaction::TransactionState;
use adit_core::address::Address;
use adit_core::archive::Archive;
use adit_core::mempool::Mempool;
use adit_core::transaction::{recipient, sender};
use adit_store::TransactionPlace;

use super::error::QueryError;
use super::mempool::lookup;
use super::paging::{cursor_of_place, place_cursor};
use super::reading::beside;
use super::transaction::{Reading, waiting_state};
use crate::handle::NodeHandle;
use crate::history::HistoryAt;
use crate::paths::address_path;

/// Returns what is known of somebody.
pub async fn address(node: &NodeHandle, name: &str) -> Result<AddressState, QueryError> {
    let (name, owner) = who(node, name)?;
    let waiting = lookup::of_name(node, &name).await?;
    let mut state = AddressState {
        address: name.clone(),
        balance: None,
        nonce: None,
        next_nonce: None,
        pending: waiting.iter().map(|one| one.id.to_string()).collect(),
        transaction_count: None,
    };
    // Paying needs no history.
    if owner.is_none() || node.has_history() {
        let history = node.history().await?;
        let count = history.view.count_of_name(&name);
        state.transaction_count = Some(count.map_err(QueryError::unreadable)?);
    }
    if let Some(owner) = owner {
        let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
        let account = snapshot.account(&owner).map_err(QueryError::unreadable)?;
        let next_nonce = node
            .inspect(move |node| match node.mempool() {
                Mempool::Accounts(mempool) => mempool.next_nonce(&owner, account),
                Mempool::Queue(_) => account.nonce,
            })
            .await?;
        state.balance = Some(account.balance);
        state.nonce = Some(account.nonce);
        state.next_nonce = Some(next_nonce.max(account.nonce));
    }
    Ok(state)
}

/// Returns who has that name, for a search. On a sealed chain every address is
/// somebody's; in the classics a name is one that is written somewhere.
pub async fn search(node: &NodeHandle, name: &str) -> Result<Option<SearchResult>, QueryError> {
    let Ok((name, owner)) = who(node, name) else {
        return Ok(None);
    };
    let is_somebody = owner.is_some() || is_written(node, &name).await?;
    Ok(is_somebody.then(|| SearchResult {
        kind: FoundKind::Address,
        label: format!("address {name}"),
        path: address_path(&name),
        id: name,
    }))
}

async fn is_written(node: &NodeHandle, name: &str) -> Result<bool, QueryError> {
    let history = node.history().await?;
    let count = history.view.count_of_name(name);
    Ok(
        count.map_err(QueryError::unreadable)? > 0
            || !lookup::of_name(node, name).await?.is_empty(),
    )
}

/// Returns the transactions in which somebody is named.
pub async fn transactions(
    node: &NodeHandle,
    name: &str,
    page: &Page,
) -> Result<AddressTransactions, QueryError> {
    let (name, _) = who(node, name)?;
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let cursor = place_cursor(page)?;
    let mut waiting = match cursor {
        None => lookup::of_name(node, &name).await?,
        Some(_) => Vec::new(),
    };
    waiting.truncate(limit);
    waiting.shrink_to_fit();
    let history = node.history().await?;
    let before = cursor.unwrap_or(TransactionPlace::LAST);
    let room = limit - waiting.len();
    // Nothing long is held while others are waited for.
    let read = || {
        let states = waiting.iter().map(|one| waiting_state(one.id, &one.text));
        let mut transactions = states.collect::<Result<Vec<_>, _>>()?;
        let (found, next) = read_named(node, &history, &name, before, room)?;
        transactions.extend(found);
        Ok((transactions, next))
    };
    let (transactions, next) = beside(read).await?;
    Ok(AddressTransactions {
        transactions,
        next: next.map(cursor_of_place),
    })
}

/// Returns at most `room` of the transactions before a place that name somebody,
/// and the last place that was looked at, unless there are no more.
fn read_named(
    node: &NodeHandle,
    history: &HistoryAt,
    name: &str,
    mut before: TransactionPlace,
    room: usize,
) -> Result<(Vec<TransactionState>, Option<TransactionPlace>), QueryError> {
    let mut reading = Reading::new(node, history);
    let mut transactions = Vec::new();
    let places = history.view.places_of_name(name, before, room + 1);
    let places = places.map_err(QueryError::unreadable)?;
    let mut is_last = places.len() <= room;
    for place in places.into_iter().take(room) {
        if reading.has_read_enough() {
            is_last = false;
            break;
        }
        before = place;
        let found = reading.at(place)?;
        let found = found.filter(|one| {
            let is_named = |found: Option<String>| found.as_deref() == Some(name);
            is_named(sender(one.text())) || is_named(recipient(one.text()))
        });
        transactions.extend(found.map(|one| one.state(history)).transpose()?);
    }
    Ok((transactions, (!is_last).then_some(before)))
}

/// Returns who is meant: the name as it stands in the chain, and the account,
/// where the rules keep accounts. Somebody may have scanned an address in capitals.
fn who(node: &NodeHandle, name: &str) -> Result<(String, Option<Address>), QueryError> {
    if !node.rules().keeps_accounts() {
        return Ok((name.to_owned(), None));
    }
    let address = Address::of_people(name).map_err(QueryError::malformed)?;
    Ok((address.to_string(), Some(address)))
}

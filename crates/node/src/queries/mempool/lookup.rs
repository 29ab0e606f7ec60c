//! The transactions that wait for a block, looked up by identity and by name.
//! What their texts mean, the rules say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use adit_core::address::Address;
use adit_core::hash::{Hash, sha256};
use adit_core::mempool::Mempool;
use adit_core::node::Node;
use adit_core::rules::Rules;
use adit_core::transaction::{recipient, sender};
use tokio::task::block_in_place;

use crate::handle::{NodeHandle, Stopping};

/// Of the transactions that wait, at most this many are looked through, the
/// newest of those of the classic rules; by its identity, one of a sealed chain
/// is always found.
const PENDING_LOOKED_AT_LIMIT: usize = 10_000;

/// A transaction that waits.
pub struct PendingTransaction {
    /// Its identity.
    pub id: Hash,
    /// Its canonical JSON.
    pub text: Arc<[u8]>,
}

/// Returns the transaction of that identity, if it waits.
pub async fn of_id(node: &NodeHandle, id: Hash) -> Result<Option<Arc<[u8]>>, Stopping> {
    let look = move |node: &Node| match node.mempool() {
        Mempool::Accounts(mempool) => Ok(mempool.get(&id).map(|payment| Arc::clone(&payment.text))),
        Mempool::Queue(_) => Err(newest(node)),
    };
    Ok(match node.inspect(look).await? {
        Ok(found) => found,
        // Identities are worked out here, and not while the driver waits.
        Err(texts) => {
            let find = || texts.into_iter().find(|text| sha256(text) == id);
            block_in_place(find)
        }
    })
}

/// Returns the identities of those that wait which fit.
pub async fn ids_that_fit(
    node: &NodeHandle,
    fits: impl Fn(&Hash) -> bool,
) -> Result<Vec<Hash>, Stopping> {
    let texts = node.inspect(newest).await?;
    let ids = texts.into_iter().map(|text| waiting(node, text).id);
    Ok(block_in_place(|| ids.filter(fits).collect()))
}

/// Returns those that somebody pays or is paid by.
pub async fn of_name(node: &NodeHandle, name: &str) -> Result<Vec<PendingTransaction>, Stopping> {
    let owner: Option<Address> = name.parse().ok();
    let look = move |node: &Node| {
        let sent: Vec<Arc<[u8]>> = match (node.mempool(), &owner) {
            (Mempool::Accounts(mempool), Some(owner)) => {
                let sent = mempool.of_account(owner);
                sent.map(|payment| Arc::clone(&payment.text)).collect()
            }
            _ => Vec::new(),
        };
        (sent, newest(node))
    };
    let (sent, mut others) = node.inspect(look).await?;
    let is_named = |found: Option<String>| found.as_deref() == Some(name);
    let names = |text: &Arc<[u8]>| is_named(sender(text)) || is_named(recipient(text));
    block_in_place(|| others.retain(|text| !sent.contains(text) && names(text)));
    let all = sent.into_iter().chain(others);
    Ok(all.map(|text| waiting(node, text)).collect())
}

/// Returns how many of these wait, by identity.
pub async fn among(
    node: &NodeHandle,
    ids: HashSet<Hash>,
) -> Result<HashMap<Hash, usize>, Stopping> {
    let look = move |node: &Node| match node.mempool() {
        Mempool::Accounts(mempool) => {
            let waiting = ids.into_iter().filter(|id| mempool.get(id).is_some());
            Ok(waiting.map(|id| (id, 1)).collect())
        }
        Mempool::Queue(_) => Err((newest(node), ids)),
    };
    match node.inspect(look).await? {
        Ok(found) => Ok(found),
        Err((texts, ids)) => {
            let mut counts = HashMap::new();
            let found = texts.iter().map(|text| sha256(text));
            for id in found.filter(|id| ids.contains(id)) {
                *counts.entry(id).or_default() += 1;
            }
            Ok(counts)
        }
    }
}

fn newest(node: &Node) -> Vec<Arc<[u8]>> {
    match node.mempool() {
        Mempool::Accounts(mempool) => {
            let some = mempool.iter().take(PENDING_LOOKED_AT_LIMIT);
            some.map(|payment| Arc::clone(&payment.text)).collect()
        }
        Mempool::Queue(mempool) => {
            let newest = mempool.iter().rev().take(PENDING_LOOKED_AT_LIMIT);
            newest.map(|pending| Arc::clone(&pending.text)).collect()
        }
    }
}

/// Returns the identity of a transaction that waits here. In the classics one
/// differs from others only by its text.
pub fn id_of(rules: &dyn Rules, text: &[u8]) -> Hash {
    let payment = rules.read_own_payment(text);
    payment.map_or_else(|| sha256(text), |payment| payment.id)
}

fn waiting(node: &NodeHandle, text: Arc<[u8]>) -> PendingTransaction {
    let id = id_of(&**node.rules(), &text);
    PendingTransaction { id, text }
}

//! The changes of branches that were seen, and what became of the transactions
//! in the blocks that were dropped. Which branch wins, the core decides.

use std::collections::HashMap;

use adit_api::block::BlockSummary;
use adit_api::branch::{
    DroppedTransaction, Fate, Reorganisation, ReorganisationDetails, ReorganisationList, TipAt,
};
use adit_api::page::Page;
use adit_api::search::{FoundKind, SearchResult};
use adit_api::transaction::Place;
use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::reorganisation::{BlockPlace, Reorganisation as Seen, Tip};
use adit_core::transaction::is_reward;
use adit_store::TransactionPlace;
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use crate::handle::NodeHandle;
use crate::history::HistoryAt;
use crate::queries::block;
use crate::queries::error::QueryError;
use crate::queries::mempool::lookup;
use crate::queries::paging::{cursor_of, number_cursor};
use crate::queries::stored::{as_it_stands, hash_of, place_of, read};
use crate::queries::transaction::{Confirmed, PAGE_READ_LIMIT_BYTES, Reading};

/// Of each of the two branches, at most this many blocks are shown, the newest,
const SHOWN_BLOCKS_LIMIT: usize = 100;

/// and this many of the transactions in those that were dropped,
const SHOWN_TRANSACTIONS_LIMIT: usize = 1_000;

/// or fewer, where they are longer together.
const SHOWN_TRANSACTIONS_LIMIT_BYTES: usize = 1024 * 1024;

/// At most this many reorganisations are looked at at a time: both branches may
/// have to be read, each up to `PAGE_READ_LIMIT_BYTES`. Others wait.
const REORGANISATIONS_AT_ONCE_LIMIT: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(REORGANISATIONS_AT_ONCE_LIMIT);

/// Returns the reorganisation to the block of that hash, for a search.
pub async fn search(node: &NodeHandle, name: &str) -> Result<Option<SearchResult>, QueryError> {
    let Some(new_tip) = hash_of(name) else {
        return Ok(None);
    };
    let history = node.history().await?;
    let seen = history.view.reorganisation_to(&new_tip);
    Ok(seen.map_err(QueryError::unreadable)?.map(|_| SearchResult {
        kind: FoundKind::Reorganisation,
        id: new_tip.to_string(),
        label: "the reorganisation that led to this block".to_owned(),
        path: format!("/reorg/{new_tip}"),
    }))
}

/// Returns a page of the reorganisations that were seen.
pub async fn list(node: &NodeHandle, page: &Page) -> Result<ReorganisationList, QueryError> {
    let history = node.history().await?;
    let before = number_cursor(page)?.unwrap_or(u64::MAX);
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let seen = history.view.reorganisations(before, limit + 1);
    let mut seen = seen.map_err(QueryError::unreadable)?;
    let is_last = seen.len() <= limit;
    seen.truncate(limit);
    let last = seen.last().filter(|_| !is_last);
    Ok(ReorganisationList {
        next: last.map(|last| cursor_of(last.sequence)),
        reorganisations: seen
            .iter()
            .map(|one| described(&one.reorganisation))
            .collect(),
    })
}

/// Returns the reorganisation by which that block came to be the tip.
pub async fn details(
    node: &NodeHandle,
    new_tip: Hash,
) -> Result<ReorganisationDetails, QueryError> {
    let history = node.history().await?;
    let seen = history.view.reorganisation_to(&new_tip);
    let seen = seen.map_err(QueryError::unreadable)?.ok_or_else(|| {
        QueryError::not_found(format!(
            "no reorganisation to block {new_tip} was seen here, or it is forgotten"
        ))
    })?;
    let place = PLACES.acquire().await;
    let _place = place.map_err(|_| QueryError::busy("no more is read"))?;
    let branch = |tip| Branch::read(node, &history, tip, seen.fork);
    let (dropped, adopted) = block_in_place(|| (branch(seen.old_tip), branch(seen.new_tip)));
    let (dropped, adopted) = (dropped?, adopted?);
    let (stood, is_cut) = stood_in(node, &dropped.blocks);
    let transactions = fates(node, seen, &stood, &adopted).await?;
    let summary = described(&seen);
    Ok(ReorganisationDetails {
        id: summary.id,
        time_ms: summary.time_ms,
        fork: summary.fork,
        old_tip: summary.old_tip,
        new_tip: summary.new_tip,
        dropped_count: summary.dropped_count,
        adopted_count: summary.adopted_count,
        dropped: dropped.summaries(node, &history)?,
        adopted: adopted.summaries(node, &history)?,
        truncated: is_cut || dropped.is_cut || adopted.is_cut || transactions.len() < stood.len(),
        transactions,
        rule: rule(node, &seen),
    })
}

/// Returns a reorganisation as the API describes it.
pub fn described(seen: &Seen) -> Reorganisation {
    Reorganisation {
        id: seen.new_tip.block.hash.to_string(),
        time_ms: seen.time_ms,
        fork: seen.fork.map(place_of),
        old_tip: tip_at(seen.old_tip),
        new_tip: tip_at(seen.new_tip),
        dropped_count: seen.dropped_count(),
        adopted_count: seen.adopted_count(),
    }
}

fn tip_at(tip: Tip) -> TipAt {
    TipAt {
        index: tip.block.height,
        hash: tip.block.hash.to_string(),
        total_weight: tip.total_weight.to_string(),
    }
}

fn rule(node: &NodeHandle, seen: &Seen) -> String {
    let (old, new) = (seen.old_tip.total_weight, seen.new_tip.total_weight);
    match node.rules().keeps_accounts() {
        true => format!(
            "The chain with the most work wins, of equal ones the first seen: {new} against {old}."
        ),
        false => format!(
            "The longest chain wins, of equal ones the first seen: {new} blocks against {old}."
        ),
    }
}

/// The newest blocks of a branch, the oldest of them first.
struct Branch {
    blocks: Vec<Block>,
    /// Whether there are more.
    is_cut: bool,
}

impl Branch {
    fn read(
        node: &NodeHandle,
        history: &HistoryAt,
        tip: Tip,
        fork: Option<BlockPlace>,
    ) -> Result<Branch, QueryError> {
        let snapshot = &history.snapshot;
        let fork_height = fork.map_or(0, |fork| fork.height);
        let (mut blocks, mut read_bytes) = (Vec::new(), 0);
        let mut next = Some(tip.block.hash);
        let mut height = tip.block.height;
        while let Some(hash) = next
            && height > fork_height
            && blocks.len() < SHOWN_BLOCKS_LIMIT
            && read_bytes < PAGE_READ_LIMIT_BYTES
        {
            let text = snapshot.text(&hash).map_err(QueryError::unreadable)?;
            let Some(block) = read(node, text)? else {
                break;
            };
            read_bytes += block.text().len();
            next = block.parent();
            height -= 1;
            blocks.push(block);
        }
        blocks.reverse();
        Ok(Branch {
            blocks,
            is_cut: height > fork_height,
        })
    }

    fn summaries(
        &self,
        node: &NodeHandle,
        history: &HistoryAt,
    ) -> Result<Vec<BlockSummary>, QueryError> {
        let summary = |one| block::summary(node, &history.snapshot, one);
        self.blocks.iter().map(summary).collect()
    }
}

/// A transaction in a dropped block.
struct Stood<'a> {
    id: Hash,
    text: &'a [u8],
    was: Place,
    is_reward: bool,
}

/// Returns the transactions of the blocks, as many as are shown, and whether
/// there are more.
fn stood_in<'a>(node: &NodeHandle, blocks: &'a [Block]) -> (Vec<Stood<'a>>, bool) {
    let (mut all, mut bytes) = (Vec::new(), 0);
    for block in blocks {
        let ids = node.rules().transaction_ids(block);
        let last = ids.len().saturating_sub(1);
        for ((at, id), text) in ids.into_iter().enumerate().zip(block.transactions()) {
            bytes += text.len();
            let is_too_much = bytes > SHOWN_TRANSACTIONS_LIMIT_BYTES && !all.is_empty();
            if is_too_much || all.len() == SHOWN_TRANSACTIONS_LIMIT {
                return (all, true);
            }
            // In the classics, anybody may write what looks like a reward.
            let can_be_reward = at == last || node.rules().keeps_accounts();
            all.push(Stood {
                id,
                text,
                was: Place {
                    block_index: block.height(),
                    block_hash: block.hash().to_string(),
                    position: u32::try_from(at).unwrap_or(u32::MAX),
                },
                is_reward: can_be_reward && is_reward(text),
            });
        }
    }
    (all, false)
}

/// Returns what became of each. The same transaction may have stood there several
/// times: then as many are looked for.
async fn fates(
    node: &NodeHandle,
    seen: Seen,
    stood: &[Stood<'_>],
    adopted: &Branch,
) -> Result<Vec<DroppedTransaction>, QueryError> {
    let ids = stood.iter().map(|one| one.id).collect();
    let waiting = lookup::among(node, ids).await?;
    // What no longer waits is in a block by now.
    let history = node.history().await?;
    block_in_place(|| fates_in(node, &history, seen, stood, adopted, waiting))
}

fn fates_in(
    node: &NodeHandle,
    history: &HistoryAt,
    seen: Seen,
    stood: &[Stood<'_>],
    adopted: &Branch,
    mut waiting: HashMap<Hash, usize>,
) -> Result<Vec<DroppedTransaction>, QueryError> {
    let mut in_branch = HashMap::<Hash, usize>::new();
    for block in &adopted.blocks {
        for id in node.rules().transaction_ids(block) {
            *in_branch.entry(id).or_default() += 1;
        }
    }
    let main = history.snapshot.main_hash(seen.new_tip.block.height);
    let stands_still = main.map_err(QueryError::unreadable)? == Some(seen.new_tip.block.hash);
    let mut later = Later {
        reading: Reading::new(node, history),
        history,
        fork_height: seen.fork_height(),
        passed: HashMap::new(),
    };
    let mut transactions = Vec::new();
    for one in stood {
        // What became of the others is not known.
        if later.reading.has_read_enough() {
            break;
        }
        let now = match one.is_reward {
            true => None,
            false => later.next(one.id)?,
        };
        let place = now.as_ref().map(|now| now.block.height());
        let is_in_branch = place.is_some_and(|height| height <= seen.new_tip.block.height);
        let fate = if one.is_reward {
            Fate::Lost
        } else if take_one(&mut in_branch, one.id) || (stands_still && is_in_branch) {
            Fate::Moved
        } else if now.is_some() || take_one(&mut waiting, one.id) {
            Fate::Returned
        } else {
            Fate::Lost
        };
        transactions.push(DroppedTransaction {
            id: one.id.to_string(),
            transaction: as_it_stands(one.text)?,
            was: one.was.clone(),
            fate,
            now: now.as_ref().map(Confirmed::place),
        });
    }
    Ok(transactions)
}

fn take_one(counts: &mut HashMap<Hash, usize>, id: Hash) -> bool {
    match counts.get_mut(&id) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// Finds transactions in the main chain behind the fork, each place once.
struct Later<'a> {
    reading: Reading<'a>,
    history: &'a HistoryAt,
    fork_height: u64,
    passed: HashMap<Hash, TransactionPlace>,
}

impl Later<'_> {
    fn next(&mut self, id: Hash) -> Result<Option<Confirmed>, QueryError> {
        let first = TransactionPlace {
            height: self.fork_height + 1,
            position: 0,
        };
        let from = self.passed.get(&id).copied().unwrap_or(first);
        let found = self.history.view.places_from(&id, from, 1);
        let Some(place) = found.map_err(QueryError::unreadable)?.first().copied() else {
            return Ok(None);
        };
        let behind = TransactionPlace {
            position: place.position.saturating_add(1),
            ..place
        };
        self.passed.insert(id, behind);
        if self.reading.has_read_enough() {
            return Ok(None);
        }
        Ok(self.reading.at(place)?.filter(|one| one.id == id))
    }
}

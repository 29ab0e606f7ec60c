//! Hands a block in. What can be judged without the driver's thread is judged
//! before it is asked; the rest the core decides.

use std::sync::Arc;
use std::time::Duration;

use adit_api::offer::{self, Offered};
use adit_core::archive::Archive;
use adit_core::block::{Block, BlockError, HeaderFields};
use adit_core::chain::ChainError;
use adit_core::hash::Hash;
use adit_core::node::{Answer, Outcome};
use adit_core::rules::{Context, Weight};
use adit_store::Snapshot;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::handle::{NodeHandle, Request, Stopping};
use crate::queries::error::QueryError;

/// At most this many blocks are read and checked at a time. Each may take
/// `BLOCK_LIMIT_BYTES`, and a processor while its signatures are checked.
const OFFERS_LIMIT: usize = 8;

/// A block that is there waits this long for one of those places.
const PLACE_TIMEOUT_MS: u64 = 2_000;

static PLACES: Semaphore = Semaphore::const_new(OFFERS_LIMIT);

/// Why a block was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BlockRejected {
    /// It can't be read as a block.
    #[error(transparent)]
    Unreadable(BlockError),
    /// It breaks a rule of the chain, or nobody knows where it belongs.
    #[error("{error}")]
    Refused {
        /// What it says of its place in the chain.
        height: u64,
        /// Its hash, as computed here.
        hash: Hash,
        /// What does not hold.
        error: ChainError,
    },
    /// Other blocks are being checked.
    #[error("other blocks are being checked; try again")]
    Busy,
    /// The check broke; this is a defect.
    #[error("the check of the block failed")]
    Panicked,
    /// What is stored can't be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// Hands in a block: any JSON text of it.
pub async fn submit_block(node: &NodeHandle, body: Bytes) -> Result<Offered, BlockRejected> {
    let limit = Duration::from_millis(PLACE_TIMEOUT_MS);
    let place = timeout(limit, PLACES.acquire()).await;
    let place = place.map_err(|_| BlockRejected::Busy)?;
    let place = place.map_err(|_| BlockRejected::Busy)?;
    let failed = |_| BlockRejected::Panicked;
    let reading = node.clone();
    // The place goes along: a client that leaves does not end the work.
    let read = tokio::task::spawn_blocking(move || (reading.rules().read(&body), place));
    let (block, place) = read.await.map_err(failed)?;
    let block = block.map_err(BlockRejected::Unreadable)?;
    let hash = block.hash();
    // The same block once more is no new work.
    let now = node.now();
    let at_hand = node.inspect(move |node| node.outcome_at_hand(now, &hash));
    let (block, outcome) = match at_hand.await? {
        Some(outcome) => (Arc::new(block), outcome),
        None => {
            let checking = node.clone();
            let check = move || (check(&checking, block), place);
            let (checked, _place) = tokio::task::spawn_blocking(check).await.map_err(failed)?;
            let block = checked?;
            match node
                .request(Request::SubmitBlock(Arc::clone(&block)))
                .await?
            {
                Answer::BlockSubmitted(outcome) => (block, outcome),
                answer => unreachable!("the core answers what became of a block: {answer:?}"),
            }
        }
    };
    Ok(Offered {
        hash: hash.to_string(),
        index: block.height(),
        outcome: match outcome {
            Outcome::Refused(error) => return Err(refused(&block, error)),
            Outcome::Extended => offer::Outcome::Extended,
            Outcome::Side => offer::Outcome::Side,
            Outcome::Reorganised => offer::Outcome::Reorganised,
            Outcome::Known => offer::Outcome::Known,
            Outcome::Deferred => offer::Outcome::HeldBack,
        },
    })
}

/// Checks what needs neither the tree nor the accounts. The signatures come
/// last: anyone who wants to keep us busy has to work for it.
fn check(node: &NodeHandle, block: Block) -> Result<Arc<Block>, BlockRejected> {
    let rules = node.rules();
    let refused = |error: BlockError| refused(&block, ChainError::Invalid(error));
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    let entry = snapshot.entry(&block.hash());
    if entry.map_err(QueryError::unreadable)?.is_some() {
        return Ok(Arc::new(block));
    }
    rules.check_stateless(&block).map_err(refused)?;
    let stored = |hash| snapshot.header(&hash).map_err(QueryError::unreadable);
    let Some(parent) = block.parent().map(stored).transpose()?.flatten() else {
        // The node says what that means; it may have come just now.
        return Ok(Arc::new(block));
    };
    let grandparent = parent.parent.map(stored).transpose()?.flatten();
    let context = Context {
        parent: &parent,
        grandparent: grandparent.as_ref(),
        now: node.now(),
    };
    match rules.check_contextual(context, &block) {
        Err(error) if error.ahead_until_ms().is_none() => return Err(refused(error)),
        _ => {}
    }
    // What does not weigh enough, the node refuses before it looks at signatures.
    if is_worth_a_check(node, &snapshot, &parent, &block)? {
        // The block keeps the answer: the node refuses it, and remembers that.
        let _ = rules.check_signatures(&block, &|_, _| false);
    }
    Ok(Arc::new(block))
}

/// Whether a block is heavy enough to be taken, on the main chain as it is now:
/// what is not, costs no check of signatures.
fn is_worth_a_check(
    node: &NodeHandle,
    snapshot: &Snapshot,
    parent: &HeaderFields,
    block: &Block,
) -> Result<bool, QueryError> {
    let (rules, view) = (node.rules(), node.status());
    let before = snapshot
        .entry(&parent.hash)
        .map_err(QueryError::unreadable)?;
    let before = before.map_or(Weight::ZERO, |entry| entry.total_weight);
    let weight = rules.weight(block.header());
    if before.saturating_add(weight) > view.total_weight {
        return Ok(true);
    }
    if !rules.proof_is_for_content() {
        return Ok(false);
    }
    let tip = view.tip.map(|tip| snapshot.header(&tip)).transpose();
    let tip = tip.map_err(QueryError::unreadable)?.flatten();
    Ok(tip.is_none_or(|tip| weight >= rules.weight(&tip)))
}

fn refused(block: &Block, error: ChainError) -> BlockRejected {
    BlockRejected::Refused {
        height: block.height(),
        hash: block.hash(),
        error,
    }
}

//! `POST /api/v1/blocks`: anybody may offer a block. What can be judged without
//! the node's thread is judged before it is asked; what the node decides then
//! is said in so many words.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::{BLOCK_LIMIT_BYTES, Block, BlockError, HeaderFields};
use adit_core::chain::{ChainError, SIDE_DEPTH_LIMIT};
use adit_core::node::{Answer, Outcome};
use adit_core::rules::{Context, Weight};
use adit_store::Snapshot;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::driver::{NodeHandle, Request, now};
use crate::explorer::problem::Problem;
use crate::http::body::read_body;

/// At most so many blocks are read and checked at a time. Each may take
/// `BLOCK_LIMIT_BYTES`, and a processor while its signatures are checked.
const OFFERS_LIMIT: usize = 8;

/// A block that is there waits this long for one of those places.
const PLACE_TIMEOUT_MS: u64 = 2_000;

static PLACES: Semaphore = Semaphore::const_new(OFFERS_LIMIT);

/// What became of an offered block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Offered {
    /// The block's hash, as the node computed it.
    pub hash: String,
    /// The block's index.
    pub index: u64,
    /// `extended`: it is the tip. `reorganised`: so it is, on another branch.
    /// `side`: it stands beside the main chain. `known`: it was there already.
    /// `held-back`: its time has not come.
    pub outcome: String,
}

/// Offers a block: any JSON text of it.
#[utoipa::path(post, path = "/api/v1/blocks", tag = "blocks", operation_id = "offerBlock", request_body = serde_json::Value,
    responses((status = 200, description = "It was taken, or known", body = Offered),
        (status = 400, description = "A problem document: `rule` names what does not hold")))]
pub(super) async fn offer(
    State(node): State<NodeHandle>,
    body: Body,
) -> Result<Json<Offered>, Problem> {
    // Who only says that a block will come takes nobody's place.
    let body = read_body(body, BLOCK_LIMIT_BYTES).await?;
    let limit = Duration::from_millis(PLACE_TIMEOUT_MS);
    let place = timeout(limit, PLACES.acquire()).await;
    let busy = || Problem::busy("other blocks are being checked; try again");
    let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
    let failed = |_| Problem::busy("the check of the block failed");
    let reading = node.clone();
    // The place goes along: a client that leaves does not end the work.
    let read = tokio::task::spawn_blocking(move || (reading.rules().read(&body), place));
    let (block, place) = read.await.map_err(failed)?;
    let block = block.map_err(|error| Problem::block(error.rule(), error, None))?;
    let (hash, index) = (block.hash(), block.index());
    // The same block again is no new work.
    let at_hand = node.look(move |node| node.outcome_at_hand(now(), &hash));
    let (block, outcome) = match at_hand.await? {
        Some(outcome) => (Arc::new(block), outcome),
        None => {
            let checking = node.clone();
            let check = move || (check(&checking, block), place);
            let (checked, _place) = tokio::task::spawn_blocking(check).await.map_err(failed)?;
            let block = checked?;
            match node.request(Request::Offer(Arc::clone(&block))).await? {
                Answer::Offered(outcome) => (block, outcome),
                _ => return Err(Problem::busy("the block was not looked at; try again")),
            }
        }
    };
    let outcome = match outcome {
        Outcome::Refused(error) => return Err(refused(&block, &error)),
        Outcome::Extended => "extended",
        Outcome::Side => "side",
        Outcome::Reorganised => "reorganised",
        Outcome::Known => "known",
        Outcome::HeldBack => "held-back",
    };
    let hash = hash.to_string();
    Ok(Json(Offered {
        hash,
        index,
        outcome: outcome.to_owned(),
    }))
}

/// Checks what needs neither the tree nor the accounts. The signatures come
/// last: whoever wants to keep us busy has to work for it.
fn check(node: &NodeHandle, block: Block) -> Result<Arc<Block>, Problem> {
    let rules = node.rules();
    let refused = |error: BlockError| refused(&block, &ChainError::Invalid(error));
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let entry = snapshot.entry(&block.hash());
    if entry.map_err(Problem::unreadable)?.is_some() {
        return Ok(Arc::new(block));
    }
    rules.check_form(&block).map_err(refused)?;
    let stored = |hash| snapshot.header(&hash).map_err(Problem::unreadable);
    let Some(parent) = block.parent().map(stored).transpose()?.flatten() else {
        // The node says what that means; it may have come just now.
        return Ok(Arc::new(block));
    };
    let grandparent = parent.parent.map(stored).transpose()?.flatten();
    let context = Context {
        parent: &parent,
        grandparent: grandparent.as_ref(),
        now: now(),
    };
    match rules.check_after(context, &block) {
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
) -> Result<bool, Problem> {
    let (rules, view) = (node.rules(), node.view());
    let before = snapshot.entry(&parent.hash).map_err(Problem::unreadable)?;
    let before = before.map_or(Weight::ZERO, |entry| entry.total_weight);
    let weight = rules.weight(block.header());
    if before.saturating_add(weight) > view.total_weight {
        return Ok(true);
    }
    if !rules.proof_is_for_content() || block.index().saturating_add(SIDE_DEPTH_LIMIT) < view.length
    {
        return Ok(false);
    }
    let tip = view.tip.map(|tip| snapshot.header(&tip)).transpose();
    let tip = tip.map_err(Problem::unreadable)?.flatten();
    Ok(tip.is_none_or(|tip| weight >= rules.weight(&tip)))
}

fn refused(block: &Block, error: &ChainError) -> Problem {
    let about = Some((block.index(), block.hash()));
    Problem::block(error.rule(), error, about)
}

//! Transactions by their identity: `POST /api/v1/tx` takes one, the others say
//! where it stands and prove it.

use std::sync::Arc;

use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::merkle;
use adit_core::node::Answer;
use adit_core::pool::Pool;
use adit_core::sealed::header_text;
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::body::read_body;
use super::problem::Problem;
use super::stored::{as_it_stands, block_at, read_hash};
use crate::driver::{NodeHandle, Request};

/// Where a transaction stands.
#[derive(Debug, Serialize)]
pub(super) struct TransactionState {
    id: String,
    /// `pending` or `confirmed`.
    status: &'static str,
    transaction: Box<RawValue>,
    /// Of the block that holds it, if one does.
    block_index: Option<u64>,
    block_hash: Option<String>,
    /// In the block, where the reward is 0.
    position: Option<u32>,
    /// The blocks from that one on.
    confirmations: u64,
}

/// What proves that a transaction is in a block, given the block's header.
#[derive(Debug, Serialize)]
pub(super) struct MerkleProof {
    id: String,
    transaction: Box<RawValue>,
    position: u32,
    /// The number of transactions in the block.
    leaf_count: usize,
    /// The siblings on the way to the root, the nearest first (RFC 6962).
    path: Vec<String>,
    /// What the block's work commits to.
    header: Box<RawValue>,
    /// The proof of work.
    proof: u64,
    block_hash: String,
    block_index: u64,
}

/// A transaction in a block of the main chain.
struct Confirmed {
    block: Block,
    position: u32,
    length: u64,
}

pub(super) async fn submit(
    State(node): State<NodeHandle>,
    body: Body,
) -> Result<Response, Response> {
    let body = read_body(body, TRANSACTION_LIMIT_BYTES).await?;
    let submitted = node.rules().read_transaction(&body);
    let submitted =
        submitted.map_err(|error| Problem::transaction(error.rule(), error).into_response())?;
    let id = submitted.id().map(|id| id.to_string());
    let answer = node.request(Request::Transaction(submitted)).await;
    let answer = answer.map_err(|error| Problem::from(error).into_response())?;
    match answer {
        Answer::Accepted { block_index } => {
            let message = format!("Transaction will be added to Block {block_index}");
            let body = Json(json!({ "id": id, "message": message }));
            Ok((StatusCode::CREATED, body).into_response())
        }
        Answer::NotPending(error) => Err(Problem::transaction(error.rule(), error)),
        Answer::PoolFull(full) => Err(Problem::busy(full)),
        _ => Err(Problem::busy("the transaction was not taken; try again")),
    }
    .map_err(IntoResponse::into_response)
}

pub(super) async fn state(
    State(node): State<NodeHandle>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<TransactionState>, Problem> {
    let id = read_hash(&id?.0, "a transaction's id")?;
    // The waiting ones first: what leaves them is in a block by then.
    let waiting = node
        .look(move |node| match node.pool() {
            Pool::Accounts(pool) => pool.get(&id).map(|payment| Arc::clone(&payment.text)),
            Pool::Queue(_) => None,
        })
        .await?;
    if let Some(text) = waiting {
        return Ok(Json(TransactionState {
            id: id.to_string(),
            status: "pending",
            transaction: as_it_stands(&text)?,
            block_index: None,
            block_hash: None,
            position: None,
            confirmations: 0,
        }));
    }
    let found = find(&node, &id)?;
    Ok(Json(TransactionState {
        id: id.to_string(),
        status: "confirmed",
        transaction: as_it_stands(found.text())?,
        block_index: Some(found.block.index()),
        block_hash: Some(found.block.hash().to_string()),
        position: Some(found.position),
        confirmations: (found.length + 1).saturating_sub(found.block.index()),
    }))
}

pub(super) async fn proof(
    State(node): State<NodeHandle>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<MerkleProof>, Problem> {
    let id = read_hash(&id?.0, "a transaction's id")?;
    let found = find(&node, &id)?;
    let block = &found.block;
    let leaves: Vec<Hash> = block.transactions().map(merkle::leaf).collect();
    let path = merkle::audit_path(&leaves, found.position as usize).unwrap_or_default();
    Ok(Json(MerkleProof {
        id: id.to_string(),
        transaction: as_it_stands(found.text())?,
        position: found.position,
        leaf_count: leaves.len(),
        path: path.iter().map(ToString::to_string).collect(),
        header: as_it_stands(&header_text(block.text()))?,
        proof: block.proof(),
        block_hash: block.hash().to_string(),
        block_index: block.index(),
    }))
}

impl Confirmed {
    fn text(&self) -> &[u8] {
        let mut transactions = self.block.transactions();
        transactions.nth(self.position as usize).unwrap_or_default()
    }
}

/// Looks a transaction up on the main chain.
fn find(node: &NodeHandle, id: &Hash) -> Result<Confirmed, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let places = snapshot.transaction_places(id);
    for (index, position) in places.map_err(Problem::unreadable)? {
        // The index knows the first half of the identity.
        let Some(block) = block_at(node, &snapshot, index)? else {
            continue;
        };
        if node.rules().transaction_ids(&block).get(position as usize) == Some(id) {
            let length = snapshot.length();
            return Ok(Confirmed {
                block,
                position,
                length,
            });
        }
    }
    Err(Problem::not_found(format!(
        "transaction {id} is neither in a block of the main chain nor waiting for one"
    )))
}

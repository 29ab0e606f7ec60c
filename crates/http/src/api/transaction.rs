//! Transactions by their identity: `POST /api/v1/tx` takes one, the others say
//! where it stands and prove it.

use adit_api::page::Page;
use adit_api::transaction::{MerkleProof, Sent, TransactionDetails, TransactionStatus};
use adit_core::hash::Hash;
use adit_core::merkle;
use adit_core::sealed::header_text;
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use adit_node::commands::submit;
use adit_node::handle::NodeHandle;
use adit_node::queries::stored::{as_it_stands, read_hash};
use adit_node::queries::transaction;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use crate::body::read_json;
use crate::etag::json_by_content;
use crate::extract::{Path, Query};
use crate::form_body::RawJson;
use crate::link::next_page;
use crate::problem::Problem;

/// Takes a transaction, which then waits for a block.
#[utoipa::path(post, path = "/api/v1/tx", tag = "transactions", operation_id = "sendTransaction", request_body = ref("#/components/schemas/NewTransaction"),
    responses((status = 201, description = "It waits", body = Sent)))]
pub(super) async fn submit(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let wanted = RawJson::transaction("/api/v1/tx", node.rules().keeps_accounts());
    let body = read_json(body, TRANSACTION_LIMIT_BYTES, wanted, &headers).await?;
    let accepted = submit::submit(&node, &body).await?;
    let sent = Sent {
        id: accepted.id.to_string(),
        message: accepted.message(),
    };
    Ok((StatusCode::CREATED, Json(sent)))
}

/// A transaction that waits or stands in a block, and all places where it
/// stands: in the classics the same one may stand in several.
#[utoipa::path(get, path = "/api/v1/tx/{id}", tag = "transactions", operation_id = "getTransaction",
    params(("id" = String, Path, description = "64 lower-case hex digits"), Page),
    responses((status = 200, description = "The transaction, and a page of its places", body = TransactionDetails),
        (status = 304, description = "It is the same")))]
pub(super) async fn details(
    State(node): State<NodeHandle>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = read_hash(&id, "a transaction's id")?;
    let details = transaction::details(&node, id, &page).await?;
    let link = next_page(&uri, &page, details.next.as_ref());
    json_by_content(&headers, link, &details)
}

/// How far a transaction is.
#[utoipa::path(get, path = "/api/v1/tx/{id}/status", tag = "transactions", operation_id = "getTransactionStatus",
    params(("id" = String, Path, description = "64 lower-case hex digits")),
    responses((status = 200, description = "How far it is", body = TransactionStatus),
        (status = 304, description = "It is the same")))]
pub(super) async fn status(
    State(node): State<NodeHandle>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = read_hash(&id, "a transaction's id")?;
    let status = transaction::status(&node, id).await?;
    json_by_content(&headers, (), &status)
}

/// What proves that a transaction is in a block (RFC 6962).
#[utoipa::path(get, path = "/api/v1/tx/{id}/merkle-proof", tag = "transactions",
    operation_id = "getMerkleProof",
    params(("id" = String, Path, description = "64 lower-case hex digits")),
    responses((status = 200, description = "The proof", body = MerkleProof),
        (status = 409, description = "The classics have no Merkle trees")))]
pub(super) async fn proof(
    State(node): State<NodeHandle>,
    Path(id): Path<String>,
) -> Result<Json<MerkleProof>, Problem> {
    let id = read_hash(&id, "a transaction's id")?;
    if !node.rules().keeps_accounts() {
        return Err(Problem::not_here(
            "under the classic rules, a block's hash is over all of its text, and there is no \
             Merkle tree",
        ));
    }
    let found = transaction::confirmed(&node, id).await?;
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
        block_index: block.height(),
    }))
}

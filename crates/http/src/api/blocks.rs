//! Blocks by index and by hash, under Esplora's names: what stands where, and
//! the exact bytes. What never changes may be kept for ever; what follows the
//! tip has an ETag of the tip.

use adit_api::block::{BlockList, BlockSummary};
use adit_api::page::Page;
use adit_api::preimage::Preimage;
use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;
use adit_node::queries::preimage;
use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::answer::json_text;
use crate::etag::{Tag, if_changed};
use crate::extract::{Path, Query};
use crate::link::next_page;
use crate::problem::Problem;

/// What never changes is not asked for again for a year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The main chain, the newest blocks first.
#[utoipa::path(get, path = "/api/v1/blocks", tag = "blocks", operation_id = "listBlocks", params(Page),
    responses((status = 200, description = "A page of them", body = BlockList),
        (status = 304, description = "The tip is the same")))]
pub(super) async fn list(
    State(node): State<NodeHandle>,
    Query(page): Query<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let list = block::list(&node, &snapshot, &page).await?;
    let tag = Tag::of_tip(&snapshot);
    Ok(if_changed(&headers, &tag).unwrap_or_else(|| {
        let link = next_page(&uri, &page, list.next.as_ref());
        (tag, link, Json(list)).into_response()
    }))
}

/// A block, on the main chain or beside it.
#[utoipa::path(get, path = "/api/v1/block/{hash}", tag = "blocks", operation_id = "getBlock",
    params(("hash" = String, Path, description = "The block's hash")),
    responses((status = 200, description = "The block without its transactions", body = BlockSummary),
        (status = 304, description = "The tip is the same")))]
pub(super) async fn block(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let block = block::of_hash(&node, &snapshot, &hash).await?;
    let tag = Tag::of_tip(&snapshot);
    if let Some(unchanged) = if_changed(&headers, &tag) {
        return Ok(unchanged);
    }
    let summary = block::summary(&node, &snapshot, &block)?;
    Ok((tag, Json(summary)).into_response())
}

/// The canonical text: what is hashed under the classic rules.
#[utoipa::path(get, path = "/api/v1/block/{hash}/raw", tag = "blocks", operation_id = "getBlockText",
    params(("hash" = String, Path, description = "The block's hash")),
    responses((status = 200, description = "The block, byte for byte", body = serde_json::Value),
        (status = 304, description = "It never changes")))]
pub(super) async fn raw(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    text_of(&node, &hash, &headers, Block::text).await
}

/// What was hashed of the block, letter by letter, and which guess its proof is.
#[utoipa::path(get, path = "/api/v1/block/{hash}/preimage", tag = "blocks", operation_id = "getPreimage",
    params(("hash" = String, Path, description = "The block's hash")),
    responses((status = 200, description = "What was hashed", body = Preimage),
        (status = 304, description = "It never changes")))]
pub(super) async fn preimage(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let preimage = preimage::preimage(&node, &snapshot, &hash).await?;
    Ok(for_ever(&headers, Tag(hash), Json(preimage)))
}

/// The list of transactions, as it stands in the block.
#[utoipa::path(get, path = "/api/v1/block/{hash}/txs", tag = "blocks", operation_id = "getBlockTransactions",
    params(("hash" = String, Path, description = "The block's hash")),
    responses((status = 200, description = "The list, byte for byte", body = Vec<serde_json::Value>),
        (status = 304, description = "It never changes")))]
pub(super) async fn transactions(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    text_of(&node, &hash, &headers, Block::transactions_text).await
}

/// The hash of the main chain's block at that index.
#[utoipa::path(get, path = "/api/v1/block-height/{index}", tag = "blocks", operation_id = "getBlockHash",
    params(("index" = u64, Path, description = "The block's index; the genesis block's is 1")),
    responses((status = 200, description = "64 lower-case hex digits", body = String),
        (status = 304, description = "The tip is the same")))]
pub(super) async fn hash_at(
    State(node): State<NodeHandle>,
    Path(index): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let height: u64 = index
        .parse()
        .map_err(|_| Problem::malformed("a block's index is a number; the genesis block's is 1"))?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let hash = snapshot.main_hash(height).map_err(Problem::unreadable)?;
    let length = snapshot.length();
    let none = || Problem::not_found(format!("the chain has the blocks 1 to {length}"));
    let hash = hash.ok_or_else(none)?.to_string();
    let tag = Tag::of_tip(&snapshot);
    Ok(if_changed(&headers, &tag).unwrap_or_else(|| (tag, hash).into_response()))
}

/// The hash of the last block.
#[utoipa::path(get, path = "/api/v1/blocks/tip/hash", tag = "blocks", operation_id = "getTipHash",
    responses((status = 200, description = "64 lower-case hex digits", body = String),
        (status = 304, description = "The tip is the same")))]
pub(super) async fn tip_hash(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    let tip = node.status().tip;
    let tip = tip.map(|tip| tip.to_string()).unwrap_or_default();
    let tag = Tag(tip.clone());
    if_changed(&headers, &tag).unwrap_or_else(|| (tag, tip).into_response())
}

/// The index of the last block, which is the number of blocks.
#[utoipa::path(get, path = "/api/v1/blocks/tip/height", tag = "blocks", operation_id = "getTipIndex",
    responses((status = 200, description = "A decimal number", body = String),
        (status = 304, description = "The tip is the same")))]
pub(super) async fn tip_height(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    let view = node.status();
    let tip = view.tip.map(|tip| tip.to_string());
    let tag = Tag(tip.unwrap_or_default());
    if_changed(&headers, &tag).unwrap_or_else(|| (tag, view.length.to_string()).into_response())
}

/// Answers with a part of a block, byte for byte as it was hashed.
async fn text_of(
    node: &NodeHandle,
    hash: &str,
    headers: &HeaderMap,
    part: fn(&Block) -> &[u8],
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let block = block::to_be_sent(node, &snapshot, hash).await?;
    let text = json_text(StatusCode::OK, part(&block).to_vec());
    Ok(for_ever(headers, Tag::of_hash(&block.hash()), text))
}

/// Answers with what never changes.
fn for_ever(headers: &HeaderMap, tag: Tag, answer: impl IntoResponse) -> Response {
    if_changed(headers, &tag).unwrap_or_else(|| {
        let cached: [(HeaderName, &str); 1] = [(CACHE_CONTROL, FOR_EVER)];
        (cached, tag, answer).into_response()
    })
}

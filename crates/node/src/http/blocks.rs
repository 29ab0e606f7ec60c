//! Blocks by index and by hash, under Esplora's names: what stands where, and
//! the exact bytes. What never changes may be kept for ever; what follows the
//! tip has an ETag of the tip.

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::json::member;
use adit_store::Snapshot;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, ETAG, LINK};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::json_text;
use super::etag::is_known;
use super::problem::Problem;
use super::stored::{as_it_stands, block_at, read, read_hash};
use crate::driver::NodeHandle;

/// A page has at most so many blocks,
const PAGE_LIMIT_BLOCKS: u64 = 100;

/// and so many if nobody says.
const PAGE_BLOCKS: u64 = 25;

/// What never changes is not asked for again for a year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A block without its transactions.
#[derive(Debug, Serialize)]
struct BlockView {
    index: u64,
    hash: String,
    previous_hash: Box<RawValue>,
    timestamp: Option<Box<RawValue>>,
    proof: u64,
    transaction_count: usize,
    size_bytes: usize,
    on_main_chain: bool,
    /// The blocks of the main chain from this one on; 0 beside it.
    confirmations: u64,
}

/// Which page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    /// Where an earlier page ended, as its `next` said.
    cursor: Option<String>,
    /// How many are wanted.
    limit: Option<u64>,
}

/// A page of blocks, the newest first.
#[derive(Debug, Serialize)]
struct BlockList {
    blocks: Vec<BlockView>,
    /// The cursor of the next page, unless this is the last.
    next: Option<String>,
}

pub(super) async fn list(
    State(node): State<NodeHandle>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let etag = tip_etag(&snapshot);
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    let length = snapshot.length();
    let first = match &page.cursor {
        None => length,
        Some(cursor) => read_cursor(cursor)?.min(length),
    };
    let limit = page
        .limit
        .unwrap_or(PAGE_BLOCKS)
        .clamp(1, PAGE_LIMIT_BLOCKS);
    let last = first.saturating_sub(limit);
    let mut blocks = Vec::new();
    for index in (last + 1..=first).rev() {
        blocks.push(view(&at(&node, &snapshot, index)?, &snapshot)?);
    }
    let next = (last > 0).then(|| format!("{last:x}"));
    let link = next.as_ref().map(|cursor| {
        let path = format!("</api/v1/blocks?cursor={cursor}&limit={limit}>; rel=\"next\"");
        [(LINK, path)]
    });
    Ok(([(ETAG, etag)], link, Json(BlockList { blocks, next })).into_response())
}

pub(super) async fn block(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let block = of_hash(&node, &snapshot, &hash)?;
    let etag = tip_etag(&snapshot);
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(([(ETAG, etag)], Json(view(&block, &snapshot)?)).into_response())
}

/// The canonical text: what is hashed under the classic rules.
pub(super) async fn raw(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let block = of_hash(&node, &snapshot, &hash)?;
    Ok(for_ever(block.text().to_vec()))
}

/// The list of transactions, as it stands in the block.
pub(super) async fn transactions(
    State(node): State<NodeHandle>,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let block = of_hash(&node, &snapshot, &hash)?;
    Ok(for_ever(block.transactions_text().to_vec()))
}

/// The hash of the main chain's block at that index, as plain text.
pub(super) async fn hash_at(
    State(node): State<NodeHandle>,
    Path(index): Path<String>,
) -> Result<String, Problem> {
    let index: u64 = index
        .parse()
        .map_err(|_| Problem::malformed("a block's index is a number; the genesis block's is 1"))?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let hash = snapshot.main_hash(index).map_err(Problem::unreadable)?;
    let length = snapshot.length();
    let none = || Problem::not_found(format!("the chain has the blocks 1 to {length}"));
    Ok(hash.ok_or_else(none)?.to_string())
}

pub(super) async fn tip_hash(State(node): State<NodeHandle>) -> String {
    let tip = node.view().tip;
    tip.map(|tip| tip.to_string()).unwrap_or_default()
}

pub(super) async fn tip_height(State(node): State<NodeHandle>) -> String {
    node.view().length.to_string()
}

fn view(block: &Block, snapshot: &Snapshot) -> Result<BlockView, Problem> {
    let main = snapshot.main_hash(block.index());
    let on_main_chain = main.map_err(Problem::unreadable)? == Some(block.hash());
    let above = (snapshot.length() + 1).saturating_sub(block.index());
    Ok(BlockView {
        index: block.index(),
        hash: block.hash().to_string(),
        previous_hash: as_it_stands(block.previous_hash())?,
        timestamp: member(block.text(), "timestamp")
            .map(as_it_stands)
            .transpose()?,
        proof: block.proof(),
        transaction_count: block.transactions().count(),
        size_bytes: block.text().len(),
        on_main_chain,
        confirmations: if on_main_chain { above } else { 0 },
    })
}

fn at(node: &NodeHandle, snapshot: &Snapshot, index: u64) -> Result<Block, Problem> {
    let none = || Problem::not_found(format!("there is no block {index}"));
    block_at(node, snapshot, index)?.ok_or_else(none)
}

fn of_hash(node: &NodeHandle, snapshot: &Snapshot, hash: &str) -> Result<Block, Problem> {
    let hash = read_hash(hash, "a block's hash")?;
    let text = snapshot.text(&hash).map_err(Problem::unreadable)?;
    let none = || Problem::not_found(format!("there is no block {hash} here"));
    read(node, text)?.ok_or_else(none)
}

fn read_cursor(cursor: &str) -> Result<u64, Problem> {
    let wrong = |_| Problem::malformed("the cursor is none that this node has given");
    u64::from_str_radix(cursor, 16).map_err(wrong)
}

fn tip_etag(snapshot: &Snapshot) -> String {
    let tip = snapshot.tip().map(|tip| tip.to_string());
    format!("\"{}\"", tip.unwrap_or_default())
}

fn for_ever(text: Vec<u8>) -> Response {
    let cached: [(HeaderName, &str); 1] = [(CACHE_CONTROL, FOR_EVER)];
    (cached, json_text(StatusCode::OK, text)).into_response()
}

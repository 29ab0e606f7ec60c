//! What follows the blocks that a client has, so that nobody who has most of a
//! chain reads it again. Where a client's blocks end and ours go on, the core
//! finds; how blocks are read while they are sent is not known here.

use std::sync::Arc;

use adit_api::after::{After, CompactHeaders};
use adit_api::branch::BlockAt;
use adit_api::headers::CHAIN_HEADER;
use adit_core::archive::Archive;
use adit_core::hash::write_hex;
use adit_core::sealed::{COMPACT_HEADER_BYTES, COMPACT_HEADER_FORMAT, CompactHeader};
use adit_core::sync::Locator;
use adit_node::handle::NodeHandle;
use adit_node::queries::headers::{HeadersBehind, headers_behind};
use adit_store::Snapshot;
use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::accept::best_of;
use crate::answer::named_as_process;
use crate::chain_body::lines_body;
use crate::etag::{Tag, if_changed};
use crate::extract::Query;
use crate::problem::Problem;

/// An answer has at most this many blocks,
const BLOCKS_AFTER_LIMIT: u64 = 4_000;

/// and is at most this long, unless its only block is longer.
const BLOCKS_AFTER_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

const JSON: &str = "application/json";

const BYTES: &str = "application/octet-stream";

/// The blocks of the main chain behind the highest one that the locator names, each
/// on a line, the oldest first.
#[utoipa::path(get, path = "/api/v1/blocks/after", tag = "blocks", operation_id = "getBlocksAfter", params(After),
    responses((status = 200, description = "Their canonical texts, as many as one answer holds; `ETag` names the last block of the \
            main chain, `adit-chain` says its height, and what the chain weighs", body = String, content_type = "application/x-ndjson"),
        (status = 204, description = "There are none: one of the blocks is the last one"),
        (status = 304, description = "The tip is the same"),
        (status = 404, description = "None of the blocks is in the main chain")))]
pub(super) async fn blocks(
    State(node): State<NodeHandle>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let locator = read_locator(&after)?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let tag = Tag::of_tip(&snapshot);
    if let Some(unchanged) = if_changed(&headers, &tag) {
        return Ok(unchanged);
    }
    let Some(fork) = fork(&locator, &snapshot)? else {
        return Ok(named_as_process(&node, not_in_main_chain().into_response()));
    };
    let stretch = snapshot.stretch_from(
        fork.saturating_add(1),
        BLOCKS_AFTER_LIMIT,
        BLOCKS_AFTER_LIMIT_BYTES,
    );
    let stretch = stretch.map_err(Problem::unreadable)?;
    if stretch.bytes == 0 {
        // What peers are told all day: as short as it can be.
        return Ok((tag, StatusCode::NO_CONTENT).into_response());
    }
    let weight = match snapshot.tip() {
        Some(tip) => snapshot.entry(&tip).map_err(Problem::unreadable)?,
        None => None,
    };
    let weight = weight.map(|entry| entry.total_weight).unwrap_or_default();
    let chain = [(CHAIN_HEADER, format!("{} {weight}", snapshot.length()))];
    let lines = lines_body(snapshot, stretch, Arc::clone(node.answers_memory()));
    Ok(named_as_process(&node, (tag, chain, lines).into_response()))
}

/// The headers of the main chain behind the highest block that the locator names, the
/// oldest first; of a sealed chain alone.
#[utoipa::path(get, path = "/api/v1/headers", tag = "blocks", operation_id = "getHeaders", params(After),
    responses((status = 200, description = "What of each header does not follow from the two before it; `ETag` names the last \
            block of the main chain", content((CompactHeaders = "application/json"), (String = "application/octet-stream"))),
        (status = 204, description = "There are none: one of the blocks is the last one"),
        (status = 304, description = "The tip is the same"),
        (status = 404, description = "None of the blocks is in the main chain"),
        (status = 409, description = "Under these rules a header by itself proves nothing")))]
pub(super) async fn headers(
    State(node): State<NodeHandle>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let locator = read_locator(&after)?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let tag = Tag::of_tip(&snapshot);
    if let Some(unchanged) = if_changed(&headers, &tag) {
        return Ok(unchanged);
    }
    let fork = fork(&locator, &snapshot)?.ok_or_else(not_in_main_chain)?;
    // Everybody has the genesis block.
    let found = headers_behind(&node, &snapshot, fork.max(1)).await?;
    if found.headers.is_empty() {
        return Ok((tag, StatusCode::NO_CONTENT).into_response());
    }
    let vary = [(VARY, HeaderValue::from(ACCEPT))];
    Ok(match best_of(&headers, &[JSON, BYTES]) {
        BYTES => {
            let kind = [(CONTENT_TYPE, HeaderValue::from_static(BYTES))];
            (tag, vary, kind, as_bytes(&found)).into_response()
        }
        _ => (tag, vary, Json(as_json(&found))).into_response(),
    })
}

fn as_json(found: &HeadersBehind) -> CompactHeaders {
    let hex = |header: &CompactHeader| {
        let mut hex = [0; 2 * COMPACT_HEADER_BYTES];
        write_hex(&header.to_bytes(), &mut hex);
        String::from_utf8_lossy(&hex).into_owned()
    };
    CompactHeaders {
        format: COMPACT_HEADER_FORMAT,
        start: BlockAt {
            index: found.height,
            hash: found.hash.to_string(),
        },
        headers: found.headers.iter().map(hex).collect(),
    }
}

/// The format, height and hash of the block before, and then the headers.
fn as_bytes(found: &HeadersBehind) -> Vec<u8> {
    let mut bytes = vec![COMPACT_HEADER_FORMAT];
    bytes.extend_from_slice(&found.height.to_be_bytes());
    bytes.extend_from_slice(&found.hash.0);
    for header in &found.headers {
        bytes.extend_from_slice(&header.to_bytes());
    }
    bytes
}

fn read_locator(after: &After) -> Result<Locator, Problem> {
    let text = after.locator.as_deref().unwrap_or_default();
    text.parse().map_err(Problem::malformed)
}

/// Returns the height behind which the answer begins: 0 where no block is named.
fn fork(locator: &Locator, snapshot: &Snapshot) -> Result<Option<u64>, Problem> {
    if locator.is_empty() {
        return Ok(Some(0));
    }
    let highest = locator.highest_in_main_chain(snapshot);
    highest.map_err(Problem::unreadable)
}

fn not_in_main_chain() -> Problem {
    Problem::not_found(
        "none of these blocks is in the main chain here: name older ones too, or none, to begin \
         with the first block",
    )
}

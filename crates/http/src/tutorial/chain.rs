//! `GET /chain`: all blocks, byte for byte as they were hashed. How they are read
//! while they are sent is not known here.

use std::sync::Arc;

use adit_api::headers::{BLOCKS_AFTER, SYNC_HEADER};
use adit_node::handle::NodeHandle;
use axum::extract::State;
use axum::http::header::VARY;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::answer::{named, unreadable};
use crate::chain_body::chain_body;
use crate::etag::{Tag, if_changed};

pub(super) async fn chain(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    if headers
        .get(SYNC_HEADER)
        .is_some_and(|way| way == BLOCKS_AFTER)
    {
        let told = [(SYNC_HEADER, BLOCKS_AFTER), (VARY.as_str(), SYNC_HEADER)];
        return named(&node, (StatusCode::NO_CONTENT, told).into_response());
    }
    let snapshot = match node.reader().snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return unreadable(&error),
    };
    let tag = Tag::of_tip(&snapshot);
    let response = if_changed(&headers, &tag).unwrap_or_else(|| {
        let head = "{\"chain\":[".to_owned();
        let tail = format!("],\"length\":{}}}", snapshot.length());
        let memory = Arc::clone(node.answers_memory());
        (tag, chain_body(head, snapshot, tail, memory)).into_response()
    });
    named(&node, response)
}

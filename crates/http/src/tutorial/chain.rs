//! `GET /chain`: all blocks, byte for byte as they were hashed. How they are read
//! while they are sent is not known here.

use std::sync::Arc;

use adit_api::headers::{INSTANCE_HEADER, NODE_HEADER};
use adit_node::handle::NodeHandle;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::answer::unreadable;
use crate::chain_body::chain_body;
use crate::etag::{Tag, if_changed};

pub(super) async fn chain(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    let snapshot = match node.reader().snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return unreadable(&error),
    };
    let tag = Tag::of_tip(&snapshot);
    let mut response = if_changed(&headers, &tag).unwrap_or_else(|| {
        let head = "{\"chain\":[".to_owned();
        let tail = format!("],\"length\":{}}}", snapshot.length());
        let memory = Arc::clone(node.answers_memory());
        (tag, chain_body(head, snapshot, tail, memory)).into_response()
    });
    let headers = response.headers_mut();
    if let Ok(node_id) = HeaderValue::try_from(node.node_id()) {
        headers.insert(NODE_HEADER, node_id);
    }
    if let Ok(instance_id) = HeaderValue::try_from(node.instance_id()) {
        headers.insert(INSTANCE_HEADER, instance_id);
    }
    response
}

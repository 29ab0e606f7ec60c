//! What several handlers answer in the same way: JSON as it stands, and in plain
//! text what was wrong and what to do instead. When to answer so, they decide.

use adit_api::headers::{INSTANCE_HEADER, NODE_HEADER};
use adit_node::handle::NodeHandle;
use adit_node::queries::error::log_unreadable;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// A request that can't be taken as it is.
pub(super) fn bad_request(problem: impl ToString) -> Response {
    (StatusCode::BAD_REQUEST, problem.to_string()).into_response()
}

/// A request that could be taken later.
pub(super) fn busy(problem: impl ToString) -> Response {
    let retry = [(RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, problem.to_string()).into_response()
}

/// Returns JSON as it stands.
pub(super) fn json_text(status: StatusCode, text: Vec<u8>) -> Response {
    json_bytes(status, text.into())
}

/// Returns JSON as it stands, which others hold too.
pub(super) fn json_bytes(status: StatusCode, text: Bytes) -> Response {
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], text).into_response()
}

/// A block that nobody could be rewarded for.
pub(super) fn nobody_to_reward() -> Response {
    let text = "this node has no address that its blocks are rewarded to: start it with \
                --reward-to ADDRESS (`adit wallet new` makes one)\n";
    (StatusCode::CONFLICT, text).into_response()
}

/// The disk failed under the node: nothing that a client could mend.
pub(super) fn unreadable(error: &dyn std::error::Error) -> Response {
    busy(log_unreadable(error))
}

/// Says in an answer for peers which node this is, and which process.
pub(super) fn named(node: &NodeHandle, mut response: Response) -> Response {
    if let Ok(name) = HeaderValue::try_from(node.node_id()) {
        response.headers_mut().insert(NODE_HEADER, name);
    }
    named_as_process(node, response)
}

/// Says in an answer for peers, who know which node this is, that it still is the same
/// process.
pub(super) fn named_as_process(node: &NodeHandle, mut response: Response) -> Response {
    if let Ok(instance) = HeaderValue::try_from(node.instance_id()) {
        response.headers_mut().insert(INSTANCE_HEADER, instance);
    }
    response
}

//! Which ids of requests are fit to be written into the log, where a request is
//! found again by its id. How an id is made, and put into the answer, is known to
//! `tower-http`.

use adit_node::handle::NodeHandle;
use axum::Router;
use axum::extract::Request;
use axum::http::HeaderName;
use axum::middleware::map_request;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

/// The id of a request: the client's, or one that was made here.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client's longer id is replaced by one of ours.
pub(crate) const REQUEST_ID_LIMIT_BYTES: usize = 64;

/// These paths, where each request has an id, and its answer the same.
pub(crate) fn layered(paths: Router<NodeHandle>) -> Router<NodeHandle> {
    // The first of them sees a request first.
    paths.layer((
        map_request(without_unfit),
        SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
        PropagateRequestIdLayer::new(REQUEST_ID),
    ))
}

async fn without_unfit(mut request: Request) -> Request {
    let given = request.headers().get(REQUEST_ID);
    if given.is_some_and(|id| !is_fit(id.as_bytes())) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

fn is_fit(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=REQUEST_ID_LIMIT_BYTES).contains(&id.len()) && id.iter().all(is_plain)
}

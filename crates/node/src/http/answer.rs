//! What the node says when it does not do what was asked: always the status,
//! what was wrong, and what to do instead, as plain text.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::driver::Stopping;

/// What there is, for whoever asks for something else.
const ENDPOINTS: &str = "\
GET  /mine
POST /transactions/new
GET  /chain
POST /nodes/register
GET  /nodes/resolve
GET  /api/v1/status
GET  /api/v1/address/{address}
POST /api/v1/tx
GET  /api/v1/tx/{id}
GET  /api/v1/tx/{id}/merkle-proof
POST /api/v1/dev/reset
GET  /metrics
";

/// A request that can't be taken as it is.
pub(super) fn bad_request(problem: impl ToString) -> Response {
    (StatusCode::BAD_REQUEST, problem.to_string()).into_response()
}

/// A request that could be taken later.
pub(super) fn busy(problem: impl ToString) -> Response {
    let retry = [(RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, problem.to_string()).into_response()
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let text = format!("there is nothing at {}; there is\n{ENDPOINTS}", uri.path());
    (StatusCode::NOT_FOUND, text).into_response()
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let allowed = match path {
        "/transactions/new" | "/nodes/register" | "/api/v1/tx" | "/api/v1/dev/reset" => "POST",
        "/mine" | "/nodes/resolve" => "GET",
        _ => "GET, HEAD",
    };
    let text = format!("{method} does nothing at {path}; use {allowed}\n");
    let mut response = (StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// JSON as it stands.
pub(super) fn json_text(status: StatusCode, text: Vec<u8>) -> Response {
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

/// Logs that, and answers what a client is told.
pub(super) fn log_unreadable(error: &dyn std::error::Error) -> &'static str {
    tracing::error!(%error, "the chain can't be read");
    "the chain can't be read; the node's log says why"
}

impl IntoResponse for Stopping {
    fn into_response(self) -> Response {
        busy(self)
    }
}

//! What the node says when it does not do what was asked: always the status,
//! what was wrong, and what to do instead: as a problem document in the API, as
//! plain text elsewhere.

use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::api::{Endpoint, allowed_methods, endpoints};
use super::envelope;
use crate::problem::Problem;
use adit_node::queries::error::log_unreadable;

/// A request that can't be taken as it is.
pub(super) fn bad_request(problem: impl ToString) -> Response {
    (StatusCode::BAD_REQUEST, problem.to_string()).into_response()
}

/// A request that could be taken later.
pub(super) fn busy(problem: impl ToString) -> Response {
    let retry = [(RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, problem.to_string()).into_response()
}

/// There is nothing at that path.
pub(super) async fn not_found(uri: Uri) -> Response {
    let path = uri.path();
    if envelope::speaks_problems(path) {
        let problem = format!("there is nothing at {path}; /openapi.json lists what there is");
        return Problem::not_found(problem).into_response();
    }
    let mut text = format!("there is nothing at {path}; there is\n");
    for Endpoint { method, path } in endpoints() {
        text += &format!("{method:<6} {path}\n");
    }
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The path is there, but not for that method.
pub(super) async fn method_not_allowed(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let allowed = allowed_methods(path);
    // Of the pages, which are not described, the router itself knows.
    let hint = allowed.as_deref().unwrap_or("what the header Allow lists");
    let text = format!("{method} does nothing at {path}; use {hint}\n");
    let mut response = match envelope::speaks_problems(path) {
        true => Problem::method_not_allowed(text).into_response(),
        false => (StatusCode::METHOD_NOT_ALLOWED, text).into_response(),
    };
    let allowed = allowed.and_then(|allowed| HeaderValue::try_from(allowed).ok());
    response
        .headers_mut()
        .extend(allowed.map(|allowed| (ALLOW, allowed)));
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

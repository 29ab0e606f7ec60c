//! What every answer of the API has around it: an id, by which its request is
//! found in the log again, and the word that pages of other sites may read it.
//! Reading is open to all of them, changing to none. The tutorial's endpoints
//! and the pages have nothing of this.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::problem::Problem;

/// The id of a request: the client's, or one that was made here.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client's longer id is replaced by one of ours.
pub(super) const REQUEST_ID_LIMIT_BYTES: usize = 64;

/// The headers of an answer that a page of another site may read besides the
/// plainest ones.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, Location, Retry-After, X-Request-Id");

/// The headers that such a page may send.
const ALLOWED: HeaderValue = HeaderValue::from_static("If-None-Match, Last-Event-ID, X-Request-Id");

/// Whether answers to this path are in an envelope.
pub(super) fn is_for(path: &str) -> bool {
    speaks_problems(path) || path == "/metrics" || path == "/openapi.json"
}

/// Whether what goes wrong at this path is told as a problem document.
pub(super) fn speaks_problems(path: &str) -> bool {
    ["/api", "/health", "/problems"].iter().any(|area| {
        let below = path.strip_prefix(area);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The id of a request, which goes into its answer and into the log.
pub(super) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| is_valid(id.as_bytes()));
    given.cloned().unwrap_or_else(|| {
        let made = Uuid::new_v4().to_string();
        HeaderValue::try_from(made).expect("a UUID is hex digits and hyphens")
    })
}

fn is_valid(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=REQUEST_ID_LIMIT_BYTES).contains(&id.len()) && id.iter().all(is_plain)
}

/// The answer to a browser that asks whether a page of another site may send a
/// request (a preflight), if this is such a question.
pub(super) fn preflight(request: &Request) -> Option<Response> {
    let headers = request.headers();
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    if request.method() != Method::OPTIONS || !headers.contains_key(ORIGIN) {
        return None;
    }
    if wanted != "GET" && wanted != "HEAD" {
        let problem = "a page of another site may only read here (GET and HEAD)";
        return Some(Problem::foreign(problem).into_response());
    }
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD"),
        ),
        (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
        (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
    ];
    Some((StatusCode::NO_CONTENT, headers, Body::empty()).into_response())
}

/// Puts around an answer what belongs there.
pub(super) fn close(method: &Method, id: HeaderValue, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    if matches!(*method, Method::GET | Method::HEAD) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

//! What lets pages of other sites read an answer. Reading is open to all of them,
//! changing to none. Which answers that holds for, the area says.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The headers of an answer that a page of another site may read besides the
/// plainest ones.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, Location, Retry-After, X-Request-Id");

/// The headers that such a page may send.
const ALLOWED: HeaderValue = HeaderValue::from_static("If-None-Match, Last-Event-ID, X-Request-Id");

/// Returns the answer to a browser that asks whether a page of another site may
/// send a request (a preflight), if this is such a question.
pub(crate) fn preflight(request: &Request) -> Option<Response> {
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

/// Lets pages of other sites read an answer, if it only reads.
pub(crate) fn let_read(method: &Method, response: &mut Response) {
    if matches!(*method, Method::GET | Method::HEAD) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

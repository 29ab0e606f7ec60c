//! Whether a client has already what it asks for.

use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, HeaderValue};

/// Whether `If-None-Match` names this ETag (RFC 9110, 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    known.into_iter().any(|value| names(value, etag))
}

fn names(header: &HeaderValue, etag: &str) -> bool {
    let list = header.to_str().unwrap_or_default();
    list.split(',')
        .map(|item| item.trim().trim_start_matches("W/"))
        .any(|item| item == etag || item == "*")
}

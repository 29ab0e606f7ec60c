//! Whether a client already has what it asks for. What follows the tip has the
//! tip's hash for its ETag, what never changes its own name, everything else
//! the hash of what is sent. What an answer says is not known here.

use std::convert::Infallible;
use std::fmt;

use adit_core::hash::{Hash, sha256};
use adit_store::Snapshot;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use serde::Serialize;

use crate::problem::Problem;

/// An ETag without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag(pub(super) String);

impl Tag {
    /// Returns the tag of what changes only with the tip.
    pub(super) fn of_tip(snapshot: &Snapshot) -> Tag {
        let tip = snapshot.tip().map(|tip| tip.to_string());
        Tag(tip.unwrap_or_default())
    }

    /// Returns the tag of what has this hash for its name.
    pub(super) fn of_hash(hash: &Hash) -> Tag {
        Tag(hash.to_string())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl IntoResponseParts for Tag {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Ok(etag) = HeaderValue::try_from(self.to_string()) {
            parts.headers_mut().insert(ETAG, etag);
        }
        Ok(parts)
    }
}

/// Returns that nothing has changed (304), if the client has what this tag names.
pub(super) fn if_changed(headers: &HeaderMap, tag: &Tag) -> Option<Response> {
    is_known(headers, &tag.to_string())
        .then(|| (StatusCode::NOT_MODIFIED, tag.clone(), ()).into_response())
}

/// Returns JSON that has its own hash for its ETag.
pub(super) fn json_by_content(
    headers: &HeaderMap,
    parts: impl IntoResponseParts,
    content: &impl Serialize,
) -> Result<Response, Problem> {
    let text = serde_json::to_vec(content).map_err(Problem::unreadable)?;
    let tag = Tag::of_hash(&sha256(&text));
    Ok(if_changed(headers, &tag).unwrap_or_else(|| {
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (parts, tag, json, text).into_response()
    }))
}

/// Whether `If-None-Match` names this ETag (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    known.into_iter().any(|value| names(value, etag))
}

fn names(header: &HeaderValue, etag: &str) -> bool {
    let list = header.to_str().unwrap_or_default();
    list.split(',')
        .map(|item| item.trim().trim_start_matches("W/"))
        .any(|item| item == etag || item == "*")
}

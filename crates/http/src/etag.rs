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
    let known = known_as(headers, &tag.to_string())?;
    Some((StatusCode::NOT_MODIFIED, [(ETAG, known)]).into_response())
}

/// Returns the weak form of a tag, which says what is sent and not how it is
/// packed.
pub(super) fn weakened(etag: &HeaderValue) -> Option<HeaderValue> {
    let etag = etag.to_str().ok()?;
    HeaderValue::try_from(format!("W/{etag}")).ok()
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

/// Returns this ETag as `If-None-Match` names it, if it does (RFC 9110, 13.1.2):
/// in the weak form where the client has what was packed. What the crate `headers` makes of
/// that line says only whether, and not in which form.
fn known_as(headers: &HeaderMap, etag: &str) -> Option<HeaderValue> {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let items = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    let strong = HeaderValue::try_from(etag).ok()?;
    let mut known = None;
    for item in items {
        if item == etag || item == "*" {
            return Some(strong);
        }
        if item.strip_prefix("W/") == Some(etag) {
            known = weakened(&strong);
        }
    }
    known
}

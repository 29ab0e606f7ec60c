//! `/assets/...`: the style sheet, the modules and the icon, as they stand in
//! this binary. What they do is not known here.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::etag::is_known;

/// A browser keeps a file, and asks each time whether it is still the same.
const CHECKED_EACH_TIME: &str = "no-cache";

/// Every file: its name, its type, its text.
const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", CSS, include_str!("../../assets/style.css")),
    ("icon.svg", SVG, include_str!("../../assets/icon.svg")),
    ("page.js", JS, include_str!("../../assets/page.js")),
    ("live.js", JS, include_str!("../../assets/live.js")),
    ("verify.css", CSS, include_str!("../../assets/verify.css")),
    ("accounts.js", JS, include_str!("../../assets/accounts.js")),
    ("address.js", JS, include_str!("../../assets/address.js")),
    ("block.js", JS, include_str!("../../assets/block.js")),
    (
        "canonical.js",
        JS,
        include_str!("../../assets/canonical.js"),
    ),
    (
        "chain-source.js",
        JS,
        include_str!("../../assets/chain-source.js"),
    ),
    ("cost.js", JS, include_str!("../../assets/cost.js")),
    ("dom.js", JS, include_str!("../../assets/dom.js")),
    ("finding.js", JS, include_str!("../../assets/finding.js")),
    (
        "json-number.js",
        JS,
        include_str!("../../assets/json-number.js"),
    ),
    ("merkle.js", JS, include_str!("../../assets/merkle.js")),
    (
        "mine-worker.js",
        JS,
        include_str!("../../assets/mine-worker.js"),
    ),
    ("miner.js", JS, include_str!("../../assets/miner.js")),
    ("morph.js", JS, include_str!("../../assets/morph.js")),
    ("search.js", JS, include_str!("../../assets/search.js")),
    ("sha256.js", JS, include_str!("../../assets/sha256.js")),
    (
        "signature.js",
        JS,
        include_str!("../../assets/signature.js"),
    ),
    (
        "tamper-copy.js",
        JS,
        include_str!("../../assets/tamper-copy.js"),
    ),
    (
        "tamper-page.js",
        JS,
        include_str!("../../assets/tamper-page.js"),
    ),
    ("target.js", JS, include_str!("../../assets/target.js")),
    (
        "verify-block.js",
        JS,
        include_str!("../../assets/verify-block.js"),
    ),
    (
        "verify-page.js",
        JS,
        include_str!("../../assets/verify-page.js"),
    ),
    ("verify.js", JS, include_str!("../../assets/verify.js")),
];

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((_, kind, text)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", adit_core::hash::sha256(text.as_bytes()));
    if is_known(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response();
    }
    let headers = [
        (CONTENT_TYPE, *kind),
        (CACHE_CONTROL, CHECKED_EACH_TIME),
        (ETAG, &etag),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, *text).into_response()
}

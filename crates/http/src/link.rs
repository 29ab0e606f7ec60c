//! Where the next page of a list is, as a header (RFC 8288). What is listed is not
//! known here.

use adit_api::page::Page;
use axum::http::header::LINK;
use axum::http::{HeaderName, Uri};

/// Returns the header, if there is a next page of what was asked for.
pub(super) fn next_page(
    uri: &Uri,
    page: &Page,
    next: Option<&String>,
) -> Option<[(HeaderName, String); 1]> {
    let (path, limit) = (uri.path(), page.limit());
    next.map(|cursor| {
        [(
            LINK,
            format!("<{path}?cursor={cursor}&limit={limit}>; rel=\"next\""),
        )]
    })
}

//! The id by which a request is found again in the log. What it asks for is not
//! known here.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use uuid::Uuid;

/// The id of a request: the client's, or one that was made here.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client's longer id is replaced by one of ours.
pub(crate) const REQUEST_ID_LIMIT_BYTES: usize = 64;

/// Returns the id of a request, which goes into its answer and into the log.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
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

/// Puts into an answer which id its request has.
pub(crate) fn put(id: HeaderValue, response: &mut Response) {
    response.headers_mut().insert(REQUEST_ID, id);
}

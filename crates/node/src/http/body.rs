//! Reads the bodies of requests: so long, in so much time, and no more.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::answer::bad_request;

/// A request's body must be there within this time.
const BODY_TIMEOUT_MS: u64 = 10_000;

/// Reads a body of bounded length in bounded time, or says why not.
pub(super) async fn read_body(body: Body, limit_bytes: usize) -> Result<bytes::Bytes, Response> {
    // What is said to be too long need not come to be refused.
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(too_long(limit_bytes));
    }
    let reading = axum::body::to_bytes(body, limit_bytes);
    match timeout(Duration::from_millis(BODY_TIMEOUT_MS), reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => Err(too_long(limit_bytes)),
        Ok(Err(error)) => Err(bad_request(format!("the body could not be read: {error}"))),
        Err(_) => {
            let text = format!("the body was not whole after {BODY_TIMEOUT_MS} ms\n");
            Err((StatusCode::REQUEST_TIMEOUT, text).into_response())
        }
    }
}

fn too_long(limit_bytes: usize) -> Response {
    let text = format!("the body is longer than {limit_bytes} bytes\n");
    (StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

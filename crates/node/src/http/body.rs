//! Reads the bodies of requests: so long, in so much time, and no more.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::explorer::problem::Problem;

/// A request's body must be there within this time.
const BODY_TIMEOUT_MS: u64 = 10_000;

/// Why a body was not read. To the tutorial's clients it is plain text, to the
/// API's a problem document.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is longer than {0} bytes\n")]
    TooLong(usize),
    #[error("the body was not whole after {BODY_TIMEOUT_MS} ms\n")]
    TooSlow,
    #[error("the body could not be read: {0}")]
    Broken(axum::Error),
}

/// Reads a body of bounded length in bounded time, or says why not.
pub(super) async fn read_body(body: Body, limit_bytes: usize) -> Result<bytes::Bytes, BodyError> {
    // What is said to be too long need not come to be refused.
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(BodyError::TooLong(limit_bytes));
    }
    let reading = axum::body::to_bytes(body, limit_bytes);
    match timeout(Duration::from_millis(BODY_TIMEOUT_MS), reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => Err(BodyError::TooLong(limit_bytes)),
        Ok(Err(error)) => Err(BodyError::Broken(error)),
        Err(_) => Err(BodyError::TooSlow),
    }
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

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let status = match self {
            BodyError::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken(_) => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match error {
            BodyError::TooLong(_) => Problem::too_long(error),
            BodyError::TooSlow => Problem::too_slow(error),
            BodyError::Broken(_) => Problem::malformed(error),
        }
    }
}

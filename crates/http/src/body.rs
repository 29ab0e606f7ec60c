//! Reads the bodies of requests, of bounded length in bounded time. What they
//! hold together has a bound as well. What a body says is not known here.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use adit_node::memory::{MemoryBudget, Reservation};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::answer::busy;
use crate::form_body::{RawJson, is_form};
use crate::held::{FREE_BYTES, HeldBytes};
use crate::problem::Problem;

/// A request's body must be there within this time.
const BODY_TIMEOUT_MS: u64 = 10_000;

/// All bodies that are longer than `FREE_BYTES` hold together at most this much.
const BODIES_LIMIT_BYTES: usize = 64 * 1024 * 1024;

static MEMORY: LazyLock<Arc<MemoryBudget>> =
    LazyLock::new(|| MemoryBudget::new(BODIES_LIMIT_BYTES));

/// Why a body was not read. To the tutorial's clients it is plain text, to the
/// API's a problem document.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is longer than {0} bytes\n")]
    TooLong(usize),
    #[error("the body was not whole after {BODY_TIMEOUT_MS} ms\n")]
    TooSlow,
    #[error("the body could not be read: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    #[error("too many long bodies are being read; try again\n")]
    NoRoom,
    #[error("the body is a form, and JSON is wanted; send raw JSON, like this:\n\n    {line}\n")]
    Form {
        /// What to type.
        line: String,
    },
}

/// Reads a body of bounded length in bounded time, or says why not.
pub(super) async fn read_body(body: Body, limit_bytes: usize) -> Result<Bytes, BodyError> {
    // A body that is said to be too long is refused before it comes.
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(BodyError::TooLong(limit_bytes));
    }
    let limit = Duration::from_millis(BODY_TIMEOUT_MS);
    let read = timeout(limit, read_counted(body, limit_bytes)).await;
    read.unwrap_or(Err(BodyError::TooSlow))
}

/// Reads a body that should be JSON.
pub(super) async fn read_json(
    body: Body,
    limit_bytes: usize,
    wanted: RawJson,
    headers: &HeaderMap,
) -> Result<Bytes, BodyError> {
    let body = read_body(body, limit_bytes).await?;
    match is_form(&body) {
        true => Err(BodyError::Form {
            line: wanted.line(headers),
        }),
        false => Ok(body),
    }
}

/// Counts what has come: what was only said to come holds nothing.
async fn read_counted(body: Body, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let mut body = Limited::new(body, limit_bytes);
    let (mut read, mut share) = (Vec::new(), Reservation::of(&MEMORY));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => BodyError::TooLong(limit_bytes),
            false => BodyError::Broken(error),
        })?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        read.extend_from_slice(&bytes);
        let uncounted = read.len() - share.bytes();
        if uncounted > FREE_BYTES && !share.take_part(uncounted) {
            return Err(BodyError::NoRoom);
        }
    }
    Ok(HeldBytes::counted(read, share))
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let status = match self {
            BodyError::NoRoom => return busy(self),
            BodyError::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken(_) | BodyError::Form { .. } => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match error {
            BodyError::TooLong(_) => Problem::too_long(error),
            BodyError::TooSlow => Problem::too_slow(error),
            BodyError::Broken(_) | BodyError::Form { .. } => Problem::malformed(error),
            BodyError::NoRoom => Problem::busy(error),
        }
    }
}

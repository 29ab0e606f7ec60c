//! `/api/v1/dev/state`: a chain to develop on as a file. It comes and goes in pieces,
//! so that no more than a few of them are held, however long it is.

use std::io::{self, Read};
use std::pin::pin;
use std::time::Duration;

use adit_api::development::LoadedState;
use adit_node::commands::saved_state::{self, StatePlace};
use adit_node::handle::NodeHandle;
use adit_node::saved_state::{DEV_STATE_LIMIT_BYTES, SavedState};
use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use futures_util::stream;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::development::{block, time};
use crate::held::FREE_BYTES;
use crate::problem::Problem;

/// The next piece of it must be there within this time.
const DEV_STATE_PIECE_TIMEOUT_MS: u64 = 10_000;

/// This many pieces wait to be read.
const DEV_STATE_PIECES_LIMIT: usize = 4;

/// Writes the chain down: its blocks, what waits, how its clock is set. POST takes it
/// back.
#[utoipa::path(get, path = "/api/v1/dev/state", tag = "development", operation_id = "saveState",
    responses((status = 200, description = "The state, one JSON text a line", body = String, content_type = "application/x-ndjson"),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn save(State(node): State<NodeHandle>) -> Result<Response, Problem> {
    let saved = saved_state::save(&node).await?;
    let body = Body::from_stream(stream::unfold(Some(saved), next_piece));
    let lines = HeaderValue::from_static("application/x-ndjson");
    Ok(([(CONTENT_TYPE, lines)], body).into_response())
}

type Saving = (SavedState, StatePlace);

async fn next_piece(saving: Option<Saving>) -> Option<(io::Result<Bytes>, Option<Saving>)> {
    let (mut state, place) = saving?;
    let read = spawn_blocking(move || (state.next_piece(FREE_BYTES), state)).await;
    match read {
        Ok((Ok(piece), state)) => Some((Ok(piece?.into()), Some((state, place)))),
        Ok((Err(error), _)) => Some((Err(io::Error::other(error)), None)),
        Err(error) => Some((Err(io::Error::other(error)), None)),
    }
}

/// Makes the chain what a state says: all of it or nothing. Its snapshots are gone
/// then.
#[utoipa::path(post, path = "/api/v1/dev/state", tag = "development", operation_id = "loadState",
    request_body(content = String, description = "What GET answered", content_type = "application/x-ndjson"),
    responses((status = 200, description = "The chain as it is now", body = LoadedState),
        (status = 409, description = "It is no development chain, or no state of this one (`rule`)")))]
pub(super) async fn load(
    State(node): State<NodeHandle>,
    body: Body,
) -> Result<Json<LoadedState>, Problem> {
    if body.size_hint().lower() > DEV_STATE_LIMIT_BYTES {
        return Err(too_long());
    }
    let (pieces, coming) = mpsc::channel(DEV_STATE_PIECES_LIMIT);
    let reader = Pieces {
        coming,
        piece: Bytes::new(),
    };
    let mut loading = pin!(saved_state::load(&node, reader));
    let loaded = tokio::select! {
        // What the body is missing says more than that it ends.
        biased;
        fed = feed(body, pieces) => {
            fed?;
            loading.await
        }
        // What is refused need not come first.
        refused = &mut loading => refused,
    };
    let loaded = loaded?;
    Ok(Json(LoadedState {
        block: block(loaded.tip),
        pending: loaded.pending_count,
        left_out: loaded.left_out_count,
        time: time(loaded.time),
    }))
}

fn too_long() -> Problem {
    Problem::too_long(format!(
        "the state is longer than {DEV_STATE_LIMIT_BYTES} bytes; `adit dev --state FILE` takes it \
         at the start"
    ))
}

/// Hands the body on, piece by piece, as long as somebody wants it.
async fn feed(mut body: Body, pieces: mpsc::Sender<io::Result<Bytes>>) -> Result<(), Problem> {
    let (limit, mut bytes) = (Duration::from_millis(DEV_STATE_PIECE_TIMEOUT_MS), 0_u64);
    loop {
        let problem = match timeout(limit, body.frame()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(frame))) => {
                let Ok(piece) = frame.into_data() else {
                    continue;
                };
                bytes = bytes.saturating_add(piece.len() as u64);
                if bytes <= DEV_STATE_LIMIT_BYTES {
                    match pieces.send(Ok(piece)).await {
                        Ok(()) => continue,
                        // It was refused before its end.
                        Err(_) => return Ok(()),
                    }
                }
                too_long()
            }
            Ok(Some(Err(error))) => Problem::malformed(format!("the body broke off: {error}")),
            Err(_) => Problem::too_slow(format!(
                "nothing more of the body came for {DEV_STATE_PIECE_TIMEOUT_MS} ms"
            )),
        };
        // A client that reads it must not take what there is for all of it.
        let _ = pieces.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
        return Err(problem);
    }
}

/// The pieces of a body, read on a thread that may wait for them.
struct Pieces {
    coming: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.coming.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

//! A chain, or blocks of it, as the body of an answer: read from the log piece by
//! piece while it is sent, from one consistent snapshot, whatever happens to the chain
//! meanwhile. The blocks' bytes go out as they were hashed; what they say is not
//! known here.

use std::sync::Arc;

use adit_api::headers::BLOCK_LINES;
use adit_node::memory::{MemoryBudget, Reservation};
use adit_node::repeated;
use adit_store::{Joint, MainStretch, Snapshot, StoreError, TextPosition};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::held::{Counted, FREE_BYTES, HeldBytes};
use crate::problem::Problem;

/// A piece of the body is about this long; a longer block comes in several.
/// Where most of what answers may hold is taken, it is as long as one that
/// needs no room there: a slow reader of a chain keeps no other answer away.
const PIECE_BYTES: usize = 1024 * 1024;

/// Returns `head`, the snapshot's whole chain as the contents of a JSON list, and
/// `tail`.
pub(super) fn chain_body(
    head: String,
    snapshot: Snapshot,
    tail: String,
    memory: Arc<MemoryBudget>,
) -> Response {
    let length = snapshot.length();
    let stretch = MainStretch {
        first: 1,
        last: length,
        // Between two blocks is a comma.
        bytes: snapshot.main_bytes() + length.saturating_sub(1),
    };
    let source = Source {
        snapshot,
        stretch,
        joint: Joint::Comma,
        tail,
        memory,
    };
    body(head, source, "application/json")
}

/// Returns some blocks of the snapshot's chain, one at least, each on a line of its own.
pub(super) fn lines_body(
    snapshot: Snapshot,
    stretch: MainStretch,
    memory: Arc<MemoryBudget>,
) -> Response {
    let source = Source {
        snapshot,
        stretch,
        joint: Joint::Newline,
        tail: "\n".to_owned(),
        memory,
    };
    body(String::new(), source, BLOCK_LINES)
}

fn body(head: String, source: Source, kind: &'static str) -> Response {
    let bytes = source.stretch.bytes + (head.len() + source.tail.len()) as u64;
    let source = Arc::new(source);
    let start = TextPosition {
        height: source.stretch.first,
        offset: 0,
    };
    let first = source.read_piece(start, head.into_bytes());
    let body = match first {
        // Nothing is sent yet, so that it can be said.
        Err(error) => return Problem::unreadable(error).into_response(),
        // The usual case in a class: all of it is one piece, sent at once.
        Ok(Piece { bytes, next: None }) => Body::from(bytes),
        first => Body::from_stream(stream::unfold(Ahead::Read(first), move |ahead| {
            next_piece(ahead, Arc::clone(&source))
        })),
    };
    let mut response = body.into_response();
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.extensions_mut().insert(Counted { bytes });
    response
}

struct Piece {
    bytes: Bytes,
    /// Where the next piece begins.
    next: Option<TextPosition>,
}

/// The piece after the one that is being sent: while the client takes one,
/// the next is read.
enum Ahead {
    Read(Result<Piece, StoreError>),
    Reading(JoinHandle<Result<Piece, StoreError>>),
    Nothing,
}

async fn next_piece(ahead: Ahead, source: Arc<Source>) -> Option<(std::io::Result<Bytes>, Ahead)> {
    let piece = match ahead {
        Ahead::Read(piece) => piece.map_err(std::io::Error::other),
        Ahead::Reading(task) => match task.await {
            Ok(piece) => piece.map_err(std::io::Error::other),
            Err(error) => Err(std::io::Error::other(error)),
        },
        Ahead::Nothing => return None,
    };
    match piece {
        Ok(Piece {
            bytes,
            next: Some(from),
        }) => {
            let joint = match from.offset {
                0 => vec![source.joint.byte()],
                _ => Vec::new(),
            };
            let task = spawn_blocking(move || source.read_piece(from, joint));
            Some((Ok(bytes), Ahead::Reading(task)))
        }
        Ok(Piece { bytes, next: None }) => Some((Ok(bytes), Ahead::Nothing)),
        Err(error) => {
            if let Some(left_out) = repeated::turn("chain-body") {
                tracing::error!(%error, left_out, "a chain could not be sent whole");
            }
            Some((Err(error), Ahead::Nothing))
        }
    }
}

/// What a body is read from.
struct Source {
    snapshot: Snapshot,
    stretch: MainStretch,
    joint: Joint,
    tail: String,
    /// What the answers share that are being sent.
    memory: Arc<MemoryBudget>,
}

impl Source {
    fn read_piece(&self, from: TextPosition, mut bytes: Vec<u8>) -> Result<Piece, StoreError> {
        let all_bytes = usize::try_from(self.stretch.bytes).unwrap_or(usize::MAX);
        let wanted_bytes = PIECE_BYTES.min(all_bytes);
        let mut share = Reservation::of(&self.memory);
        let is_free = wanted_bytes <= FREE_BYTES;
        let mut has_room = || !self.memory.is_mostly_taken() && share.take_part(wanted_bytes);
        let piece_bytes = match is_free || has_room() {
            true => wanted_bytes,
            false => FREE_BYTES,
        };
        bytes.reserve(piece_bytes + self.tail.len());
        let (last, joint, snapshot) = (self.stretch.last, self.joint, &self.snapshot);
        let next = snapshot.read_main_in_parts(from, last, joint, piece_bytes, &mut bytes)?;
        let is_last = next.height > last;
        if is_last {
            bytes.extend_from_slice(self.tail.as_bytes());
        }
        Ok(Piece {
            bytes: HeldBytes::counted(bytes, share),
            next: (!is_last).then_some(next),
        })
    }
}

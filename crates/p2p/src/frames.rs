//! Frames on a talk: `u32 length, u8 type, body`, as the codec of `adit-net` has
//! them. A frame that was begun has to go on at a pace, and long ones have room in
//! one budget for all peers. What they say is not known here.

use std::sync::Arc;
use std::time::Duration;

use adit_net::codec::{DecodeError, LENGTH_BYTES, check_head, decode};
use adit_net::message::Message;
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A frame has to be there, or to have been taken, within this time, and what its
/// length allows at [`PACE_BYTES_PER_SECOND`].
pub const FRAME_TIMEOUT_MS: u64 = 20_000;

/// A peer has to read and write at least this fast.
pub const PACE_BYTES_PER_SECOND: u64 = 16 * 1024;

/// Long messages that have come, or are coming, take at most this much until they
/// are decided on; further ones wait. Short ones, one a peer, are not counted.
pub const INBOX_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Longer messages are counted, and come only in answer to a question.
pub const SHORT_MESSAGE_BYTES: usize = 256 * 1024;

/// Room is made for this much at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Room for long messages.
#[derive(Debug, Clone)]
pub(crate) struct Inbox(Arc<Semaphore>);

/// A message, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(crate) struct ReadFrame {
    pub(crate) message: Message,
    pub(crate) room: Option<OwnedSemaphorePermit>,
    pub(crate) bytes: usize,
}

/// Why nothing more is read.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The other side has hung up, or is too slow.
    Gone,
    /// It speaks another language.
    Malformed(DecodeError),
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox(Arc::new(Semaphore::new(INBOX_LIMIT_BYTES)))
    }

    async fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        if bytes <= SHORT_MESSAGE_BYTES {
            return None;
        }
        let bytes = u32::try_from(bytes.min(INBOX_LIMIT_BYTES)).unwrap_or(u32::MAX);
        Arc::clone(&self.0).acquire_many_owned(bytes).await.ok()
    }
}

/// The next message; one of an unknown type is passed over. A long one has to be
/// an answer: `is_due` says whether one is waited for.
pub(crate) async fn read_message(
    talk: &mut (impl AsyncRead + Unpin),
    inbox: &Inbox,
    is_due: impl Fn() -> bool,
) -> Result<ReadFrame, ReadEnd> {
    loop {
        let mut head = [0; LENGTH_BYTES + 1];
        // For the first byte it has all the time that the machine gives it.
        let first = talk.read_exact(&mut head[..1]).await;
        first.map_err(|_| ReadEnd::Gone)?;
        let rest = talk.read_exact(&mut head[1..]);
        in_time(rest, 0).await?;
        let [a, b, c, d, kind] = head;
        let length = check_head(u32::from_be_bytes([a, b, c, d]), kind);
        let length = length.map_err(ReadEnd::Malformed)?;
        if length > SHORT_MESSAGE_BYTES && !is_due() {
            return Err(ReadEnd::Gone);
        }
        let room = inbox.room_for(length).await;
        let body = in_time(read_body(talk, length), length).await?;
        match decode(kind, &body) {
            Ok(Some(message)) => {
                return Ok(ReadFrame {
                    message,
                    room,
                    bytes: head.len() + length,
                });
            }
            Ok(None) => {}
            Err(error) => return Err(ReadEnd::Malformed(error)),
        }
    }
}

/// No more room is made than what has come already needs.
async fn read_body(
    talk: &mut (impl AsyncRead + Unpin),
    length: usize,
) -> Result<Vec<u8>, std::io::Error> {
    let mut body = Vec::with_capacity(length.min(PIECE_BYTES));
    while body.len() < length {
        let from = body.len();
        body.resize(length.min(from + PIECE_BYTES), 0);
        talk.read_exact(&mut body[from..]).await?;
    }
    Ok(body)
}

async fn in_time<T>(
    work: impl Future<Output = Result<T, std::io::Error>>,
    bytes: usize,
) -> Result<T, ReadEnd> {
    match timeout(limit_for(bytes), work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(ReadEnd::Gone),
    }
}

/// Writes a frame. An error is a peer that has gone, or reads too slowly.
pub(crate) async fn write_frame(
    talk: &mut (impl AsyncWrite + Unpin),
    frame: &[u8],
    is_last: bool,
) -> Result<(), std::io::Error> {
    let written = async {
        talk.write_all(frame).await?;
        match is_last {
            true => talk.flush().await,
            false => Ok(()),
        }
    };
    let slow = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let written = timeout(limit_for(frame.len()), written).await;
    written.unwrap_or_else(|_| Err(slow()))
}

fn limit_for(bytes: usize) -> Duration {
    let at_pace_ms = (bytes as u64).saturating_mul(1_000) / PACE_BYTES_PER_SECOND;
    Duration::from_millis(FRAME_TIMEOUT_MS.saturating_add(at_pace_ms))
}

//! What answers hold in memory until they are written. All of them share one
//! budget, whatever their path; each holds its share until its bytes have gone
//! to the system, or its client has gone. Who may ask, and what an answer says,
//! others decide.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use adit_node::memory::{MemoryBudget, Reservation};
use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::area::Area;
use crate::problem::Problem;

/// Answers, and pieces of answers, that are no longer than this are not
/// counted: the node can always say how it is.
pub(crate) const FREE_BYTES: usize = 16 * 1024;

/// Bytes, and the share that counts them while anybody holds them.
pub(crate) struct HeldBytes {
    bytes: Bytes,
    _share: Reservation,
}

impl HeldBytes {
    /// Returns bytes that are counted until the last of them is dropped.
    pub(crate) fn counted(bytes: impl Into<Bytes>, share: Reservation) -> Bytes {
        Bytes::from_owner(HeldBytes {
            bytes: bytes.into(),
            _share: share,
        })
    }
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What one connection holds of the budget: while much of that is taken, a
/// client that holds more has to take it faster.
#[derive(Debug)]
pub(super) struct Holding {
    budget: Arc<MemoryBudget>,
    bytes: AtomicUsize,
}

impl Holding {
    /// Returns a holding of nothing yet, of this budget.
    pub(super) fn of(budget: &Arc<MemoryBudget>) -> Arc<Holding> {
        Arc::new(Holding {
            budget: Arc::clone(budget),
            bytes: AtomicUsize::new(0),
        })
    }

    /// Returns what it holds, if that keeps others waiting.
    pub(super) fn pressing_bytes(&self) -> usize {
        match self.budget.is_mostly_taken() {
            true => self.bytes.load(Ordering::Relaxed),
            false => 0,
        }
    }

    /// Takes this much of the budget, if there is room.
    pub(super) fn take_part(self: &Arc<Self>, bytes: usize) -> Option<Part> {
        let mut share = Reservation::of(&self.budget);
        share.take_part(bytes).then(|| Part::new(share, self))
    }
}

/// A share that a connection holds.
#[derive(Debug)]
pub(super) struct Part {
    share: Reservation,
    holding: Arc<Holding>,
}

impl Part {
    fn new(share: Reservation, holding: &Arc<Holding>) -> Part {
        holding.bytes.fetch_add(share.bytes(), Ordering::Relaxed);
        Part {
            share,
            holding: Arc::clone(holding),
        }
    }

    fn split_off(&mut self, bytes: usize) -> Part {
        let share = self.share.split_off(bytes);
        // The other part counts it from here on.
        let holding = &self.holding.bytes;
        holding.fetch_sub(share.bytes(), Ordering::Relaxed);
        Part::new(share, &self.holding)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let holding = &self.holding.bytes;
        holding.fetch_sub(self.share.bytes(), Ordering::Relaxed);
    }
}

/// A part of an answer, and what counts it while anybody holds it.
struct HeldPart {
    bytes: Bytes,
    _parts: (Part, Option<Part>),
}

impl AsRef<[u8]> for HeldPart {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Marks an answer whose bytes are counted already, piece by piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// How many they are in all.
    pub(super) bytes: u64,
}

/// Counts an answer. One that finds no room is let go, and says when to come
/// again.
pub(crate) fn count(area: Area, response: Response, holding: &Arc<Holding>) -> Response {
    if response.extensions().get::<Counted>().is_some() {
        return response;
    }
    let length = response.body().size_hint().exact();
    let bytes = length.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if bytes <= FREE_BYTES && length.is_some() {
        return response;
    }
    let counted_bytes = if bytes > FREE_BYTES { bytes } else { 0 };
    match holding.take_part(counted_bytes) {
        Some(part) => response.map(|body| Body::new(Held { body, part })),
        None => area.tell(Problem::busy(
            "too many long answers are being read by others; try again\n",
        )),
    }
}

/// A body whose bytes take their share along: hyper lets go of the body when it
/// has the last of them, long before they are written.
struct Held {
    body: Body,
    part: Part,
}

/// There was no room for a piece of an answer that has begun.
#[derive(Debug, thiserror::Error)]
#[error("a piece of an answer was not sent: too many long answers are being read by others")]
struct NoRoom;

impl Held {
    fn hold(&mut self, bytes: Bytes) -> Result<Bytes, axum::Error> {
        let part = self.part.split_off(bytes.len());
        let missing = bytes.len() - part.share.bytes();
        let more = match missing > FREE_BYTES {
            true => match self.part.holding.take_part(missing) {
                Some(more) => Some(more),
                None => return Err(axum::Error::new(NoRoom)),
            },
            false => None,
        };
        if part.share.bytes() == 0 && more.is_none() {
            return Ok(bytes);
        }
        Ok(Bytes::from_owner(HeldPart {
            bytes,
            _parts: (part, more),
        }))
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            match frame.into_data() {
                Ok(bytes) => self.hold(bytes).map(Frame::data),
                Err(other) => Ok(other),
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

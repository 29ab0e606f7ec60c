//! Which answers come packed, in gzip, to clients that ask for it: long ones that
//! packing makes shorter. What packing one holds counts against the answers'
//! budget, as the answer itself does until its last byte is packed. How packing is
//! done is known to `tower-http`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Semaphore, SemaphorePermit};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::etag::weakened;
use crate::held::{Counted, Holding, Part};

/// A shorter answer is sent plain: packed, it would save no packet.
const PACKED_SHORTEST_BYTES: u64 = 1_024;

/// A longer answer is sent plain: packing it would take a core for a second and
/// longer. What a node offers to peers stays within what they unpack whatever it
/// holds (`unpack.rs` of `adit-node`).
const PACKED_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// What packing one answer holds, whatever its length.
const PACKER_BYTES: usize = 384 * 1024;

/// At most this many answers are packed at a time, since each takes a core for as
/// long as its client keeps up; others are sent plain.
const PACKERS_LIMIT: usize = 4;

static PACKERS: Semaphore = Semaphore::const_new(PACKERS_LIMIT);

/// Marks an answer that is to be packed.
#[derive(Debug, Clone, Copy)]
struct ToBePacked;

type IsToBePacked = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Returns the layer that packs what was marked.
pub(crate) fn layer() -> CompressionLayer<IsToBePacked> {
    let is_marked: IsToBePacked = |_, _, _, extensions| extensions.get::<ToBePacked>().is_some();
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(is_marked)
}

/// Marks an answer that is to be packed, for a client that takes gzip. One for
/// which packing finds no room or no place is sent plain.
pub(crate) fn mark(mut response: Response, takes_gzip: bool, holding: &Arc<Holding>) -> Response {
    if response.status() == StatusCode::NOT_MODIFIED {
        // As the answer would that it stands for (RFC 9110, 15.4.5).
        let named = HeaderValue::from(ACCEPT_ENCODING);
        response.headers_mut().append(VARY, named);
        return response;
    }
    if !pays(&response) {
        return response;
    }
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from(ACCEPT_ENCODING));
    if !takes_gzip {
        return response;
    }
    let Ok(place) = PACKERS.try_acquire() else {
        return response;
    };
    let Some(part) = holding.take_part(PACKER_BYTES) else {
        return response;
    };
    // To the byte it is not what the tag names.
    if let Some(weak) = headers.get(ETAG).and_then(weakened) {
        headers.insert(ETAG, weak);
    }
    response.extensions_mut().insert(ToBePacked);
    response.map(|body| {
        Body::new(WithPacker {
            body,
            has_ended: false,
            _part: part,
            _place: place,
        })
    })
}

/// Whether packing makes an answer shorter. Events have no length, and are never
/// packed: each is to arrive at once.
fn pays(response: &Response) -> bool {
    let counted = response.extensions().get::<Counted>();
    let length = match counted {
        Some(Counted { bytes }) => Some(*bytes),
        None => response.body().size_hint().exact(),
    };
    let headers = response.headers();
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default();
    let is_text = kind.starts_with(b"text/")
        || kind.starts_with(b"application/")
        || kind.starts_with(b"image/svg");
    let is_worth_it = |length| (PACKED_SHORTEST_BYTES..=PACKED_LIMIT_BYTES).contains(&length);
    is_text && length.is_some_and(is_worth_it) && !headers.contains_key(CONTENT_ENCODING)
}

/// A body that is packed while it is sent, and what counts the packer meanwhile.
struct WithPacker {
    body: Body,
    /// The packer looks for more behind the end, where a stream must not be asked.
    has_ended: bool,
    _part: Part,
    _place: SemaphorePermit<'static>,
}

impl HttpBody for WithPacker {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

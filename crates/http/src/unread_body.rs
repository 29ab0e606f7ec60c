//! An error that is answered before the request's body has come ends the connection:
//! what is left of the body stands where the next request should. A client is told so
//! with the answer, and does not find out by its next request. Which answers are errors,
//! others decide.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

/// Whether all of a request's body has come.
pub(crate) struct BodyEnd(Arc<AtomicBool>);

/// Watches a request's body on its way to its reader.
pub(crate) fn watched(request: Request) -> (Request, BodyEnd) {
    let is_there = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let end = BodyEnd(Arc::clone(&is_there));
    let watched = |inner| Body::new(Watched { inner, is_there });
    match end.is_there() {
        true => (request, end),
        false => (request.map(watched), end),
    }
}

impl BodyEnd {
    /// Says that the connection ends, if this is an error and the body has not come.
    pub(crate) fn tell(&self, response: &mut Response) {
        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && !self.is_there() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Watched {
    inner: Body,
    is_there: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        let is_over = matches!(polled, Poll::Ready(None)) || self.inner.is_end_stream();
        if is_over {
            self.is_there.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

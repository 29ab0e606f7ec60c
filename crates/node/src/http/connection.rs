//! A connection to a client, as hyper sees it: who takes an answer too slowly
//! is cut off, the system holds little of what is not taken, and who has gone
//! is noticed. What is said over it, others decide.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{RecvFlags, Shutdown, recv, shutdown, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// What the system holds of an answer that a client has not taken yet; Linux
/// counts with twice as much, for what it needs around the bytes.
const SEND_BUFFER_BYTES: usize = 48 * 1024;

/// While a client is waited for, it takes in every window of this length ...
const WRITE_WINDOW_MS: u64 = 30_000;

/// ... at least so much of its answer, or it is cut off.
const WRITE_PACE_LIMIT_BYTES: usize = 64 * 1024;

/// A client that closed its side of the connection may wait this long for
/// what can be taken back. It may have gone: nothing tells the two apart.
const HALF_CLOSED_TIMEOUT_MS: u64 = 10_000;

/// While a request is under way, it is looked this often whether its client is
/// still there.
const GONE_INTERVAL_MS: u64 = 250;

/// After the last answer, a client may take this long to read it and to close
/// its side.
const LINGER_TIMEOUT_MS: u64 = 30_000;

/// What a client sends after the last answer is read and thrown away, up to
/// this length: closed with unread bytes, the system would throw the answer away.
const LINGER_LIMIT_BYTES: usize = 1024 * 1024;

/// Sets what all connections have in common; they inherit it.
pub(super) fn prepare(listener: &TcpListener) {
    let window = Duration::from_millis(WRITE_WINDOW_MS);
    let sized = sockopt::set_socket_send_buffer_size(listener, SEND_BUFFER_BYTES);
    // A client whose machine has gone says nothing about it.
    let kept = sockopt::set_socket_keepalive(listener, true)
        .and_then(|()| sockopt::set_tcp_keepidle(listener, window))
        .and_then(|()| sockopt::set_tcp_keepintvl(listener, window));
    #[cfg(target_os = "linux")]
    let kept = kept.and_then(|()| {
        let window_ms = u32::try_from(WRITE_WINDOW_MS).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(listener, window_ms)
    });
    if let Err(error) = sized.and(kept) {
        tracing::debug!(%error, "the system keeps its own settings for connections");
    }
}

/// A client's connection.
pub(super) struct Connection {
    stream: Arc<TcpStream>,
    pace: Pace,
}

impl Connection {
    pub(super) fn new(stream: Arc<TcpStream>) -> Connection {
        Connection {
            stream,
            pace: Pace::default(),
        }
    }

    fn poll_taken(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.poll_write_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    let slow = ready!(self.pace.poll_slow(cx));
                    abort(&self.stream);
                    return Poll::Ready(Err(slow));
                }
            }
            match write(&self.stream) {
                Ok(bytes) => {
                    self.pace.taken_bytes += bytes;
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// Measures how fast a client takes what is there for it. Time in which there
/// is nothing does not count: who listens to events is not slow.
#[derive(Default)]
struct Pace {
    /// Whether the client is being waited for.
    is_waiting: bool,
    window: Option<Pin<Box<Sleep>>>,
    taken_bytes: usize,
}

impl Pace {
    /// The client takes nothing at this moment: ready when that is too slow.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let length = Duration::from_millis(WRITE_WINDOW_MS);
        let window = self.window.get_or_insert_with(|| Box::pin(sleep(length)));
        if !self.is_waiting {
            window.as_mut().reset(Instant::now() + length);
            (self.is_waiting, self.taken_bytes) = (true, 0);
        }
        loop {
            ready!(window.as_mut().poll(cx));
            if self.taken_bytes < WRITE_PACE_LIMIT_BYTES {
                let taken = self.taken_bytes;
                return Poll::Ready(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "expected a client that takes {WRITE_PACE_LIMIT_BYTES} bytes of its \
                         answer in {WRITE_WINDOW_MS} ms, found one that took {taken}"
                    ),
                ));
            }
            window.as_mut().reset(Instant::now() + length);
            self.taken_bytes = 0;
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_taken(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_taken(cx, |stream| stream.try_write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// hyper calls it when it has written all that there is.
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pace.is_waiting = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&*self.stream, Shutdown::Write).map_err(io::Error::from))
    }
}

/// Waits until the client has gone: its side is reset, or was closed so long
/// ago that nobody is taken to wait any more.
pub(super) async fn gone(stream: &TcpStream) {
    let mut closed = None;
    loop {
        sleep(Duration::from_millis(GONE_INTERVAL_MS)).await;
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(stream, &mut [0], flags) {
            Ok((_, 0)) => {
                let since = *closed.get_or_insert_with(Instant::now);
                if since.elapsed() >= Duration::from_millis(HALF_CLOSED_TIMEOUT_MS) {
                    return;
                }
            }
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Sees a connection off on which nothing more is written. It ends when the
/// client closes its side; until then the system still holds what the client
/// has not read.
pub(super) async fn see_off(stream: &TcpStream) {
    // Where hyper gave up, it has not said that this is the end.
    let _ = shutdown(stream, Shutdown::Write);
    let closed = async {
        let (mut rest, mut read_bytes) = ([0; 4096], 0);
        while read_bytes < LINGER_LIMIT_BYTES && stream.readable().await.is_ok() {
            match stream.try_read(&mut rest) {
                Ok(0) => return true,
                Ok(bytes) => read_bytes += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return true,
            }
        }
        false
    };
    let limit = Duration::from_millis(LINGER_TIMEOUT_MS);
    if timeout(limit, closed).await != Ok(true) {
        abort(stream);
    }
}

/// Has the system throw away what the client has not taken, at the end of the
/// connection.
pub(super) fn abort(stream: &TcpStream) {
    if let Err(error) = sockopt::set_socket_linger(stream, Some(Duration::ZERO)) {
        tracing::debug!(%error, "the system keeps what a slow client has not taken");
    }
}

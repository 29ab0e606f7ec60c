//! A connection to a client, as hyper sees it: a client that takes an answer too
//! slowly is cut off, the system holds little of what is not taken, and a client
//! that has gone is noticed. What is said over it, others decide.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{RecvFlags, Shutdown, recv, shutdown, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::held::Holding;

/// What the system holds of an answer that a client has not taken yet; Linux
/// counts with twice as much, for what it needs around the bytes.
const SEND_BUFFER_BYTES: usize = 48 * 1024;

/// What the system holds of what a client sent and nobody has read yet; Linux
/// counts with twice as much here too. Left to itself it grows to as much as
/// 32 MiB for one that sends fast, and is full when the node then waits for it.
const RECEIVE_BUFFER_BYTES: usize = 32 * 1024;

/// While a client is waited for, it takes in every window of this length ...
const WRITE_WINDOW_MS: u64 = 30_000;

/// ... at least this much of its answer, or it is cut off.
const WRITE_PACE_LIMIT_BYTES: usize = 64 * 1024;

/// While more than half of what answers may hold is taken, all that a client
/// holds of it is to be gone within this time, or the client is cut off. What
/// is read from the disk while it is sent does not count.
const HELD_TIMEOUT_MS: u64 = 120_000;

/// A client that closed its side of the connection may wait this long for
/// what can be taken back. It may have gone: nothing tells the two apart.
const HALF_CLOSED_TIMEOUT_MS: u64 = 10_000;

/// While a request is under way, this often it is checked whether its client is
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
    let sized = sockopt::set_socket_send_buffer_size(listener, SEND_BUFFER_BYTES)
        .and_then(|()| sockopt::set_socket_recv_buffer_size(listener, RECEIVE_BUFFER_BYTES));
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

/// How fast a client has to take its answer at least.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeastPace {
    window: Duration,
    bytes: usize,
    held: Duration,
}

impl LeastPace {
    /// Returns what a client that holds this much, which others want, has to take
    /// in a window.
    fn bytes_of(self, pressing_bytes: usize) -> usize {
        let windows = self
            .held
            .as_millis()
            .div_ceil(self.window.as_millis().max(1));
        let windows = usize::try_from(windows).unwrap_or(usize::MAX).max(1);
        self.bytes.max(pressing_bytes.div_ceil(windows))
    }
}

/// What the node asks of its clients.
pub(super) const CLIENTS_PACE: LeastPace = LeastPace {
    window: Duration::from_millis(WRITE_WINDOW_MS),
    bytes: WRITE_PACE_LIMIT_BYTES,
    held: Duration::from_millis(HELD_TIMEOUT_MS),
};

/// A client's connection.
pub(super) struct Connection {
    stream: Arc<TcpStream>,
    pace: Pace,
}

impl Connection {
    pub(super) fn new(
        stream: Arc<TcpStream>,
        least: LeastPace,
        holding: Arc<Holding>,
    ) -> Connection {
        let pace = Pace {
            least,
            holding,
            is_waiting: false,
            window: None,
            taken_bytes: 0,
        };
        Connection { stream, pace }
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
/// is nothing does not count: a listener to events is not slow.
struct Pace {
    least: LeastPace,
    /// What the client holds in memory.
    holding: Arc<Holding>,
    /// Whether the client is being waited for.
    is_waiting: bool,
    window: Option<Pin<Box<Sleep>>>,
    taken_bytes: usize,
}

impl Pace {
    /// The client takes nothing at this moment: ready when that is too slow.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let length = self.least.window;
        let window = self.window.get_or_insert_with(|| Box::pin(sleep(length)));
        if !self.is_waiting {
            window.as_mut().reset(Instant::now() + length);
            (self.is_waiting, self.taken_bytes) = (true, 0);
        }
        loop {
            ready!(window.as_mut().poll(cx));
            let least_bytes = self.least.bytes_of(self.holding.pressing_bytes());
            if self.taken_bytes < least_bytes {
                let (taken, length_ms) = (self.taken_bytes, length.as_millis());
                return Poll::Ready(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "expected a client that takes {least_bytes} bytes of its answer in \
                         {length_ms} ms, found one that took {taken}"
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

/// Waits until the client has gone: its side is reset, or was closed
/// `HALF_CLOSED_TIMEOUT_MS` ago.
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};

    use tokio::task::spawn_blocking;

    use super::*;
    use adit_node::memory::{MemoryBudget, Reservation};

    /// The node's pace, sixty times as fast.
    const LEAST: LeastPace = LeastPace {
        window: Duration::from_millis(500),
        bytes: 64 * 1024,
        held: Duration::from_secs(2),
    };

    /// What all answers may hold here.
    const BUDGET_BYTES: usize = 100_000_000;

    /// Returns a node's connection to a client whose system takes this much on its
    /// own.
    async fn connected(receive_bytes: u32) -> (Connection, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        prepare(&listener);
        let client = tokio::net::TcpSocket::new_v4().unwrap();
        client.set_recv_buffer_size(receive_bytes).unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(client.connect(address), listener.accept());
        let client = client.unwrap().into_std().unwrap();
        client.set_nonblocking(false).unwrap();
        let stream = Arc::new(accepted.unwrap().0);
        let holding = Holding::of(&MemoryBudget::new(BUDGET_BYTES));
        (Connection::new(stream, LEAST, holding), client)
    }

    /// Writes this much, as hyper does: until it fails, or is all taken.
    async fn write(connection: &mut Connection, bytes: usize) -> io::Result<()> {
        let (piece, mut left) = ([7; 16 * 1024], bytes);
        while left > 0 {
            let piece = &piece[..left.min(piece.len())];
            left -= poll_fn(|cx| Pin::new(&mut *connection).poll_write(cx, piece)).await?;
        }
        poll_fn(|cx| Pin::new(&mut *connection).poll_flush(cx)).await
    }

    /// Reads about this much in each window, until the node hangs up.
    fn read(mut client: std::net::TcpStream, bytes_a_window: usize) {
        let mut buffer = vec![0; bytes_a_window / 10];
        while matches!(client.read(&mut buffer), Ok(1..)) {
            std::thread::sleep(LEAST.window / 10);
        }
    }

    #[tokio::test]
    async fn what_a_client_floods_the_node_with_is_held_by_the_client() {
        let (connection, mut flooding) = connected(4096).await;
        // Read fast, it would have the system make room for more and more.
        let stream = Arc::clone(&connection.stream);
        let writing = spawn_blocking(move || {
            flooding.write_all(&[7; 4_000_000]).unwrap();
            flooding
        });
        let (mut buffer, mut left) = (vec![0; 1_000_000], 4_000_000);
        while left > 0 {
            stream.readable().await.unwrap();
            left -= stream.try_read(&mut buffer).unwrap_or(0);
        }
        let mut flooding = writing.await.unwrap();
        flooding.set_nonblocking(true).unwrap();
        while flooding.write(&[7; 65_536]).is_ok() {}
        sleep(Duration::from_millis(300)).await;
        while flooding.write(&[7; 65_536]).is_ok() {}
        let held_bytes = rustix::io::ioctl_fionread(&*stream).unwrap();
        assert!(held_bytes > 0);
        assert!(
            held_bytes <= 2 * RECEIVE_BUFFER_BYTES as u64,
            "{held_bytes}"
        );
    }

    #[tokio::test]
    async fn who_takes_too_little_is_cut_off_and_who_takes_enough_is_not() {
        let (mut connection, silent) = connected(4096).await;
        let start = Instant::now();
        let error = write(&mut connection, 10_000_000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= LEAST.window);
        drop(silent);

        let (mut connection, dripping) = connected(4096).await;
        let reading = spawn_blocking(|| read(dripping, 10_000));
        let error = write(&mut connection, 10_000_000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(connection);
        reading.await.unwrap();

        let (mut connection, steady) = connected(256 * 1024).await;
        let reading = spawn_blocking(|| read(steady, 10 * 64 * 1024));
        let start = Instant::now();
        write(&mut connection, 2_000_000).await.unwrap();
        assert!(start.elapsed() > 2 * LEAST.window, "it took its time");
        // Nothing to take is nothing to be slow at.
        sleep(3 * LEAST.window).await;
        write(&mut connection, 100_000).await.unwrap();
        drop(connection);
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn while_others_want_what_a_client_holds_it_has_to_take_it_faster() {
        let budget = MemoryBudget::new(BUDGET_BYTES);
        let holding = Holding::of(&budget);
        let connected = async || {
            let (connection, client) = connected(256 * 1024).await;
            let stream = Arc::clone(&connection.stream);
            (Connection::new(stream, LEAST, Arc::clone(&holding)), client)
        };
        // It holds as much as is to be gone after four windows.
        let held = holding.take_part(10_000_000).unwrap();
        let (mut connection, steady) = connected().await;
        let reading = spawn_blocking(|| read(steady, 10 * 64 * 1024));
        write(&mut connection, 2_000_000).await.unwrap();
        let mut others = Reservation::of(&budget);
        assert!(others.take(60_000_000));
        let error = write(&mut connection, 10_000_000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("2500000 bytes"), "{error}");
        drop(connection);
        reading.await.unwrap();

        // A client that holds nothing is left alone: a chain comes from the disk.
        drop(held);
        let (mut connection, steady) = connected().await;
        let reading = spawn_blocking(|| read(steady, 10 * 64 * 1024));
        write(&mut connection, 2_000_000).await.unwrap();
        drop(connection);
        reading.await.unwrap();
    }
}

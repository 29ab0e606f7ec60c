//! Fetches another node's chain, over the tutorial's `GET /chain`, or what follows
//! the blocks that we have, where the node offers that. The answer comes piece by
//! piece, with bounds on its first byte, its pace and its
//! redirects, and is checked on a thread of its own. What is checked, and what
//! comes of it, others decide.

use std::error::Error;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Weak};
use std::time::Duration;

use adit_api::headers::{BLOCKS_AFTER, INSTANCE_HEADER, NODE_HEADER, SYNC_HEADER};
use adit_core::peer::PeerAddress;
use adit_core::sync::{Locator, PeerKind};
use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, IF_NONE_MATCH, SERVER,
};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use crate::handle::NodeHandle;
use crate::peers::unpack::{UnpackError, Unpacker};
use crate::tls::{NO_TLS, SPEAKS_TLS, with_tls};

/// A connection to a peer must be there within this time.
const CONNECT_TIMEOUT_MS: u64 = 2_000;

/// The head of a peer's answer must be there within this time.
const FIRST_BYTE_TIMEOUT_MS: u64 = 10_000;

/// In every window of this length ...
const PACE_WINDOW_MS: u64 = 10_000;

/// ... a peer must send at least this much.
const PACE_LIMIT_BYTES: u64 = 10 * 1024;

/// A connection to an adit node is kept this long for the next question: less than
/// the node on the other side would.
const KEPT_CONNECTION_TIMEOUT_MS: u64 = 20_000;

/// This many pieces of an answer may wait for their check.
const PIECES_LIMIT: usize = 8;

/// This many host names are looked up at a time.
const LOOKUPS_LIMIT: usize = 32;

/// A redirect may lead only to the same host, and at most this many times.
const REDIRECTS_LIMIT: usize = 3;

/// Why no chain came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{}", explained(.0))]
    Http(#[from] reqwest::Error),
    #[error("no answer within {FIRST_BYTE_TIMEOUT_MS} ms")]
    Silent,
    #[error("less than {PACE_LIMIT_BYTES} bytes in {PACE_WINDOW_MS} ms")]
    Slow,
    #[error("the answer was not whole after {0} ms")]
    Endless(u64),
    #[error("expected status 200, found {0}")]
    Status(StatusCode),
    #[error("expected an answer in gzip or not packed at all, found Content-Encoding: {0:?}")]
    Encoding(HeaderValue),
    #[error(
        "expected an answer that is not packed, as it was asked for, found Content-Encoding: {0:?}"
    )]
    Packed(HeaderValue),
    #[error("the answer can't be unpacked: {0}")]
    Unpack(#[from] UnpackError),
    #[error("the answer broke off")]
    BrokeOff,
    #[error("expected blocks behind those that it was asked about, found none")]
    NoBlocks,
    #[error("it sends its chain in too many answers of a few blocks each")]
    Crumbs,
    #[error("the check of its chain failed")]
    Panicked,
}

/// A part of an answer.
pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

/// An answer as it comes, to be checked. It also ends when nobody wants to know
/// any longer what the check finds: the peer was removed, or the caller has gone.
pub(crate) struct Pieces {
    received: mpsc::Receiver<Piece>,
    wanted: Weak<()>,
}

impl Pieces {
    /// Waits for the next one, and returns it.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        let piece = self.received.blocking_recv();
        piece.filter(|_| self.is_wanted())
    }

    /// Whether anybody still wants to know.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.strong_count() > 0
    }
}

/// Returns the HTTP client that speaks to peers: no redirects to other hosts, no
/// proxies, and nothing waits for ever.
pub(crate) fn client() -> Client {
    // Peers are asked seldom, and a kept connection may have died meanwhile. Some
    // serve nobody else while it is open.
    bounded(Client::builder().pool_max_idle_per_host(0))
        .user_agent(concat!("adit/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect(BUILDS)
}

/// The same for peers that are known to be adit nodes, and know us: the connection is
/// kept for the next question.
pub(crate) fn keeping_client() -> Client {
    let kept = Duration::from_millis(KEPT_CONNECTION_TIMEOUT_MS);
    bounded(
        Client::builder()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(kept),
    )
    .build()
    .expect(BUILDS)
}

const BUILDS: &str = "its settings are constants, and TLS is set up";

fn bounded(builder: ClientBuilder) -> ClientBuilder {
    let same_host = reqwest::redirect::Policy::custom(|attempt| {
        let first = &attempt.previous()[0];
        let same = first.host_str() == attempt.url().host_str()
            && first.port_or_known_default() == attempt.url().port_or_known_default();
        if !same {
            attempt.error("it redirects to another host, and is not followed there")
        } else if attempt.previous().len() > REDIRECTS_LIMIT {
            attempt.error("it redirects in circles")
        } else {
            attempt.follow()
        }
    });
    with_tls(builder)
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .redirect(same_host)
        .no_proxy()
        .dns_resolver(BoundedLookup)
}

/// Looks names up as the system does. Each lookup takes a thread, for as long as
/// the system's own bounds allow, and can't be cut off; so that those of names
/// that nobody answers for leave threads for other things, they are counted.
struct BoundedLookup;

static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_LIMIT);

impl Resolve for BoundedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let place = LOOKUPS.acquire().await?;
            let look = move || {
                let found = (name.as_str(), 0).to_socket_addrs();
                drop(place);
                found
            };
            let found = tokio::task::spawn_blocking(look).await??;
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// How an answer may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Plain,
}

/// Asks a peer for its chain, unless it has one of these tags. Returns as soon as the
/// head of its answer is there.
pub(crate) async fn get_chain(
    client: &Client,
    peer: &PeerAddress,
    known: impl IntoIterator<Item = HeaderValue>,
    packing: Packing,
) -> Result<Response, FetchError> {
    let request = client.get(peer.url("/chain"));
    get(request, known, packing).await
}

/// The same, unless the peer can be asked for what follows the blocks that we have:
/// then it says so.
pub(crate) async fn get_chain_or_offer(
    client: &Client,
    peer: &PeerAddress,
    known: impl IntoIterator<Item = HeaderValue>,
    packing: Packing,
) -> Result<Response, FetchError> {
    let request = client.get(peer.url("/chain"));
    get(request.header(SYNC_HEADER, BLOCKS_AFTER), known, packing).await
}

/// Asks an adit node for its blocks behind those that the locator names, unless it
/// has one of these tags.
pub(crate) async fn get_blocks_after(
    client: &Client,
    peer: &PeerAddress,
    locator: &Locator,
    known: impl IntoIterator<Item = HeaderValue>,
    packing: Packing,
) -> Result<Response, FetchError> {
    let url = peer.url(&format!("/api/v1/blocks/after?locator={locator}"));
    get(client.get(url), known, packing).await
}

/// An answer that is packed although it was asked for plain is refused: a caller that
/// asks for a plain one has a reason.
async fn get(
    mut request: RequestBuilder,
    known: impl IntoIterator<Item = HeaderValue>,
    packing: Packing,
) -> Result<Response, FetchError> {
    let offered = match packing {
        Packing::Gzip => "gzip",
        Packing::Plain => "identity",
    };
    request = request.header(ACCEPT_ENCODING, offered);
    for etag in known {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let first_byte = Duration::from_millis(FIRST_BYTE_TIMEOUT_MS);
    let response = timeout(first_byte, request.send()).await;
    let response = response.map_err(|_| FetchError::Silent)??;
    match response.headers().get(CONTENT_ENCODING) {
        Some(encoding) if packing == Packing::Plain && !is_coding(encoding, "identity") => {
            Err(FetchError::Packed(encoding.clone()))
        }
        _ => Ok(response),
    }
}

/// Returns what kind of node sent this head.
pub(crate) fn kind_of(status: StatusCode, headers: &HeaderMap) -> PeerKind {
    let server = headers.get(SERVER).map(HeaderValue::as_bytes);
    let names_python = |server: &[u8]| {
        let is_in = |name: &[u8]| server.windows(name.len()).any(|found| found == name);
        is_in(b"Werkzeug") || is_in(b"BaseHTTP") || is_in(b"Python")
    };
    if headers.contains_key(NODE_HEADER) {
        PeerKind::Adit
    } else if [StatusCode::OK, StatusCode::NOT_MODIFIED].contains(&status)
        || server.is_some_and(names_python)
    {
        PeerKind::Python
    } else {
        PeerKind::Unknown
    }
}

/// Returns which process it is, if this head says that it can be asked for what follows
/// our blocks.
pub(crate) fn offering_instance(headers: &HeaderMap) -> Option<&HeaderValue> {
    let is_offered = headers.get(SYNC_HEADER)? == BLOCKS_AFTER;
    headers.get(INSTANCE_HEADER).filter(|_| is_offered)
}

/// Whether this node itself sent this head.
pub(crate) fn says_instance(headers: &HeaderMap, node: &NodeHandle) -> bool {
    let instance = headers.get(INSTANCE_HEADER);
    instance.is_some_and(|value| value == node.instance_id())
}

/// Whether a node that goes by this one's name sent this head.
pub(crate) fn says_name(headers: &HeaderMap, node: &NodeHandle) -> bool {
    let name = headers.get(NODE_HEADER);
    name.is_some_and(|value| value == node.node_id())
}

/// Reads an answer's body while `check` looks at it; that may block, and is
/// handed the pieces until it has seen enough. It returns `None` if the pieces
/// end before [`Piece::End`].
pub(crate) async fn read<T, E>(
    response: Response,
    check: impl FnOnce(Pieces) -> Result<Option<T>, E> + Send + 'static,
) -> Result<Result<T, E>, FetchError>
where
    T: Send + 'static,
    E: Send + 'static,
{
    read_counting(response, &mut 0, check).await
}

/// The same; adds how much was sent to `sent_bytes`, while it comes.
pub(crate) async fn read_counting<T, E>(
    response: Response,
    sent_bytes: &mut u64,
    check: impl FnOnce(Pieces) -> Result<Option<T>, E> + Send + 'static,
) -> Result<Result<T, E>, FetchError>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let unpacker = unpacker_of(response.headers())?;
    let (pieces, received) = mpsc::channel(PIECES_LIMIT);
    // The reading can be cut off at any time; the check sees that by this.
    let wanting = Arc::new(());
    let received = Pieces {
        received,
        wanted: Arc::downgrade(&wanting),
    };
    let check = tokio::task::spawn_blocking(move || check(received));
    let passed = pass_on(response, unpacker, pieces, sent_bytes).await;
    // What the check found wrong comes first: it is why passing on ended.
    let checked = check.await;
    drop(wanting);
    match checked.map_err(|_| FetchError::Panicked)? {
        Err(error) => Ok(Err(error)),
        Ok(checked) => {
            passed?;
            checked.map(Ok).ok_or(FetchError::BrokeOff)
        }
    }
}

/// Returns what unpacks an answer with this head, if it is packed.
fn unpacker_of(headers: &HeaderMap) -> Result<Option<Unpacker>, FetchError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(None);
    };
    if is_coding(encoding, "gzip") || is_coding(encoding, "x-gzip") {
        Ok(Some(Unpacker::default()))
    } else if is_coding(encoding, "identity") {
        Ok(None)
    } else {
        Err(FetchError::Encoding(encoding.clone()))
    }
}

fn is_coding(encoding: &HeaderValue, name: &str) -> bool {
    encoding.as_bytes().eq_ignore_ascii_case(name.as_bytes())
}

/// Passes the answer on piece by piece, while it keeps its pace.
async fn pass_on(
    mut response: Response,
    mut unpacker: Option<Unpacker>,
    pieces: mpsc::Sender<Piece>,
    all_bytes: &mut u64,
) -> Result<(), FetchError> {
    let window = Duration::from_millis(PACE_WINDOW_MS);
    let mut window_bytes = 0u64;
    let mut window_end = Instant::now() + window;
    loop {
        let piece = match tokio::time::timeout_at(window_end, response.chunk()).await {
            Ok(piece) => piece?,
            Err(_) if window_bytes < PACE_LIMIT_BYTES => return Err(FetchError::Slow),
            Err(_) => {
                (window_bytes, window_end) = (0, Instant::now() + window);
                continue;
            }
        };
        let is_end = piece.is_none();
        let mut piece = piece.unwrap_or_default();
        let (sent_bytes, mut unpacked_bytes) = (piece.len(), 0);
        *all_bytes += sent_bytes as u64;
        // The peer is not to blame for the time that our check takes.
        let before = Instant::now();
        loop {
            let unpacked = match &mut unpacker {
                None => std::mem::take(&mut piece),
                Some(_) if piece.is_empty() && !is_end => break,
                Some(unpacker) if piece.is_empty() => unpacker.end()?,
                Some(unpacker) => unpacker.unpack(&mut piece)?,
            };
            unpacked_bytes += unpacked.len();
            if !unpacked.is_empty() && pieces.send(Piece::Bytes(unpacked)).await.is_err() {
                return Ok(());
            }
            if piece.is_empty() {
                break;
            }
        }
        if is_end {
            let _ = pieces.send(Piece::End).await;
            return Ok(());
        }
        // Neither what is packed so well that little was sent keeps the pace,
        // nor what is sent and holds nothing.
        window_bytes += sent_bytes.min(unpacked_bytes) as u64;
        window_end += before.elapsed();
    }
}

/// Returns what went wrong, for the readers of `peers`: reqwest's own text repeats
/// the URL and names the cause only in `source`.
fn explained(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match error {
        error if error.is_connect() && error.is_timeout() => {
            format!("no connection within {CONNECT_TIMEOUT_MS} ms")
        }
        error if error.is_connect() => format!("no connection: {cause}"),
        error if error.is_redirect() => cause.to_string(),
        error if error.is_builder() && !SPEAKS_TLS => NO_TLS.to_owned(),
        _ => format!("the answer broke off: {cause}"),
    }
}

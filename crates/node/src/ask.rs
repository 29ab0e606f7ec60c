//! Asks a peer for its chain, over the tutorial's `GET /chain`. The answer is
//! read as it comes and checked block by block on a thread of its own; what
//! our main chain lacks is staged. A peer that is dead, slow, endless or
//! lying costs its own turn, and the reason is reported.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adit_core::peer::PeerAddress;
use adit_core::sync::{ChainReader, Offer, PeerReport};
use bytes::Bytes;
use reqwest::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use crate::budget::{Budget, Share};
use crate::driver::{Heard, NodeHandle, now};
use crate::http::NODE_HEADER;

/// A connection to a peer must be there within this time.
const CONNECT_TIMEOUT_MS: u64 = 2_000;

/// A peer must begin its answer within this time.
const FIRST_BYTE_TIMEOUT_MS: u64 = 10_000;

/// In every window of this length ...
const PACE_WINDOW_MS: u64 = 10_000;

/// ... a peer must send at least so much.
const PACE_LIMIT_BYTES: u64 = 10 * 1024;

/// The whole answer must be there within this time.
const ANSWER_TIMEOUT_MS: u64 = 600_000;

/// At most so many peers are asked at the same time, not counting those that
/// have taken longer than `TURN_MS`.
const ASKED_AT_ONCE_LIMIT: usize = 16;

/// After this time a peer that still answers makes room for the next.
const TURN_MS: u64 = 2_000;

/// So many pieces of an answer may wait for their check.
const PIECES_LIMIT: usize = 8;

/// All answers together may hold so much of blocks that are not whole yet ...
const READING_LIMIT_BYTES: usize = 128 * 1024 * 1024;

/// ... not counting those that hold less than this: ordinary blocks are read
/// whatever other peers send.
const FREE_READING_BYTES: usize = 1024 * 1024;

/// A redirect may lead only to the same host, and so many times.
const REDIRECTS_LIMIT: usize = 3;

/// An ETag longer than this is not remembered.
const ETAG_LIMIT_BYTES: usize = 256;

/// Asks peers in the background.
pub(crate) struct Asker {
    shared: Arc<Shared>,
}

struct Shared {
    node: NodeHandle,
    client: Client,
    at_once: Semaphore,
    /// What all answers together may hold that are being read.
    reading: Arc<Budget>,
    /// What each peer called the state of its chain when it was last read.
    etags: Mutex<BTreeMap<PeerAddress, HeaderValue>>,
    /// The peers whose last answer was none: that is logged once.
    failing: Mutex<BTreeSet<PeerAddress>>,
}

impl Asker {
    pub(crate) fn new(node: NodeHandle) -> Asker {
        Asker {
            shared: Arc::new(Shared {
                node,
                client: client(),
                at_once: Semaphore::new(ASKED_AT_ONCE_LIMIT),
                reading: Budget::new(READING_LIMIT_BYTES),
                etags: Mutex::default(),
                failing: Mutex::default(),
            }),
        }
    }

    /// Asks this peer; the driver hears what came of it.
    pub(crate) fn ask(&self, runtime: &Handle, peer: PeerAddress) {
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            let heard = match shared.hear_in_turn(&peer).await {
                Ok(heard) => {
                    shared.note_success(&peer);
                    heard
                }
                Err(error) => shared.failed(&peer, &error),
            };
            shared.node.heard(peer, heard).await;
        });
    }
}

/// The HTTP client that speaks to peers: no redirects to other hosts, no
/// proxies, and nothing waits for ever.
pub(crate) fn client() -> Client {
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
    Client::builder()
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .redirect(same_host)
        .no_proxy()
        // Peers are asked seldom, and a kept connection may have died meanwhile.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("adit/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("without TLS there is nothing to set up that could fail")
}

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("{}", explained(.0))]
    Http(#[from] reqwest::Error),
    #[error("no answer within {FIRST_BYTE_TIMEOUT_MS} ms")]
    Silent,
    #[error("less than {PACE_LIMIT_BYTES} bytes in {PACE_WINDOW_MS} ms")]
    Slow,
    #[error("the answer was not whole after {ANSWER_TIMEOUT_MS} ms")]
    Endless,
    #[error("expected status 200, found {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Refused(String),
}

impl Shared {
    fn failed(&self, peer: &PeerAddress, error: &AskError) -> Heard {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match failing.insert(peer.clone()) {
            true => tracing::info!(%peer, %error, "the peer's chain was not read"),
            false => tracing::debug!(%peer, %error, "the peer's chain was not read again"),
        }
        drop(failing);
        self.remember(peer, None);
        Heard::Other(PeerReport::Failed(error.to_string()))
    }

    /// Hears a peer when there is a place for it. Whoever takes long gives the
    /// place to the next and goes on beside them: slow peers keep nobody out.
    async fn hear_in_turn(&self, peer: &PeerAddress) -> Result<Heard, AskError> {
        let limit = Duration::from_millis(ANSWER_TIMEOUT_MS);
        let place = self.at_once.acquire().await;
        let mut hearing = pin!(timeout(limit, self.hear(peer)));
        let turn = Duration::from_millis(TURN_MS);
        let heard = match timeout(turn, &mut hearing).await {
            Ok(heard) => heard,
            Err(_) => {
                drop(place);
                hearing.await
            }
        };
        heard.unwrap_or(Err(AskError::Endless))
    }

    async fn hear(&self, peer: &PeerAddress) -> Result<Heard, AskError> {
        let mut request = self.client.get(format!("http://{peer}/chain"));
        // Neither a chain that was read before nor our own is worth reading.
        if let Some(tip) = self.node.view().tip {
            request = request.header(IF_NONE_MATCH, format!("\"{tip}\""));
        }
        if let Some(etag) = self.remembered(peer) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let first_byte = Duration::from_millis(FIRST_BYTE_TIMEOUT_MS);
        let response = timeout(first_byte, request.send()).await;
        let response = response.map_err(|_| AskError::Silent)??;
        if response
            .headers()
            .get(NODE_HEADER)
            .map(HeaderValue::as_bytes)
            == Some(self.node.node_id().as_bytes())
        {
            return Ok(Heard::Other(PeerReport::Itself));
        }
        match response.status() {
            StatusCode::NOT_MODIFIED => return Ok(Heard::Other(PeerReport::Unchanged)),
            StatusCode::OK => {}
            status => return Err(AskError::Status(status)),
        }
        let etag = response.headers().get(ETAG).cloned();
        let Checked { heard, is_done } = self.read(response).await?;
        self.remember(peer, etag.filter(|_| is_done));
        Ok(heard)
    }

    fn note_success(&self, peer: &PeerAddress) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing.remove(peer) {
            tracing::info!(%peer, "the peer's chain can be read again");
        }
    }

    async fn read(&self, response: Response) -> Result<Checked, AskError> {
        let (pieces, received) = mpsc::channel(PIECES_LIMIT);
        let (node, reading) = (self.node.clone(), Share::of(&self.reading));
        let check = tokio::task::spawn_blocking(move || check(&node, received, reading));
        let passed = pass_on(response, pieces).await;
        let checked = check
            .await
            .unwrap_or_else(|_| Err("the check of its chain failed".to_string()));
        // What the check found wrong comes first: it is why passing on ended.
        let checked = checked.map_err(AskError::Refused)?;
        passed?;
        checked.ok_or_else(|| AskError::Refused("the answer broke off".to_string()))
    }

    fn remembered(&self, peer: &PeerAddress) -> Option<HeaderValue> {
        let etags = self.etags.lock().unwrap_or_else(PoisonError::into_inner);
        etags.get(peer).cloned()
    }

    fn remember(&self, peer: &PeerAddress, etag: Option<HeaderValue>) {
        let mut etags = self.etags.lock().unwrap_or_else(PoisonError::into_inner);
        match etag.filter(|etag| etag.len() <= ETAG_LIMIT_BYTES) {
            Some(etag) => etags.insert(peer.clone(), etag),
            None => etags.remove(peer),
        };
    }
}

/// What came of a chain that was read to its end.
struct Checked {
    heard: Heard,
    /// Whether the chain, as it is, never needs to be read again.
    is_done: bool,
}

enum Piece {
    Bytes(Bytes),
    End,
}

/// Passes the answer on piece by piece, as long as it keeps its pace.
async fn pass_on(mut response: Response, pieces: mpsc::Sender<Piece>) -> Result<(), AskError> {
    let window = Duration::from_millis(PACE_WINDOW_MS);
    let mut window_bytes = 0u64;
    let mut window_end = Instant::now() + window;
    loop {
        let piece = match tokio::time::timeout_at(window_end, response.chunk()).await {
            Ok(piece) => piece?,
            Err(_) if window_bytes < PACE_LIMIT_BYTES => return Err(AskError::Slow),
            Err(_) => {
                (window_bytes, window_end) = (0, Instant::now() + window);
                continue;
            }
        };
        let Some(piece) = piece else {
            let _ = pieces.send(Piece::End).await;
            return Ok(());
        };
        window_bytes += piece.len() as u64;
        // The peer is not to blame for the time that our check takes.
        let before = Instant::now();
        if pieces.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
        window_end += before.elapsed();
    }
}

/// Checks a chain as it comes; nothing is heard of one that breaks off. Runs on
/// a thread that may block.
fn check(
    node: &NodeHandle,
    mut pieces: mpsc::Receiver<Piece>,
    mut reading: Share,
) -> Result<Option<Checked>, String> {
    let ours = node
        .reader()
        .snapshot()
        .map_err(|error| error.to_string())?;
    let mut branch = node.new_branch();
    let rules = node.rules();
    let reader = ChainReader::of_answer().taking(rules.reading());
    let mut offer = Offer::new(Arc::clone(rules), reader);
    let mut ended = false;
    while !ended {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => offer.feed(&bytes),
            Some(Piece::End) => {
                offer.end();
                ended = true;
            }
            None => return Ok(None),
        }
        while let Some(block) = offer
            .next_block(now(), &ours)
            .map_err(|error| error.to_string())?
        {
            branch.push(block).map_err(|error| error.to_string())?;
        }
        if branch.has_failed() {
            break;
        }
        let unread_bytes = offer.unread_bytes();
        reading.clear();
        if unread_bytes > FREE_READING_BYTES && !reading.take(unread_bytes) {
            return Err("too many large blocks are being read from other peers".to_string());
        }
    }
    let branch = branch.finish().map_err(|error| error.to_string())?;
    let (length, ends_early) = (offer.length(), offer.ends_early());
    let weight = offer.finish().map_err(|error| error.to_string())?;
    let is_heavier = weight > node.view().total_weight;
    Ok(Some(Checked {
        // What is still to be adopted is not known to be ours yet, and what
        // came too early is to be looked at again.
        is_done: !is_heavier && !ends_early,
        heard: match is_heavier {
            true => Heard::Heavier { length, branch },
            false => Heard::Other(PeerReport::NotLonger { length }),
        },
    }))
}

/// What went wrong, for whoever reads `peers`: reqwest's own text repeats the
/// URL and names the cause only in `source`.
fn explained(error: &reqwest::Error) -> String {
    let (mut cause, mut is_of_http): (&dyn Error, bool) = (error, false);
    while let Some(deeper) = cause.source() {
        cause = deeper;
        is_of_http |= cause.is::<hyper::Error>();
    }
    match error {
        error if error.is_connect() && error.is_timeout() => {
            format!("no connection within {CONNECT_TIMEOUT_MS} ms")
        }
        error if error.is_connect() => format!("no connection: {cause}"),
        error if error.is_redirect() => cause.to_string(),
        // What breaks off under the unpacking is called undecodable as well.
        error if error.is_decode() && !is_of_http => {
            format!("the answer can't be unpacked: {cause}")
        }
        _ => format!("the answer broke off: {cause}"),
    }
}

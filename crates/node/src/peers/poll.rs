//! Asks a peer for its chain, over the tutorial's `GET /chain`. The answer is
//! read as it comes and checked block by block on a thread of its own; what
//! our main chain lacks is staged. A peer that is dead, slow, endless or
//! lying costs its own turn, and the reason is reported. What is adopted, the core
//! decides.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_api::headers::{INSTANCE_HEADER, NODE_HEADER};
use adit_core::hash::Hash;
use adit_core::peer::PeerAddress;
use adit_core::sync::{
    Ask, ChainReader, ChainValidation, PEERS_LIMIT, PeerReport, Refusal, Seen, SeenChain, Strict,
    ValidationError,
};
use reqwest::header::{ETAG, HeaderValue};
use reqwest::{Client, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::handle::{NodeHandle, PollOutcome};
use crate::peers::fetch::{self, FetchError, Packing, Piece, Pieces, client};
use crate::peers::unpack::UnpackError;
use crate::peers::unread::{Unread, UnreadBudget};
use crate::{open_files, repeated};

/// The whole answer must be there within this time.
const ANSWER_TIMEOUT_MS: u64 = 600_000;

/// At most this many peers are asked at the same time, not counting those that
/// have taken longer than `TURN_MS`.
const ASKED_AT_ONCE_LIMIT: usize = 16;

/// At most this many peers are being asked in all, including those that were
/// removed and whose answer is just being put away: as many as can be
/// registered.
const ASKED_LIMIT: usize = PEERS_LIMIT;

/// One of this many open files may be an ask's, which has a connection and at
/// most one file to stage a branch in.
const ASKED_SHARE: usize = 8;

/// After this time a peer that still answers makes room for the next.
const TURN_MS: u64 = 2_000;

/// All answers together may hold this much of blocks that are not whole yet.
const READING_LIMIT_BYTES: usize = 128 * 1024 * 1024;

/// An ETag longer than this is not remembered.
const ETAG_LIMIT_BYTES: usize = 256;

/// Asks peers in the background.
pub(crate) struct Poller {
    shared: Arc<Shared>,
    /// The last ask of each peer, to be cut off when that is no longer one.
    running: BTreeMap<PeerAddress, AbortHandle>,
}

struct Shared {
    node: NodeHandle,
    client: Client,
    at_once: Semaphore,
    /// Each ask holds one of these, until all that it takes is free again.
    asked: Arc<Semaphore>,
    /// What all answers together may hold that are being read.
    unread: UnreadBudget,
    /// What each peer called the state of its chain when it was last read.
    etags: Mutex<BTreeMap<PeerAddress, HeaderValue>>,
    /// The peers whose last answer was none: that is logged once.
    failing: Mutex<BTreeSet<PeerAddress>>,
    /// The peers that go by our name: that is logged once.
    namesakes: Mutex<BTreeSet<PeerAddress>>,
    /// The peers whose packed answer would have cost too much to unpack.
    dense: Mutex<BTreeSet<PeerAddress>>,
}

impl Poller {
    pub(crate) fn new(node: NodeHandle) -> Poller {
        Poller {
            shared: Arc::new(Shared {
                node,
                client: client(),
                at_once: Semaphore::new(ASKED_AT_ONCE_LIMIT),
                asked: Arc::new(Semaphore::new(open_files::for_peers(
                    ASKED_LIMIT,
                    ASKED_SHARE,
                ))),
                unread: UnreadBudget::new(READING_LIMIT_BYTES),
                etags: Mutex::default(),
                failing: Mutex::default(),
                namesakes: Mutex::default(),
                dense: Mutex::default(),
            }),
            running: BTreeMap::new(),
        }
    }

    /// Asks this peer; the driver hears what came of it.
    pub(crate) fn ask(&mut self, runtime: &Handle, ask: Ask) {
        let (peer, shared) = (ask.peer.clone(), Arc::clone(&self.shared));
        let asking = runtime.spawn(async move {
            let (outcome, seen) = shared.poll_in_turn(&ask.peer).await;
            shared.note(&ask.peer, &outcome, &seen);
            shared.node.polled(ask, outcome, seen).await;
        });
        self.running.insert(peer, asking.abort_handle());
    }

    /// Forgets one that is no longer a peer: if it is being asked, that ends.
    pub(crate) fn forget(&mut self, peer: &PeerAddress) {
        if let Some(asking) = self.running.remove(peer) {
            asking.abort();
        }
        self.shared.remember(peer, None);
        locked(&self.shared.failing).remove(peer);
        locked(&self.shared.namesakes).remove(peer);
        locked(&self.shared.dense).remove(peer);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why there is nothing to adopt.
enum PollError {
    Fetch(FetchError),
    Refused(Refusal),
    /// Ours can't be read, or held.
    Ours(String),
}

impl PollError {
    fn ours(error: impl ToString) -> PollError {
        PollError::Ours(error.to_string())
    }

    fn of_validation(error: ValidationError) -> PollError {
        match error.refusal() {
            Some(refusal) => PollError::Refused(refusal),
            None => PollError::ours(error),
        }
    }
}

impl Shared {
    /// Logs when a peer's chain can no longer be read, and when it can again; and
    /// which peer turns out to be this node, or to go by its name.
    fn note(&self, peer: &PeerAddress, outcome: &PollOutcome, seen: &Seen) {
        if seen.has_our_name
            && self.note_in(&self.namesakes, peer)
            && let Some(left_out) = repeated::turn_of_news("namesake")
        {
            let name = self.node.node_id();
            tracing::warn!(
                %peer,
                %name,
                left_out,
                "the peer goes by the name of this node, but is another process: the data folder \
                 of one is a copy of the other's, and the rewards of both go to that name"
            );
        }
        let error = match outcome {
            PollOutcome::Other(PeerReport::Itself) => {
                if let Some(left_out) = repeated::turn_of_news("itself") {
                    tracing::warn!(%peer, left_out,
                        "this node itself answers there: it is no peer any more");
                }
                return;
            }
            PollOutcome::Other(PeerReport::Failed(error)) => error,
            PollOutcome::Other(PeerReport::Refused(refusal)) => &refusal.problem,
            _ => {
                // One that is now well, now not, could go on like that.
                if locked(&self.failing).remove(peer)
                    && let Some(left_out) = repeated::turn_of_news("readable")
                {
                    tracing::info!(%peer, left_out, "the peer's chain can be read again");
                }
                return;
            }
        };
        let is_first = self.note_in(&self.failing, peer);
        match is_first.then(|| repeated::turn_of_news("unreadable-peer")) {
            Some(Some(left_out)) => {
                tracing::info!(%peer, %error, left_out, "the peer's chain was not read");
            }
            _ => tracing::debug!(%peer, %error, "the peer's chain was not read again"),
        }
    }

    /// Whether the peer is new among these; peers that were removed while they
    /// were asked do not stay there.
    fn note_in(&self, noted: &Mutex<BTreeSet<PeerAddress>>, peer: &PeerAddress) -> bool {
        let mut noted = locked(noted);
        if noted.len() > PEERS_LIMIT {
            let peers = &self.node.status().peers;
            noted.retain(|peer| peers.contains(&peer.to_string()));
        }
        noted.insert(peer.clone())
    }

    /// Polls a peer when there is a place for it. One that takes long gives the
    /// place to the next and goes on beside it: slow peers keep nobody out.
    async fn poll_in_turn(&self, peer: &PeerAddress) -> (PollOutcome, Seen) {
        let limit = Duration::from_millis(ANSWER_TIMEOUT_MS);
        let mut seen = Seen::default();
        let asked = Arc::clone(&self.asked).acquire_owned().await;
        let asked = Arc::new(asked.expect("the semaphore is never closed"));
        let place = self.at_once.acquire().await;
        let outcome = {
            let mut hearing = pin!(timeout(
                limit,
                self.poll_packed_or_plain(peer, &asked, &mut seen)
            ));
            let turn = Duration::from_millis(TURN_MS);
            match timeout(turn, &mut hearing).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    drop(place);
                    hearing.await
                }
            }
        };
        let endless = FetchError::Endless(ANSWER_TIMEOUT_MS);
        let outcome = outcome.unwrap_or(Err(PollError::Fetch(endless)));
        let report = match outcome {
            Ok(outcome) => return (outcome, seen),
            Err(PollError::Refused(refusal)) => PeerReport::Refused(refusal),
            Err(PollError::Fetch(error)) => PeerReport::Failed(error.to_string()),
            Err(PollError::Ours(error)) => PeerReport::Failed(error),
        };
        self.remember(peer, None);
        (PollOutcome::Other(report), seen)
    }

    /// Polls a peer; one whose packed answer would cost too much is asked for a
    /// plain one from then on, at once: plain, its chain may be as it is.
    async fn poll_packed_or_plain(
        &self,
        peer: &PeerAddress,
        asked: &Arc<OwnedSemaphorePermit>,
        seen: &mut Seen,
    ) -> Result<PollOutcome, PollError> {
        match self.poll(peer, asked, seen).await {
            Err(PollError::Fetch(FetchError::Unpack(UnpackError::Dense))) => {
                self.note_in(&self.dense, peer);
                self.poll(peer, asked, seen).await
            }
            outcome => outcome,
        }
    }

    async fn poll(
        &self,
        peer: &PeerAddress,
        asked: &Arc<OwnedSemaphorePermit>,
        seen: &mut Seen,
    ) -> Result<PollOutcome, PollError> {
        // Neither a chain that was read before nor our own is worth reading.
        let tip = self.node.status().tip;
        let own = tip.and_then(|tip| HeaderValue::try_from(format!("\"{tip}\"")).ok());
        let remembered = self.remembered(peer);
        let is_only_own = remembered.is_none();
        let known = own.into_iter().chain(remembered);
        let packing = match locked(&self.dense).contains(peer) {
            true => Packing::Plain,
            false => Packing::Gzip,
        };
        let response = fetch::get_chain(&self.client, peer, known, packing).await;
        let response = response.map_err(PollError::Fetch)?;
        let (status, headers) = (response.status(), response.headers());
        seen.kind = fetch::kind_of(status, headers);
        let says = |name, ours: &str| headers.get(name).is_some_and(|value| value == ours);
        if says(INSTANCE_HEADER, self.node.instance_id()) {
            return Ok(PollOutcome::Other(PeerReport::Itself));
        }
        seen.has_our_name = says(NODE_HEADER, self.node.node_id());
        let etag = headers.get(ETAG).cloned();
        match status {
            StatusCode::NOT_MODIFIED => {
                let named = etag.as_ref().and_then(tip_in);
                let tip = named.or(tip.filter(|_| is_only_own));
                seen.chain = tip.map(chain_of_tip);
                return Ok(PollOutcome::Other(PeerReport::Unchanged));
            }
            StatusCode::OK => {}
            status => return Err(PollError::Fetch(FetchError::Status(status))),
        }
        let (node, unread) = (self.node.clone(), self.unread.of_chain());
        let asked = Arc::clone(asked);
        let read = fetch::read(response, move |pieces| {
            let checked = check(&node, pieces, unread);
            drop(asked);
            checked
        });
        let Checked {
            outcome,
            chain,
            strict,
            is_done,
        } = read.await.map_err(PollError::Fetch)??;
        (seen.chain, seen.strict) = (chain, strict);
        self.remember(peer, etag.filter(|_| is_done));
        Ok(outcome)
    }

    fn remembered(&self, peer: &PeerAddress) -> Option<HeaderValue> {
        locked(&self.etags).get(peer).cloned()
    }

    fn remember(&self, peer: &PeerAddress, etag: Option<HeaderValue>) {
        let mut etags = locked(&self.etags);
        match etag.filter(|etag| etag.len() <= ETAG_LIMIT_BYTES) {
            Some(etag) => etags.insert(peer.clone(), etag),
            None => etags.remove(peer),
        };
        // Those of peers that were removed while they were asked.
        if etags.len() > PEERS_LIMIT {
            let peers = &self.node.status().peers;
            etags.retain(|peer, _| peers.contains(&peer.to_string()));
        }
    }
}

/// Returns the tip that an adit node's ETag names.
fn tip_in(etag: &HeaderValue) -> Option<Hash> {
    let etag = etag.as_bytes();
    let etag = etag.strip_prefix(b"W/").unwrap_or(etag);
    Hash::from_hex(etag.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

fn chain_of_tip(tip: Hash) -> SeenChain {
    SeenChain {
        tip,
        length: None,
        common: None,
        goes_on: false,
    }
}

/// What came of a chain that was read to its end.
struct Checked {
    outcome: PollOutcome,
    chain: Option<SeenChain>,
    strict: Option<Strict>,
    /// Whether the chain, as it is, never needs to be read again.
    is_done: bool,
}

/// Checks a chain as it comes; nothing comes of one that breaks off. Runs on a
/// thread that may block.
fn check(
    node: &NodeHandle,
    mut pieces: Pieces,
    mut unread: Unread,
) -> Result<Option<Checked>, PollError> {
    let mut branch = node.new_branch();
    let rules = node.rules();
    let reader = ChainReader::of_answer().taking(rules.reading());
    let mut validation = ChainValidation::new(Arc::clone(rules), reader);
    let mut ended = false;
    while !ended {
        match pieces.next() {
            Some(Piece::Bytes(bytes)) => validation.feed(&bytes),
            Some(Piece::End) => {
                validation.end();
                ended = true;
            }
            None => return Ok(None),
        }
        // A new one for each piece: while one is held, the index frees no
        // page. A block that was in our main chain stays in the tree.
        let ours = node.reader().snapshot().map_err(PollError::ours)?;
        while let Some(block) = validation
            .next_block(node.now(), &ours)
            .map_err(PollError::of_validation)?
        {
            branch.push(block).map_err(PollError::ours)?;
            if !pieces.is_wanted() {
                return Ok(None);
            }
            // First it is weighed: a chain that is no heavier than ours costs
            // no check of signatures, however often it is offered.
            if !branch.is_checked() && validation.so_far().outweighs(node.status().total_weight) {
                branch.check_signatures().map_err(PollError::ours)?;
            }
        }
        if branch.has_failed() {
            break;
        }
        let unread_bytes = validation.unread_bytes();
        unread.hold(unread_bytes).map_err(PollError::ours)?;
    }
    let (ends_early, seen) = (validation.ends_early(), validation.seen());
    let has_failed = branch.has_failed();
    let strict = validation.strict();
    let chain = validation.finish().map_err(PollError::of_validation)?;
    let is_heavier = chain.outweighs(node.status().total_weight);
    let outcome = match is_heavier || has_failed {
        true => {
            let branch = branch.finish().map_err(PollError::ours)?;
            let branch = branch.map_err(|wrong| PollError::Refused(wrong.refusal()))?;
            let branch = Box::new(branch);
            PollOutcome::Heavier { chain, branch }
        }
        false => PollOutcome::Other(PeerReport::NotLonger {
            length: chain.length,
        }),
    };
    Ok(Some(Checked {
        // What is still to be adopted is not known to be ours yet, and what
        // came too early is to be looked at again.
        is_done: !is_heavier && !ends_early,
        chain: seen,
        strict,
        outcome,
    }))
}

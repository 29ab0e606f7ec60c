//! Asks a peer for its chain, over the tutorial's `GET /chain`. The answer is
//! read as it comes and checked block by block on a thread of its own; what
//! our main chain lacks is staged. A peer that is dead, slow, endless or
//! lying costs its own turn, and the reason is reported. What is adopted, the core
//! decides.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_core::peer::PeerAddress;
use adit_core::sync::{Ask, PEERS_LIMIT, PeerReport, Seen, SeenChain, Strict};
use reqwest::header::{ETAG, HeaderValue};
use reqwest::{Client, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::handle::{NodeHandle, PollOutcome};
use crate::peers::catch_up::{CatchUp, CaughtUp, Progress, chain_of_tip, etag_of, tip_in};
use crate::peers::fetch::{self, FetchError, Packing, Pieces, client, keeping_client};
use crate::peers::reading::{ChainReading, Held, PollError};
use crate::peers::unpack::UnpackError;
use crate::peers::unread::{TooManyLargeBlocks, Unread, UnreadBudget};
use crate::peers::waste::{WastePauses, Worth};
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

/// After this time a peer that still answers makes room for the next: who comes last
/// waits this long for each [`ASKED_AT_ONCE_LIMIT`] slow ones before.
const TURN_MS: u64 = 250;

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
    /// For peers that can be asked for what follows our blocks.
    keeping_client: Client,
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
    /// The peers that can be asked for what follows our blocks.
    offering: Mutex<BTreeMap<PeerAddress, Offering>>,
    /// The peers of whose long answers nothing came.
    wasteful: WastePauses,
}

/// Whether a peer that is asked for its chain may offer to be asked for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offers {
    Wanted,
    Unwanted,
}

/// A peer that can be asked for what follows our blocks.
#[derive(Clone)]
struct Offering {
    /// Which process said so.
    instance: HeaderValue,
    /// Whether it goes by our name.
    has_our_name: bool,
}

impl Poller {
    pub(crate) fn new(node: NodeHandle) -> Poller {
        Poller {
            shared: Arc::new(Shared {
                node,
                client: client(),
                keeping_client: keeping_client(),
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
                offering: Mutex::default(),
                wasteful: WastePauses::default(),
            }),
            running: BTreeMap::new(),
        }
    }

    /// Asks this peer; the driver hears what came of it.
    pub(crate) fn ask(&mut self, runtime: &Handle, ask: Ask) {
        let (peer, shared) = (ask.peer.clone(), Arc::clone(&self.shared));
        let asking = runtime.spawn(async move {
            let (outcome, seen) = shared.poll_in_turn(&ask).await;
            shared.note(&ask.peer, &outcome, &seen);
            shared.node.polled(ask, outcome, seen).await;
        });
        self.running.insert(peer, asking.abort_handle());
    }

    /// Returns the peer that last said of itself that it is this process.
    pub(crate) fn peer_of(&self, instance: &HeaderValue) -> Option<PeerAddress> {
        let offering = locked(&self.shared.offering);
        let mut offering = offering.iter();
        let (peer, _) = offering.find(|(_, offering)| offering.instance == instance)?;
        Some(peer.clone())
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
        locked(&self.shared.offering).remove(peer);
        self.shared.wasteful.forget(peer);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            PollOutcome::Other(PeerReport::NotRead(error)) => {
                if let Some(left_out) = repeated::turn_of_news("not-read") {
                    tracing::info!(%peer, %error, left_out,
                        "the peer's chain was not read, for a reason on this side");
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
    async fn poll_in_turn(&self, ask: &Ask) -> (PollOutcome, Seen) {
        let limit = Duration::from_millis(ANSWER_TIMEOUT_MS);
        let (mut seen, mut progress) = (Seen::default(), Progress::default());
        if let Some((report, seen)) = self.wasteful.pausing(&ask.peer) {
            return (PollOutcome::Other(report), seen);
        }
        let asked = Arc::clone(&self.asked).acquire_owned().await;
        let asked = asked.expect("the semaphore is never closed");
        let place = self.at_once.acquire().await;
        let held = Held::new(asked, self.unread.of_chain());
        let outcome = {
            let mut hearing = pin!(timeout(
                limit,
                self.poll_while_placed(ask, &held, &mut seen, &mut progress)
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
        let worth = worth_of(&outcome, &progress);
        let outcome = outcome.unwrap_or_else(|error| {
            self.remember(&ask.peer, None);
            // What answers there now may be another.
            locked(&self.offering).remove(&ask.peer);
            PollOutcome::Other(error.report())
        });
        let wasted_bytes = progress.read_bytes - progress.useful_bytes;
        self.wasteful
            .note(&self.node, &ask.peer, (worth, &seen), wasted_bytes);
        (outcome, seen)
    }

    /// Polls a peer, until it loses its place among those that send large blocks.
    async fn poll_while_placed(
        &self,
        ask: &Ask,
        held: &Held,
        seen: &mut Seen,
        progress: &mut Progress,
    ) -> Result<PollOutcome, PollError> {
        tokio::select! {
            outcome = self.poll_packed_or_plain(ask, held, seen, progress) => outcome,
            () = held.unread.lost() => Err(PollError::ours(TooManyLargeBlocks)),
        }
    }

    /// Polls a peer; one whose packed answer would cost too much is asked for a
    /// plain one from then on, at once: plain, its chain may be as it is.
    async fn poll_packed_or_plain(
        &self,
        ask: &Ask,
        held: &Held,
        seen: &mut Seen,
        progress: &mut Progress,
    ) -> Result<PollOutcome, PollError> {
        match self.poll(ask, held, seen, progress).await {
            Err(PollError::Fetch(FetchError::Unpack(UnpackError::Dense))) => {
                self.note_in(&self.dense, &ask.peer);
                self.poll(ask, held, seen, progress).await
            }
            outcome => outcome,
        }
    }

    fn packing(&self, peer: &PeerAddress) -> Packing {
        match locked(&self.dense).contains(peer) {
            true => Packing::Plain,
            false => Packing::Gzip,
        }
    }

    async fn poll(
        &self,
        ask: &Ask,
        held: &Held,
        seen: &mut Seen,
        progress: &mut Progress,
    ) -> Result<PollOutcome, PollError> {
        let peer = &ask.peer;
        let offering = locked(&self.offering).get(peer).cloned();
        if let Some(offering) = offering
            && let Some(outcome) = self.catch_up(ask, &offering, held, seen, progress).await?
        {
            return Ok(outcome);
        }
        let outcome = self.poll_chain(ask, Offers::Wanted, held, seen, progress);
        if let Some(outcome) = outcome.await? {
            return Ok(outcome);
        }
        // What offers more may be behind a proxy that lets only this pass.
        let outcome = self.poll_chain(ask, Offers::Unwanted, held, seen, progress);
        let no_answer = FetchError::Status(StatusCode::NO_CONTENT);
        outcome.await?.ok_or(no_answer.into())
    }

    /// Asks for the whole chain, or what the peer offers instead; `None` if it does
    /// not keep to its offer.
    async fn poll_chain(
        &self,
        ask: &Ask,
        offers: Offers,
        held: &Held,
        seen: &mut Seen,
        progress: &mut Progress,
    ) -> Result<Option<PollOutcome>, PollError> {
        let peer = &ask.peer;
        // Neither a chain that was read before nor our own is worth reading.
        let tip = self.node.status().tip;
        let own = tip.and_then(etag_of);
        let remembered = self.remembered(peer);
        let is_only_own = remembered.is_none();
        let known = own.into_iter().chain(remembered);
        let packing = self.packing(peer);
        let response = match offers {
            Offers::Wanted => fetch::get_chain_or_offer(&self.client, peer, known, packing).await?,
            Offers::Unwanted => fetch::get_chain(&self.client, peer, known, packing).await?,
        };
        let (status, headers) = (response.status(), response.headers());
        seen.kind = fetch::kind_of(status, headers);
        if fetch::says_instance(headers, &self.node) {
            return Ok(Some(PollOutcome::Other(PeerReport::Itself)));
        }
        seen.has_our_name = fetch::says_name(headers, &self.node);
        let etag = headers.get(ETAG).cloned();
        match status {
            StatusCode::NOT_MODIFIED => {
                let named = etag.as_ref().and_then(tip_in);
                let tip = named.or(tip.filter(|_| is_only_own));
                seen.chain = tip.map(chain_of_tip);
                return Ok(Some(PollOutcome::Other(PeerReport::Unchanged)));
            }
            StatusCode::OK => {}
            StatusCode::NO_CONTENT
                if let Some(instance) = fetch::offering_instance(headers)
                    && offers == Offers::Wanted =>
            {
                let offering = Offering {
                    instance: instance.clone(),
                    has_our_name: seen.has_our_name,
                };
                self.note_offering(peer, &offering);
                return self.catch_up(ask, &offering, held, seen, progress).await;
            }
            status => return Err(FetchError::Status(status).into()),
        }
        let (node, held) = (self.node.clone(), held.clone());
        progress.comes_whole = true;
        let read = fetch::read_counting(response, &mut progress.read_bytes, move |pieces| {
            let checked = check(&node, pieces, &held.unread);
            drop(held);
            checked
        });
        let Checked {
            outcome,
            chain,
            strict,
            is_done,
        } = read.await??;
        (seen.chain, seen.strict) = (chain, strict);
        self.remember(peer, etag.filter(|_| is_done));
        Ok(Some(outcome))
    }

    /// Asks a peer for what follows our blocks; `None` if it answers no such question
    /// any more.
    async fn catch_up(
        &self,
        ask: &Ask,
        offering: &Offering,
        held: &Held,
        seen: &mut Seen,
        progress: &mut Progress,
    ) -> Result<Option<PollOutcome>, PollError> {
        let peer = &ask.peer;
        let catch_up = CatchUp {
            node: &self.node,
            client: &self.keeping_client,
            held,
            ask,
            packing: match is_on_this_machine(peer) {
                true => Packing::Plain,
                false => self.packing(peer),
            },
            instance: &offering.instance,
            known: self.remembered(peer),
            handed_in: None,
        };
        match catch_up.run(seen, progress).await? {
            CaughtUp::NotOffered => {
                locked(&self.offering).remove(peer);
                Ok(None)
            }
            CaughtUp::Answered { outcome, etag } => {
                seen.has_our_name = offering.has_our_name;
                self.remember(peer, etag);
                Ok(Some(outcome))
            }
        }
    }

    fn note_offering(&self, peer: &PeerAddress, offering: &Offering) {
        let mut all = locked(&self.offering);
        all.insert(peer.clone(), offering.clone());
        if all.len() > PEERS_LIMIT {
            let peers = &self.node.status().peers;
            all.retain(|peer, _| peers.contains(&peer.to_string()));
        }
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

/// What the answers were worth. Who is only slow has taken its time for it; a chain that
/// comes whole comes again each time, however little is new; and of what is not read
/// for a reason of ours, nothing is known.
fn worth_of(outcome: &Result<PollOutcome, PollError>, progress: &Progress) -> Worth {
    match outcome {
        Ok(PollOutcome::Heavier(_) | PollOutcome::Other(PeerReport::Adopted { .. })) => {
            Worth::Adopted
        }
        Ok(PollOutcome::Other(_)) if progress.comes_whole => Worth::Excused,
        Ok(PollOutcome::Other(report)) => Worth::Nothing(report.clone()),
        Err(PollError::Fetch(FetchError::Silent | FetchError::Slow | FetchError::Endless(_))) => {
            Worth::Excused
        }
        Err(PollError::Ours(_)) => Worth::Excused,
        Err(error) => Worth::Nothing(error.report()),
    }
}

/// Whether packing what a peer sends would only cost time on both sides.
fn is_on_this_machine(peer: &PeerAddress) -> bool {
    let host = peer.host().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
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
    unread: &Unread,
) -> Result<Option<Checked>, PollError> {
    let mut reading = ChainReading::whole(node.clone());
    if !reading.read(&mut pieces, unread)? {
        return Ok(None);
    }
    let (chain, strict) = reading.seen();
    reading.check_not_empty()?;
    let heavier = reading.take_heavier()?;
    Ok(Some(Checked {
        // What is still to be adopted is not known to be ours yet, and what
        // came too early is to be looked at again.
        is_done: heavier.is_none() && !reading.ends_early(),
        chain,
        strict,
        outcome: match heavier {
            Some(branch) => PollOutcome::Heavier(branch),
            None => PollOutcome::Other(PeerReport::NotLonger {
                length: reading.length(),
            }),
        },
    }))
}

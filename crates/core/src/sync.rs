//! Coming to agreement with the tutorial's peers: they are asked for their
//! whole chain, now and then or when somebody wants it. This decides which peer
//! is asked when, and who waits for the answer; the parts read an answer
//! ([`ChainReader`]), check it block by block ([`ChainValidation`]), and record what is
//! known of a peer ([`PeerRecord`]). Peers that can be asked for less than a whole
//! chain are told what is here by a [`Locator`].

mod locator;
mod reader;
mod record;
mod strictness;
mod validation;

pub use locator::{LOCATOR_LIMIT, Locator, LocatorError, heights};
pub use reader::{ANSWER_LIMIT_BYTES, ChainReader, Misspelt, ReadError};
pub use record::{
    Agreement, PeerKind, PeerRecord, PeerReport, Refusal, Seen, SeenChain, Standing, Strict,
};
pub use validation::{CandidateChain, ChainValidation, ValidationError};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::peer::PeerAddress;

/// At most this many peers are registered.
pub const PEERS_LIMIT: usize = 128;

/// This many addresses are remembered that were registered and turned out to be
/// this node itself.
pub const OWN_ADDRESSES_LIMIT: usize = 32;

/// At most this many `GET /nodes/resolve` wait for peers at a time; further
/// ones are answered from what is known.
pub const RESOLVE_WAITING_LIMIT: usize = 1_024;

/// A request that waits for an answer of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A peer is asked for its chain. Each time has a number of its own: an answer
/// to another one is dropped, even if the peer was removed meanwhile or
/// registered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who is asked.
    pub peer: PeerAddress,
    /// Which time it is; no two are the same.
    pub number: u64,
}

/// There are as many peers as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {PEERS_LIMIT} nodes can be registered; none of these was")]
pub struct TooManyPeers;

/// An answered `GET /nodes/resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Who waited for it.
    pub request: RequestId,
    /// Whether a peer's chain was adopted while it waited.
    pub replaced: bool,
    /// What came of asking each peer.
    pub peers: Vec<(PeerAddress, PeerReport)>,
}

/// The registered peers, and who waits for which of them.
#[derive(Debug, Default)]
pub struct Peers {
    known: BTreeMap<PeerAddress, KnownPeer>,
    waiting: BTreeMap<RequestId, ResolveWaiter>,
    /// Those about which something new is known.
    changed: BTreeSet<PeerAddress>,
    /// Addresses that were registered, and turned out to be this node's.
    own: BTreeSet<PeerAddress>,
    /// The number of the last time that a peer was asked.
    last_ask: u64,
}

#[derive(Debug, Default)]
struct KnownPeer {
    asking: Asking,
    record: PeerRecord,
}

impl KnownPeer {
    fn ask(&mut self, peer: &PeerAddress, now: Duration, last_ask: &mut u64) -> Ask {
        *last_ask += 1;
        self.asking = Asking::Yes(*last_ask);
        self.record.asked = Some(now);
        Ask {
            peer: peer.clone(),
            number: *last_ask,
        }
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Asking {
    #[default]
    No,
    /// By the ask of that number.
    Yes(u64),
    /// Somebody came while it was asked already: that answer may be too old
    /// for them, so it is asked once more.
    YesAndAgain(u64),
}

impl Asking {
    fn number(self) -> Option<u64> {
        match self {
            Asking::No => None,
            Asking::Yes(number) | Asking::YesAndAgain(number) => Some(number),
        }
    }
}

#[derive(Debug, Default)]
struct ResolveWaiter {
    this_answer: BTreeSet<PeerAddress>,
    next_answer: BTreeSet<PeerAddress>,
    replaced: bool,
    reports: Vec<(PeerAddress, PeerReport)>,
}

impl Peers {
    /// The registered peers, sorted.
    pub fn addresses(&self) -> impl Iterator<Item = &PeerAddress> {
        self.known.keys()
    }

    /// Splits off those of these peers for which there is no room, the last ones.
    pub fn split_off_excess(&self, peers: &mut Vec<PeerAddress>) -> Vec<PeerAddress> {
        let mut all: BTreeSet<_> = self.known.keys().cloned().collect();
        let place = peers.iter().position(|peer| {
            all.insert(peer.clone());
            all.len() > PEERS_LIMIT
        });
        place.map_or_else(Vec::new, |place| peers.split_off(place))
    }

    /// Registers all of them, or none. Returns whether any was new.
    pub fn register(&mut self, peers: Vec<PeerAddress>) -> Result<bool, TooManyPeers> {
        let new: BTreeSet<_> = peers
            .into_iter()
            .filter(|peer| !self.known.contains_key(peer))
            .collect();
        if self.known.len() + new.len() > PEERS_LIMIT {
            return Err(TooManyPeers);
        }
        let any = !new.is_empty();
        for peer in new {
            self.own.remove(&peer);
            self.changed.insert(peer.clone());
            self.known.insert(peer, KnownPeer::default());
        }
        Ok(any)
    }

    /// Removes a peer, and all that is known of it. Requests that wait for it
    /// wait no longer; what it still answers is dropped. Returns whether it was
    /// there.
    pub fn unregister(&mut self, peer: &PeerAddress) -> bool {
        for waiting in self.waiting.values_mut() {
            waiting.this_answer.remove(peer);
            waiting.next_answer.remove(peer);
        }
        self.changed.remove(peer);
        self.known.remove(peer).is_some()
    }

    /// What is known of each peer, sorted by address.
    pub fn records(&self) -> impl Iterator<Item = (&PeerAddress, &PeerRecord)> {
        self.known.iter().map(|(peer, known)| (peer, &known.record))
    }

    /// What is known of a peer, if it is registered.
    pub fn record(&self, peer: &PeerAddress) -> Option<&PeerRecord> {
        self.known.get(peer).map(|known| &known.record)
    }

    /// The addresses that were registered, turned out to be this node's own,
    /// and are no longer peers; sorted.
    pub fn own(&self) -> impl Iterator<Item = &PeerAddress> {
        self.own.iter()
    }

    /// Those about which something new is known since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<PeerAddress> {
        std::mem::take(&mut self.changed)
    }

    /// Wants every peer's chain as it is from now on. Returns which peers to
    /// ask; those that are being asked already are asked again afterwards.
    pub fn ask_all(&mut self, now: Duration, request: Option<RequestId>) -> Vec<Ask> {
        self.ask_those(now, request, |_| true)
    }

    /// The same for the chain of one peer alone.
    pub fn ask_one(&mut self, now: Duration, request: RequestId, peer: &PeerAddress) -> Vec<Ask> {
        self.ask_those(now, Some(request), |known| known == peer)
    }

    fn ask_those(
        &mut self,
        now: Duration,
        request: Option<RequestId>,
        is_wanted: impl Fn(&PeerAddress) -> bool,
    ) -> Vec<Ask> {
        let mut waiting = ResolveWaiter::default();
        let mut ask = Vec::new();
        for (peer, known) in self.known.iter_mut().filter(|(peer, _)| is_wanted(peer)) {
            match known.asking.number() {
                None => {
                    ask.push(known.ask(peer, now, &mut self.last_ask));
                    waiting.this_answer.insert(peer.clone());
                }
                Some(number) if request.is_some() => {
                    known.asking = Asking::YesAndAgain(number);
                    waiting.next_answer.insert(peer.clone());
                }
                Some(_) => {}
            }
        }
        if let Some(request) = request {
            if self.waiting.len() >= RESOLVE_WAITING_LIMIT {
                waiting = ResolveWaiter::default();
            }
            self.waiting.insert(request, waiting);
        }
        ask
    }

    /// Notes that a peer's chain became ours.
    pub fn chain_was_replaced(&mut self) {
        for waiting in self.waiting.values_mut() {
            waiting.replaced = true;
        }
    }

    /// Whether this answer is still waited for: the peer was not removed since
    /// it was asked so.
    pub fn is_asked(&self, ask: &Ask) -> bool {
        let known = self.known.get(&ask.peer);
        known.is_some_and(|known| known.asking.number() == Some(ask.number))
    }

    /// Notes that a peer has answered; does nothing if nobody waits for this
    /// answer any longer. Returns how to ask it again, if it is to be.
    pub fn answered(
        &mut self,
        now: Duration,
        ask: &Ask,
        report: &PeerReport,
        seen: Seen,
    ) -> Option<Ask> {
        let peer = &ask.peer;
        if !self.is_asked(ask) {
            return None;
        }
        for waiting in self.waiting.values_mut() {
            if waiting.this_answer.remove(peer) {
                waiting.reports.push((peer.clone(), report.clone()));
            }
            if waiting.next_answer.remove(peer) {
                waiting.this_answer.insert(peer.clone());
            }
        }
        if *report == PeerReport::Itself {
            self.unregister(peer);
            if self.own.len() < OWN_ADDRESSES_LIMIT {
                self.own.insert(peer.clone());
            }
            return None;
        }
        let known = self.known.get_mut(peer)?;
        if known.record.update(now, report, seen) {
            self.changed.insert(peer.clone());
        }
        let again = matches!(known.asking, Asking::YesAndAgain(_));
        known.asking = Asking::No;
        again.then(|| known.ask(peer, now, &mut self.last_ask))
    }

    /// Takes out the next request that no longer waits for any peer.
    pub fn take_resolved(&mut self) -> Option<Resolved> {
        let is_done = |waiting: &ResolveWaiter| {
            waiting.this_answer.is_empty() && waiting.next_answer.is_empty()
        };
        let request = *self.waiting.iter().find(|(_, waiting)| is_done(waiting))?.0;
        let mut done = self.waiting.remove(&request)?;
        done.reports.sort_by(|a, b| a.0.cmp(&b.0));
        Some(Resolved {
            request,
            replaced: done.replaced,
            peers: done.reports,
        })
    }

    /// Answers a request now: peers that have not answered yet are reported as
    /// such.
    pub fn deadline_reached(&mut self, request: RequestId) {
        if let Some(waiting) = self.waiting.get_mut(&request) {
            let mut unanswered = std::mem::take(&mut waiting.this_answer);
            unanswered.append(&mut waiting.next_answer);
            let reports = unanswered.into_iter();
            let reports = reports.map(|peer| (peer, PeerReport::StillAsked));
            waiting.reports.extend(reports);
        }
    }

    /// Gives up on a request's answer; its peers are asked all the same.
    pub fn forget(&mut self, request: RequestId) {
        self.waiting.remove(&request);
    }
}

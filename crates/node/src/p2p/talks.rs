//! The machine's thread: hears what the edge and the driver say, lets the machine
//! decide, and does what it wants. It decides nothing itself, and waits for
//! neither the disk nor a peer.
//!
//! 1. What the machine is told of a block, the archive that it is shown shows too.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::archive::ArchiveError;
use adit_core::mempool::Mempool;
use adit_core::transaction::Payment;
use adit_net::RelayTransaction;
use adit_net::address::{Identity, PeerAddress};
use adit_net::machine::{Direction, Effect, Input, Machine, Offence};
use adit_p2p::multiaddr::{Host, Multiaddr};
use adit_p2p::{Edge, EdgeEvent};
use tokio::net::lookup_host;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::archive::SyncedArchive;
use super::files::P2pFiles;
use super::news::NewsSender;
use super::submitter::Submitter;
use crate::clock::now;
use crate::handle::NodeHandle;
use crate::p2p_view::{MachineView, name_of_offence};
use crate::repeated;

/// This many inputs are decided on by one look at the archive.
const INPUTS_AT_ONCE: usize = 64;

/// The addresses are kept so often, if there was anything.
const KEEP_INTERVAL_MS: u64 = 60_000;

/// Peers that this node was told to talk with are dialled so often.
const CONNECT_INTERVAL_MS: u64 = 10_000;

/// A peer whose clock is further from ours is told of.
const CLOCK_DIFFERENCE_MS: u64 = 60_000;

/// What the thread owns.
pub(super) struct Talks {
    pub(super) machine: Machine,
    pub(super) identity: Identity,
    pub(super) edge: Arc<Edge>,
    pub(super) node: NodeHandle,
    pub(super) submitter: Submitter,
    pub(super) to_machine: NewsSender,
    pub(super) files: P2pFiles,
    pub(super) connect: Vec<Multiaddr>,
    pub(super) arrivals: mpsc::Receiver<EdgeEvent>,
    pub(super) news: mpsc::UnboundedReceiver<Input>,
    pub(super) looked: mpsc::Receiver<oneshot::Sender<MachineView>>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// What the thread remembers.
struct State {
    clock: MachineClock,
    alarm: Option<Duration>,
    bans: BTreeMap<&'static str, u64>,
    next_keep: Instant,
    next_connect: Instant,
}

/// The time as the machine is told it: the local clock, but where that is set back
/// it goes on, so that no deadline is waited for twice.
struct MachineClock {
    time: Duration,
    at: Instant,
}

impl MachineClock {
    fn now(&mut self) -> Duration {
        let since = self.time + self.at.elapsed();
        let local = now();
        if local > since {
            (self.time, self.at) = (local, Instant::now());
        }
        local.max(since)
    }
}

/// Why the thread wakes.
enum Wake {
    Heard(EdgeEvent),
    News(Input),
    Looked(oneshot::Sender<MachineView>),
    Moved(Vec<SocketAddr>),
    Alarm,
    Chores,
    Stop,
}

impl Talks {
    /// Runs until it is stopped, or the archive can't be read.
    pub(super) fn run(mut self) {
        let runtime = self.edge.runtime().clone();
        let mut state = State {
            clock: MachineClock {
                time: now(),
                at: Instant::now(),
            },
            alarm: None,
            bans: BTreeMap::new(),
            next_keep: Instant::now() + Duration::from_millis(KEEP_INTERVAL_MS),
            next_connect: Instant::now(),
        };
        let done = runtime.block_on(self.talk(&mut state));
        if let Err(error) = done {
            tracing::error!(%error, "the talk with peers ends");
            if self.node.reader().is_index_damaged() {
                runtime.block_on(self.node.tell_of_damaged_index());
            }
        }
        self.keep_addresses();
    }

    async fn talk(&mut self, state: &mut State) -> Result<(), ArchiveError> {
        if let Some((book, anchors)) = self.files.addresses() {
            self.machine.remember(book, anchors);
        }
        self.learn_mempool();
        let mut listening = self.edge.listening();
        listening.mark_changed();
        // The first look at whom to dial.
        self.decide(state, Some(Input::Timer), None)?;
        loop {
            let alarm = state
                .alarm
                .map(|alarm| alarm.saturating_sub(state.clock.now()));
            let chores = state.next_connect.min(state.next_keep);
            let wake = tokio::select! {
                _ = self.stopped.wait_for(|is_stopped| *is_stopped) => Wake::Stop,
                Some(input) = self.news.recv() => Wake::News(input),
                Some(arrival) = self.arrivals.recv() => Wake::Heard(arrival),
                Some(look) = self.looked.recv() => Wake::Looked(look),
                Ok(()) = listening.changed() => Wake::Moved(listening.borrow_and_update().clone()),
                () = sleep(alarm.unwrap_or(Duration::MAX)), if alarm.is_some() => Wake::Alarm,
                () = tokio::time::sleep_until(chores.into()) => Wake::Chores,
            };
            match wake {
                Wake::Stop => return Ok(()),
                Wake::News(input) => self.decide(state, Some(input), None)?,
                Wake::Heard(arrival) => self.decide(state, None, Some(arrival))?,
                Wake::Alarm => {
                    // A moment too early, it would not be set again.
                    let now = state.clock.now();
                    if state.alarm.take_if(|alarm| *alarm <= now).is_some() {
                        self.decide(state, Some(Input::Timer), None)?;
                    }
                }
                Wake::Looked(look) => {
                    // If nobody waits any more, nobody wanted it.
                    let _ = look.send(self.view(state));
                }
                Wake::Moved(sockets) => {
                    let sockets = sockets.into_iter();
                    let own = sockets.map(|socket| PeerAddress::new(socket, self.identity));
                    self.machine.listens_at(own.collect());
                }
                Wake::Chores => self.do_chores(state),
            }
        }
    }

    /// Decides on what has come, and on what else waits, by one look at the
    /// archive, which comes after it: what is told of a block is seen there.
    fn decide(
        &mut self,
        state: &mut State,
        news: Option<Input>,
        heard: Option<EdgeEvent>,
    ) -> Result<(), ArchiveError> {
        let (mut inputs, mut arrivals) = (Vec::from_iter(news), Vec::from_iter(heard));
        while inputs.len() < INPUTS_AT_ONCE
            && let Ok(input) = self.news.try_recv()
        {
            inputs.push(input);
        }
        while arrivals.len() < INPUTS_AT_ONCE
            && let Ok(arrival) = self.arrivals.try_recv()
        {
            arrivals.push(arrival);
        }
        let archive = SyncedArchive::now(self.node.reader())?;
        for input in inputs {
            self.decide_one(state, input, &archive)?;
        }
        for arrival in arrivals {
            let EdgeEvent { input, hold } = arrival;
            self.decide_one(state, input, &archive)?;
            // Now its sender is read on.
            drop(hold);
        }
        Ok(())
    }

    fn decide_one(
        &mut self,
        state: &mut State,
        input: Input,
        archive: &SyncedArchive,
    ) -> Result<(), ArchiveError> {
        for effect in self.machine.handle(state.clock.now(), input, archive)? {
            match effect {
                Effect::Send(peer, message) => self.edge.send(peer, &message),
                Effect::Dial(address, direction) => self.edge.dial(address, direction),
                Effect::Disconnect(peer) => self.edge.disconnect(peer),
                Effect::Ban(peer, offence) => {
                    self.log_ban(offence);
                    *state.bans.entry(name_of_offence(offence)).or_default() += 1;
                    self.edge.ban(peer);
                }
                Effect::SubmitBlock(block, source) => self.submitter.block(block, source),
                Effect::SubmitTransaction(text, _) => self.submitter.transaction(text),
                Effect::SetTimer(at) => {
                    state.alarm = Some(state.alarm.map_or(at, |alarm| alarm.min(at)));
                }
            }
        }
        Ok(())
    }

    fn log_ban(&self, offence: Offence) {
        let offence = name_of_offence(offence);
        if let Some(left_out) = repeated::turn(offence) {
            tracing::warn!(offence, left_out, "a peer is banned for a day");
        }
    }

    /// What is to be done now and then.
    fn do_chores(&mut self, state: &mut State) {
        let now = Instant::now();
        if state.next_connect <= now {
            state.next_connect = now + Duration::from_millis(CONNECT_INTERVAL_MS);
            self.connect();
            self.forget_what_left();
            self.warn_of_clock();
        }
        if state.next_keep <= now {
            state.next_keep = now + Duration::from_millis(KEEP_INTERVAL_MS);
            self.keep_addresses();
        }
    }

    /// Dials those that this node was told to talk with, and that it does not talk
    /// with.
    fn connect(&self) {
        let peers: Vec<_> = self.machine.peer_views().map(|peer| peer.address).collect();
        for wanted in &self.connect {
            if peers.iter().any(|peer| is_wanted(peer, wanted)) {
                continue;
            }
            let (edge, wanted) = (Arc::clone(&self.edge), wanted.clone());
            self.edge.runtime().spawn(async move {
                let socket = match &wanted.host {
                    Host::Ip(ip) => Some(SocketAddr::new(*ip, wanted.port)),
                    Host::Name(name) => {
                        let found = lookup_host((name.as_str(), wanted.port)).await;
                        found.ok().and_then(|mut found| found.next())
                    }
                };
                match (socket, wanted.identity) {
                    (Some(socket), Some(identity)) => {
                        edge.dial(PeerAddress::new(socket, identity), Direction::Outbound);
                    }
                    (Some(socket), None) => edge.dial_anybody(socket),
                    (None, _) => {}
                }
            });
        }
    }

    /// The machine learns what waits in the core when the talk begins.
    fn learn_mempool(&self) {
        let (node, to_machine) = (self.node.clone(), self.to_machine.clone());
        self.edge.runtime().spawn(async move {
            for one in waiting_in_core(&node, RelayTransaction::of_payment).await {
                // If the machine has ended, nobody wants to know.
                let _ = to_machine.send(Input::TransactionWaits(one));
            }
        });
    }

    /// The machine learns what no longer waits in the core for another reason than a
    /// block: it was replaced, or found no room.
    fn forget_what_left(&self) {
        if self.machine.waiting() <= self.node.status().pending_count {
            return;
        }
        let known: Vec<_> = self.machine.waiting_texts().cloned().collect();
        let (node, to_machine) = (self.node.clone(), self.to_machine.clone());
        self.edge.runtime().spawn(async move {
            let texts = waiting_in_core(&node, |payment| Arc::clone(&payment.text));
            let waiting: BTreeSet<Arc<[u8]>> = texts.await.into_iter().collect();
            for text in known.into_iter().filter(|text| !waiting.contains(text)) {
                // If the machine has ended, nobody wants to know.
                let _ = to_machine.send(Input::TransactionLeft(text));
            }
        });
    }

    /// If most peers' clocks differ from ours, ours is wrong: then others hold our
    /// blocks back.
    fn warn_of_clock(&self) {
        let differences = self.machine.peer_views();
        let differences: Vec<_> = differences
            .filter_map(|peer| peer.clock_difference)
            .collect();
        let limit = Duration::from_millis(CLOCK_DIFFERENCE_MS);
        let far = differences.iter().filter(|one| **one > limit).count();
        if far > 0
            && far * 2 > differences.len()
            && let Some(left_out) = repeated::turn("clock")
        {
            tracing::warn!(
                peers = differences.len(),
                far,
                left_out,
                "this machine's clock is more than a minute from those of most peers: \
                 if it is ahead, they hold back the blocks that are made here; set it"
            );
        }
    }

    fn keep_addresses(&self) {
        let kept = self
            .files
            .keep_addresses(self.machine.address_book(), &self.machine.anchors());
        if let Err(error) = kept
            && let Some(left_out) = repeated::turn("peer-addresses")
        {
            tracing::warn!(%error, left_out, "the addresses of peers were not kept");
        }
    }

    fn view(&self, state: &State) -> MachineView {
        MachineView {
            peers: self.machine.peer_views().collect(),
            tip: self.machine.tip().0,
            counts: self.machine.counts(),
            bans: state.bans.clone(),
            waiting: self.machine.waiting(),
            headers_ahead: self.machine.headers_ahead(),
            held_bytes: self.machine.held_bytes(),
            addresses: self.machine.address_book().len(),
        }
    }
}

/// Of each transaction that waits in the core, and is relayed, something.
async fn waiting_in_core<T: Send + 'static>(
    node: &NodeHandle,
    of: impl Fn(&Payment) -> T + Send + 'static,
) -> Vec<T> {
    let seen = node.inspect(move |node| match node.mempool() {
        Mempool::Accounts(mempool) => mempool.iter().map(|payment| of(payment)).collect(),
        Mempool::Queue(_) => Vec::new(),
    });
    // A node that stops has no transactions to relay.
    seen.await.unwrap_or_default()
}

/// Whether that is the peer, or the place if nobody is named.
fn is_wanted(peer: &PeerAddress, wanted: &Multiaddr) -> bool {
    match (wanted.identity, &wanted.host) {
        (Some(identity), _) => peer.identity == identity,
        (None, Host::Ip(ip)) => peer.ip.to_canonical() == *ip && peer.port == wanted.port,
        // Its addresses are not known here: at its port there may be somebody else.
        (None, Host::Name(_)) => peer.port == wanted.port,
    }
}

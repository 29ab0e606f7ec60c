//! The driver's thread. What is to be kept is made durable first, once for all
//! commands that have come (group commit); only then does anything leave. It
//! decides nothing itself.
//!
//! 1. Nothing leaves the node, no answer, status, event, announcement or question,
//!    before everything that it follows from is durable.
//! 2. One sync serves at most [`BATCH_LIMIT`] commands.
//! 3. What is shown of the main chain is what the core and the store agree on.
//! 4. There is no checkpoint before the waiting transactions have followed the
//!    main chain to its tip: nothing that is kept says how far they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use adit_api::peer::Peer;
use adit_core::archive::{ArchiveError, Change, MainChange};
use adit_core::chain::ChainError;
use adit_core::node::{Answer, Config, Effect, Input, LeftOut, Node, Timer};
use adit_core::peer::PeerAddress;
use adit_core::reorganisation::Reorganisation;
use adit_core::rules::Rules;
use adit_core::sync::{PEERS_LIMIT, RequestId};
use adit_net::machine::Input as NetInput;
use adit_store::{Opened, Store};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::adoptions::{Adoptions, BranchEnd};
use super::developing::Developing;
use super::error::DriverError;
use super::made_log::MadeLog;
use super::net_news::NetNews;
use super::news_log::{log_refused, log_reorganisation};
use super::restore::{Trust, restore};
use super::shown_chain::ShownChain;
use crate::clock::{Clock, now, now_ms};
use crate::events::batch::EventBatch;
use crate::events::log::EventLog;
use crate::examinations::Examinations;
use crate::handle::{
    ANSWERS_LIMIT_BYTES, Command, DriverCounters, Edge, Inspection, NodeHandle, Request,
};
use crate::history::{self, HistoryTeller};
use crate::memory::MemoryBudget;
use crate::mempool_record::MempoolRecord;
use crate::mining::{Miner, MinerSettings};
use crate::node_status::NodeStatus;
use crate::peers::announce::Announcer;
use crate::peers::audit::places::AuditPlaces;
use crate::peers::branch::BRANCHES_MEMORY_LIMIT_BYTES;
use crate::peers::poll::Poller;
use crate::publisher::{self, EVENT_BATCHES_LIMIT};
use crate::queries::block::time_ms;
use crate::queries::peers::described;
use crate::repeated;
use crate::templates::Templates;

/// At most this many commands wait for the driver; a caller with another waits.
const COMMANDS_LIMIT: usize = 4_096;

/// One sync serves at most this many commands.
const BATCH_LIMIT: usize = 1_024;

/// At most this many callers inspect the node at a time, each at up to
/// `PENDING_LOOKED_AT_LIMIT` transactions; others wait.
const INSPECTIONS_AT_ONCE_LIMIT: usize = 64;

/// What a driver is started with, besides what is stored.
pub(crate) struct DriverSettings {
    /// What the core goes by.
    pub(crate) config: Config,
    /// The name of the node.
    pub(crate) node_id: String,
    /// How proofs are searched.
    pub(crate) miner: MinerSettings,
    /// Peers to register besides those that are known already.
    pub(crate) first_peers: Vec<PeerAddress>,
    /// Whether the chain is one to develop on.
    pub(crate) is_development: bool,
    /// Who is to hear what becomes of the chain, if the node talks with others.
    pub(crate) to_machine: Option<mpsc::UnboundedSender<NetInput>>,
}

/// Reads what is stored, and starts the driver's thread. Must be called within
/// a tokio runtime; `peers_runtime` is another one. The receiver yields once,
/// when the driver has ended.
pub(crate) fn start(
    settings: DriverSettings,
    rules: Arc<dyn Rules>,
    opened: Opened,
    peers_runtime: Handle,
) -> Result<(NodeHandle, oneshot::Receiver<Result<(), DriverError>>), DriverError> {
    let DriverSettings {
        config, node_id, ..
    } = settings;
    let min_fee_rate = config.min_fee_rate;
    let trust = Trust::Log;
    let (mut store, node) = restore(config, Arc::clone(&rules), opened, trust)?;
    let (commands, received) = mpsc::channel(COMMANDS_LIMIT);
    let (publish, view) = watch::channel(Arc::default());
    store.sync()?;
    let to_driver = commands.clone();
    let (event_batches, to_publish) = mpsc::channel(EVENT_BATCHES_LIMIT);
    let miner = Miner::start(settings.miner, move |job, proof| {
        // If the driver is gone, nobody wants the proof.
        let _ = to_driver.blocking_send(Command::Proof { job, proof });
    })
    .map_err(DriverError::Thread)?;
    let tip = node.chain().tip().map(|tip| tip.hash());
    let started = history::start(store.reader(), Arc::clone(&rules), tip);
    let (history, history_watch) = started.map_err(DriverError::Thread)?;
    let counters = Arc::<DriverCounters>::default();
    let clock = Arc::new(Clock::local());
    let handle = NodeHandle(Arc::new(Edge {
        commands: commands.clone(),
        view,
        reader: store.reader(),
        history: history_watch,
        rules,
        is_development: settings.is_development,
        clock: Arc::clone(&clock),
        min_fee_rate,
        mempool_record: MempoolRecord::default(),
        events: EventLog::new(format!("{:x}", now().as_millis())),
        miner: miner.view(),
        node_id,
        instance_id: uuid::Uuid::new_v4().simple().to_string(),
        branches_memory: MemoryBudget::new(BRANCHES_MEMORY_LIMIT_BYTES),
        answers_memory: MemoryBudget::new(ANSWERS_LIMIT_BYTES),
        audits: AuditPlaces::default(),
        examinations: Examinations::default(),
        templates: Templates::default(),
        inspections: Semaphore::new(INSPECTIONS_AT_ONCE_LIMIT),
        peers_runtime: peers_runtime.clone(),
        last_request: AtomicU64::default(),
        counters: Arc::clone(&counters),
        p2p: OnceLock::new(),
    }));
    let mut driver = Driver {
        store,
        miner,
        poller: Poller::new(handle.clone()),
        announcer: Announcer::new(handle.clone()),
        adoptions: Adoptions::default(),
        waiting: BTreeMap::new(),
        inspections: Vec::new(),
        shown_chain: ShownChain::of(node.chain()),
        events: EventBatch::default(),
        node,
        event_batches,
        history,
        publish,
        commands,
        runtime: Handle::current(),
        peers_runtime,
        counters,
        since_sync: SinceSync::default(),
        clock,
        mine_timer: None,
        made_log: MadeLog::default(),
        net_news: NetNews::new(settings.to_machine),
        development: Developing::default(),
    };
    driver.open(settings.first_peers)?;
    if settings.is_development {
        driver.begin_clock();
    }
    tokio::spawn(publisher::publish(handle.clone(), to_publish));
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("driver".into())
        .spawn(move || {
            // If nobody waits for the end, nobody needs to know of it.
            let _ = ended.send(driver.run(received));
        })
        .map_err(DriverError::Thread)?;
    Ok((handle, end))
}

pub(super) struct Driver {
    pub(super) node: Node,
    pub(super) store: Store,
    pub(super) miner: Miner,
    pub(super) poller: Poller,
    pub(super) announcer: Announcer,
    pub(super) adoptions: Adoptions,
    pub(super) waiting: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    /// Those who want to inspect the node when everything is durable.
    pub(super) inspections: Vec<Inspection>,
    pub(super) shown_chain: ShownChain,
    /// What is to be published when it is durable.
    pub(super) events: EventBatch,
    pub(super) event_batches: mpsc::Sender<EventBatch>,
    pub(super) history: HistoryTeller,
    pub(super) publish: watch::Sender<Arc<NodeStatus>>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) runtime: Handle,
    /// Where everything runs that speaks to peers: a peer that floods us then
    /// keeps no client of ours waiting.
    pub(super) peers_runtime: Handle,
    pub(super) counters: Arc<DriverCounters>,
    /// What came since the last sync.
    pub(super) since_sync: SinceSync,
    /// What blocks go by.
    pub(super) clock: Arc<Clock>,
    mine_timer: Option<AbortHandle>,
    made_log: MadeLog,
    pub(super) net_news: NetNews,
    pub(super) development: Developing,
}

/// What came since the last sync.
#[derive(Debug, Default)]
pub(super) struct SinceSync {
    commands: usize,
    /// Whether anything was written.
    has_changes: bool,
}

impl Driver {
    /// The first calls of all: nothing has come from outside yet.
    fn open(&mut self, mut first_peers: Vec<PeerAddress>) -> Result<(), DriverError> {
        let mut later = Vec::new();
        let nobody = RequestId(u64::MAX);
        let left_out = self.node.split_off_excess_peers(&mut first_peers);
        if !left_out.is_empty() {
            let addresses: Vec<_> = left_out.iter().map(ToString::to_string).collect();
            tracing::warn!(
                left_out = addresses.join(", "),
                "at most {PEERS_LIMIT} nodes can be registered: there is no room for all that \
                 this node was started with"
            );
        }
        self.handle(Input::Register(nobody, first_peers), &mut later)?;
        self.handle(Input::Started, &mut later)?;
        self.carry_out(later)
    }

    fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), DriverError> {
        let mut stopped = false;
        while !stopped {
            let Some(mut command) = commands.blocking_recv() else {
                break;
            };
            let mut later = Vec::new();
            for _ in 0..BATCH_LIMIT {
                stopped |= matches!(command, Command::Stop);
                self.take(command, &mut later)?;
                if self.net_news.is_long_enough() {
                    break;
                }
                command = match commands.try_recv() {
                    Ok(next) if !stopped => next,
                    _ => break,
                };
            }
            self.end_of_net_blocks(&mut later)?;
            self.carry_out(later)?;
        }
        self.made_log.end();
        // What a long branch brought is left to the next start, which reads its
        // newest blocks again: the disk may need longer than we are given.
        match self.store.needs_checkpoint() || !self.node.is_mempool_current() {
            true => self.sync(),
            false => self.checkpoint(),
        }
    }

    fn take(&mut self, command: Command, later: &mut Vec<Effect>) -> Result<(), DriverError> {
        self.since_sync.commands += 1;
        assert!(self.since_sync.commands <= BATCH_LIMIT, "invariant 2");
        match command {
            Command::Request(id, request, reply) => {
                self.waiting.insert(id, reply);
                let input = match request {
                    Request::Transaction(text) => Input::Transaction(id, text),
                    Request::RelayedTransaction(text) => Input::RelayedTransaction(id, text),
                    Request::Mine => Input::Mine(id),
                    Request::Register(peers) => Input::Register(id, peers),
                    Request::Unregister(peer) => {
                        self.handle(Input::Unregister(id, peer.clone()), later)?;
                        self.stop_adopting(&peer);
                        return Ok(());
                    }
                    Request::Resolve => Input::Resolve(id),
                    Request::ResolveInstance(instance) => match self.poller.peer_of(&instance) {
                        Some(peer) => Input::ResolvePeer(id, peer),
                        None => Input::Resolve(id),
                    },
                    Request::SubmitBlock(block) => Input::SubmitBlock(id, block),
                };
                self.handle(input, later)
            }
            Command::DeadlineReached(id) => self.handle(Input::DeadlineReached(id), later),
            Command::Cancelled(id) => {
                self.waiting.remove(&id);
                self.handle(Input::Cancelled(id), later)
            }
            Command::Proof { job, proof } => {
                self.handle(Input::Proof { job, proof }, later)?;
                self.adopt_sooner();
                Ok(())
            }
            Command::Answered(ask, outcome, seen) => self.answered(ask, outcome, *seen, later),
            Command::TakeBlock(block, source, _place) => self.take_from_net(block, source, later),
            Command::TakePart(ask, part, reply) => {
                self.take_offered(ask, part, BranchEnd::Part(reply), later)
            }
            Command::AdoptOn(turn) => self.adopt_on(turn, later),
            Command::Develop(request) => self.develop(request, later),
            Command::DevelopOn => self.develop_on(later),
            Command::Timer(alarm) => self.handle(Input::Timer(alarm), later),
            Command::Inspect(look) => {
                self.inspections.push(look);
                Ok(())
            }
            Command::DamagedIndex => Err(DriverError::DamagedIndex),
            Command::Stop => Ok(()),
        }
    }

    /// Lets the core decide. What it wants kept is written at once, so that it
    /// can read it again; everything else waits until that is durable.
    pub(super) fn handle(
        &mut self,
        input: Input,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        let effects = self.node.handle(self.clock.now(), input, &self.store)?;
        self.carry_out_now(effects, later)
    }

    pub(super) fn carry_out_now(
        &mut self,
        effects: Vec<Effect>,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        let is_own = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Made(_)));
        for effect in effects {
            match effect {
                Effect::Waits(transaction) => {
                    self.events.note_waiting(&transaction);
                    self.net_news.note_waiting(&transaction);
                }
                Effect::Persist(change) => {
                    if let Change::Block { block, main, .. } = &change {
                        tracing::debug!(index = block.height(), hash = %block.hash(), ?main, "block");
                    }
                    self.since_sync.has_changes = true;
                    self.store.apply(&change)?;
                    if let Change::Block {
                        block,
                        main: MainChange::Side,
                        ..
                    } = &change
                    {
                        self.history.note_aside(block.hash());
                    }
                    self.shown_chain.note(&change);
                    self.events.note(&change);
                    self.net_news.note(&change, is_own);
                    match (&change, self.node.chain().tip()) {
                        (Change::Rewind, Some(genesis)) => self.events.note_rewind(genesis),
                        (Change::Block { main, .. } | Change::MainTip { main, .. }, _)
                            if *main != MainChange::Side =>
                        {
                            self.clock.let_go();
                        }
                        _ => {}
                    }
                }
                // The clock may have been set by then.
                Effect::SetTimer(alarm, at) => {
                    later.push(Effect::SetTimer(alarm, self.clock.to_local(at)));
                }
                effect => {
                    if let Effect::Made(block) = &effect {
                        self.events.note_made(block);
                    }
                    later.push(effect);
                }
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DriverError> {
        let start = Instant::now();
        self.store.sync()?;
        if std::mem::take(&mut self.since_sync).has_changes {
            let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
            self.counters
                .sync_micros
                .fetch_add(micros, Ordering::Relaxed);
        }
        Ok(())
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), DriverError> {
        self.sync()?;
        self.check_before_leaving();
        self.publish_status();
        self.net_news.tell();
        let (chain, shown) = (self.node.chain(), &mut self.shown_chain);
        let reorganisation = shown.advance(chain, now_ms(), &self.store);
        if let Some(reorganisation) = reorganisation.map_err(unreadable)? {
            self.tell_of_reorganisation(reorganisation);
        }
        self.events.peers = self.changed_peers()?;
        if let Some(tip) = self.node.chain().tip() {
            self.history.tell(tip.hash());
        }
        self.hand_over_events();
        self.development.answer();
        for look in self.inspections.drain(..) {
            look(&self.node);
        }
        for effect in effects {
            self.check_before_leaving();
            match effect {
                Effect::Persist(_) | Effect::Waits(_) => unreachable!("handle has done it"),
                Effect::Made(block) => self.made_log.note(&self.runtime, &block),
                Effect::Answer(request, answer) => self.answer(request, answer),
                Effect::Mine(job) => self.miner.set_job(Some(job)),
                Effect::StopMining => self.miner.set_job(None),
                Effect::Ask(ask) => self.poller.ask(&self.peers_runtime, ask),
                Effect::Forget(peer) => {
                    self.poller.forget(&peer);
                    self.announcer.forget(&peer);
                }
                Effect::Announce(peers) => self.announcer.announce(&self.peers_runtime, peers),
                Effect::LeftOut(LeftOut {
                    transactions,
                    blocks,
                }) => {
                    if let Some(left_out) = repeated::turn_of_news("dropped") {
                        tracing::warn!(
                            transactions,
                            blocks,
                            left_out,
                            "transactions of dropped blocks may not wait here or found no room, \
                             and this many blocks were not looked through; all stand in the block log"
                        );
                    }
                }
                Effect::Refused(error) => log_refused(&error),
                Effect::Evicted(id, error) => {
                    if let Some(left_out) = repeated::turn("evicted") {
                        tracing::warn!(%id, %error, left_out,
                            "no block can take this transaction: it does not wait any more");
                    }
                }
                Effect::SetTimer(alarm, at) => {
                    let timer = self.send_in(at.saturating_sub(now()), Command::Timer(alarm));
                    // There is one time to make the next block.
                    let replaced = match alarm {
                        Timer::Mine => self.mine_timer.replace(timer),
                        _ => None,
                    };
                    if let Some(replaced) = replaced {
                        replaced.abort();
                    }
                }
            }
        }
        let is_due = match self.adoptions.are_left() {
            true => self.store.is_checkpoint_overdue(),
            false => self.store.needs_checkpoint(),
        };
        // Of waiting transactions that have not followed the main chain to its tip,
        // nothing is kept that says so: the next start reads the blocks again.
        if is_due && self.node.is_mempool_current() {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// What is asked here is known without a look at the disk.
    fn check_before_leaving(&self) {
        let is_synced = self.store.is_synced() && !self.since_sync.has_changes;
        assert!(is_synced, "invariant 1");
        let length = self.node.chain().length();
        assert_eq!(self.store.length(), length, "invariant 3");
    }

    /// Returns the peers about which something new is known since the last call.
    fn changed_peers(&mut self) -> Result<Vec<Peer>, DriverError> {
        let changed = self.node.take_changed_peers();
        let chain = self.node.chain();
        let (tip, length) = (chain.tip().map(|tip| tip.hash()), chain.length());
        let peers = changed.iter().filter_map(|address| {
            let record = self.node.peer_record(address)?;
            Some(described(address, record, tip, length, &self.store))
        });
        let peers = peers.collect::<Result<_, _>>();
        peers.map_err(unreadable)
    }

    /// All hear of the same record.
    fn tell_of_reorganisation(&mut self, reorganisation: Reorganisation) {
        let count = &self.counters.reorganisations;
        count.fetch_add(1, Ordering::Relaxed);
        log_reorganisation(&reorganisation);
        self.history.note_reorganisation(reorganisation);
        self.events.note_reorganisation(reorganisation);
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        if let Answer::TooManyPeers(error) = &answer
            && let Some(left_out) = repeated::turn("too-many-peers")
        {
            tracing::warn!(%error, left_out, "peers were not registered");
        }
        if let Some(reply) = self.waiting.remove(&request) {
            // If it was dropped, the caller has gone.
            let _ = reply.send(answer);
        }
    }

    fn publish_status(&self) {
        let chain = self.node.chain();
        let tip = chain.tip().map(|tip| tip.hash());
        let published = Arc::clone(&self.publish.borrow());
        let view = NodeStatus {
            length: chain.length(),
            tip,
            tip_time_ms: match published.tip == tip {
                true => published.tip_time_ms,
                false => chain.tip().and_then(|tip| time_ms(tip)),
            },
            total_weight: chain.total_weight(),
            pending_count: self.node.mempool().len(),
            pending_bytes: self.node.mempool().bytes(),
            peers: self.node.peers().iter().map(ToString::to_string).collect(),
        };
        self.publish.send_if_modified(|published| {
            let changed = **published != view;
            if changed {
                *published = Arc::new(view);
            }
            changed
        });
    }

    /// Hands over what happened. Nobody waits for listeners: if there is no
    /// room, they hear that something is missing.
    fn hand_over_events(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.events);
        if self.event_batches.try_send(batch).is_err() {
            self.events.is_incomplete = true;
        }
    }

    pub(super) fn send_in(&self, wait: Duration, command: Command) -> AbortHandle {
        let commands = self.commands.clone();
        let sending = self.runtime.spawn(async move {
            sleep(wait).await;
            // If the driver has ended meanwhile, nobody wants it.
            let _ = commands.send(command).await;
        });
        sending.abort_handle()
    }

    fn checkpoint(&mut self) -> Result<(), DriverError> {
        assert!(self.node.is_mempool_current(), "invariant 4");
        let pending = self.node.mempool().iter();
        self.store.checkpoint(pending)?;
        Ok(())
    }
}

fn unreadable(error: ArchiveError) -> DriverError {
    DriverError::from(ChainError::from(error))
}

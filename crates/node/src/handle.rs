//! How the edges reach the driver: what can be asked of it, how long a caller
//! waits for the answer, and what can be seen without asking. What becomes of a
//! request is not known here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::mempool::FeeRate;
use adit_core::node::{Answer, Node, Timer};
use adit_core::peer::PeerAddress;
use adit_core::rules::Rules;
use adit_core::sync::{Ask, CandidateChain, PeerReport, RequestId, Seen};
use adit_core::transaction::Submitted;
use adit_store::Reader;
use reqwest::header::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::clock::{Clock, ClockSetting};
use crate::development::DevelopmentRequest;
use crate::events::log::EventLog;
use crate::examinations::Examinations;
use crate::history::{HistoryAt, HistoryWatch, NoHistory};
use crate::memory::{MemoryBudget, Reservation};
use crate::mempool_record::MempoolRecord;
use crate::mining::{MinerReport, MinerView};
use crate::node_status::NodeStatus;
use crate::p2p_view::P2pView;
use crate::peers::audit::places::AuditPlaces;
use crate::peers::branch::{Branch, CheckedBranch};
use crate::templates::Templates;

/// All answers hold together at most this much until they are written; short
/// ones, and short pieces, are not counted.
pub(crate) const ANSWERS_LIMIT_BYTES: usize = 96 * 1024 * 1024;

/// The driver is gone: the node is stopping, or it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopping;

/// What an edge asks of the node.
#[derive(Debug)]
pub enum Request {
    /// Take a transaction that the rules have read.
    Transaction(Submitted),
    /// Take one that a peer relayed, of which nothing is promised.
    RelayedTransaction(Submitted),
    /// Make a block.
    Mine,
    /// Register peers.
    Register(Vec<PeerAddress>),
    /// Remove a peer.
    Unregister(PeerAddress),
    /// Look at the peers' chains.
    Resolve,
    /// Look at the chain of the peer that said last that it is this process; if none
    /// did, at all of them.
    ResolveInstance(HeaderValue),
    /// Take a block.
    SubmitBlock(Arc<Block>),
}

pub(crate) enum Command {
    Request(RequestId, Request, oneshot::Sender<Answer>),
    DeadlineReached(RequestId),
    Cancelled(RequestId),
    Proof { job: u64, proof: u64 },
    Answered(Ask, PollOutcome, Box<Seen>),
    TakeBlock(Arc<Block>, BlockSource, OwnedSemaphorePermit),
    TakePart(Ask, OfferedBranch, oneshot::Sender<PeerReport>),
    AdoptOn(u64),
    DamagedIndex,
    Timer(Timer),
    Develop(DevelopmentRequest),
    DevelopOn,
    Inspect(Inspection),
    Stop,
}

/// Inspects the node, as of its last durable change.
pub(crate) type Inspection = Box<dyn FnOnce(&Node) + Send>;

/// A valid chain that weighed more than ours when it was read, and of it blocks that
/// our main chain did not have.
pub(crate) struct OfferedBranch {
    pub(crate) chain: CandidateChain,
    pub(crate) branch: Box<CheckedBranch>,
}

/// What came of asking a peer.
pub(crate) enum PollOutcome {
    /// All that there is of its chain, or the rest of it.
    Heavier(OfferedBranch),
    /// Nothing to adopt.
    Other(PeerReport),
}

/// How the edges reach the node. Cheap to clone: every request does.
#[derive(Clone)]
pub struct NodeHandle(pub(crate) Arc<Edge>);

pub(crate) struct Edge {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) view: watch::Receiver<Arc<NodeStatus>>,
    pub(crate) reader: Reader,
    pub(crate) history: HistoryWatch,
    pub(crate) rules: Arc<dyn Rules>,
    pub(crate) miner: MinerView,
    pub(crate) events: Arc<EventLog>,
    pub(crate) mempool_record: MempoolRecord,
    /// The name under which this node's blocks are rewarded.
    pub(crate) node_id: String,
    /// What distinguishes this process from all others, made at its start.
    pub(crate) instance_id: String,
    /// Whether the chain is one to develop on.
    pub(crate) is_development: bool,
    pub(crate) clock: Arc<Clock>,
    pub(crate) min_fee_rate: FeeRate,
    /// What all branches together may hold in memory.
    pub(crate) branches_memory: Arc<MemoryBudget>,
    /// What all answers together may hold until they are written.
    pub(crate) answers_memory: Arc<MemoryBudget>,
    /// Where peers' chains are audited.
    pub(crate) audits: AuditPlaces,
    /// What was found at other nodes lately.
    pub(crate) examinations: Examinations,
    /// What miners outside the node work on.
    pub(crate) templates: Templates,
    /// A caller that inspects the node holds one of these.
    pub(crate) inspections: Semaphore,
    /// Where everything runs that speaks to peers.
    pub(crate) peers_runtime: Handle,
    pub(crate) last_request: AtomicU64,
    pub(crate) counters: Arc<DriverCounters>,
    /// Set once, if the node talks with others.
    pub(crate) p2p: OnceLock<P2pView>,
}

/// What the driver counts since its start.
#[derive(Debug, Default)]
pub struct DriverCounters {
    /// How often it has waited until something was durable.
    pub syncs: AtomicU64,
    /// How long that took together, in microseconds.
    pub sync_micros: AtomicU64,
    /// How often the main chain has changed to another branch.
    pub reorganisations: AtomicU64,
}

impl NodeHandle {
    /// Asks the node, and waits for its answer. A caller that stops waiting
    /// is forgotten by the node.
    pub async fn request(&self, request: Request) -> Result<Answer, Stopping> {
        self.hand_in(request).await?.answer().await
    }

    /// Like `request`; after `patience` the node is told to answer with what it knows
    /// by then. Returns `None` if it is busy with something else until the time limit.
    pub async fn request_in_time(
        &self,
        request: Request,
        patience: Duration,
        limit: Duration,
    ) -> Result<Option<Answer>, Stopping> {
        let answered = async {
            let mut waiting = self.hand_in(request).await?;
            if let Ok(answered) = timeout(patience, waiting.answer()).await {
                return answered;
            }
            let hurry = Command::DeadlineReached(waiting.id);
            self.0.commands.send(hurry).await.map_err(|_| Stopping)?;
            waiting.answer().await
        };
        match timeout(limit, answered).await {
            Ok(answered) => answered.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Asks several things, and waits for all answers. Nobody is forgotten.
    pub(crate) async fn request_all(
        &self,
        requests: Vec<Request>,
    ) -> Result<Vec<Answer>, Stopping> {
        let (mut pending, mut answers) = (Vec::new(), Vec::new());
        for request in requests {
            pending.push(self.hand_in(request).await?);
        }
        for mut one in pending {
            answers.push(one.answer().await?);
        }
        Ok(answers)
    }

    async fn hand_in(&self, request: Request) -> Result<PendingRequest<'_>, Stopping> {
        let id = RequestId(self.0.last_request.fetch_add(1, Ordering::Relaxed));
        let (reply, answer) = oneshot::channel();
        let commands = &self.0.commands;
        let command = Command::Request(id, request, reply);
        commands.send(command).await.map_err(|_| Stopping)?;
        Ok(PendingRequest {
            id,
            commands,
            answer,
            is_over: false,
        })
    }

    /// Inspects the node itself, as of its last durable change, for what its
    /// status does not show.
    pub async fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let _place = self.0.inspections.acquire().await.map_err(|_| Stopping)?;
        let (reply, seen) = oneshot::channel();
        let look = Box::new(move |node: &Node| {
            // If it was dropped, the caller has gone.
            let _ = reply.send(look(node));
        });
        let command = Command::Inspect(look);
        self.0.commands.send(command).await.map_err(|_| Stopping)?;
        seen.await.map_err(|_| Stopping)
    }

    /// Returns the node as of its last durable change.
    pub fn status(&self) -> Arc<NodeStatus> {
        Arc::clone(&self.0.view.borrow())
    }

    /// What the miner does, and how well.
    pub fn mining(&self) -> MinerReport {
        self.0.miner.report()
    }

    /// Returns the log of what happens here, to listen to.
    pub fn events(&self) -> &Arc<EventLog> {
        &self.0.events
    }

    /// What the driver has counted.
    pub fn counters(&self) -> &DriverCounters {
        &self.0.counters
    }

    /// How many transactions waited lately.
    pub fn mempool_record(&self) -> &MempoolRecord {
        &self.0.mempool_record
    }

    /// Reads the stored blocks.
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Returns what is known of the chain besides its blocks, up to the tip that
    /// it has now, or a newer one.
    pub(crate) async fn history(&self) -> Result<Arc<HistoryAt>, NoHistory> {
        self.0.history.at(self.status().tip).await
    }

    /// Whether the history is no further behind than a moment.
    pub fn has_history(&self) -> bool {
        self.0.history.is_covered()
    }

    /// A place for blocks that may come to be adopted.
    pub(crate) fn new_branch(&self) -> Branch {
        let memory = Reservation::of(&self.0.branches_memory);
        Branch::new(Arc::clone(&self.0.rules), self.0.reader.staging(), memory)
    }

    /// What all answers together may hold until they are written.
    pub fn answers_memory(&self) -> &Arc<MemoryBudget> {
        &self.0.answers_memory
    }

    /// Where peers' chains are audited.
    pub(crate) fn audits(&self) -> &AuditPlaces {
        &self.0.audits
    }

    /// What was found at other nodes lately.
    pub fn examinations(&self) -> &Examinations {
        &self.0.examinations
    }

    /// What miners outside the node work on.
    pub(crate) fn templates(&self) -> &Templates {
        &self.0.templates
    }

    /// Returns a receiver that hears of each change of the status.
    pub(crate) fn status_changes(&self) -> watch::Receiver<Arc<NodeStatus>> {
        self.0.view.clone()
    }

    /// Where what speaks to peers is to run.
    pub(crate) fn peers_runtime(&self) -> &Handle {
        &self.0.peers_runtime
    }

    /// Tells the driver what came of asking a peer.
    pub(crate) async fn polled(&self, ask: Ask, outcome: PollOutcome, seen: Seen) {
        let answered = Command::Answered(ask, outcome, Box::new(seen));
        // If the driver has ended, nobody wants to know.
        let _ = self.0.commands.send(answered).await;
    }

    /// Hands the driver a part of a peer's chain, of which more may come. What came of
    /// it is told to `reply`; if the peer is asked no longer, nothing is.
    pub(crate) async fn hand_in_part(
        &self,
        ask: Ask,
        part: OfferedBranch,
        reply: oneshot::Sender<PeerReport>,
    ) {
        // If the driver has ended, nobody wants to know.
        let _ = self
            .0
            .commands
            .send(Command::TakePart(ask, part, reply))
            .await;
    }

    /// Tells the driver that it can't go on with the index as it is.
    pub(crate) async fn tell_of_damaged_index(&self) {
        // If the driver has ended, it knows.
        let _ = self.0.commands.send(Command::DamagedIndex).await;
    }

    /// The name under which this node's blocks are rewarded.
    pub fn node_id(&self) -> &str {
        &self.0.node_id
    }

    /// Returns what distinguishes this process from all others.
    pub fn instance_id(&self) -> &str {
        &self.0.instance_id
    }

    /// Whether the chain is one to develop on.
    pub fn is_development(&self) -> bool {
        self.0.is_development
    }

    /// The time that blocks go by.
    pub(crate) fn now(&self) -> Duration {
        self.0.clock.now()
    }

    /// How the clock that blocks go by is set.
    pub(crate) fn clock_setting(&self) -> ClockSetting {
        self.0.clock.setting()
    }

    /// Asks for something that only chains to develop on do.
    pub(crate) async fn develop(&self, request: DevelopmentRequest) -> Result<(), Stopping> {
        let command = Command::Develop(request);
        self.0.commands.send(command).await.map_err(|_| Stopping)
    }

    /// Returns the lowest fee for its length with which a transaction may wait;
    /// `None` under rules that know no fees.
    pub fn min_fee_rate(&self) -> Option<FeeRate> {
        let knows_fees = self.0.rules.keeps_accounts();
        knows_fees.then_some(self.0.min_fee_rate)
    }

    /// The talk with other nodes, if there is any.
    pub fn p2p(&self) -> Option<&P2pView> {
        self.0.p2p.get()
    }

    /// The talk with other nodes has begun.
    pub(crate) fn talks_by(&self, view: P2pView) {
        // It begins once.
        let _ = self.0.p2p.set(view);
    }

    /// The rules of the chain.
    pub fn rules(&self) -> &Arc<dyn Rules> {
        &self.0.rules
    }

    /// Tells the driver to write everything down and end.
    pub async fn stop(&self) {
        // If the driver is gone already, that is what was wanted.
        let _ = self.0.commands.send(Command::Stop).await;
    }
}

/// A request that was handed in. Dropped before its end, it is taken back.
struct PendingRequest<'a> {
    id: RequestId,
    commands: &'a mpsc::Sender<Command>,
    answer: oneshot::Receiver<Answer>,
    is_over: bool,
}

impl PendingRequest<'_> {
    async fn answer(&mut self) -> Result<Answer, Stopping> {
        let answer = (&mut self.answer).await.map_err(|_| Stopping);
        self.is_over = true;
        answer
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Should the queue be full, the answer is made for nobody.
            let _ = self.commands.try_send(Command::Cancelled(self.id));
        }
    }
}

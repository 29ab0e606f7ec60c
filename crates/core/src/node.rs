//! The node as its driver sees it: something happened, so these effects are to
//! be carried out. It ties the chain, the waiting transactions, the peers and
//! the mining together, and decides everything that a node decides.
//!
//! The contract: [`Node::handle`] makes one change and returns effects, in
//! order. The driver carries them out before the next call, and makes every
//! [`Effect::Persist`] durable before anything behind it leaves the process.

mod blocks;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use self::blocks::{change, refused};
use crate::address::AddressError;
use crate::archive::{Archive, Change};
use crate::block::Block;
use crate::chain::{Arrival, Chain, ChainError};
use crate::early::EarlyBlocks;
pub use crate::early::{EARLY_BLOCKS_LIMIT, EARLY_BLOCKS_LIMIT_BYTES};
use crate::hash::Hash;
use crate::mining::{HeldUp, Job, Mining};
use crate::peer::PeerAddress;
use crate::pool::{
    FeeRate, NotAccepted, NotPending, Origin, Pending, Pool, PoolFull, Waiting, check_recipient,
};
use crate::rules::Rules;
pub use crate::settling::{DROPPED_READ_LIMIT_BYTES, LeftOut, SETTLED_AT_ONCE_LIMIT};
use crate::settling::{SETTLING_STEP_BLOCKS, Unsettled};
use crate::sync::{Ask, PeerRecord, PeerReport, Peers, RequestId, Resolved, Seen, TooManyPeers};
use crate::transaction::Submitted;

/// What a node is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who gets the reward of the blocks that are made here.
    pub reward_to: String,
    /// How often the peers are asked for their chains without anybody's call.
    pub resolve_every: Option<Duration>,
    /// How long this node rests after a block of its own before it makes the
    /// next without anybody's call; `None` makes blocks only when called.
    pub mine_every: Option<Duration>,
    /// Whether a block is made for every transaction, at once: for chains on
    /// which any proof is one.
    pub mine_at_once: bool,
    /// The lowest fee for its length with which a transaction may wait, under
    /// rules that know fees.
    pub min_fee_rate: FeeRate,
    /// The addresses under which this node itself is found.
    pub own_addresses: BTreeSet<PeerAddress>,
}

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// The node was started, and everything stored was read.
    Started,
    /// The time that was asked for with [`Effect::WakeAt`] has come.
    Woken(Alarm),
    /// A transaction was submitted; the rules have read it.
    Transaction(RequestId, Submitted),
    /// Somebody wants a block to be made.
    Mine(RequestId),
    /// The proof of a job was found.
    Proof {
        /// The job's number.
        job: u64,
        /// What solves its puzzle.
        proof: u64,
    },
    /// Peers were named.
    Register(RequestId, Vec<PeerAddress>),
    /// A peer is not wanted any more.
    Unregister(RequestId, PeerAddress),
    /// Somebody wants the peers' chains to be looked at.
    Resolve(RequestId),
    /// A block came from elsewhere.
    Block(Arc<Block>, Arrival),
    /// Somebody offers a block, and wants to know what becomes of it.
    Offer(RequestId, Arc<Block>),
    /// The blocks of a branch go on after a pause, in which others have their
    /// turn.
    BranchPaused,
    /// A peer that was asked has answered; the blocks of its branch, if it is
    /// heavier, came before, as [`Input::Block`], for as long as
    /// [`Node::is_asked`]. If that is over, it changes nothing.
    PeerAnswered(Ask, PeerReport, Seen),
    /// Somebody wants the chain to begin anew.
    Rewind(RequestId),
    /// Whoever waits for peers wants to wait no longer.
    Hurry(RequestId),
    /// Whoever waited for an answer has gone.
    Gone(RequestId),
}

/// What a node wants to be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// To ask the peers for their chains.
    AskPeers,
    /// To make a block.
    Mine,
    /// To take newer transactions into the block that is being made.
    Renew,
    /// To try a block again that came too early.
    Retry,
    /// To make blocks again where none could be made.
    Resume,
    /// To go on with what a long reorganisation means to the waiting transactions.
    Settle,
}

/// Something is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Keep this; it must be durable before any later effect leaves the node.
    Persist(Change),
    /// A block was made here.
    Made(Arc<Block>),
    /// Answer whoever waits.
    Answer(RequestId, Answer),
    /// Search this job's proof, and no other's any more.
    Mine(Job),
    /// Search no proof any more.
    StopMining,
    /// Ask this peer for its chain.
    Ask(Ask),
    /// This is no peer any more: end whatever is under way with it.
    Forget(PeerAddress),
    /// Tell these peers that there is a new chain to look at.
    Announce(Vec<PeerAddress>),
    /// This of dropped blocks does not wait again; it stands in the log, in the
    /// dropped blocks.
    LeftOut(LeftOut),
    /// A block was not taken.
    Refused(ChainError),
    /// A transaction does not wait any more, since no block can take it: what
    /// the one that was made here was refused for.
    Evicted(Hash, ChainError),
    /// Come back then.
    WakeAt(Alarm, Duration),
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// The transaction waits, and will be in the block of this index, unless
    /// another node's block comes before.
    Accepted {
        /// The block's index.
        block_index: u64,
    },
    /// The transaction can't wait.
    PoolFull(PoolFull),
    /// The transaction may not wait.
    NotPending(NotPending),
    /// A block was made.
    Mined(Arc<Block>),
    /// Too many wait for blocks already.
    MiningBusy,
    /// No block can be made for some time.
    HeldUp(HeldUp),
    /// Under these rules a block needs an address that it is rewarded to.
    NobodyToReward(AddressError),
    /// The chain has begun anew.
    Rewound,
    /// The peers were registered; these are all of them.
    Registered(Vec<PeerAddress>),
    /// The peer is none any more.
    Unregistered {
        /// Whether it was one.
        was_registered: bool,
    },
    /// The peers were not registered.
    TooManyPeers(TooManyPeers),
    /// All peers have answered, or failed to.
    Resolved(Resolved),
    /// This became of the block that was offered.
    Offered(Outcome),
}

/// What becomes of a block that comes from elsewhere.
#[derive(Debug)]
pub enum Outcome {
    /// It is the tip, on the one before.
    Extended,
    /// It stands on a branch beside the main chain.
    Side,
    /// It is the tip, on another branch than the one before.
    Reorganised,
    /// It was there already.
    Known,
    /// Its time has not come; it is tried again then.
    HeldBack,
    /// It was not taken.
    Refused(ChainError),
}

/// A node without a world.
pub struct Node {
    config: Config,
    chain: Chain,
    pool: Pool,
    /// How far the waiting transactions have followed a long reorganisation, if
    /// they are not at its end.
    unsettled: Option<Unsettled>,
    settled_at_once_limit: u64,
    settling_step_blocks: usize,
    peers: Peers,
    mining: Mining,
    /// Whether the main chain has changed by a peer's blocks since the last
    /// peer's answer ended.
    adopting: bool,
    /// What waited before the node was started anew, until all blocks are
    /// there without which it can't be judged.
    kept_pending: Vec<Pending>,
    early: EarlyBlocks,
}

impl Node {
    /// A node whose chain the archive holds. `peers` and `pending` are what
    /// was kept besides.
    pub fn open(
        config: Config,
        rules: Arc<dyn Rules>,
        length: u64,
        peers: Vec<PeerAddress>,
        pending: Vec<Pending>,
        archive: &dyn Archive,
    ) -> Result<Node, ChainError> {
        let mut node = Node {
            pool: Pool::new(&*rules, config.min_fee_rate),
            unsettled: None,
            settled_at_once_limit: SETTLED_AT_ONCE_LIMIT,
            settling_step_blocks: SETTLING_STEP_BLOCKS,
            peers: Peers::default(),
            mining: Mining::new(config.mine_every),
            config,
            chain: Chain::open(rules, length, archive)?,
            adopting: false,
            kept_pending: Vec::new(),
            early: EarlyBlocks::default(),
        };
        let own = &node.config.own_addresses;
        let others = peers.into_iter().filter(|peer| !own.contains(peer));
        node.peers
            .register(others.take(crate::sync::PEERS_LIMIT).collect())
            .expect("no more than the limit were taken");
        match &mut node.pool {
            Pool::Queue(pool) => {
                let rules = node.chain.rules();
                for one in pending {
                    // What was accepted was promised; what came back was not.
                    let is_wanted =
                        one.origin == Origin::Accepted || rules.read_returned(&one.text).is_some();
                    if is_wanted {
                        pool.restore(one);
                    }
                }
            }
            Pool::Accounts(_) => node.kept_pending = pending,
        }
        Ok(node)
    }

    /// Takes a block of our own log into the tree again, at the start. With
    /// `settle`, the waiting transactions have not seen it yet.
    pub fn replay(
        &mut self,
        block: Block,
        settle: bool,
        archive: &dyn Archive,
    ) -> Result<Option<Change>, ChainError> {
        // The log holds what was accepted: no clock is asked again.
        let now = Duration::MAX;
        block.signatures_are_valid();
        let block = Arc::new(block);
        let Some(placed) = self.chain.insert(now, block, Arrival::InBranch, archive)? else {
            return Ok(None);
        };
        if settle {
            self.settle(now, &placed, archive)?;
        }
        Ok(Some(change(placed)))
    }

    /// All blocks of the log were replayed: what waited waits again.
    pub fn replayed(&mut self, now: Duration, archive: &dyn Archive) -> Result<(), ChainError> {
        let Pool::Accounts(pool) = &mut self.pool else {
            return Ok(());
        };
        // In the order in which they came: of several with one nonce, the last
        // one had taken the place of the others.
        for pending in std::mem::take(&mut self.kept_pending) {
            let payment = self.chain.rules().read_own_payment(&pending.text);
            let Some(payment) = payment else {
                continue;
            };
            let account = archive.account(&payment.sender)?;
            let recipient = archive.account(&payment.recipient)?;
            // No block could take it, which is why it may have left before.
            if check_recipient(&payment, recipient).is_err() {
                continue;
            }
            // It was acknowledged: what refuses it is that a block has it, or
            // that its account has spent the money since.
            let _ = pool.restore(now, payment, account);
        }
        // What dropped blocks gave back came while no clock was asked.
        pool.arrive_anew(now);
        Ok(())
    }

    /// Makes the one change that follows from an input, and says what is to
    /// be done. An error means that nothing can be decided any more.
    pub fn handle(
        &mut self,
        now: Duration,
        input: Input,
        archive: &dyn Archive,
    ) -> Result<Vec<Effect>, ChainError> {
        let mut effects = Vec::new();
        match input {
            Input::Started => self.start(now, archive, &mut effects)?,
            Input::Woken(Alarm::AskPeers) => self.ask_peers(now, &mut effects),
            Input::Woken(Alarm::Mine) => {
                self.mining.has_rested();
                self.ensure_job(now, &mut effects);
            }
            Input::Woken(Alarm::Renew) => {
                if self.mining.is_outdated(now) {
                    self.next_job(now, &mut effects);
                }
            }
            Input::Transaction(request, submitted) => {
                self.accept(now, request, submitted, archive, &mut effects)?;
            }
            Input::Mine(request) => self.mine(now, request, &mut effects),
            Input::Proof { job, proof } => self.found(now, job, proof, archive, &mut effects)?,
            Input::Register(request, peers) => self.register(request, peers, &mut effects),
            Input::Unregister(request, peer) => {
                self.unregister(now, request, peer, &mut effects);
            }
            Input::Resolve(request) => self.resolve(now, request, &mut effects),
            Input::Block(block, arrival) => {
                let outcome = self.take_block(now, block, arrival, archive, &mut effects)?;
                effects.extend(refused(outcome));
            }
            Input::Offer(request, block) => {
                let arrival = Arrival::Offered;
                let outcome = self.take_block(now, block, arrival, archive, &mut effects)?;
                effects.push(Effect::Answer(request, Answer::Offered(outcome)));
            }
            Input::BranchPaused => {
                if self.adopting {
                    self.renew_job(now, &mut effects);
                }
            }
            Input::PeerAnswered(ask, report, seen) => {
                if self.adopting {
                    self.finish_adopting(now, Some(&ask.peer), &mut effects);
                }
                self.answered(now, &ask, &report, seen, &mut effects);
            }
            Input::Woken(Alarm::Retry) => self.retry(now, archive, &mut effects)?,
            Input::Woken(Alarm::Resume) => self.resume(now, archive, &mut effects)?,
            Input::Woken(Alarm::Settle) => self.settle_on(now, archive, &mut effects)?,
            Input::Rewind(request) => self.rewind(now, request, archive, &mut effects)?,
            Input::Hurry(request) => {
                self.peers.hurry(request);
                self.answer_resolved(&mut effects);
            }
            Input::Gone(request) => self.forget(request, &mut effects),
        }
        Ok(effects)
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The waiting transactions.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether the waiting transactions have followed the main chain to its tip. If
    /// not, nothing that is kept may say so.
    pub fn is_settled(&self) -> bool {
        self.unsettled.is_none()
    }

    /// The waiting transactions follow reorganisations of more blocks than these in
    /// steps, instead of those of more than [`SETTLED_AT_ONCE_LIMIT`], and steps are
    /// as long as this.
    pub fn limit_settling(&mut self, at_once: u64, step_blocks: usize) {
        self.settled_at_once_limit = at_once;
        self.settling_step_blocks = step_blocks;
    }

    /// Whether somebody waits for a block, and it is being made.
    pub fn is_block_awaited(&self) -> bool {
        self.mining.job().is_some() && self.mining.is_awaited()
    }

    /// The registered peers, sorted.
    pub fn peers(&self) -> Vec<PeerAddress> {
        self.peers.addresses().cloned().collect()
    }

    /// What is known of each peer, sorted by address.
    pub fn peer_records(&self) -> impl Iterator<Item = (&PeerAddress, &PeerRecord)> {
        self.peers.records()
    }

    /// What is known of a peer, if it is registered.
    pub fn peer_record(&self, peer: &PeerAddress) -> Option<&PeerRecord> {
        self.peers.record(peer)
    }

    /// Whether a peer's answer is still waited for. The blocks of one that is
    /// not, because the peer was removed meanwhile, are not to be taken.
    pub fn is_asked(&self, ask: &Ask) -> bool {
        self.peers.is_asked(ask)
    }

    /// The addresses that were registered and turned out to be this node's own.
    pub fn own_addresses(&self) -> impl Iterator<Item = &PeerAddress> {
        self.peers.own()
    }

    /// The peers of whom something new is known since this was last called.
    pub fn take_changed_peers(&mut self) -> BTreeSet<PeerAddress> {
        self.peers.take_changed()
    }

    fn start(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        if self.chain.tip().is_none() {
            let genesis = Arc::new(self.chain.rules().genesis(now));
            let placed = self.chain.insert(now, genesis, Arrival::Single, archive)?;
            effects.extend(placed.map(|placed| Effect::Persist(change(placed))));
        }
        self.set_settling_alarm(now, effects);
        self.ask_peers(now, effects);
        self.ensure_job(now, effects);
        Ok(())
    }

    fn ask_peers(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Some(every) = self.config.resolve_every {
            effects.extend(self.peers.ask_all(now, None).into_iter().map(Effect::Ask));
            effects.push(Effect::WakeAt(Alarm::AskPeers, now.saturating_add(every)));
        }
    }

    fn accept(
        &mut self,
        now: Duration,
        request: RequestId,
        submitted: Submitted,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let text = Arc::clone(submitted.text());
        let next_block = self.chain.length() + 1;
        let accepted = self.pool.accept(now, submitted, archive)?;
        let is_new = matches!(accepted, Ok(Waiting::New { .. }));
        if is_new {
            effects.push(Effect::Persist(Change::Transaction(text)));
        }
        let answer = match accepted {
            Ok(Waiting::New { blocks_before }) => Answer::Accepted {
                block_index: next_block + blocks_before,
            },
            Ok(Waiting::Already) => Answer::Accepted {
                block_index: next_block,
            },
            Err(NotAccepted::Full(full)) => Answer::PoolFull(full),
            Err(NotAccepted::NotPending(error)) => Answer::NotPending(error),
        };
        if self.config.mine_at_once {
            self.make_at_once(now, archive, effects)?;
        } else if is_new && self.chain.rules().proof_is_for_content() {
            self.renew_draft(now, effects);
        }
        effects.push(Effect::Answer(request, answer));
        Ok(())
    }

    fn register(
        &mut self,
        request: RequestId,
        mut peers: Vec<PeerAddress>,
        effects: &mut Vec<Effect>,
    ) {
        peers.retain(|peer| !self.config.own_addresses.contains(peer));
        let answer = match self.peers.register(peers) {
            Ok(any_new) => {
                if any_new {
                    self.persist_peers(effects);
                }
                Answer::Registered(self.peers())
            }
            Err(error) => Answer::TooManyPeers(error),
        };
        effects.push(Effect::Answer(request, answer));
    }

    fn unregister(
        &mut self,
        now: Duration,
        request: RequestId,
        peer: PeerAddress,
        effects: &mut Vec<Effect>,
    ) {
        let was_registered = self.peers.unregister(&peer);
        if was_registered {
            self.persist_peers(effects);
            effects.push(Effect::Forget(peer));
        }
        // Of its branch, no further block comes.
        if self.adopting {
            self.finish_adopting(now, None, effects);
        }
        effects.push(Effect::Answer(
            request,
            Answer::Unregistered { was_registered },
        ));
        self.answer_resolved(effects);
    }

    fn persist_peers(&self, effects: &mut Vec<Effect>) {
        let texts = self.peers.addresses().map(ToString::to_string);
        effects.push(Effect::Persist(Change::Peers(texts.collect())));
    }

    fn resolve(&mut self, now: Duration, request: RequestId, effects: &mut Vec<Effect>) {
        let ask = self.peers.ask_all(now, Some(request));
        effects.extend(ask.into_iter().map(Effect::Ask));
        self.answer_resolved(effects);
    }

    fn answered(
        &mut self,
        now: Duration,
        ask: &Ask,
        report: &PeerReport,
        seen: Seen,
        effects: &mut Vec<Effect>,
    ) {
        let was_registered = self.peers.record(&ask.peer).is_some();
        let again = self.peers.answered(now, ask, report, seen);
        effects.extend(again.map(Effect::Ask));
        if was_registered && self.peers.record(&ask.peer).is_none() {
            self.persist_peers(effects);
            effects.push(Effect::Forget(ask.peer.clone()));
        }
        self.answer_resolved(effects);
    }

    fn answer_resolved(&mut self, effects: &mut Vec<Effect>) {
        while let Some(resolved) = self.peers.take_resolved() {
            effects.push(Effect::Answer(resolved.request, Answer::Resolved(resolved)));
        }
    }

    fn forget(&mut self, request: RequestId, effects: &mut Vec<Effect>) {
        self.peers.forget(request);
        self.mining.forget(request);
        if !self.mining.is_wanted() && self.mining.drop_job() {
            effects.push(Effect::StopMining);
        }
    }
}

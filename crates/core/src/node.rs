//! The node as its driver sees it: something happened, so these effects are to
//! be carried out. It ties the chain, the waiting transactions, the peers and
//! the mining together, and decides everything that a node decides.
//!
//! The contract: [`Node::handle`] makes one change and returns effects, in
//! order. The driver carries them out before the next call, and makes every
//! [`Effect::Persist`] durable before anything behind it leaves the process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, Change, MainChange};
use crate::block::Block;
use crate::chain::{Arrival, Chain, ChainError, Placed};
use crate::mining::{Job, Mining};
use crate::peer::PeerAddress;
use crate::pool::{Pending, Pool, PoolFull};
use crate::rules::{Draft, Rules};
use crate::sync::{PeerReport, Peers, RequestId, Resolved, TooManyPeers};
use crate::transaction::{self, TransactionText};

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
    Transaction(RequestId, TransactionText),
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
    /// Somebody wants the peers' chains to be looked at.
    Resolve(RequestId),
    /// A block came from elsewhere.
    Block(Arc<Block>, Arrival),
    /// A peer that was asked has answered; the blocks of its branch, if it is
    /// heavier, came before, as [`Input::Block`].
    PeerAnswered(PeerAddress, PeerReport),
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
    Ask(PeerAddress),
    /// Tell these peers that there is a new chain to look at.
    Announce(Vec<PeerAddress>),
    /// So many transactions of dropped blocks found no room among the waiting
    /// ones; they stand in the log, in the dropped blocks.
    LeftOut(usize),
    /// A block from elsewhere was not taken.
    Refused(ChainError),
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
    /// A block was made.
    Mined(Arc<Block>),
    /// Too many wait for blocks already.
    MiningBusy,
    /// The peers were registered; these are all of them.
    Registered(Vec<PeerAddress>),
    /// The peers were not registered.
    TooManyPeers(TooManyPeers),
    /// All peers have answered, or failed to.
    Resolved(Resolved),
}

/// A node without a world.
pub struct Node {
    config: Config,
    chain: Chain,
    pool: Pool,
    peers: Peers,
    mining: Mining,
    /// Whether the main chain has changed by a peer's blocks since the last
    /// peer's answer ended.
    adopting: bool,
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
            chain: Chain::open(rules, length, archive)?,
            pool: Pool::default(),
            peers: Peers::default(),
            mining: Mining::new(config.mine_every),
            config,
            adopting: false,
        };
        let own = &node.config.own_addresses;
        let others = peers.into_iter().filter(|peer| !own.contains(peer));
        node.peers
            .register(others.take(crate::sync::PEERS_LIMIT).collect())
            .expect("no more than the limit were taken");
        for transaction in pending {
            node.pool.restore(transaction);
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
        let block = Arc::new(block);
        let Some(placed) = self.chain.insert(now, block, Arrival::InBranch, archive)? else {
            return Ok(None);
        };
        if settle {
            self.update_pool(&placed, archive)?;
        }
        Ok(Some(change(placed)))
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
            Input::Transaction(request, text) => self.accept(request, text, &mut effects),
            Input::Mine(request) => self.mine(now, request, &mut effects),
            Input::Proof { job, proof } => self.found(now, job, proof, archive, &mut effects)?,
            Input::Register(request, peers) => self.register(request, peers, &mut effects),
            Input::Resolve(request) => self.resolve(request, &mut effects),
            Input::Block(block, arrival) => {
                self.take_block(now, block, arrival, archive, &mut effects)?;
            }
            Input::PeerAnswered(peer, report) => {
                if self.adopting {
                    self.finish_adopting(now, Some(&peer), &mut effects);
                }
                self.answered(&peer, &report, &mut effects);
            }
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

    /// The registered peers, sorted.
    pub fn peers(&self) -> Vec<PeerAddress> {
        self.peers.addresses().cloned().collect()
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
        self.ask_peers(now, effects);
        self.ensure_job(now, effects);
        Ok(())
    }

    fn ask_peers(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Some(every) = self.config.resolve_every {
            effects.extend(self.peers.ask_all(None).into_iter().map(Effect::Ask));
            effects.push(Effect::WakeAt(Alarm::AskPeers, now.saturating_add(every)));
        }
    }

    fn accept(&mut self, request: RequestId, text: TransactionText, effects: &mut Vec<Effect>) {
        let text: Arc<[u8]> = text.into();
        let answer = match self.pool.accept(Arc::clone(&text)) {
            Ok(blocks_before) => {
                effects.push(Effect::Persist(Change::Transaction(text)));
                let block_index = self.chain.length() + 1 + blocks_before;
                Answer::Accepted { block_index }
            }
            Err(full) => Answer::PoolFull(full),
        };
        effects.push(Effect::Answer(request, answer));
    }

    fn mine(&mut self, now: Duration, request: RequestId, effects: &mut Vec<Effect>) {
        match self.mining.wait(request) {
            Ok(()) => self.ensure_job(now, effects),
            Err(_) => effects.push(Effect::Answer(request, Answer::MiningBusy)),
        }
    }

    fn ensure_job(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.mining.job().is_none() {
            self.next_job(now, effects);
        }
    }

    /// Starts a search on the tip, if a block is wanted.
    fn next_job(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let had_job = self.mining.job().is_some();
        let next = self.chain.next(now);
        let Some(next) = next.filter(|_| self.mining.is_wanted()) else {
            self.mining.drop_job();
            if had_job {
                effects.push(Effect::StopMining);
            }
            return;
        };
        let draft = self.draft(now);
        let puzzle = self.chain.rules().puzzle(next, &draft);
        effects.push(Effect::Mine(self.mining.begin(puzzle, draft)));
    }

    fn draft(&self, now: Duration) -> Draft {
        Draft {
            now,
            transactions: self.pool.for_next_block(),
            reward_to: self.config.reward_to.clone(),
        }
    }

    fn found(
        &mut self,
        now: Duration,
        number: u64,
        proof: u64,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let (Some((job, draft)), Some(next)) = (self.mining.job(), self.chain.next(now)) else {
            return Ok(());
        };
        if job.number != number {
            return Ok(());
        }
        // What came in while the search ran is taken along, where the proof
        // does not depend on the content: as the tutorial's new_block does.
        let fresh = self.draft(now);
        let rules = self.chain.rules();
        let same_puzzle = rules.puzzle(next, &fresh) == job.puzzle;
        let block = rules.complete(next, if same_puzzle { &fresh } else { draft }, proof);
        let placed = self
            .chain
            .insert(now, Arc::new(block), Arrival::Single, archive);
        if let Some(placed) = refuse_invalid(placed, effects)?.flatten() {
            self.update_pool(&placed, archive)?;
            let block = Arc::clone(&placed.block);
            effects.push(Effect::Persist(change(placed)));
            effects.push(Effect::Made(Arc::clone(&block)));
            if let Some(request) = self.mining.next_waiting() {
                effects.push(Effect::Answer(request, Answer::Mined(block)));
            }
            effects.push(Effect::Announce(self.peers()));
            let rest = self.mining.rest_until(now);
            effects.extend(rest.map(|end| Effect::WakeAt(Alarm::Mine, end)));
        }
        self.next_job(now, effects);
        Ok(())
    }

    fn take_block(
        &mut self,
        now: Duration,
        block: Arc<Block>,
        arrival: Arrival,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let placed = self.chain.insert(now, block, arrival, archive);
        let Some(placed) = refuse_invalid(placed, effects)?.flatten() else {
            return Ok(());
        };
        let moved = placed.main != MainChange::Side;
        let left_out = self.update_pool(&placed, archive)?;
        effects.push(Effect::Persist(change(placed)));
        if left_out > 0 {
            effects.push(Effect::LeftOut(left_out));
        }
        if moved {
            self.adopting = true;
            self.peers.chain_was_replaced();
            if arrival == Arrival::Single {
                self.finish_adopting(now, None, effects);
            }
        }
        Ok(())
    }

    /// The main chain has changed by others' blocks: a search starts anew on
    /// the new tip, and the other peers are told.
    fn finish_adopting(
        &mut self,
        now: Duration,
        from: Option<&PeerAddress>,
        effects: &mut Vec<Effect>,
    ) {
        self.adopting = false;
        if self.mining.job().is_some() {
            self.next_job(now, effects);
        }
        let mut others = self.peers();
        others.retain(|peer| Some(peer) != from);
        effects.push(Effect::Announce(others));
    }

    fn update_pool(&mut self, placed: &Placed, archive: &dyn Archive) -> Result<usize, ChainError> {
        let fork = match placed.main {
            MainChange::Side => return Ok(0),
            MainChange::Extend => {
                self.settle(&placed.block);
                return Ok(0);
            }
            MainChange::Reorganise { fork } => fork,
        };
        let dropped_from = placed.old_tip.as_ref().map_or(0, |tip| tip.index());
        let mut left_out = 0;
        for index in (fork + 1..=dropped_from).rev() {
            if let Some(hash) = archive.main_hash(index)?
                && let Some(block) = self.read(&hash, archive)?
            {
                left_out += self.pool.give_back(&paid(&block));
            }
        }
        let mut adopted = Some(Arc::clone(&placed.block));
        while let Some(block) = adopted.take().filter(|block| block.index() > fork) {
            if self.pool.is_empty() {
                break;
            }
            self.settle(&block);
            if let Some(parent) = block.parent() {
                adopted = self.read(&parent, archive)?.map(Arc::new);
            }
        }
        Ok(left_out)
    }

    /// Whose block it is, it says itself: so it is the same when the log is
    /// read again, and when our own blocks come back from a peer.
    fn settle(&mut self, block: &Block) {
        // Most blocks of a long branch find nothing to settle: they are not
        // even looked through.
        if self.pool.is_empty() {
            return;
        }
        let ours = self.is_ours(block);
        if self.pool.can_settle(ours) {
            self.pool.settle(&paid(block), ours);
        }
    }

    fn read(
        &self,
        hash: &crate::hash::Hash,
        archive: &dyn Archive,
    ) -> Result<Option<Block>, ChainError> {
        let text = archive.text(hash)?;
        Ok(text
            .map(|text| self.chain.rules().read_canonical(text))
            .transpose()?)
    }

    fn is_ours(&self, block: &Block) -> bool {
        let reward = transaction::reward(&self.config.reward_to);
        block.transactions().last() == Some(&*reward)
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

    fn persist_peers(&self, effects: &mut Vec<Effect>) {
        let texts = self.peers.addresses().map(ToString::to_string);
        effects.push(Effect::Persist(Change::Peers(texts.collect())));
    }

    fn resolve(&mut self, request: RequestId, effects: &mut Vec<Effect>) {
        let ask = self.peers.ask_all(Some(request));
        effects.extend(ask.into_iter().map(Effect::Ask));
        self.answer_resolved(effects);
    }

    fn answered(&mut self, peer: &PeerAddress, report: &PeerReport, effects: &mut Vec<Effect>) {
        if self.peers.answered(peer, report) {
            effects.push(Effect::Ask(peer.clone()));
        }
        if *report == PeerReport::Itself {
            self.persist_peers(effects);
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

/// The transactions that a block took from those that waited: all but the
/// reward, which belongs to the block.
fn paid(block: &Block) -> Vec<&[u8]> {
    let mut transactions: Vec<&[u8]> = block.transactions().collect();
    if transactions
        .last()
        .is_some_and(|last| transaction::is_reward(last))
    {
        transactions.pop();
    }
    transactions.retain(|transaction| transaction.starts_with(b"{"));
    transactions
}

fn change(placed: Placed) -> Change {
    Change::Block {
        block: placed.block,
        entry: placed.entry,
        main: placed.main,
    }
}

/// What a block is refused for is an effect; that nothing can be decided any
/// more is an error.
fn refuse_invalid<T>(
    result: Result<T, ChainError>,
    effects: &mut Vec<Effect>,
) -> Result<Option<T>, ChainError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error @ ChainError::Archive(_)) => Err(error),
        Err(error) => {
            effects.push(Effect::Refused(error));
            Ok(None)
        }
    }
}

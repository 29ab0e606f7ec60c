//! The node as its driver sees it: something happened, so these effects are to
//! be carried out. It ties the chain, the waiting transactions, the peers and
//! the mining together, and makes every decision that a node makes.
//!
//! The contract: [`Node::handle`] makes one change and returns effects, in
//! order. The driver carries them out before the next call, and makes every
//! [`Effect::Persist`] durable before anything behind it leaves the process.

mod blocks;
mod development;
mod draft;
mod messages;
mod points;
mod state;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use self::blocks::{change, refused};
pub use self::draft::{BlockDraft, NoBlockDraft};
pub use self::messages::{Answer, Config, Effect, Input, Outcome, Timer};
pub use self::points::{BlockMaking, ChainPoint};
pub use self::state::Node;
use crate::archive::{Archive, Change};
use crate::block::Block;
use crate::chain::{BlockSource, Chain, ChainError};
use crate::future_blocks::FutureBlocks;
pub use crate::future_blocks::{FUTURE_BLOCKS_LIMIT, FUTURE_BLOCKS_LIMIT_BYTES};
pub use crate::invalid::INVALID_BLOCKS_LIMIT;
use crate::mempool::{Admission, Mempool, NotAccepted, Origin, Pending, check_recipient};
use crate::mempool_update::UPDATE_STEP_BLOCKS;
pub use crate::mempool_update::{
    ACCOUNTS_UPDATE_AT_ONCE_LIMIT, DROPPED_READ_LIMIT_BYTES, LeftOut, UPDATE_AT_ONCE_LIMIT,
};
use crate::mining::Mining;
use crate::peer::PeerAddress;
use crate::rules::Rules;
use crate::sync::{Ask, PeerRecord, PeerReport, Peers, RequestId, Seen};
use crate::transaction::Submitted;

/// So many identities of relayed transactions are known beyond twice those that
/// wait, until the others are forgotten.
const RELAYED_SURPLUS: usize = 1_024;

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
            mempool: Mempool::new(&*rules, config.min_fee_rate),
            stepped_update: None,
            update_at_once_limit: UPDATE_AT_ONCE_LIMIT,
            accounts_update_at_once_limit: ACCOUNTS_UPDATE_AT_ONCE_LIMIT,
            update_step_blocks: UPDATE_STEP_BLOCKS,
            peers: Peers::default(),
            mining: Mining::new(config.mine_every),
            config,
            chain: Chain::open(rules, length, archive)?,
            adopting: false,
            kept_pending: Vec::new(),
            relayed: BTreeSet::new(),
            future_blocks: FutureBlocks::default(),
        };
        let own = &node.config.own_addresses;
        let others = peers.into_iter().filter(|peer| !own.contains(peer));
        node.peers
            .register(others.take(crate::sync::PEERS_LIMIT).collect())
            .expect("no more than the limit were taken");
        match &mut node.mempool {
            Mempool::Queue(mempool) => {
                let rules = node.chain.rules();
                for one in pending {
                    // What was accepted was promised; what came back was not.
                    let is_wanted =
                        one.origin == Origin::Accepted || rules.read_returned(&one.text).is_some();
                    if is_wanted {
                        mempool.restore(one);
                    }
                }
            }
            Mempool::Accounts(_) => node.kept_pending = pending,
        }
        Ok(node)
    }

    /// Takes a block of our own log into the tree again at the start. With
    /// `is_unseen`, the waiting transactions have not followed it yet.
    pub fn replay(
        &mut self,
        block: Block,
        is_unseen: bool,
        archive: &dyn Archive,
    ) -> Result<Option<Change>, ChainError> {
        // The log holds what was accepted: no clock is asked again.
        let now = Duration::MAX;
        block.signatures_are_valid();
        let block = Arc::new(block);
        // What waited had seen each reorganisation before the next one.
        self.finish_mempool_update(now, archive)?;
        let Some(connected) = self
            .chain
            .insert(now, block, BlockSource::InBranch, archive)?
        else {
            return Ok(None);
        };
        if is_unseen {
            self.update_mempool(now, &connected, archive)?;
        }
        Ok(Some(change(connected)))
    }

    /// All blocks of the log were replayed: what waited before waits again.
    pub fn replayed(&mut self, now: Duration, archive: &dyn Archive) -> Result<(), ChainError> {
        let Mempool::Accounts(mempool) = &mut self.mempool else {
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
            // It was acknowledged: it can only be refused because a block has
            // it, or because its account has spent the money since.
            let _ = mempool.restore(now, payment, account);
        }
        // What dropped blocks gave back came while there was no clock.
        mempool.arrive_again(now);
        Ok(())
    }

    /// Makes the one change that follows from an input, and returns what is to
    /// be done. An error means that no decision is possible any longer.
    pub fn handle(
        &mut self,
        now: Duration,
        input: Input,
        archive: &dyn Archive,
    ) -> Result<Vec<Effect>, ChainError> {
        let mut effects = Vec::new();
        match input {
            Input::Started => self.start(now, archive, &mut effects)?,
            Input::Timer(Timer::AskPeers) => self.ask_peers(now, &mut effects),
            Input::Timer(Timer::Mine) => {
                self.mining.has_rested();
                self.ensure_job(now, &mut effects);
            }
            Input::Timer(Timer::Renew) => {
                if self.mining.is_outdated(now) {
                    self.next_job(now, &mut effects);
                }
            }
            Input::Transaction(request, submitted) => {
                self.accept(now, request, submitted, true, archive, &mut effects)?;
            }
            Input::RelayedTransaction(request, submitted) => {
                self.accept(now, request, submitted, false, archive, &mut effects)?;
            }
            Input::Mine(request) => self.mine(now, request, &mut effects),
            Input::Proof { job, proof } => self.found(now, job, proof, archive, &mut effects)?,
            Input::Register(request, peers) => self.register(request, peers, &mut effects),
            Input::Unregister(request, peer) => {
                self.unregister(now, request, peer, &mut effects);
            }
            Input::Resolve(request) => {
                let asks = self.peers.ask_all(now, Some(request));
                self.resolve(asks, &mut effects);
            }
            Input::ResolvePeer(request, peer) => {
                let asks = self.peers.ask_one(now, request, &peer);
                self.resolve(asks, &mut effects);
            }
            Input::Block(block, source) => {
                let outcome = self.take_block(now, block, source, archive, &mut effects)?;
                effects.extend(refused(outcome));
            }
            Input::SubmitBlock(request, block) => {
                let source = BlockSource::Submitted;
                let outcome = self.take_block(now, block, source, archive, &mut effects)?;
                effects.push(Effect::Answer(request, Answer::BlockSubmitted(outcome)));
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
            Input::Timer(Timer::Retry) => self.retry(now, archive, &mut effects)?,
            Input::Timer(Timer::Resume) => self.resume(now, archive, &mut effects)?,
            Input::Timer(Timer::UpdateMempool) => {
                self.continue_mempool_update(now, archive, &mut effects)?
            }
            Input::Rewind(request) => self.rewind(now, request, archive, &mut effects)?,
            Input::GoTo(request, point) => {
                self.go_to(now, request, *point, archive, &mut effects)?;
            }
            Input::MakeBlock(request) => self.make_block(now, request, archive, &mut effects)?,
            Input::SetBlockMaking(request, making) => {
                self.set_block_making(now, request, making, archive, &mut effects)?;
            }
            Input::DeadlineReached(request) => {
                self.peers.deadline_reached(request);
                self.answer_resolved(&mut effects);
            }
            Input::Cancelled(request) => self.forget(request, &mut effects),
        }
        self.check_call(&effects);
        Ok(effects)
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The waiting transactions.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Whether the waiting transactions have followed the main chain to its tip. If
    /// not, nothing that is kept may say so.
    pub fn is_mempool_current(&self) -> bool {
        self.stepped_update.is_none()
    }

    /// The waiting transactions follow reorganisations of more than `at_once`
    /// blocks in steps, in place of [`UPDATE_AT_ONCE_LIMIT`] or
    /// [`ACCOUNTS_UPDATE_AT_ONCE_LIMIT`], each of
    /// `step_blocks`.
    pub fn limit_mempool_update(&mut self, at_once: u64, step_blocks: usize) {
        self.update_at_once_limit = at_once;
        self.accounts_update_at_once_limit = at_once;
        self.update_step_blocks = step_blocks;
    }

    /// Other limits for what is kept of blocks that come one by one; see
    /// [`Chain::limit_side_blocks`].
    pub fn limit_side_blocks(&mut self, depth: u64, blocks: usize) {
        self.chain.limit_side_blocks(depth, blocks);
    }

    /// Whether somebody waits for a block, and it is being made.
    pub fn is_block_awaited(&self) -> bool {
        self.mining.job().is_some() && self.mining.is_awaited()
    }

    /// The registered peers, sorted.
    pub fn peers(&self) -> Vec<PeerAddress> {
        self.peers.addresses().cloned().collect()
    }

    /// Splits off those of these peers that can't be registered too, for want of room.
    pub fn split_off_excess_peers(&self, peers: &mut Vec<PeerAddress>) -> Vec<PeerAddress> {
        peers.retain(|peer| !self.config.own_addresses.contains(peer));
        self.peers.split_off_excess(peers)
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

    /// The peers about which something new is known since the last call.
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
            let connected = self
                .chain
                .insert(now, genesis, BlockSource::Single, archive)?;
            effects.extend(connected.map(|connected| Effect::Persist(change(connected))));
        }
        self.set_mempool_update_timer(now, effects);
        self.ask_peers(now, effects);
        self.ensure_job(now, effects);
        Ok(())
    }

    fn ask_peers(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Some(every) = self.config.resolve_every {
            effects.extend(self.peers.ask_all(now, None).into_iter().map(Effect::Ask));
            effects.push(Effect::SetTimer(Timer::AskPeers, now.saturating_add(every)));
        }
    }

    fn accept(
        &mut self,
        now: Duration,
        request: RequestId,
        submitted: Submitted,
        is_promised: bool,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let transaction = submitted.clone();
        let next_block = self.chain.length() + 1;
        let accepted = self.mempool.accept(now, submitted, archive)?;
        let is_new = matches!(accepted, Ok(Admission::New { .. }));
        match (is_new, is_promised) {
            (true, true) => effects.push(Effect::Persist(Change::Transaction(transaction))),
            (true, false) => {
                self.note_relayed(&transaction);
                effects.push(Effect::Waits(transaction));
            }
            (false, true) => {
                let waiting = self.promise_relayed(&transaction);
                let change = waiting.map(Change::Transaction);
                effects.extend(change.map(Effect::Persist));
            }
            (false, false) => {}
        }
        let answer = match accepted {
            Ok(Admission::New { blocks_before }) => Answer::Accepted {
                block_height: next_block + blocks_before,
            },
            Ok(Admission::Already) => Answer::Accepted {
                block_height: next_block,
            },
            Err(NotAccepted::Full(full)) => Answer::MempoolFull(full),
            Err(NotAccepted::Rejected(error)) => Answer::Rejected(error),
        };
        if self.config.mine_at_once {
            self.make_at_once(now, archive, effects)?;
        } else if is_new && self.chain.rules().proof_is_for_content() {
            self.renew_template(now, effects);
        }
        effects.push(Effect::Answer(request, answer));
        Ok(())
    }

    /// Of what waits without a promise, the identities are known. Many of them may
    /// wait no longer.
    fn note_relayed(&mut self, transaction: &Submitted) {
        if self.relayed.len() >= RELAYED_SURPLUS + 2 * self.mempool.len()
            && let Mempool::Accounts(mempool) = &self.mempool
        {
            self.relayed.retain(|id| mempool.get(id).is_some());
        }
        self.relayed.extend(transaction.id());
    }

    /// Somebody submits what a peer has relayed before: from now on it is promised,
    /// as it waits.
    fn promise_relayed(&mut self, transaction: &Submitted) -> Option<Submitted> {
        let id = transaction.id()?;
        let Mempool::Accounts(mempool) = &self.mempool else {
            return None;
        };
        let waiting = mempool.get(&id).map(Arc::clone);
        waiting
            .filter(|_| self.relayed.remove(&id))
            .map(Submitted::Payment)
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
        // No further block of its branch comes.
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

    fn resolve(&mut self, asks: Vec<Ask>, effects: &mut Vec<Effect>) {
        effects.extend(asks.into_iter().map(Effect::Ask));
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

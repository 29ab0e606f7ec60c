//! One node of a simulated network: a core and a machine over one archive, and
//! what their driver does with the effects of both. How bytes get to others, and
//! when, is not known here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError, Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError};
use adit_core::hash::Hash;
use adit_core::mempool::FeeRate;
use adit_core::node::{Answer, Config, Effect, Input, Node, Timer};
use adit_core::puzzle::Puzzle;
use adit_core::rules::Rules;
use adit_core::sync::RequestId;
use adit_core::transaction::Submitted;
use adit_net::RelayTransaction;
use adit_net::address::PeerAddress;
use adit_net::address_book::AddressBook;
use adit_net::machine::{
    self, ChainRules, Direction, Effect as NetEffect, Input as NetInput, Machine, Offence, PeerId,
    Verdict,
};
use adit_net::message::Message;

/// What a node wants of the network.
#[derive(Debug)]
pub enum Wish {
    /// Send this.
    Send(PeerId, Message),
    /// Dial this.
    Dial(PeerAddress, Direction),
    /// Hang up.
    Disconnect(PeerId),
    /// Hang up, for this.
    Ban(PeerId, Offence),
    /// Wake the core then.
    WakeCore(Timer, Duration),
    /// Wake the machine then.
    WakeMachine(Duration),
    /// A block became the tip.
    Tip(Arc<Block>),
}

/// What all nodes of one simulation share: each block and transaction is in
/// memory once, and read once.
#[derive(Debug, Default)]
pub struct Shared {
    blocks: BTreeMap<Hash, Arc<Block>>,
    transactions: BTreeMap<Arc<[u8]>, Option<Submitted>>,
    /// The proofs of the classics' puzzles: most chains go through the same ones.
    proofs: BTreeMap<(Vec<u8>, Vec<u8>), u64>,
}

/// A node.
pub struct Participant {
    rules: ChainRules,
    address: PeerAddress,
    finds_peers: bool,
    /// Its core.
    pub node: Node,
    /// Its machine.
    pub machine: Machine,
    /// What it has kept.
    pub archive: MemoryArchive,
    /// What the machine is still to be told.
    inputs: VecDeque<NetInput>,
    last_request: u64,
    /// Whose transactions were handed to the core, by request.
    requests: BTreeMap<RequestId, Arc<[u8]>>,
}

impl Shared {
    /// The same block, of which there is one.
    fn of(&mut self, block: Arc<Block>) -> Arc<Block> {
        let known = self
            .blocks
            .entry(block.hash())
            .or_insert_with(|| Arc::clone(&block));
        match **known == *block {
            true => Arc::clone(known),
            false => block,
        }
    }

    /// A transaction as the rules read it, or `None` if they refuse it.
    fn read(&mut self, rules: &dyn Rules, text: &Arc<[u8]>) -> Option<Submitted> {
        let known = self.transactions.entry(Arc::clone(text));
        known.or_insert_with(|| rules.read_returned(text)).clone()
    }

    /// The smallest proof. Where every proof is one, it is the first.
    fn solve(&mut self, puzzle: &Puzzle) -> u64 {
        if puzzle.is_solved_by(0) {
            return 0;
        }
        let key = (puzzle.prefix.clone(), puzzle.suffix.clone());
        let search = || (0..u64::MAX).find(|proof| puzzle.is_solved_by(*proof));
        let proof = self.proofs.entry(key);
        *proof.or_insert_with(|| search().unwrap_or(u64::MAX))
    }

    /// Keeps a transaction that needs not be read.
    pub(crate) fn keep(&mut self, submitted: &Submitted) {
        let text = Arc::clone(submitted.text());
        self.transactions.insert(text, Some(submitted.clone()));
    }
}

impl Participant {
    /// A node of a new chain, with its genesis block. It looks for peers by itself
    /// where that is wanted.
    pub fn new(
        rules: &ChainRules,
        reward_to: &str,
        seed: [u8; 16],
        address: PeerAddress,
        finds_peers: bool,
        now: Duration,
    ) -> Result<Participant, ChainError> {
        let config = Config {
            reward_to: reward_to.to_owned(),
            resolve_every: None,
            mine_every: None,
            mine_at_once: false,
            min_fee_rate: FeeRate(0),
            own_addresses: Default::default(),
        };
        let core_rules: Arc<dyn Rules> = match rules {
            ChainRules::Sealed(rules) => Arc::clone(rules) as Arc<dyn Rules>,
            ChainRules::Classic(rules) => Arc::clone(rules),
        };
        let mut archive = MemoryArchive::default();
        let mut node = Node::open(config, core_rules, 0, Vec::new(), Vec::new(), &archive)?;
        for effect in node.handle(now, Input::Started, &archive)? {
            if let Effect::Persist(change) = effect {
                archive.apply(&change);
            }
        }
        let machine = Machine::new(machine_config(rules, seed, address, finds_peers), &archive)?;
        Ok(Participant {
            rules: rules.clone(),
            address,
            finds_peers,
            node,
            machine,
            archive,
            inputs: VecDeque::new(),
            last_request: 0,
            requests: BTreeMap::new(),
        })
    }

    /// The same node after a restart: what it had kept, and nothing else.
    pub fn restart(&mut self, seed: [u8; 16]) -> Result<(), ArchiveError> {
        let book = AddressBook::from_bytes(&self.machine.address_book().to_bytes());
        let anchors = self.machine.anchors();
        let config = machine_config(&self.rules, seed, self.address, self.finds_peers);
        self.machine = Machine::new(config, &self.archive)?;
        self.machine
            .remember(book.expect("it was written just now"), anchors);
        Ok(())
    }

    /// Tells the machine something, and does what follows, in the order in which
    /// it comes about.
    pub fn tell_machine(
        &mut self,
        now: Duration,
        input: NetInput,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), ChainError> {
        self.inputs.push_back(input);
        self.run_machine(now, shared, wishes)
    }

    fn run_machine(
        &mut self,
        now: Duration,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), ChainError> {
        while let Some(input) = self.inputs.pop_front() {
            for effect in self.machine.handle(now, input, &self.archive)? {
                match effect {
                    NetEffect::Send(peer, message) => wishes.push(Wish::Send(peer, message)),
                    NetEffect::Dial(address, direction) => {
                        wishes.push(Wish::Dial(address, direction));
                    }
                    NetEffect::Disconnect(peer) => wishes.push(Wish::Disconnect(peer)),
                    NetEffect::Ban(peer, offence) => wishes.push(Wish::Ban(peer, offence)),
                    NetEffect::SetTimer(at) => wishes.push(Wish::WakeMachine(at)),
                    NetEffect::SubmitBlock(block, source) => {
                        let block = shared.of(block);
                        let hash = block.hash();
                        let verdict = self.submit(now, block, source, shared, wishes)?;
                        self.inputs.push_back(NetInput::Decided(hash, verdict));
                    }
                    NetEffect::SubmitTransaction(text, _) => {
                        match shared.read(self.rules.rules(), &text) {
                            Some(submitted) => {
                                let request = self.request_for(&submitted);
                                let input = Input::RelayedTransaction(request, submitted);
                                self.ask_core(now, input, shared, wishes)?;
                            }
                            None => self.inputs.push_back(NetInput::TransactionLeft(text)),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells the core something, and does what follows.
    pub fn tell_core(
        &mut self,
        now: Duration,
        input: Input,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), ChainError> {
        self.ask_core(now, input, shared, wishes)?;
        self.run_machine(now, shared, wishes)
    }

    /// Makes a block, on whatever this node takes for the tip.
    pub fn mine(
        &mut self,
        now: Duration,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), ChainError> {
        let request = self.request();
        self.tell_core(now, Input::Mine(request), shared, wishes)
    }

    /// Hands a transaction to the core, as a user does.
    pub fn submit_transaction(
        &mut self,
        now: Duration,
        submitted: Submitted,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), ChainError> {
        let request = self.request_for(&submitted);
        self.tell_core(now, Input::Transaction(request, submitted), shared, wishes)
    }

    /// One step of the core. What the machine is to hear of it waits for its
    /// turn. Returns what was refused.
    fn ask_core(
        &mut self,
        now: Duration,
        input: Input,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<Option<ChainError>, ChainError> {
        let effects = self.node.handle(now, input, &self.archive)?;
        let is_own = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Made(_)));
        let (mut refused, mut proof) = (None, None);
        for effect in effects {
            match effect {
                Effect::Persist(change) => {
                    self.archive.apply(&change);
                    match change {
                        Change::Block { block, main, .. } if main != MainChange::Side => {
                            let block = shared.of(block);
                            wishes.push(Wish::Tip(Arc::clone(&block)));
                            self.inputs.push_back(NetInput::NewTip { block, is_own });
                        }
                        Change::Transaction(submitted) => {
                            let waits =
                                NetInput::TransactionWaits(RelayTransaction::of(&submitted));
                            self.inputs.push_back(waits);
                        }
                        _ => {}
                    }
                }
                Effect::Waits(submitted) => {
                    let waits = NetInput::TransactionWaits(RelayTransaction::of(&submitted));
                    self.inputs.push_back(waits);
                }
                Effect::Mine(job) => proof = Some((job.number, shared.solve(&job.puzzle))),
                Effect::Refused(error) => refused = Some(error),
                Effect::SetTimer(timer, at) => wishes.push(Wish::WakeCore(timer, at)),
                Effect::Answer(request, answer) => {
                    if let Some(text) = self.requests.remove(&request)
                        && !matches!(answer, Answer::Accepted { .. })
                    {
                        self.inputs.push_back(NetInput::TransactionLeft(text));
                    }
                }
                _ => {}
            }
        }
        if let Some((job, proof)) = proof {
            let proof = Input::Proof { job, proof };
            refused = self.ask_core(now, proof, shared, wishes)?.or(refused);
        }
        Ok(refused)
    }

    fn request_for(&mut self, submitted: &Submitted) -> RequestId {
        let request = self.request();
        self.requests.insert(request, Arc::clone(submitted.text()));
        request
    }

    fn request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// Hands a block to the core, and says what became of it.
    fn submit(
        &mut self,
        now: Duration,
        block: Arc<Block>,
        source: BlockSource,
        shared: &mut Shared,
        wishes: &mut Vec<Wish>,
    ) -> Result<Verdict, ChainError> {
        let hash = block.hash();
        let refused = self.ask_core(now, Input::Block(block, source), shared, wishes)?;
        Ok(match refused {
            Some(ChainError::Invalid(error)) if error.ahead_until_ms().is_none() => {
                Verdict::Invalid(error)
            }
            Some(ChainError::Invalid(_)) => Verdict::Deferred,
            Some(_) => Verdict::NotKept,
            None if self.archive.entry(&hash)?.is_some() => Verdict::Taken,
            None => Verdict::Deferred,
        })
    }
}

fn machine_config(
    rules: &ChainRules,
    seed: [u8; 16],
    address: PeerAddress,
    finds_peers: bool,
) -> machine::Config {
    machine::Config {
        seed,
        rules: rules.clone(),
        min_work: Default::default(),
        identity: address.identity,
        listen: if finds_peers {
            vec![address]
        } else {
            Vec::new()
        },
        min_fee_rate: 0,
        dials: finds_peers,
    }
}

//! What the other modules build on: a driver in memory that carries out what a
//! node wants done, makers of blocks, rules without work, and seeded dice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, Change, MemoryArchive};
use adit_core::block::{Block, BlockError, HeaderFields, Shape};
use adit_core::chain::BlockSource;
use adit_core::hash::Hash;
use adit_core::mempool::{FeeRate, Origin};
use adit_core::mining::Job;
use adit_core::node::{Answer, Config, Effect, Input, Node};
use adit_core::peer::PeerAddress;
use adit_core::puzzle::Puzzle;
use adit_core::rules::{BlockTemplate, Classic, Context, Rules, TemplateContent, Weight};
use adit_core::sync::{
    Ask, CandidateChain, ChainReader, ChainValidation, PeerReport, RequestId, Seen, SeenChain,
    Strict, ValidationError,
};
use adit_core::transaction::{Submitted, TransactionError};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// The same cases in every run.
pub(crate) fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_171_024),
        ..ProptestConfig::default()
    }
}

/// Dice that fall the same way for the same seed (SplitMix64).
#[derive(Default)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// The proofs that every chain of `classic` goes through.
pub(crate) fn classic_proofs() -> Vec<u64> {
    serde_json::from_str(include_str!("vectors/classic_proofs.json")).unwrap()
}

/// The smallest proof: looked up where it belongs to the public sequence, or
/// found by plain counting.
pub(crate) fn solve(puzzle: &Puzzle) -> u64 {
    let proofs = classic_proofs();
    let last = std::str::from_utf8(&puzzle.prefix).unwrap();
    let known = proofs
        .windows(2)
        .find(|pair| puzzle.suffix.is_empty() && pair[0].to_string() == last)
        .map(|pair| pair[1])
        .filter(|proof| puzzle.is_solved_by(*proof));
    known.unwrap_or_else(|| (0..).find(|proof| puzzle.is_solved_by(*proof)).unwrap())
}

/// The tutorial's rules without the work: any proof solves any puzzle, so
/// that tests can grow trees of any form at once.
pub(crate) struct Workless;

impl Rules for Workless {
    fn name(&self) -> &'static str {
        "workless"
    }

    fn genesis(&self, now: Duration) -> Block {
        Classic::Published.genesis(now)
    }

    fn hash(&self, text: &[u8], shape: &Shape) -> Hash {
        Classic::Published.hash(text, shape)
    }

    fn template(&self, context: Context<'_>, content: &TemplateContent) -> BlockTemplate {
        let mut template = Classic::Published.template(context, content);
        template.puzzle.target = [0xff; 32];
        template
    }

    fn check_stateless(&self, block: &Block) -> Result<(), BlockError> {
        Classic::Published.check_stateless_and_signed(block)
    }

    fn check_contextual(&self, context: Context<'_>, block: &Block) -> Result<(), BlockError> {
        match Classic::Published.check_contextual(context, block) {
            Err(BlockError::WrongProof { .. }) => Ok(()),
            result => result,
        }
    }

    fn weight(&self, header: &HeaderFields) -> Weight {
        Classic::Published.weight(header)
    }

    fn read_transaction(&self, body: &[u8]) -> Result<Submitted, TransactionError> {
        Classic::Published.read_transaction(body)
    }
}

/// A first block; another `salt` makes another one.
pub(crate) fn first_block(salt: u64) -> Arc<Block> {
    let text = format!(
        r#"{{"index": 1, "previous_hash": "1", "proof": 100, "timestamp": {salt}.5, "transactions": []}}"#
    );
    Arc::new(Workless.read(text.as_bytes()).unwrap())
}

/// A block after `parent` without a valid proof; another `salt` makes another
/// one.
pub(crate) fn next_block(parent: &Block, salt: u64, transactions: &[&str]) -> Arc<Block> {
    block_with_proof(parent, 0, salt, transactions)
}

/// A block after `parent`, written out as a tutorial node might.
pub(crate) fn block_with_proof(
    parent: &Block,
    proof: u64,
    salt: u64,
    transactions: &[&str],
) -> Arc<Block> {
    let text = format!(
        r#"{{"index": {}, "previous_hash": "{}", "proof": {proof}, "timestamp": {salt}.5, "transactions": [{}]}}"#,
        parent.height() + 1,
        parent.hash(),
        transactions.join(", "),
    );
    Arc::new(Workless.read(text.as_bytes()).unwrap())
}

/// A line of `count` blocks after `parent`, without transactions.
pub(crate) fn line_after(parent: &Block, count: u64, salt: u64) -> Vec<Arc<Block>> {
    let mut line: Vec<Arc<Block>> = Vec::new();
    for number in 0..count {
        let parent = line.last().map_or(parent, |block| block);
        line.push(next_block(parent, salt + number, &[]));
    }
    line
}

/// A chain that keeps the rules of `classic`.
pub(crate) fn classic_chain(length: usize, salt: u64) -> Vec<Arc<Block>> {
    let mut chain = vec![first_block(salt)];
    for proof in &classic_proofs()[1..length] {
        let parent = chain.last().unwrap();
        chain.push(block_with_proof(parent, *proof, salt, &[]));
    }
    chain
}

/// The body of the tutorial's `GET /chain`.
pub(crate) fn answer_of<'a>(chain: impl Iterator<Item = &'a Block>) -> String {
    let texts: Vec<_> = chain
        .map(|block| String::from_utf8(block.text().to_vec()).unwrap())
        .collect();
    let (list, length) = (texts.join(", "), texts.len());
    format!(r#"{{"chain": [{list}], "length": {length}}}"#)
}

/// A peer's chain that was read to its end.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// What our main chain lacks of it.
    pub(crate) branch: Vec<Arc<Block>>,
    pub(crate) whole: CandidateChain,
    pub(crate) seen: Option<SeenChain>,
    pub(crate) strict: Option<Strict>,
}

/// Reads and checks an answer that has come whole, as a driver does.
pub(crate) fn read_candidate(
    rules: impl Rules + 'static,
    answer: &str,
    ours: &MemoryArchive,
) -> Result<Candidate, ValidationError> {
    let now = Duration::from_secs(1_700_000_000);
    let mut validation = ChainValidation::new(Arc::new(rules), ChainReader::of_answer());
    let mut branch = Vec::new();
    validation.feed(answer.as_bytes());
    validation.end();
    while let Some(block) = validation.next_block(now, ours)? {
        branch.push(block);
    }
    Ok(Candidate {
        branch,
        seen: validation.seen(),
        strict: validation.strict(),
        whole: validation.finish()?,
    })
}

/// A transaction as it stands in a block.
pub(crate) fn payment(number: u64) -> String {
    format!(r#"{{"amount": {number}, "recipient": "b", "sender": "a"}}"#)
}

pub(crate) fn address(text: &str) -> PeerAddress {
    text.parse().unwrap()
}

pub(crate) fn config(reward_to: &str) -> Config {
    Config {
        reward_to: reward_to.to_owned(),
        resolve_every: None,
        mine_every: None,
        mine_at_once: false,
        min_fee_rate: FeeRate(0),
        own_addresses: BTreeSet::new(),
    }
}

/// What a store would have kept, in order.
pub(crate) enum Kept {
    Transaction(Arc<[u8]>),
    Block(Arc<Block>),
    Peers(Vec<String>),
}

/// With more that wait, what holds of them is not looked at after each input.
const LOOKED_THROUGH_LIMIT: usize = 1_000;

/// A node with a driver: it keeps what is to be kept, and hands out all other
/// effects. A second passes from one input to the next.
pub(crate) struct Driven {
    pub(crate) node: Node,
    pub(crate) archive: MemoryArchive,
    pub(crate) kept: Vec<Kept>,
    pub(crate) now: Duration,
    last_request: u64,
    /// How each peer was asked last.
    asks: BTreeMap<PeerAddress, Ask>,
}

impl Driven {
    /// A new node, started.
    pub(crate) fn start(rules: Arc<dyn Rules>, config: Config) -> Driven {
        let archive = MemoryArchive::default();
        let node = Node::open(config, rules, 0, Vec::new(), Vec::new(), &archive).unwrap();
        let mut driven = Driven::around(node, archive);
        driven.handle(Input::Started);
        driven
    }

    /// A node under `classic` that mines for "us".
    pub(crate) fn classic() -> Driven {
        Driven::start(Arc::new(Classic::Published), config("us"))
    }

    /// A node that mines for "us" without work.
    pub(crate) fn workless() -> Driven {
        Driven::start(Arc::new(Workless), config("us"))
    }

    pub(crate) fn around(node: Node, archive: MemoryArchive) -> Driven {
        Driven {
            node,
            archive,
            kept: Vec::new(),
            now: Duration::from_millis(1_700_000_000_250),
            last_request: 0,
            asks: BTreeMap::new(),
        }
    }

    /// Lets the node decide and carries out what is to be kept.
    pub(crate) fn handle(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.node.handle(self.now, input, &self.archive).unwrap();
        self.now += Duration::from_secs(1);
        let mut others = Vec::new();
        for effect in effects {
            if let Effect::Ask(ask) = &effect {
                self.asks.insert(ask.peer.clone(), ask.clone());
            }
            match effect {
                Effect::Persist(change) => self.keep(change),
                other => others.push(other),
            }
        }
        if self.node.mempool().len() <= LOOKED_THROUGH_LIMIT {
            self.node.check_invariants(&self.archive).unwrap();
        }
        others
    }

    /// How the peer was asked last; if it never was, an ask that nobody got.
    pub(crate) fn last_ask(&self, peer: &str) -> Ask {
        let peer = address(peer);
        let ask = self.asks.get(&peer).cloned();
        ask.unwrap_or(Ask {
            peer,
            number: u64::MAX,
        })
    }

    /// The peer answers what it was asked last.
    pub(crate) fn answered(&mut self, peer: &str, report: PeerReport, seen: Seen) -> Vec<Effect> {
        self.handle(Input::PeerAnswered(self.last_ask(peer), report, seen))
    }

    fn keep(&mut self, change: Change) {
        self.archive.apply(&change);
        self.kept.push(match change {
            Change::Rewind | Change::MainTip { .. } => return,
            Change::Transaction(one) => Kept::Transaction(Arc::clone(one.text())),
            Change::Block { block, .. } => Kept::Block(block),
            Change::Peers(peers) => Kept::Peers(peers),
        });
    }

    /// A number for a request, different from all before.
    pub(crate) fn request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// Submits a transaction, canonical as it stands.
    pub(crate) fn submit(&mut self, text: &str) -> Answer {
        let request = self.request();
        let submitted = Submitted::Text(text.as_bytes().into());
        only_answer(self.handle(Input::Transaction(request, submitted)))
    }

    pub(crate) fn register(&mut self, peers: &[&str]) -> Answer {
        let request = self.request();
        let peers = peers.iter().map(|peer| address(peer)).collect();
        only_answer(self.handle(Input::Register(request, peers)))
    }

    /// Asks for a block; the search starts, if none runs.
    pub(crate) fn want_block(&mut self) -> (RequestId, Option<Job>) {
        let request = self.request();
        let effects = self.handle(Input::Mine(request));
        (request, job_in(&effects))
    }

    /// Finds the proof that a job asks for.
    pub(crate) fn finish(&mut self, job: &Job) -> Vec<Effect> {
        let proof = solve(&job.puzzle);
        let job = job.number;
        self.handle(Input::Proof { job, proof })
    }

    /// Makes a block, from the wish to the answer.
    pub(crate) fn mine(&mut self) -> Arc<Block> {
        let (request, job) = self.want_block();
        let effects = self.finish(&job.expect("no other search runs"));
        match answers_in(effects).pop() {
            Some((answered, Answer::Mined(block))) if answered == request => block,
            other => panic!("expected a block, found {other:?}"),
        }
    }

    /// Takes in the blocks of a peer's heavier branch, and the end of its
    /// answer.
    pub(crate) fn adopt(&mut self, branch: &[Arc<Block>]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for block in branch {
            effects.extend(self.handle(Input::Block(Arc::clone(block), BlockSource::InBranch)));
        }
        let length = branch.last().map_or(0, |block| block.height());
        let report = PeerReport::Adopted { length };
        effects.extend(self.answered("peer:5000", report, Seen::default()));
        effects
    }

    pub(crate) fn tip(&self) -> Arc<Block> {
        Arc::clone(self.node.chain().tip().unwrap())
    }

    /// The hashes of the main chain, as the archive has it.
    pub(crate) fn main_hashes(&self) -> Vec<Hash> {
        self.archive.main().map(Block::hash).collect()
    }

    /// The main chain's block of that index, once more.
    pub(crate) fn block(&self, index: u64) -> Arc<Block> {
        let hash = self.archive.main_hash(index).unwrap().unwrap();
        let text = self.archive.text(&hash).unwrap().unwrap();
        Arc::new(Workless.read_canonical(text).unwrap())
    }

    /// What waits for a block, in order.
    pub(crate) fn pending(&self) -> Vec<String> {
        self.waiting().map(|(text, _)| text).collect()
    }

    /// What waits for a block, and how each came to wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (String, Origin)> {
        let pending = self.node.mempool().iter();
        pending.map(|(text, origin)| (utf8(text), origin))
    }
}

pub(crate) fn utf8(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap()
}

/// The transactions of a block, without the reward.
pub(crate) fn paid_in(block: &Block) -> Vec<String> {
    let mut paid: Vec<_> = block.transactions().map(utf8).collect();
    paid.retain(|text| !text.contains(r#""sender": "0""#));
    paid
}

pub(crate) fn answers_in(effects: Vec<Effect>) -> Vec<(RequestId, Answer)> {
    let answer = |effect| match effect {
        Effect::Answer(request, answer) => Some((request, answer)),
        _ => None,
    };
    effects.into_iter().filter_map(answer).collect()
}

#[track_caller]
pub(crate) fn only_answer(effects: Vec<Effect>) -> Answer {
    let mut answers = answers_in(effects);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0).1
}

/// The last search that the effects start.
pub(crate) fn job_in(effects: &[Effect]) -> Option<Job> {
    let job = |effect: &Effect| match effect {
        Effect::Mine(job) => Some(job.clone()),
        _ => None,
    };
    effects.iter().rev().find_map(job)
}

/// The peers that the effects want asked.
pub(crate) fn asked_in(effects: &[Effect]) -> Vec<String> {
    let peer = |effect: &Effect| match effect {
        Effect::Ask(ask) => Some(ask.peer.to_string()),
        _ => None,
    };
    effects.iter().filter_map(peer).collect()
}

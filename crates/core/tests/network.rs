//! The contract of a node, `handle(now, input) -> effects`, as a program that
//! runs: nodes, a network that delays and splits, and a driver that carries
//! out every effect. Whoever wants to know what a node's driver has to do,
//! reads `carry_out` below.
//!
//! Nothing here waits: time is a number, and whatever will happen stands in
//! an agenda. So one seed is one history, and a thousand take seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::chain::Arrival;
use adit_core::node::{Config, Effect, Input, Node};
use adit_core::rules::{Classic, Rules};
use adit_core::sync::{ChainReader, Offer, OfferError, PeerReport, RequestId};

use crate::world::{Dice, address, answer_of, paid_in, payment, solve, utf8};

const NODES: usize = 4;
const BUSY_UNTIL: Duration = Duration::from_secs(60);
const QUIET_UNTIL: Duration = Duration::from_secs(120);
const END: Duration = Duration::from_secs(180);

#[derive(Debug)]
enum Event {
    /// A node is told something.
    Input(usize, Input),
    /// `asker` asks `peer` for its chain, and is answered.
    Question { asker: usize, peer: usize },
    Answer {
        asker: usize,
        peer: usize,
        body: Option<String>,
    },
    /// Somebody pays or wants a block, somewhere.
    User,
    /// The network falls into two parts, or grows together again.
    Split,
}

struct Simulation {
    rules: Arc<dyn Rules>,
    dice: Dice,
    now: Duration,
    agenda: BTreeMap<(Duration, u64), Event>,
    last_number: u64,
    nodes: Vec<(Node, MemoryArchive)>,
    /// In which part of the network each node is.
    parts: [u64; NODES],
    submitted: Vec<String>,
    forks: usize,
    history: Vec<String>,
}

impl Simulation {
    fn run(seed: u64) -> Simulation {
        let mut simulation = Simulation {
            rules: Arc::new(Classic::Published),
            dice: Dice(seed),
            now: Duration::ZERO,
            agenda: BTreeMap::new(),
            last_number: 0,
            nodes: Vec::new(),
            parts: [0; NODES],
            submitted: Vec::new(),
            forks: 0,
            history: Vec::new(),
        };
        (0..NODES).for_each(|number| simulation.start(number));
        simulation.plan(1_000, Event::User);
        simulation.plan(20_000, Event::Split);
        simulation.run_until(BUSY_UNTIL);
        // Users rest, the network is whole: what was begun is finished.
        simulation.parts = [0; NODES];
        simulation.run_until(QUIET_UNTIL);
        // Chains of one length may be left, for each node keeps what it saw
        // first: the next block decides.
        let request = simulation.request();
        simulation.tell(0, Input::Mine(request));
        simulation.run_until(END);
        simulation
    }

    /// A node between two neighbours on a ring.
    fn start(&mut self, number: usize) {
        let config = Config {
            reward_to: format!("node {number}"),
            resolve_every: Some(Duration::from_secs(15)),
            own_addresses: BTreeSet::new(),
        };
        let archive = MemoryArchive::default();
        let rules = Arc::clone(&self.rules);
        let node = Node::open(config, rules, 0, Vec::new(), Vec::new(), &archive).unwrap();
        self.nodes.push((node, archive));
        let neighbours = [1, NODES - 1].map(|step| (number + step) % NODES);
        let addresses = neighbours.map(|peer| address(&peer_name(peer)));
        let request = self.request();
        self.tell(number, Input::Register(request, addresses.into()));
        self.tell(number, Input::Started);
    }

    fn run_until(&mut self, end: Duration) {
        while let Some(next) = self.agenda.first_entry().filter(|next| next.key().0 < end) {
            let ((now, _), event) = next.remove_entry();
            self.now = now;
            self.happens(event);
        }
        self.now = end;
    }

    /// Puts an event on the agenda, at a random time within `limit_ms`.
    fn plan(&mut self, limit_ms: u64, event: Event) {
        let wait = Duration::from_millis(1 + self.dice.below(limit_ms));
        self.plan_at(self.now + wait, event);
    }

    fn plan_at(&mut self, time: Duration, event: Event) {
        self.last_number += 1;
        self.agenda.insert((time, self.last_number), event);
    }

    fn request(&mut self) -> RequestId {
        self.last_number += 1;
        RequestId(self.last_number)
    }

    fn happens(&mut self, event: Event) {
        self.history.push(format!("{:?} {event:?}", self.now));
        match event {
            Event::Input(number, input) => self.tell(number, input),
            Event::Question { asker, peer } => {
                let chain = self.nodes[peer].1.main();
                let connected = self.parts[asker] == self.parts[peer];
                let body = connected.then(|| answer_of(chain));
                self.plan(500, Event::Answer { asker, peer, body });
            }
            Event::Answer { asker, peer, body } => self.hear(asker, peer, body),
            Event::User if self.now < BUSY_UNTIL => {
                self.use_node();
                self.plan(3_000, Event::User);
            }
            Event::Split if self.now < BUSY_UNTIL => {
                self.parts = self.parts.map(|_| self.dice.below(2));
                self.plan(20_000, Event::Split);
            }
            Event::User | Event::Split => {}
        }
    }

    fn use_node(&mut self) {
        let number = self.dice.below(NODES as u64) as usize;
        let request = self.request();
        if self.dice.below(2) == 0 {
            return self.tell(number, Input::Mine(request));
        }
        // Two payments may look the same, and both are meant.
        let text = payment(self.dice.below(60));
        self.submitted.push(text.clone());
        let body = text.as_bytes();
        let transaction = self.rules.read_transaction(body).unwrap();
        self.tell(number, Input::Transaction(request, transaction));
    }

    /// One change in a node, then everything that follows from it.
    fn tell(&mut self, number: usize, input: Input) {
        let (node, archive) = &mut self.nodes[number];
        for effect in node.handle(self.now, input, archive).unwrap() {
            self.carry_out(number, effect);
        }
    }

    fn carry_out(&mut self, number: usize, effect: Effect) {
        self.history.push(format!("  node {number}: {effect:?}"));
        match effect {
            // The first thing to do: whatever comes after relies on it.
            Effect::Persist(change) => self.keep(number, &change),
            Effect::Answer(_, _) => {}
            Effect::Mine(job) => {
                let (job, proof) = (job.number, solve(&job.puzzle));
                self.plan(8_000, Event::Input(number, Input::Proof { job, proof }));
            }
            // Here the proof is found all the same, and the node ignores it.
            Effect::StopMining => {}
            Effect::Ask(peer) => {
                let (asker, peer) = (number, number_of(&peer.to_string()));
                self.plan(500, Event::Question { asker, peer });
            }
            // The tutorial's nodes do not push: they are told to look.
            Effect::Announce(peers) => {
                for peer in peers.iter().map(|peer| number_of(&peer.to_string())) {
                    let look = Input::Resolve(self.request());
                    if self.parts[number] == self.parts[peer] {
                        self.plan(500, Event::Input(peer, look));
                    }
                }
            }
            Effect::WakeAt(time) => self.plan_at(time, Event::Input(number, Input::Woken)),
            Effect::LeftOut(_) | Effect::Refused(_) => panic!("all are honest: {effect:?}"),
        }
    }

    fn keep(&mut self, number: usize, change: &Change) {
        self.nodes[number].1.apply(change);
        if let Change::Block { main, .. } = change {
            // Below a fork at 0 lies no common block: two first blocks met.
            self.forks += usize::from(matches!(main, MainChange::Reorganise { fork: 1.. }));
        }
    }

    /// A peer's chain has come: if it is valid and heavier, the node is told
    /// the blocks that it lacks, and always that the peer has answered.
    fn hear(&mut self, asker: usize, peer: usize, body: Option<String>) {
        let report = match body.map(|body| self.check(asker, &body).unwrap()) {
            None => PeerReport::Failed("the network is split".to_owned()),
            Some((branch, length)) if length > self.nodes[asker].0.chain().length() => {
                for block in branch {
                    self.tell(asker, Input::Block(block, Arrival::InBranch));
                }
                PeerReport::Adopted { length }
            }
            Some((_, length)) => PeerReport::NotLonger { length },
        };
        self.tell(
            asker,
            Input::PeerAnswered(address(&peer_name(peer)), report),
        );
    }

    /// Reads and checks a whole chain. Answers what our chain lacks of it, and
    /// its length.
    fn check(&self, asker: usize, body: &str) -> Result<(Vec<Arc<Block>>, u64), OfferError> {
        let mut offer = Offer::new(Arc::clone(&self.rules), ChainReader::of_answer());
        offer.feed(body.as_bytes());
        offer.end();
        let mut branch = Vec::new();
        while let Some(block) = offer.next_block(self.now, &self.nodes[asker].1)? {
            branch.push(block);
        }
        let length = offer.length();
        offer.finish()?;
        Ok((branch, length))
    }

    /// All nodes hold one chain, block for block.
    fn check_agreement(&self, seed: u64) {
        for (number, (_, archive)) in self.nodes.iter().enumerate() {
            assert!(
                archive.main().eq(self.nodes[0].1.main()),
                "seed {seed}: node {number} and node 0 hold different chains"
            );
        }
    }

    /// No transaction is paid more often than it was submitted, and none is
    /// lost: it is in the chain, or waits somewhere. (Of several that look the
    /// same, one in the chain may stand for another: they have no identity.)
    fn check_transactions(&self, seed: u64) {
        let count = |texts: &[String], text| texts.iter().filter(|other| *other == text).count();
        let chain: Vec<_> = self.nodes[0].1.main().flat_map(paid_in).collect();
        let pools = self.nodes.iter().flat_map(|(node, _)| node.pool().iter());
        let pending: Vec<_> = pools.map(|pending| utf8(&pending.text)).collect();
        for text in &self.submitted {
            let (paid, submitted) = (count(&chain, text), count(&self.submitted, text));
            assert!(paid <= submitted, "seed {seed}: {paid} times paid: {text}");
            let found = paid + count(&pending, text);
            assert!(found > 0, "seed {seed}: lost: {text}");
        }
        assert!(chain.iter().all(|text| self.submitted.contains(text)));
    }
}

fn peer_name(number: usize) -> String {
    format!("node-{number}:5000")
}

fn number_of(peer: &str) -> usize {
    let number = |number: &usize| peer_name(*number) == *peer;
    (0..NODES).find(number).unwrap()
}

#[test]
fn nodes_fork_and_come_to_agreement_and_lose_no_transaction() {
    let mut forks = 0;
    for seed in 0..200 {
        let simulation = Simulation::run(seed);
        simulation.check_agreement(seed);
        simulation.check_transactions(seed);
        forks += simulation.forks;
    }
    assert!(forks > 200, "only {forks} forks: nothing was shown");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..10 {
        let (first, second) = (Simulation::run(seed), Simulation::run(seed));
        assert!(first.history.len() > 100);
        assert_eq!(first.history, second.history, "seed {seed}");
    }
}

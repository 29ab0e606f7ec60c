//! The contract of a node, `handle(now, input) -> effects`, as a program that
//! runs: nodes, a network that delays and splits, and a driver that carries out
//! every effect. To learn what a node's driver has to do, read `carry_out`
//! below.
//!
//! Nothing here waits: time is a number, and whatever will happen stands in
//! an agenda. So one seed is one history, and a thousand take seconds.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::branch::BranchSession;
use adit_core::node::{Config, Effect, Input, Node, Timer};
use adit_core::peer::PeerAddress;
use adit_core::rules::{Classic, Rules};
use adit_core::sync::{Ask, CandidateChain, PeerReport, Seen};

use crate::agenda::Agenda;
use crate::world::{
    Candidate, address, answer_of, config, paid_in, payment, read_candidate, solve,
};

const RULES: Classic = Classic::Published;
const NODES: usize = 4;
const BUSY_UNTIL: Duration = Duration::from_secs(60);

enum Event {
    /// A node is told something.
    Input(usize, Input),
    /// `asker` asks a peer for its chain, and is answered.
    Question { asker: usize, ask: Ask },
    Answer {
        asker: usize,
        ask: Ask,
        body: Option<String>,
    },
    /// Somebody pays or wants a block, somewhere.
    User,
    /// The network falls into two parts, or grows together again.
    Split,
}

struct Simulation {
    agenda: Agenda<Event>,
    nodes: Vec<(Node, MemoryArchive)>,
    /// In which part of the network each node is.
    parts: [u64; NODES],
    submitted: Vec<String>,
    /// How often a node left one branch for another.
    forks: usize,
    /// Whether what waits follows each reorganisation block by block.
    updates_in_steps: bool,
    steps: usize,
    history: Vec<String>,
}

impl Simulation {
    fn run(seed: u64, updates_in_steps: bool) -> Simulation {
        let mut simulation = Simulation {
            agenda: Agenda::new(seed, Duration::ZERO),
            nodes: Vec::new(),
            parts: [0; NODES],
            submitted: Vec::new(),
            forks: 0,
            updates_in_steps,
            steps: 0,
            history: Vec::new(),
        };
        (0..NODES).for_each(|number| simulation.start(number));
        simulation.agenda.plan(1_000, Event::User);
        simulation.agenda.plan(20_000, Event::Split);
        simulation.run_until(BUSY_UNTIL);
        // Users rest, the network is whole: what was started is finished.
        // Chains of one length may be left, for each node keeps what it saw
        // first: the next block decides, and at last no transaction waits.
        simulation.parts = [0; NODES];
        for number in 0..NODES {
            simulation.run_until(simulation.agenda.now + Duration::from_secs(60));
            let request = simulation.agenda.request();
            simulation.tell(number, Input::Mine(request));
        }
        simulation.run_until(simulation.agenda.now + Duration::from_secs(60));
        simulation
    }

    /// A node between two neighbours on a ring.
    fn start(&mut self, number: usize) {
        let config = Config {
            resolve_every: Some(Duration::from_secs(15)),
            ..config(&format!("node {number}"))
        };
        let (rules, archive) = (Arc::new(RULES), MemoryArchive::default());
        let mut node = Node::open(config, rules, 0, Vec::new(), Vec::new(), &archive).unwrap();
        if self.updates_in_steps {
            node.limit_mempool_update(0, 1);
        }
        self.nodes.push((node, archive));
        let neighbours = [1, NODES - 1].map(|step| (number + step) % NODES);
        let request = self.agenda.request();
        let peers = neighbours.map(address_of).to_vec();
        self.tell(number, Input::Register(request, peers));
        self.tell(number, Input::Started);
    }

    fn run_until(&mut self, end: Duration) {
        while let Some(event) = self.agenda.next_before(end) {
            self.happens(event);
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Input(number, input) => self.tell(number, input),
            Event::Question { asker, ask } => {
                let peer = number_of(&ask.peer);
                let chain = self.nodes[peer].1.main();
                let connected = self.parts[asker] == self.parts[peer];
                let body = connected.then(|| answer_of(chain));
                self.agenda.plan(500, Event::Answer { asker, ask, body });
            }
            Event::Answer { asker, ask, body } => self.hear(asker, ask, body),
            Event::User if self.agenda.now < BUSY_UNTIL => {
                self.use_node();
                self.agenda.plan(3_000, Event::User);
            }
            Event::Split if self.agenda.now < BUSY_UNTIL => {
                self.parts = self.parts.map(|_| self.agenda.dice.below(2));
                self.agenda.plan(20_000, Event::Split);
            }
            Event::User | Event::Split => {}
        }
    }

    fn use_node(&mut self) {
        let number = self.agenda.dice.below(NODES as u64) as usize;
        let request = self.agenda.request();
        if self.agenda.dice.below(2) == 0 {
            return self.tell(number, Input::Mine(request));
        }
        // Two payments may look the same, and both are meant.
        let text = payment(self.agenda.dice.below(60));
        self.submitted.push(text.clone());
        let transaction = RULES.read_transaction(text.as_bytes()).unwrap();
        self.tell(number, Input::Transaction(request, transaction));
    }

    /// One change in a node, then everything that follows from it, in order.
    fn tell(&mut self, number: usize, input: Input) {
        let said = format!("{:?} node {number}: {input:?}", self.agenda.now);
        self.steps += usize::from(matches!(input, Input::Timer(Timer::UpdateMempool)));
        let (node, archive) = &mut self.nodes[number];
        let effects = node.handle(self.agenda.now, input, archive).unwrap();
        self.carry_out_all(number, said, effects);
    }

    fn carry_out_all(&mut self, number: usize, said: String, effects: Vec<Effect>) {
        self.history.push(format!("{said} -> {effects:?}"));
        for effect in effects {
            self.carry_out(number, effect);
        }
    }

    fn carry_out(&mut self, number: usize, effect: Effect) {
        match effect {
            // On a disk, this would be durable before anything after it leaves.
            Effect::Persist(change) => {
                self.nodes[number].1.apply(&change);
                self.forks += usize::from(is_fork(&change));
            }
            // Here nobody waits for the answer; it stands in the history.
            Effect::Made(_) | Effect::Answer(_, _) => {}
            Effect::Mine(job) => {
                let (job, proof) = (job.number, solve(&job.puzzle));
                self.agenda
                    .plan(8_000, Event::Input(number, Input::Proof { job, proof }));
            }
            // Here the proof is found all the same, and the node ignores it.
            Effect::StopMining => {}
            Effect::Ask(ask) => {
                let asker = number;
                self.agenda.plan(500, Event::Question { asker, ask });
            }
            // The tutorial's nodes do not push: they are told to look.
            Effect::Announce(peers) => {
                for peer in peers.iter().map(number_of) {
                    let look = Input::Resolve(self.agenda.request());
                    if self.parts[number] == self.parts[peer] {
                        self.agenda.plan(500, Event::Input(peer, look));
                    }
                }
            }
            Effect::SetTimer(alarm, time) => self
                .agenda
                .plan_at(time, Event::Input(number, Input::Timer(alarm))),
            Effect::LeftOut(_)
            | Effect::Waits(_)
            | Effect::Refused(_)
            | Effect::Evicted(..)
            | Effect::Forget(_) => {
                panic!("all are honest: {effect:?}")
            }
        }
    }

    /// A peer's chain has come, or not. If it is valid and heavier, the node is
    /// told the blocks that it lacks; and always that the peer has answered.
    fn hear(&mut self, asker: usize, ask: Ask, body: Option<String>) {
        let offered = body.map(|body| read_candidate(RULES, &body, &self.nodes[asker].1).unwrap());
        let report = match offered {
            None => PeerReport::Failed("the network is split".to_owned()),
            Some(Candidate { whole, branch, .. }) => self.take_branch(asker, whole, branch),
        };
        self.tell(asker, Input::PeerAnswered(ask, report, Seen::default()));
    }

    fn take_branch(
        &mut self,
        number: usize,
        whole: CandidateChain,
        branch: Vec<Arc<Block>>,
    ) -> PeerReport {
        let Some(mut session) = BranchSession::begin(&self.nodes[number].0, whole) else {
            let length = whole.length;
            return PeerReport::NotLonger { length };
        };
        for block in branch {
            let said = format!("{:?} node {number}: {}", self.agenda.now, block.hash());
            let (node, archive) = &mut self.nodes[number];
            let effects = session.take(node, self.agenda.now, block, archive);
            self.carry_out_all(number, said, effects.unwrap());
        }
        session.report(&self.nodes[number].0)
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

    /// None is paid more often than it was submitted, and none is lost. (Of
    /// several that look the same, one in the chain may stand for another:
    /// the tutorial's transactions have no identity.)
    fn check_transactions(&self, seed: u64) {
        let count = |texts: &[String], text| texts.iter().filter(|other| *other == text).count();
        let chain: Vec<_> = self.nodes[0].1.main().flat_map(paid_in).collect();
        for text in &self.submitted {
            let (paid, submitted) = (count(&chain, text), count(&self.submitted, text));
            assert!(paid > 0, "seed {seed}: lost: {text}");
            assert!(paid <= submitted, "seed {seed}: {paid} times paid: {text}");
        }
        assert!(chain.iter().all(|text| self.submitted.contains(text)));
        assert!(self.nodes.iter().all(|(node, _)| node.mempool().is_empty()));
    }
}

fn address_of(number: usize) -> PeerAddress {
    address(&format!("node-{number}:5000"))
}

fn number_of(peer: &PeerAddress) -> usize {
    (0..NODES).find(|at| address_of(*at) == *peer).unwrap()
}

/// Where the fork is at 0, no block is common: two first blocks met.
fn is_fork(change: &Change) -> bool {
    let Change::Block { main, .. } = change else {
        return false;
    };
    matches!(main, MainChange::Reorganise { fork: 1.. })
}

#[test]
fn nothing_is_lost_or_paid_twice_where_what_waits_follows_in_steps() {
    let mut steps = 0;
    for seed in 0..200 {
        let simulation = Simulation::run(seed, true);
        simulation.check_agreement(seed);
        simulation.check_transactions(seed);
        assert!(
            simulation
                .nodes
                .iter()
                .all(|(node, _)| node.is_mempool_current())
        );
        steps += simulation.steps;
    }
    assert!(steps > 1_000, "only {steps} steps: nothing was shown");
}

#[test]
fn nodes_fork_and_come_to_agreement_and_lose_no_transaction() {
    let mut forks = 0;
    for seed in 0..200 {
        let simulation = Simulation::run(seed, false);
        simulation.check_agreement(seed);
        simulation.check_transactions(seed);
        forks += simulation.forks;
    }
    assert!(forks > 200, "only {forks} forks: nothing was shown");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..10 {
        let (first, second) = (Simulation::run(seed, false), Simulation::run(seed, false));
        assert!(first.history.len() > 100);
        assert_eq!(first.history, second.history, "seed {seed}");
    }
}

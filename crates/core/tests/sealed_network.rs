//! Whole nodes of a sealed chain in a simulated network that delays and splits,
//! with clocks that are wrong and step: they fork, hand each other their blocks,
//! early ones too, and come to one chain on which no coin was lost or made. One
//! seed is one history.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError};
use adit_core::mempool::Mempool;
use adit_core::node::{Config, Effect, Input, Node, Timer};
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Account, Params};

use crate::agenda::Agenda;
use crate::sealed_world::{Key, easy_params, key, payment_of};
use crate::world::{config, solve};

const NODES: usize = 3;
const PEOPLE: usize = 5;
const START: Duration = Duration::from_secs(1_700_000_000);
const BUSY: Duration = Duration::from_secs(120);

/// A clock is at most this far ahead of the others: blocks may be a minute.
const WRONG_CLOCK_LIMIT_MS: u64 = 90_000;

#[expect(clippy::large_enum_variant, reason = "an agenda is short")]
enum Event {
    Input(usize, Input),
    /// A block arrives, and with it all before that are not known there.
    Deliver {
        from: usize,
        to: usize,
    },
    /// Somebody pays or wants a block, somewhere.
    User,
    Split,
    /// Somebody's clock steps, forward or back.
    Clock,
}

struct Simulation {
    agenda: Agenda<Event>,
    rules: Arc<Sealed>,
    keys: Vec<Key>,
    nodes: Vec<(Node, MemoryArchive)>,
    parts: [u64; NODES],
    /// How far ahead each node's clock is.
    ahead: [Duration; NODES],
    forks: usize,
    /// How many blocks came before their time, and how many calls took one.
    early: [usize; 2],
    paid: usize,
    updates_in_steps: bool,
    /// How many of those there were.
    steps: usize,
    history: Vec<String>,
}

impl Simulation {
    fn run(seed: u64, updates_in_steps: bool) -> Simulation {
        let keys: Vec<Key> = (0..PEOPLE as u64).map(key).collect();
        let params = Params {
            half_life_ms: 60_000,
            ..easy_params(&[(&keys[0], 1_000_000), (&keys[1], 50_000)])
        };
        let mut simulation = Simulation {
            agenda: Agenda::new(seed, START),
            rules: Arc::new(Sealed::with_params(params, START).unwrap()),
            keys,
            nodes: Vec::new(),
            parts: [0; NODES],
            ahead: [Duration::ZERO; NODES],
            forks: 0,
            early: [0; 2],
            paid: 0,
            updates_in_steps,
            steps: 0,
            history: Vec::new(),
        };
        (0..NODES).for_each(|number| simulation.start(number));
        simulation.agenda.plan(1_000, Event::User);
        simulation.agenda.plan(20_000, Event::Split);
        simulation.agenda.plan(20_000, Event::Clock);
        simulation.run_until(START + BUSY);
        simulation.come_to_rest();
        simulation
    }

    /// Users rest, the clocks are right and the network is whole: a few blocks
    /// decide between branches of one weight.
    fn come_to_rest(&mut self) {
        self.parts = [0; NODES];
        self.ahead = [Duration::ZERO; NODES];
        self.run_until(self.agenda.now + Duration::from_secs(240));
        for number in 0..NODES {
            self.run_until(self.agenda.now + Duration::from_secs(60));
            let request = self.agenda.request();
            self.tell(number, Input::Mine(request));
            self.run_until(self.agenda.now + Duration::from_secs(60));
            for peer in 0..NODES {
                self.deliver(number, peer);
            }
        }
        self.run_until(self.agenda.now + Duration::from_secs(60));
    }

    fn start(&mut self, number: usize) {
        let config = Config {
            reward_to: self.keys[number].address.to_string(),
            ..config("")
        };
        let (rules, archive) = (self.rules.clone(), MemoryArchive::default());
        let mut node = Node::open(config, rules, 0, Vec::new(), Vec::new(), &archive).unwrap();
        if self.updates_in_steps {
            node.limit_mempool_update(0, 1);
        }
        self.nodes.push((node, archive));
        self.tell(number, Input::Started);
    }

    fn run_until(&mut self, end: Duration) {
        while let Some(event) = self.agenda.next_before(end) {
            self.happens(event);
        }
    }

    fn happens(&mut self, event: Event) {
        let is_busy = self.agenda.now < START + BUSY;
        match event {
            Event::Input(number, input) => self.tell(number, input),
            Event::Deliver { from, to } => self.deliver(from, to),
            Event::User if is_busy => {
                self.use_node();
                self.agenda.plan(1_500, Event::User);
            }
            Event::Split if is_busy => {
                self.parts = self.parts.map(|_| self.agenda.dice.below(2));
                self.agenda.plan(20_000, Event::Split);
            }
            Event::Clock if is_busy => {
                let number = self.agenda.dice.below(NODES as u64) as usize;
                let ahead_ms = self.agenda.dice.below(WRONG_CLOCK_LIMIT_MS);
                self.ahead[number] = Duration::from_millis(ahead_ms);
                self.agenda.plan(20_000, Event::Clock);
            }
            Event::User | Event::Split | Event::Clock => {}
        }
    }

    fn use_node(&mut self) {
        let number = self.agenda.dice.below(NODES as u64) as usize;
        let request = self.agenda.request();
        if self.agenda.dice.below(3) == 0 {
            return self.tell(number, Input::Mine(request));
        }
        let [from, to] = [0, 1].map(|_| self.agenda.dice.below(PEOPLE as u64) as usize);
        let (amount, fee) = (self.agenda.dice.below(3_000), self.agenda.dice.below(50));
        let (from, to) = (&self.keys[from], &self.keys[to]);
        let (node, archive) = &self.nodes[number];
        let Mempool::Accounts(mempool) = node.mempool() else {
            panic!("sealed chains have accounts");
        };
        let account = archive.account(&from.address).unwrap();
        let nonce = mempool.next_nonce(&from.address, account);
        let text = payment_of(&self.rules, from, to, nonce, amount, fee);
        let submitted = self.rules.read_transaction(&text).unwrap();
        // Several nodes may hear of one payment.
        for number in 0..NODES {
            if self.agenda.dice.below(2) == 0 {
                let request = self.agenda.request();
                self.tell(number, Input::Transaction(request, submitted.clone()));
            }
        }
    }

    fn tell(&mut self, number: usize, input: Input) {
        let now = self.agenda.now + self.ahead[number];
        let said = format!("{now:?} node {number}: {input:?}");
        let is_early = matches!(input, Input::Timer(Timer::Retry));
        let (node, archive) = &mut self.nodes[number];
        let effects = node.handle(now, input, archive).unwrap();
        let changes = effects.iter().filter(|effect| is_block(effect)).count();
        assert!(changes <= 1, "one change a call: {effects:?}");
        self.early[1] += usize::from(is_early && changes == 1);
        self.history.push(format!("{said} -> {effects:?}"));
        for effect in effects {
            self.carry_out(number, effect);
        }
    }

    fn carry_out(&mut self, number: usize, effect: Effect) {
        match effect {
            Effect::Persist(change) => {
                self.nodes[number].1.apply(&change);
                let Change::Block { block, main, .. } = change else {
                    return;
                };
                self.forks += usize::from(matches!(main, MainChange::Reorganise { .. }));
                self.paid += block.transactions().count().saturating_sub(1);
                if main != MainChange::Side {
                    self.check_coins(number);
                }
            }
            Effect::Mine(job) => {
                let (job, proof) = (job.number, solve(&job.puzzle));
                self.agenda
                    .plan(4_000, Event::Input(number, Input::Proof { job, proof }));
            }
            Effect::Announce(_) => {
                for to in 0..NODES {
                    self.agenda.plan(2_000, Event::Deliver { from: number, to });
                }
            }
            Effect::SetTimer(alarm, time) => {
                self.steps += usize::from(alarm == Timer::UpdateMempool);
                self.early[0] += usize::from(alarm == Timer::Retry);
                let time = time.saturating_sub(self.ahead[number]);
                let time = time.max(self.agenda.now);
                self.agenda
                    .plan_at(time, Event::Input(number, Input::Timer(alarm)));
            }
            // A proof that was found for an old tip makes a block that nobody
            // wants.
            Effect::Refused(ChainError::Invalid(_) | ChainError::Orphan { .. }) => {}
            Effect::Made(_) | Effect::Answer(..) | Effect::StopMining | Effect::LeftOut(_) => {}
            Effect::Waits(_)
            | Effect::Refused(_)
            | Effect::Evicted(..)
            | Effect::Ask(_)
            | Effect::Forget(_) => {
                panic!("unforeseen: {effect:?}")
            }
        }
    }

    /// The blocks of a node's main chain that another does not know, one by
    /// one: side branches grow until they are the heavier ones.
    fn deliver(&mut self, from: usize, to: usize) {
        if self.parts[from] != self.parts[to] {
            return;
        }
        let known = &self.nodes[to].1;
        let unknown = self.nodes[from].1.main();
        let unknown = unknown.filter(|block| known.entry(&block.hash()).unwrap().is_none());
        let texts: Vec<_> = unknown.map(|block| block.text().to_vec()).collect();
        for text in texts {
            let block = Arc::new(self.rules.read(&text).unwrap());
            self.tell(to, Input::Block(block, BlockSource::Single));
        }
    }

    fn check_coins(&self, number: usize) {
        let archive = &self.nodes[number].1;
        let issued = self.rules.issued(archive.main().count() as u64);
        assert_eq!(archive.sum_of_balances(), issued, "node {number}");
    }

    fn accounts(&self, number: usize) -> Vec<Account> {
        let people = self.keys.iter();
        people
            .map(|key| self.nodes[number].1.account(&key.address).unwrap())
            .collect()
    }

    fn check_agreement(&self, seed: u64) {
        let first: Vec<&Block> = self.nodes[0].1.main().collect();
        for (number, (_, archive)) in self.nodes.iter().enumerate() {
            assert!(
                archive.main().eq(first.iter().copied()),
                "seed {seed}: node {number}"
            );
            assert_eq!(
                self.accounts(number),
                self.accounts(0),
                "seed {seed}: node {number}"
            );
        }
        let mut sent = vec![0; PEOPLE];
        for one in first
            .iter()
            .flat_map(|block| &block.sealed().unwrap().transactions)
        {
            let who = self
                .keys
                .iter()
                .position(|key| key.address == one.transfer.sender);
            let who = who.unwrap();
            assert_eq!(
                one.transfer.nonce, sent[who],
                "seed {seed}: each once, in order"
            );
            sent[who] += 1;
        }
        let nonces: Vec<_> = self
            .accounts(0)
            .iter()
            .map(|account| account.nonce)
            .collect();
        assert_eq!(nonces, sent, "seed {seed}");
    }
}

fn is_block(effect: &Effect) -> bool {
    matches!(effect, Effect::Persist(Change::Block { .. }))
}

#[test]
fn sealed_nodes_fork_and_come_to_agreement_and_no_coin_is_lost_or_made() {
    let (mut forks, mut paid, mut early) = (0, 0, [0; 2]);
    for seed in 0..25 {
        let simulation = Simulation::run(seed, false);
        simulation.check_agreement(seed);
        forks += simulation.forks;
        paid += simulation.paid;
        early = [0, 1].map(|at| early[at] + simulation.early[at]);
    }
    assert!(early.iter().all(|count| *count > 50), "{early:?} early");
    assert!(
        forks > 50 && paid > 1_000,
        "only {forks} forks, {paid} payments"
    );
}

#[test]
fn no_coin_is_lost_or_made_where_what_waits_follows_in_steps() {
    let (mut steps, mut paid) = (0, 0);
    for seed in 200..225 {
        let simulation = Simulation::run(seed, true);
        simulation.check_agreement(seed);
        let mut nodes = simulation.nodes.iter();
        assert!(
            nodes.all(|(node, _)| node.is_mempool_current()),
            "seed {seed}"
        );
        steps += simulation.steps;
        paid += simulation.paid;
    }
    assert!(
        steps > 500 && paid > 1_000,
        "only {steps} steps, {paid} payments"
    );
}

#[test]
fn the_same_seed_is_the_same_sealed_history() {
    for seed in 100..103 {
        let (first, second) = (Simulation::run(seed, false), Simulation::run(seed, false));
        assert!(first.history.len() > 100);
        assert_eq!(first.history, second.history, "seed {seed}");
    }
}

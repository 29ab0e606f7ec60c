//! Blocks that come before their time, several at once and siblings among them,
//! while the clock steps back and forth: against a naive model that replays
//! every branch from the genesis block. One call makes one change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError};
use adit_core::hash::Hash;
use adit_core::node::{Effect, Input, Node, Timer};
use adit_core::rules::{Rules, Sealed, Weight, work};
use adit_core::sync::RequestId;

use crate::sealed_node::{GENESIS, Town, miner_config, params};
use crate::sealed_world::{Accounts, Key, block_after, key, payment_of, replay};
use crate::world::{Dice, job_in, solve};

/// Two blocks on the genesis block that are due together: in the first one,
/// person 0 pays person 2; the other is empty. It is their time now.
fn siblings_that_are_due(town: &mut Town) -> [Arc<Block>; 2] {
    let genesis = town.genesis();
    let base_ms = town.ahead_ms() + 5_000;
    let payment = town.pay(0, 2, 0, 100, 10);
    let siblings = [
        town.block(&genesis, base_ms, &[payment]),
        town.block(&genesis, base_ms + 1, &[]),
    ];
    siblings.iter().for_each(|block| drop(town.hear(block)));
    assert_eq!(town.length(), 1, "both are held");
    town.node.now += Duration::from_secs(60);
    town.wake();
    assert_eq!(town.node.tip(), siblings[0]);
    siblings
}

#[test]
fn a_child_of_the_second_of_two_siblings_may_spend_what_the_first_has_spent() {
    let mut town = Town::new();
    let [_, empty] = siblings_that_are_due(&mut town);
    let again = town.pay(0, 1, 0, 7, 1);
    let child = town.block(&empty, 10, &[again]);
    let effects = town.hear(&child);
    assert_eq!(town.node.tip(), child, "{effects:?}");
    assert_eq!(town.account(2).balance, 0);
}

#[test]
fn a_child_of_the_second_of_two_siblings_can_not_spend_what_only_the_first_has_paid() {
    let mut town = Town::new();
    let [paying, empty] = siblings_that_are_due(&mut town);
    let coins_of_the_other = town.pay(2, 1, 0, 90, 1);
    let child = town.block(&empty, 10, &[coins_of_the_other]);
    let effects = town.hear(&child);
    assert_eq!(town.node.tip(), paying, "{effects:?}");
    assert!(
        matches!(&effects[..], [Effect::Refused(ChainError::Invalid(error))]
            if error.rule() == "balance"),
        "{effects:?}"
    );
}

#[test]
fn of_many_blocks_that_are_due_each_call_takes_one_and_asks_for_the_next() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let base_ms = town.ahead_ms() + 60_000;
    for number in 0..10 {
        let block = town.block(&genesis, base_ms + number, &[]);
        town.hear(&block);
    }
    town.node.now += Duration::from_secs(120);
    for left in (0..10).rev() {
        let now = town.node.now;
        let effects = town.node.handle(Input::Timer(Timer::Retry));
        let again = effects
            .iter()
            .any(|effect| matches!(effect, Effect::SetTimer(Timer::Retry, at) if *at <= now));
        assert_eq!(again, left > 0, "{effects:?}");
        assert_eq!(town.node.kept.len(), 1 + 10 - left);
    }
}

/// A block, and what the words of the protocol make of it.
struct Made {
    block: Arc<Block>,
    /// The accounts after it; why there are none.
    accounts: Result<Accounts, &'static str>,
    weight: Weight,
}

/// What a node does with a block.
#[derive(Debug, PartialEq)]
enum Verdict {
    Taken(MainChange),
    Refused(&'static str),
    /// It is known, or held.
    Nothing,
}

/// All blocks that were made, those that a node has to know, and those that it
/// has to hold.
struct Model {
    rules: Arc<Sealed>,
    made: BTreeMap<Hash, Made>,
    known: Vec<Hash>,
    held: BTreeMap<(Duration, Hash), Arc<Block>>,
    /// What was refused for what it did to the accounts.
    invalid: BTreeMap<Hash, &'static str>,
    tip: Hash,
}

impl Model {
    fn new(rules: Arc<Sealed>) -> Model {
        let genesis = Arc::new(rules.genesis(Duration::ZERO));
        let mut model = Model {
            tip: genesis.hash(),
            known: vec![genesis.hash()],
            made: BTreeMap::new(),
            held: BTreeMap::new(),
            invalid: BTreeMap::new(),
            rules,
        };
        model.make(&genesis);
        model
    }

    /// Notes a block, whatever becomes of it.
    fn make(&mut self, block: &Arc<Block>) {
        let target = block.sealed().unwrap().header.target;
        let before = block.parent().map(|parent| &self.made[&parent]);
        let before = before.map_or(Weight::ZERO, |parent| parent.weight);
        let made = Made {
            accounts: self.replay(block),
            weight: before + work(target),
            block: Arc::clone(block),
        };
        self.made.insert(block.hash(), made);
    }

    fn replay(&self, block: &Block) -> Result<Accounts, &'static str> {
        let before = match block.parent() {
            Some(parent) => self.made[&parent].accounts.clone()?,
            None => Accounts::new(),
        };
        replay(self.rules.params(), before, block)
    }

    fn parent(&self, block: &Block) -> Option<&Made> {
        block.parent().map(|parent| &self.made[&parent])
    }

    fn line_to(&self, tip: Hash) -> Vec<Hash> {
        let line = std::iter::successors(Some(tip), |hash| self.made[hash].block.parent());
        let mut line: Vec<_> = line.collect();
        line.reverse();
        line
    }

    /// What has to become of a block that comes now.
    fn judge(&mut self, now: Duration, block: &Arc<Block>, source: BlockSource) -> Verdict {
        let hash = block.hash();
        if self.known.contains(&hash) {
            return Verdict::Nothing;
        }
        if let Some(rule) = self.invalid.get(&hash) {
            return Verdict::Refused(rule);
        }
        if !self.known.contains(&block.parent().unwrap()) {
            return Verdict::Refused("orphan");
        }
        let time = Duration::from_millis(block.sealed().unwrap().header.timestamp_ms);
        let until = time - Duration::from_millis(self.rules.params().future_limit_ms);
        if until > now {
            if source == BlockSource::InBranch {
                return Verdict::Refused("future");
            }
            self.held.insert((until, hash), Arc::clone(block));
            return Verdict::Nothing;
        }
        let made = &self.made[&hash];
        if let Err(rule) = made.accounts {
            self.invalid.insert(hash, rule);
            return Verdict::Refused(rule);
        }
        self.known.push(hash);
        if made.weight <= self.made[&self.tip].weight {
            return Verdict::Taken(MainChange::Side);
        }
        let (old, new) = (self.line_to(self.tip), self.line_to(hash));
        let fork = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        self.tip = hash;
        Verdict::Taken(match fork == old.len() {
            true => MainChange::Extend,
            false => MainChange::Reorganise { fork: fork as u64 },
        })
    }

    /// What has to happen when a node is woken now.
    fn wake(&mut self, now: Duration) -> Verdict {
        match self.held.first_entry() {
            Some(first) if first.key().0 <= now => {
                let block = first.remove();
                self.judge(now, &block, BlockSource::Single)
            }
            _ => Verdict::Nothing,
        }
    }

    fn rewind(&mut self) {
        self.known.truncate(1);
        self.tip = self.known[0];
        self.held.clear();
    }
}

/// What was seen of the kinds of things that were to be shown.
#[derive(Default)]
struct Seen {
    woken: usize,
    reorganised: usize,
    sides: usize,
    refused: usize,
    made_here: usize,
}

/// A node and the model, told the same.
struct Street {
    dice: Dice,
    keys: Vec<Key>,
    now: Duration,
    node: Node,
    archive: MemoryArchive,
    model: Model,
    order: Vec<Arc<Block>>,
    alarms: Vec<Duration>,
    requests: u64,
    seen: Seen,
}

type Shown = Result<(), String>;

impl Street {
    fn new(seed: u64) -> Street {
        let rules = Arc::new(Sealed::with_params(params(), GENESIS).unwrap());
        let archive = MemoryArchive::default();
        let config = miner_config();
        let node = Node::open(config, rules.clone(), 0, Vec::new(), Vec::new(), &archive);
        let model = Model::new(rules);
        let mut street = Street {
            dice: Dice(seed),
            keys: (0..5).map(key).collect(),
            now: GENESIS + Duration::from_secs(600),
            node: node.unwrap(),
            archive,
            order: vec![Arc::clone(&model.made[&model.tip].block)],
            model,
            alarms: Vec::new(),
            requests: 0,
            seen: Seen::default(),
        };
        street.handle(Input::Started);
        street
    }

    /// Carries out what is to be kept, and returns what was changed.
    fn handle(&mut self, input: Input) -> (Vec<Verdict>, Vec<Effect>) {
        let effects = self.node.handle(self.now, input, &self.archive).unwrap();
        let mut changes = Vec::new();
        for effect in &effects {
            match effect {
                Effect::Persist(change) => {
                    self.archive.apply(change);
                    if let Change::Block { main, .. } = change {
                        changes.push(Verdict::Taken(*main));
                    }
                }
                Effect::Refused(error) => changes.push(Verdict::Refused(error.rule())),
                Effect::SetTimer(Timer::Retry, at) => self.alarms.push(*at),
                _ => {}
            }
        }
        self.node.check_invariants(&self.archive).unwrap();
        (changes, effects)
    }

    fn compare(&mut self, what: &str, found: &[Verdict], expected: Verdict) -> Shown {
        match &expected {
            Verdict::Taken(MainChange::Reorganise { .. }) => self.seen.reorganised += 1,
            Verdict::Taken(MainChange::Side) => self.seen.sides += 1,
            Verdict::Refused("nonce" | "balance") => self.seen.refused += 1,
            _ => {}
        }
        let expected: Vec<_> = [expected].into();
        let expected: &[Verdict] = match expected[0] {
            Verdict::Nothing => &[],
            _ => &expected,
        };
        if found != expected {
            return Err(format!("{what}: found {found:?}, expected {expected:?}"));
        }
        self.check(what)
    }

    /// The tip, and the accounts there.
    fn check(&self, what: &str) -> Shown {
        let (tip, made) = (self.model.tip, &self.model.made[&self.model.tip]);
        let found = self.node.chain().tip().map(|tip| tip.hash());
        if found != Some(tip) || self.node.chain().total_weight() != made.weight {
            return Err(format!("{what}: the tip is {found:?}, expected {tip}"));
        }
        let accounts = made
            .accounts
            .as_ref()
            .map_err(|rule| format!("tip: {rule}"))?;
        for key in &self.keys {
            let expected = accounts.get(&key.address).copied().unwrap_or_default();
            let found = self.archive.account(&key.address).unwrap();
            if found != expected {
                return Err(format!(
                    "{what}: an account is {found:?}, expected {expected:?}"
                ));
            }
        }
        Ok(())
    }

    fn hear(&mut self, block: &Arc<Block>) -> Shown {
        let source = match self.dice.below(4) {
            0 => BlockSource::InBranch,
            _ => BlockSource::Single,
        };
        let expected = self.model.judge(self.now, block, source);
        let (found, _) = self.handle(Input::Block(Arc::clone(block), source));
        self.compare("a block", &found, expected)
    }

    /// All that want to be woken by now are.
    fn wake(&mut self) -> Shown {
        while let Some(at) = self.alarms.iter().position(|alarm| *alarm <= self.now) {
            self.alarms.swap_remove(at);
            let expected = self.model.wake(self.now);
            self.seen.woken += usize::from(expected != Verdict::Nothing);
            let (found, _) = self.handle(Input::Timer(Timer::Retry));
            self.compare("woken", &found, expected)?;
        }
        let is_due = self
            .model
            .held
            .keys()
            .next()
            .map(|(until, _)| *until <= self.now);
        match is_due {
            Some(true) => Err("a block is due, and nobody was asked to wake the node".into()),
            _ => Ok(()),
        }
    }

    fn payments(&mut self, parent: Hash) -> Vec<Vec<u8>> {
        let Ok(mut accounts) = self.model.made[&parent].accounts.clone() else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for _ in 0..self.dice.below(4) {
            let [from, to] = [0, 1].map(|_| self.dice.below(5) as usize);
            let (from, to) = (&self.keys[from], &self.keys[to]);
            let account = accounts.entry(from.address).or_default();
            let amount = self.dice.below(account.balance / 2 + 1);
            let mut nonce = account.nonce;
            match self.dice.below(12) {
                0 => nonce += 1,
                _ => account.nonce += 1,
            }
            account.balance -= amount;
            accounts.entry(to.address).or_default().balance += amount;
            texts.push(payment_of(&self.model.rules, from, to, nonce, amount, 0));
        }
        texts
    }

    /// Mostly on the tip or on what came last, held or not.
    fn parent(&mut self) -> Arc<Block> {
        let (count, recent) = (self.order.len() as u64, self.dice.below(5));
        match self.dice.below(4) {
            0 => Arc::clone(&self.model.made[&self.model.tip].block),
            1 => Arc::clone(&self.order[self.dice.below(count) as usize]),
            _ => Arc::clone(&self.order[count.saturating_sub(1 + recent) as usize]),
        }
    }

    fn make(&mut self, parent: &Arc<Block>, time_ms: u64) -> Arc<Block> {
        let parent_ms = parent.sealed().unwrap().header.timestamp_ms;
        let texts = self.payments(parent.hash());
        let grandparent = self
            .model
            .parent(parent)
            .map(|made| Arc::clone(&made.block));
        let block = block_after(
            &self.model.rules,
            parent,
            grandparent.as_deref(),
            time_ms.saturating_sub(parent_ms).max(1),
            self.keys[self.dice.below(5) as usize].address,
            &texts,
        );
        self.model.make(&block);
        self.order.push(Arc::clone(&block));
        block
    }

    /// A block, often of the future, and often with a sibling of the same time.
    fn somebody_makes(&mut self) -> Shown {
        let limit_ms = self.model.rules.params().future_limit_ms;
        let now_ms = self.now.as_millis() as u64;
        let time_ms = match self.dice.below(2) {
            0 => now_ms - self.dice.below(20_000),
            _ => now_ms + limit_ms + self.dice.below(20_000),
        };
        let parent = self.parent();
        let block = self.make(&parent, time_ms);
        if self.dice.below(2) == 0 {
            let later_ms = self.dice.below(2);
            let sibling = self.make(&parent, time_ms + later_ms);
            self.hear(&sibling)?;
        }
        self.hear(&block)
    }

    fn mine(&mut self) -> Shown {
        self.requests += 1;
        let request = RequestId(self.requests);
        let (_, effects) = self.handle(Input::Mine(request));
        if let Some(job) = job_in(&effects) {
            let (number, proof) = (job.number, solve(&job.puzzle));
            let (found, effects) = self.handle(Input::Proof { job: number, proof });
            let made = effects.iter().find_map(|effect| match effect {
                Effect::Made(block) => Some(Arc::clone(block)),
                _ => None,
            });
            if let Some(block) = made {
                self.seen.made_here += 1;
                self.model.make(&block);
                self.order.push(Arc::clone(&block));
                let expected = self.model.judge(self.now, &block, BlockSource::Single);
                self.compare("made here", &found, expected)?;
            }
        }
        self.handle(Input::Cancelled(request));
        Ok(())
    }

    fn step(&mut self) -> Shown {
        match self.dice.below(20) {
            0..8 => self.somebody_makes(),
            8..11 => {
                let count = self.order.len() as u64;
                let again = Arc::clone(&self.order[self.dice.below(count) as usize]);
                self.hear(&again)
            }
            11..15 => {
                self.now += Duration::from_millis(self.dice.below(40_000));
                self.wake()
            }
            15 => {
                // The clock is set back: what is woken then is too early.
                self.now -= Duration::from_millis(self.dice.below(20_000));
                let expected = self.model.wake(self.now);
                let (found, _) = self.handle(Input::Timer(Timer::Retry));
                self.compare("woken too early", &found, expected)
            }
            16..19 => self.mine(),
            _ if self.dice.below(4) == 0 => {
                self.requests += 1;
                let request = RequestId(self.requests);
                self.handle(Input::Rewind(request));
                self.model.rewind();
                self.check("started over")
            }
            _ => Ok(()),
        }
    }

    fn run(&mut self) -> Shown {
        for _ in 0..60 {
            self.step()?;
        }
        self.now += Duration::from_secs(1_000_000);
        self.wake()?;
        match self.model.held.is_empty() {
            true => Ok(()),
            false => Err("blocks are held for ever".into()),
        }
    }
}

#[test]
fn blocks_of_the_future_siblings_and_a_clock_that_steps_end_as_a_replay_does() {
    let mut wrong = Vec::new();
    let mut sums = [0; 5];
    for seed in 0..150 {
        let mut street = Street::new(seed);
        let shown = street.run();
        wrong.extend(shown.err().map(|error| format!("seed {seed}: {error}")));
        let seen = &street.seen;
        let counts = [
            seen.woken,
            seen.reorganised,
            seen.sides,
            seen.refused,
            seen.made_here,
        ];
        sums = [0, 1, 2, 3, 4].map(|at| sums[at] + counts[at]);
    }
    let count = wrong.len();
    wrong.truncate(3);
    assert!(wrong.is_empty(), "{count} of 150 seeds: {wrong:#?}");
    assert!(
        sums.iter().all(|sum| *sum > 50),
        "{sums:?}: nothing was shown"
    );
}

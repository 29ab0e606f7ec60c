//! What follows from what in a case: events are handed to the nodes, and what they
//! decide is carried out, over disks that are slow and a network that is as bad as
//! the case says. What has to hold, the checks know.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, Change, MainChange};
use adit_core::chain::BlockSource;
use adit_core::mining::Job;
use adit_core::node::{Answer, Effect, Input};
use adit_core::peer::PeerAddress;
use adit_core::rules::Rules;
use adit_core::sync::{Ask, Locator};
use ruint::aliases::U256;
use sha2::Digest;

use super::checks::{self, About};
use super::mix::{DEED_EVERY, Fault};
use super::world::{
    Acknowledged, Event, Finders, GUESSES, INTERVAL_MS, Message, SKEW_MOST, World, Wrong,
    address_of, number_of,
};
use crate::chain::CHAIN_START;
use crate::draws::Purpose;

/// More than this at one moment never comes to an end.
const EVENTS_AT_ONCE_LIMIT: u64 = 20_000;

/// A peer that has not answered by then has failed.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

impl World {
    /// Starts all nodes, and makes them known to some of the others.
    pub(super) fn begin(&mut self) -> Result<(), Wrong> {
        let nodes = self.case.nodes;
        for at in 0..nodes {
            self.start(at)?;
            // Who hears only of what is announced has to know everybody.
            let steps = match self.case.asks_by_itself() {
                true => 3,
                false => nodes,
            };
            let peers = (1..=steps).map(|step| address_of((at + step) % nodes));
            let peers: BTreeSet<PeerAddress> =
                peers.filter(|peer| *peer != address_of(at)).collect();
            let request = self.request();
            self.tell(at, Input::Register(request, peers.into_iter().collect()))?;
        }
        self.agenda.plan(CHAIN_START + DEED_EVERY, Event::Deed(0));
        Ok(())
    }

    /// Lets everything happen up to that time.
    pub(super) fn run_until(&mut self, end: Duration) -> Result<(), Wrong> {
        let (mut last, mut events_at_once) = (Duration::ZERO, 0_u64);
        while let Some(event) = self.agenda.next_before(end) {
            let now = self.agenda.now();
            events_at_once = if now == last { events_at_once + 1 } else { 0 };
            last = now;
            if events_at_once > EVENTS_AT_ONCE_LIMIT {
                return Err("timers go on and on at one moment".to_owned());
            }
            self.happens(event)?;
        }
        Ok(())
    }

    fn happens(&mut self, event: Event) -> Result<(), Wrong> {
        let is_alive = |world: &World, at: usize, life: u64| world.sites[at].life == life;
        match event {
            Event::Deed(number) => self.deed(number),
            Event::Timer(at, life, timer) if is_alive(self, at, life) => {
                self.tell(at, Input::Timer(timer))
            }
            Event::Proof(at, life, job) if is_alive(self, at, life) => self.found(at, job),
            Event::Arrival { from, to, message } if self.sites[to].node.is_some() => {
                self.arrives(from, to, message)
            }
            Event::Take(at, life) if is_alive(self, at, life) => self.take(at),
            Event::AskTimeout(at, life, ask) if is_alive(self, at, life) => self.give_up(at, ask),
            Event::Synced(at, life) if is_alive(self, at, life) => self.synced(at),
            Event::Power(at) if self.sites[at].node.is_none() => self.start(at),
            _ => Ok(()),
        }
    }

    /// Starts a node from its disk.
    pub(super) fn start(&mut self, at: usize) -> Result<(), Wrong> {
        let is_indexed = self.drawn(2, Purpose::Crash, 1_000 + at as u64) == 0;
        let now = self.agenda.now() + self.sites[at].ahead;
        let rules = Arc::clone(&self.rules);
        let site = &mut self.sites[at];
        site.open(&rules, now, is_indexed)?;
        if self.draws.below(2, Purpose::Mix, at as u64, 3) == 0 {
            let node = site.node.as_mut().expect("it was opened");
            node.limit_mempool_update(1, 1);
        }
        site.keeps_few = self.draws.below(3, Purpose::Mix, at as u64, 4) == 0;
        if site.keeps_few {
            let node = site.node.as_mut().expect("it was opened");
            node.limit_side_blocks(2, 4);
        }
        site.tip = site
            .node
            .as_ref()
            .and_then(|node| node.chain().tip())
            .map(|tip| tip.hash().to_string());
        checks::started(self, at)?;
        self.tell(at, Input::Started)
    }

    /// The power of a node goes, and comes back some time later.
    pub(super) fn crash(&mut self, at: usize, number: u64) -> Result<(), Wrong> {
        checks::deferred_were_taken(self, at, SKEW_MOST)?;
        let draws = self.draws;
        let site = &mut self.sites[at];
        site.stop();
        site.disk.lose_power(&draws, at as u64, number);
        let off_ms = 100 + draws.below(30_000, Purpose::Deed, 4, number);
        let back = self.agenda.now() + Duration::from_millis(off_ms);
        self.agenda.plan(back, Event::Power(at));
        Ok(())
    }

    /// Submits a transaction to a node, as a user does.
    pub(super) fn submit(&mut self, at: usize, text: &Arc<[u8]>) -> Result<(), Wrong> {
        if let Ok(submitted) = self.rules.read_transaction(text) {
            let request = self.request();
            self.requests.insert(request.0, Arc::clone(text));
            self.tell(at, Input::Transaction(request, submitted))?;
        }
        Ok(())
    }

    /// Tells a node something, and carries out what it decides.
    pub(super) fn tell(&mut self, at: usize, input: Input) -> Result<(), Wrong> {
        self.tell_about(at, input, About::Nothing)
    }

    fn tell_about(&mut self, at: usize, input: Input, about: About<'_>) -> Result<(), Wrong> {
        let now = self.agenda.now() + self.sites[at].ahead;
        let site = &mut self.sites[at];
        let Some(node) = &mut site.node else {
            return Ok(());
        };
        if matches!(input, Input::Resolve(_)) {
            site.asking.values_mut().for_each(|again| *again = true);
        }
        let effects = node.handle(now, input, &site.archive);
        let effects = effects.map_err(|error| format!("node {at} can't decide: {error}"))?;
        self.carry_out(at, effects, about)
    }

    /// Carries out what a node has decided. If it is doomed, and there is something to
    /// keep, its power goes between two of the effects.
    pub(super) fn carry_out(
        &mut self,
        at: usize,
        effects: Vec<Effect>,
        about: About<'_>,
    ) -> Result<(), Wrong> {
        let keeps = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Persist(_)));
        let doom = self.sites[at].doomed.filter(|_| keeps);
        let end = doom.map(|number| self.pick(effects.len() as u64 + 1, 60, number));
        for (position, effect) in (0..).zip(effects) {
            if let Some(number) = doom.filter(|_| end == Some(position)) {
                return self.crash(at, number);
            }
            if let Effect::Ask(ask) = &effect {
                self.sites[at].asking.insert(number_of(&ask.peer), false);
            }
            match effect {
                Effect::Persist(change) => self.persist(at, change)?,
                Effect::Mine(job) => self.search(at, job),
                Effect::StopMining => self.sites[at].job = None,
                Effect::SetTimer(timer, time) => {
                    let (time, life) = (
                        time.saturating_sub(self.sites[at].ahead),
                        self.sites[at].life,
                    );
                    self.agenda.plan(time, Event::Timer(at, life, timer));
                }
                Effect::Refused(error) => checks::refused(self, at, &error, about)?,
                Effect::Evicted(id, error) => {
                    return Err(format!(
                        "node {at} made a block that it refused for {id}: {error}"
                    ));
                }
                leaving => match self.sites[at].disk.is_synced() {
                    true => self.leaves(at, leaving)?,
                    false => self.sites[at].outbox.push(leaving),
                },
            }
        }
        if let Some(number) = doom {
            return self.crash(at, number);
        }
        checks::after_call(self, at)?;
        checks::excuse(self, at);
        let tip = self.sites[at].tip.clone().unwrap_or_default();
        self.trace
            .update(self.agenda.now().as_millis().to_be_bytes());
        self.trace.update([at as u8]);
        self.trace.update(tip);
        Ok(())
    }

    fn persist(&mut self, at: usize, change: Change) -> Result<(), Wrong> {
        self.sites[at].archive.apply(&change);
        if let Change::Block {
            block, entry, main, ..
        } = &change
        {
            self.blocks += 1;
            self.reorganisations += u64::from(matches!(main, MainChange::Reorganise { .. }));
            checks::taken(self, at, block, *entry, *main)?;
        }
        let site = &mut self.sites[at];
        let (was_synced, life) = (site.disk.is_synced(), site.life);
        site.disk.write(change);
        if was_synced {
            let sync_ms = 1 + self.drawn(60, Purpose::Disk, at as u64);
            let safe = self.agenda.now() + Duration::from_millis(sync_ms);
            self.agenda.plan(safe, Event::Synced(at, life));
        }
        Ok(())
    }

    fn synced(&mut self, at: usize) -> Result<(), Wrong> {
        self.sites[at].disk.sync();
        for effect in std::mem::take(&mut self.sites[at].outbox) {
            self.leaves(at, effect)?;
        }
        Ok(())
    }

    /// Something leaves the node: nothing that it tells may be lost any longer.
    fn leaves(&mut self, at: usize, effect: Effect) -> Result<(), Wrong> {
        match effect {
            Effect::Answer(request, Answer::Accepted { .. }) => {
                if let Some(text) = self.requests.remove(&request.0) {
                    self.acknowledged.push(Acknowledged::new(at, &text));
                }
            }
            Effect::Announce(peers) => peers
                .iter()
                .for_each(|peer| self.announce(at, number_of(peer))),
            Effect::Ask(ask) => self.ask(at, ask)?,
            _ => {}
        }
        Ok(())
    }

    fn announce(&mut self, at: usize, peer: usize) {
        let tip = self.sites[at]
            .node
            .as_ref()
            .and_then(|node| node.chain().tip().cloned());
        let message = match tip.filter(|_| self.drawn(2, Purpose::Message, at as u64) == 0) {
            Some(tip) => Message::Block(tip.text().into()),
            None => Message::Nudge,
        };
        self.send(at, peer, message);
    }

    fn ask(&mut self, at: usize, ask: Ask) -> Result<(), Wrong> {
        let site = &self.sites[at];
        let length = site.node.as_ref().map_or(0, |node| node.chain().length());
        let locator =
            Locator::of_main_chain(length, &site.archive).map_err(|error| error.to_string())?;
        let (peer, life) = (number_of(&ask.peer), site.life);
        let late = self.agenda.now() + ASK_TIMEOUT;
        self.agenda
            .plan(late, Event::AskTimeout(at, life, ask.clone()));
        self.send(at, peer, Message::Request(ask, locator));
        Ok(())
    }

    /// Sends a message over the network as it is.
    pub(super) fn send(&mut self, from: usize, to: usize, message: Message) {
        let pair = (from * 64 + to) as u64;
        let happens = |world: &mut World, fault, percent| {
            let drawn = world.drawn(100, Purpose::Message, 10_000 + pair * 4 + fault as u64 % 4);
            world.is_busy && world.case.has(fault) && drawn < percent
        };
        let is_cut = self.is_busy && self.cuts.contains(&(from, to));
        if is_cut || happens(self, Fault::Loss, 15) {
            return;
        }
        let copies = 1 + usize::from(happens(self, Fault::Duplication, 10));
        for _ in 0..copies {
            let most_ms = match happens(self, Fault::Reordering, 10) {
                true => 20_000,
                false => 400,
            };
            let delay_ms = 20 + self.drawn(most_ms, Purpose::Latency, pair);
            let time = self.agenda.now() + Duration::from_millis(delay_ms);
            let message = message.clone();
            self.agenda.plan(time, Event::Arrival { from, to, message });
        }
    }

    fn arrives(&mut self, from: usize, to: usize, message: Message) -> Result<(), Wrong> {
        match message {
            Message::Block(text) => self.hear_block(to, &text),
            Message::Nudge => {
                let request = self.request();
                self.tell(to, Input::Resolve(request))
            }
            Message::Payment(text) => match self.rules.read_transaction(&text) {
                Ok(submitted) => {
                    let request = self.request();
                    self.tell(to, Input::RelayedTransaction(request, submitted))
                }
                Err(_) => Ok(()),
            },
            Message::Request(ask, locator) => self.answer(from, to, ask, locator),
            Message::Answer {
                ask,
                locator,
                lines,
                is_honest,
            } => self.hear_answer(to, ask, locator, lines, is_honest),
        }
    }

    /// What is delivered is read from its bytes: nothing that another node knows of
    /// a block comes with it.
    fn hear_block(&mut self, at: usize, text: &[u8]) -> Result<(), Wrong> {
        let _ = self.model.judge(text);
        let Ok(block) = self.rules.read(text) else {
            return checks::unread(self, at, text);
        };
        let block = Arc::new(block);
        // A block comes the same way each time: one that anybody offers is kept
        // beside the main chain only where it is worth that.
        let is_submitted = (usize::from(block.hash().0[31]) + at).is_multiple_of(4);
        checks::note_deferred(self, at, &block, !is_submitted)?;
        let request = self.request();
        let is_orphan = match block.parent() {
            Some(parent) => self.sites[at]
                .archive
                .entry(&parent)
                .map_err(|error| error.to_string())?
                .is_none(),
            None => false,
        };
        let input = match is_submitted {
            true => Input::SubmitBlock(request, block),
            false => Input::Block(block, BlockSource::Single),
        };
        self.tell_about(at, input, About::Delivered(text))?;
        if is_orphan {
            let request = self.request();
            self.tell(at, Input::Resolve(request))?;
        }
        Ok(())
    }

    fn search(&mut self, at: usize, job: Job) {
        let target = U256::from_be_bytes(job.puzzle.target);
        let guesses = adit_core::rules::work(target);
        let guesses = u64::try_from(guesses).unwrap_or(u64::MAX / 1_000_000);
        let mean_ms = (INTERVAL_MS * self.case.nodes as u64).saturating_mul(guesses) / GUESSES;
        let count = self.drawn(u64::MAX, Purpose::Finder, at as u64);
        let after_ms = self
            .draws
            .exponential(mean_ms.max(1), Purpose::Interval, at as u64, count);
        let (time, life) = (
            self.agenda.now() + Duration::from_millis(after_ms.max(1)),
            self.sites[at].life,
        );
        self.sites[at].job = Some(job.clone());
        self.agenda.plan(time, Event::Proof(at, life, job));
    }

    fn found(&mut self, at: usize, job: Job) -> Result<(), Wrong> {
        let is_current = self.sites[at]
            .job
            .as_ref()
            .is_some_and(|current| current.number == job.number);
        let is_lucky = [Finders::All, Finders::One(at)].contains(&self.finders);
        if !is_current || !is_lucky {
            return Ok(());
        }
        self.sites[at].job = None;
        let proof = (0..).find(|proof| job.puzzle.is_solved_by(*proof));
        let proof = proof.expect("targets stay easy where the interval is kept");
        let input = Input::Proof {
            job: job.number,
            proof,
        };
        self.tell_about(at, input, About::Own)
    }

    /// A node finds the block at once that it searches for.
    pub(super) fn decide(&mut self, at: usize) -> Result<(), Wrong> {
        let Some(job) = self.sites[at].job.clone() else {
            return Err(format!("node {at} does not search for a block in the end"));
        };
        self.finders = Finders::One(at);
        let found = self.found(at, job);
        self.finders = Finders::Nobody;
        found
    }

    fn answer(&mut self, asker: usize, at: usize, ask: Ask, locator: Locator) -> Result<(), Wrong> {
        let archive = &self.sites[at].archive;
        let common = locator
            .highest_in_main_chain(archive)
            .map_err(|error| error.to_string())?;
        let after = archive
            .main()
            .skip(usize::try_from(common.unwrap_or(0)).unwrap_or(usize::MAX));
        let texts: Vec<Vec<u8>> = after.map(|block| block.text().to_vec()).collect();
        let lie = self.lie_in_answer(at, &texts);
        let is_honest = lie.is_none();
        let texts = lie.unwrap_or(texts);
        let lines: Vec<u8> = texts
            .into_iter()
            .flat_map(|text| [text, b"\n".to_vec()].concat())
            .collect();
        let lines = lines.into();
        self.send(
            at,
            asker,
            Message::Answer {
                ask,
                locator,
                lines,
                is_honest,
            },
        );
        Ok(())
    }
}

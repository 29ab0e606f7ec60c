//! Takes in the branches of peers whose chains are heavier than ours: one after
//! another, each in steps, and between steps everybody else is served and
//! everything is synced. Whether a block is taken, the core decides.

use std::time::{Duration, Instant};

use adit_core::branch::BranchSession;
use adit_core::node::{Effect, Input};
use adit_core::peer::PeerAddress;
use adit_core::sync::{Ask, PeerReport, Seen};

use super::adoptions::{ADOPTION_STEP_MS, Adoption, BranchEnd, QueuedBranch, Step};
use super::error::DriverError;
use super::news_log::log_refused;
use super::run::Driver;
use crate::handle::{Command, OfferedBranch, PollOutcome};
use crate::repeated;

/// Where others wait for their turn, it is theirs after this many blocks.
const ADOPTION_STEP_BLOCKS_LIMIT: usize = 64;

/// Where somebody waits for a block, the next step waits for its proof, but no
/// longer than this: each step may change the tip that the proof is for.
const ADOPTION_PAUSE_MS: u64 = 250;

impl Driver {
    /// Hears what came of asking a peer. A branch is taken in when those that
    /// came before it are; until then, the peer counts as being asked.
    pub(super) fn answered(
        &mut self,
        ask: Ask,
        outcome: PollOutcome,
        seen: Seen,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        match outcome {
            PollOutcome::Other(report) => {
                self.handle(Input::PeerAnswered(ask, report, seen), later)
            }
            PollOutcome::Heavier(offered) => {
                self.take_offered(ask, offered, BranchEnd::Answered(seen), later)
            }
        }
    }

    /// A peer's branch has been read, or a part of it.
    pub(super) fn take_offered(
        &mut self,
        ask: Ask,
        offered: OfferedBranch,
        end: BranchEnd,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        // Of a peer that was removed meanwhile, nothing is adopted.
        if !self.node.is_asked(&ask) {
            return Ok(());
        }
        self.adoptions
            .waiting
            .push_back(QueuedBranch { ask, end, offered });
        match self.adoptions.is_on_its_way {
            true => Ok(()),
            false => self.adopt_some(later),
        }
    }

    /// It is no longer a peer, and nobody waits for what it answers: nothing
    /// further of its branch is taken in.
    pub(super) fn stop_adopting(&mut self, peer: &PeerAddress) {
        let adoptions = &mut self.adoptions;
        adoptions.waiting.retain(|one| one.ask.peer != *peer);
        adoptions.running.take_if(|one| one.ask.peer == *peer);
    }

    /// It is the branches' turn again.
    pub(super) fn adopt_on(
        &mut self,
        turn: u64,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        if turn != self.adoptions.turn {
            return Ok(());
        }
        self.adoptions.is_on_its_way = false;
        self.adoptions.is_paused = false;
        self.adopt_some(later)
    }

    /// A proof has come: if nobody waits for another one, nor does the next step.
    pub(super) fn adopt_sooner(&mut self) {
        if self.adoptions.is_paused && !self.node.is_block_awaited() {
            self.adopt_in(0);
        }
    }

    fn adopt_in(&mut self, wait_ms: u64) {
        self.adoptions.turn += 1;
        self.adoptions.is_on_its_way = true;
        self.adoptions.is_paused = wait_ms > 0;
        let command = Command::AdoptOn(self.adoptions.turn);
        self.send_in(Duration::from_millis(wait_ms), command);
    }

    /// Takes in further blocks of the branch whose turn it is, and sees to it that
    /// the rest follows.
    fn adopt_some(&mut self, later: &mut Vec<Effect>) -> Result<(), DriverError> {
        if !self.node.is_mempool_current() && self.adoptions.are_left() {
            // What waits follows the last branch first: until it has, there is no
            // checkpoint.
            self.adopt_in(ADOPTION_PAUSE_MS);
            return Ok(());
        }
        let running = match self.adoptions.running.take() {
            None => self.begin_adoption(later)?,
            running => running,
        };
        let Some(mut adoption) = running else {
            return Ok(());
        };
        let report = match self.adopt_step(&mut adoption, later)? {
            Step::Paused => None,
            Step::Ended => Some(adoption.session.report(&self.node)),
            Step::Unreadable(error) => {
                let why = error.to_string();
                Some(adoption.session.report_of_failure(&self.node, why))
            }
        };
        if let Some(PeerReport::Adopted { length }) = report
            && matches!(adoption.end, BranchEnd::Answered(_))
            && let Some(left_out) = repeated::turn_of_news("adopted")
        {
            let peer = &adoption.ask.peer;
            tracing::info!(%peer, length, left_out, "adopted the peer's chain");
        }
        match report {
            None => {
                self.adoptions.running = Some(adoption);
                self.handle(Input::BranchPaused, later)?;
            }
            Some(report) => {
                let Adoption { ask, end, .. } = adoption;
                self.end_branch(ask, end, report, later)?;
            }
        }
        if self.adoptions.are_left() {
            self.adopt_in(match self.node.is_block_awaited() {
                true => ADOPTION_PAUSE_MS,
                false => 0,
            });
        }
        Ok(())
    }

    /// Starts on the next branch that is still heavier than our chain.
    fn begin_adoption(&mut self, later: &mut Vec<Effect>) -> Result<Option<Adoption>, DriverError> {
        while let Some(next) = self.adoptions.waiting.pop_front() {
            let QueuedBranch { ask, end, offered } = next;
            let OfferedBranch { chain, branch } = offered;
            let length = chain.length;
            let Some(session) = BranchSession::begin(&self.node, chain) else {
                let report = PeerReport::NotLonger { length };
                self.end_branch(ask, end, report, later)?;
                continue;
            };
            tracing::debug!(peer = %ask.peer, length, "taking the peer's chain");
            return Ok(Some(Adoption {
                ask,
                end,
                session,
                blocks: branch.into_blocks(),
            }));
        }
        Ok(None)
    }

    /// No more is taken in of a branch.
    fn end_branch(
        &mut self,
        ask: Ask,
        end: BranchEnd,
        report: PeerReport,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        match end {
            BranchEnd::Answered(seen) => self.handle(Input::PeerAnswered(ask, report, seen), later),
            BranchEnd::Part(reply) => {
                // If nobody reads on, the peer's answer says so.
                let _ = reply.send(report);
                self.handle(Input::BranchPaused, later)
            }
        }
    }

    /// Takes blocks in, one after another, until there are no more or the step
    /// has taken long enough. If one is not taken, nor are those behind it:
    /// what it does to the accounts is seen only here.
    fn adopt_step(
        &mut self,
        adoption: &mut Adoption,
        later: &mut Vec<Effect>,
    ) -> Result<Step, DriverError> {
        let start = Instant::now();
        for taken in 0.. {
            let is_long = start.elapsed() >= Duration::from_millis(ADOPTION_STEP_MS);
            if is_long || taken >= ADOPTION_STEP_BLOCKS_LIMIT && self.are_others_waiting() {
                break;
            }
            let block = match adoption.blocks.next() {
                Some(Ok(block)) => block,
                Some(Err(error)) => return Ok(Step::Unreadable(error)),
                None => return Ok(Step::Ended),
            };
            let session = &mut adoption.session;
            let effects = session.take(&mut self.node, self.clock.now(), block, &self.store)?;
            self.carry_out_now(effects, later)?;
            if let Some(refused) = session.refused() {
                log_refused(&refused.error);
                return Ok(Step::Ended);
            }
        }
        Ok(Step::Paused)
    }

    /// Whether commands wait for the driver.
    fn are_others_waiting(&self) -> bool {
        self.commands.capacity() < self.commands.max_capacity()
    }
}

//! Takes in the branches of peers whose chains are heavier than ours: one after
//! the other, and each in steps, between which everybody else is served and
//! everything is synced. Whether a block is taken, the core decides.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use adit_core::chain::{Arrival, ChainError};
use adit_core::node::{Effect, Input};
use adit_core::peer::PeerAddress;
use adit_core::rules::Weight;
use adit_core::sync::{Ask, PeerReport, Refusal, Seen};

use super::handle::Command;
use super::{Driver, DriverError, Heard};
use crate::branch::{CheckedBlocks, CheckedBranch};
use crate::repeated;

/// Blocks of a branch are taken in for so long; then it is the others' turn.
const ADOPTION_STEP_MS: u64 = 50;

/// Where somebody waits for a block, the next step waits for its proof, but no
/// longer than this: each step may change the tip that the proof is for.
const ADOPTION_PAUSE_MS: u64 = 250;

/// The branches that are to be taken in.
#[derive(Default)]
pub(super) struct Adoptions {
    running: Option<Adoption>,
    /// Those that came meanwhile: no more than there are peers.
    waiting: VecDeque<Offered>,
    /// The number of the turn that is to come next: others are none any more.
    turn: u64,
    is_on_its_way: bool,
    /// Whether it comes after a pause.
    is_paused: bool,
}

/// A branch that waits for its turn.
struct Offered {
    ask: Ask,
    seen: Seen,
    length: u64,
    weight: Weight,
    branch: CheckedBranch,
}

/// A branch that is being taken in.
struct Adoption {
    ask: Ask,
    seen: Seen,
    length: u64,
    blocks: CheckedBlocks,
    /// Whether the main chain has ended in one of its blocks.
    has_won: bool,
}

/// How far a step has come.
enum Step {
    /// There are more blocks.
    Paused,
    /// All of them are taken in.
    Whole,
    /// No further ones are taken in.
    Ended(PeerReport),
}

impl Adoptions {
    /// Whether there is a branch of which something is still to be taken in.
    pub(super) fn are_left(&self) -> bool {
        self.running.is_some() || !self.waiting.is_empty()
    }
}

impl Driver {
    /// Hears what came of asking a peer. A branch is taken in when those that
    /// came before it are; until then, the peer counts as being asked.
    pub(super) fn answered(
        &mut self,
        ask: Ask,
        heard: Heard,
        seen: Seen,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        let (length, weight, branch) = match heard {
            Heard::Other(report) => {
                return self.handle(Input::PeerAnswered(ask, report, seen), later);
            }
            // Whoever was removed meanwhile gets nothing adopted.
            Heard::Heavier { .. } if !self.node.is_asked(&ask) => return Ok(()),
            Heard::Heavier {
                length,
                weight,
                branch,
            } => (length, weight, branch),
        };
        self.adoptions.waiting.push_back(Offered {
            ask,
            seen,
            length,
            weight,
            branch,
        });
        match self.adoptions.is_on_its_way {
            true => Ok(()),
            false => self.adopt_some(later),
        }
    }

    /// The peer is none any more, and nobody waits for what it answers: of its
    /// branch, nothing further is taken in.
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
        if !self.node.is_settled() && self.adoptions.are_left() {
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
        let step = self.adopt_step(&mut adoption, later)?;
        let report = match step {
            Step::Paused => None,
            // What is wrong may come behind enough that is right.
            _ if adoption.has_won => {
                let (peer, length) = (&adoption.ask.peer, self.node.chain().length());
                if let Some(left_out) = repeated::turn_of_news("adopted") {
                    tracing::info!(%peer, length, left_out, "adopted the peer's chain");
                }
                Some(PeerReport::Adopted { length })
            }
            Step::Ended(report) => Some(report),
            Step::Whole => {
                let length = adoption.length;
                Some(PeerReport::NotLonger { length })
            }
        };
        match report {
            None => {
                self.adoptions.running = Some(adoption);
                self.handle(Input::BranchPaused, later)?;
            }
            Some(report) => {
                let Adoption { ask, seen, .. } = adoption;
                self.handle(Input::PeerAnswered(ask, report, seen), later)?;
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

    /// Begins with the next branch that is still heavier than our chain.
    fn begin_adoption(&mut self, later: &mut Vec<Effect>) -> Result<Option<Adoption>, DriverError> {
        while let Some(next) = self.adoptions.waiting.pop_front() {
            let Offered {
                ask, seen, length, ..
            } = next;
            if next.weight <= self.node.chain().total_weight() {
                let report = PeerReport::NotLonger { length };
                self.handle(Input::PeerAnswered(ask, report, seen), later)?;
                continue;
            }
            tracing::debug!(peer = %ask.peer, length, "taking the peer's chain");
            return Ok(Some(Adoption {
                ask,
                seen,
                length,
                blocks: next.branch.into_blocks(),
                has_won: false,
            }));
        }
        Ok(None)
    }

    /// Takes blocks in, one after the other, until there are no more or the
    /// step has taken long enough. If one is not taken, nor are those behind it:
    /// what it does to the accounts is seen only here.
    fn adopt_step(
        &mut self,
        adoption: &mut Adoption,
        later: &mut Vec<Effect>,
    ) -> Result<Step, DriverError> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(ADOPTION_STEP_MS) {
            let block = match adoption.blocks.next() {
                Some(Ok(block)) => block,
                Some(Err(error)) => {
                    return Ok(Step::Ended(PeerReport::Failed(error.to_string())));
                }
                None => return Ok(Step::Whole),
            };
            let (index, hash, earlier) = (block.index(), block.hash(), later.len());
            self.handle(Input::Block(block, Arrival::InBranch), later)?;
            let tip = self.node.chain().tip();
            adoption.has_won |= tip.is_some_and(|tip| tip.hash() == hash);
            let refused = later.iter().skip(earlier).find_map(refusal);
            if let Some(error) = refused {
                let refusal = Refusal {
                    index: Some(index),
                    rule: match error {
                        ChainError::Invalid(error) => error.rule(),
                        _ => "branch",
                    },
                    problem: format!("the block in place {index} is not valid: {error}"),
                };
                return Ok(Step::Ended(PeerReport::Refused(refusal)));
            }
        }
        Ok(Step::Paused)
    }
}

/// Why a block was not taken, if an effect says so.
fn refusal(effect: &Effect) -> Option<&ChainError> {
    match effect {
        Effect::Refused(error) => Some(error),
        _ => None,
    }
}

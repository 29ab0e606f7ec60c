//! Which block is being made: for whom, from which template, when the next one is
//! due without a request, and how long none is made because the last one was
//! refused. How a proof is searched for is up to the miner; what a block holds,
//! to the node and the rules.

use std::collections::VecDeque;
use std::time::Duration;

use crate::puzzle::Puzzle;
use crate::rules::BlockTemplate;
use crate::sync::RequestId;

/// At most this many requests for a block wait at a time.
pub const MINE_WAITING_LIMIT: usize = 1_024;

/// A template that is searched for gets newer transactions after this time, where
/// the proof is for its content.
pub const DRAFT_AGE_MS: u64 = 1_000;

/// If no block can be made for longer than this, the requests that wait for one
/// are told so.
pub const MINE_PATIENCE_MS: u64 = 2_000;

/// After a second block of our own was refused, none is made for this time, and
/// after each further one for twice as long ...
pub const REFUSED_PAUSE_MS: u64 = 1_000;

/// ... up to this. A clock that was set right is looked at as often.
pub const PAUSE_LIMIT_MS: u64 = 60_000;

/// Why no block is made at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    /// When one is made again.
    pub until: Duration,
    /// In words.
    pub why: String,
}

/// A search for a proof.
#[derive(Debug, Clone)]
pub struct Job {
    /// Distinguishes it from earlier jobs.
    pub number: u64,
    /// What is to be solved.
    pub puzzle: Puzzle,
}

/// Too many wait for blocks already.
#[derive(Debug)]
pub(crate) struct TooManyWait;

/// The making of blocks.
pub(crate) struct Mining {
    waiting: VecDeque<RequestId>,
    job: Option<(Job, BlockTemplate)>,
    /// Whether a renewal of its template is due at its time.
    will_renew: bool,
    last_number: u64,
    unasked: Unasked,
    /// How many blocks of our own were refused since the last that was not.
    refused_count: u32,
    pause: Option<HeldUp>,
    /// When the node will be woken to make blocks again.
    alarm: Option<Duration>,
}

/// Whether a block is due that nobody called for.
enum Unasked {
    Never,
    Due { every: Duration },
    Resting { every: Duration },
}

impl Mining {
    /// `every` is how long it rests after a block before it makes one without
    /// anybody's call, if it does so at all.
    pub(crate) fn new(every: Option<Duration>) -> Mining {
        Mining {
            waiting: VecDeque::new(),
            job: None,
            will_renew: false,
            last_number: 0,
            unasked: every.map_or(Unasked::Never, |every| Unasked::Due { every }),
            refused_count: 0,
            pause: None,
            alarm: None,
        }
    }

    /// How long it rests after a block before it makes one without anybody's call.
    pub(crate) fn every(&self) -> Option<Duration> {
        match self.unasked {
            Unasked::Never => None,
            Unasked::Due { every } | Unasked::Resting { every } => Some(every),
        }
    }

    /// The same from now on. A block is due at once.
    pub(crate) fn set_every(&mut self, every: Option<Duration>) {
        self.unasked = every.map_or(Unasked::Never, |every| Unasked::Due { every });
    }

    /// The search that is under way, and what becomes a block with its proof.
    pub(crate) fn job(&self) -> Option<&(Job, BlockTemplate)> {
        self.job.as_ref()
    }

    /// Whether somebody waits for a block, or one is due.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.waiting.is_empty() || matches!(self.unasked, Unasked::Due { .. })
    }

    /// Whether somebody waits for a block.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Lets somebody wait for a block.
    pub(crate) fn wait(&mut self, request: RequestId) -> Result<(), TooManyWait> {
        if self.waiting.len() >= MINE_WAITING_LIMIT {
            return Err(TooManyWait);
        }
        self.waiting.push_back(request);
        Ok(())
    }

    /// Who gets the block that was made, if anybody waits.
    pub(crate) fn next_waiting(&mut self) -> Option<RequestId> {
        self.waiting.pop_front()
    }

    /// The client that waited has gone.
    pub(crate) fn forget(&mut self, request: RequestId) {
        self.waiting.retain(|waiting| *waiting != request);
    }

    /// Takes the place of any earlier search.
    pub(crate) fn begin(&mut self, template: BlockTemplate) -> Job {
        self.last_number += 1;
        let number = self.last_number;
        let puzzle = template.puzzle.clone();
        let job = Job { number, puzzle };
        self.job = Some((job.clone(), template));
        self.will_renew = false;
        job
    }

    /// Whether the search is for a template that is so old that a new one with
    /// newer transactions is worth its making.
    pub(crate) fn is_outdated(&self, now: Duration) -> bool {
        let drafted = self.job.as_ref().map(|(_, template)| template.drafted);
        let age = drafted.map(|drafted| now.saturating_sub(drafted));
        age.is_some_and(|age| age >= Duration::from_millis(DRAFT_AGE_MS))
    }

    /// When the template that is searched for is to be renewed, if that is not
    /// known already.
    pub(crate) fn renew_at(&mut self) -> Option<Duration> {
        let (_, template) = self.job.as_ref().filter(|_| !self.will_renew)?;
        self.will_renew = true;
        let age_limit = Duration::from_millis(DRAFT_AGE_MS);
        Some(template.drafted.saturating_add(age_limit))
    }

    /// Whether there was a search to drop.
    pub(crate) fn drop_job(&mut self) -> bool {
        self.job.take().is_some()
    }

    /// A block of our own was refused, for a reason that may last. The first
    /// time another is tried at once: the reason may be gone with the tip.
    pub(crate) fn was_refused(&mut self, now: Duration, why: String) {
        let doublings = self.refused_count.checked_sub(1);
        self.refused_count = self.refused_count.saturating_add(1);
        self.pause = doublings.map(|doublings| {
            let pause_ms = REFUSED_PAUSE_MS.checked_shl(doublings).unwrap_or(u64::MAX);
            let pause = Duration::from_millis(pause_ms.clamp(REFUSED_PAUSE_MS, PAUSE_LIMIT_MS));
            HeldUp {
                until: now.saturating_add(pause),
                why,
            }
        });
    }

    /// Why no block is made now after the last one was refused. A clock that
    /// was set back makes no pause longer than it may be.
    pub(crate) fn pause(&mut self, now: Duration) -> Option<HeldUp> {
        let pause = self.pause.as_mut().filter(|pause| pause.until > now)?;
        pause.until = pause.until.min(latest_look(now));
        Some(pause.clone())
    }

    /// When to wake the node for the end of that, unless somebody will already.
    pub(crate) fn resume_at(&mut self, now: Duration, until: Duration) -> Option<Duration> {
        let at = until.min(latest_look(now));
        if self.alarm.is_some_and(|alarm| alarm <= at) {
            return None;
        }
        self.alarm = Some(at);
        self.alarm
    }

    /// The alarm that was set has come.
    pub(crate) fn was_woken(&mut self) {
        self.alarm = None;
    }

    /// A block was made. Returns when to wake the node.
    pub(crate) fn rest_until(&mut self, now: Duration) -> Option<Duration> {
        (self.refused_count, self.pause) = (0, None);
        match self.unasked {
            Unasked::Due { every } if !every.is_zero() => {
                self.unasked = Unasked::Resting { every };
                Some(now.saturating_add(every))
            }
            _ => None,
        }
    }

    /// The time of rest is over.
    pub(crate) fn has_rested(&mut self) {
        if let Unasked::Resting { every } = self.unasked {
            self.unasked = Unasked::Due { every };
        }
    }
}

/// A pause is looked at again by then.
fn latest_look(now: Duration) -> Duration {
    now.saturating_add(Duration::from_millis(PAUSE_LIMIT_MS))
}

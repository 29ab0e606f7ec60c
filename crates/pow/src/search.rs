//! One puzzle, searched by any number of threads. It decides which thread tries
//! which guesses and which hit counts; how a guess is hashed is up to the
//! kernels.

use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use adit_core::puzzle::Puzzle;

use crate::job::{Job, LOW_DIGITS};
use crate::kernel::{Candidates, Kernel};

/// This many guesses are handed out at once: 0.05 ms of work with the fastest
/// kernel, so that even the tutorial's puzzle, 65,536 guesses on average, keeps several
/// threads busy. It divides 10,000, so that a chunk's low digits don't carry.
pub(crate) const PIECE_GUESSES: u64 = 5_000;

/// Whether to stop is checked at least once in this many blocks hashed.
const BLOCKS_BETWEEN_LOOKS: usize = 10_000;

/// The greatest proof that has fewer than four digits.
const LAST_OF_THREE_DIGITS: u64 = 999;

/// One puzzle, searched by any number of threads at once. Pieces are handed out
/// in order, so that the smallest proof is found whatever the threads do.
pub struct Search {
    job: Job,
    candidates: Option<Candidates>,
    start: u64,
    /// The number of the next piece; piece n begins at n * `PIECE_GUESSES`.
    next: AtomicU64,
    stop: AtomicBool,
    /// Some piece was left before its end.
    was_stopped: AtomicBool,
    has_hit: AtomicBool,
    /// The smallest proof so far, if there `has_hit`.
    smallest: AtomicU64,
    guesses: AtomicU64,
}

impl Search {
    /// Looks for the smallest proof from `start` on. A kernel that this
    /// processor doesn't have is replaced by [`Kernel::Scalar`].
    pub fn new(puzzle: &Puzzle, start: u64, kernel: Kernel) -> Search {
        Search {
            job: Job::new(puzzle),
            candidates: kernel.candidates(),
            start,
            next: AtomicU64::new(start / PIECE_GUESSES),
            stop: AtomicBool::new(false),
            was_stopped: AtomicBool::new(false),
            has_hit: AtomicBool::new(false),
            smallest: AtomicU64::new(u64::MAX),
            guesses: AtomicU64::new(0),
        }
    }

    /// Takes part in the search: to be called by each thread. Returns when the
    /// proof is found, all numbers are tried, or [`Search::stop`] was called.
    pub fn work(&self) {
        self.work_until(&self.stop);
    }

    /// Lets all threads return within about a millisecond.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The smallest proof, not below `start`. To be asked when all calls of
    /// `work` have returned; `None` if they were stopped before it was certain,
    /// or if no 64-bit number solves the puzzle.
    pub fn found(&self) -> Option<u64> {
        let is_certain =
            self.has_hit.load(Ordering::Acquire) && !self.was_stopped.load(Ordering::Acquire);
        is_certain.then(|| self.smallest.load(Ordering::Acquire))
    }

    /// How many guesses were tried so far.
    pub fn guesses(&self) -> u64 {
        self.guesses.load(Ordering::Relaxed)
    }

    fn work_until(&self, stop: &AtomicBool) {
        let blocks = self.job.blocks_a_guess();
        let guesses_between_looks =
            (BLOCKS_BETWEEN_LOOKS / blocks).clamp(1, PIECE_GUESSES as usize);
        while let Some(piece) = self.next_piece() {
            let last = *piece.end();
            for from in piece.step_by(guesses_between_looks) {
                // Nothing above the best hit matters; everything below it does.
                if self.has_hit_below(from) {
                    return;
                }
                if stop.load(Ordering::Relaxed) {
                    self.was_stopped.store(true, Ordering::Release);
                    return;
                }
                let to = from.saturating_add(guesses_between_looks as u64 - 1);
                self.try_all(from, to.min(last));
            }
        }
    }

    /// The next guesses that no thread has started; `None` behind the last
    /// number.
    fn next_piece(&self) -> Option<RangeInclusive<u64>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number <= u64::MAX / PIECE_GUESSES).then(|| {
            let first = number * PIECE_GUESSES;
            first.max(self.start)..=first.saturating_add(PIECE_GUESSES - 1)
        })
    }

    fn try_all(&self, from: u64, to: u64) {
        let hit = smallest(&self.job, self.candidates, from..=to);
        if let Some(proof) = hit {
            self.smallest.fetch_min(proof, Ordering::AcqRel);
            self.has_hit.store(true, Ordering::Release);
        }
        let guesses = hit.unwrap_or(to) - from + 1;
        self.guesses.fetch_add(guesses, Ordering::Relaxed);
    }

    fn has_hit_below(&self, proof: u64) -> bool {
        self.has_hit.load(Ordering::Acquire) && self.smallest.load(Ordering::Acquire) < proof
    }
}

/// The smallest proof that solves the puzzle, not below `start`, searched on
/// this thread alone; `None` when `stop` was set before it was found, or when
/// no 64-bit number solves it. The tutorial's `proof_of_work`.
pub fn search(puzzle: &Puzzle, start: u64, stop: &AtomicBool) -> Option<u64> {
    let search = Search::new(puzzle, start, Kernel::fastest());
    search.work_until(stop);
    search.found()
}

/// The smallest proof among these guesses, which share all but four digits.
pub(crate) fn smallest(
    job: &Job,
    candidates: Option<Candidates>,
    guesses: RangeInclusive<u64>,
) -> Option<u64> {
    let (from, to) = guesses.into_inner();
    let Some(candidates) = candidates else {
        return smallest_one_by_one(job, from..=to);
    };
    if from <= LAST_OF_THREE_DIGITS {
        let short = smallest_one_by_one(job, from..=to.min(LAST_OF_THREE_DIGITS));
        if short.is_some() || to <= LAST_OF_THREE_DIGITS {
            return short;
        }
    }
    let from = from.max(LAST_OF_THREE_DIGITS + 1);
    let base = from - from % u64::from(LOW_DIGITS);
    let Some(chunk) = job.chunk(base) else {
        return smallest_one_by_one(job, from..=to);
    };
    let mut low = Range {
        start: (from - base) as u32,
        end: (to - base) as u32 + 1,
    };
    // A candidate's first word is small enough; the others are not yet looked at.
    while let Some(candidate) = candidates(&chunk, low.clone()) {
        let proof = base + u64::from(candidate);
        if job.is_solved_by(proof) {
            return Some(proof);
        }
        low.start = candidate + 1;
    }
    None
}

fn smallest_one_by_one(job: &Job, mut guesses: RangeInclusive<u64>) -> Option<u64> {
    guesses.find(|proof| job.is_solved_by(*proof))
}

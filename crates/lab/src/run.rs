//! What an experiment is told besides its settings, and how its trials are shared
//! among threads: in parts whose number does not depend on the threads, so that the
//! result does not either.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use adit_core::chain::ChainError;

use crate::draws::Draws;

/// Trials are shared among the threads in this many parts.
pub const PARTS: u64 = 50;

/// How an experiment is run.
pub struct Run<'a> {
    /// One seed is one result.
    pub seed: u64,
    /// How many trials, if not as many as the precision takes.
    pub trials: Option<u64>,
    /// What four sigma shall be, as a share of what is measured, if not what the
    /// experiment takes by itself.
    pub precision: Option<f64>,
    /// On so many threads.
    pub threads: usize,
    /// Is told how much is done, of how much. Says whether to go on.
    pub progress: &'a (dyn Fn(u64, u64) -> bool + Sync),
}

/// Why an experiment has no result.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A setting is not as it must be.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// There is no such experiment.
    #[error("there is no experiment {found}; there are {}", .known.join(", "))]
    Unknown {
        /// What was asked for.
        found: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// Somebody wanted it to stop.
    #[error("the experiment was stopped")]
    Stopped,
    /// A core could not decide.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// What cannot be in a simulation was.
    #[error("the simulation is at odds with itself: {0}")]
    Broken(String),
}

impl Run<'_> {
    /// What is drawn.
    pub fn draws(&self) -> Draws {
        Draws::new(self.seed)
    }

    /// How many trials it takes till four sigma are so much of the mean, given one
    /// trial's relative standard deviation.
    pub fn trials(&self, relative_deviation: f64, precision: f64, most: u64) -> u64 {
        let precision = self.precision.unwrap_or(precision);
        let wanted = 16.0 * relative_deviation * relative_deviation / (precision * precision);
        let wanted = match wanted.is_finite() {
            true => (wanted.ceil() as u64).clamp(PARTS.min(most), most),
            false => most,
        };
        self.trials.unwrap_or(wanted)
    }

    /// The same for something that happens or not.
    pub fn trials_of(&self, probability: f64, precision: f64, most: u64) -> u64 {
        let deviation = ((1.0 - probability) / probability).sqrt();
        self.trials(deviation, precision, most)
    }

    /// Runs `trials` in parts, and returns what came of each part, in order. A part
    /// is told the numbers of its trials.
    pub fn parts<T: Send>(
        &self,
        trials: u64,
        part: impl Fn(std::ops::Range<u64>) -> Result<T, LabError> + Sync,
    ) -> Result<Vec<T>, LabError> {
        let bounds = |number: u64| {
            let at =
                |number: u64| (u128::from(trials) * u128::from(number) / u128::from(PARTS)) as u64;
            at(number)..at(number + 1)
        };
        self.jobs(PARTS, |number| part(bounds(number)))
    }

    /// Does so many jobs, and returns what came of each, in order.
    pub fn jobs<T: Send>(
        &self,
        count: u64,
        job: impl Fn(u64) -> Result<T, LabError> + Sync,
    ) -> Result<Vec<T>, LabError> {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_stopped = AtomicBool::new(false);
        let work = || {
            let mut results = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count || is_stopped.load(Ordering::Relaxed) {
                    return results;
                }
                let result = job(number);
                if result.is_err() {
                    is_stopped.store(true, Ordering::Relaxed);
                }
                results.push((number, result));
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if !(self.progress)(done, count) {
                    is_stopped.store(true, Ordering::Relaxed);
                }
            }
        };
        let mut results = match self.threads {
            0 | 1 => work(),
            threads => std::thread::scope(|scope| {
                let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                let mut results = Vec::new();
                for thread in working {
                    match thread.join() {
                        Ok(of_thread) => results.extend(of_thread),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                results
            }),
        };
        results.sort_by_key(|(number, _)| *number);
        let complete = results.len() as u64 == count;
        let results: Result<Vec<T>, LabError> = results.into_iter().map(|(_, one)| one).collect();
        match (results, complete) {
            (Ok(results), true) => Ok(results),
            (Ok(_), false) => Err(LabError::Stopped),
            (Err(error), _) => Err(error),
        }
    }
}

//! The threads that search for proofs, as many as wanted or as the system makes.
//! They work on one job together, drop it as soon as another comes, and give
//! way to everything else that this machine does. They know nothing but the
//! puzzle.

mod rate;

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use adit_core::mining::Job;
use adit_pow::{Kernel, Search};

use self::rate::Rate;
use crate::priority::give_way;

/// How nice the threads are to all others, from 0 to 19.
const NICENESS: i32 = 19;

/// How proofs are searched for.
#[derive(Debug, Clone, Copy)]
pub struct MinerSettings {
    /// On this many cores, if the system makes a thread for each.
    pub threads: NonZeroUsize,
    /// With this kernel; `None` takes the fastest on this machine.
    pub kernel: Option<Kernel>,
}

/// What the miner does, and how well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinerReport {
    /// What searches.
    pub kernel: Kernel,
    /// On how many cores.
    pub threads: usize,
    /// Whether a proof is being searched for at this moment.
    pub is_searching: bool,
    /// Since the start.
    pub guesses: u64,
    /// While it searched lately.
    pub guesses_per_s: f64,
}

/// Hands jobs to the mining threads. When it is dropped, they end.
pub(crate) struct Miner {
    slot: Arc<JobSlot>,
}

/// Shows what the miner does.
#[derive(Clone)]
pub(crate) struct MinerView(Arc<JobSlot>);

struct JobSlot {
    settings: MinerSettings,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many threads there are.
    threads: usize,
    work: Option<Arc<RunningJob>>,
    /// How many threads are at the present work.
    at_work: usize,
    rate: Rate,
    closed: bool,
}

struct RunningJob {
    number: u64,
    search: Search,
    start: Instant,
}

impl Miner {
    /// Starts the threads. `found` is called on one of them with each job's
    /// number and proof.
    pub(crate) fn start(
        settings: MinerSettings,
        found: impl Fn(u64, u64) + Clone + Send + 'static,
    ) -> std::io::Result<Miner> {
        let slot = Arc::new(JobSlot {
            settings,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        // Made before the threads: should one not start, the others end.
        let miner = Miner {
            slot: Arc::clone(&slot),
        };
        for number in 0..settings.threads.get() {
            let (slot, found) = (Arc::clone(&slot), found.clone());
            let started = thread::Builder::new().name("miner".into()).spawn(move || {
                give_way(NICENESS);
                if number == 0 {
                    let kernel = slot.kernel().name();
                    tracing::info!(kernel, threads = slot.settings.threads, "ready to mine");
                }
                slot.work(found);
            });
            match started {
                Ok(_) => miner.slot.state().threads = number + 1,
                Err(error) if number > 0 => {
                    tracing::warn!(%error, threads = number, "no more threads can be made: fewer mine");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(miner)
    }

    /// Works on this job, or on none, and no longer on an earlier one.
    pub(crate) fn set_job(&self, job: Option<Job>) {
        let work = job.map(|job| {
            Arc::new(RunningJob {
                number: job.number,
                search: Search::new(&job.puzzle, 0, self.slot.kernel()),
                start: Instant::now(),
            })
        });
        let mut state = self.slot.state();
        state.drop_work();
        state.work = work;
        drop(state);
        self.slot.changed.notify_all();
    }

    pub(crate) fn view(&self) -> MinerView {
        MinerView(Arc::clone(&self.slot))
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        let mut state = self.slot.state();
        state.drop_work();
        state.closed = true;
        drop(state);
        self.slot.changed.notify_all();
    }
}

impl MinerView {
    pub(crate) fn report(&self) -> MinerReport {
        let slot = &self.0;
        let kernel = slot.kernel();
        let state = slot.state();
        let present = state.work.as_ref();
        let present = present.map(|work| (work.search.guesses(), work.start.elapsed()));
        MinerReport {
            kernel,
            threads: state.threads,
            is_searching: present.is_some(),
            guesses: state.rate.guesses(present),
            guesses_per_s: state.rate.guesses_per_s(present),
        }
    }
}

impl JobSlot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kernel(&self) -> Kernel {
        self.settings.kernel.unwrap_or_else(Kernel::fastest)
    }

    /// What one thread does until the slot is closed.
    fn work(&self, found: impl Fn(u64, u64)) {
        let mut last_number = 0;
        while let Some(work) = self.next_work(last_number) {
            last_number = work.number;
            work.search.work();
            if let Some(proof) = self.leave(&work) {
                found(work.number, proof);
            }
        }
    }

    /// Waits for work that this thread has not seen. Returns `None` when the slot
    /// was closed.
    fn next_work(&self, last_number: u64) -> Option<Arc<RunningJob>> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            let new = state.work.as_ref();
            if let Some(work) = new.filter(|work| work.number != last_number).cloned() {
                state.at_work += 1;
                return Some(work);
            }
            let changed = self.changed.wait(state);
            state = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns the proof to the last thread that leaves work that is still wanted:
    /// only then is it known to be the smallest.
    fn leave(&self, work: &Arc<RunningJob>) -> Option<u64> {
        let mut state = self.state();
        let is_wanted = |present: &Arc<RunningJob>| Arc::ptr_eq(present, work);
        if !state.work.as_ref().is_some_and(is_wanted) {
            return None;
        }
        state.at_work -= 1;
        if state.at_work > 0 {
            return None;
        }
        state.drop_work();
        work.search.found()
    }
}

impl State {
    /// Ends the present work, if there is any.
    fn drop_work(&mut self) {
        if let Some(work) = self.work.take() {
            work.search.stop();
            self.rate.add(work.search.guesses(), work.start.elapsed());
        }
        self.at_work = 0;
    }
}

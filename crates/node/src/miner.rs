//! The thread that searches proofs. It works on one job at a time, drops it as
//! soon as another comes, and knows nothing but the puzzle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use adit_core::node::Job;
use adit_pow::search;

/// Hands jobs to the mining thread. When it is dropped, the thread ends.
pub(crate) struct Miner {
    desk: Arc<Desk>,
}

#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    job: Option<Job>,
    /// Set when the job that is being worked on is no longer wanted.
    stop: Arc<AtomicBool>,
    closed: bool,
}

impl Miner {
    /// Starts the thread. `found` is called on it with each job's number and
    /// proof.
    pub(crate) fn start(found: impl Fn(u64, u64) + Send + 'static) -> std::io::Result<Miner> {
        let desk = Arc::new(Desk::default());
        let seen_by_thread = Arc::clone(&desk);
        thread::Builder::new()
            .name("miner".into())
            .spawn(move || work(&seen_by_thread, found))?;
        Ok(Miner { desk })
    }

    /// Works on this job, or on none, and on no earlier one any more.
    pub(crate) fn set_job(&self, job: Option<Job>) {
        self.desk.update(|state| state.job = job);
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.desk.update(|state| state.closed = true);
    }
}

impl Desk {
    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        state.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Waits for the next job; none when the desk was closed.
    fn next_job(&self) -> Option<(Job, Arc<AtomicBool>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.job.take() {
                state.stop = Arc::default();
                return Some((job, Arc::clone(&state.stop)));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(desk: &Desk, found: impl Fn(u64, u64)) {
    while let Some((job, stop)) = desk.next_job() {
        if let Some(proof) = search(&job.puzzle, 0, &stop) {
            found(job.number, proof);
        }
    }
}

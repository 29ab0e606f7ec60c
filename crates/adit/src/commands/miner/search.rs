//! One search on several threads, which end when nobody waits for it any more. What the
//! proof is for is not known here.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use adit_core::puzzle::Puzzle;
use adit_node::priority::give_way;
use adit_pow::{Kernel, Search};
use tokio::sync::mpsc;

/// Each search starts below this, by chance: of two miners for the same address
/// neither tries what the other does.
const START_LIMIT: u64 = 1 << 48;

/// How much of the machine a search may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub(super) threads: NonZeroUsize,
    pub(super) niceness: i32,
    pub(super) kernel: Kernel,
}

/// A search that is under way; dropping it ends it.
pub(super) struct Searching {
    search: Arc<Search>,
    started: Instant,
    /// Closed when the last thread has left.
    ended: mpsc::Receiver<()>,
}

impl Searching {
    pub(super) fn start(puzzle: &Puzzle, effort: Effort) -> io::Result<Searching> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let first = u64::from_le_bytes(random) % START_LIMIT;
        let search = Arc::new(Search::new(puzzle, first, effort.kernel));
        let (at_work, ended) = mpsc::channel(1);
        let searching = Searching {
            search: Arc::clone(&search),
            started: Instant::now(),
            ended,
        };
        for _ in 0..effort.threads.get() {
            let (search, at_work) = (Arc::clone(&search), at_work.clone());
            thread::Builder::new().name("miner".into()).spawn(move || {
                give_way(effort.niceness);
                search.work();
                drop(at_work);
            })?;
        }
        Ok(searching)
    }

    /// Waits for the proof; `None` if there is none.
    pub(super) async fn ended(&mut self) -> Option<u64> {
        let _ = self.ended.recv().await;
        self.search.found()
    }

    pub(super) fn guesses_per_s(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        self.search.guesses() as f64 / seconds.max(f64::MIN_POSITIVE)
    }
}

impl Drop for Searching {
    fn drop(&mut self) {
        self.search.stop();
    }
}

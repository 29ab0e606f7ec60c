//! What was found at other nodes, kept for a while under an id that nobody guesses,
//! so that it can be shown to others: the newest ones, in memory alone. What was
//! found is not known here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_api::examination::Examination;

use crate::clock::now_ms;

/// The newest so many are kept.
const EXAMINATIONS_LIMIT: usize = 32;

/// Each of them this long.
const EXAMINATION_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// An id's length: 60 bits of it are drawn.
const ID_DIGITS: usize = 16;

/// One that is kept.
#[derive(Debug, Clone)]
pub struct KeptExamination {
    /// Under which it is found.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// What was found.
    pub found: Arc<Examination>,
}

/// All that are kept.
#[derive(Debug, Default)]
pub struct Examinations {
    kept: Mutex<VecDeque<KeptExamination>>,
}

impl Examinations {
    /// Keeps one, and returns its id; the oldest has to go where there are too many.
    pub fn keep(&self, found: Examination) -> String {
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(ID_DIGITS);
        let one = KeptExamination {
            id: id.clone(),
            time_ms: now_ms(),
            found: Arc::new(found),
        };
        let mut kept = self.current();
        kept.push_front(one);
        kept.truncate(EXAMINATIONS_LIMIT);
        id
    }

    /// Returns the one with that id, if it is still kept.
    pub fn find(&self, id: &str) -> Option<KeptExamination> {
        self.current().iter().find(|one| one.id == id).cloned()
    }

    /// Returns all of them, the newest first.
    pub fn newest(&self) -> Vec<KeptExamination> {
        self.current().iter().cloned().collect()
    }

    /// Those whose time is not over.
    fn current(&self) -> MutexGuard<'_, VecDeque<KeptExamination>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now_ms().saturating_sub(EXAMINATION_KEPT_MS);
        kept.retain(|one| one.time_ms >= oldest);
        kept
    }
}

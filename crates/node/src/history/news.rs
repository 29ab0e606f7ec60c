//! What the driver tells the thread that keeps the history: the newest tip, the
//! reorganisations on the way there, and the blocks beside it. Neither waits for
//! the other: what was not heard yet is added to, within bounds. What the thread
//! makes of it is not known here.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_core::hash::Hash;
use adit_core::reorganisation::Reorganisation;
use adit_store::SIDE_BLOCKS_REMEMBERED_LIMIT;

/// This many reorganisations wait to be heard of; then the history never hears
/// of the oldest.
const UNHEARD_REORGANISATIONS_LIMIT: usize = 1_000;

/// What is new since the thread listened.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The newest tip. Everything up to it is durable, and readers see it.
    pub(super) tip: Option<Hash>,
    /// What led there, the oldest first.
    pub(super) reorganisations: VecDeque<Reorganisation>,
    /// Blocks beside the main chain, the oldest first.
    pub(super) aside: VecDeque<Hash>,
}

/// Why the thread waits no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wakeup {
    News,
    /// There was none for as long as it wanted to wait.
    TimedOut,
    /// There will be no more.
    Closed,
}

/// Where both meet.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<SlotState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SlotState {
    news: News,
    is_new: bool,
    is_closed: bool,
}

impl News {
    /// Whether nothing was noted.
    pub(super) fn is_empty(&self) -> bool {
        self.reorganisations.is_empty() && self.aside.is_empty()
    }

    /// Adds what is newer.
    pub(super) fn add(&mut self, newer: News) {
        self.tip = newer.tip.or(self.tip);
        self.reorganisations.extend(newer.reorganisations);
        keep_newest(&mut self.reorganisations, UNHEARD_REORGANISATIONS_LIMIT);
        self.add_aside(newer.aside);
    }

    /// Adds blocks beside the main chain.
    pub(super) fn add_aside(&mut self, blocks: impl IntoIterator<Item = Hash>) {
        self.aside.extend(blocks);
        keep_newest(&mut self.aside, SIDE_BLOCKS_REMEMBERED_LIMIT);
    }
}

impl Slot {
    pub(super) fn new() -> Arc<Slot> {
        Arc::default()
    }

    /// Tells what is new.
    pub(super) fn tell(&self, news: News) {
        let mut state = self.lock();
        state.news.add(news);
        state.is_new = true;
        self.changed.notify_one();
    }

    /// Says that there will be no more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Takes what is new, if anything is.
    pub(super) fn take(&self) -> News {
        let mut state = self.lock();
        state.is_new = false;
        std::mem::take(&mut state.news)
    }

    /// Waits for something new, at most that long if there is a limit.
    pub(super) fn wait(&self, limit: Option<Duration>) -> Wakeup {
        let is_quiet = |state: &mut SlotState| !state.is_new && !state.is_closed;
        let state = self.lock();
        let state = match limit {
            Some(limit) => {
                let waited = self.changed.wait_timeout_while(state, limit, is_quiet);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait_while(state, is_quiet);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        match &*state {
            SlotState { is_new: true, .. } => Wakeup::News,
            SlotState {
                is_closed: true, ..
            } => Wakeup::Closed,
            _ => Wakeup::TimedOut,
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_newest<T>(list: &mut VecDeque<T>, limit: usize) {
    let surplus = list.len().saturating_sub(limit);
    list.drain(..surplus);
}

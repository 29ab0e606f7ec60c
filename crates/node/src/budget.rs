//! A number of bytes that several share. Whoever takes some gives them back by
//! going away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all who share it may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

/// What one of them holds.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit_bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            limit_bytes,
            held_bytes: AtomicUsize::new(0),
        })
    }
}

impl Share {
    /// A share of nothing yet.
    pub(crate) fn of(budget: &Arc<Budget>) -> Share {
        Share {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// How much this one holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so much more may be held; if so, it counts.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let held = &self.budget.held_bytes;
        let before = held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.budget.limit_bytes {
            held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Gives everything back.
    pub(crate) fn clear(&mut self) {
        let held = &self.budget.held_bytes;
        held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

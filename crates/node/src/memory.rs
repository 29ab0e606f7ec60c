//! A number of bytes that several share. Whoever takes some gives them back by
//! going away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of what is free, whoever asks for a part may take one in so many: much held
/// by some then leaves room for little ones of others.
const PARTS: usize = 8;

/// What all who share it may hold together.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

/// What one of them holds.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// So many bytes, of which nobody holds any yet.
    pub fn new(limit_bytes: usize) -> Arc<Budget> {
        Arc::new(Budget {
            limit_bytes,
            held_bytes: AtomicUsize::new(0),
        })
    }

    /// Whether `take_part` would find so much, if nobody else took anything.
    pub fn has_part(&self, bytes: usize) -> bool {
        self.fits_part(self.held_bytes.load(Ordering::Relaxed), bytes)
    }

    /// Whether more than half of it is taken.
    pub fn is_mostly_taken(&self) -> bool {
        self.held_bytes.load(Ordering::Relaxed) > self.limit_bytes / 2
    }

    fn fits_part(&self, held_bytes: usize, bytes: usize) -> bool {
        bytes <= self.limit_bytes.saturating_sub(held_bytes) / PARTS
    }
}

impl Share {
    /// A share of nothing yet.
    pub fn of(budget: &Arc<Budget>) -> Share {
        Share {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// How much this one holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so much more may be held; if so, it counts.
    pub fn take(&mut self, bytes: usize) -> bool {
        let held = &self.budget.held_bytes;
        let before = held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.budget.limit_bytes {
            held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// As `take`, but only as much as an eighth of what is free: who wants much
    /// finds no room long before who wants little.
    pub fn take_part(&mut self, bytes: usize) -> bool {
        let budget = &self.budget;
        let with_part = |held| budget.fits_part(held, bytes).then(|| held + bytes);
        let held = &self.budget.held_bytes;
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_part);
        self.bytes += taken.map_or(0, |_| bytes);
        taken.is_ok()
    }

    /// A share of its own for so much of this one, or for all of it.
    pub fn split_off(&mut self, bytes: usize) -> Share {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Share {
            budget: Arc::clone(&self.budget),
            bytes,
        }
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        let held = &self.budget.held_bytes;
        held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

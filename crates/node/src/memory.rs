//! A number of bytes that several holders share. What one of them took comes back
//! when its reservation is dropped. What the bytes are for is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of what is free, a caller that asks for a part may take one in this many: a
/// lot held by some then leaves room for the small parts of others.
const PARTS: usize = 8;

/// What all holders together may take.
#[derive(Debug)]
pub struct MemoryBudget {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

/// What one holder has taken.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    /// Returns a budget of this many bytes, none of them taken yet.
    pub fn new(limit_bytes: usize) -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget {
            limit_bytes,
            held_bytes: AtomicUsize::new(0),
        })
    }

    /// Whether `take_part` would find this much, if nobody else took anything.
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

impl Reservation {
    /// Returns a reservation of nothing yet.
    pub fn of(budget: &Arc<MemoryBudget>) -> Reservation {
        Reservation {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// How much this one holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes this much more, if there is room. Returns whether it did.
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

    /// Like `take`, but at most an eighth of what is free: a caller that wants much
    /// finds no room long before one that wants little.
    pub fn take_part(&mut self, bytes: usize) -> bool {
        let budget = &self.budget;
        let with_part = |held| budget.fits_part(held, bytes).then(|| held + bytes);
        let held = &self.budget.held_bytes;
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_part);
        self.bytes += taken.map_or(0, |_| bytes);
        taken.is_ok()
    }

    /// Splits this much off into a reservation of its own, or all of it.
    pub fn split_off(&mut self, bytes: usize) -> Reservation {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Reservation {
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

impl Drop for Reservation {
    fn drop(&mut self) {
        self.clear();
    }
}

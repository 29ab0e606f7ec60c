//! What is counted for those who watch: messages of each kind, and who was not
//! let in. It decides nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::gate::Refused;

/// From this node, or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A peer said it.
    In,
    /// This node said it.
    Out,
}

/// Messages of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCount {
    /// How many there were.
    pub messages: u64,
    /// How long they were together.
    pub bytes: u64,
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    messages: Mutex<BTreeMap<(Way, &'static str), MessageCount>>,
    refused: [AtomicU64; REFUSALS.len()],
    handshakes_failed: AtomicU64,
    dropped: AtomicU64,
}

/// Why somebody is not let in, and what that is called.
const REFUSALS: [(Refused, &str); 5] = [
    (Refused::Full, "full"),
    (Refused::Pending, "pending"),
    (Refused::Host, "host"),
    (Refused::Pace, "pace"),
    (Refused::Banned, "banned"),
];

impl Counts {
    /// How often each message was said, which way, and how many bytes it took.
    pub fn messages(&self) -> Vec<(Way, &'static str, MessageCount)> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let each = messages.iter();
        each.map(|((way, name), count)| (*way, *name, *count))
            .collect()
    }

    /// How many connections were not let in, by the reason.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = REFUSALS.iter().zip(&self.refused);
        counts.map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)))
    }

    /// How many that were let in did not shake hands.
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Ordering::Relaxed)
    }

    /// How many peers were dropped because they did not read.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn said(&self, way: Way, name: &'static str, bytes: usize) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let count = messages.entry((way, name)).or_default();
        count.messages += 1;
        count.bytes += bytes as u64;
    }

    pub(crate) fn refused(&self, why: Refused) {
        let reasons = REFUSALS.iter().zip(&self.refused);
        for (_, count) in reasons.filter(|((reason, _), _)| *reason == why) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped_for_reading_too_little(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

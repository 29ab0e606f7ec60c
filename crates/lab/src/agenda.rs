//! What will happen, and when. Of two things at one time, the one that was put
//! down first happens first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// What will happen.
#[derive(Debug)]
pub struct Agenda<Event> {
    now: Duration,
    last_number: u64,
    events: BinaryHeap<Reverse<Entry<Event>>>,
}

#[derive(Debug)]
struct Entry<Event> {
    time: Duration,
    number: u64,
    event: Event,
}

impl<Event> Agenda<Event> {
    /// An empty one.
    pub fn new(now: Duration) -> Agenda<Event> {
        Agenda {
            now,
            last_number: 0,
            events: BinaryHeap::new(),
        }
    }

    /// The time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Puts something down for a time, or for now if that is past.
    pub fn plan(&mut self, time: Duration, event: Event) {
        self.last_number += 1;
        let (time, number) = (time.max(self.now), self.last_number);
        self.events.push(Reverse(Entry {
            time,
            number,
            event,
        }));
    }

    /// The next event before `end`; the time is its time then, or `end`.
    pub fn next_before(&mut self, end: Duration) -> Option<Event> {
        let is_before = |next: &Reverse<Entry<Event>>| next.0.time < end;
        if !self.events.peek().is_some_and(is_before) {
            self.now = end;
            return None;
        }
        let Reverse(next) = self.events.pop()?;
        self.now = next.time;
        Some(next.event)
    }

    /// How much is on it.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing will happen.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl<Event> Entry<Event> {
    fn place(&self) -> (Duration, u64) {
        (self.time, self.number)
    }
}

impl<Event> PartialEq for Entry<Event> {
    fn eq(&self, other: &Entry<Event>) -> bool {
        self.place() == other.place()
    }
}

impl<Event> Eq for Entry<Event> {}

impl<Event> PartialOrd for Entry<Event> {
    fn partial_cmp(&self, other: &Entry<Event>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Event> Ord for Entry<Event> {
    fn cmp(&self, other: &Entry<Event>) -> Ordering {
        self.place().cmp(&other.place())
    }
}

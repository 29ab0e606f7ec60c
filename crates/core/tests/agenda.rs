//! What will happen in a simulated network, and when. One seed is one history.

use std::collections::BTreeMap;
use std::time::Duration;

use adit_core::sync::RequestId;

use crate::world::Dice;

pub(crate) struct Agenda<Event> {
    pub(crate) dice: Dice,
    pub(crate) now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    last_number: u64,
}

impl<Event> Agenda<Event> {
    pub(crate) fn new(seed: u64, now: Duration) -> Agenda<Event> {
        Agenda {
            dice: Dice(seed),
            now,
            events: BTreeMap::new(),
            last_number: 0,
        }
    }

    /// The next event before `end`; the time is its time then, or `end`.
    pub(crate) fn next_before(&mut self, end: Duration) -> Option<Event> {
        let next = self.events.first_entry();
        let Some(next) = next.filter(|next| next.key().0 < end) else {
            self.now = end;
            return None;
        };
        let ((now, _), event) = next.remove_entry();
        self.now = now;
        Some(event)
    }

    /// Puts an event on the agenda, at a random time within `limit_ms`.
    pub(crate) fn plan(&mut self, limit_ms: u64, event: Event) {
        let wait = Duration::from_millis(1 + self.dice.below(limit_ms));
        self.plan_at(self.now + wait, event);
    }

    pub(crate) fn plan_at(&mut self, time: Duration, event: Event) {
        self.last_number += 1;
        self.events.insert((time, self.last_number), event);
    }

    pub(crate) fn request(&mut self) -> RequestId {
        self.last_number += 1;
        RequestId(self.last_number)
    }
}

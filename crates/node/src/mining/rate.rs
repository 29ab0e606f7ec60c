//! How fast proofs are searched for: guesses for the time spent on them, over the
//! last few seconds of searching. It has no clock of its own.

use std::time::Duration;

/// The rate is taken over one to two such stretches of searching.
const WINDOW_S: u64 = 5;

/// Guesses, and how long they took.
type Spent = (u64, Duration);

/// Counts what the searches that have ended took.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    guesses: u64,
    before: Spent,
    lately: Spent,
}

impl Rate {
    /// A search has ended.
    pub(crate) fn add(&mut self, guesses: u64, time: Duration) {
        self.guesses = self.guesses.saturating_add(guesses);
        self.lately = sum(self.lately, (guesses, time));
        if self.lately.1 >= Duration::from_secs(WINDOW_S) {
            self.before = std::mem::take(&mut self.lately);
        }
    }

    /// All guesses, those of the present search included.
    pub(crate) fn guesses(&self, present: Option<Spent>) -> u64 {
        self.guesses.saturating_add(present.unwrap_or_default().0)
    }

    /// Guesses a second while searching; 0 before the first search.
    pub(crate) fn guesses_per_s(&self, present: Option<Spent>) -> f64 {
        let lately = sum(self.lately, present.unwrap_or_default());
        let (guesses, time) = sum(self.before, lately);
        match time.is_zero() {
            true => 0.0,
            false => guesses as f64 / time.as_secs_f64(),
        }
    }
}

fn sum(one: Spent, other: Spent) -> Spent {
    let guesses = one.0.saturating_add(other.0);
    (guesses, one.1.saturating_add(other.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_of_searching() {
        let mut rate = Rate::default();
        assert_eq!(rate.guesses_per_s(None), 0.0);
        for _ in 0..10 {
            rate.add(10, Duration::from_secs(1));
        }
        assert_eq!(rate.guesses_per_s(None), 10.0);
        for _ in 0..10 {
            rate.add(70, Duration::from_secs(1));
        }
        assert_eq!(rate.guesses_per_s(None), 70.0);
        assert_eq!(rate.guesses(None), 800);
    }

    #[test]
    fn the_present_search_counts() {
        let mut rate = Rate::default();
        rate.add(10, Duration::from_secs(1));
        let present = Some((50, Duration::from_secs(2)));
        assert_eq!(rate.guesses_per_s(present), 20.0);
        assert_eq!(rate.guesses(present), 60);
    }
}

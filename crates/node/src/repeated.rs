//! Log lines that would repeat without an end: the first of a kind is written,
//! and then one a minute at most, which says how many were left out before it.
//! What a line says, and what is a kind, whoever writes it decides.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines of a kind there is at least this time.
const REPEATED_INTERVAL_MS: u64 = 60_000;

static LINES: Lines = Lines(Mutex::new(BTreeMap::new()));

/// Whether a line of this kind is written now: then, how many were left out
/// since the last one. The log stays bounded if the number of kinds is: a kind
/// is a name in the source, and nothing that comes from outside.
pub(crate) fn turn(kind: &'static str) -> Option<u64> {
    LINES.turn_at(kind, Instant::now())
}

struct Lines(Mutex<BTreeMap<&'static str, Line>>);

/// The last line of a kind.
struct Line {
    written: Instant,
    left_out: u64,
}

impl Lines {
    fn turn_at(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = lines.get_mut(kind) else {
            let (written, left_out) = (now, 0);
            lines.insert(kind, Line { written, left_out });
            return Some(0);
        };
        let interval = Duration::from_millis(REPEATED_INTERVAL_MS);
        if now.saturating_duration_since(line.written) < interval {
            line.left_out = line.left_out.saturating_add(1);
            return None;
        }
        line.written = now;
        Some(std::mem::take(&mut line.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_kind_one_line_a_minute_is_written_and_says_how_many_were_left_out() {
        let (lines, start) = (Lines(Mutex::default()), Instant::now());
        let at = |kind, ms| lines.turn_at(kind, start + Duration::from_millis(ms));
        assert_eq!(at("one", 0), Some(0));
        for ms in 1..=50_000 {
            assert_eq!(at("one", ms), None);
        }
        assert_eq!(at("another", 50_000), Some(0), "kinds are apart");
        assert_eq!(at("one", REPEATED_INTERVAL_MS), Some(50_000));
        assert_eq!(at("one", REPEATED_INTERVAL_MS + 1), None);
        assert_eq!(at("one", 3 * REPEATED_INTERVAL_MS), Some(1));
        assert_eq!(at("one", 5 * REPEATED_INTERVAL_MS), Some(0));
    }
}

//! Log lines that would repeat without end: of a kind, a few are written in a
//! minute, and the first one after that says how many were left out before it.
//! What a line says, and what is a kind, the caller decides.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In a time of this length, counted from the first of them ...
const REPEATED_INTERVAL_MS: u64 = 60_000;

/// ... this many lines of a kind are written that each tell something new.
const NEWS_LINES_LIMIT: u64 = 30;

static LINES: Lines = Lines(Mutex::new(BTreeMap::new()));

/// Whether a line of this kind is written now, of which one a minute is enough:
/// then, how many were left out since the last one. The log stays bounded if the
/// number of kinds is: a kind is a name in the source, and nothing that comes
/// from outside.
pub fn turn(kind: &'static str) -> Option<u64> {
    match LINES.turn_at(kind, 1, Instant::now()) {
        Turn::Written { left_out } => Some(left_out),
        Turn::LeftOut { .. } => None,
    }
}

/// The same for lines that each tell something new, and that come seldom if
/// nobody is up to something. Returns how many were left out, if any were.
pub fn turn_of_news(kind: &'static str) -> Option<Option<u64>> {
    match LINES.turn_at(kind, NEWS_LINES_LIMIT, Instant::now()) {
        Turn::Written { left_out } => Some((left_out > 0).then_some(left_out)),
        Turn::LeftOut { is_first } => {
            if is_first {
                // A node that says nothing more seems to hang.
                tracing::info!(kind, "further lines of this kind are left out for a minute");
            }
            None
        }
    }
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Written {
        /// Since the last one.
        left_out: u64,
    },
    LeftOut {
        /// Whether all before it were written.
        is_first: bool,
    },
}

struct Lines(Mutex<BTreeMap<&'static str, Line>>);

/// The lines of a kind since the interval began.
struct Line {
    start: Instant,
    written: u64,
    left_out: u64,
}

impl Lines {
    fn turn_at(&self, kind: &'static str, limit: u64, now: Instant) -> Turn {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(kind).or_insert(Line {
            start: now,
            written: 0,
            left_out: 0,
        });
        let interval = Duration::from_millis(REPEATED_INTERVAL_MS);
        if now.saturating_duration_since(line.start) >= interval {
            (line.start, line.written) = (now, 0);
        }
        if line.written >= limit {
            line.left_out = line.left_out.saturating_add(1);
            let is_first = line.left_out == 1;
            return Turn::LeftOut { is_first };
        }
        line.written += 1;
        let left_out = std::mem::take(&mut line.left_out);
        Turn::Written { left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(left_out: u64) -> Turn {
        Turn::Written { left_out }
    }

    fn left_out(is_first: bool) -> Turn {
        Turn::LeftOut { is_first }
    }

    #[test]
    fn of_a_kind_one_line_a_minute_is_written_and_says_how_many_were_left_out() {
        let (lines, start) = (Lines(Mutex::default()), Instant::now());
        let at = |kind, ms| lines.turn_at(kind, 1, start + Duration::from_millis(ms));
        assert_eq!(at("one", 0), written(0));
        for ms in 1..=50_000 {
            assert_eq!(at("one", ms), left_out(ms == 1));
        }
        assert_eq!(at("another", 50_000), written(0), "kinds are apart");
        assert_eq!(at("one", REPEATED_INTERVAL_MS), written(50_000));
        assert_eq!(at("one", REPEATED_INTERVAL_MS + 1), left_out(true));
        assert_eq!(at("one", 3 * REPEATED_INTERVAL_MS), written(1));
        assert_eq!(at("one", 5 * REPEATED_INTERVAL_MS), written(0));
    }

    #[test]
    fn of_news_some_lines_a_minute_are_written() {
        let (lines, start) = (Lines(Mutex::default()), Instant::now());
        let at = |ms| lines.turn_at("news", 3, start + Duration::from_millis(ms));
        assert_eq!([0, 1, 2].map(at), [written(0); 3]);
        let further = [true, false, false].map(left_out);
        assert_eq!([3, 4, REPEATED_INTERVAL_MS - 1].map(at), further);
        assert_eq!(at(REPEATED_INTERVAL_MS), written(3));
        assert_eq!(at(REPEATED_INTERVAL_MS + 1), written(0));
    }
}

//! The local clock, and the one that a node's blocks go by. What a time means is
//! decided elsewhere; who may set the second one is not known here.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of a chain to develop on shows no later time: what is later than the
/// year 9999 can't be written down.
pub const DEV_TIME_LIMIT_MS: u64 = 253_402_300_799_999;

/// The time since 1970.
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The same in milliseconds.
pub fn now_ms() -> u64 {
    in_ms(now())
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The clock that blocks go by: the local one, unless a developer on the
/// chain has set it. One thread sets it, the others read it.
#[derive(Debug)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
    held_ms: AtomicU64,
}

/// How the clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ClockSetting {
    /// How far it is ahead of the local clock, or behind it.
    pub(crate) offset_ms: i64,
    /// Where it stands until the next block.
    pub(crate) held_ms: Option<u64>,
}

const RUNS: u64 = u64::MAX;

impl Clock {
    /// The local clock.
    pub(crate) fn local() -> Clock {
        Clock {
            offset_ms: AtomicI64::new(0),
            held_ms: AtomicU64::new(RUNS),
        }
    }

    /// The time since 1970. It stands at its end.
    pub(crate) fn now(&self) -> Duration {
        let ClockSetting { offset_ms, held_ms } = self.setting();
        let offset = Duration::from_millis(offset_ms.unsigned_abs());
        let shown = match held_ms {
            Some(held_ms) => Duration::from_millis(held_ms),
            None if offset_ms < 0 => now().saturating_sub(offset),
            None => now().saturating_add(offset),
        };
        shown.min(Duration::from_millis(DEV_TIME_LIMIT_MS))
    }

    /// The same in milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        in_ms(self.now())
    }

    /// When the local clock shows as much more as this one will then.
    pub(crate) fn to_local(&self, time: Duration) -> Duration {
        now().saturating_add(time.saturating_sub(self.now()))
    }

    pub(crate) fn setting(&self) -> ClockSetting {
        let held_ms = self.held_ms.load(Ordering::SeqCst);
        ClockSetting {
            offset_ms: self.offset_ms.load(Ordering::SeqCst),
            held_ms: (held_ms != RUNS).then_some(held_ms),
        }
    }

    /// Sets it as it was set before.
    pub(crate) fn put(&self, setting: ClockSetting) {
        self.offset_ms.store(setting.offset_ms, Ordering::SeqCst);
        let held_ms = setting.held_ms.unwrap_or(RUNS);
        self.held_ms.store(held_ms, Ordering::SeqCst);
    }

    /// It shows this, and goes on from there.
    pub(crate) fn set_ms(&self, time_ms: u64) {
        let offset_ms = i128::from(time_ms) - i128::from(now_ms());
        self.put(ClockSetting {
            offset_ms: i64::try_from(offset_ms).unwrap_or(i64::MAX),
            held_ms: None,
        });
    }

    /// It shows this until it is let go.
    pub(crate) fn hold_ms(&self, time_ms: u64) {
        self.held_ms.store(time_ms, Ordering::SeqCst);
    }

    /// If it was held, it goes on from what it shows.
    pub(crate) fn let_go(&self) {
        if let Some(held_ms) = self.setting().held_ms {
            self.set_ms(held_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_where_it_is_held_and_goes_on_from_there() {
        let clock = Clock::local();
        let year_ms = 365 * 24 * 3_600_000;
        let later_ms = now_ms() + year_ms;
        clock.hold_ms(later_ms);
        assert_eq!(clock.now_ms(), later_ms);
        let held = clock.setting();
        clock.let_go();
        assert!((later_ms..later_ms + 60_000).contains(&clock.now_ms()));
        assert_eq!(clock.setting().held_ms, None);
        clock.put(held);
        assert_eq!(clock.now_ms(), later_ms);
        // A day ahead of it is a day ahead of the local clock.
        let ahead = clock.to_local(clock.now() + Duration::from_secs(86_400));
        assert!(ahead >= now() + Duration::from_secs(86_300));
        clock.put(ClockSetting::default());
        assert!(clock.now_ms() < later_ms);
    }

    #[test]
    fn no_time_is_too_early_for_it_and_it_stands_at_its_end() {
        let clock = Clock::local();
        for time_ms in [0, 1, DEV_TIME_LIMIT_MS, u64::MAX - 1] {
            clock.set_ms(time_ms);
            let least_ms = time_ms.min(DEV_TIME_LIMIT_MS);
            assert!(
                (least_ms..=DEV_TIME_LIMIT_MS).contains(&clock.now_ms()),
                "{time_ms}"
            );
        }
    }
}

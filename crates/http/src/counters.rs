//! Counts requests as they are answered. Every count has its own place, known
//! from the path's area, so that counting costs a few nanoseconds and no lock.
//! How the counts are shown is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

/// What is asked for, as far as it is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Transactions,
    Mine,
    Chain,
    Nodes,
    Api,
    Operations,
    Pages,
}

/// All groups, with their names.
pub(super) const GROUPS: [(Group, &str); 7] = [
    (Group::Transactions, "transactions"),
    (Group::Mine, "mine"),
    (Group::Chain, "chain"),
    (Group::Nodes, "nodes"),
    (Group::Api, "api"),
    (Group::Operations, "operations"),
    (Group::Pages, "pages"),
];

/// Classes of status codes; an interim answer (1xx) is none.
pub(super) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The upper ends of the histogram's buckets, in microseconds; behind them is
/// one more without an end.
pub(super) const BUCKETS_MICROS: [u64; 10] = [
    100, 250, 1_000, 2_500, 10_000, 25_000, 100_000, 250_000, 1_000_000, 10_000_000,
];

/// All that is counted. Everything begins at zero when the node starts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) open_connections: AtomicU64,
    groups: [GroupCounters; GROUPS.len()],
}

#[derive(Debug, Default)]
struct GroupCounters {
    by_class: [AtomicU64; CLASSES.len()],
    by_duration: [AtomicU64; BUCKETS_MICROS.len() + 1],
    micros: AtomicU64,
}

impl Counters {
    /// Counts a request whose answer has begun.
    pub(super) fn answered(&self, group: Group, status: StatusCode, duration: Duration) {
        let group = &self.groups[group as usize];
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MICROS.partition_point(|end| *end < micros);
        group.by_class[class].fetch_add(1, Ordering::Relaxed);
        group.by_duration[bucket].fetch_add(1, Ordering::Relaxed);
        group.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns how many requests of a group were answered by each class of status
    /// code.
    pub(super) fn by_class(&self, group: Group) -> [u64; CLASSES.len()] {
        let counts = &self.groups[group as usize].by_class;
        std::array::from_fn(|class| counts[class].load(Ordering::Relaxed))
    }

    /// Returns how many took how long, bucket by bucket, and all of them together.
    pub(super) fn durations(&self, group: Group) -> ([u64; BUCKETS_MICROS.len() + 1], Duration) {
        let group = &self.groups[group as usize];
        let counts = std::array::from_fn(|at| group.by_duration[at].load(Ordering::Relaxed));
        (
            counts,
            Duration::from_micros(group.micros.load(Ordering::Relaxed)),
        )
    }

    /// Counts a connection as open until it is dropped.
    pub(super) fn connected(self: &Arc<Counters>) -> Connected {
        self.open_connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connected(Arc<Counters>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

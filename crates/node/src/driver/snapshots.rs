//! The snapshots of a chain to develop on: where the chain was, what waited, and
//! how the clock was set. Going back to one takes it and all later ones away. How
//! the chain goes there, the core decides.

use std::collections::BTreeMap;

use adit_core::node::ChainPoint;

use crate::clock::ClockSetting;
use crate::development::{NotDone, SNAPSHOTS_LIMIT, SNAPSHOTS_PENDING_LIMIT_BYTES, SnapshotTaken};

/// What there is to go back to.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) point: ChainPoint,
    pub(super) clock: ClockSetting,
    time_ms: u64,
}

/// All of them, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    taken: BTreeMap<u64, Snapshot>,
    last_id: u64,
    pending_bytes: usize,
}

impl Snapshots {
    /// Keeps one more. `time_ms` is what the clock showed.
    pub(super) fn take(
        &mut self,
        point: ChainPoint,
        clock: ClockSetting,
        time_ms: u64,
    ) -> Result<SnapshotTaken, NotDone> {
        if self.taken.len() >= SNAPSHOTS_LIMIT {
            return Err(NotDone::TooManySnapshots);
        }
        let pending_bytes = self.pending_bytes.saturating_add(point.pending_bytes());
        if pending_bytes > SNAPSHOTS_PENDING_LIMIT_BYTES {
            return Err(NotDone::TooMuchWaits);
        }
        self.pending_bytes = pending_bytes;
        self.last_id += 1;
        let snapshot = Snapshot {
            point,
            clock,
            time_ms,
        };
        let taken = snapshot.described(self.last_id);
        self.taken.insert(self.last_id, snapshot);
        Ok(taken)
    }

    /// Hands one out; it is gone then, and so are all that were taken later.
    pub(super) fn go_back_to(&mut self, id: u64) -> Result<Snapshot, NotDone> {
        if !self.taken.contains_key(&id) {
            let first = self.taken.first_key_value().map(|(id, _)| *id);
            let last = self.taken.last_key_value().map(|(id, _)| *id);
            return Err(NotDone::UnknownSnapshot {
                id,
                known: first.zip(last),
            });
        }
        let mut gone = self.taken.split_off(&id);
        for snapshot in gone.values() {
            self.pending_bytes -= snapshot.point.pending_bytes();
        }
        gone.remove(&id)
            .ok_or(NotDone::UnknownSnapshot { id, known: None })
    }

    /// The number of the last one that is there.
    pub(super) fn newest(&self) -> Option<u64> {
        self.taken.last_key_value().map(|(id, _)| *id)
    }

    /// All are gone. Their numbers do not come again.
    pub(super) fn forget(&mut self) {
        self.taken.clear();
        self.pending_bytes = 0;
    }

    /// The oldest first.
    pub(super) fn all(&self) -> Vec<SnapshotTaken> {
        let taken = self.taken.iter();
        taken
            .map(|(id, snapshot)| snapshot.described(*id))
            .collect()
    }
}

impl Snapshot {
    fn described(&self, id: u64) -> SnapshotTaken {
        SnapshotTaken {
            id,
            tip: self.point.tip,
            pending_count: self.point.pending_count(),
            time_ms: self.time_ms,
        }
    }
}

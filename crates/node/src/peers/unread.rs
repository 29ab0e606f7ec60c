//! What the chains that are being read may hold of blocks that are not whole yet:
//! large ones of many peers at a time would fill the memory. Where there is no room
//! for more, the chain loses its place that has been the longest without progress, so
//! that peers which stop in the middle of a large block keep nobody out. How a chain
//! is read, and what that loss means for its peer, is not known here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// What is not whole yet counts only where a chain holds more of it than this:
/// ordinary blocks are read whatever other peers send.
const FREE_READING_BYTES: usize = 1024 * 1024;

/// A chain in the middle of a large block makes progress with each further part of
/// this length.
const PROGRESS_STEP_BYTES: usize = 512 * 1024;

/// What all chains together may hold.
pub(crate) struct UnreadBudget(Arc<Mutex<Holders>>);

struct Holders {
    limit_bytes: usize,
    last_number: u64,
    by_number: BTreeMap<u64, Holder>,
}

/// A chain in the middle of a large block.
struct Holder {
    bytes: usize,
    /// When it last came further by a step.
    since: Instant,
    loses: Arc<watch::Sender<bool>>,
}

/// What one chain holds.
pub(crate) struct Unread {
    holders: Arc<Mutex<Holders>>,
    number: u64,
    /// Whether it has lost its place.
    lost: Arc<watch::Sender<bool>>,
}

/// There is no room for more, and others come faster.
#[derive(Debug, thiserror::Error)]
#[error("too many large blocks are being read from other peers, all of which come faster")]
pub(crate) struct TooManyLargeBlocks;

impl UnreadBudget {
    pub(crate) fn new(limit_bytes: usize) -> UnreadBudget {
        UnreadBudget(Arc::new(Mutex::new(Holders {
            limit_bytes,
            last_number: 0,
            by_number: BTreeMap::new(),
        })))
    }

    /// Returns what a chain holds of which nothing was read yet.
    pub(crate) fn of_chain(&self) -> Unread {
        let mut holders = locked(&self.0);
        holders.last_number += 1;
        Unread {
            holders: Arc::clone(&self.0),
            number: holders.last_number,
            lost: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl Unread {
    /// The chain holds this much now, however much it was before. An error if it has
    /// lost its place, now or before: then it is not to be read on.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), TooManyLargeBlocks> {
        if self.has_lost() {
            return Err(TooManyLargeBlocks);
        }
        let mut holders = locked(&self.holders);
        if bytes <= FREE_READING_BYTES {
            holders.by_number.remove(&self.number);
            return Ok(());
        }
        let now = Instant::now();
        let holder = holders.by_number.entry(self.number).or_insert(Holder {
            bytes,
            since: now,
            loses: Arc::clone(&self.lost),
        });
        // Fewer bytes than before are those of the next block.
        if holder.bytes / PROGRESS_STEP_BYTES != bytes / PROGRESS_STEP_BYTES {
            holder.since = now;
        }
        holder.bytes = bytes;
        holders.make_room();
        match self.has_lost() {
            true => Err(TooManyLargeBlocks),
            false => Ok(()),
        }
    }

    /// Returns when it has lost its place: what is read of the chain is to be dropped
    /// then, even where nothing more comes of it.
    pub(crate) async fn lost(&self) {
        let mut lost = self.lost.subscribe();
        // The sender is here: it can't be gone.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    fn has_lost(&self) -> bool {
        *self.lost.borrow()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        locked(&self.holders).by_number.remove(&self.number);
    }
}

impl Holders {
    /// Takes the place of the one that has been the longest without progress, until
    /// what is left fits.
    fn make_room(&mut self) {
        loop {
            let held_bytes: usize = self.by_number.values().map(|holder| holder.bytes).sum();
            if held_bytes <= self.limit_bytes {
                return;
            }
            let slowest = self.by_number.iter().min_by_key(|(_, holder)| holder.since);
            let Some(number) = slowest.map(|(number, _)| *number) else {
                return;
            };
            if let Some(slowest) = self.by_number.remove(&number) {
                slowest.loses.send_replace(true);
            }
        }
    }
}

fn locked(holders: &Mutex<Holders>) -> MutexGuard<'_, Holders> {
    holders.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn who_stops_in_a_large_block_loses_the_place_to_who_goes_on() {
        let budget = UnreadBudget::new(16 * MIB);
        let stopped: Vec<Unread> = (0..2).map(|_| budget.of_chain()).collect();
        for chain in &stopped {
            chain.hold(7 * MIB).expect("room");
        }
        let coming = budget.of_chain();
        for half_mib in 1..=16 {
            coming.hold(half_mib * MIB / 2).expect("its place");
        }
        // One gave enough room, the first that stopped.
        assert_eq!(
            [&stopped[0], &stopped[1]].map(Unread::has_lost),
            [true, false]
        );
        assert!(stopped[0].hold(0).is_err());
        // What is free of charge needs no place.
        stopped[1].hold(MIB).expect("no place needed");
        // The whole budget is there again.
        drop((coming, stopped));
        assert!(locked(&budget.0).by_number.is_empty());
    }

    #[test]
    fn small_parts_are_no_progress() {
        let budget = UnreadBudget::new(16 * MIB);
        let (dripping, coming) = (budget.of_chain(), budget.of_chain());
        dripping.hold(8 * MIB).expect("room");
        coming.hold(7 * MIB).expect("room");
        dripping.hold(8 * MIB + 1).expect("room");
        let another = budget.of_chain();
        another.hold(2 * MIB).expect("a place");
        assert_eq!([&dripping, &coming].map(Unread::has_lost), [true, false]);
    }

    #[test]
    fn one_alone_that_does_not_fit_loses_its_own_place() {
        let budget = UnreadBudget::new(4 * MIB);
        let chain = budget.of_chain();
        chain.hold(4 * MIB).expect("room");
        assert!(chain.hold(5 * MIB).is_err());
    }
}

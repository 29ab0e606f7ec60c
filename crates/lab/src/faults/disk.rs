//! What a node's disk holds: two logs, of blocks and of accepted transactions, each
//! written in order and safe only once it was synced, and a checkpoint now and then.
//! It decides what is left after the power was lost: any beginning of what was not
//! synced, of each log by itself; a line that was torn counts as not written. What
//! is in the logs it does not look at.

use std::sync::Arc;

use adit_core::archive::Change;
use adit_core::mempool::{Origin, Pending};

use crate::draws::{Draws, Purpose};

/// One thing that was kept.
pub(super) enum Kept {
    /// A line of the log of blocks.
    Block(Change),
    /// A line of the log of accepted transactions.
    Transaction(Arc<[u8]>),
}

/// What was written in full once.
#[derive(Default)]
struct Checkpoint {
    /// How much of what was kept it covers.
    position: usize,
    /// What waited then.
    pending: Vec<Pending>,
}

/// The disk of one node.
#[derive(Default)]
pub(super) struct Disk {
    kept: Vec<Kept>,
    synced: usize,
    /// The list of peers, which is replaced as a whole.
    pub(super) peers: Vec<String>,
    checkpoint: Checkpoint,
}

impl Disk {
    /// Writes a change, which is not safe yet.
    pub(super) fn write(&mut self, change: Change) {
        match change {
            Change::Block { .. } => self.kept.push(Kept::Block(change)),
            Change::Transaction(one) => self.kept.push(Kept::Transaction(Arc::clone(one.text()))),
            Change::Peers(peers) => self.peers = peers,
            Change::Rewind | Change::MainTip { .. } => {}
        }
    }

    /// Whether all that was written is safe.
    pub(super) fn is_synced(&self) -> bool {
        self.synced == self.kept.len()
    }

    /// All that was written is safe from now on.
    pub(super) fn sync(&mut self) {
        self.synced = self.kept.len();
    }

    /// Writes a checkpoint of what waits, if all else is safe.
    pub(super) fn checkpoint(&mut self, pending: Vec<Pending>) {
        if self.is_synced() {
            let position = self.kept.len();
            self.checkpoint = Checkpoint { position, pending };
        }
    }

    /// The power is lost for the time of that number.
    pub(super) fn lose_power(&mut self, draws: &Draws, who: u64, count: u64) {
        let unsynced = self.kept.split_off(self.synced);
        let is_block = |kept: &Kept| matches!(kept, Kept::Block(_));
        let blocks = unsynced.iter().filter(|kept| is_block(kept)).count();
        let left = |all: usize, log: u64| {
            draws.below(all as u64 + 1, Purpose::Crash, who, 2 * count + log) as usize
        };
        let (mut of_blocks, mut of_transactions) =
            (left(blocks, 0), left(unsynced.len() - blocks, 1));
        for kept in unsynced {
            let left = match is_block(&kept) {
                true => &mut of_blocks,
                false => &mut of_transactions,
            };
            if let Some(fewer) = left.checked_sub(1) {
                *left = fewer;
                self.kept.push(kept);
            }
        }
        self.sync();
    }

    /// The blocks up to the checkpoint, and those behind it, as they were taken.
    pub(super) fn blocks(&self) -> (Vec<&Change>, Vec<&Change>) {
        let (covered, behind) = self.kept.split_at(self.checkpoint.position);
        (changes(covered), changes(behind))
    }

    /// What waits by the logs: what waited at the checkpoint, and what was accepted
    /// since.
    pub(super) fn pending(&self) -> Vec<Pending> {
        let mut pending = self.checkpoint.pending.clone();
        for kept in &self.kept[self.checkpoint.position..] {
            if let Kept::Transaction(text) = kept {
                pending.push(Pending {
                    text: Arc::clone(text),
                    origin: Origin::Accepted,
                });
            }
        }
        pending
    }
}

fn changes(part: &[Kept]) -> Vec<&Change> {
    let mut found = Vec::new();
    for kept in part {
        if let Kept::Block(change) = kept {
            found.push(change);
        }
    }
    found
}

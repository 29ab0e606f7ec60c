//! Whatever is done, and whenever the process is killed or the power goes:
//! everything synced is there again, in order, and beyond that at most a part
//! of what came after.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use adit_core::archive::Change;
use adit_core::block::Block;
use adit_core::mempool::{Origin, Pending};
use adit_store::{Durability, Replayed, reindex};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tempfile::{TempDir, tempdir};

use crate::world::{SMALL, World, child, copy, files, genesis, transaction};

/// Set ADIT_TEST_SEED to try other cases; a failure prints how to repeat it.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let seed = std::env::var("ADIT_TEST_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// This many blocks, the first on the block that lies `below` blocks before
    /// the newest.
    Blocks {
        count: usize,
        below: usize,
    },
    Transactions(usize),
    Peers(usize),
    Sync,
    /// This many transactions wait now.
    Checkpoint(usize),
    /// The process is gone; this many thousandths of what was not synced are on
    /// the disk.
    Crash {
        kept_thousandths: u64,
    },
    /// It is gone in the middle of a checkpoint.
    CrashInCheckpoint,
    /// It is gone, and somebody deletes the index.
    LoseIndex,
    /// It ends as it should.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1usize..12, 0usize..20).prop_map(|(count, below)| {
            // Mostly on the newest.
            let below = below.saturating_sub(12);
            Step::Blocks { count, below }
        }),
        4 => (1usize..6).prop_map(Step::Transactions),
        1 => (0usize..4).prop_map(Step::Peers),
        4 => Just(Step::Sync),
        2 => (0usize..5).prop_map(Step::Checkpoint),
        3 => (0u64..=1_000).prop_map(|kept_thousandths| Step::Crash { kept_thousandths }),
        1 => Just(Step::CrashInCheckpoint),
        1 => Just(Step::LoseIndex),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// A store, and what it must hold after a crash at this moment.
struct Life {
    folder: TempDir,
    world: World,
    synced_blocks: usize,
    /// The blocks, and what waited, at the last checkpoint.
    checkpoint_blocks: usize,
    compacted: Vec<Pending>,
    accepted: Vec<Arc<[u8]>>,
    synced_accepted: usize,
    /// The lists of peers since the last sync, that one's first. A full overlay
    /// may have synced any of them.
    peers: Vec<Vec<String>>,
    synced_lengths: Vec<(String, u64)>,
    next_number: u64,
}

impl Life {
    fn begin() -> Life {
        let folder = tempdir().unwrap();
        let world = World::open_small(folder.path());
        let mut life = Life {
            folder,
            world,
            synced_blocks: 0,
            checkpoint_blocks: 0,
            compacted: Vec::new(),
            accepted: Vec::new(),
            synced_accepted: 0,
            peers: vec![Vec::new()],
            synced_lengths: Vec::new(),
            next_number: 1,
        };
        life.note_synced();
        life
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Blocks { count, below } => self.add_blocks(count, below),
            Step::Transactions(count) => (0..count).for_each(|_| {
                let number = self.number();
                self.world.accept(number);
                self.accepted.push(transaction(number));
            }),
            Step::Peers(count) => {
                let list: Vec<_> = (0..count).map(|_| self.number().to_string()).collect();
                let change = Change::Peers(list.clone());
                self.world.store.apply(&change).unwrap();
                assert_eq!(self.world.store.peers(), list);
                self.peers.push(list);
            }
            Step::Sync => {
                self.world.sync();
                self.note_synced();
                self.world.check_snapshot();
            }
            Step::Checkpoint(count) => {
                let waiting = self.some_waiting(count);
                self.checkpoint(waiting);
            }
            Step::Crash { kept_thousandths } => {
                let after = self.files_now();
                self.tear(after.path(), kept_thousandths);
                self.go_on_in(after, false);
            }
            Step::CrashInCheckpoint => self.crash_in_checkpoint(),
            Step::LoseIndex => {
                let after = self.files_now();
                reindex(after.path(), "a test").unwrap();
                self.go_on_in(after, true);
            }
            Step::Reopen => {
                let waiting = self.some_waiting(2);
                self.checkpoint(waiting);
                let after = self.files_now();
                self.go_on_in(after, false);
                assert_eq!(self.world.replayed, []);
            }
        }
        self.world.check();
    }

    fn add_blocks(&mut self, count: usize, below: usize) {
        for step in 0..count {
            let salt = self.number();
            let arrived = &self.world.tree.arrived;
            let below = if step == 0 { below } else { 0 };
            let block = match arrived.len().checked_sub(1 + below) {
                Some(parent) => child(&arrived[parent], salt),
                None => genesis(salt),
            };
            self.world.add(&block);
        }
    }

    fn checkpoint(&mut self, waiting: Vec<Pending>) {
        self.world.checkpoint(&waiting);
        self.checkpoint_blocks = self.world.tree.arrived.len();
        self.compacted = waiting;
        self.accepted.clear();
        self.note_synced();
        self.world.check_snapshot();
    }

    /// The new pending log is in its place, the index is still the old one.
    fn crash_in_checkpoint(&mut self) {
        self.world.sync();
        let before = self.files_now();
        let waiting = self.some_waiting(3);
        let covered = self.checkpoint_blocks;
        self.checkpoint(waiting);
        let after = self.files_now();
        let index = "index.redb";
        fs::copy(before.path().join(index), after.path().join(index)).unwrap();
        let half_made = after.path().join("pending/000009-000000000000.jsonl.tmp");
        fs::write(half_made, b"{\"accepted\": {\"amou").unwrap();
        self.go_on_in(after, true);
        assert!(self.world.replayed.len() >= self.world.tree.arrived.len() - covered);
    }

    /// Any part of what was written since the last sync may be missing.
    fn tear(&self, folder: &Path, kept_thousandths: u64) {
        // The two logs are synced one after the other.
        let kept = [kept_thousandths, 1_000 - kept_thousandths];
        for (kind, kept_thousandths) in ["blocks", "pending"].into_iter().zip(kept) {
            for path in files(&folder.join(kind)) {
                let name = format!("{kind}/{}", path.file_name().unwrap().display());
                let synced = self
                    .synced_lengths
                    .iter()
                    .find(|(synced, _)| *synced == name);
                let synced_bytes = synced.map_or(0, |(_, bytes)| *bytes);
                let file = OpenOptions::new().write(true).open(&path).unwrap();
                let bytes = file.metadata().unwrap().len();
                let is_last = Some(&path) == files(&folder.join(kind)).last();
                // A segment was synced before the next one was started.
                if is_last && bytes > synced_bytes {
                    let kept = (bytes - synced_bytes) * kept_thousandths / 1_000;
                    file.set_len(synced_bytes + kept).unwrap();
                }
            }
        }
    }

    /// Opens what a crash has left, and compares.
    fn go_on_in(&mut self, folder: TempDir, index_was_lost: bool) {
        let applied = self.world.tree.arrived.clone();
        let world = World::open_small(folder.path());
        self.check_blocks(&world, &applied);
        self.check_replayed(&world.replayed, index_was_lost, world.tree.arrived.len());
        self.check_pending(&world.pending);
        let peers = world.store.peers().to_vec();
        assert!(self.peers.contains(&peers), "{peers:?}");

        self.peers.push(peers);
        self.world = world;
        self.folder = folder;
        self.world.check_snapshot();
        self.note_synced();
    }

    fn check_blocks(&self, world: &World, applied: &[Arc<Block>]) {
        let found = &world.tree.arrived;
        assert!(found.len() >= self.synced_blocks, "synced blocks are lost");
        assert_eq!(found[..], applied[..found.len()], "not the blocks applied");
    }

    fn check_replayed(&self, replayed: &[Replayed], index_was_lost: bool, found: usize) {
        let first = found - replayed.len();
        assert!(first <= self.checkpoint_blocks, "the index is ahead");
        if !index_was_lost {
            assert_eq!(
                first,
                self.checkpoint_blocks.min(found),
                "the index is behind"
            );
        }
        for (number, next) in (first..).zip(replayed) {
            assert_eq!(next.after_pending, number >= self.checkpoint_blocks);
        }
    }

    fn check_pending(&mut self, pending: &[Pending]) {
        let (compacted, accepted) = pending.split_at(self.compacted.len());
        assert_eq!(compacted, self.compacted);
        assert!(
            accepted.len() >= self.synced_accepted,
            "promised ones are lost"
        );
        assert!(
            accepted
                .iter()
                .all(|pending| pending.origin == Origin::Accepted)
        );
        let texts: Vec<_> = accepted
            .iter()
            .map(|pending| Arc::clone(&pending.text))
            .collect();
        assert_eq!(texts[..], self.accepted[..texts.len()]);
        self.accepted = texts;
    }

    fn note_synced(&mut self) {
        self.synced_blocks = self.world.tree.arrived.len();
        self.synced_accepted = self.accepted.len();
        self.peers.drain(..self.peers.len() - 1);
        self.synced_lengths.clear();
        for kind in ["blocks", "pending"] {
            for path in files(&self.folder.path().join(kind)) {
                let name = format!("{kind}/{}", path.file_name().unwrap().display());
                let bytes = fs::metadata(&path).unwrap().len();
                self.synced_lengths.push((name, bytes));
            }
        }
    }

    fn files_now(&self) -> TempDir {
        let after = tempdir().unwrap();
        copy(self.folder.path(), after.path());
        after
    }

    fn some_waiting(&mut self, count: usize) -> Vec<Pending> {
        (0..count)
            .map(|at| Pending {
                text: transaction(self.number()),
                origin: if at % 2 == 0 {
                    Origin::Returned
                } else {
                    Origin::Accepted
                },
            })
            .collect()
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn what_was_synced_is_there_after_any_crash(steps in steps()) {
        let mut life = Life::begin();
        for step in &steps {
            life.take(step);
        }
        life.take(&Step::Crash { kept_thousandths: 500 });
    }
}

#[test]
fn a_torn_log_is_durable_again_before_it_grows() {
    // The same with real syncs, once: that nothing fails for their sake.
    let folder = tempdir().unwrap();
    let mut world = World::open_with(folder.path(), Durability::Full, SMALL);
    world.add(&genesis(1));
    for salt in 0..30 {
        let block = child(world.tree.arrived.last().unwrap(), salt);
        world.add(&block);
        world.sync();
    }
    world.checkpoint(&[]);
    let after = tempdir().unwrap();
    copy(folder.path(), after.path());
    drop(world);
    let world = World::open_with(after.path(), Durability::Full, SMALL);
    assert_eq!(world.replayed, []);
    world.check_snapshot();
}

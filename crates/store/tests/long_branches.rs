//! A branch may be forged to any length: what follows it looks only at what is
//! new, and not at all of it again.

use std::cell::Cell;

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Entry};
use adit_core::block::{Block, HeaderFields};
use adit_core::hash::Hash;
use adit_core::reorganisation::BlockPlace;
use adit_core::sealed::Account;
use adit_store::{Durability, History, HistoryLimits, Listed, SideBlocks, Snapshot};
use tempfile::tempdir;

use crate::world::{World, chain, child};

fn place_of(block: &Block) -> BlockPlace {
    BlockPlace {
        height: block.height(),
        hash: block.hash(),
    }
}

/// Counts how many blocks are looked at.
struct Counting<'a> {
    snapshot: &'a Snapshot,
    looked_at: Cell<usize>,
}

impl Archive for Counting<'_> {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        self.looked_at.set(self.looked_at.get() + 1);
        self.snapshot.entry(hash)
    }

    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError> {
        self.snapshot.main_hash(index)
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        self.snapshot.header(hash)
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.snapshot.text(hash)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        self.snapshot.account(owner)
    }

    fn fork(&self, hash: &Hash) -> Result<Option<u64>, ArchiveError> {
        self.looked_at.set(self.looked_at.get() + 1);
        self.snapshot.fork(hash)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        self.snapshot.accounts_at(hash)
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        self.snapshot.senders(hash)
    }
}

#[test]
fn a_branch_that_grows_is_not_gone_down_again() {
    let folder = tempdir().unwrap();
    let blocks = chain(40, 0);
    let mut branch = vec![child(&blocks[0], 70)];
    while branch.len() < 30 {
        branch.push(child(branch.last().unwrap(), 70));
    }
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks);
    world.add_all(&branch[..29]);
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    // No more than a few are remembered, however long the branch is.
    let mut side = SideBlocks::new(4);
    side.read(&snapshot).unwrap();
    side.tips(10, &snapshot).unwrap();
    world.add_all(&branch[29..]);
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    side.add(branch[29].hash(), &snapshot).unwrap();
    let counting = Counting {
        snapshot: &snapshot,
        looked_at: Cell::new(0),
    };
    let tips = side.tips(10, &counting).unwrap();
    assert_eq!(tips[0].tip.block, place_of(&branch[29]));
    assert_eq!(tips[0].fork, Some(place_of(&blocks[0])));
    assert_eq!(counting.looked_at.get(), 1);
}

#[test]
fn where_nearly_all_is_dropped_the_history_starts_over() {
    let folder = tempdir().unwrap();
    let blocks = chain(40, 0);
    let mut branch = vec![child(&blocks[0], 70)];
    while branch.len() < 41 {
        branch.push(child(branch.last().unwrap(), 70));
    }
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks);
    world.sync();
    let limits = HistoryLimits {
        step: 8,
        reorganisations: 10,
    };
    let path = folder.path().join("other.redb");
    let mut history = History::open(&path, Durability::None, limits).unwrap();
    let follow = |history: &mut History, world: &World| {
        let snapshot = world.store.reader().snapshot().unwrap();
        let tip = snapshot.tip().unwrap();
        let list = |_: Vec<u8>, _: &mut dyn FnMut(Listed)| Ok(());
        let missed = history.missed(&tip, 7, &snapshot).unwrap();
        let mut seen = missed.as_slice();
        let mut steps = Vec::new();
        loop {
            let followed = history.follow(&tip, seen, &snapshot, &list).unwrap();
            seen = &[];
            let is_behind = followed.is_behind;
            steps.push(followed);
            if !is_behind {
                return (steps, missed);
            }
        }
    };
    follow(&mut history, &world);
    world.add_all(&branch);
    world.sync();
    let (steps, seen) = follow(&mut history, &world);
    // The first step already takes in the start of the chain: it did not take
    // out forty blocks before.
    let first = steps.first().unwrap();
    assert_eq!(first.dropped.len(), 39);
    let seen = seen.unwrap();
    assert_eq!(seen.fork, Some(place_of(&blocks[0])));
    assert_eq!(seen.old_tip.block, place_of(&blocks[39]));
    let left = first.left.unwrap();
    assert_eq!((left.tip, left.fork), (seen.old_tip.block, seen.fork));
    assert!(steps[1..].iter().all(|step| step.left.is_none()));
    let view = history.view().unwrap();
    let found = view.reorganisation_to(&seen.new_tip.block.hash).unwrap();
    assert_eq!(found, Some(seen));
    assert_eq!(steps.len(), 6);
    assert_eq!(history.covered(), Some(place_of(&branch[40])));
}

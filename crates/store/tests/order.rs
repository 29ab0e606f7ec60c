//! What is taken in comes out again: in order, at once, and after reopening.

use std::fs;
use std::sync::Arc;

use adit_core::archive::{Change, Entry, MainChange};
use adit_core::rules::Weight;
use adit_store::{Durability, Store, StoreError};
use tempfile::tempdir;

use crate::world::{Tree, World, chain, child, files, lines, read};

#[test]
fn the_log_holds_every_block_in_order_of_arrival() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    let main = chain(5, 0);
    world.add_all(&main);
    let side = child(&main[2], 100);
    world.add(&side);
    let next = child(&main[4], 101);
    world.add(&next);
    world.sync();
    let logged: Vec<_> = lines(folder.path()).iter().map(|line| read(line)).collect();
    assert_eq!(logged, world.tree.arrived);
    assert_eq!(logged[5], side);
    world.check_snapshot();
}

#[test]
fn reads_show_every_change_before_it_is_synced() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    for block in chain(40, 0) {
        world.add(&block);
        world.check();
    }
    let early = chain(50, 1_000);
    for block in &early {
        world.add(block);
        world.check();
    }
    assert_eq!(world.tree.tip(), Some(early[49].hash()));
    world.sync();
    world.check_snapshot();
}

#[test]
fn reopening_gives_the_same_chain_with_and_without_a_checkpoint() {
    let folder = tempdir().unwrap();
    let blocks = chain(30, 0);
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks[..10]);
    world.sync();
    drop(world);

    let mut world = World::open_small(folder.path());
    assert_eq!(world.replayed.len(), 10, "the index was not made durable");
    world.check();
    world.check_snapshot();
    world.add_all(&blocks[10..20]);
    world.checkpoint(&[]);
    drop(world);

    let mut world = World::open_small(folder.path());
    assert_eq!(world.replayed.len(), 0);
    assert_eq!(world.tree.arrived, blocks[..20]);
    world.check();
    world.check_snapshot();
    world.add_all(&blocks[20..]);
    world.sync();
    drop(world);

    let world = World::open_small(folder.path());
    assert_eq!(world.replayed.len(), 10);
    world.check();
    world.check_snapshot();
}

#[test]
fn a_new_segment_begins_when_the_last_is_long_enough() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(40, 0));
    world.sync();
    let segments = files(&folder.path().join("blocks"));
    assert!(segments.len() > 3, "{segments:?}");
    for (number, path) in (1..).zip(&segments) {
        assert_eq!(
            *path,
            folder.path().join(format!("blocks/{number:06}.jsonl"))
        );
        let length = fs::metadata(path).unwrap().len();
        assert!(length < 2_000 + 1_000, "{path:?} is {length} bytes long");
    }
    world.check_snapshot();
    drop(world);
    World::open_small(folder.path()).check();
}

#[test]
fn a_reorganisation_longer_than_the_overlay_is_seen_with_the_next_sync() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    let blocks = chain(30, 0);
    world.add_all(&blocks);
    let mut branch = vec![child(&blocks[3], 500)];
    for salt in 501..540 {
        let next = child(branch.last().unwrap(), salt);
        branch.push(next);
    }
    world.add_all(&branch[..26]);
    world.sync();
    let tip = world.tree.tip();
    world.check_snapshot();
    // Until the next sync, readers see the chain that was overtaken.
    world.add(&branch[26]);
    world.check();
    let snapshot = world.store.reader().snapshot().unwrap();
    assert_eq!(snapshot.tip(), tip);
    let mut joined = Vec::new();
    snapshot.read_main(1, usize::MAX, &mut joined).unwrap();
    assert_eq!(joined, Tree::of(&blocks).joined());
    drop(snapshot);
    world.sync();
    world.check_snapshot();
    world.add_all(&branch[27..]);
    world.check();
    world.sync();
    world.check_snapshot();
    assert_eq!(world.tree.length(), 44);
    drop(world);
    let world = World::open_small(folder.path());
    world.check();
    world.check_snapshot();
}

#[test]
fn a_long_branch_wins_whatever_else_came_beside_it() {
    // The branch stands in order in the index: in one piece, in several,
    // restarted behind another block, or behind a restart.
    for (other_at, restart_at) in [
        (None, None),
        (None, Some(9)),
        (Some(9), None),
        (Some(28), None),
    ] {
        let folder = tempdir().unwrap();
        let blocks = chain(30, 0);
        let mut branch = vec![child(&blocks[3], 500)];
        for salt in 501..530 {
            branch.push(child(branch.last().unwrap(), salt));
        }
        let mut world = World::open_small(folder.path());
        world.add_all(&blocks);
        world.sync();
        for (at, block) in branch.iter().enumerate() {
            if other_at == Some(at) {
                world.add(&child(&blocks[20], 900));
            }
            if restart_at == Some(at) {
                world.checkpoint(&[]);
                drop(world);
                world = World::open_small(folder.path());
            }
            world.add(block);
        }
        world.check();
        world.sync();
        world.check_snapshot();
        assert_eq!(world.tree.length(), 34);
        // What was the main chain wins again, and the branch after it.
        for (from, salt, length) in [(&blocks, 600, 8), (&branch, 700, 16)] {
            let mut tip = Arc::clone(from.last().unwrap());
            for salt in salt..salt + length {
                tip = child(&tip, salt);
                world.add(&tip);
            }
            world.check();
            world.sync();
            world.check_snapshot();
        }
        drop(world);
        let world = World::open_small(folder.path());
        world.check();
        world.check_snapshot();
    }
}

/// How many pages of the index are not as they were.
fn pages_changed(before: &[u8], after: &[u8]) -> usize {
    let (before, after) = (before.chunks(4_096), after.chunks(4_096));
    let grown = after.len().saturating_sub(before.len());
    grown
        + before
            .zip(after)
            .filter(|(one, other)| one != other)
            .count()
}

#[test]
fn a_long_branch_wins_without_its_blocks_being_written_again() {
    let folder = tempdir().unwrap();
    let index = || fs::read(folder.path().join("index.redb")).unwrap();
    let mut changed = Vec::new();
    let mut world = World::open(folder.path());
    for length in [200, 3_000] {
        let blocks = chain(length, length);
        let branch = chain(length + 1, 10_000 + length);
        world.add_all(&blocks);
        world.add_all(&branch[..branch.len() - 1]);
        world.checkpoint(&[]);
        let before = index();
        world.add(branch.last().unwrap());
        world.checkpoint(&[]);
        assert_eq!(world.tree.tip(), branch.last().map(|block| block.hash()));
        changed.push(pages_changed(&before, &index()));
    }
    world.check();
    world.check_snapshot();
    // The blocks of the longer one fill more than fifty pages.
    assert!(changed[1] < changed[0] + 20, "{changed:?}");
}

#[test]
fn a_shorter_chain_can_be_the_main_chain() {
    // Not by the tutorial's rules; where work counts, it can. The first branch
    // fits in the overlay, the second does not.
    for (fork, branch_length) in [(15, 2), (3, 20)] {
        let folder = tempdir().unwrap();
        let mut world = World::open_small(folder.path());
        let blocks = chain(40, 0);
        world.add_all(&blocks);
        world.sync();
        let mut tip = Arc::clone(&blocks[fork - 1]);
        for salt in 0..branch_length - 1 {
            tip = child(&tip, 700 + salt);
            world.add(&tip);
        }
        let heavy = child(&tip, 77);
        let main = MainChange::Reorganise { fork: fork as u64 };
        let entry = Entry {
            height: heavy.height(),
            parent: Some(tip.hash()),
            total_weight: Weight::from(1_000),
        };
        let change = world.tree.add_as(&heavy, entry, main);
        world.store.apply(&change).unwrap();
        world.check();
        world.sync();
        world.check();
        world.check_snapshot();
        assert_eq!(world.tree.length(), fork as u64 + branch_length);
    }
}

#[test]
fn peers_are_kept() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    assert!(world.store.peers().is_empty());
    let peers = vec!["192.0.2.1:5000".to_owned(), "[2001:db8::1]:5000".to_owned()];
    world.store.apply(&Change::Peers(Vec::new())).unwrap();
    world.store.apply(&Change::Peers(peers.clone())).unwrap();
    assert_eq!(world.store.peers(), peers);
    world.sync();
    drop(world);
    assert_eq!(World::open(folder.path()).store.peers(), peers);
    fs::write(folder.path().join("peers.json"), "{}").unwrap();
    let error = World::try_open(folder.path(), Durability::Full, Default::default());
    let message = error.err().unwrap().to_string();
    assert!(message.contains("register the peers again"), "{message}");
}

#[test]
fn changes_out_of_order_are_refused() {
    let folder = tempdir().unwrap();
    let blocks = chain(3, 0);
    let mut world = World::open(folder.path());
    let change = world.tree.add(&blocks[0]);
    let later = world.tree.add(&blocks[1]);
    let error = world.store.apply(&later).unwrap_err();
    assert!(matches!(error, StoreError::OutOfOrder { .. }), "{error}");
    let error = world.store.apply(&change).unwrap_err();
    assert!(matches!(error, StoreError::Stopped { .. }), "{error}");
}

#[test]
fn nothing_is_written_after_a_write_has_failed() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("blocks")).unwrap();
    let full = folder.path().join("blocks/000001.jsonl");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let opened = Store::open(folder.path(), "a test", Durability::Full).unwrap();
    let mut store = opened.store;
    assert_eq!(store.next_unindexed().unwrap(), None);
    let mut tree = Tree::default();
    let blocks = chain(2, 0);
    store.apply(&tree.add(&blocks[0])).unwrap();
    let error = store.sync().unwrap_err().to_string();
    assert!(error.contains("000001.jsonl"), "{error}");
    assert!(error.contains("No space left"), "{error}");
    let again = store.apply(&tree.add(&blocks[1])).unwrap_err().to_string();
    assert!(again.contains(&error), "{again}");
    assert!(store.sync().is_err());
    assert!(store.checkpoint(std::iter::empty()).is_err());
}

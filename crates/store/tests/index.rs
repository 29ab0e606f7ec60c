//! The index is rebuilt from the log whenever it is missing, behind, or not to
//! be trusted.

use std::fs;

use adit_store::reindex;
use tempfile::tempdir;

use crate::world::{World, chain, child, copy};

#[test]
fn a_deleted_index_is_rebuilt() {
    let folder = tempdir().unwrap();
    let blocks = chain(30, 0);
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks[..20]);
    world.add(&child(&blocks[4], 90));
    world.checkpoint(&[]);
    world.add_all(&blocks[20..]);
    world.sync();
    drop(world);
    reindex(folder.path(), "a test").unwrap();
    let world = World::open_small(folder.path());
    let after: Vec<bool> = world
        .replayed
        .iter()
        .map(|next| next.after_pending)
        .collect();
    assert_eq!(after[..21], [false; 21]);
    assert_eq!(after[21..], [true; 10]);
    world.check();
    world.check_snapshot();
}

#[test]
fn a_rebuilt_index_is_durable_where_the_pending_log_allows_it() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(30, 0));
    world.checkpoint(&[]);
    drop(world);
    reindex(folder.path(), "a test").unwrap();
    let world = World::open_small(folder.path());
    assert_eq!(world.replayed.len(), 30);
    drop(world);
    assert_eq!(World::open_small(folder.path()).replayed.len(), 0);
}

#[test]
fn an_index_that_is_behind_catches_up() {
    let folder = tempdir().unwrap();
    let blocks = chain(30, 0);
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks[..10]);
    world.checkpoint(&[]);
    let early = tempdir().unwrap();
    copy(folder.path(), early.path());
    world.add_all(&blocks[10..]);
    world.checkpoint(&[]);
    drop(world);
    fs::copy(
        early.path().join("index.redb"),
        folder.path().join("index.redb"),
    )
    .unwrap();
    let world = World::open_small(folder.path());
    assert_eq!(world.replayed.len(), 20);
    assert!(world.replayed.iter().all(|next| !next.after_pending));
    world.check();
    world.check_snapshot();
}

#[test]
fn an_index_that_is_no_index_is_rebuilt() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(10, 0));
    world.checkpoint(&[]);
    drop(world);
    let path = folder.path().join("index.redb");
    fs::write(
        &path,
        b"no database, but longer than a database's header is".repeat(100),
    )
    .unwrap();
    let world = World::open_small(folder.path());
    assert_eq!(world.replayed.len(), 10);
    world.check_snapshot();
}

#[test]
fn an_index_ahead_of_the_pending_log_is_rebuilt() {
    let folder = tempdir().unwrap();
    let blocks = chain(10, 0);
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks[..5]);
    world.checkpoint(&[]);
    let early = tempdir().unwrap();
    copy(folder.path(), early.path());
    world.add_all(&blocks[5..]);
    world.checkpoint(&[]);
    drop(world);
    fs::remove_dir_all(folder.path().join("pending")).unwrap();
    copy(
        &early.path().join("pending"),
        &folder.path().join("pending"),
    );
    let world = World::open_small(folder.path());
    let after: Vec<bool> = world
        .replayed
        .iter()
        .map(|next| next.after_pending)
        .collect();
    assert_eq!(after[..5], [false; 5]);
    assert_eq!(after[5..], [true; 5]);
    world.check_snapshot();
}

#[test]
fn blocks_that_the_core_does_not_take_again_are_passed_over() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(4, 0));
    world.sync();
    drop(world);
    let path = folder.path().join("blocks/000001.jsonl");
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"no\": \"block\"}\n");
    fs::write(&path, text).unwrap();

    let opened = adit_store::Store::open(folder.path(), "a test", adit_store::Durability::None);
    let mut store = opened.unwrap().store;
    let mut tree = crate::world::Tree::default();
    for _ in 0..4 {
        let next = store.next_unindexed().unwrap().unwrap();
        let change = tree.add(&crate::world::read(&next.text));
        store.index(&change).unwrap();
    }
    assert_eq!(
        store.next_unindexed().unwrap().unwrap().text,
        b"{\"no\": \"block\"}"
    );
    assert_eq!(store.next_unindexed().unwrap(), None);
    store.checkpoint(std::iter::empty()).unwrap();
    drop(store);
    let opened = adit_store::Store::open(folder.path(), "a test", adit_store::Durability::None);
    assert_eq!(opened.unwrap().store.next_unindexed().unwrap(), None);
}

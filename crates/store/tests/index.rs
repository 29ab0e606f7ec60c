//! The index is rebuilt from the log whenever it is missing, behind, or not to
//! be trusted.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use adit_core::archive::{Change, Entry, MainChange};
use adit_core::block::Block;
use adit_core::rules::Weight;
use adit_store::{Durability, Store, reindex};
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

/// How long the index is in that folder.
fn index_bytes(folder: &Path) -> u64 {
    let index = fs::metadata(folder.join("index.redb")).unwrap();
    index.len()
}

fn open_large(folder: &Path) -> Store {
    let opened = Store::open(folder, "a test", Durability::None);
    let mut store = opened.unwrap().store;
    while let Some(next) = store.next_unindexed().unwrap() {
        let block = crate::world::read(&next.text);
        let change = without_accounts(&block, MainChange::Extend);
        store.index(&change).unwrap();
    }
    store
}

fn without_accounts(block: &Arc<Block>, main: MainChange) -> Change {
    Change::Block {
        block: Arc::clone(block),
        entry: Entry {
            height: block.height(),
            parent: block.parent(),
            total_weight: Weight::from(block.height()),
        },
        main,
        accounts: Vec::new(),
    }
}

fn add_to(store: &mut Store, block: &Arc<Block>, main: MainChange) {
    store.apply(&without_accounts(block, main)).unwrap();
}

fn checkpoint(store: &mut Store) {
    store.checkpoint(std::iter::empty()).unwrap();
}

#[test]
fn the_index_takes_little_however_the_blocks_come() {
    let blocks = chain(20_000, 0);
    let limit_bytes = 250 * blocks.len() as u64;

    // As a file is imported.
    let folder = tempdir().unwrap();
    let mut store = open_large(folder.path());
    for block in &blocks {
        add_to(&mut store, block, MainChange::Extend);
    }
    checkpoint(&mut store);
    assert!(index_bytes(folder.path()) < limit_bytes);
    drop(store);
    reindex(folder.path(), "a test").unwrap();
    let mut store = open_large(folder.path());
    checkpoint(&mut store);
    assert!(index_bytes(folder.path()) < limit_bytes);

    // As a peer's chain is adopted, in steps.
    let folder = tempdir().unwrap();
    let mut store = open_large(folder.path());
    for block in chain(200, 30_000) {
        add_to(&mut store, &block, MainChange::Extend);
    }
    checkpoint(&mut store);
    for block in &blocks {
        let main = match block.height() {
            ..=200 => MainChange::Side,
            201 => MainChange::Reorganise { fork: 0 },
            202.. => MainChange::Extend,
        };
        add_to(&mut store, block, main);
        if block.height().is_multiple_of(2_000) {
            store.sync().unwrap();
        }
    }
    checkpoint(&mut store);
    assert!(index_bytes(folder.path()) < limit_bytes);

    // One after the other.
    let folder = tempdir().unwrap();
    let mut store = open_large(folder.path());
    for block in &blocks {
        add_to(&mut store, block, MainChange::Extend);
        if block.height() > 15_000 {
            store.sync().unwrap();
        }
        if store.needs_checkpoint() {
            checkpoint(&mut store);
        }
    }
    checkpoint(&mut store);
    let single_bytes = index_bytes(folder.path());
    assert!(single_bytes < 2 * limit_bytes, "{single_bytes}");
}

#[test]
fn a_rebuilt_index_names_only_blocks_that_are_synced() {
    let folder = tempdir().unwrap();
    let blocks = chain(5, 0);
    let mut world = World::open(folder.path());
    world.add_all(&blocks);
    world.checkpoint(&[]);
    drop(world);
    fs::remove_file(folder.path().join("index.redb")).unwrap();
    // So few blocks that nothing else has synced the log by then.
    World::open(folder.path()).check();
}

//! Files that have changed on the disk: whichever page of a database it is, it
//! costs only the time to rebuild it; a changed block is found, named, and
//! mended.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::Block;
use adit_store::{
    DamagedBlock, Durability, FrozenIndex, History, HistoryError, HistoryLimits, Limits, Store,
    StoreError, TransactionPlace, reindex,
};
use tempfile::{TempDir, tempdir};

use crate::history::list;
use crate::world::{World, chain, child, copy, read, transaction};

const PAGE_BYTES: usize = 4096;

/// What can happen to a page.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Zeroed,
    /// One bit of it.
    Flipped(usize),
}

const DAMAGES: [Damage; 4] = [
    Damage::Zeroed,
    Damage::Flipped(7),
    Damage::Flipped(8 * 300 + 1),
    Damage::Flipped(8 * 4090 + 3),
];

fn change(path: &Path, page: usize, damage: Damage) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len().min((page + 1) * PAGE_BYTES);
    let page = &mut bytes[page * PAGE_BYTES..end];
    match damage {
        Damage::Zeroed => page.fill(0),
        Damage::Flipped(bit) => page[bit / 8] ^= 1 << (bit % 8),
    }
    fs::write(path, bytes).unwrap();
}

fn pages(path: &Path) -> usize {
    fs::metadata(path)
        .unwrap()
        .len()
        .div_ceil(PAGE_BYTES as u64) as usize
}

/// Sixty blocks, two branches, accounts: the index covers all but the last two.
fn folder() -> (TempDir, Vec<Arc<Block>>) {
    let folder = tempdir().unwrap();
    let mut world = World::open_with(folder.path(), Durability::None, Limits::default());
    let blocks = chain(60, 0);
    world.add_all(&blocks[..50]);
    world.add(&child(&blocks[40], 500));
    world.add_all(&blocks[50..58]);
    world.checkpoint(&[]);
    world.accept(1);
    world.add_all(&blocks[58..]);
    world.sync();
    (folder, blocks)
}

fn is_of_index(error: &(dyn std::error::Error + 'static)) -> bool {
    let archive = error.downcast_ref::<ArchiveError>();
    let behind = archive.and_then(StoreError::behind);
    let of_store = behind.or_else(|| error.downcast_ref::<StoreError>());
    of_store.is_some_and(StoreError::is_damaged_index)
}

/// Looks at everything, as a node does in the course of time, and goes on.
fn live(folder: &Path, blocks: &[Arc<Block>]) -> Result<(), Box<dyn std::error::Error>> {
    let opened = Store::open(folder, "a test", Durability::None)?;
    assert_eq!(opened.pending.len(), 1);
    let mut store = opened.store;
    // What the index does not cover is read again; the tree says what it does.
    let mut tree = crate::world::Tree::default();
    let mut covered = 0;
    let log = crate::world::lines(folder);
    for line in &log {
        if store.entry(&read(line).hash())?.is_none() {
            break;
        }
        tree.add(&read(line));
        covered += 1;
    }
    for line in &log[covered..] {
        let next = store.next_unindexed()?.expect("the log has more lines");
        assert_eq!(&next.text, line);
        store.index(&tree.add(&read(line)))?;
    }
    assert!(store.next_unindexed()?.is_none());
    assert_eq!(store.length(), 60);
    for block in &tree.arrived {
        assert_eq!(store.text(&block.hash())?.unwrap(), block.text());
        let accounts = store.accounts_at(&block.hash())?;
        for person in 0..crate::world::PEOPLE {
            let owner = crate::world::address(person);
            let expected = tree.account_at(owner, &block.hash());
            assert_eq!(accounts.account(&owner)?, expected);
        }
    }
    for person in 0..crate::world::PEOPLE {
        let owner = crate::world::address(person);
        assert_eq!(store.account(&owner)?, tree.account(owner));
    }
    store.apply(&tree.add(&child(&blocks[59], 900)))?;
    store.checkpoint([(&*transaction(1), adit_core::mempool::Origin::Accepted)].into_iter())?;
    let mut joined = Vec::new();
    let snapshot = store.reader().snapshot()?;
    snapshot.read_main(1, usize::MAX, &mut joined)?;
    assert_eq!(joined, tree.joined());
    assert_eq!(snapshot.length(), 61);
    Ok(())
}

#[test]
fn whichever_page_of_the_index_is_damaged_it_costs_only_time() {
    let (whole, blocks) = folder();
    let count = pages(&whole.path().join("index.redb"));
    let mut rebuilt = 0;
    for page in 0..count {
        for damage in DAMAGES {
            let folder = tempdir().unwrap();
            copy(whole.path(), folder.path());
            change(&folder.path().join("index.redb"), page, damage);
            let Err(error) = live(folder.path(), &blocks) else {
                continue;
            };
            assert!(is_of_index(&*error), "page {page}, {damage:?}: {error}");
            rebuilt += 1;
            // Nothing that was acknowledged before the damage was met is lost.
            reindex(folder.path(), "a test").unwrap();
            let world = World::open(folder.path());
            assert!(world.tree.length() >= 60, "page {page}, {damage:?}");
            assert_eq!(world.pending.len(), 1);
            world.check();
        }
    }
    assert!(rebuilt > 0, "no page of {count} was ever read");
}

#[test]
fn whoever_reads_a_damaged_index_next_hears_of_the_damage_too() {
    let (whole, blocks) = folder();
    let count = pages(&whole.path().join("index.redb"));
    let mut heard = 0;
    for page in 0..count {
        let folder = tempdir().unwrap();
        copy(whole.path(), folder.path());
        change(&folder.path().join("index.redb"), page, Damage::Zeroed);
        let Ok(opened) = Store::open(folder.path(), "a test", Durability::None) else {
            continue;
        };
        let store = opened.store;
        let reader = store.reader();
        let mut errors = 0_usize;
        for block in &blocks {
            if let Err(error) = store.text(&block.hash()) {
                assert!(is_of_index(&error), "page {page}: {error}");
                errors += 1;
            }
            if let Err(error) = reader.snapshot() {
                assert!(is_of_index(&error), "page {page}: {error}");
                errors += 1;
            }
        }
        assert_eq!(reader.is_index_damaged(), errors > 0, "page {page}");
        heard += errors.saturating_sub(1);
    }
    assert!(heard > 0, "nobody read after the first");
}

#[test]
fn a_frozen_folder_with_a_damaged_index_is_read_without_it() {
    let (whole, _) = folder();
    let count = pages(&whole.path().join("index.redb"));
    for page in 0..count {
        let folder = tempdir().unwrap();
        copy(whole.path(), folder.path());
        change(&folder.path().join("index.redb"), page, Damage::Zeroed);
        let index = fs::read(folder.path().join("index.redb")).unwrap();
        let ignored = Store::open_frozen(folder.path(), FrozenIndex::Ignored).unwrap();
        let mut store = ignored.store;
        let mut tree = crate::world::Tree::default();
        while let Some(next) = store.next_unindexed().unwrap() {
            store.index(&tree.add(&read(&next.text))).unwrap();
        }
        assert_eq!(store.length(), 60);
        // Where the damage is met at once, it is left aside at once.
        drop(Store::open_frozen(folder.path(), FrozenIndex::Used).unwrap());
        assert_eq!(fs::read(folder.path().join("index.redb")).unwrap(), index);
    }
}

/// Follows the chain, asks for what there is, makes it durable.
fn follow(folder: &Path, world: &World) -> Result<u64, HistoryError> {
    let path = folder.join("history.redb");
    let mut history = History::open(&path, Durability::None, HistoryLimits::default())?;
    let snapshot = world.store.reader().snapshot().unwrap();
    let tip = snapshot.tip().unwrap();
    while history.follow(&tip, &[], &snapshot, &list)?.is_behind {}
    let view = history.view()?;
    let count = view.count_of_name("miner")?;
    let places = view.places_of_name("miner", TransactionPlace::LAST, 1_000)?;
    assert_eq!(count, places.len() as u64);
    view.reorganisations(u64::MAX, 10)?;
    for block in world.tree.archive.main() {
        for text in block.transactions() {
            let id = adit_core::hash::sha256(text);
            assert!(
                !view
                    .places_before(&id, TransactionPlace::LAST, 1)?
                    .is_empty()
            );
        }
    }
    history.sync()?;
    Ok(count)
}

#[test]
fn whichever_page_of_the_history_is_damaged_it_costs_only_time() {
    let (whole, blocks) = folder();
    let mut world = World::open(whole.path());
    let count = follow(whole.path(), &world).unwrap();
    assert!(count > 50, "{count}");
    world.add(&child(&blocks[59], 900));
    world.sync();
    let path = whole.path().join("history.redb");
    let mut rebuilt = 0;
    for page in 0..pages(&path) {
        for damage in DAMAGES {
            let folder = tempdir().unwrap();
            fs::copy(&path, folder.path().join("history.redb")).unwrap();
            change(&folder.path().join("history.redb"), page, damage);
            match follow(folder.path(), &world) {
                Ok(found) => assert_eq!(found, count + 1, "page {page}, {damage:?}"),
                Err(error) => {
                    assert!(error.is_damage(), "page {page}, {damage:?}: {error}");
                    rebuilt += 1;
                    fs::remove_file(folder.path().join("history.redb")).unwrap();
                    assert_eq!(follow(folder.path(), &world).unwrap(), count + 1);
                }
            }
        }
    }
    assert!(rebuilt > 0);
}

#[test]
fn a_flipped_bit_of_a_block_is_named_by_every_way_of_reading_it_and_mended() {
    let (folder, blocks) = folder();
    let file = folder.path().join("blocks/000001.jsonl");
    let (hash, text) = (blocks[9].hash(), blocks[9].text());
    let mut log = fs::read(&file).unwrap();
    let start = log.windows(text.len()).position(|part| part == text);
    let start = start.unwrap();
    // In the text, and the newline behind it.
    for at in [start, start + text.len() / 2, start + text.len()] {
        let world = World::open(folder.path());
        let reader = world.store.reader();
        let snapshot = reader.snapshot().unwrap();
        log[at] ^= 4;
        fs::write(&file, &log).unwrap();
        let expect = |error: &StoreError| {
            let damaged: &DamagedBlock = error.damaged_block().unwrap();
            assert_eq!((damaged.hash, damaged.height), (hash, 10));
            assert_eq!(damaged.offset, start as u64);
            let words = error.to_string();
            for part in ["000001.jsonl", &hash.to_string(), "block 10", "--peer"] {
                assert!(words.contains(part), "no {part} in {words}");
            }
        };
        expect(&snapshot.block_at(10).unwrap_err());
        expect(
            &snapshot
                .read_main(1, usize::MAX, &mut Vec::new())
                .unwrap_err(),
        );
        let by_hash = snapshot.text(&hash).unwrap_err();
        expect(StoreError::behind(&by_hash).unwrap());
        let by_driver = world.store.text(&hash).unwrap_err();
        expect(StoreError::behind(&by_driver).unwrap());
        assert!(snapshot.block_at(9).unwrap().is_some());
        // A part of a long block is sent only when the whole of it is right.
        if at < start + text.len() {
            let from = adit_store::TextPosition {
                height: 10,
                offset: 0,
            };
            expect(
                &snapshot
                    .read_main_in_parts(from, 10, adit_store::Joint::Comma, 16, &mut Vec::new())
                    .unwrap_err(),
            );
        }

        let [damaged] = &reader.damaged_blocks()[..] else {
            panic!("{:?}", reader.damaged_blocks());
        };
        assert!(!reader.mend(damaged, blocks[10].text()).unwrap());
        assert!(reader.mend(damaged, text).unwrap());
        assert_eq!(reader.damaged_blocks(), []);
        assert_eq!(snapshot.block_at(10).unwrap().unwrap(), text);
        log[at] ^= 4;
        assert_eq!(fs::read(&file).unwrap(), log);
    }
}

#[test]
fn a_flipped_bit_of_what_waits_is_refused_and_named() {
    let (folder, _) = folder();
    let pending = fs::read_dir(folder.path().join("pending")).unwrap();
    let file = pending.map(|file| file.unwrap().path()).next().unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    assert!(whole.contains("\"amount\": 1,"), "{whole}");
    fs::write(&file, whole.replace("\"amount\": 1,", "\"amount\": 3,")).unwrap();
    let error = Store::open(folder.path(), "a test", Durability::None).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{words}");
    assert!(
        words.contains("pending") && words.contains("sum"),
        "{words}"
    );
    // As version 0.1.0 wrote it, there is no sum.
    let end = whole.find(", \"sum\"").unwrap();
    fs::write(&file, format!("{}}}\n", &whole[..end])).unwrap();
    let opened = Store::open(folder.path(), "a test", Durability::None).unwrap();
    assert_eq!(opened.pending[0].text, transaction(1));
}

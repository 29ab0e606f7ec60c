//! Snapshots stay as they are, and give the main chain's texts in any pieces.

use std::thread;

use adit_core::archive::Archive;
use adit_store::{Joint, Reader, Snapshot, StagedTexts, Staging, Store, TextPosition};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::world::{World, chain, child};

#[test]
fn a_snapshot_shows_what_was_synced_and_nothing_else() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    let reader = world.store.reader();
    let nothing = reader.snapshot().unwrap();
    assert_eq!(
        (nothing.length(), nothing.tip(), nothing.main_bytes()),
        (0, None, 0)
    );
    let mut out = Vec::new();
    assert_eq!(nothing.read_main(1, 1_000, &mut out).unwrap(), 1);
    assert!(out.is_empty());

    let blocks = chain(5, 0);
    world.add_all(&blocks[..3]);
    assert_eq!(reader.snapshot().unwrap().length(), 0);
    world.sync();
    let three = reader.snapshot().unwrap();
    world.add_all(&blocks[3..]);
    assert_eq!(reader.snapshot().unwrap().length(), 3);
    assert_eq!(three.tip(), Some(blocks[2].hash()));
    assert_eq!(three.block_at(3).unwrap().unwrap(), blocks[2].text());
    assert_eq!(three.block_at(4).unwrap(), None);
    assert_eq!(three.block_at(0).unwrap(), None);
}

#[test]
fn a_snapshot_stays_while_a_reorganisation_happens_under_it() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    let blocks = chain(60, 0);
    world.add_all(&blocks);
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    let expected = world.tree.joined();
    let reading = thread::spawn(move || {
        for _ in 0..200 {
            let (mut joined, mut next) = (Vec::new(), 1);
            while next <= snapshot.length() {
                if next > 1 {
                    joined.push(b',');
                }
                next = snapshot.read_main(next, 700, &mut joined).unwrap();
            }
            assert_eq!(joined, expected);
            assert_eq!(snapshot.main_hash(60).unwrap(), snapshot.tip());
        }
    });
    let mut last = child(&blocks[2], 7_000);
    for salt in 7_001..7_200 {
        world.add(&last);
        world.sync();
        if salt % 50 == 0 {
            world.checkpoint(&[]);
        }
        last = child(&last, salt);
    }
    reading.join().unwrap();
    world.check_snapshot();
}

#[test]
fn what_other_threads_need_can_be_sent_to_them() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Send + Sync>() {}
    is_send::<Store>();
    is_send::<StagedTexts>();
    is_sync::<Reader>();
    is_sync::<Snapshot>();
    is_sync::<Staging>();
}

#[test]
fn a_snapshot_outlives_its_store() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(30, 0));
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    let expected = world.tree.joined();
    drop(world);
    let mut joined = Vec::new();
    snapshot.read_main(1, usize::MAX, &mut joined).unwrap();
    assert_eq!(joined, expected);
}

proptest! {
    #![proptest_config(crate::crash::config(256))]

    #[test]
    fn pieces_of_any_size_are_those_of_the_whole(
        // Where each block stands: on one of the newest, so that the main
        // chain's blocks lie scattered in the log.
        places in prop::collection::vec(0usize..3, 1..60),
        from_index in 0u64..25,
        // As long as this many blocks, and a little more or less.
        whole_blocks in 0usize..6,
        difference_bytes in prop_oneof![Just(0), -2isize..3, -300isize..300],
    ) {
        let folder = tempdir().unwrap();
        let mut world = World::open_small(folder.path());
        world.add_all(&chain(1, 0));
        for (salt, place) in (1..).zip(places) {
            let arrived = &world.tree.arrived;
            let parent = &arrived[arrived.len() - 1 - place.min(arrived.len() - 1)];
            let block = child(parent, salt);
            world.add(&block);
        }
        world.sync();
        let snapshot = world.store.reader().snapshot().unwrap();
        let texts: Vec<&[u8]> = world.tree.archive.main().map(|block| block.text()).collect();
        let from = from_index.max(1) as usize - 1;
        let blocks_bytes = texts.iter().skip(from).take(whole_blocks);
        let blocks_bytes = blocks_bytes.map(|text| text.len() + 1).sum::<usize>();
        let max_bytes = blocks_bytes.saturating_sub(1).saturating_add_signed(difference_bytes);
        let mut expected = b"before".to_vec();
        let mut count = 0;
        for text in texts.iter().skip(from) {
            let comma = usize::from(count > 0);
            if count > 0 && expected.len() - 6 + comma + text.len() > max_bytes {
                break;
            }
            expected.extend_from_slice(&b","[..comma]);
            expected.extend_from_slice(text);
            count += 1;
        }
        let mut out = b"before".to_vec();
        let next = snapshot.read_main(from_index, max_bytes, &mut out).unwrap();
        prop_assert_eq!(next, from_index.max(1) + count);
        prop_assert_eq!(out, expected);
    }
}

#[test]
fn a_chain_read_in_parts_is_the_same_and_no_part_is_longer_than_wanted() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(7, 0));
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    let mut whole = Vec::new();
    snapshot.read_main(1, usize::MAX, &mut whole).unwrap();
    for max_bytes in [1, 2, 77, 300, 1_000, whole.len(), usize::MAX] {
        let mut parts = Vec::new();
        let mut place = TextPosition {
            height: 1,
            offset: 0,
        };
        while place.height <= snapshot.length() {
            if place.height > 1 && place.offset == 0 {
                parts.push(b',');
            }
            let before = parts.len();
            place = snapshot
                .read_main_in_parts(
                    place,
                    snapshot.length(),
                    Joint::Comma,
                    max_bytes,
                    &mut parts,
                )
                .unwrap();
            assert!(parts.len() - before <= max_bytes);
        }
        assert_eq!(parts, whole, "in parts of {max_bytes} bytes");
    }
}

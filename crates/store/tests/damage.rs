//! Files that are not as they were written: torn ends are cut, anything else is
//! refused with advice on what to do.

use std::fs::{self, OpenOptions};
use std::path::Path;

use adit_store::{Durability, Limits, Store, StoreError, reindex};
use tempfile::{TempDir, tempdir};

use crate::world::{World, chain, copy, lines};

const SEGMENT: &str = "blocks/000001.jsonl";

/// A folder with seven blocks, of which the index covers four.
fn folder_of_seven() -> TempDir {
    let folder = tempdir().unwrap();
    let blocks = chain(7, 0);
    let mut world = World::open(folder.path());
    world.add_all(&blocks[..4]);
    world.checkpoint(&[]);
    world.add_all(&blocks[4..]);
    world.sync();
    folder
}

fn change_log(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(SEGMENT);
    let mut text = fs::read(&path).unwrap();
    change(&mut text);
    fs::write(&path, text).unwrap();
}

fn refusal(folder: &Path) -> String {
    let error = World::try_open(folder, Durability::None, Limits::default());
    let error = error.err().expect("the folder should be refused");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    error.to_string()
}

#[test]
fn a_log_torn_at_any_byte_of_its_last_line_ends_before_it() {
    let whole = folder_of_seven();
    let text = fs::read(whole.path().join(SEGMENT)).unwrap();
    let last_line = lines(whole.path()).pop().unwrap();
    let start = text.len() - last_line.len() - 1;
    for end in start..text.len() {
        let torn = tempdir().unwrap();
        copy(whole.path(), torn.path());
        change_log(torn.path(), |text| text.truncate(end));
        let world = World::open_with(torn.path(), Durability::None, Limits::default());
        assert_eq!(world.tree.length(), 6, "cut at {end}");
        world.check();
        assert_eq!(fs::read(torn.path().join(SEGMENT)).unwrap(), text[..start]);
        let aside = torn.path().join(format!("blocks/000001.torn-{start}"));
        match end > start {
            true => assert_eq!(fs::read(aside).unwrap(), text[start..end]),
            false => assert!(!aside.exists()),
        }
    }
}

#[test]
fn after_a_torn_line_the_log_goes_on() {
    let folder = folder_of_seven();
    change_log(folder.path(), |text| text.truncate(text.len() - 9));
    let blocks = chain(9, 0);
    let mut world = World::open(folder.path());
    world.add_all(&blocks[6..]);
    world.sync();
    drop(world);
    let world = World::open(folder.path());
    assert_eq!(world.tree.arrived, blocks);
    world.check_snapshot();
}

#[test]
fn garbage_as_the_last_line_is_cut() {
    for garbage in [
        b"garbage\n".as_slice(),
        b"\n",
        b"\0\0\0\0",
        b"\0\0\0\0\n",
        b"[1, 2]\n",
        b"{\"index\": 8, \"pro\0\0\0\0}\n",
        b"{\"index\": 8",
    ] {
        let folder = folder_of_seven();
        change_log(folder.path(), |text| text.extend_from_slice(garbage));
        let world = World::open(folder.path());
        assert_eq!(world.tree.length(), 7, "{garbage:?}");
        world.check();
    }
}

#[test]
fn a_last_line_that_was_whole_and_has_changed_is_not_taken_for_a_torn_one() {
    let whole = folder_of_seven();
    let text = fs::read(whole.path().join(SEGMENT)).unwrap();
    let last_line = lines(whole.path()).pop().unwrap();
    let start = text.len() - last_line.len() - 1;
    let place = format!("at byte {start}");
    // A name's quote, the first brace, the last one.
    for at in [start + 1, start, text.len() - 2] {
        let changed = tempdir().unwrap();
        copy(whole.path(), changed.path());
        change_log(changed.path(), |text| text[at] ^= 4);
        let said = refusal(changed.path());
        assert!(said.contains(&place), "{said}");
        let kept = fs::read(changed.path().join(SEGMENT)).unwrap();
        assert_eq!(kept.len(), text.len());
    }
    for line in ["{\"b\": 1, \"a\": 2}", "{\"a\":1}", "{\"a\": 1} "] {
        let changed = tempdir().unwrap();
        copy(whole.path(), changed.path());
        let line = format!("{line}\n");
        change_log(changed.path(), |text| {
            text.extend_from_slice(line.as_bytes())
        });
        refusal(changed.path());
    }
}

#[test]
fn a_newline_that_has_changed_at_the_end_of_the_log_is_put_back() {
    for is_covered in [false, true] {
        let folder = folder_of_seven();
        if is_covered {
            let mut world = World::open(folder.path());
            world.checkpoint(&[]);
        }
        let text = fs::read(folder.path().join(SEGMENT)).unwrap();
        change_log(folder.path(), |text| *text.last_mut().unwrap() ^= 1);
        let world = World::open(folder.path());
        assert_eq!(world.tree.length(), 7);
        world.check();
        assert_eq!(fs::read(folder.path().join(SEGMENT)).unwrap(), text);
    }
}

#[test]
fn a_torn_line_longer_than_a_read_step_is_cut() {
    let folder = folder_of_seven();
    let torn = vec![b'x'; 300_000];
    change_log(folder.path(), |text| text.extend_from_slice(&torn));
    let world = World::open(folder.path());
    world.check();
    assert_eq!(world.tree.length(), 7);
}

#[test]
fn a_first_segment_that_is_one_torn_line_is_cut_to_nothing() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("blocks")).unwrap();
    fs::write(folder.path().join(SEGMENT), b"{\"index\": 1").unwrap();
    let world = World::open(folder.path());
    assert_eq!(world.tree.length(), 0);
    world.check();
}

#[test]
fn a_bad_line_in_the_middle_is_refused() {
    let folder = folder_of_seven();
    let lines = lines(folder.path());
    let offset: usize = lines[..5].iter().map(|line| line.len() + 1).sum();
    change_log(folder.path(), |text| text[offset + 20] = 0);
    let message = refusal(folder.path());
    assert!(message.contains(SEGMENT), "{message}");
    assert!(message.contains(&format!("at byte {offset}:")), "{message}");
    assert!(
        message.contains(&format!("truncate -s {offset} ")),
        "{message}"
    );
}

#[test]
fn a_log_shorter_than_the_index_knows_is_refused_and_can_be_indexed_anew() {
    let folder = folder_of_seven();
    let two: usize = lines(folder.path())[..2]
        .iter()
        .map(|line| line.len() + 1)
        .sum();
    change_log(folder.path(), |text| text.truncate(two));
    let message = refusal(folder.path());
    assert!(message.contains("the block log ends here"), "{message}");
    assert!(message.contains("adit chain reindex"), "{message}");
    reindex(folder.path(), "a test").unwrap();
    let mut world = World::open(folder.path());
    assert_eq!(world.tree.length(), 2);
    world.check();
    // The pending log was rewritten behind this place; what comes now must
    // count as unknown to it all the same.
    world.add_all(&chain(3, 0)[2..]);
    world.sync();
    drop(world);
    let world = World::open(folder.path());
    assert_eq!(world.replayed.len(), 1);
    assert!(world.replayed[0].after_pending);
}

#[test]
fn a_log_cut_within_a_line_that_the_index_knows_is_refused() {
    let folder = folder_of_seven();
    change_log(folder.path(), |text| text[..].fill(b'{'));
    let message = refusal(folder.path());
    assert!(message.contains("adit chain reindex"), "{message}");
}

#[test]
fn a_missing_segment_is_refused() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(40, 0));
    world.checkpoint(&[]);
    drop(world);
    fs::remove_file(folder.path().join("blocks/000002.jsonl")).unwrap();
    let message = refusal(folder.path());
    assert!(message.contains("000002.jsonl"), "{message}");
    assert!(message.contains("backup"), "{message}");
}

#[test]
fn a_segment_cut_behind_our_back_is_noticed_when_it_is_read() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.add_all(&chain(40, 0));
    world.checkpoint(&[]);
    drop(world);
    let first = folder.path().join(SEGMENT);
    OpenOptions::new()
        .write(true)
        .open(first)
        .unwrap()
        .set_len(1_000)
        .unwrap();
    let opened = Store::open(folder.path(), "a test", Durability::None).unwrap();
    let snapshot = opened.store.reader().snapshot().unwrap();
    let error = snapshot
        .read_main(1, usize::MAX, &mut Vec::new())
        .unwrap_err();
    assert!(error.to_string().contains("adit chain reindex"), "{error}");
}

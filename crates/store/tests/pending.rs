//! The waiting transactions survive, each once.

use std::fs;
use std::path::Path;

use adit_core::mempool::{Origin, Pending};
use adit_store::{Durability, Limits};
use tempfile::tempdir;

use crate::world::{World, chain, files, transaction};

fn accepted(numbers: impl IntoIterator<Item = u64>) -> Vec<Pending> {
    waiting(Origin::Accepted, numbers)
}

fn returned(numbers: impl IntoIterator<Item = u64>) -> Vec<Pending> {
    waiting(Origin::Returned, numbers)
}

fn waiting(origin: Origin, numbers: impl IntoIterator<Item = u64>) -> Vec<Pending> {
    let texts = numbers.into_iter().map(transaction);
    texts.map(|text| Pending { text, origin }).collect()
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files = files(&folder.join("pending"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.pop().unwrap()
}

#[test]
fn accepted_transactions_wait_again_after_a_restart() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    world.accept(1);
    world.accept(2);
    world.accept(2);
    world.sync();
    drop(world);
    let mut world = World::open(folder.path());
    assert_eq!(world.pending, accepted([1, 2, 2]));
    world.accept(3);
    world.sync();
    drop(world);
    assert_eq!(World::open(folder.path()).pending, accepted([1, 2, 2, 3]));
}

#[test]
fn a_checkpoint_writes_the_log_anew() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    let blocks = chain(4, 0);
    (1..=5).for_each(|number| world.accept(number));
    world.add_all(&blocks[..2]);
    let left = [returned([9]), accepted([4, 5])].concat();
    world.checkpoint(&left);
    let end = world.store.log_end();
    let name = format!("{:06}-{:012}.jsonl", end.segment, end.offset);
    assert_eq!(
        only_file(folder.path()).file_name().unwrap().to_str(),
        Some(&*name)
    );
    world.accept(6);
    world.add_all(&blocks[2..]);
    world.sync();
    drop(world);
    let world = World::open(folder.path());
    assert_eq!(world.pending, [left, accepted([6])].concat());
    let after: Vec<bool> = world
        .replayed
        .iter()
        .map(|next| next.after_pending)
        .collect();
    assert_eq!(after, [true, true]);
}

#[test]
fn a_last_line_of_the_pending_log_that_has_changed_is_not_taken_for_a_torn_one() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    world.accept(1);
    world.accept(2);
    world.sync();
    drop(world);
    let path = folder.path().join("pending/000001-000000000000.jsonl");
    let text = fs::read(&path).unwrap();
    let start = text.len() / 2;
    // In the name before the transaction, in that of its sum, the last brace.
    for at in [start + 3, text.len() - 17, text.len() - 2] {
        let mut changed = text.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let refused = World::try_open(folder.path(), Durability::None, Limits::default());
        let error = refused.err().expect("it has changed").to_string();
        assert!(error.contains(&format!("at byte {start}")), "{error}");
        assert!(fs::read(&path).unwrap() == changed);
    }
    let mut changed = text.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, &changed).unwrap();
    assert_eq!(World::open(folder.path()).pending, accepted([1, 2]));
    assert!(fs::read(&path).unwrap() == text);
}

#[test]
fn a_torn_pending_log_loses_its_last_line_only() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    (1..=3).for_each(|number| world.accept(number));
    world.sync();
    drop(world);
    let path = only_file(folder.path());
    let text = fs::read(&path).unwrap();
    let before_last = text.len() * 2 / 3;
    assert_eq!(text[before_last - 1], b'\n');
    for end in before_last..text.len() {
        fs::write(&path, &text[..end]).unwrap();
        let mut world = World::open_with(folder.path(), Durability::None, Limits::default());
        assert_eq!(world.pending, accepted([1, 2]), "cut at {end}");
        world.accept(4);
        world.sync();
        drop(world);
        let world = World::open_with(folder.path(), Durability::None, Limits::default());
        assert_eq!(world.pending, accepted([1, 2, 4]), "cut at {end}");
    }
    fs::write(&path, [&text, b"garbage\n".as_slice()].concat()).unwrap();
    assert_eq!(World::open(folder.path()).pending, accepted([1, 2, 3]));
}

#[test]
fn a_bad_line_in_the_middle_is_refused() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    (1..=3).for_each(|number| world.accept(number));
    world.sync();
    drop(world);
    let path = only_file(folder.path());
    let mut text = fs::read(&path).unwrap();
    text[1] = b'x';
    fs::write(&path, text).unwrap();
    let error = World::try_open(folder.path(), Durability::Full, Limits::default());
    let message = error.err().unwrap().to_string();
    assert!(message.contains("delete this line"), "{message}");
}

#[test]
fn older_and_half_made_files_are_deleted() {
    let folder = tempdir().unwrap();
    let mut world = World::open(folder.path());
    world.add_all(&chain(2, 0));
    world.checkpoint(&accepted([1]));
    drop(world);
    let newest = only_file(folder.path());
    let old = folder.path().join("pending/000001-000000000000.jsonl");
    let half = newest.with_added_extension("tmp");
    fs::write(old, b"{\"accepted\": {}}\n").unwrap();
    fs::write(half, b"{\"accepted\"").unwrap();
    assert_eq!(World::open(folder.path()).pending, accepted([1]));
    assert_eq!(only_file(folder.path()), newest);
}

#[test]
fn a_checkpoint_is_due_when_there_is_something_to_gain() {
    let folder = tempdir().unwrap();
    let mut world = World::open_with(folder.path(), Durability::None, Limits::default());
    assert!(!world.store.needs_checkpoint());
    (0..60_000).for_each(|number| world.accept(number));
    assert!(
        !world.store.needs_checkpoint(),
        "no block has taken any of them"
    );
    let blocks = chain(1_030, 0);
    world.add(&blocks[0]);
    assert!(world.store.needs_checkpoint());
    world.checkpoint(&[]);
    assert!(!world.store.needs_checkpoint());
    world.add_all(&blocks[1..1_025]);
    assert!(!world.store.needs_checkpoint());
    world.add_all(&blocks[1_025..]);
    assert!(world.store.needs_checkpoint());
}

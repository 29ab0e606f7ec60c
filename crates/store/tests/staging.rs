//! Offered blocks come back as they were pushed, from memory or from a file.

use std::fs;
use std::thread;

use adit_store::{STAGING_MEMORY_LIMIT_BYTES, Staging, StoreError};
use tempfile::tempdir;

use crate::world::{World, files};

fn text(number: u32, length_bytes: usize) -> Vec<u8> {
    let digits = number.to_string().into_bytes();
    digits.iter().copied().cycle().take(length_bytes).collect()
}

#[test]
fn texts_come_back_in_order_from_memory() {
    let folder = tempdir().unwrap();
    let mut staging = Staging::new(folder.path());
    (0..100).for_each(|number| staging.push(&text(number, number as usize)).unwrap());
    assert_eq!(staging.count(), 100);
    assert!(!folder.path().join("staging").exists());
    let texts: Vec<_> = staging.into_texts().unwrap().map(Result::unwrap).collect();
    assert_eq!(
        texts,
        (0..100)
            .map(|number| text(number, number as usize))
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_texts_so_far_are_read_again_while_more_are_pushed() {
    let folder = tempdir().unwrap();
    let mut staging = Staging::with_limits(folder.path(), 2_000, 1_000_000);
    for number in 0..50 {
        staging.push(&text(number, 100)).unwrap();
        let texts: Vec<_> = staging.texts().unwrap().map(Result::unwrap).collect();
        let expected: Vec<_> = (0..=number).map(|number| text(number, 100)).collect();
        assert_eq!(texts, expected);
    }
    assert_eq!(
        staging.into_texts().unwrap().map(Result::unwrap).count(),
        50
    );
}

#[test]
fn more_than_fits_in_memory_goes_through_a_file_on_any_thread() {
    let folder = tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let count = (STAGING_MEMORY_LIMIT_BYTES / 100_000 * 3) as u32;
    let staging = thread::spawn(move || {
        let mut staging = Staging::new(&path);
        (0..count).for_each(|number| staging.push(&text(number, 100_000)).unwrap());
        staging
    });
    let texts = staging.join().unwrap().into_texts().unwrap();
    assert!(folder.path().join("staging").exists());
    assert!(
        files(&folder.path().join("staging")).is_empty(),
        "a file is left"
    );
    let mut read_count = 0;
    for (number, read) in (0..).zip(texts) {
        assert!(read.unwrap() == text(number, 100_000), "text {number}");
        read_count += 1;
    }
    assert_eq!(read_count, count);
}

#[test]
fn every_split_between_file_and_memory_gives_the_same_texts() {
    let folder = tempdir().unwrap();
    for memory_limit_bytes in 0..200 {
        let mut staging = Staging::with_limits(folder.path(), memory_limit_bytes, 10_000);
        (0..20).for_each(|number| staging.push(&text(number, 7)).unwrap());
        let texts: Vec<_> = staging.into_texts().unwrap().map(Result::unwrap).collect();
        assert_eq!(
            texts,
            (0..20).map(|number| text(number, 7)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_branch_beyond_the_limit_is_refused() {
    let folder = tempdir().unwrap();
    let mut staging = Staging::with_limits(folder.path(), 50, 1_000);
    let refused = (0..1_000).find_map(|number| staging.push(&text(number, 96)).err());
    let error = refused.unwrap();
    assert!(
        matches!(error, StoreError::StagingFull { limit_bytes: 1_000 }),
        "{error}"
    );
    assert_eq!(staging.count(), 10);
}

#[test]
fn leftovers_are_deleted_when_the_folder_is_opened() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("staging")).unwrap();
    fs::write(folder.path().join("staging/123-1"), b"left by a crash").unwrap();
    World::open(folder.path());
    assert!(files(&folder.path().join("staging")).is_empty());
}

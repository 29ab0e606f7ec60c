//! How large the index becomes, and how long it takes to write it and to look
//! things up in it: `cargo run --release --example index_load -- 1000000
//! import`. The blocks are the smallest of the classics. They come as a file is
//! imported (`import`), as a peer's chain is adopted (`adopt`), or one at a
//! time (`single`); in each case the index is rebuilt at the end, as after
//! `adit chain reindex`.

// What fails here is a failed measurement, and what it prints is the point.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::archive::{Archive, Change, Entry, MainChange};
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::rules::{Classic, Context, Rules, TemplateContent, Weight};
use adit_store::{Durability, Store};

/// This many look-ups are measured.
const LOOKS: u64 = 100_000;

/// A step of an adoption takes in about this many blocks, then everything is
/// synced.
const STEP_BLOCKS: u64 = 10_000;

const RULES: Classic = Classic::Published;

/// How the blocks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Import,
    Adopt,
    Single,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|text| text.parse().ok());
    let count: u64 = count.unwrap_or(100_000);
    let way = match arguments.next().as_deref() {
        Some("adopt") => Way::Adopt,
        Some("single") => Way::Single,
        _ => Way::Import,
    };
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), way, count);
    let start = cpu_time();
    let tip = fill(&mut store, count, way);
    tell(folder.path(), &format!("{way:?}"), start);
    ask(&store, tip, count);
    drop(store);

    let start = Instant::now();
    drop(open(folder.path(), way, count));
    println!("opened in {:.1?}", start.elapsed());

    adit_store::reindex(folder.path(), "a measurement").unwrap();
    let start = cpu_time();
    let mut store = open(folder.path(), way, count);
    store.checkpoint(std::iter::empty()).unwrap();
    tell(folder.path(), "made again", start);
}

fn tell(folder: &Path, what: &str, start: Duration) {
    let bytes = std::fs::metadata(folder.join("index.redb")).unwrap().len();
    let worked = cpu_time() - start;
    println!("{what}: {worked:.1?} of work, {} MB", bytes / 1_000_000);
}

/// Opens it, and indexes what the index does not cover.
fn open(folder: &Path, way: Way, count: u64) -> Store {
    // Nothing is different in the files, but it waits for no disk.
    let opened = Store::open(folder, "a measurement", Durability::None);
    let mut store = opened.unwrap().store;
    let mut has_left = false;
    while let Some(replayed) = store.next_unindexed().unwrap() {
        let block = Arc::new(RULES.read_canonical(replayed.text).unwrap());
        // The branch begins where the index falls back.
        has_left |= block.height() <= store.length();
        let main = match has_left {
            true => main_of(way, count, block.height()),
            false => MainChange::Extend,
        };
        store.index(&change(block, main)).unwrap();
    }
    store
}

/// How many blocks the chain has that is left when the other one is adopted.
fn left_length(count: u64) -> u64 {
    count / 100
}

/// What a block of the chain that is adopted does to the main chain.
fn main_of(way: Way, count: u64, index: u64) -> MainChange {
    let left = left_length(count);
    match way {
        Way::Adopt if index <= left => MainChange::Side,
        Way::Adopt if index == left + 1 => MainChange::Reorganise { fork: 1 },
        _ => MainChange::Extend,
    }
}

fn fill(store: &mut Store, count: u64, way: Way) -> Hash {
    let mut last = Arc::new(RULES.genesis(Duration::from_secs(1)));
    let genesis = change(Arc::clone(&last), MainChange::Extend);
    store.apply(&genesis).unwrap();
    store.checkpoint(std::iter::empty()).unwrap();
    if way == Way::Adopt {
        let mut tip = Arc::clone(&last);
        for index in 2..=left_length(count) {
            tip = block_after(&tip, index, 2);
            let change = change(Arc::clone(&tip), MainChange::Extend);
            store.apply(&change).unwrap();
        }
        store.checkpoint(std::iter::empty()).unwrap();
    }
    for index in 2..=count {
        last = block_after(&last, index, 1);
        let main = main_of(way, count, index);
        store.apply(&change(Arc::clone(&last), main)).unwrap();
        let is_due = match way {
            Way::Import => false,
            Way::Single => store.needs_checkpoint(),
            Way::Adopt => store.is_checkpoint_overdue(),
        };
        if way == Way::Single || way == Way::Adopt && index % STEP_BLOCKS == 0 {
            store.sync().unwrap();
        }
        if is_due {
            store.checkpoint(std::iter::empty()).unwrap();
        }
    }
    store.sync().unwrap();
    store.checkpoint(std::iter::empty()).unwrap();
    last.hash()
}

fn ask(store: &Store, tip: Hash, count: u64) {
    let snapshot = store.reader().snapshot().unwrap();
    assert_eq!(snapshot.tip(), Some(tip));
    let hashes: Vec<_> = (0..LOOKS)
        .map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count + 1)
        .map(|index| snapshot.main_hash(index).unwrap().unwrap())
        .collect();
    let start = cpu_time();
    for hash in &hashes {
        assert!(snapshot.entry(hash).unwrap().is_some());
    }
    let looked = cpu_time() - start;
    println!("a look-up by hash: {:.1?}", looked / LOOKS as u32);
    let start = cpu_time();
    for number in 0..LOOKS {
        let hash = Hash([number as u8; 32]);
        assert!(snapshot.entry(&hash).unwrap().is_none());
    }
    let looked = cpu_time() - start;
    println!("one of none: {:.1?}", looked / LOOKS as u32);
    let (start, mut out) = (cpu_time(), Vec::new());
    let mut next = 1;
    while next <= count {
        out.clear();
        next = snapshot.read_main(next, 256 * 1024, &mut out).unwrap();
    }
    println!("the whole chain read: {:.2?}", cpu_time() - start);
}

/// How long this thread has worked: others may have the processor in between.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split_whitespace().next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

fn block_after(last: &Arc<Block>, index: u64, seed: u64) -> Arc<Block> {
    let content = TemplateContent {
        now: Duration::from_secs(seed * 1_000_000_000 + index),
        transactions: Vec::new(),
        reward_to: "somebody".to_owned(),
    };
    let context = Context {
        parent: last.header(),
        grandparent: None,
        now: content.now,
    };
    Arc::new(RULES.complete(context, &content, 35_293))
}

fn change(block: Arc<Block>, main: MainChange) -> Change {
    Change::Block {
        entry: Entry {
            height: block.height(),
            parent: block.parent(),
            total_weight: Weight::from(block.height()),
        },
        block,
        main,
        accounts: Vec::new(),
    }
}

//! How long the store's usual work takes, on real files: see `cargo bench -p
//! adit-store`. TMPDIR chooses the disk.

#![allow(clippy::unwrap_used)]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::archive::{Change, Entry, MainChange};
use adit_core::block::Block;
use adit_core::rules::{Classic, Context, Rules, TemplateContent, Weight};
use adit_core::transaction::Submitted;
use adit_store::{Durability, Store};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::{TempDir, tempdir};

criterion_group!(benches, syncing, indexing, opening, reading);
criterion_main!(benches);

fn transaction(number: u64) -> Submitted {
    let text = format!(
        "{{\"amount\": {number}, \"recipient\": \"somebody who is paid\", \"sender\": \"payer\"}}"
    );
    Submitted::Text(text.into_bytes().into())
}

/// Blocks of about 1,100 bytes.
fn chain(length: u64) -> Vec<Change> {
    let mut parent = Arc::new(Classic::Published.genesis(Duration::from_secs(1_700_000_000)));
    let mut changes = vec![change(&parent)];
    for index in 2..=length {
        let content = TemplateContent {
            now: Duration::from_millis(1_700_000_000_000 + index),
            transactions: (0..12).map(transaction).collect(),
            reward_to: "miner".to_owned(),
        };
        let context = Context {
            parent: parent.header(),
            grandparent: None,
            now: content.now,
        };
        parent = Arc::new(Classic::Published.complete(context, &content, 35_293 + index));
        changes.push(change(&parent));
    }
    changes
}

fn change(block: &Arc<Block>) -> Change {
    Change::Block {
        block: Arc::clone(block),
        entry: Entry {
            height: block.height(),
            parent: block.parent(),
            total_weight: Weight::from(block.height()),
        },
        main: MainChange::Extend,
        accounts: Vec::new(),
    }
}

fn open(folder: &Path, durability: Durability) -> Store {
    let mut store = Store::open(folder, "a benchmark", durability)
        .unwrap()
        .store;
    while store.next_unindexed().unwrap().is_some() {}
    store
}

fn folder_with(changes: &[Change], checkpoint: bool) -> TempDir {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path(), Durability::None);
    for change in changes {
        store.apply(change).unwrap();
        if store.needs_checkpoint() {
            store.checkpoint(std::iter::empty()).unwrap();
        }
    }
    store.sync().unwrap();
    if checkpoint {
        store.checkpoint(std::iter::empty()).unwrap();
    }
    folder
}

fn syncing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply and sync");
    for count in [1, 100] {
        let folder = tempdir().unwrap();
        let mut store = open(folder.path(), Durability::Full);
        let changes: Vec<_> = (0..count)
            .map(|n| Change::Transaction(transaction(n)))
            .collect();
        group.bench_function(format!("{count} transactions"), |bencher| {
            bencher.iter(|| {
                changes
                    .iter()
                    .for_each(|change| store.apply(change).unwrap());
                store.sync().unwrap();
            });
        });
    }
    let changes = chain(60_000);
    for durability in [Durability::Full, Durability::None] {
        let folder = tempdir().unwrap();
        let mut store = open(folder.path(), durability);
        let mut next = changes.iter();
        group.bench_function(format!("1 block, {durability:?}"), |bencher| {
            bencher.iter_custom(|count| {
                let begin = Instant::now();
                for change in next.by_ref().take(count as usize) {
                    store.apply(change).unwrap();
                    store.sync().unwrap();
                    if store.needs_checkpoint() {
                        store.checkpoint(std::iter::empty()).unwrap();
                    }
                }
                begin.elapsed()
            });
        });
    }
    group.finish();
}

fn indexing(criterion: &mut Criterion) {
    let changes = chain(110_000);
    let mut group = criterion.benchmark_group("take in 10,000 blocks");
    group.sample_size(10);
    for (before, durability) in [
        (0, Durability::None),
        (100_000, Durability::None),
        (100_000, Durability::Full),
    ] {
        let whole = folder_with(&changes[..before], true);
        group.bench_function(format!("on {before}, {durability:?}"), |bencher| {
            bencher.iter_batched(
                || {
                    let folder = tempdir().unwrap();
                    copy(whole.path(), folder.path());
                    let store = open(folder.path(), durability);
                    (folder, store)
                },
                |(folder, mut store)| {
                    for change in &changes[before..before + 10_000] {
                        store.apply(change).unwrap();
                    }
                    store.sync().unwrap();
                    (folder, store)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn opening(criterion: &mut Criterion) {
    let changes = chain(100_000);
    let mut group = criterion.benchmark_group("open 100,000 blocks");
    group.sample_size(10);
    let clean = folder_with(&changes, true);
    group.bench_function("clean", |bencher| {
        bencher.iter(|| open(clean.path(), Durability::Full).length());
    });
    // Killed right after a checkpoint, and just before the next one.
    for since in [0, 1_000] {
        let killed = tempdir().unwrap();
        let folder = folder_with(&changes[..100_000 - since], true);
        let mut store = open(folder.path(), Durability::Full);
        for change in &changes[100_000 - since..] {
            store.apply(change).unwrap();
        }
        store.sync().unwrap();
        copy(folder.path(), killed.path());
        drop(store);
        group.bench_function(
            format!("killed {since} blocks after a checkpoint"),
            |bencher| {
                bencher.iter_batched(
                    || {
                        let folder = tempdir().unwrap();
                        copy(killed.path(), folder.path());
                        folder
                    },
                    |folder| {
                        let store = Store::open(folder.path(), "a benchmark", Durability::Full);
                        let mut store = store.unwrap().store;
                        let mut replayed = 0;
                        while let Some(next) = store.next_unindexed().unwrap() {
                            let block = Classic::Published.read_canonical(next.text).unwrap();
                            store.index(&change(&Arc::new(block))).unwrap();
                            replayed += 1;
                        }
                        assert_eq!(replayed, since);
                        (folder, store)
                    },
                    BatchSize::PerIteration,
                );
            },
        );
    }
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    let folder = folder_with(&chain(100_000), true);
    let store = open(folder.path(), Durability::None);
    let reader = store.reader();
    let mut group = criterion.benchmark_group("read");
    group.bench_function("snapshot", |bencher| {
        bencher.iter(|| reader.snapshot().unwrap())
    });
    let snapshot = reader.snapshot().unwrap();
    group.throughput(Throughput::Bytes(snapshot.main_bytes()));
    group.sample_size(20);
    for piece_bytes in [64 * 1024, 256 * 1024, 1024 * 1024] {
        group.bench_function(format!("all in pieces of {piece_bytes} bytes"), |bencher| {
            bencher.iter(|| {
                let mut next = 1;
                while next <= snapshot.length() {
                    let mut piece = Vec::with_capacity(piece_bytes + 64);
                    next = snapshot.read_main(next, piece_bytes, &mut piece).unwrap();
                    black_box(piece);
                }
            });
        });
    }
    group.finish();
}

/// What a killed process leaves.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => {
                fs::copy(&path, &target).unwrap();
                // Or the next sync, which is measured, would wait for it.
                fs::File::open(&target).unwrap().sync_all().unwrap();
            }
        }
    }
}

//! The speed of every kernel that this processor has, and of one block of
//! `sha2`, on a puzzle of each rule set's shape; then the fastest on several
//! threads. `adit bench pow` prints the same as a table, measured in turns.

use std::hint::black_box;
use std::thread;

use adit_pow::measure::{BASELINE, puzzles};
use adit_pow::{Kernel, Search};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What one sample searches without finding anything: the last of all numbers.
const GUESSES: u64 = 100_000;

fn kernels(criterion: &mut Criterion) {
    let available = || {
        Kernel::ALL
            .into_iter()
            .filter(|kernel| kernel.is_available())
    };
    for (shape, puzzle) in puzzles() {
        let mut group = criterion.benchmark_group(shape);
        group.throughput(Throughput::Elements(GUESSES));
        for kernel in available() {
            group.bench_function(kernel.name(), |bench| {
                bench.iter(|| {
                    let search = Search::new(&puzzle, u64::MAX - (GUESSES - 1), kernel);
                    search.work();
                    assert_eq!(search.found(), None);
                });
            });
        }
        for threads in [1, 2] {
            group.bench_function(format!("fastest, {threads} threads"), |bench| {
                bench.iter(|| {
                    let first = u64::MAX - (GUESSES - 1);
                    let search = Search::new(&puzzle, first, Kernel::fastest());
                    thread::scope(|scope| {
                        for _ in 0..threads {
                            scope.spawn(|| search.work());
                        }
                    });
                });
            });
        }
        group.finish();
    }

    let mut group = criterion.benchmark_group("baseline");
    group.throughput(Throughput::Elements(1));
    let block = [b'0'; 64];
    group.bench_function(BASELINE, |bench| {
        bench.iter(|| {
            let mut state = [0; 8];
            sha2::block_api::compress256(black_box(&mut state), black_box(&[block]));
            state
        });
    });
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);

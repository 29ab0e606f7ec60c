//! How many headers a second are checked and kept, on one core, and what a bad
//! one costs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Change, Entry, MainChange, MemoryArchive};
use adit_core::hash::sha256;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Account, CompactHeader, Params};
use adit_net::branch::Place;
use adit_net::header_tree::HeaderTree;
use adit_net::message::HEADERS_MESSAGE_LIMIT;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ruint::aliases::U256;

const START: Duration = Duration::from_millis(1_795_300_000_000);

fn archive_of(rules: &Sealed) -> MemoryArchive {
    let genesis = Arc::new(rules.genesis(Duration::ZERO));
    let mut archive = MemoryArchive::default();
    archive.apply(&Change::Block {
        entry: Entry {
            height: 1,
            parent: None,
            total_weight: rules.weight(genesis.header()),
        },
        main: MainChange::Extend,
        accounts: rules
            .apply(&genesis, &|_| Account::default())
            .expect("it is valid"),
        block: genesis,
    });
    archive
}

/// The records of a chain; in one of 16 guesses is a proof.
fn chain(rules: &Sealed, archive: &MemoryArchive, count: u64) -> Vec<CompactHeader> {
    let place = Place::in_archive(&rules.genesis_hash(), archive);
    let mut place = place.expect("in memory").expect("it is there");
    let next = |number: u64| {
        let made = (0..).find_map(|proof| {
            let record = CompactHeader {
                merkle_root: sha256(&number.to_be_bytes()),
                timestamp_ms: 1_795_300_000_000 + (number + 1) * 10_000,
                proof,
            };
            place.step(rules, &record).ok().map(|_| record)
        });
        made.expect("there is a proof")
    };
    (0..count).map(next).collect()
}

fn headers(criterion: &mut Criterion) {
    let params = Params {
        initial_target: U256::MAX >> 4,
        pow_limit: U256::MAX,
        ..Params::defaults("bench")
    };
    let rules = Arc::new(Sealed::with_params(params, START).expect("they are in bounds"));
    let archive = archive_of(&rules);
    let records = chain(&rules, &archive, 20_000);
    let mut group = criterion.benchmark_group("headers");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("checked and kept", |bencher| {
        bencher.iter(|| {
            let mut tree = HeaderTree::new(rules.clone());
            let mut start = rules.genesis_hash();
            for run in records.chunks(HEADERS_MESSAGE_LIMIT) {
                let run = tree.check(start, run, &archive).expect("they are valid");
                let inserted = tree.insert(Duration::MAX, &run, &archive);
                assert_eq!(inserted.expect("in memory").new.len(), run.len());
                start = run.last().expect("it has some").hash();
            }
            black_box(tree.len())
        });
    });
    group.finish();

    let tree = HeaderTree::new(rules.clone());
    let mut bad = records[0];
    bad.proof = (0..)
        .find(|proof| {
            let record = CompactHeader {
                proof: *proof,
                ..bad
            };
            tree.check(rules.genesis_hash(), &[record], &archive)
                .is_err()
        })
        .expect("most are none");
    criterion.bench_function("a header of bad work", |bencher| {
        bencher.iter(|| black_box(tree.check(rules.genesis_hash(), &[bad], &archive)).is_err());
    });
}

criterion_group!(benches, headers);
criterion_main!(benches);

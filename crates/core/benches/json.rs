//! Throughput of canonical JSON on one block of a chain, in the shapes that
//! peers send it.

use std::hint::black_box;

use adit_core::json::canonical;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const HASH: &str = "00009c3fd8ad8ef1d5a2a8d8b8ef2f0e0d9f31c1f9a0f9f3a7d4b3c0c6f1e2ab";
const SENDER: &str = "8f14e45fceea167a5a36dedd4bea2543";
const RECIPIENT: &str = "c9f0f895fb98ab9159f51fd0297e236d";
const TRANSACTIONS: usize = 10;

fn canonical_block() -> String {
    let transaction =
        format!(r#"{{"amount": 5, "recipient": "{RECIPIENT}", "sender": "{SENDER}"}}"#);
    let transactions = vec![transaction; TRANSACTIONS].join(", ");
    format!(
        r#"{{"index": 7, "previous_hash": "{HASH}", "proof": 35293, "timestamp": 1508195432.1234567, "transactions": [{transactions}]}}"#
    )
}

/// As the tutorial's node serves it: sorted, but without spaces.
fn compact_block() -> String {
    canonical_block().replace(": ", ":").replace(", ", ",")
}

fn shuffled_compact_block() -> String {
    let transaction = format!(r#"{{"sender":"{SENDER}","recipient":"{RECIPIENT}","amount":5}}"#);
    let transactions = vec![transaction; TRANSACTIONS].join(",");
    format!(
        r#"{{"transactions":[{transactions}],"proof":35293,"timestamp":1508195432.1234567,"index":7,"previous_hash":"{HASH}"}}"#
    )
}

fn unicode_block() -> String {
    let transaction = r#"{"amount": 5, "note": "Überweisung für 日本語のテスト 😀 – naïve café", "recipient": "Жанна", "sender": "名無し"}"#;
    let transactions = [transaction; TRANSACTIONS].join(", ");
    format!(r#"{{"index": 7, "proof": 35293, "transactions": [{transactions}]}}"#)
}

fn throughput(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("canonical");
    for (name, text) in [
        ("canonical block", canonical_block()),
        ("compact block", compact_block()),
        ("shuffled compact block", shuffled_compact_block()),
        ("unicode block", unicode_block()),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            text.as_bytes(),
            |bench, text| {
                bench.iter(|| canonical(black_box(text), usize::MAX));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);

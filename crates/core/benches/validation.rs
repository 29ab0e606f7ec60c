//! Throughput of checking a peer's chain as it comes: the body of a `GET
//! /chain` of 1,000 blocks of 10 transactions, of which we have none yet.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::MemoryArchive;
use adit_core::rules::{Classic, Context, Rules, TemplateContent, Weight};
use adit_core::sync::{ChainReader, ChainValidation};
use adit_core::transaction::Submitted;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BLOCKS: u64 = 1_000;
const SENDER: &str = "8f14e45fceea167a5a36dedd4bea2543";
const RECIPIENT: &str = "c9f0f895fb98ab9159f51fd0297e236d";

/// The answer comes in pieces of this length.
const PIECE_BYTES: usize = 16 * 1024;

/// Mines the chain; under the later rules that takes some seconds.
fn answer(rules: &dyn Rules) -> Vec<u8> {
    let mut parent = rules.genesis(Duration::from_millis(1_508_195_432_125));
    let mut answer = br#"{"chain": ["#.to_vec();
    answer.extend_from_slice(parent.text());
    for index in 2..=BLOCKS {
        let payment = |amount: u64| {
            let text = format!(
                r#"{{"amount": {amount}, "recipient": "{RECIPIENT}", "sender": "{SENDER}"}}"#
            );
            Submitted::Text(text.into_bytes().into())
        };
        // The reward is the tenth.
        let content = TemplateContent {
            now: Duration::from_millis(1_508_195_432_125 + 10_007 * index),
            transactions: (1..10).map(payment).collect(),
            reward_to: SENDER.to_owned(),
        };
        let context = Context {
            parent: parent.header(),
            grandparent: None,
            now: content.now,
        };
        let puzzle = rules.puzzle(context, &content);
        let proof = (0..).find(|proof| puzzle.is_solved_by(*proof));
        parent = rules.complete(context, &content, proof.unwrap_or_default());
        answer.extend_from_slice(b", ");
        answer.extend_from_slice(parent.text());
    }
    answer.extend_from_slice(format!(r#"], "length": {BLOCKS}}}"#).as_bytes());
    answer
}

fn check(rules: &Arc<dyn Rules>, answer: &[u8]) -> Weight {
    let ours = MemoryArchive::default();
    let mut validation = ChainValidation::new(Arc::clone(rules), ChainReader::of_answer());
    for piece in answer.chunks(PIECE_BYTES) {
        validation.feed(piece);
        while let Some(block) = validation
            .next_block(Duration::ZERO, &ours)
            .expect("it is valid")
        {
            black_box(block);
        }
    }
    validation.end();
    while let Some(block) = validation
        .next_block(Duration::ZERO, &ours)
        .expect("it is valid")
    {
        black_box(block);
    }
    validation.finish().expect("it is not empty").weight
}

fn throughput(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("validation");
    for rules in [Classic::Published, Classic::Of2018] {
        let answer = answer(&rules);
        let name = rules.name();
        let rules: Arc<dyn Rules> = Arc::new(rules);
        assert_eq!(check(&rules, &answer), Weight::from(BLOCKS));
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            answer.as_slice(),
            |bench, answer| bench.iter(|| check(&rules, black_box(answer))),
        );
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);

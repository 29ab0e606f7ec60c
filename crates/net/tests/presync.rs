//! A header chain that has to show its work before it is kept.

use std::time::Duration;

use adit_core::rules::Weight;
use adit_net::branch::KnownHeader;
use adit_net::dice::Dice;
use adit_net::presync::{Presync, PresyncError, REDOWNLOAD_LIMIT_COUNT};

use crate::world::{Grove, LATER, START_MS, next_header, records, run_behind};

const RUN: usize = 2_000;

/// Everything that a peer with these headers sends, until it has no more or is
/// refused. Returns what was proven, and the most memory that it took.
fn fetch(
    grove: &Grove,
    presync: &mut Presync,
    first: &[KnownHeader],
    again: &[KnownHeader],
) -> (Result<Vec<KnownHeader>, PresyncError>, usize) {
    let (mut proven, mut most) = (Vec::new(), 0);
    loop {
        let chain = if presync.is_again() { again } else { first };
        let next = presync.next();
        let at = chain.iter().position(|header| header.hash() == next);
        let rest = &chain[at.map_or(0, |at| at + 1)..];
        let run = &rest[..rest.len().min(RUN)];
        let progress = presync.take(&grove.rules, &records(run), run.len() == RUN);
        most = most.max(presync.memory_bytes());
        match progress {
            Err(error) => return (Err(error), most),
            Ok(progress) => {
                proven.extend(progress.proven);
                if progress.next.is_none() {
                    return (Ok(proven), most);
                }
            }
        }
    }
}

fn begin(grove: &Grove, threshold: Weight, now: Duration) -> Presync {
    let place = grove.place(grove.genesis());
    Presync::begin(
        place,
        threshold,
        grove.rules.params(),
        now,
        &mut Dice::new([3; 16]),
    )
}

#[test]
fn a_chain_with_enough_work_is_taken_the_second_time() {
    let grove = Grove::new(1);
    let run = run_behind(
        &grove.rules,
        grove.place(grove.genesis()),
        25_000,
        10_000,
        0,
    );
    let threshold = run[24_000].total_weight;
    let mut presync = begin(&grove, threshold, LATER);
    let (proven, most) = fetch(&grove, &mut presync, &run, &run);
    assert_eq!(proven.unwrap(), run);
    let held = (REDOWNLOAD_LIMIT_COUNT + RUN) * size_of::<KnownHeader>();
    assert!(most < held + 1_000, "{most} bytes");
}

#[test]
fn a_chain_with_too_little_work_leaves_nothing_but_bits() {
    let grove = Grove::new(1);
    let run = run_behind(
        &grove.rules,
        grove.place(grove.genesis()),
        20_000,
        10_000,
        0,
    );
    let threshold = run[19_999].total_weight + Weight::ONE;
    let mut presync = begin(&grove, threshold, LATER);
    let (proven, most) = fetch(&grove, &mut presync, &run, &run);
    assert!(matches!(proven, Err(PresyncError::TooLittleWork { .. })));
    assert!(most < 100, "{most} bytes");
}

#[test]
fn whoever_sends_another_chain_the_second_time_is_found_out() {
    let grove = Grove::new(1);
    let place = grove.place(grove.genesis());
    let good = run_behind(&grove.rules, place, 20_000, 10_000, 0);
    // It parts from the good one, and its headers are as cheap as before.
    let mut other = good[..3_000].to_vec();
    let mut at = grove.place(grove.genesis());
    for header in &other {
        at.step(&grove.rules, &header.record).unwrap();
    }
    other.extend((0..17_000).map(|salt| next_header(&grove.rules, &mut at, 10_000, 90_000 + salt)));
    let mut presync = begin(&grove, good[19_000].total_weight, LATER);
    let (proven, _) = fetch(&grove, &mut presync, &good, &other);
    let error = proven.unwrap_err();
    let PresyncError::Changed { height } = error else {
        panic!("{error}");
    };
    // Each bit finds it out with one half.
    assert!((3_001..3_000 + 256 * 40).contains(&height), "{height}");
}

#[test]
fn no_more_headers_are_counted_than_can_have_been_found_by_now() {
    let grove = Grove::new(1);
    let now = Duration::from_millis(START_MS + 3_600_000);
    // Twice an hour's, and what 256 halvings of the target allow.
    let limit = 2 * (3_660_000 + 256 * 300_000) / 10_000;
    let run = run_behind(
        &grove.rules,
        grove.place(grove.genesis()),
        limit + RUN as u64,
        10_000,
        0,
    );
    let mut presync = begin(&grove, Weight::MAX, now);
    let (proven, most) = fetch(&grove, &mut presync, &run, &run);
    assert_eq!(proven, Err(PresyncError::TooLong { limit }));
    assert!(most < 100, "{most} bytes");
}

/// At length: `cargo test --release -p adit-net -- --ignored`.
#[test]
#[ignore = "a campaign of minutes"]
fn three_million_headers_of_little_work_leave_two_megabytes_at_most() {
    let grove = Grove::new(1);
    let mut place = grove.place(grove.genesis());
    let mut presync = begin(&grove, Weight::MAX, LATER);
    let mut most = 0;
    for number in 0..1_500 {
        let run: Vec<_> = (0..RUN as u64)
            .map(|salt| next_header(&grove.rules, &mut place, 10_000, number * RUN as u64 + salt))
            .collect();
        let progress = presync.take(&grove.rules, &records(&run), true).unwrap();
        assert!(progress.proven.is_empty());
        most = most.max(presync.memory_bytes());
    }
    assert!(most < 2_000_000, "{most} bytes");
    assert!(!presync.is_again());
}

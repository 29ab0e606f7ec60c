//! What the search promises: here for the plain call, in `kernels` for each
//! kernel, in `threads` for many threads at one puzzle.

mod kernels;
mod threads;

use std::sync::atomic::AtomicBool;

use adit_core::puzzle::{FOUR_HEX_ZEROS, Puzzle};
use adit_pow::search;
use proptest::prelude::*;

static GO: AtomicBool = AtomicBool::new(false);

pub(crate) fn classic(last_proof: u64) -> Puzzle {
    Puzzle {
        prefix: last_proof.to_string().into_bytes(),
        suffix: Vec::new(),
        target: FOUR_HEX_ZEROS,
    }
}

#[test]
#[cfg_attr(miri, ignore = "millions of guesses")]
fn finds_the_tutorials_sequence_of_proofs() {
    let text = include_str!("../../core/tests/vectors/classic_proofs.json");
    let proofs: Vec<u64> = serde_json::from_str(text).unwrap();
    assert!(proofs.len() > 100);
    for pair in proofs.windows(2) {
        assert_eq!(
            search(&classic(pair[0]), 0, &GO),
            Some(pair[1]),
            "after {}",
            pair[0]
        );
    }
}

#[test]
fn stops_when_told_to() {
    let impossible = Puzzle {
        target: [0; 32],
        ..classic(100)
    };
    assert_eq!(search(&impossible, 0, &AtomicBool::new(true)), None);
}

#[test]
fn ends_at_the_greatest_number_of_64_bits() {
    let impossible = Puzzle {
        target: [0; 32],
        ..classic(100)
    };
    assert_eq!(search(&impossible, u64::MAX - 10, &GO), None);
    let trivial = Puzzle {
        target: [0xff; 32],
        ..classic(100)
    };
    assert_eq!(search(&trivial, u64::MAX, &GO), Some(u64::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }) })]

    /// What is found solves the puzzle, and nothing before it does.
    #[test]
    fn finds_the_smallest_proof(
        prefix in prop::collection::vec(any::<u8>(), 0..150),
        suffix in prop::collection::vec(any::<u8>(), 0..150),
        first_byte in 1..32u8,
        start in prop_oneof![Just(0), 90..110u64, any::<u32>().prop_map(u64::from)],
    ) {
        let mut target = [0xff; 32];
        target[0] = first_byte;
        let puzzle = Puzzle { prefix, suffix, target };
        let found = search(&puzzle, start, &GO).unwrap();
        let smallest = (start..).find(|proof| puzzle.is_solved_by(*proof)).unwrap();
        prop_assert_eq!(found, smallest);
    }
}

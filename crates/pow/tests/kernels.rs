//! Every kernel that this processor has finds what `sha2` finds: all of it, and
//! nothing else, wherever the digits stand in their block.

use adit_core::puzzle::{FOUR_HEX_ZEROS, Puzzle};
use adit_pow::{Kernel, Search};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::classic;

/// Miri is some thousand times slower.
const CASES: u32 = if cfg!(miri) { 2 } else { 400 };
/// This many guesses are looked at in each case.
const GUESSES: u64 = if cfg!(miri) { 20 } else { 400 };

pub(crate) fn available() -> impl Iterator<Item = Kernel> {
    Kernel::ALL
        .into_iter()
        .filter(|kernel| kernel.is_available())
}

fn found(puzzle: &Puzzle, start: u64, kernel: Kernel) -> Option<u64> {
    let search = Search::new(puzzle, start, kernel);
    search.work();
    search.found()
}

/// All proofs of a range that solve the puzzle, found by searching on behind
/// each.
fn all_found(puzzle: &Puzzle, from: u64, to: u64, kernel: Kernel) -> Vec<u64> {
    let mut proofs = Vec::new();
    let mut start = Some(from);
    while let Some(proof) = start.and_then(|start| found(puzzle, start, kernel)) {
        if proof > to {
            break;
        }
        proofs.push(proof);
        start = proof.checked_add(1);
    }
    proofs
}

fn hash(puzzle: &Puzzle, proof: u64) -> [u8; 32] {
    let message = [&puzzle.prefix, proof.to_string().as_bytes(), &puzzle.suffix].concat();
    Sha256::digest(message).into()
}

fn target(first_bytes: &[u8]) -> [u8; 32] {
    let mut target = [0xff; 32];
    target[..first_bytes.len()].copy_from_slice(first_bytes);
    target
}

/// Any length of the number, often where the length is about to change, or
/// where the four low digits carry, or at the end of the range.
fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0..=19_u32, 0..GUESSES)
            .prop_map(|(zeros, before)| 10_u64.pow(zeros).saturating_sub(before)),
        (0..64_u32, any::<u64>()).prop_map(|(shift, number)| number >> shift),
        (1..1_000_000_u64, 0..GUESSES).prop_map(|(tens, before)| tens * 10_000 - before),
        (0..2 * GUESSES).prop_map(|before| u64::MAX - before),
    ]
}

fn bytes(lengths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), lengths)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    /// One guess in fifty solves the puzzle: so whole lists can be compared.
    #[test]
    fn finds_every_proof_and_no_other(
        prefix in bytes(0..200),
        suffix in prop_oneof![Just(Vec::new()), bytes(0..130)],
        first_byte in 3..8_u8,
        start in starts(),
    ) {
        let puzzle = Puzzle { prefix, suffix, target: target(&[first_byte]) };
        let last = start.saturating_add(GUESSES);
        let expected: Vec<u64> = (start..=last).filter(|proof| hash(&puzzle, *proof) <= puzzle.target).collect();
        for kernel in available() {
            prop_assert_eq!(&all_found(&puzzle, start, last, kernel), &expected, "{}", kernel.name());
        }
    }

    /// The target is some guess's hash itself, and then one less than that.
    #[test]
    fn compares_the_whole_hash(prefix in bytes(0..70), suffix in bytes(0..70), start in starts()) {
        let mut puzzle = Puzzle { prefix, suffix, target: [0xff; 32] };
        // A small hash would make the second search long.
        let proof = (start..=u64::MAX).find(|proof| hash(&puzzle, *proof)[0] >= 8);
        prop_assume!(proof.is_some());
        let proof = proof.unwrap();
        puzzle.target = hash(&puzzle, proof);
        for kernel in available() {
            prop_assert_eq!(found(&puzzle, proof, kernel), Some(proof), "{}", kernel.name());
        }
        let last_not_zero = puzzle.target.iter().rposition(|byte| *byte != 0).unwrap();
        puzzle.target[last_not_zero] -= 1;
        puzzle.target[last_not_zero + 1..].fill(0xff);
        let expected = (proof..=u64::MAX).find(|proof| hash(&puzzle, *proof) <= puzzle.target);
        prop_assert_ne!(expected, Some(proof));
        for kernel in available() {
            prop_assert_eq!(found(&puzzle, proof, kernel), expected, "{}", kernel.name());
        }
    }
}

/// The digits begin at each byte of a block, with each number of digits; the
/// suffix fills no, half and more than a block.
#[test]
fn finds_the_proof_wherever_the_digits_stand() {
    for prefix in 0..=if cfg!(miri) { 0 } else { 64 } {
        for digits in (4..=20_u32).step_by(if cfg!(miri) { 8 } else { 1 }) {
            for suffix in [0, 40, 64] {
                let puzzle = Puzzle {
                    prefix: vec![b'p'; prefix],
                    suffix: vec![b's'; suffix],
                    target: target(&[0x0f]),
                };
                let start = 10_u64.pow(digits - 1);
                let expected = (start..).find(|proof| puzzle.is_solved_by(*proof));
                for kernel in available() {
                    assert_eq!(
                        found(&puzzle, start, kernel),
                        expected,
                        "{}: {prefix} bytes, {digits} digits, {suffix} bytes",
                        kernel.name()
                    );
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of guesses")]
fn finds_the_tutorials_first_proofs_with_every_kernel() {
    for kernel in available() {
        assert_eq!(
            found(&classic(100), 0, kernel),
            Some(35293),
            "{}",
            kernel.name()
        );
        assert_eq!(
            found(&classic(35293), 0, kernel),
            Some(35089),
            "{}",
            kernel.name()
        );
    }
}

/// The smallest proof whose hash's first word is zero, found by searching all.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of guesses")]
fn reaches_targets_whose_first_word_is_zero() {
    let mut puzzle = Puzzle {
        target: target(&[0, 0, 0, 0]),
        ..classic(100)
    };
    let proof = 58_320_128;
    assert_eq!(hash(&puzzle, proof)[..4], [0; 4]);
    for kernel in available() {
        assert_eq!(
            found(&puzzle, proof - 50_000, kernel),
            Some(proof),
            "{}",
            kernel.name()
        );
    }
    puzzle.target = hash(&puzzle, proof);
    for kernel in available() {
        assert_eq!(
            found(&puzzle, proof - 50_000, kernel),
            Some(proof),
            "{}",
            kernel.name()
        );
    }
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of guesses")]
fn ends_at_the_greatest_number_with_every_kernel() {
    let mut puzzle = Puzzle {
        target: [0; 32],
        ..classic(100)
    };
    for kernel in available() {
        puzzle.target = [0; 32];
        for guesses in [1, 17, 1616, 1617, 12_345] {
            let search = Search::new(&puzzle, u64::MAX - (guesses - 1), kernel);
            search.work();
            assert_eq!(search.found(), None, "{}", kernel.name());
            assert_eq!(search.guesses(), guesses, "{}", kernel.name());
            // A late thread finds nothing left to do.
            search.work();
            assert_eq!(search.guesses(), guesses, "{}", kernel.name());
        }
        puzzle.target = [0xff; 32];
        for start in [0, 9, 10, 999, 1000, 9_999, 10_000, u64::MAX] {
            assert_eq!(
                found(&puzzle, start, kernel),
                Some(start),
                "{}",
                kernel.name()
            );
        }
    }
}

#[test]
fn counts_the_guesses_up_to_the_proof() {
    for kernel in available() {
        let puzzle = Puzzle {
            target: target(&[0x0f]),
            ..classic(100)
        };
        let search = Search::new(&puzzle, 123_456, kernel);
        search.work();
        let proof = search.found().unwrap();
        assert_eq!(search.guesses(), proof - 123_456 + 1, "{}", kernel.name());
    }
}

#[test]
fn kernels_are_called_by_their_names() {
    for kernel in Kernel::ALL {
        assert_eq!(Kernel::by_name(kernel.name()), Some(kernel));
    }
    assert_eq!(Kernel::by_name("abacus"), None);
}

#[test]
fn there_is_always_a_kernel() {
    assert!(Kernel::Scalar.is_available());
    assert!(Kernel::fastest().is_available());
    assert_eq!(Kernel::fastest(), Kernel::fastest());
}

/// No processor has both of these.
#[test]
fn a_kernel_that_the_processor_lacks_is_replaced() {
    let puzzle = Puzzle {
        target: target(&[0x0f]),
        ..classic(100)
    };
    let expected = found(&puzzle, 1_000, Kernel::Scalar);
    assert!(expected.is_some());
    assert!(!(Kernel::ShaNi.is_available() && Kernel::ArmSha2.is_available()));
    for kernel in [Kernel::ShaNi, Kernel::ArmSha2] {
        assert_eq!(found(&puzzle, 1_000, kernel), expected, "{}", kernel.name());
    }
}

#[test]
fn the_tutorials_target_is_four_hex_zeros() {
    assert_eq!(target(&[0, 0]), FOUR_HEX_ZEROS);
}

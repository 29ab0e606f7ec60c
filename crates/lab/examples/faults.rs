//! The fault campaign without the rest of the program, for `crates/lab/planted/run.py`;
//! users have `adit lab faults`. A line for each seed that fails, then a sum:
//!
//!     cargo run --release -p adit-lab --example faults FIRST COUNT

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a history depends on what is asked for"
)]

use adit_core::hash::Hash;
use adit_lab::faults::{Case, run};

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().ok());
    let mut number = |default: u64| numbers.next().flatten().unwrap_or(default);
    let (first, count) = (number(0), number(1));
    let (mut blocks, mut reorganisations, mut acknowledged, mut last) = (0, 0, 0, [0; 32]);
    for seed in first..first.saturating_add(count) {
        match run(&Case::of_seed(seed)) {
            Ok(passed) => {
                blocks += passed.blocks;
                reorganisations += passed.reorganisations;
                acknowledged += passed.acknowledged;
                last = passed.trace;
            }
            Err(failure) => println!("{seed}: {failure:?}"),
        }
    }
    println!(
        "{count} seeds: {blocks} blocks taken, {reorganisations} reorganisations, \
         {acknowledged} payments acknowledged; the last history is {}",
        Hash(last)
    );
}

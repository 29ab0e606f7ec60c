//! The target: the steps and the work of Python's integers, a model with
//! unbounded integers, and how a chain behaves while its hash power jumps.

use adit_core::rules::{next_target, work};
use adit_core::sealed::Params;
use num_bigint::BigInt;
use proptest::prelude::*;
use ruint::aliases::U256;
use serde_json::Value;

use crate::world::{Dice, repeatable};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/sealed_targets.json")).unwrap()
}

fn target(hex: &Value) -> U256 {
    U256::from_str_radix(hex.as_str().unwrap(), 16).unwrap()
}

#[test]
fn steps_are_those_of_pythons_integers() {
    let vectors = vectors();
    let steps = vectors["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 150);
    for step in steps {
        let number = |name: &str| step[name].as_u64().unwrap();
        let params = Params {
            block_interval_ms: number("block_interval_ms"),
            half_life_ms: number("half_life_ms"),
            pow_limit: target(&step["pow_limit"]),
            ..Params::defaults("steps")
        };
        let next = next_target(target(&step["target"]), number("solve_ms"), &params);
        assert_eq!(next, target(&step["next"]), "{step}");
    }
}

#[test]
fn work_is_that_of_pythons_integers() {
    let vectors = vectors();
    for case in vectors["works"].as_array().unwrap() {
        // 2^256 for the target 0, which no block can have.
        if case["target"] != "0".repeat(64) {
            assert_eq!(
                work(target(&case["target"])),
                target(&case["work"]),
                "{case}"
            );
        }
    }
}

fn big(number: U256) -> BigInt {
    BigInt::from_bytes_be(num_bigint::Sign::Plus, &number.to_be_bytes::<32>())
}

/// The formula as it stands in docs/protocol.md, with unbounded integers.
fn model(target: U256, solve_ms: u64, params: &Params) -> BigInt {
    let int = |number: u64| BigInt::from(number);
    let half_life = int(params.half_life_ms);
    let solve = int(solve_ms).min(half_life.clone());
    // BigInt's division truncates toward zero, its shift rounds down.
    let e: BigInt = (solve - int(params.block_interval_ms)) * 65_536 / half_life;
    let s: BigInt = e.clone() >> 16;
    let f: BigInt = e - (s.clone() << 16);
    let f2 = f.clone() * f.clone();
    let f3 = f2.clone() * f.clone();
    let polynomial = int(195_766_423_245_049) * f + int(971_821_376) * f2 + int(5_127) * f3;
    let factor = int(65_536) + ((polynomial + (int(1) << 47)) >> 48);
    let shift = i64::try_from(s).unwrap();
    let product: BigInt = big(target) * factor;
    let product: BigInt = match shift >= 0 {
        true => product << shift,
        false => product >> shift.unsigned_abs().min(1_000),
    };
    let next: BigInt = product >> 16;
    next.clamp(int(1), big(params.pow_limit))
}

proptest! {
    #![proptest_config(repeatable(2_000))]

    #[test]
    fn steps_are_those_of_the_model(
        bytes: [u8; 32],
        shift in 0_usize..256,
        limit_shift in 0_usize..256,
        half_life_ms in 2_u64..31_536_000_000,
        interval in 0.0..1.0,
        solve_ms in prop_oneof![0..u64::MAX, 0..31_536_000_000_u64, 0..1_000_u64],
    ) {
        let interval_ms = (half_life_ms as f64 * interval) as u64;
        let params = Params {
            block_interval_ms: interval_ms.clamp(1, half_life_ms - 1),
            half_life_ms,
            pow_limit: U256::MAX >> limit_shift,
            ..Params::defaults("model")
        };
        let target = (U256::from_be_bytes(bytes) >> shift).clamp(U256::ONE, params.pow_limit);
        let next = next_target(target, solve_ms, &params);
        prop_assert_eq!(big(next), model(target, solve_ms, &params));
        prop_assert!(next >= U256::ONE && next <= params.pow_limit);
    }

    #[test]
    fn later_blocks_never_make_the_next_one_harder(
        bytes: [u8; 32],
        solve_ms in 0_u64..400_000,
        more_ms in 0_u64..1_000,
    ) {
        let params = Params::defaults("order");
        let target = U256::from_be_bytes(bytes) >> 8;
        let [first, second] = [solve_ms, solve_ms + more_ms]
            .map(|solve_ms| next_target(target, solve_ms, &params));
        prop_assert!(first <= second);
    }
}

#[test]
fn a_block_in_time_changes_nothing() {
    let params = Params::defaults("in time");
    for shift in 0..240 {
        let target = params.initial_target >> shift;
        assert_eq!(next_target(target, 10_000, &params), target);
    }
}

#[test]
fn a_target_stays_between_one_and_the_limit() {
    let params = Params::defaults("bounds");
    let hardest = next_target(U256::ONE, 1, &params);
    assert_eq!(hardest, U256::ONE);
    let easiest = next_target(params.pow_limit, 300_000, &params);
    assert_eq!(easiest, params.pow_limit);
    let nearly = params.pow_limit - U256::ONE;
    assert_eq!(next_target(nearly, 20_000, &params), params.pow_limit);
}

/// A pause counts as at most a half-life: stating late times (a time warp)
/// gains no more than one doubling a block, and costs that time.
#[test]
fn no_timestamp_raises_the_target_more_than_a_pause_of_a_half_life() {
    let params = Params::defaults("time warp");
    let target = params.initial_target >> 20;
    let capped = next_target(target, params.half_life_ms, &params);
    for solve_ms in [params.half_life_ms + 1, 10 * params.half_life_ms, u64::MAX] {
        assert_eq!(next_target(target, solve_ms, &params), capped);
    }
    assert!(capped > target && capped < target << 1);
}

/// A chain whose blocks take random times, as hash power has it.
struct Simulation {
    params: Params,
    target: U256,
    dice: Dice,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let params = Params::defaults("simulation");
        Simulation {
            target: params.initial_target,
            params,
            dice: Dice(seed),
        }
    }

    /// The time until the next block, exponentially distributed.
    fn block(&mut self, hashes_per_ms: f64) -> u64 {
        let guesses: f64 = work(self.target).to_string().parse().unwrap();
        let uniform = (self.dice.below(1 << 52) as f64 + 1.0) / (1_u64 << 52) as f64;
        // Timestamps increase by at least a millisecond.
        let solve_ms = (-uniform.ln() * guesses / hashes_per_ms).max(1.0) as u64;
        self.after(solve_ms);
        solve_ms
    }

    fn after(&mut self, solve_ms: u64) {
        self.target = next_target(self.target, solve_ms, &self.params);
    }
}

/// The first target is for 65,536 guesses in 10 seconds.
const USUAL_HASHES_PER_MS: f64 = 6.5536;

#[test]
fn blocks_keep_their_interval_while_hash_power_jumps() {
    for seed in 0..8 {
        let mut simulation = Simulation::new(seed);
        let mut total_ms = 0;
        for block in 0..2_000 {
            let jumped = block / 250 % 2 == 1;
            let hashes_per_ms = USUAL_HASHES_PER_MS * if jumped { 30.0 } else { 1.0 };
            total_ms += simulation.block(hashes_per_ms);
        }
        let mean_ms = total_ms as f64 / 2_000.0;
        assert!(
            (9_000.0..=11_000.0).contains(&mean_ms),
            "seed {seed}: {mean_ms} ms"
        );
    }
}

#[test]
fn a_chain_that_slept_for_a_week_wakes_without_a_burst() {
    for seed in 0..8 {
        let mut simulation = Simulation::new(seed);
        for _ in 0..500 {
            simulation.block(USUAL_HASHES_PER_MS);
        }
        simulation.after(7 * 24 * 3_600 * 1_000);
        let (mut blocks, mut elapsed_ms) = (0, 0);
        while elapsed_ms < 600_000 {
            elapsed_ms += simulation.block(USUAL_HASHES_PER_MS);
            blocks += 1;
        }
        assert!((40..=150).contains(&blocks), "seed {seed}: {blocks} blocks");
    }
}

//! How the target follows the hash power: what a rule of whole numbers does, and
//! what one of real numbers would. The rule is written down here a second time, out
//! of docs/protocol.md, so that an error in one of the two is seen.

use super::functions::{LN_2, exp, exp2, log2};

/// A target's rule: how long a block should take, and half of what is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retarget {
    /// The half-life, in intervals.
    pub half_life: f64,
}

/// A doubling in the rule's whole numbers.
const DOUBLING: i64 = 65_536;

impl Retarget {
    /// What the step of so many 65,536ths of a doubling really is, in doublings.
    pub fn step(exponent: i64) -> f64 {
        let (doublings, fraction) = (
            exponent.div_euclid(DOUBLING),
            exponent.rem_euclid(DOUBLING) as u64,
        );
        let fraction = u128::from(fraction);
        let cubic = 195_766_423_245_049 * fraction
            + 971_821_376 * fraction * fraction
            + 5_127 * fraction * fraction * fraction;
        let factor = 65_536 + ((cubic + (1 << 47)) >> 48);
        doublings as f64 + log2(factor as f64 / DOUBLING as f64)
    }

    /// How much the target rises with a block on average, in doublings, if blocks
    /// are found after `mean` intervals on average.
    fn drift(&self, mean: f64, steps: &[f64]) -> f64 {
        let width = self.half_life / DOUBLING as f64;
        let reaches = |time: f64| exp(-time / mean);
        let ratio = exp(-width / mean);
        let mut sum = 0.0;
        // Late blocks: the n-th step and all behind it begin n widths late.
        let mut later = reaches(1.0 + width);
        let late = ((self.half_life - 1.0) / width).floor() as usize;
        for at in 1..=late {
            sum += (steps[at] - steps[at - 1]) * later;
            later *= ratio;
            if later < 1e-25 {
                break;
            }
        }
        // Early ones: the n-th step ends n widths early.
        let early = (1.0 / width).floor() as i64;
        let mut time = 1.0 - width * early as f64;
        for at in (1..=early.min(DOUBLING)).rev() {
            let gained = Retarget::at(steps, -at) - Retarget::at(steps, 1 - at);
            sum += gained * (1.0 - reaches(time));
            time += width;
        }
        sum
    }

    fn at(steps: &[f64], exponent: i64) -> f64 {
        let (doublings, fraction) = (exponent.div_euclid(DOUBLING), exponent.rem_euclid(DOUBLING));
        doublings as f64 + steps[fraction as usize]
    }

    /// How long blocks take on average where the target neither rises nor falls,
    /// in intervals. `None` where it can never fall.
    pub fn equilibrium(&self) -> Option<f64> {
        let steps: Vec<f64> = (0..DOUBLING).map(Retarget::step).collect();
        let (mut low, mut high) = (1e-4_f64, 1e7_f64);
        if self.drift(low, &steps) >= 0.0 || self.drift(high, &steps) <= 0.0 {
            return None;
        }
        for _ in 0..70 {
            let middle = (low * high).sqrt();
            match self.drift(middle, &steps) < 0.0 {
                true => low = middle,
                false => high = middle,
            }
        }
        Some((low * high).sqrt())
    }

    /// The expected time of the next block, `time` intervals after it was `start`,
    /// if the target were a function of the clock: the gap halves every half-life.
    pub fn halving_law(&self, start: f64, time: f64) -> f64 {
        let end = (exp2(1.0 / self.half_life) - 1.0) * self.half_life / LN_2;
        end + (start - end) * exp2(-time / self.half_life)
    }

    /// How much easier the target gets for blocks whose time is `ahead` intervals
    /// ahead of the clock.
    pub fn lie(&self, ahead: f64) -> f64 {
        exp2(ahead / self.half_life)
    }

    /// The most that one block can make the next one harder, and easier.
    pub fn largest_steps(&self, interval_ms: f64) -> (f64, f64) {
        let harder = exp2((1.0 - 1.0 / interval_ms) / self.half_life);
        let easier = exp2((self.half_life - 1.0) / self.half_life);
        (harder, easier)
    }

    /// The last block's share in the work of a branch of so many blocks whose times
    /// are as near to each other as they can be (Bahack, 2013).
    pub fn last_share(&self, blocks: u64, interval_ms: f64) -> f64 {
        let (harder, _) = self.largest_steps(interval_ms);
        let ratio = 1.0 / harder;
        (1.0 - ratio) / (1.0 - super::functions::power(ratio, blocks))
    }

    /// About the standard deviation of the logarithm of the difficulty.
    pub fn log_deviation(&self) -> f64 {
        (LN_2 / (2.0 * self.half_life)).sqrt()
    }
}

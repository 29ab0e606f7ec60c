//! An attacker with more than half of the power: a random walk that goes up.

use super::functions::{exp, ln};

/// A majority that has to make up for some blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Majority {
    /// Its share of all hash power, more than half.
    pub attacker: f64,
    /// How many blocks it needs more than the others to be ahead.
    pub behind: u64,
}

impl Majority {
    fn drift(&self) -> f64 {
        2.0 * self.attacker - 1.0
    }

    /// How many blocks are found till then, by anybody: the time, in intervals.
    pub fn blocks(&self) -> f64 {
        self.behind as f64 / self.drift()
    }

    /// The standard deviation of that.
    pub fn blocks_deviation(&self) -> f64 {
        let (q, p) = (self.attacker, 1.0 - self.attacker);
        let drift = self.drift();
        (4.0 * p * q * self.behind as f64 / (drift * drift * drift)).sqrt()
    }

    /// How many of them are the attacker's.
    pub fn attacker_blocks(&self) -> f64 {
        self.attacker * self.blocks()
    }

    /// How many are honest, and lost.
    pub fn lost_blocks(&self) -> f64 {
        (1.0 - self.attacker) * self.blocks()
    }

    /// How likely it is that exactly so many are found.
    pub fn probability(&self, blocks: u64) -> f64 {
        let (q, p, d) = (self.attacker, 1.0 - self.attacker, self.behind);
        if d == 0 {
            return if blocks == 0 { 1.0 } else { 0.0 };
        }
        if blocks < d || !(blocks - d).is_multiple_of(2) {
            return 0.0;
        }
        let lost = (blocks - d) / 2;
        if p <= 0.0 {
            return if lost == 0 { 1.0 } else { 0.0 };
        }
        // Step by step from none lost on: d/n C(n, lost).
        let mut log = d as f64 * ln(q);
        for one in 1..=lost {
            let (n, one) = ((d + 2 * one) as f64, one as f64);
            log += ln((n - 1.0) / one * ((n - 2.0) / (n - one)) * (p * q));
        }
        exp(log)
    }
}

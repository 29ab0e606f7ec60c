//! Forks that nobody wants: what a delay does to a chain.

use super::functions::{expm1, ln_1p, tanh};

/// Infinitely many small miners who all hear of a block after `delay` intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ManyMiners {
    /// The delay, in mean times between two blocks.
    pub delay: f64,
}

impl ManyMiners {
    /// How likely a block is to get a sibling (the limit of Decker and
    /// Wattenhofer's, 2013).
    pub fn sibling(&self) -> f64 {
        -expm1(-self.delay)
    }

    /// How many of the blocks found stay.
    pub fn growth(&self) -> f64 {
        1.0 / (1.0 + self.delay)
    }

    /// How many do not.
    pub fn stale(&self) -> f64 {
        self.delay / (1.0 + self.delay)
    }

    /// The standard deviation of the stale share after one block: the numbers of
    /// siblings are Poisson's, and independent.
    pub fn stale_deviation(&self) -> f64 {
        let more = 1.0 + self.delay;
        (self.delay / (more * more * more)).sqrt()
    }
}

/// How many blocks stay of two miners' with the shares `share` and the rest
/// (Sompolinsky and Zohar, 2013). Written so that equal shares are no special
/// case.
pub fn growth_of_two(share: f64, delay: f64) -> f64 {
    let half_gap = (share - 0.5).abs();
    let lead = match half_gap * delay < 1e-9 {
        true => delay,
        false => tanh(2.0 * half_gap * delay) / (2.0 * half_gap),
    };
    ((0.5 + 2.0 * half_gap * half_gap) * lead + 1.0) / (lead + 1.0)
}

/// How likely a block is to get a rival, if `nodes` equal ones are joined in pairs
/// by links of an exponential delay, on average `delay` intervals.
pub fn rival(nodes: u64, delay: f64) -> f64 {
    let y = delay / nodes as f64;
    let logs = (1..nodes).rev().map(|k| ln_1p(y / k as f64));
    -expm1(-logs.sum::<f64>())
}

/// What is said of `rival` if only the mean delay is looked at.
pub fn rival_by_mean_delay(nodes: u64, delay: f64) -> f64 {
    if nodes < 2 {
        return 0.0;
    }
    let y = delay / nodes as f64;
    -expm1(-y * super::functions::harmonic(nodes - 1))
}

/// The largest share that a private chain cannot beat a public one with, whose
/// miners hear of a block after `delay` intervals (Dembo et al., 2020; Gaži,
/// Kiayias and Russell, 2020).
pub fn private_chain_bound(delay: f64) -> f64 {
    2.0 / (2.0 + delay + (4.0 + delay * delay).sqrt())
}

/// How fast the public chain grows beside an attacker, in blocks an interval.
pub fn public_growth(attacker: f64, delay: f64) -> f64 {
    let honest = 1.0 - attacker;
    honest / (1.0 + honest * delay)
}

//! Double spends: how likely it is that a payment with so many confirmations is
//! undone, and how many it takes till that is unlikely enough.

use super::functions::{exp, expm1, for_each_count, for_each_poisson, ln, power};

/// A race for a payment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Race {
    /// The attacker's share of all hash power.
    pub attacker: f64,
    /// The merchant waits for this many blocks.
    pub confirmations: u64,
    /// This many blocks the attacker has before the payment is sent.
    pub beforehand: u64,
    /// The attacker gives up when it takes this many blocks in a row to be ahead.
    pub give_up: Option<u64>,
}

impl Race {
    /// How likely the attacker's chain is to become the longer one. With one block
    /// beforehand this is Rosenfeld's formula (2014; Grunspan and Pérez-Marco,
    /// 2017), with none what nodes do that keep the first of two equal chains.
    pub fn success(&self) -> f64 {
        let (q, p) = (self.attacker, 1.0 - self.attacker);
        if p <= 0.0 || (q >= p && self.give_up.is_none()) {
            return 1.0;
        }
        let z = self.confirmations;
        if z == 0 || q <= 0.0 {
            return self.catches_up((z + 1).saturating_sub(self.beforehand));
        }
        let mode = ((z - 1) as f64 * q / p) as u64;
        let ratio = |k: u64| (k - 1 + z) as f64 / k as f64 * q;
        let mut sum = 0.0;
        for_each_count(mode, ratio, |found, probability| {
            let lacking = (z + 1).saturating_sub(self.beforehand + found);
            sum += probability * self.catches_up(lacking);
        });
        sum.min(1.0)
    }

    /// How likely the attacker is to make up for so many blocks (the gambler's
    /// ruin).
    fn catches_up(&self, lacking: u64) -> f64 {
        let (q, p) = (self.attacker, 1.0 - self.attacker);
        if lacking == 0 {
            return 1.0;
        }
        let Some(give_up) = self.give_up else {
            return match q < p {
                true => power(q / p, lacking),
                false => 1.0,
            };
        };
        if lacking >= give_up || q <= 0.0 {
            return 0.0;
        }
        let (rest, all) = ((give_up - lacking) as f64, give_up as f64);
        let log = ln(q / p);
        if log == 0.0 {
            return rest / all;
        }
        if log < 0.0 {
            return power(q / p, lacking) * expm1(rest * log) / expm1(all * log);
        }
        expm1(-rest * log) / expm1(-all * log)
    }

    /// How many confirmations it takes for the risk to be less than this; `None` if
    /// there is no such number, or it is beyond all use.
    pub fn confirmations_for(&self, risk: f64) -> Option<u64> {
        const MOST: u64 = 1 << 20;
        let is_enough = |confirmations| {
            let race = Race {
                confirmations,
                ..*self
            };
            race.success() < risk
        };
        least(MOST, is_enough)
    }
}

/// Nakamoto's approximation (2008, section 11), which takes the attacker's blocks
/// for Poisson's.
pub fn nakamoto(attacker: f64, confirmations: u64) -> f64 {
    let (q, p) = (attacker, 1.0 - attacker);
    if q >= p {
        return 1.0;
    }
    if confirmations == 0 {
        return 1.0;
    }
    if q <= 0.0 {
        return 0.0;
    }
    let mut sum = 0.0;
    for_each_poisson(confirmations as f64 * q / p, |found, probability| {
        sum += probability * power(q / p, confirmations.saturating_sub(found));
    });
    sum.min(1.0)
}

/// Nakamoto's own table: the confirmations for a risk by the approximation.
pub fn nakamoto_confirmations_for(attacker: f64, risk: f64) -> Option<u64> {
    least(1 << 20, |confirmations| {
        nakamoto(attacker, confirmations) < risk
    })
}

/// Grunspan and Pérez-Marco's form (2017) with one block beforehand, when it is
/// known how long the confirmations took: `kappa` times as long as they take on
/// average.
pub fn success_after(attacker: f64, confirmations: u64, kappa: f64) -> f64 {
    let (q, p) = (attacker, 1.0 - attacker);
    if q >= p || confirmations == 0 {
        return 1.0;
    }
    if q <= 0.0 {
        return 0.0;
    }
    let mean = confirmations as f64 * q / p * kappa;
    if mean <= 0.0 {
        return power(q / p, confirmations);
    }
    let mut sum = 0.0;
    for_each_poisson(mean, |found, probability| {
        sum += probability * power(q / p, confirmations.saturating_sub(found));
    });
    sum.min(1.0)
}

/// How likely it is that no block comes for so many intervals, though nobody has
/// cut one off.
pub fn silence(intervals: f64) -> f64 {
    exp(-intervals)
}

/// The least number up to `most` that is enough, where all greater ones are too.
fn least(most: u64, is_enough: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (0, 1);
    if is_enough(0) {
        return Some(0);
    }
    while !is_enough(high) {
        low = high;
        high *= 2;
        if high > most {
            return None;
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match is_enough(middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    Some(high)
}

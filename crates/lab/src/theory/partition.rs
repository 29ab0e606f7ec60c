//! A network in two parts: how many blocks are lost when they meet again.

use super::functions::for_each_poisson;

/// A network that was in two parts for some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partition {
    /// The share of one part in the power.
    pub share: f64,
    /// How long it lasted, in intervals.
    pub intervals: f64,
}

impl Partition {
    /// How many blocks the lighter part has, all of which are dropped: the mean
    /// and the standard deviation. Blocks of a part are Poisson's.
    pub fn dropped(&self) -> (f64, f64) {
        let mean_here = self.share * self.intervals;
        let mean_there = self.intervals - mean_here;
        let mut there = Vec::new();
        for_each_poisson(mean_there, |count, probability| {
            there.push((count, probability))
        });
        let (mut mean, mut square) = (0.0, 0.0);
        for_each_poisson(mean_here, |here, of_here| {
            for (other, of_there) in &there {
                let fewer = here.min(*other) as f64;
                mean += of_here * of_there * fewer;
                square += of_here * of_there * fewer * fewer;
            }
        });
        (mean, (square - mean * mean).max(0.0).sqrt())
    }
}

//! Payments that wait for blocks: a queue that is served in bulk, those who pay
//! most first (Huberman, Leshno and Moallemi, 2021).

/// Payments that come at a steady rate, and blocks that take so many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BulkQueue {
    /// Payments for each block that is found, on average.
    pub arrivals: f64,
    /// A block takes at most this many.
    pub capacity: u64,
}

impl BulkQueue {
    /// The ratio of the geometric law of how many wait: where r + r² + ... up to
    /// the capacity is the rate. `None` if more come than blocks can take.
    pub fn ratio(&self) -> Option<f64> {
        if self.arrivals >= self.capacity as f64 {
            return None;
        }
        let (mut low, mut high) = (0.0_f64, 1.0_f64);
        for _ in 0..200 {
            let middle = (low + high) / 2.0;
            match sums(middle, self.capacity).0 < self.arrivals {
                true => low = middle,
                false => high = middle,
            }
        }
        Some((low + high) / 2.0)
    }

    /// How many wait on average.
    pub fn waiting(&self) -> Option<f64> {
        let ratio = self.ratio()?;
        Some(ratio / (1.0 - ratio))
    }

    /// How many blocks a payment waits for on average (Little).
    pub fn wait(&self) -> Option<f64> {
        match self.arrivals > 0.0 {
            true => Some(self.waiting()? / self.arrivals),
            false => Some(1.0),
        }
    }

    /// How long somebody waits who pays more than a share `rank` of the others.
    pub fn wait_at(&self, rank: f64) -> Option<f64> {
        let before = BulkQueue {
            arrivals: self.arrivals * (1.0 - rank),
            ..*self
        };
        let ratio = before.ratio()?;
        let slope = sums(ratio, self.capacity).1;
        Some(1.0 / (slope * (1.0 - ratio) * (1.0 - ratio)))
    }
}

/// r + r² + ..., and its derivative.
fn sums(ratio: f64, capacity: u64) -> (f64, f64) {
    let (mut sum, mut slope) = (0.0, 0.0);
    for _ in 0..capacity {
        slope = slope * ratio + sum + 1.0;
        sum = (sum + 1.0) * ratio;
    }
    (sum, slope)
}

//! How many transactions waited in the last hour: a few numbers in memory, which
//! show how busy the node is. A restart forgets them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use adit_api::stats::PoolSample;

/// How often a sample is taken of how many wait.
const SAMPLE_MS: u64 = 10_000;

/// This many samples are kept: those of an hour.
const SAMPLES_LIMIT: usize = 360;

/// The samples of the last hour.
#[derive(Debug, Default)]
pub struct MempoolRecord(Mutex<VecDeque<PoolSample>>);

impl MempoolRecord {
    /// Notes how many wait, if it is time to.
    pub fn note(&self, sample: PoolSample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |last: &PoolSample| sample.time_ms.abs_diff(last.time_ms) >= SAMPLE_MS;
        if samples.back().is_none_or(is_due) {
            samples.push_back(sample);
        }
        if samples.len() > SAMPLES_LIMIT {
            samples.pop_front();
        }
    }

    /// Returns the samples, the oldest first.
    pub fn samples(&self) -> Vec<PoolSample> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_in_steps_of_ten_seconds() {
        let record = MempoolRecord::default();
        for second in 0..2 * 3_600 {
            let time_ms = 1_000 * second;
            record.note(PoolSample { time_ms, count: 7 });
        }
        let samples = record.samples();
        assert_eq!(samples.len(), SAMPLES_LIMIT);
        assert_eq!(samples.last().map(|last| last.time_ms), Some(7_190_000));
        assert_eq!(samples.first().map(|first| first.time_ms), Some(3_600_000));
    }
}

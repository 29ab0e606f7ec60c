//! Which accounts the blocks since the last checkpoint changed, as a few sorted
//! runs that are merged as they grow. To write a run costs little, as it is
//! appended; a reader looks through each of them. Where they are written is not
//! known here.

use crate::index::account_record::ChangeKey;

/// A new run takes in the last one unless that is this many times as long. So
/// there are few, and nothing is merged often.
const RUN_GROWTH: usize = 4;

/// The runs, the longest first.
#[derive(Debug, Default)]
pub(crate) struct RecentChanges {
    runs: Vec<Vec<ChangeKey>>,
}

impl RecentChanges {
    /// Adds sorted keys. Returns the run that they are in now, and its place: it
    /// stands for itself and all that came behind it.
    pub(crate) fn push(&mut self, mut keys: Vec<ChangeKey>) -> (usize, &[ChangeKey]) {
        while let Some(last) = self
            .runs
            .pop_if(|last| last.len() < RUN_GROWTH * keys.len())
        {
            keys = merged(last, keys);
        }
        let place = self.runs.len();
        self.runs.push(keys);
        (place, &self.runs[place])
    }

    /// All keys, with these new ones, sorted. None are left.
    pub(crate) fn take_with(&mut self, keys: Vec<ChangeKey>) -> Vec<ChangeKey> {
        let runs = std::mem::take(&mut self.runs);
        runs.into_iter()
            .rev()
            .fold(keys, |all, run| merged(run, all))
    }
}

fn merged(mut longer: Vec<ChangeKey>, keys: Vec<ChangeKey>) -> Vec<ChangeKey> {
    longer.extend(keys);
    // It sees that these are two sorted parts.
    longer.sort();
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_few_runs_and_no_key_is_lost() {
        let key = |number: u32| {
            let mut key = ChangeKey::default();
            key[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
            key
        };
        let mut recent = RecentChanges::default();
        for number in 0..5_000 {
            recent.push(vec![key(number)]);
            assert!(recent.runs.len() <= 8, "{}", recent.runs.len());
            assert!(recent.runs.iter().all(|run| run.is_sorted()));
        }
        let mut all: Vec<_> = (0..5_001).map(key).collect();
        all.sort();
        assert_eq!(recent.take_with(vec![key(5_000)]), all);
        assert!(recent.runs.is_empty());
    }
}

//! What holds of a store between two calls (`store.rs` numbers it), as far as that
//! can be seen only by going through everything. Tests ask for it after their
//! steps; what is cheap to see, the store itself asserts at each step.

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Goes through the logs' ends, the index and the main chain to check that the
    /// invariants hold.
    ///
    /// # Panics
    ///
    /// When one does not.
    pub fn check_invariants(&self) -> Result<(), StoreError> {
        let view = self.index.view()?;
        assert!(view.covered() <= self.log.synced(), "invariant 1");
        if self.is_synced() {
            assert_eq!(view.length(), self.length(), "invariant 2");
        }
        if !self.index.is_ahead_of_disk() {
            assert!(view.covered() <= self.pending.position(), "invariant 3");
        }
        assert!(view.covered() <= self.covered, "invariant 4");
        assert!(self.covered <= self.log.end(), "invariant 4");
        for height in 1..=self.length() {
            let hash = self.main_hash_at(height)?;
            let hash = hash.expect("the main chain has a block at each of its heights");
            let record = self.record(&hash)?;
            let record = record.expect("each block of the main chain has a record");
            assert!(record.location.end() <= self.covered, "invariant 4");
        }
        Ok(())
    }
}

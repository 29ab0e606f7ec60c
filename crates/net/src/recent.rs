//! What came last, up to a number: the oldest is forgotten. What it is, and how
//! many are kept of it, a peer that keeps it decides.
//!
//! 1. Each value in the order has a place in the map, and each in the map one in
//!    the order.

use std::collections::{BTreeMap, VecDeque};

/// Values by a key, the last ones.
#[derive(Debug, Clone)]
pub(crate) struct Recent<K, V> {
    values: BTreeMap<K, V>,
    /// The oldest first.
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    pub(crate) fn new(limit: usize) -> Recent<K, V> {
        Recent {
            values: BTreeMap::new(),
            order: VecDeque::new(),
            limit,
        }
    }

    /// Keeps a value, and returns whether its key is new.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        let is_new = self.values.insert(key, value).is_none();
        if is_new {
            self.order.push_back(key);
        }
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        assert_eq!(self.values.len(), self.order.len(), "invariant 1");
        is_new
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter()
    }
}

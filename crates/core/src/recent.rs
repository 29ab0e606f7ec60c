//! What came last, up to a number: the oldest is forgotten. What it is, and how
//! many of it are kept, the caller decides.
//!
//! 1. Each key in the order has a value, and each value a key in the order.
//! 2. There are no more than the limit.

use std::collections::{BTreeMap, VecDeque};

/// Values by a key, the last ones.
#[derive(Debug, Clone)]
pub struct Recent<K, V> {
    values: BTreeMap<K, V>,
    /// The oldest first.
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    /// At most this many are to be kept.
    pub fn new(limit: usize) -> Recent<K, V> {
        Recent {
            values: BTreeMap::new(),
            order: VecDeque::new(),
            limit,
        }
    }

    /// Keeps a value, and returns whether its key is new.
    pub fn insert(&mut self, key: K, value: V) -> bool {
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
        assert!(self.order.len() <= self.limit, "invariant 2");
        is_new
    }

    /// The value of that key, if it is still kept.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    /// Whether that key is still kept.
    pub fn contains(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// All of them, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter()
    }
}

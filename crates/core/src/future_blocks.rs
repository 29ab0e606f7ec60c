//! Blocks that came before their time. This decides which ones are held and
//! when they are due; whether they are valid then, the chain says. It has
//! already checked everything but their time and their accounts, so each of
//! them took as much work as a block there needs.
//!
//! 1. At most [`FUTURE_BLOCKS_LIMIT`] are held.
//! 2. `bytes` is the sum of their lengths, at most [`FUTURE_BLOCKS_LIMIT_BYTES`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::block::Block;
use crate::chain::BlockSource;
use crate::hash::Hash;

/// At most this many blocks are held whose time has not come.
pub const FUTURE_BLOCKS_LIMIT: usize = 64;

/// They are together at most this long.
pub const FUTURE_BLOCKS_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// The blocks whose time has not come, by when it does.
#[derive(Debug, Default)]
pub(crate) struct FutureBlocks {
    held: BTreeMap<(Duration, Hash), (Arc<Block>, BlockSource)>,
    bytes: usize,
    /// The next time at which somebody will ask what is due.
    alarm: Option<Duration>,
}

impl FutureBlocks {
    /// Holds a block until then. If there are too many, those due last leave:
    /// nobody can take the room for ever.
    pub(crate) fn hold(&mut self, until: Duration, block: Arc<Block>, source: BlockSource) {
        let (bytes, place) = (block.text().len(), (until, block.hash()));
        if self.held.insert(place, (block, source)).is_none() {
            self.bytes += bytes;
        }
        while self.held.len() > FUTURE_BLOCKS_LIMIT || self.bytes > FUTURE_BLOCKS_LIMIT_BYTES {
            let Some((_, (last, _))) = self.held.pop_last() else {
                break;
            };
            self.bytes -= last.text().len();
        }
        self.check_invariants();
    }

    /// Whether the block is held, and its time has not come.
    pub(crate) fn holds(&self, now: Duration, hash: &Hash) -> bool {
        let mut places = self.held.keys();
        places.any(|(until, held)| *until > now && held == hash)
    }

    /// Takes out the first block whose time has come. The alarm that told so is
    /// used up.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<(Arc<Block>, BlockSource)> {
        self.alarm = None;
        let first = self.held.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let (block, source) = first.remove();
        self.bytes -= block.text().len();
        self.check_invariants();
        Some((block, source))
    }

    fn check_invariants(&self) {
        assert!(self.held.len() <= FUTURE_BLOCKS_LIMIT, "invariant 1");
        assert!(self.bytes <= FUTURE_BLOCKS_LIMIT_BYTES, "invariant 2");
        let lengths = self.held.values().map(|(block, _)| block.text().len());
        debug_assert_eq!(self.bytes, lengths.sum::<usize>(), "invariant 2");
    }

    /// When the next one is due, unless an alarm is set for it or for earlier.
    pub(crate) fn next_timer(&mut self) -> Option<Duration> {
        let ((first, _), _) = self.held.first_key_value()?;
        if self.alarm.is_some_and(|alarm| alarm <= *first) {
            return None;
        }
        self.alarm = Some(*first);
        self.alarm
    }
}

//! The blocks of the log that the index does not cover, handed out once more
//! when a store is opened, so that the core can say again what they did.

use std::sync::Arc;

use crate::error::StoreError;
use crate::log::position::{Location, Position};
use crate::log::scan::Scan;
use crate::log::segments::Segments;

/// While a long log is read again, the index is made durable after this many
/// blocks, so that a second try does not start from the beginning.
pub const REPLAY_COMMIT_BLOCKS: u64 = 65_536;

/// A block of the log that the index does not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Its canonical text.
    pub text: Vec<u8>,
    /// Whether it came after the pending log was rewritten, so that the waiting
    /// transactions have not seen it yet.
    pub after_pending: bool,
}

/// The rest of the log, while it is read again.
#[derive(Debug)]
pub(crate) struct Replay {
    scan: Scan,
    /// The block that was handed out last.
    in_hand: Option<Location>,
    /// How many blocks have come since the index was made durable.
    pub(crate) since_durable: u64,
}

impl Replay {
    /// A replay of the lines between these two positions.
    pub(crate) fn open(
        segments: Arc<Segments>,
        start: Position,
        end: Position,
    ) -> Result<Replay, StoreError> {
        Ok(Replay {
            scan: Scan::open(segments, start, end)?,
            in_hand: None,
            since_durable: 0,
        })
    }

    /// The next block; `pending` is where the pending log was rewritten.
    pub(crate) fn next(&mut self, pending: Position) -> Result<Option<Replayed>, StoreError> {
        let Some((location, text)) = self.scan.next()? else {
            return Ok(None);
        };
        self.in_hand = Some(location);
        Ok(Some(Replayed {
            text,
            after_pending: location.start >= pending,
        }))
    }

    /// The error for a block handed out last that does not fit where it lies.
    pub(crate) fn refused(&self, why: &str) -> Option<StoreError> {
        let what = format!("the block in this line does not fit those before it: {why}");
        let at = self.in_hand?.start;
        Some(self.scan.segments().corrupt(at, what))
    }

    /// Where the block lies that was handed out last, unless it was taken.
    pub(crate) fn take_in_hand(&mut self) -> Option<Location> {
        self.in_hand.take()
    }

    /// Counts a block that may be durable in the index.
    pub(crate) fn count(&mut self) -> u64 {
        self.since_durable += 1;
        self.since_durable
    }
}

//! Places in the block log: a point between two lines, and a line. What lies
//! there is not known here.

use std::fmt;

/// A point in the block log: `offset` bytes into a segment. Ordered as the log
/// is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The segment's number, from 1.
    pub segment: u32,
    /// Bytes before the point in that segment.
    pub offset: u64,
}

/// Where a block's text lies in the block log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    /// Where its first byte lies.
    pub(crate) start: Position,
    /// Length of the text, without the newline.
    pub(crate) length_bytes: u32,
    /// What tells whether it has changed ([`crate::log::line::sum_of`]).
    pub(crate) sum: u32,
}

impl Position {
    /// Where the block log begins.
    pub(crate) const START: Position = Position {
        segment: 1,
        offset: 0,
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of segment {}", self.offset, self.segment)
    }
}

impl Location {
    /// The point behind the line, its newline included.
    pub(crate) fn end(self) -> Position {
        Position {
            segment: self.start.segment,
            offset: self
                .start
                .offset
                .saturating_add(u64::from(self.length_bytes) + 1),
        }
    }
}

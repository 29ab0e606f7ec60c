//! What a line of a log may be, as far as a store can tell: one canonical JSON
//! object. What it means is up to the core.

use adit_core::block::BLOCK_LIMIT_BYTES;
use adit_core::json;

/// A line of a log is at most this long: a block.
pub const LINE_LIMIT_BYTES: usize = BLOCK_LIMIT_BYTES;

/// Whether the text is exactly what the node would have written.
pub(crate) fn is_canonical_object(text: &[u8]) -> bool {
    text.first() == Some(&b'{')
        && json::canonical(text, LINE_LIMIT_BYTES).is_ok_and(|canonical| canonical == text)
}

/// Whether the last line of a log, with a newline at its end, was written whole
/// and has changed since. A line that was not written whole ends early, or
/// holds zeros in place of pages that never reached the disk.
pub(crate) fn was_whole(line: &[u8]) -> bool {
    let has_end = line.first() == Some(&b'{') || line.last() == Some(&b'}');
    has_end && !line.contains(&0)
}

/// This number reveals a text that has changed: CRC-32, which is far quicker
/// than a hash, and never misses a few flipped bits. It does not guard against
/// changes on purpose.
pub(crate) fn sum_of(text: &[u8]) -> u32 {
    crc32fast::hash(text)
}

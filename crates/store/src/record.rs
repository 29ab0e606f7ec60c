//! What the index knows of a block, and the bytes that stand for it. All numbers
//! are big-endian.

use adit_core::archive::Entry;
use adit_core::hash::Hash;
use adit_core::rules::Weight;

use crate::position::{Location, Position};

/// Bytes by which a block is found: the start of its hash, line, index.
pub(crate) const HASH_KEY_BYTES: usize = HASH_START_BYTES + 4 + 8;

/// Few blocks, if any, share the start of their hash.
const HASH_START_BYTES: usize = 8;

/// The first bytes of a row: hash, segment, offset, length, sum, bytes of its
/// chain. Behind them comes the total weight without the zeros before it.
const ROW_FIXED_BYTES: usize = 32 + LOCATION_BYTES + 8;

/// Bytes of a line: first index, last index, whether it stands on another, that
/// one.
pub(crate) const LINE_BYTES: usize = 8 + 8 + 1 + 4;

const LOCATION_BYTES: usize = 4 + 8 + 4 + 4;

/// A block and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MainRecord {
    pub(crate) hash: Hash,
    pub(crate) location: Location,
}

/// Where a block stands: the number of its line, and its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) line: u32,
    pub(crate) index: u64,
}

/// What is kept of a block where it stands. Its parent stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) main: MainRecord,
    /// How long the texts are together from the genesis block to this one,
    pub(crate) chain_bytes: u64,
    /// and the sum of their weights.
    pub(crate) total_weight: Weight,
}

/// A block, on the main chain or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub(crate) entry: Entry,
    pub(crate) location: Location,
    /// The number of the line that it is in.
    pub(crate) line: u32,
}

/// Blocks of which each is the parent of the next. Every block is in one line,
/// and stays there, whichever blocks form the main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// The index of its first block,
    pub(crate) first: u64,
    /// and of its last.
    pub(crate) last: u64,
    /// The line of the first one's parent; none if that is a genesis block.
    pub(crate) parent: Option<u32>,
}

impl RowKey {
    const FIRST: RowKey = RowKey { line: 0, index: 0 };

    const LAST: RowKey = RowKey {
        line: u32::MAX,
        index: u64::MAX,
    };

    /// The key by which a block that stands there is found.
    pub(crate) fn hash_key(self, hash: &Hash) -> [u8; HASH_KEY_BYTES] {
        let mut bytes = [0; HASH_KEY_BYTES];
        bytes[..HASH_START_BYTES].copy_from_slice(&hash.0[..HASH_START_BYTES]);
        bytes[HASH_START_BYTES..HASH_START_BYTES + 4].copy_from_slice(&self.line.to_be_bytes());
        bytes[HASH_START_BYTES + 4..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    /// Between these two keys are those of all blocks whose hashes start like
    /// this one.
    pub(crate) fn hash_keys(hash: &Hash) -> [[u8; HASH_KEY_BYTES]; 2] {
        [RowKey::FIRST, RowKey::LAST].map(|key| key.hash_key(hash))
    }

    /// Where a block stands that is found by that key.
    pub(crate) fn in_hash_key(bytes: &[u8; HASH_KEY_BYTES]) -> RowKey {
        RowKey {
            line: u32::from_be_bytes(part(bytes, HASH_START_BYTES)),
            index: u64::from_be_bytes(part(bytes, HASH_START_BYTES + 4)),
        }
    }
}

impl Row {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROW_FIXED_BYTES + 32);
        bytes.extend_from_slice(&self.main.hash.0);
        bytes.extend_from_slice(&location_to_bytes(self.main.location));
        bytes.extend_from_slice(&self.chain_bytes.to_be_bytes());
        let weight: [u8; 32] = self.total_weight.to_be_bytes();
        let zeros = weight.iter().take_while(|byte| **byte == 0).count();
        bytes.extend_from_slice(&weight[zeros..]);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Row {
        let (fixed, weight) = bytes.split_at(ROW_FIXED_BYTES);
        let main = MainRecord {
            hash: Hash(part(fixed, 0)),
            location: location_from_bytes(&part(fixed, 32)),
        };
        Row {
            main,
            chain_bytes: u64::from_be_bytes(part(fixed, 32 + LOCATION_BYTES)),
            total_weight: weight_from_bytes(weight),
        }
    }
}

impl Line {
    pub(crate) fn to_bytes(self) -> [u8; LINE_BYTES] {
        let mut bytes = [0; LINE_BYTES];
        bytes[..8].copy_from_slice(&self.first.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.last.to_be_bytes());
        if let Some(parent) = self.parent {
            bytes[16] = 1;
            bytes[17..].copy_from_slice(&parent.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; LINE_BYTES]) -> Line {
        let parent = u32::from_be_bytes(part(bytes, 17));
        Line {
            first: u64::from_be_bytes(part(bytes, 0)),
            last: u64::from_be_bytes(part(bytes, 8)),
            parent: (bytes[16] != 0).then_some(parent),
        }
    }
}

impl BlockRecord {
    /// Where the block stands.
    pub(crate) fn key(&self) -> RowKey {
        RowKey {
            line: self.line,
            index: self.entry.index,
        }
    }
}

fn weight_from_bytes(bytes: &[u8]) -> Weight {
    let mut weight = [0; 32];
    weight[32 - bytes.len()..].copy_from_slice(bytes);
    Weight::from_be_bytes::<32>(weight)
}

fn location_to_bytes(location: Location) -> [u8; LOCATION_BYTES] {
    let mut bytes = [0; LOCATION_BYTES];
    bytes[..4].copy_from_slice(&location.start.segment.to_be_bytes());
    bytes[4..12].copy_from_slice(&location.start.offset.to_be_bytes());
    bytes[12..16].copy_from_slice(&location.length_bytes.to_be_bytes());
    bytes[16..].copy_from_slice(&location.sum.to_be_bytes());
    bytes
}

fn location_from_bytes(bytes: &[u8; LOCATION_BYTES]) -> Location {
    Location {
        start: Position {
            segment: u32::from_be_bytes(part(bytes, 0)),
            offset: u64::from_be_bytes(part(bytes, 4)),
        },
        length_bytes: u32::from_be_bytes(part(bytes, 12)),
        sum: u32::from_be_bytes(part(bytes, 16)),
    }
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    *bytes[start..]
        .first_chunk()
        .expect("the callers' offsets lie within their fixed lengths")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_as_it_was_whatever_it_weighs() {
        let location = Location {
            start: Position {
                segment: 7,
                offset: 1 << 40,
            },
            length_bytes: 462,
            sum: 0xdead_beef,
        };
        for total_weight in [Weight::ZERO, Weight::from(1_000_000), Weight::MAX] {
            let row = Row {
                main: MainRecord {
                    hash: Hash([9; 32]),
                    location,
                },
                chain_bytes: 1 << 41,
                total_weight,
            };
            assert_eq!(Row::from_bytes(&row.to_bytes()), row);
        }
    }
}

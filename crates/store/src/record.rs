//! What the index knows of a block, and the fixed bytes that stand for it. All
//! numbers are big-endian.

use adit_core::archive::Entry;
use adit_core::hash::Hash;
use adit_core::rules::Weight;

use crate::position::{Location, Position};

/// Bytes of a block on the main chain: hash, segment, offset, length, sum.
pub(crate) const MAIN_BYTES: usize = 32 + LOCATION_BYTES;

/// Bytes of any block: index, whether there is a parent, the parent, total
/// weight, segment, offset, length, sum.
pub(crate) const BLOCK_BYTES: usize = 8 + 1 + 32 + 32 + LOCATION_BYTES;

const LOCATION_BYTES: usize = 4 + 8 + 4 + 4;

/// A block on the main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MainRecord {
    pub(crate) hash: Hash,
    pub(crate) location: Location,
}

/// A block, on the main chain or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub(crate) entry: Entry,
    pub(crate) location: Location,
}

impl MainRecord {
    pub(crate) fn to_bytes(self) -> [u8; MAIN_BYTES] {
        let mut bytes = [0; MAIN_BYTES];
        bytes[..32].copy_from_slice(&self.hash.0);
        bytes[32..].copy_from_slice(&location_to_bytes(self.location));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; MAIN_BYTES]) -> MainRecord {
        MainRecord {
            hash: Hash(part(bytes, 0)),
            location: location_from_bytes(&part(bytes, 32)),
        }
    }

    /// The location alone.
    pub(crate) fn location_in(bytes: &[u8; MAIN_BYTES]) -> Location {
        location_from_bytes(&part(bytes, 32))
    }
}

impl BlockRecord {
    pub(crate) fn to_bytes(self) -> [u8; BLOCK_BYTES] {
        let mut bytes = [0; BLOCK_BYTES];
        bytes[..8].copy_from_slice(&self.entry.index.to_be_bytes());
        if let Some(parent) = self.entry.parent {
            bytes[8] = 1;
            bytes[9..41].copy_from_slice(&parent.0);
        }
        let weight: [u8; 32] = self.entry.total_weight.to_be_bytes();
        bytes[41..73].copy_from_slice(&weight);
        bytes[73..].copy_from_slice(&location_to_bytes(self.location));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; BLOCK_BYTES]) -> BlockRecord {
        let parent = Hash(part(bytes, 9));
        BlockRecord {
            entry: Entry {
                index: u64::from_be_bytes(part(bytes, 0)),
                parent: (bytes[8] != 0).then_some(parent),
                total_weight: Weight::from_be_bytes::<32>(part(bytes, 41)),
            },
            location: location_from_bytes(&part(bytes, 73)),
        }
    }
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

//! What the index knows of a block, and the fixed bytes that stand for it. All
//! numbers are big-endian.

use adit_core::archive::Entry;
use adit_core::hash::Hash;
use adit_core::rules::Weight;

use crate::position::{Location, Position};

/// Bytes of a block and where it lies: hash, segment, offset, length, sum.
const MAIN_BYTES: usize = 32 + LOCATION_BYTES;

/// Bytes of a block in its line: as above, and the bytes of its chain.
pub(crate) const ROW_BYTES: usize = MAIN_BYTES + 8;

/// Bytes of any block: index, whether there is a parent, the parent, total
/// weight, segment, offset, length, sum, line.
pub(crate) const BLOCK_BYTES: usize = 8 + 1 + 32 + 32 + LOCATION_BYTES + 4;

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

/// A block in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) main: MainRecord,
    /// How long the texts are together from the genesis block to this one.
    pub(crate) chain_bytes: u64,
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
}

impl Row {
    pub(crate) fn to_bytes(self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[..MAIN_BYTES].copy_from_slice(&self.main.to_bytes());
        bytes[MAIN_BYTES..].copy_from_slice(&self.chain_bytes.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; ROW_BYTES]) -> Row {
        Row {
            main: MainRecord::from_bytes(&part(bytes, 0)),
            chain_bytes: u64::from_be_bytes(part(bytes, MAIN_BYTES)),
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
    pub(crate) fn to_bytes(self) -> [u8; BLOCK_BYTES] {
        let mut bytes = [0; BLOCK_BYTES];
        bytes[..8].copy_from_slice(&self.entry.index.to_be_bytes());
        if let Some(parent) = self.entry.parent {
            bytes[8] = 1;
            bytes[9..41].copy_from_slice(&parent.0);
        }
        let weight: [u8; 32] = self.entry.total_weight.to_be_bytes();
        bytes[41..73].copy_from_slice(&weight);
        bytes[73..93].copy_from_slice(&location_to_bytes(self.location));
        bytes[93..].copy_from_slice(&self.line.to_be_bytes());
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
            line: u32::from_be_bytes(part(bytes, 93)),
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

//! What the index knows of a block, and the bytes that stand for it. All numbers
//! are big-endian.

use adit_core::archive::Entry;
use adit_core::block::{Block, HeaderFields, SealedFields};
use adit_core::hash::Hash;
use adit_core::rules::Weight;

use crate::position::{Location, Position};

/// Bytes of a block and where it lies: hash, segment, offset, length, sum.
const MAIN_BYTES: usize = 32 + LOCATION_BYTES;

/// Bytes of a block in its line: as above, and the bytes of its chain.
pub(crate) const ROW_BYTES: usize = MAIN_BYTES + 8;

/// The first bytes of any block: what follows them, index, segment, offset,
/// length, sum, line, proof. Behind them come the parent, what only sealed blocks have,
/// and the total weight without the zeros before it.
const FIXED_BYTES: usize = 1 + 8 + LOCATION_BYTES + 4 + 8;

/// No record is longer: parent, target, timestamp, total weight.
const RECORD_CAPACITY_BYTES: usize = FIXED_BYTES + 32 + 32 + 8 + 32;

/// Whether there is a parent.
const HAS_PARENT: u8 = 1;

/// Whether there are a target and a timestamp.
const IS_SEALED: u8 = 2;

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
    /// What its header says besides.
    pub(crate) proof: u64,
    pub(crate) sealed: Option<SealedFields>,
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
    /// Of a block that has just come.
    pub(crate) fn of(block: &Block, entry: Entry, location: Location, line: u32) -> BlockRecord {
        let HeaderFields { proof, sealed, .. } = *block.header();
        BlockRecord {
            entry,
            proof,
            sealed,
            location,
            line,
        }
    }

    /// What the blocks behind it are checked against.
    pub(crate) fn header(&self, hash: Hash) -> HeaderFields {
        HeaderFields {
            index: self.entry.index,
            hash,
            parent: self.entry.parent,
            proof: self.proof,
            sealed: self.sealed,
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let Entry {
            index,
            parent,
            total_weight,
        } = self.entry;
        let mut flags = 0;
        flags |= if parent.is_some() { HAS_PARENT } else { 0 };
        flags |= if self.sealed.is_some() { IS_SEALED } else { 0 };
        let mut bytes = Vec::with_capacity(RECORD_CAPACITY_BYTES);
        bytes.push(flags);
        bytes.extend_from_slice(&index.to_be_bytes());
        bytes.extend_from_slice(&location_to_bytes(self.location));
        bytes.extend_from_slice(&self.line.to_be_bytes());
        bytes.extend_from_slice(&self.proof.to_be_bytes());
        if let Some(parent) = parent {
            bytes.extend_from_slice(&parent.0);
        }
        if let Some(sealed) = self.sealed {
            let target: [u8; 32] = sealed.target.to_be_bytes();
            bytes.extend_from_slice(&target);
            bytes.extend_from_slice(&sealed.timestamp_ms.to_be_bytes());
        }
        let weight: [u8; 32] = total_weight.to_be_bytes();
        let zeros = weight.iter().take_while(|byte| **byte == 0).count();
        bytes.extend_from_slice(&weight[zeros..]);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> BlockRecord {
        let flags = bytes[0];
        let mut at = FIXED_BYTES;
        let mut parent = None;
        if flags & HAS_PARENT != 0 {
            parent = Some(Hash(part(bytes, at)));
            at += 32;
        }
        let mut sealed = None;
        if flags & IS_SEALED != 0 {
            sealed = Some(SealedFields {
                target: Weight::from_be_bytes::<32>(part(bytes, at)),
                timestamp_ms: u64::from_be_bytes(part(bytes, at + 32)),
            });
            at += 40;
        }
        BlockRecord {
            entry: Entry {
                index: u64::from_be_bytes(part(bytes, 1)),
                parent,
                total_weight: weight_from_bytes(&bytes[at..]),
            },
            location: location_from_bytes(&part(bytes, 9)),
            line: u32::from_be_bytes(part(bytes, 9 + LOCATION_BYTES)),
            proof: u64::from_be_bytes(part(bytes, 13 + LOCATION_BYTES)),
            sealed,
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
    fn a_block_is_read_back_as_it_was_whatever_it_has() {
        let location = Location {
            start: Position {
                segment: 7,
                offset: 1 << 40,
            },
            length_bytes: 462,
            sum: 0xdead_beef,
        };
        let sealed = SealedFields {
            target: Weight::MAX,
            timestamp_ms: 1_795_300_000_000,
        };
        for parent in [None, Some(Hash([9; 32]))] {
            for sealed in [None, Some(sealed)] {
                for total_weight in [Weight::ZERO, Weight::from(1_000_000), Weight::MAX] {
                    let record = BlockRecord {
                        entry: Entry {
                            index: 1_000_000,
                            parent,
                            total_weight,
                        },
                        proof: u64::MAX,
                        sealed,
                        location,
                        line: 3,
                    };
                    assert_eq!(BlockRecord::from_bytes(&record.to_bytes()), record);
                }
            }
        }
    }
}

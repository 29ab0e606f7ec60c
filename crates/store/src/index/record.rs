//! What the index knows of a block, and the bytes that stand for it. All
//! numbers are big-endian. Which table they go into is not known here.

use adit_core::archive::Entry;
use adit_core::block::{Block, HeaderFields, SealedFields};
use adit_core::hash::Hash;
use adit_core::rules::Weight;

use crate::log::position::{Location, Position};

/// Bytes by which a block is found: the start of its hash, line, index.
pub(crate) const HASH_KEY_BYTES: usize = HASH_START_BYTES + 4 + 8;

/// Few blocks, if any, share the start of their hash.
const HASH_START_BYTES: usize = 8;

/// The first bytes of a row: whether it is sealed, hash, segment, offset, length,
/// sum, bytes of its chain, proof. Behind them come what only sealed blocks have,
/// and the total weight without the zeros before it.
const ROW_FIXED_BYTES: usize = 1 + 32 + LOCATION_BYTES + 8 + 8;

/// What only sealed blocks have: target, timestamp.
const SEALED_BYTES: usize = 32 + 8;

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
    pub(crate) height: u64,
}

/// What is kept of a block where it stands. Its parent stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) main: MainRecord,
    /// The total length of the texts from the genesis block to this one,
    pub(crate) chain_bytes: u64,
    /// and the sum of their weights.
    pub(crate) total_weight: Weight,
    /// What its header says besides.
    pub(crate) proof: u64,
    pub(crate) sealed: Option<SealedFields>,
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
    /// The line of the first one's parent; `None` if that is a genesis block.
    pub(crate) parent: Option<u32>,
}

impl RowKey {
    const FIRST: RowKey = RowKey { line: 0, height: 0 };

    const LAST: RowKey = RowKey {
        line: u32::MAX,
        height: u64::MAX,
    };

    /// The key by which a block that stands there is found.
    pub(crate) fn hash_key(self, hash: &Hash) -> [u8; HASH_KEY_BYTES] {
        let mut bytes = [0; HASH_KEY_BYTES];
        bytes[..HASH_START_BYTES].copy_from_slice(&hash.0[..HASH_START_BYTES]);
        bytes[HASH_START_BYTES..HASH_START_BYTES + 4].copy_from_slice(&self.line.to_be_bytes());
        bytes[HASH_START_BYTES + 4..].copy_from_slice(&self.height.to_be_bytes());
        bytes
    }

    /// Between these two keys are those of all blocks whose hashes start like
    /// this one.
    pub(crate) fn hash_keys(hash: &Hash) -> [[u8; HASH_KEY_BYTES]; 2] {
        [RowKey::FIRST, RowKey::LAST].map(|key| key.hash_key(hash))
    }

    /// Where the block found by that key stands.
    pub(crate) fn in_hash_key(bytes: &[u8; HASH_KEY_BYTES]) -> RowKey {
        RowKey {
            line: u32::from_be_bytes(part(bytes, HASH_START_BYTES)),
            height: u64::from_be_bytes(part(bytes, HASH_START_BYTES + 4)),
        }
    }
}

impl Row {
    /// The row of a block.
    pub(crate) fn of(hash: Hash, record: &BlockRecord, chain_bytes: u64) -> Row {
        let location = record.location;
        Row {
            main: MainRecord { hash, location },
            chain_bytes,
            total_weight: record.entry.total_weight,
            proof: record.proof,
            sealed: record.sealed,
        }
    }

    /// The block whose row it is.
    pub(crate) fn block(self, key: RowKey, parent: Option<Hash>) -> BlockRecord {
        BlockRecord {
            entry: self.entry(key.height, parent),
            proof: self.proof,
            sealed: self.sealed,
            location: self.main.location,
            line: key.line,
        }
    }

    pub(crate) fn entry(self, height: u64, parent: Option<Hash>) -> Entry {
        Entry {
            height,
            parent,
            total_weight: self.total_weight,
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROW_FIXED_BYTES + SEALED_BYTES + 32);
        bytes.push(u8::from(self.sealed.is_some()));
        bytes.extend_from_slice(&self.main.hash.0);
        bytes.extend_from_slice(&location_to_bytes(self.main.location));
        bytes.extend_from_slice(&self.chain_bytes.to_be_bytes());
        bytes.extend_from_slice(&self.proof.to_be_bytes());
        if let Some(sealed) = self.sealed {
            let target: [u8; 32] = sealed.target.to_be_bytes();
            bytes.extend_from_slice(&target);
            bytes.extend_from_slice(&sealed.timestamp_ms.to_be_bytes());
        }
        let weight: [u8; 32] = self.total_weight.to_be_bytes();
        let zeros = weight.iter().take_while(|byte| **byte == 0).count();
        bytes.extend_from_slice(&weight[zeros..]);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Row {
        let (fixed, mut rest) = bytes.split_at(ROW_FIXED_BYTES);
        let mut sealed = None;
        if fixed[0] != 0 {
            sealed = Some(SealedFields {
                target: Weight::from_be_bytes::<32>(part(rest, 0)),
                timestamp_ms: u64::from_be_bytes(part(rest, 32)),
            });
            rest = &rest[SEALED_BYTES..];
        }
        let main = MainRecord {
            hash: Hash(part(fixed, 1)),
            location: location_from_bytes(&part(fixed, 33)),
        };
        Row {
            main,
            chain_bytes: u64::from_be_bytes(part(fixed, 33 + LOCATION_BYTES)),
            proof: u64::from_be_bytes(part(fixed, 41 + LOCATION_BYTES)),
            total_weight: weight_from_bytes(rest),
            sealed,
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
            height: self.entry.height,
            hash,
            parent: self.entry.parent,
            proof: self.proof,
            sealed: self.sealed,
        }
    }

    /// Where the block stands.
    pub(crate) fn key(&self) -> RowKey {
        RowKey {
            line: self.line,
            height: self.entry.height,
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
    fn a_row_is_read_back_as_it_was_whatever_it_has() {
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
        for sealed in [None, Some(sealed)] {
            for total_weight in [Weight::ZERO, Weight::from(1_000_000), Weight::MAX] {
                let row = Row {
                    main: MainRecord {
                        hash: Hash([9; 32]),
                        location,
                    },
                    chain_bytes: 1 << 41,
                    total_weight,
                    proof: u64::MAX,
                    sealed,
                };
                assert_eq!(Row::from_bytes(&row.to_bytes()), row);
            }
        }
    }
}

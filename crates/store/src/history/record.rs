//! The fixed bytes that stand for what the history knows: where transactions
//! are, and which branches the main chain has left. All numbers are big-endian.

use adit_core::hash::{Hash, sha256};
use adit_core::reorganisation::{BlockPlace, Reorganisation, Tip};
use adit_core::rules::Weight;

/// Bytes of a place: the first of an identity or of a name's hash, the index of
/// the block, the position in it. A block filled with the shortest transactions
/// makes one such place for each, or three: so they are short.
pub(crate) const PLACE_BYTES: usize = KEY_BYTES + INDEX_BYTES + POSITION_BYTES;

/// How many bytes of an identity are kept: what is found is checked anyway.
pub(crate) const KEY_BYTES: usize = 8;

/// No chain has more blocks than fit into this many bytes,
const INDEX_BYTES: usize = 5;

/// and no block more transactions.
const POSITION_BYTES: usize = 3;

const LAST_INDEX: u64 = (1 << (8 * INDEX_BYTES)) - 1;

const LAST_POSITION: u32 = (1 << (8 * POSITION_BYTES)) - 1;

/// Bytes of a block that the history follows: index, hash.
pub(crate) const COVERED_BYTES: usize = 8 + 32;

/// Bytes of a tip: index, hash, total weight.
const TIP_BYTES: usize = COVERED_BYTES + 32;

/// Bytes of a reorganisation: time, whether there is a fork, its index and
/// hash, then both tips.
pub(crate) const REORGANISATION_BYTES: usize = 8 + 1 + COVERED_BYTES + 2 * TIP_BYTES;

/// What stands for a transaction, or for somebody.
pub(crate) type Key = [u8; KEY_BYTES];

/// A key, and a place where it is found.
pub(crate) type PlaceKey = [u8; PLACE_BYTES];

/// Where a transaction stands in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionPlace {
    /// The block's index; the genesis block's is 1.
    pub height: u64,
    /// The position in the block, from 0.
    pub position: u32,
}

/// A reorganisation, as the history remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedReorganisation {
    /// Counts the reorganisations that this history was told of, from 1.
    pub sequence: u64,
    /// What was seen.
    pub reorganisation: Reorganisation,
}

/// What stands for a transaction.
pub(crate) fn key_of_id(id: &Hash) -> Key {
    *id.0.first_chunk().expect("a hash has 32 bytes")
}

/// What stands for somebody. Names may be of any length.
pub(crate) fn key_of_name(name: &str) -> Key {
    key_of_id(&sha256(name.as_bytes()))
}

pub(crate) fn place_key(key: &Key, place: TransactionPlace) -> PlaceKey {
    let mut bytes = [0; PLACE_BYTES];
    bytes[..KEY_BYTES].copy_from_slice(key);
    let height = place.height.min(LAST_INDEX).to_be_bytes();
    let position = place.position.min(LAST_POSITION).to_be_bytes();
    let (index_bytes, position_bytes) = bytes[KEY_BYTES..].split_at_mut(INDEX_BYTES);
    index_bytes.copy_from_slice(&height[8 - INDEX_BYTES..]);
    position_bytes.copy_from_slice(&position[4 - POSITION_BYTES..]);
    bytes
}

/// Whose place it is.
pub(crate) fn key_in(bytes: &PlaceKey) -> &Key {
    bytes.first_chunk().expect("a place is longer than its key")
}

pub(crate) fn place_in(bytes: &PlaceKey) -> TransactionPlace {
    let (mut height, mut position) = ([0; 8], [0; 4]);
    let (index_bytes, position_bytes) = bytes[KEY_BYTES..].split_at(INDEX_BYTES);
    height[8 - INDEX_BYTES..].copy_from_slice(index_bytes);
    position[4 - POSITION_BYTES..].copy_from_slice(position_bytes);
    TransactionPlace {
        height: u64::from_be_bytes(height),
        position: u32::from_be_bytes(position),
    }
}

impl TransactionPlace {
    /// No place lies before it.
    pub const FIRST: TransactionPlace = TransactionPlace {
        height: 0,
        position: 0,
    };

    /// No place lies behind it.
    pub const LAST: TransactionPlace = TransactionPlace {
        height: u64::MAX,
        position: u32::MAX,
    };
}

pub(crate) fn block_to_bytes(block: BlockPlace) -> [u8; COVERED_BYTES] {
    let mut bytes = [0; COVERED_BYTES];
    bytes[..8].copy_from_slice(&block.height.to_be_bytes());
    bytes[8..].copy_from_slice(&block.hash.0);
    bytes
}

pub(crate) fn block_in(bytes: &[u8; COVERED_BYTES]) -> BlockPlace {
    BlockPlace {
        height: u64::from_be_bytes(part(bytes, 0)),
        hash: Hash(part(bytes, 8)),
    }
}

/// All but the sequence.
pub(crate) fn reorganisation_to_bytes(seen: &Reorganisation) -> [u8; REORGANISATION_BYTES] {
    let mut bytes = [0; REORGANISATION_BYTES];
    bytes[..8].copy_from_slice(&seen.time_ms.to_be_bytes());
    if let Some(fork) = seen.fork {
        bytes[8] = 1;
        bytes[9..49].copy_from_slice(&block_to_bytes(fork));
    }
    bytes[49..121].copy_from_slice(&tip_to_bytes(seen.old_tip));
    bytes[121..].copy_from_slice(&tip_to_bytes(seen.new_tip));
    bytes
}

pub(crate) fn reorganisation_in(bytes: &[u8; REORGANISATION_BYTES]) -> Reorganisation {
    Reorganisation {
        time_ms: u64::from_be_bytes(part(bytes, 0)),
        fork: (bytes[8] != 0).then(|| block_in(&part(bytes, 9))),
        old_tip: tip_in(&part(bytes, 49)),
        new_tip: tip_in(&part(bytes, 121)),
    }
}

fn tip_to_bytes(tip: Tip) -> [u8; TIP_BYTES] {
    let mut bytes = [0; TIP_BYTES];
    let weight: [u8; 32] = tip.total_weight.to_be_bytes();
    bytes[..COVERED_BYTES].copy_from_slice(&block_to_bytes(tip.block));
    bytes[COVERED_BYTES..].copy_from_slice(&weight);
    bytes
}

fn tip_in(bytes: &[u8; TIP_BYTES]) -> Tip {
    Tip {
        block: block_in(&part(bytes, 0)),
        total_weight: Weight::from_be_bytes::<32>(part(bytes, COVERED_BYTES)),
    }
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    *bytes[start..]
        .first_chunk()
        .expect("the callers' offsets lie within their fixed lengths")
}

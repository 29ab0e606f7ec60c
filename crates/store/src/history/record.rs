//! The fixed bytes that stand for what the history knows: where transactions
//! are, and which branches the main chain has left. All numbers are big-endian.

use adit_core::hash::{Hash, sha256};
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

/// Bytes of a reorganisation: time, whether there is a fork, its index and
/// hash, then index, hash and total weight of both tips.
pub(crate) const REORGANISATION_BYTES: usize = 8 + 1 + 40 + 2 * (40 + 32);

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

/// A block, and where it stands in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// The block's index.
    pub height: u64,
    /// The block.
    pub hash: Hash,
}

/// The last block of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The block.
    pub block: BlockPlace,
    /// The sum of the weights from the genesis block to this one.
    pub total_weight: Weight,
}

/// The main chain went over to another branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reorganisation {
    /// Counts the reorganisations that this history has seen, from 1.
    pub sequence: u64,
    /// When it was seen, in milliseconds since 1970.
    pub time_ms: u64,
    /// The last block of both branches; `None` if they share none.
    pub fork: Option<BlockPlace>,
    /// Where the main chain ended before,
    pub old_tip: Tip,
    /// and after.
    pub new_tip: Tip,
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

impl BlockPlace {
    pub(crate) fn to_bytes(self) -> [u8; COVERED_BYTES] {
        let mut bytes = [0; COVERED_BYTES];
        bytes[..8].copy_from_slice(&self.height.to_be_bytes());
        bytes[8..].copy_from_slice(&self.hash.0);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; COVERED_BYTES]) -> BlockPlace {
        BlockPlace {
            height: u64::from_be_bytes(part(bytes, 0)),
            hash: Hash(part(bytes, 8)),
        }
    }
}

impl Tip {
    fn write(self, bytes: &mut [u8]) {
        bytes[..COVERED_BYTES].copy_from_slice(&self.block.to_bytes());
        let weight: [u8; 32] = self.total_weight.to_be_bytes();
        bytes[COVERED_BYTES..].copy_from_slice(&weight);
    }

    fn read(bytes: &[u8]) -> Tip {
        Tip {
            block: BlockPlace::from_bytes(&part(bytes, 0)),
            total_weight: Weight::from_be_bytes::<32>(part(bytes, COVERED_BYTES)),
        }
    }
}

impl Reorganisation {
    /// All but the sequence.
    pub(crate) fn to_bytes(self) -> [u8; REORGANISATION_BYTES] {
        let mut bytes = [0; REORGANISATION_BYTES];
        bytes[..8].copy_from_slice(&self.time_ms.to_be_bytes());
        if let Some(fork) = self.fork {
            bytes[8] = 1;
            bytes[9..49].copy_from_slice(&fork.to_bytes());
        }
        self.old_tip.write(&mut bytes[49..121]);
        self.new_tip.write(&mut bytes[121..]);
        bytes
    }

    pub(crate) fn from_bytes(sequence: u64, bytes: &[u8; REORGANISATION_BYTES]) -> Reorganisation {
        let fork = BlockPlace::from_bytes(&part(bytes, 9));
        Reorganisation {
            sequence,
            time_ms: u64::from_be_bytes(part(bytes, 0)),
            fork: (bytes[8] != 0).then_some(fork),
            old_tip: Tip::read(&bytes[49..121]),
            new_tip: Tip::read(&bytes[121..]),
        }
    }
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    *bytes[start..]
        .first_chunk()
        .expect("the callers' offsets lie within their fixed lengths")
}

//! What of a header has to be sent to somebody who has the two blocks before it: all
//! else follows from these. How it follows, the rules know.

use super::error::SealedError;
use super::header::Header;
use crate::hash::Hash;

/// A compact header takes this much.
pub const COMPACT_HEADER_BYTES: usize = 48;

/// Which form of compact headers this is.
pub const COMPACT_HEADER_FORMAT: u8 = 1;

/// What of a block's header, and of its proof, does not follow from the blocks before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactHeader {
    /// The Merkle root of the transactions.
    pub merkle_root: Hash,
    /// When the block was made, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The proof of work.
    pub proof: u64,
}

impl CompactHeader {
    /// Reads it out of a block's canonical text.
    pub fn of_block(text: &[u8]) -> Result<CompactHeader, SealedError> {
        let (header, proof, _) = Header::read(text)?;
        Ok(CompactHeader {
            merkle_root: header.merkle_root,
            timestamp_ms: header.timestamp_ms,
            proof,
        })
    }

    /// The Merkle root, then time and proof, the highest byte of each first.
    pub fn to_bytes(&self) -> [u8; COMPACT_HEADER_BYTES] {
        let mut bytes = [0; COMPACT_HEADER_BYTES];
        bytes[..32].copy_from_slice(&self.merkle_root.0);
        bytes[32..40].copy_from_slice(&self.timestamp_ms.to_be_bytes());
        bytes[40..].copy_from_slice(&self.proof.to_be_bytes());
        bytes
    }

    /// The same the other way round. Any bytes are one.
    pub fn from_bytes(bytes: &[u8; COMPACT_HEADER_BYTES]) -> CompactHeader {
        let (mut merkle_root, mut timestamp_ms, mut proof) = ([0; 32], [0; 8], [0; 8]);
        merkle_root.copy_from_slice(&bytes[..32]);
        timestamp_ms.copy_from_slice(&bytes[32..40]);
        proof.copy_from_slice(&bytes[40..]);
        CompactHeader {
            merkle_root: Hash(merkle_root),
            timestamp_ms: u64::from_be_bytes(timestamp_ms),
            proof: u64::from_be_bytes(proof),
        }
    }
}

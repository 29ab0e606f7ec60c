//! The Merkle tree of RFC 6962: one hash for a list, and short proofs that
//! something is in it. Leaves and nodes are hashed with different first bytes,
//! so that neither can be taken for the other (CVE-2017-12842), and nothing is
//! doubled to fill up a level (CVE-2012-2459). What the leaves mean is not
//! known here.

use sha2::{Digest, Sha256};

use crate::hash::{Hash, sha256};

/// The hash of one element (RFC 6962, 2.1).
pub fn leaf(bytes: &[u8]) -> Hash {
    let hash = Sha256::new().chain_update([0]).chain_update(bytes);
    Hash(hash.finalize().into())
}

/// The hash of an inner node (RFC 6962, 2.1).
pub fn node(left: Hash, right: Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    sha256(&bytes)
}

/// The root of the tree over these leaves; SHA-256 of nothing if there are none.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(left_size(leaves.len()));
            node(root(left), root(right))
        }
    }
}

/// The audit path of the leaf at `index`, the sibling next to the leaf first
/// (RFC 6962, 2.1.1); `None` if there is no such leaf.
pub fn audit_path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut within, mut index) = (leaves, index);
    while within.len() > 1 {
        let (left, right) = within.split_at(left_size(within.len()));
        if index < left.len() {
            path.push(root(right));
            within = left;
        } else {
            path.push(root(left));
            index -= left.len();
            within = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root of a tree of `size` leaves in which `leaf` is the one at `index`
/// and `path` its audit path (RFC 9162, 2.1.3.2). `None` if no such tree has a
/// path of that length there. The proof holds if the answer is the root known
/// from elsewhere.
pub fn root_of_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let mut node_index = index;
    let mut last_index = size.checked_sub(1).filter(|last| index <= *last)?;
    let mut hash = leaf;
    for sibling in path {
        if last_index == 0 {
            return None;
        }
        if node_index % 2 == 1 || node_index == last_index {
            hash = node(*sibling, hash);
            // On the right edge, levels without a sibling are skipped.
            while node_index.is_multiple_of(2) && node_index != 0 {
                node_index /= 2;
                last_index /= 2;
            }
        } else {
            hash = node(hash, *sibling);
        }
        node_index /= 2;
        last_index /= 2;
    }
    (last_index == 0).then_some(hash)
}

/// The size of the left part: the largest power of two below `size`, which is
/// at least 2.
fn left_size(size: usize) -> usize {
    size.div_ceil(2).next_power_of_two()
}

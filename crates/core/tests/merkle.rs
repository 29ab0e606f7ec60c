//! The Merkle tree of RFC 6962: known roots and paths, proofs for trees of every
//! size, and the two bugs that other trees had.

use adit_core::hash::{Hash, sha256};
use adit_core::merkle::{audit_path, leaf, node, root, root_of_path};
use serde_json::Value;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|number| leaf(&number.to_be_bytes()))
        .collect()
}

#[test]
fn roots_and_paths_are_those_of_certificate_transparency() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/rfc6962.json")).unwrap();
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    let bytes = |hex: String| -> Vec<u8> {
        let pairs = (0..hex.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let leaves: Vec<Hash> = texts(&vectors["inputs"])
        .into_iter()
        .map(|hex| leaf(&bytes(hex)))
        .collect();
    for (size, expected) in texts(&vectors["roots"]).iter().enumerate() {
        assert_eq!(root(&leaves[..size]).to_string(), *expected, "{size}");
    }
    for case in vectors["paths"].as_array().unwrap() {
        let size = case["size"].as_u64().unwrap() as usize;
        let index = case["index"].as_u64().unwrap() as usize;
        let path = audit_path(&leaves[..size], index).unwrap();
        let path: Vec<String> = path.iter().map(Hash::to_string).collect();
        assert_eq!(path, texts(&case["path"]), "{index} of {size}");
    }
}

#[test]
fn every_leaf_of_every_tree_has_a_path_to_the_root() {
    for size in 1..70 {
        let leaves = leaves(size);
        let root = root(&leaves);
        for index in 0..size {
            let at = index as usize;
            let path = audit_path(&leaves, at).unwrap();
            let found = root_of_path(leaves[at], index, size, &path);
            assert_eq!(found, Some(root), "{index} of {size}");
        }
        assert_eq!(audit_path(&leaves, size as usize), None);
    }
    assert_eq!(audit_path(&[], 0), None);
}

#[test]
fn a_path_proves_nothing_else() {
    for size in 2..20 {
        let leaves = leaves(size);
        let root = root(&leaves);
        for index in 0..size {
            let at = index as usize;
            let leaf = leaves[at];
            let path = audit_path(&leaves, at).unwrap();
            let proves = |leaf, index, size, path: &[Hash]| {
                root_of_path(leaf, index, size, path) == Some(root)
            };
            let other = leaves[(at + 1) % leaves.len()];
            assert!(!proves(other, index, size, &path), "{index} of {size}");
            for other in (0..size + 3).filter(|other| *other != index) {
                assert!(!proves(leaf, other, size, &path), "{other} of {size}");
            }
            assert!(!proves(leaf, index, size, &path[1..]));
            assert!(!proves(leaf, index, size, &[&path[..], &[root]].concat()));
            let mut bent = path.clone();
            bent[0].0[0] ^= 1;
            assert!(!proves(leaf, index, size, &bent));
        }
        assert_eq!(root_of_path(root, size, size, &[]), None);
    }
    assert_eq!(root_of_path(root(&[]), 0, 0, &[]), None);
}

/// Bitcoin's tree doubled the last hash of an odd level, so that a block with
/// its last transactions twice had the same root as the block itself.
#[test]
fn a_repeated_last_leaf_changes_the_root_cve_2012_2459() {
    for size in 1..40 {
        let mut leaves = leaves(size);
        let once = root(&leaves);
        for doubled in 1..=leaves.len() {
            let mut more = leaves.clone();
            more.extend_from_within(leaves.len() - doubled..);
            assert_ne!(root(&more), once, "the last {doubled} of {size}");
        }
        leaves.pop();
        assert_ne!(root(&leaves), once);
    }
}

/// In Bitcoin's tree 64 bytes could be read as a transaction or as two hashes,
/// so that an inner node could be shown as a leaf.
#[test]
fn no_node_is_a_leaf_cve_2017_12842() {
    let [left, right] = [leaf(b"left"), leaf(b"right")];
    let both = [left.0, right.0].concat();
    let tree = root(&[left, right]);
    assert_eq!(tree, node(left, right));
    assert_ne!(tree, leaf(&both));
    assert_ne!(tree, sha256(&both));
    let of_four = leaves(4);
    let inner = node(of_four[0], of_four[1]);
    let shown_as_leaf = leaf(&[of_four[0].0, of_four[1].0].concat());
    let path = [node(of_four[2], of_four[3])];
    // To pass off a node as a leaf, one has to lie about the size of the tree,
    // too.
    assert_eq!(root_of_path(inner, 0, 4, &path), None);
    assert_ne!(
        root_of_path(shown_as_leaf, 0, 2, &path),
        Some(root(&of_four))
    );
}

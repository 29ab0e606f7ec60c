//! The way from a transaction up to its block's Merkle root, as a drawing: on each level
//! the node on the way and its sibling, side by side, joined to what both hash to. Which
//! transaction it is, is not known here.

use adit_core::hash::Hash;
use adit_core::merkle;

/// The width of the drawing, and the middle of its left and its right column.
const WIDTH: usize = 460;
const LEFT: usize = 115;
const RIGHT: usize = 345;

/// From level to level, and the height of a box.
const LEVEL: usize = 62;
const BOX: usize = 34;

/// A way up.
pub(super) struct Ladder {
    pub(super) width: usize,
    pub(super) height: usize,
    /// From the root down.
    pub(super) boxes: Vec<Box>,
    pub(super) lines: Vec<Line>,
    /// The way in words.
    pub(super) said: String,
}

/// A node of the tree.
pub(super) struct Box {
    pub(super) x: usize,
    pub(super) y: usize,
    /// `root`, `way` or `sibling`.
    pub(super) class: &'static str,
    pub(super) label: String,
    pub(super) hash: String,
}

/// From a node up to what it is hashed into.
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) path: String,
}

/// Returns the way up from the leaf at that position among so many; none if there is no
/// such leaf.
pub(super) fn ladder(leaves: &[Hash], position: usize) -> Option<Ladder> {
    let path = merkle::audit_path(leaves, position)?;
    let mut hash = *leaves.get(position)?;
    let sides = sides(leaves.len(), position);
    let levels = path.len();
    let (mut boxes, mut lines) = (Vec::new(), Vec::new());
    let y = |level: usize| LEVEL * (levels - level);
    for (level, (sibling, is_right)) in path.iter().zip(&sides).enumerate() {
        let (ours, theirs) = if *is_right {
            (RIGHT, LEFT)
        } else {
            (LEFT, RIGHT)
        };
        let what = if level == 0 {
            "this transaction"
        } else {
            "both"
        };
        let beside = if level == 0 {
            "its neighbour"
        } else {
            "the rest beside it"
        };
        boxes.push(node(ours, y(level), "way", what, hash));
        boxes.push(node(theirs, y(level), "sibling", beside, *sibling));
        let above = match sides.get(level + 1) {
            Some(true) => RIGHT,
            Some(false) => LEFT,
            None => WIDTH / 2,
        };
        let (from, to) = (y(level), y(level + 1) + BOX);
        for (x, class) in [(theirs, "sibling"), (ours, "way")] {
            let middle = (from + to) / 2;
            lines.push(Line {
                class,
                path: format!("M{x} {from}C{x} {middle} {above} {middle} {above} {to}"),
            });
        }
        hash = match is_right {
            true => merkle::node(*sibling, hash),
            false => merkle::node(hash, *sibling),
        };
    }
    boxes.push(node(WIDTH / 2, 0, "root", "merkle_root of the block", hash));
    boxes.reverse();
    let words = match levels {
        0 => "The block holds this transaction alone: its leaf is the merkle_root.".to_owned(),
        1 => "One hash beside it leads to the merkle_root of the block.".to_owned(),
        _ => format!("{levels} hashes beside it lead to the merkle_root of the block."),
    };
    Some(Ladder {
        width: WIDTH,
        height: LEVEL * levels + BOX + 2,
        boxes,
        lines,
        said: words,
    })
}

fn node(x: usize, y: usize, class: &'static str, label: &str, hash: Hash) -> Box {
    Box {
        x,
        y,
        class,
        label: label.to_owned(),
        hash: hash.to_string().chars().take(12).chain(['…']).collect(),
    }
}

/// For each level, the leaf's first, whether the node on the way is the right one of the
/// two.
fn sides(mut count: usize, mut position: usize) -> Vec<bool> {
    let mut sides = Vec::new();
    while count > 1 {
        let left = count.div_ceil(2).next_power_of_two();
        let is_right = position >= left;
        sides.push(is_right);
        (count, position) = match is_right {
            true => (count - left, position - left),
            false => (left, position),
        };
    }
    sides.reverse();
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_leads_to_the_root() {
        for count in [1, 2, 3, 5, 8, 13, 100] {
            let leaves: Vec<Hash> = (0..count)
                .map(|number: u32| merkle::leaf(&number.to_be_bytes()))
                .collect();
            let root = merkle::root(&leaves).to_string();
            for position in 0..leaves.len() {
                let ladder = ladder(&leaves, position);
                let ladder = ladder.unwrap_or_else(|| panic!("{position} of {count}"));
                let top = &ladder.boxes[0];
                assert_eq!(top.class, "root");
                assert!(
                    root.starts_with(top.hash.trim_end_matches('…')),
                    "{position} of {count}"
                );
                assert_eq!(ladder.lines.len() + 1, ladder.boxes.len());
            }
            assert!(ladder(&leaves, leaves.len()).is_none());
        }
    }
}

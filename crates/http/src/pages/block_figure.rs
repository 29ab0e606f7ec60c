//! The one figure of a block, and the strip that stands for a hash: what they
//! say, for `templates/block-figure.html`. `assets/block-figure.js` makes the
//! same in a browser, and a test compares the two. Which page shows a block, and
//! beside which others, is not known here.
//!
//! A template imports `block-figure.html` and calls `figure(block)`, inside an
//! element of the class `chain` where blocks stand side by side; `small(block)`
//! draws one where many stand together, and `strip(hash)` and `miner(miner)` can
//! stand alone. Rows of blocks run from old to new.

use adit_core::hash::sha256;

use super::components::TransactionRow;
use super::format::{self, Moment};

/// This many digits of a hash are bars.
const BARS: usize = 16;

/// A strip is as high as this many units of its own, and each bar takes ten.
const HEIGHT: u32 = 40;

/// A hash, as bars and in a few digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HashStrip {
    /// The colours of its left and its right half: `t0` to `t15`.
    pub(super) colours: [String; 2],
    /// The bars of both halves, as SVG paths in a box of 160 by 40.
    pub(super) bars: [String; 2],
    /// The digits that are zero, likewise.
    pub(super) zeros: String,
    /// The digits that count as work, where they do.
    pub(super) work: Option<String>,
    /// The digits that are shown besides.
    pub(super) label: String,
}

/// What a block is to those that look. Each state has a word or a mark besides
/// its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockState {
    Plain,
    /// The last block of the main chain.
    Tip,
    /// It holds: said where others do not.
    Valid,
    /// It is not what it was.
    Changed,
    /// It breaks a rule itself.
    Broken,
    /// It is right, but stands on a broken block.
    RestsOnBroken,
    /// It took the place of others.
    Adopted,
    /// It has left the main chain.
    Dropped,
    /// Nobody but its maker knows of it.
    HiddenChain,
}

/// Who made a block: a letter, a shape and a hue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miner {
    pub(super) name: String,
    pub(super) letter: String,
    /// `a` a circle, `b` a square, `c` a diamond, `d` a hexagon.
    pub(super) kind: char,
}

/// How a block hangs on the one that stands left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Whole,
    Broken,
    /// Between blocks that were dropped.
    Dashed,
}

/// One payment in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaymentLine {
    /// None for new coins.
    pub(super) from: Option<String>,
    pub(super) to: String,
    pub(super) amount: String,
    /// Where it is now, if that has to be said.
    pub(super) now: Option<String>,
}

/// A block as it is drawn. What is empty is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockFigure {
    pub(super) height: String,
    /// Where its height leads to.
    pub(super) path: Option<String>,
    /// Words behind its height, such as `next block`.
    pub(super) title: Option<String>,
    pub(super) state: BlockState,
    pub(super) miner: Option<Miner>,
    pub(super) payments: Vec<PaymentLine>,
    /// What it holds besides, such as `and 3 more`.
    pub(super) more: Option<String>,
    /// Facts with a name, such as `proof` and 35293.
    pub(super) facts: Vec<(String, String)>,
    pub(super) time: Option<Moment>,
    /// None for a first block.
    pub(super) previous: Option<HashStrip>,
    /// None for a block that has none yet.
    pub(super) hash: Option<HashStrip>,
    /// None where nothing stands left of it.
    pub(super) link: Option<Link>,
}

impl HashStrip {
    /// Returns the strip of a hash whose zeros count for nothing: it is known by
    /// its last digits, as its colours are.
    pub(super) fn of(hash: &str) -> HashStrip {
        let end = hash.char_indices().rev().nth(5).map_or(0, |(at, _)| at);
        HashStrip {
            work: None,
            label: format!("…{}", &hash[end..]),
            ..HashStrip::drawn(hash)
        }
    }

    /// Returns the strip of a hash whose first zeros are the work of its block.
    pub(super) fn of_work(hash: &str) -> HashStrip {
        let zeros = hash.bytes().take_while(|byte| *byte == b'0').count();
        let end = hash.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
        HashStrip {
            work: Some("0".repeat(zeros)).filter(|zeros| !zeros.is_empty()),
            label: format!("…{}", &hash[end..]),
            ..HashStrip::drawn(hash)
        }
    }

    fn drawn(hash: &str) -> HashStrip {
        let digits: Vec<u32> = hash
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .collect();
        let colour = |from_end: usize| {
            let digit = digits.iter().rev().nth(from_end);
            format!("t{}", digit.copied().unwrap_or_default())
        };
        let mut strip = HashStrip {
            colours: [colour(0), colour(1)],
            bars: [String::new(), String::new()],
            zeros: String::new(),
            work: None,
            label: String::new(),
        };
        for (at, digit) in digits.iter().take(BARS).enumerate() {
            let x = 10 * at + 5;
            match digit {
                0 => strip.zeros.push_str(&format!("M{x} {HEIGHT}v-3")),
                // The lowest bar is higher than a zero.
                _ => strip.bars[at / (BARS / 2)]
                    .push_str(&format!("M{x} {HEIGHT}v-{}", 4 + 34 * digit / 15)),
            }
        }
        strip
    }
}

impl BlockState {
    /// Returns the class that gives it its look.
    pub(super) fn class(self) -> &'static str {
        match self {
            BlockState::Plain => "",
            BlockState::Tip => "tip",
            BlockState::Valid | BlockState::Adopted => "good",
            BlockState::Changed => "changed",
            BlockState::Broken => "broken",
            BlockState::RestsOnBroken => "rests",
            BlockState::Dropped => "dropped",
            BlockState::HiddenChain => "hidden-chain",
        }
    }

    /// Returns the class and the words of its mark, if it has one.
    pub(super) fn chip(self) -> Option<(&'static str, &'static str)> {
        match self {
            BlockState::Plain => None,
            BlockState::Tip => Some(("tip", "tip")),
            BlockState::Valid => Some(("good", "✓ holds")),
            BlockState::Adopted => Some(("good", "✓ adopted")),
            BlockState::Changed => Some(("changed", "✎ changed")),
            BlockState::Broken | BlockState::RestsOnBroken => Some(("bad", "✗ broken")),
            BlockState::Dropped => Some(("dropped", "dropped")),
            BlockState::HiddenChain => Some(("hidden-chain", "hidden")),
        }
    }
}

impl Miner {
    /// Returns the mark of a name or an address: the same name has the same one
    /// everywhere.
    pub(super) fn named(name: &str) -> Miner {
        let kinds = ['a', 'b', 'c', 'd'];
        let first = name.strip_prefix("adit1").unwrap_or(name).chars().next();
        let letter = first.filter(|letter| letter.is_alphanumeric());
        Miner {
            name: format::visible(name, 40),
            letter: letter.unwrap_or('?').to_uppercase().take(1).collect(),
            kind: kinds[usize::from(sha256(name.as_bytes()).0[0]) % kinds.len()],
        }
    }

    /// Returns its shape as an SVG path in a box of 24 by 24.
    pub(super) fn shape(&self) -> &'static str {
        match self.kind {
            'a' => "M12 1a11 11 0 0 1 0 22 11 11 0 0 1 0-22z",
            'b' => "M4 2h16a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z",
            'c' => "M12 0 24 12 12 24 0 12z",
            _ => "M6 1.6h12L24 12l-6 10.4H6L0 12z",
        }
    }
}

impl Link {
    /// Returns the class that gives it its look.
    pub(super) fn class(self) -> &'static str {
        match self {
            Link::Whole => "whole",
            Link::Broken => "broken",
            Link::Dashed => "dashed",
        }
    }
}

impl PaymentLine {
    /// Returns the line of a transaction.
    pub(super) fn of(row: &TransactionRow) -> PaymentLine {
        PaymentLine {
            from: row.sender.as_ref().map(|sender| sender.text.clone()),
            to: row.recipient.text.clone(),
            amount: row.amount.clone(),
            now: None,
        }
    }
}

impl BlockFigure {
    /// Returns a block that holds nothing yet, to be filled.
    pub(super) fn numbered(height: impl ToString, state: BlockState) -> BlockFigure {
        BlockFigure {
            height: height.to_string(),
            path: None,
            title: None,
            state,
            miner: None,
            payments: Vec::new(),
            more: None,
            facts: Vec::new(),
            time: None,
            previous: None,
            hash: None,
            link: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00007b0e7653a15de564c7c05f42ec64d3cb8a63035433777d43c04ee17d9a0f";

    #[test]
    fn a_strip_has_a_bar_for_each_of_the_first_digits_and_the_colours_of_the_last() {
        let strip = HashStrip::of(HASH);
        assert_eq!(strip.colours, ["t15", "t0"]);
        assert_eq!(strip.zeros, "M5 40v-3M15 40v-3M25 40v-3M35 40v-3M65 40v-3");
        assert_eq!(strip.bars[0], "M45 40v-19M55 40v-28M75 40v-35");
        assert_eq!(strip.bars[1].matches('M').count(), 8);
        assert_eq!(strip.label, "…7d9a0f");
        assert_eq!(strip.work, None);
    }

    #[test]
    fn zeros_are_told_apart_where_they_are_work() {
        let strip = HashStrip::of_work(HASH);
        assert_eq!(strip.work.as_deref(), Some("0000"));
        assert_eq!(strip.label, "…9a0f");
        assert_eq!(HashStrip::of_work(&HASH[4..]).work, None);
    }

    #[test]
    fn what_is_no_hash_is_drawn_all_the_same() {
        for text in ["", "1", "é", "not a hash"] {
            assert!(
                HashStrip::of(text)
                    .label
                    .ends_with(text.chars().last().unwrap_or('…'))
            );
        }
    }

    #[test]
    fn a_name_has_its_own_letter_and_always_the_same_shape() {
        assert_eq!(Miner::named("alice"), Miner::named("alice"));
        assert_eq!(Miner::named("alice").letter, "A");
        assert_eq!(Miner::named("adit1qrs").letter, "Q");
        assert_eq!(Miner::named("").letter, "?");
        let kinds: std::collections::BTreeSet<_> =
            (0..40).map(|n| Miner::named(&n.to_string()).kind).collect();
        assert_eq!(kinds.len(), 4);
    }
}

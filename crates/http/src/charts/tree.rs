//! The main chain, and the branches that left it, drawn as a tree that grows to
//! the right. Which one is the main chain is decided elsewhere.

use std::fmt::Write;

use super::plot::escaped;

/// The box that everything is drawn in, in SVG's units.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 40.0;
const ROW: f64 = 52.0;

/// On a branch with more blocks than this, only the last is drawn.
const DOTS: u64 = 40;

/// A tip beside the main chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The height of the last block that it shares with the main chain; 0 if
    /// there is none.
    pub fork_height: u64,
    /// The height of its last block.
    pub tip_height: u64,
    /// What it is called.
    pub label: String,
    /// Where its page is.
    pub path: String,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The tip of the main chain, which leaves it nowhere: its own fork index
    /// is not looked at.
    pub main: Branch,
    /// The tips beside it.
    pub sides: Vec<Branch>,
}

impl Tree {
    /// Returns the tree as a part of a page.
    pub fn svg(&self) -> String {
        let height = TOP + ROW * self.sides.len() as f64 + 36.0;
        let first = self.first();
        let main_y = TOP;
        let tips = self.sides.iter().map(|side| side.tip_height);
        let last = tips.chain([self.main.tip_height]).max().unwrap_or(first);
        let span = (last.saturating_sub(first)).max(1) as f64;
        let x = |height: u64| {
            let share = height.saturating_sub(first) as f64 / span;
            LEFT + (WIDTH - LEFT - RIGHT) * share
        };
        let mut out = format!(
            "<svg class=\"tree\" viewBox=\"0 0 {WIDTH} {height}\" role=\"group\" \
             aria-labelledby=\"tree-title\"><title id=\"tree-title\">The main chain from block \
             {first} on, with {} beside it</title>",
            match self.sides.len() {
                0 => "no branch".to_owned(),
                1 => "1 branch".to_owned(),
                many => format!("{many} branches"),
            }
        );
        let tip_x = x(self.main.tip_height);
        let _ = write!(
            out,
            "<path class=\"main\" d=\"M{LEFT} {main_y}H{tip_x:.1}\"/>"
        );
        for height in dots(first, self.main.tip_height) {
            dot(&mut out, "tip-main", x(height), main_y, 4.5);
        }
        self.draw_tip(&mut out, &self.main, "tip-main", tip_x, main_y);
        for (row, side) in self.sides.iter().enumerate() {
            let y = main_y + ROW * (row + 1) as f64;
            let (from, to) = (x(side.fork_height), x(side.tip_height));
            let bend = (to - from).min(36.0);
            let start = if side.fork_height == 0 { y } else { main_y };
            let _ = write!(
                out,
                "<path class=\"side\" d=\"M{from:.1} {start}C{from:.1} {y} {from:.1} {y} {:.1} {y}H{to:.1}\"/>",
                from + bend
            );
            for height in dots(side.fork_height + 1, side.tip_height) {
                dot(&mut out, "tip-side", x(height), y, 4.0);
            }
            self.draw_tip(&mut out, side, "tip-side", to, y);
        }
        out.push_str("</svg>");
        out
    }

    /// Returns the index that everything begins at: a block before the first fork.
    fn first(&self) -> u64 {
        let forks = self.sides.iter().map(|side| side.fork_height);
        let first = forks
            .min()
            .unwrap_or(self.main.tip_height.saturating_sub(8));
        first.saturating_sub(1).max(1)
    }

    fn draw_tip(&self, out: &mut String, tip: &Branch, class: &str, x: f64, y: f64) {
        dot(out, class, x, y, 7.0);
        let _ = write!(
            out,
            "<a href=\"{}\"><text x=\"{:.1}\" y=\"{:.1}\">{}</text></a>",
            escaped(&tip.path),
            x + 14.0,
            y + 4.5,
            escaped(&tip.label)
        );
    }
}

fn dots(first: u64, last: u64) -> std::ops::Range<u64> {
    match last.saturating_sub(first) < DOTS {
        true => first..last,
        false => 0..0,
    }
}

fn dot(out: &mut String, class: &str, x: f64, y: f64, radius: f64) {
    let _ = write!(
        out,
        "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(fork_height: u64, tip_height: u64) -> Branch {
        Branch {
            fork_height,
            tip_height,
            label: format!("block {tip_height} <b>"),
            path: format!("/block/{tip_height}?a&\""),
        }
    }

    #[test]
    fn every_tip_is_drawn_once_and_named() {
        let tree = Tree {
            main: branch(0, 12),
            sides: vec![branch(8, 10), branch(3, 4), branch(0, 2)],
        };
        let svg = tree.svg();
        assert_eq!(svg.matches("r=\"7\"").count(), 4);
        assert_eq!(svg.matches("class=\"side\"").count(), 3);
        assert!(svg.contains("from block 1 on, with 3 branches"), "{svg}");
        assert!(svg.contains("block 10 &lt;b&gt;"), "{svg}");
        assert!(svg.contains("/block/10?a&amp;&quot;"), "{svg}");
    }

    #[test]
    fn a_long_or_empty_chain_stays_small() {
        for (main, sides) in [
            (branch(0, 0), vec![]),
            (branch(0, 1), vec![]),
            (branch(0, u64::MAX), vec![branch(1, u64::MAX)]),
            (branch(0, 5), vec![branch(7, 6)]),
        ] {
            let svg = Tree { main, sides }.svg();
            assert!(svg.len() < 3_000, "{} bytes", svg.len());
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}

//! The tree of blocks as a grid: a column for each height that tells something, one for
//! each run of blocks that is left out, a row for each branch. Which branches there are,
//! and how a block looks, is not known here.

use std::collections::BTreeSet;

use adit_api::block::BlockSummary;
use adit_node::handle::NodeHandle;
use adit_node::queries::branches::{DRAWN_OF_BRANCH, DrawnBlocks};

use crate::pages::block_figure::{BlockFigure, BlockState};
use crate::pages::figures::bare;
use crate::pages::format;

/// This many of the newest blocks are drawn, whatever leaves them.
const NEWEST_DRAWN: u64 = 4;

/// A branch beside the main chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    /// The height of the last block that it shares with the main chain; 0 if there is
    /// none.
    pub(super) fork_height: u64,
    /// The height of its last block.
    pub(super) tip_height: u64,
    /// The number of the place where it leaves the main chain.
    pub(super) number: usize,
    /// What became of it.
    pub(super) fate: Fate,
}

/// What became of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never was the main chain.
    NeverCounted,
    /// It was, until then.
    Dropped(Option<format::Moment>),
}

/// Something in the grid.
pub(super) struct Cell {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) what: What,
}

/// What is in a cell.
pub(super) enum What {
    Block(Box<BlockFigure>),
    /// A run of blocks that is left out, and which.
    Gap(String, String),
    /// The way from the main chain down to a branch's row.
    Bend(usize),
    /// The number of a fork, below its block.
    Number(usize),
    Said(Fate),
}

enum Column {
    Height(u64),
    Gap(u64, u64),
}

impl Side {
    /// The first height of it that is drawn.
    fn first_drawn(&self) -> u64 {
        let first_of_newest = self.tip_height.saturating_sub(DRAWN_OF_BRANCH - 1);
        first_of_newest.max(self.fork_height.saturating_add(1))
    }
}

/// Returns the heights of the main chain's blocks that are drawn.
pub(super) fn main_heights(tip_height: u64, sides: &[Side]) -> BTreeSet<u64> {
    let heights = columns(tip_height, sides).into_iter();
    let shown = heights.filter_map(|column| match column {
        Column::Height(height) => Some(height),
        Column::Gap(..) => None,
    });
    shown.filter(|height| *height <= tip_height).collect()
}

fn columns(tip_height: u64, sides: &[Side]) -> Vec<Column> {
    let mut heights: BTreeSet<u64> = BTreeSet::from([1]);
    heights.extend(tip_height.saturating_sub(NEWEST_DRAWN - 1).max(1)..=tip_height);
    for side in sides {
        heights.extend(side.first_drawn()..=side.tip_height);
        heights.insert(side.fork_height.max(1));
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut last = 0;
    for height in heights {
        match height - last {
            0 | 1 => {}
            // One block takes no more room than the words that it is left out.
            2 => columns.push(Column::Height(height - 1)),
            _ => columns.push(Column::Gap(last + 1, height - 1)),
        }
        columns.push(Column::Height(height));
        last = height;
    }
    columns
}

/// Returns all that is drawn: the main chain in the first row, the branches below it in
/// their order.
pub(super) fn cells(
    node: &NodeHandle,
    tip_height: u64,
    sides: &[Side],
    drawn: &DrawnBlocks,
) -> Vec<Cell> {
    let columns = columns(tip_height, sides);
    let column_of = |height: u64| {
        let found = columns.iter().position(|column| match column {
            Column::Height(here) => *here == height,
            Column::Gap(from, to) => (*from..=*to).contains(&height),
        });
        found.map_or(1, |at| at + 1)
    };
    let block = |summary: &BlockSummary, row, state| Cell {
        column: column_of(summary.index),
        row,
        what: What::Block(Box::new(bare(node, summary, state))),
    };
    let mut cells = Vec::new();
    for summary in &drawn.main {
        let state = match summary.index == tip_height {
            true => BlockState::Tip,
            false => BlockState::Plain,
        };
        cells.push(block(summary, 1, state));
    }
    for (at, column) in columns.iter().enumerate() {
        if let Column::Gap(from, to) = column
            && *to <= tip_height
        {
            cells.push(gap(at + 1, 1, *from, *to));
        }
    }
    let mut numbered = BTreeSet::new();
    for (at, side) in sides.iter().enumerate() {
        let row = at + 2;
        if side.fork_height > 0 {
            let column = column_of(side.fork_height);
            cells.push(Cell {
                column,
                row,
                what: What::Bend(row),
            });
            if numbered.insert(side.number) {
                cells.push(Cell {
                    column,
                    row: 1,
                    what: What::Number(side.number),
                });
            }
        }
        let (from, first) = (side.fork_height.saturating_add(1), side.first_drawn());
        if first > from {
            cells.push(gap(column_of(from), row, from, first - 1));
        }
        for summary in drawn.sides.get(at).into_iter().flatten() {
            cells.push(block(summary, row, BlockState::Dropped));
        }
        cells.push(Cell {
            column: column_of(side.tip_height) + 1,
            row,
            what: What::Said(side.fate.clone()),
        });
    }
    cells
}

fn gap(column: usize, row: usize, from: u64, to: u64) -> Cell {
    let count = format::count((to - from).saturating_add(1), "block", "blocks");
    let which = format!("{} to {}", format::grouped(from), format::grouped(to));
    Cell {
        column,
        row,
        what: What::Gap(format!("… {count} …"), which),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(fork_height: u64, tip_height: u64) -> Side {
        Side {
            fork_height,
            tip_height,
            number: 1,
            fate: Fate::NeverCounted,
        }
    }

    #[test]
    fn long_runs_are_left_out_and_what_tells_something_is_not() {
        let heights: Vec<u64> = main_heights(72, &[side(33, 36), side(69, 71)])
            .into_iter()
            .collect();
        assert_eq!(heights, [1, 33, 34, 35, 36, 69, 70, 71, 72]);
    }

    #[test]
    fn a_single_block_is_drawn_and_not_left_out() {
        let heights: Vec<u64> = main_heights(9, &[side(3, 4)]).into_iter().collect();
        assert_eq!(heights, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn however_long_the_branches_are_the_columns_are_few() {
        let sides: Vec<Side> = (0..8)
            .map(|at| side(at * 1_000, at * 1_000 + 900))
            .collect();
        assert!(columns(1_000_000, &sides).len() <= 96);
        assert!(columns(u64::MAX, &[side(0, u64::MAX)]).len() < 20);
        assert_eq!(columns(0, &[]).len(), 1);
    }
}

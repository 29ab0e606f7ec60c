//! What follows a sudden change of the hash power: how hard the next block is some
//! time later, and how many blocks have come, on average. The renewal equation of
//! the rule in real numbers is solved on a grid.

use super::functions::{exp, exp2, ln};

/// What is expected at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AfterStep {
    /// How long the next block takes on average, in intervals.
    pub next_block: f64,
    /// How many blocks have come.
    pub blocks: f64,
}

/// The difficulties that are looked at, from easy to hard, evenly by their
/// logarithm.
struct Grid {
    first: f64,
    width: f64,
    values: Vec<f64>,
}

/// A place between two points of the grid.
#[derive(Clone, Copy)]
struct Between {
    at: usize,
    share: f64,
}

impl Grid {
    fn new(start: f64, half_life: f64) -> Grid {
        const POINTS: usize = 64;
        // Some standard deviations beyond where it begins and ends.
        let spread = 6.0 * (0.35 / half_life).sqrt();
        let (low, high) = (ln(start.min(1.0)) - spread, ln(start.max(1.0)) + spread);
        let width = (high - low) / (POINTS - 1) as f64;
        let values = (0..POINTS).map(|at| exp(low + width * at as f64)).collect();
        Grid {
            first: low,
            width,
            values,
        }
    }

    fn place(&self, value: f64) -> Between {
        let last = self.values.len() - 2;
        let at = ((ln(value) - self.first) / self.width).clamp(0.0, last as f64 + 1.0);
        let whole = (at as usize).min(last);
        Between {
            at: whole,
            share: at - whole as f64,
        }
    }
}

impl Between {
    fn of(&self, row: &[[f64; 2]], which: usize) -> f64 {
        let (low, high) = (row[self.at][which], row[self.at + 1][which]);
        low + (high - low) * self.share
    }
}

/// Where in a tick the blocks are found that are found in it, on average: a little
/// before its middle.
fn within(mean: f64, tick: f64) -> f64 {
    let ticks = tick / mean;
    1.0 / ticks - 1.0 / (exp(ticks) - 1.0)
}

/// What is expected `time` intervals after the power became `factor` times what
/// the target was made for.
pub fn after_step(factor: f64, half_life: f64, time: f64) -> AfterStep {
    let start = 1.0 / factor;
    let grid = Grid::new(start, half_life);
    let smallest = grid.values[0].max(start.min(1.0) / 2.0);
    let steps = (time / (smallest / 3.0)).ceil().clamp(200.0, 900.0) as usize;
    let tick = time / steps as f64;
    // For each difficulty: how likely the block is found in each tick, and how hard
    // the next one is then.
    let kernels: Vec<Vec<(f64, Between)>> = grid
        .values
        .iter()
        .map(|value| {
            let ticks = ((30.0 * value / tick).ceil() as usize).clamp(1, steps);
            let found = (0..ticks).map(|number| {
                let (from, to) = (number as f64 * tick, (number + 1) as f64 * tick);
                let probability = exp(-from / value) - exp(-to / value);
                let took = (from + within(*value, tick) * tick).min(half_life);
                (
                    probability,
                    grid.place(value * exp2((1.0 - took) / half_life)),
                )
            });
            found.collect()
        })
        .collect();
    // Row by row: what is expected at the end, so much time before it.
    let mut rows: Vec<Vec<[f64; 2]>> =
        vec![grid.values.iter().map(|value| [*value, 0.0]).collect()];
    for number in 1..=steps {
        let left = number as f64 * tick;
        let mut row = rows[number - 1].clone();
        let mut known = Vec::with_capacity(row.len());
        for (at, value) in grid.values.iter().enumerate() {
            let share = within(*value, tick);
            let mut sums = [value * exp(-left / value), 1.0 - exp(-left / value)];
            for (which, sum) in sums.iter_mut().enumerate() {
                for (back, (probability, next)) in kernels[at].iter().enumerate().take(number) {
                    let after = next.of(&rows[number - back - 1], which);
                    let before = match back {
                        0 => 0.0,
                        _ => next.of(&rows[number - back], which),
                    };
                    *sum += probability * (after * share + before * (1.0 - share));
                }
            }
            known.push(sums);
        }
        // What is found in this very tick leads to this very row.
        for _ in 0..4 {
            for at in 0..row.len() {
                let (probability, next) = kernels[at][0];
                let share = 1.0 - within(grid.values[at], tick);
                row[at] = [0, 1]
                    .map(|which| known[at][which] + probability * next.of(&row, which) * share);
            }
        }
        rows.push(row);
    }
    let end = grid.place(start);
    let last = &rows[steps];
    AfterStep {
        next_block: end.of(last, 0),
        blocks: end.of(last, 1),
    }
}

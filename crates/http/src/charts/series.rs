//! What is drawn of a chain: the same charts on the pages and, by the command
//! line, in files. How they are drawn is not known here.

use adit_api::stats::{BlockStats, Stats};

use super::plot::{Form, Plot};

/// A place from left to right, and the value there, if it is known.
pub type Point = (f64, Option<f64>);

/// A hash rate is averaged over this many blocks.
const AVERAGED_BLOCKS: usize = 10;

/// One chart.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    /// What it is called in addresses and on the command line.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: &'static str,
    /// What runs from left to right.
    pub x_label: &'static str,
    /// What runs from bottom to top, with its unit.
    pub y_label: &'static str,
    /// How the values are drawn.
    pub form: Form,
    /// Whether the values count things, of which there is no half.
    pub counts: bool,
    /// What is drawn, from left to right.
    pub points: fn(&Stats) -> Vec<Point>,
}

/// All charts.
pub const SERIES: [Series; 6] = [
    Series {
        name: "transactions",
        title: "Transactions in each block",
        x_label: "block",
        y_label: "transactions",
        form: Form::Bars,
        counts: true,
        points: |stats| of_blocks(stats, |block| Some(block.transaction_count as f64)),
    },
    Series {
        name: "size",
        title: "Size of each block",
        x_label: "block",
        y_label: "bytes",
        form: Form::Bars,
        counts: true,
        points: |stats| of_blocks(stats, |block| Some(block.size_bytes as f64)),
    },
    Series {
        name: "interval",
        title: "Time since the block before",
        x_label: "block",
        y_label: "seconds",
        form: Form::Line,
        counts: false,
        points: |stats| of_blocks(stats, |block| Some(block.interval_ms? as f64 / 1_000.0)),
    },
    Series {
        name: "difficulty",
        title: "Difficulty",
        x_label: "block",
        y_label: "guesses for a block",
        form: Form::Step,
        counts: false,
        points: |stats| of_blocks(stats, |block| Some(block.difficulty)),
    },
    Series {
        name: "rate",
        title: "Hash rate of the whole network, averaged over ten blocks",
        x_label: "block",
        y_label: "guesses a second",
        form: Form::Line,
        counts: false,
        points: averaged_rates,
    },
    Series {
        name: "pending",
        title: "Transactions that waited, in the last hour",
        x_label: "minutes before now",
        y_label: "transactions",
        form: Form::Step,
        counts: true,
        points: of_mempool,
    },
];

/// What the chain aims at.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// In the unit of the chart.
    pub value: f64,
    /// What it is called.
    pub label: String,
}

impl Series {
    /// Returns what the chain aims at, if it aims at anything here.
    pub fn wanted(&self, stats: &Stats) -> Option<Wanted> {
        let ms = stats
            .wanted_interval_ms
            .filter(|_| self.name == "interval")?;
        let value = ms as f64 / 1_000.0;
        Some(Wanted {
            value,
            label: format!("wanted: {value} s"),
        })
    }

    /// Returns the chart, ready to be drawn.
    pub fn plot<'a>(
        &self,
        points: &'a [Point],
        description: &'a str,
        wanted: Option<&'a Wanted>,
    ) -> Plot<'a> {
        Plot {
            counts: self.counts,
            wanted: wanted.map(|wanted| (wanted.value, &*wanted.label)),
            name: self.name,
            title: self.title,
            description,
            x_label: self.x_label,
            y_label: self.y_label,
            form: self.form,
            points,
        }
    }
}

fn of_blocks(stats: &Stats, value: fn(&BlockStats) -> Option<f64>) -> Vec<Point> {
    let blocks = stats.series.iter();
    blocks
        .map(|block| (block.index as f64, value(block)))
        .collect()
}

/// Returns how many guesses a second the blocks took: a single one says little, since
/// chance decides how soon it is found.
fn averaged_rates(stats: &Stats) -> Vec<Point> {
    let series = &stats.series;
    let rate = |at: usize| {
        let window = &series[at.saturating_sub(AVERAGED_BLOCKS - 1)..=at];
        let timed = window.iter().filter(|block| block.interval_ms.is_some());
        let (work, ms) = timed.fold((0.0, 0.0), |(work, ms), block| {
            let interval_ms = block.interval_ms.unwrap_or_default() as f64;
            (work + block.difficulty, ms + interval_ms)
        });
        (ms > 0.0).then(|| work * 1_000.0 / ms)
    };
    let blocks = series.iter().enumerate();
    blocks
        .map(|(at, block)| (block.index as f64, rate(at)))
        .collect()
}

/// Up to the last sample, which is at 0.
fn of_mempool(stats: &Stats) -> Vec<Point> {
    let last_ms = stats.pool.last().map_or(0, |last| last.time_ms);
    let minutes = |time_ms: u64| -(last_ms.saturating_sub(time_ms) as f64) / 60_000.0;
    let samples = stats.pool.iter();
    samples
        .map(|sample| (minutes(sample.time_ms), Some(sample.count as f64)))
        .collect()
}

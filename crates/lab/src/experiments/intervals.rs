//! Intervals: how the times between blocks are spread.

use std::time::Duration;

use crate::chain::{CHAIN_START, Person, workless_chain};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report, deviation_of_share};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::functions::exp;
use crate::world::World;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "intervals",
    question: "How are the times between blocks spread?",
    explanation: EXPLANATION,
    settings: &[Setting {
        name: "interval",
        kind: Kind::Number {
            least: 1.0,
            most: 86_400.0,
        },
        default: "600",
        help: "The mean time between two blocks, in seconds.",
    }],
    run,
};

const EXPLANATION: &str = "\
A block every ten minutes does not mean that one comes ten minutes after the last. Each
guess is as good as any other, so the wait for the next block is the same whenever one
begins to wait: no chain has a memory.

Theory: intervals follow the exponential law, P(longer than x) = e^-x in mean intervals,
and their mean is their standard deviation. Somebody who looks at the chain at any moment
falls into a long interval more often than into a short one: that one is 2 mean intervals
long on average, P(longer than x) = (1 + x) e^-x, and the rest of it is one whole (the
inspection paradox). All values together are judged by the greatest distance between the
two laws (Kolmogorov and Smirnov): at most 2.276 by the root of their number, which is
four sigma.

Simulated: a core with a constant target makes blocks at drawn times, and the intervals
are read off the blocks' stamps, in the chain that it has in the end.

Look at: one interval in seven is longer than two means, and one in four shorter than
0.29. No block for an hour happens once in four hundred.";

/// What a part came to.
struct Part {
    /// In mean intervals.
    intervals: Vec<f64>,
    /// Those that moments at regular times fall into.
    inspected: Vec<f64>,
}

fn part(run: &Run<'_>, part: u64, blocks: u64, interval_ms: u64) -> Result<Part, LabError> {
    let people = [Person::new(1)];
    let miners = [people[0].address.to_string()];
    let mut world = World::new(workless_chain(&people), &miners)?;
    let draws = run.draws();
    // In microseconds, so that what is cut off adds up to nothing.
    let mut at_us = 0;
    for count in 0..blocks {
        at_us += draws.exponential(interval_ms * 1_000, Purpose::Interval, part, count);
        world.now = CHAIN_START + Duration::from_micros(at_us);
        world.mine(0)?;
    }
    let chain = world.kept(0).main().iter();
    let stamps: Vec<u64> = chain
        .filter_map(|id| world.table().block(*id).sealed())
        .map(|sealed| sealed.header.timestamp_ms)
        .collect();
    let mean = interval_ms as f64;
    let gaps = stamps
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64 / mean);
    let intervals: Vec<f64> = gaps.collect();
    // Moments so far apart that what they see is independent.
    let step = interval_ms * 12;
    let mut inspected = Vec::new();
    let (mut moment, mut at) = (stamps[0] + step, 0);
    while let Some(next) = stamps.get(at + 1) {
        if *next > moment {
            inspected.push((next - stamps[at]) as f64 / mean);
            moment += step;
        } else {
            at += 1;
        }
    }
    Ok(Part {
        intervals,
        inspected,
    })
}

/// The greatest distance between the law and what was measured.
fn distance(sorted: &[f64]) -> f64 {
    let count = sorted.len() as f64;
    let mut most = 0.0_f64;
    for (at, interval) in sorted.iter().enumerate() {
        let law = 1.0 - exp(-interval);
        let (before, behind) = (at as f64 / count, (at + 1) as f64 / count);
        most = most.max((law - before).abs()).max((behind - law).abs());
    }
    most
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let interval_ms = (values.number("interval") * 1_000.0) as u64;
    let blocks = run.trials(1.0, 0.0125, 2_000_000).max(PARTS * 50);
    let parts = run.jobs(PARTS, |number| {
        part(run, number, blocks / PARTS, interval_ms)
    })?;
    let mut all: Vec<f64> = parts
        .iter()
        .flat_map(|part| part.intervals.iter().copied())
        .collect();
    let inspected: Vec<f64> = parts
        .iter()
        .flat_map(|part| part.inspected.iter().copied())
        .collect();
    all.sort_by(f64::total_cmp);
    let mut report = Report::new(EXPERIMENT.name, values);
    let (count, looks) = (all.len() as u64, inspected.len() as u64);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let root = |count: u64| (count as f64).sqrt();
    // The stamps are whole milliseconds.
    report.results.push(Measured::compared(
        "mean interval",
        1.0,
        mean(&all),
        1.0 / root(count),
        count,
    ));
    let square: f64 = all.iter().map(|one| (one - 1.0) * (one - 1.0)).sum::<f64>() / count as f64;
    let sigma = 8.0_f64.sqrt() / root(count);
    report.results.push(Measured::compared(
        "variance of the intervals",
        1.0,
        square,
        sigma,
        count,
    ));
    let found = distance(&all);
    let sigma = 2.276 / 4.0 / root(count);
    let name = "distance of the two laws, less than four sigma";
    report
        .results
        .push(Measured::compared(name, 0.0, found, sigma, count));
    let name = "mean of the interval that a moment falls into";
    let sigma = 2.0_f64.sqrt() / root(looks);
    report.results.push(Measured::compared(
        name,
        2.0,
        mean(&inspected),
        sigma,
        looks,
    ));
    let longer = |values: &[f64], x: f64| values.iter().filter(|one| **one > x).count() as u64;
    let xs = [0.25, 0.5, 1.0, 2.0, 3.0, 5.0];
    for x in xs {
        let name = format!("an interval is longer than {x} means");
        report
            .results
            .push(Measured::proportion(name, exp(-x), longer(&all, x), count));
    }
    for x in xs {
        let name = format!("the one a moment falls into is longer than {x} means");
        let law = (1.0 + x) * exp(-x);
        report.results.push(Measured::proportion(
            name,
            law,
            longer(&inspected, x),
            looks,
        ));
    }
    let at = |number: u32| f64::from(number) * 0.1;
    let measured = |values: &[f64], count: u64| {
        let points = (0..12).map(|number| f64::from(number) * 0.5 + 0.25);
        let points = points.map(|x| {
            let share = longer(values, x) as f64 / count as f64;
            (x, share, deviation_of_share(share, count))
        });
        points.collect::<Vec<_>>()
    };
    report.figures.push(Figure {
        name: "intervals",
        title: "Intervals longer than so many means".to_owned(),
        x_label: "mean intervals",
        y_label: "probability",
        log_y: false,
        series: vec![
            Series::theory(
                "any interval",
                (0..=60).map(|number| (at(number), exp(-at(number)))),
            ),
            Series::other(
                "the one a moment falls into",
                (0..=60).map(|number| (at(number), (1.0 + at(number)) * exp(-at(number)))),
            ),
            Series::measured(measured(&all, count)),
            Series::measured(measured(&inspected, looks)),
        ],
    });
    Ok(report)
}

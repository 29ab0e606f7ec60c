//! Partition: a network in two parts, and what is lost when they meet again.

use std::time::Duration;

use adit_core::address::Address;

use crate::chain::{Person, workless_chain};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, Run};
use crate::settings::{Kind, SHARE, Setting, Values};
use crate::theory::partition::Partition;
use crate::world::World;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "partition",
    question: "What is lost when a network in two parts meets again?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "cut",
            kind: SHARE,
            default: "0.4",
            help: "The share of one part in the power.",
        },
        Setting {
            name: "for",
            kind: Kind::Number {
                least: 0.0,
                most: 500.0,
            },
            default: "12",
            help: "How long it lasts, in mean times between two blocks of the whole network.",
        },
        Setting {
            name: "payments",
            kind: Kind::Whole { least: 0, most: 50 },
            default: "6",
            help: "So many people pay in each part, and every second one pays somebody else in the other.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
A cable breaks, and half of the world does not hear of the other. Both parts go on: each
has a chain that grows by its share of the power, and payments that look confirmed. When
the cable is mended the parts compare, and the heavier chain is everybody's.

Theory: the blocks of each part in the time t are Poisson's with its share of t/T as the
mean, and all of the lighter part are dropped: the lesser of the two numbers, whose mean
is a sum over both. A payment that only the lighter part had comes back to those who wait,
and is in a later block; one that contradicts a payment of the heavier part is gone.

Simulated: two cores that do not hear of each other, with real payments, half of them in
contradiction to those of the other part. Then both are given the other's blocks, and one
more is found. Blocks that one of them dropped are counted, and who has been paid.

Look at: after twelve blocks' time with 40 % cut off, four blocks are gone on average, so
six confirmations were worth nothing to some. No coin is lost or made: what both parts
paid in contradiction is paid once.";

const BLOCK_TIME_MILLIS: u64 = 600_000;

/// What a trial came to.
#[derive(Clone, Copy)]
struct Outcome {
    dropped: u64,
    returned: u64,
    contradicted: u64,
    paid: u64,
}

struct Cast {
    payers: Vec<Person>,
    shops: [Address; 2],
    miners: [String; 2],
}

fn cast(payments: u64) -> Cast {
    let payers = (100..100 + payments).map(Person::new).collect();
    let [shop, other, miner, third] = [1, 2, 3, 4].map(|one| Person::new(one).address);
    Cast {
        payers,
        shops: [shop, other],
        miners: [miner.to_string(), third.to_string()],
    }
}

fn trial(
    partition: &Partition,
    payments: u64,
    run: &Run<'_>,
    trial: u64,
) -> Result<Outcome, LabError> {
    let cast = cast(payments);
    let rules = workless_chain(&cast.payers);
    let mut world = World::new(rules.clone(), &cast.miners)?;
    // Each pays in one part; every second one somebody else in the other part.
    for (number, payer) in cast.payers.iter().enumerate() {
        let part = number / 2 % 2;
        world.submit(part, payer.payment(&rules, cast.shops[part], 0, 1_000, 0))?;
        if number % 2 == 1 {
            let other = 1 - part;
            world.submit(other, payer.payment(&rules, cast.shops[other], 0, 1_000, 0))?;
        }
    }
    let draws = run.draws();
    let end = (partition.intervals * BLOCK_TIME_MILLIS as f64) as u64;
    let (mut at_ms, mut count) = (0, 0);
    let start = world.now;
    loop {
        at_ms += draws.exponential(BLOCK_TIME_MILLIS, Purpose::Interval, trial, count);
        if at_ms > end {
            break;
        }
        world.now = start + Duration::from_millis(at_ms);
        let is_first = draws.happens(partition.share, Purpose::Finder, trial, count);
        world.mine(usize::from(!is_first))?;
        count += 1;
    }
    let (tips, lengths) = (
        [0, 1].map(|core| world.tip(core)),
        [0, 1].map(|core| world.length(core)),
    );
    world.give_branch(0, tips[1])?;
    world.give_branch(1, tips[0])?;
    // In a tie both keep theirs till the next block, somebody's.
    let drawn = draws.below(2, Purpose::Finder, trial, count) as usize;
    let lighter = match lengths[0].cmp(&lengths[1]) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => 1 - drawn,
    };
    let finder = 1 - lighter;
    let mut returned = world.node(lighter).mempool().len() as u64;
    let is_tie = lengths[0] == lengths[1];
    world.now += Duration::from_secs(1);
    let last = world.mine(finder)?;
    world.give_branch(1 - finder, last)?;
    if is_tie {
        // Only now one of them has turned.
        returned = world.node(lighter).mempool().len() as u64;
    }
    // Whatever still waits, at either of them, is in one of the next two blocks.
    for core in [0, 1] {
        world.now += Duration::from_secs(1);
        let last = world.mine(core)?;
        world.give_branch(1 - core, last)?;
    }
    if world.tip(0) != world.tip(1) {
        return Err(LabError::Broken("the parts do not agree".to_owned()));
    }
    let kept = world.kept(1);
    let mut dropped = 0;
    let mut next = Some(tips[lighter]);
    while let Some(id) = next {
        let height = world.table().entry(id).height;
        if kept.main().get(height as usize - 1) == Some(&id) {
            break;
        }
        dropped += 1;
        next = world.parent(id);
    }
    let mut paid = 0;
    for shop in &cast.shops {
        paid += world.account(0, shop)?.balance / 1_000;
    }
    Ok(Outcome {
        dropped,
        returned,
        contradicted: payments / 2,
        paid,
    })
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let partition = Partition {
        share: values.number("cut"),
        intervals: values.number("for"),
    };
    let payments = values.whole("payments");
    let (mean, deviation) = partition.dropped();
    let relative = if mean > 0.0 { deviation / mean } else { 0.0 };
    let trials = run.trials(relative.max(0.05), 0.06, 20_000);
    let parts = run.parts(trials, |numbers| {
        let all = numbers.map(|number| trial(&partition, payments, run, number));
        all.collect::<Result<Vec<_>, _>>()
    })?;
    let all: Vec<Outcome> = parts.into_iter().flatten().collect();
    let count = all.len() as f64;
    let of =
        |value: fn(&Outcome) -> u64| all.iter().map(|one| value(one) as f64).sum::<f64>() / count;
    let mut report = Report::new(EXPERIMENT.name, values);
    let sigma = deviation / count.sqrt();
    let dropped = of(|one| one.dropped);
    report.results.push(Measured::compared(
        "blocks that are dropped",
        mean,
        dropped,
        sigma,
        trials,
    ));
    let name = "people who have paid exactly once in the end";
    report.results.push(Measured::exact(
        name,
        payments as f64,
        of(|one| one.paid),
        trials,
    ));
    let name = "payments that come back to those who wait";
    report.results.push(Measured::shown(
        name,
        None,
        Some(of(|one| one.returned)),
        trials,
    ));
    let name = "people who paid somebody in each part";
    report.results.push(Measured::shown(
        name,
        None,
        Some(of(|one| one.contradicted)),
        trials,
    ));
    let most = all.iter().map(|one| one.dropped).max().unwrap_or_default();
    report.results.push(Measured::shown(
        "most blocks dropped",
        None,
        Some(most as f64),
        trials,
    ));
    let at = |number: u32| partition.intervals.max(1.0) * f64::from(number) / 20.0;
    let line = (0..=30).map(|number| {
        let longer = Partition {
            intervals: at(number),
            ..partition
        };
        (at(number), longer.dropped().0)
    });
    report.figures.push(Figure {
        name: "dropped",
        title: format!("Blocks that are dropped after a cut at {}", partition.share),
        x_label: "how long it lasts, in mean times between two blocks",
        y_label: "blocks",
        log_y: false,
        series: vec![
            Series::theory("lesser of two Poisson numbers", line),
            Series::measured([(partition.intervals, dropped, sigma)]),
        ],
    });
    Ok(report)
}

//! Majority: an attacker with more than half of the power overtakes any chain.

use crate::chain::{Person, workless_chain};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::majority::Majority;
use crate::world::{Received, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "majority",
    question: "How long does a majority take to undo so many blocks?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "attacker",
            kind: Kind::Number {
                least: 0.501,
                most: 1.0,
            },
            default: "0.6",
            help: "The attacker's share of all hash power, more than one half.",
        },
        Setting {
            name: "behind",
            kind: Kind::Whole {
                least: 1,
                most: 1_000,
            },
            default: "7",
            help: "Blocks that it needs more than the others to be ahead: confirmations and one.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
With more than half of the power an attack needs no luck. However deep a payment is
buried, a chain that leaves it out grows faster than the one with it, and is the longer
one in the end. What is to be asked is how long that takes, and what it costs.

Theory: the lead is a random walk with a drift. Each block is the attacker's with the
probability q, so it gains q - p a block, and needs d/(q - p) blocks on average for d
that it lacks, found by anybody; the spread is great where q is near one half. Of them
q are the attacker's, and it keeps their rewards: apart from the coins' price, such an
attack costs next to nothing.

Simulated: an honest core with d - 1 blocks that the attacker's has not, and both go on.
When the attacker's branch is the longer one the honest core is shown it, and has to
turn to it by its own choice.

Look at: 51 % takes fifty times as many blocks as it lacks, 60 % five times. The
blocks of the others are lost, with all rewards and payments in them.";

const BLOCK_TIME_MILLIS: u64 = 600_000;
const HONEST: usize = 0;
const ATTACKER: usize = 1;

/// How many blocks were found till the honest core has turned, and how many of them
/// were the attacker's.
fn attempt(majority: &Majority, run: &Run<'_>, trial: u64) -> Result<(u64, u64), LabError> {
    let people = [1, 2].map(Person::new);
    let miners = people.each_ref().map(|one| one.address.to_string());
    let mut world = World::new(workless_chain(&people[..1]), &miners)?;
    for _ in 1..majority.behind {
        world.mine(HONEST)?;
    }
    let draws = run.draws();
    let (mut blocks, mut own) = (0, 0);
    while world.length(ATTACKER) <= world.length(HONEST) {
        let wait = draws.exponential(BLOCK_TIME_MILLIS, Purpose::Interval, trial, blocks);
        world.now += std::time::Duration::from_millis(wait);
        let by_attacker = draws.happens(majority.attacker, Purpose::Finder, trial, blocks);
        world.mine(if by_attacker { ATTACKER } else { HONEST })?;
        (blocks, own) = (blocks + 1, own + u64::from(by_attacker));
    }
    match world.give_branch(HONEST, world.tip(ATTACKER))? {
        Received::Reorganised(_) | Received::Extended => Ok((blocks, own)),
        other => Err(LabError::Broken(format!(
            "a longer chain came to {other:?}"
        ))),
    }
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let majority = Majority {
        attacker: values.number("attacker"),
        behind: values.whole("behind"),
    };
    let relative = majority.blocks_deviation() / majority.blocks();
    let trials = run.trials(relative, 0.04, 100_000);
    let parts = run.parts(trials, |numbers| {
        numbers
            .map(|trial| attempt(&majority, run, trial))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let all: Vec<(u64, u64)> = parts.into_iter().flatten().collect();
    let count = trials as f64;
    let mean = all.iter().map(|(blocks, _)| *blocks as f64).sum::<f64>() / count;
    let own = all.iter().map(|(_, own)| *own as f64).sum::<f64>() / count;
    let sigma = majority.blocks_deviation() / count.sqrt();
    let mut report = Report::new(EXPERIMENT.name, values);
    let name = "blocks till it is ahead, found by anybody";
    report.results.push(Measured::compared(
        name,
        majority.blocks(),
        mean,
        sigma,
        trials,
    ));
    // Half of what is found beyond what it lacks is the attacker's.
    let half = sigma / 2.0;
    let name = "of them the attacker's";
    report.results.push(Measured::compared(
        name,
        majority.attacker_blocks(),
        own,
        half,
        trials,
    ));
    let name = "honest blocks that are lost";
    report.results.push(Measured::compared(
        name,
        majority.lost_blocks(),
        mean - own,
        half,
        trials,
    ));
    let at_once = all
        .iter()
        .filter(|(blocks, _)| *blocks == majority.behind)
        .count() as u64;
    let probability = majority.probability(majority.behind);
    report.results.push(Measured::proportion(
        "nobody else finds one",
        probability,
        at_once,
        trials,
    ));
    report.results.push(Measured::shown(
        "standard deviation of the blocks",
        Some(majority.blocks_deviation()),
        None,
        0,
    ));
    report.figures.push(figure(&majority, &all));
    Ok(report)
}

/// The law of the number of blocks.
fn figure(majority: &Majority, all: &[(u64, u64)]) -> Figure {
    let most = majority.blocks() + 2.5 * majority.blocks_deviation();
    let each = (most / 40.0 / 2.0).ceil() as u64 * 2;
    let bins = || (0..40_u64).map(|bin| majority.behind + bin * each);
    let law = bins().map(|from| {
        let sum: f64 = (from..from + each)
            .map(|blocks| majority.probability(blocks))
            .sum();
        (from as f64, sum)
    });
    let count = all.len() as f64;
    let measured = bins().map(|from| {
        let hits = all
            .iter()
            .filter(|(blocks, _)| (from..from + each).contains(blocks))
            .count();
        let share = hits as f64 / count;
        (from as f64, share, (share * (1.0 - share) / count).sqrt())
    });
    Figure {
        name: "blocks",
        title: format!(
            "Blocks till {} are made up for, attacker {}",
            majority.behind, majority.attacker
        ),
        x_label: "blocks found by anybody",
        y_label: "share of the attempts",
        log_y: false,
        series: vec![Series::theory("law", law), Series::measured(measured)],
    }
}

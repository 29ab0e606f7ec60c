//! Rival: a network of nodes with links of random delay, and the chance that
//! somebody finds a block before hearing of one.

use std::time::Duration;

use crate::agenda::Agenda;
use crate::chain::{CHAIN_START, Person, workless_chain};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report, deviation_of_share};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::forks::{rival, rival_by_mean_delay};
use crate::world::{Received, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "rival",
    question: "How likely is a rival of a block while it gets around?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "nodes",
            kind: Kind::Whole {
                least: 2,
                most: 128,
            },
            default: "32",
            help: "Nodes of equal power, each joined with all others.",
        },
        Setting {
            name: "delay",
            kind: Kind::Number {
                least: 0.001,
                most: 1_000.0,
            },
            default: "3.2",
            help: "The mean delay of a link, in mean times between two blocks of the whole network.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
`adit lab forks` has one delay for all. Here each link has one of its own, drawn anew for
each block, and nodes pass a block on as soon as they have it: the network and the mining
together.

Theory: if k of n nodes know a block, it gets to the next one at the rate k(n - k)/m, for
there are so many links of mean delay m from those who know to those who do not; and one
of the latter finds a rival at the rate (n - k)/(nT). So the chance that nobody does is the
product of 1/(1 + y/k) for k from 1 to n - 1, with y = m/(nT). That is exact. Who looks
at the mean delay alone gets 1 - e^-D, which is near, and too much.

Simulated: n cores. A block is found when all know its parent. Each core passes it on over
its links when it has become its tip; each other one has a time at which it would find a
block itself. Whether it has heard of the first by then decides.

Look at: thirty nodes and links that take three times as long as a block: still only
every fourth has a rival, since the fastest of many ways counts.";

const BLOCK_TIME_MICROS: u64 = 1_000_000_000;

/// What a part came to.
struct Counted {
    rivals: u64,
    trials: u64,
}

/// One block after the other, each found when all know the one before.
fn trials(
    nodes: u64,
    delay: f64,
    run: &Run<'_>,
    numbers: std::ops::Range<u64>,
) -> Result<Counted, LabError> {
    let people: Vec<Person> = (0..nodes).map(Person::new).collect();
    let miners: Vec<String> = people.iter().map(|one| one.address.to_string()).collect();
    let mut world = World::new(workless_chain(&people[..1]), &miners)?;
    let draws = run.draws();
    let link_us = (delay * BLOCK_TIME_MICROS as f64) as u64;
    let count = nodes as usize;
    let mut counted = Counted {
        rivals: 0,
        trials: 0,
    };
    for trial in numbers {
        let start = world.now.max(CHAIN_START) + Duration::from_secs(1);
        world.now = start;
        let finder = draws.below(nodes, Purpose::Finder, trial, 0) as usize;
        let block = world.mine(finder)?;
        // When each of the others would find a block by itself.
        let own: Vec<Duration> = (0..nodes)
            .map(|node| {
                let mean = BLOCK_TIME_MICROS * nodes;
                start
                    + Duration::from_micros(draws.exponential(mean, Purpose::Interval, trial, node))
            })
            .collect();
        let mut agenda = Agenda::new(start);
        let tell = |agenda: &mut Agenda<usize>, from: usize| {
            for to in (0..count).filter(|to| *to != from) {
                // A link takes as long in both directions, and is used once.
                let link = (from.min(to) * count + from.max(to)) as u64;
                let wait = draws.exponential(link_us, Purpose::Latency, trial, link);
                agenda.plan(agenda.now() + Duration::from_micros(wait), to);
            }
        };
        tell(&mut agenda, finder);
        let (mut has_rival, mut know) = (false, 1);
        while let Some(to) = agenda.next_before(Duration::MAX) {
            if world.kept(to).has(block) {
                continue;
            }
            if own[to] < agenda.now() {
                has_rival = true;
                break;
            }
            world.now = agenda.now();
            if world.give(to, block)? != Received::Extended {
                return Err(LabError::Broken(
                    "a block on the tip did not extend it".to_owned(),
                ));
            }
            know += 1;
            if know == count {
                break;
            }
            tell(&mut agenda, to);
        }
        if has_rival {
            // The rival is found after all, and the next block ends the fork: no trial
            // may begin while one is open.
            let other = (0..count).find(|node| !world.kept(*node).has(block));
            if let Some(other) = other {
                world.mine(other)?;
            }
            world.now += Duration::from_secs(1);
            let end = world.mine(finder)?;
            for node in 0..count {
                world.give_branch(node, end)?;
            }
        }
        let tip = world.tip(finder);
        if (0..count).any(|node| world.tip(node) != tip) {
            return Err(LabError::Broken("the nodes do not agree".to_owned()));
        }
        counted.rivals += u64::from(has_rival);
        counted.trials += 1;
    }
    Ok(counted)
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (nodes, delay) = (values.whole("nodes"), values.number("delay"));
    let theory = rival(nodes, delay);
    let wanted = run.trials_of(theory, 0.05, 100_000);
    let parts = run.parts(wanted, |numbers| trials(nodes, delay, run, numbers))?;
    let count: u64 = parts.iter().map(|part| part.trials).sum();
    let rivals: u64 = parts.iter().map(|part| part.rivals).sum();
    let measured = rivals as f64 / count as f64;
    let sigma = deviation_of_share(theory, count);
    let mut report = Report::new(EXPERIMENT.name, values);
    report.results.push(Measured::proportion(
        "a block gets a rival",
        theory,
        rivals,
        count,
    ));
    let by_mean = rival_by_mean_delay(nodes, delay);
    let name = "by the mean delay alone";
    report
        .results
        .push(Measured::alternative(name, by_mean, measured, sigma, count));
    let most = (delay * 2.0).max(1.0);
    let at = |number: u32| most * f64::from(number) / 60.0;
    report.figures.push(Figure {
        name: "rival",
        title: format!("A rival of a block, {nodes} nodes joined in pairs"),
        x_label: "mean delay of a link, in mean times between two blocks",
        y_label: "probability",
        log_y: false,
        series: vec![
            Series::theory(
                "exact",
                (0..=60).map(|number| (at(number), rival(nodes, at(number)))),
            ),
            Series::other(
                "by the mean delay",
                (0..=60).map(|number| (at(number), rival_by_mean_delay(nodes, at(number)))),
            ),
            Series::measured([(delay, measured, sigma)]),
        ],
    });
    Ok(report)
}

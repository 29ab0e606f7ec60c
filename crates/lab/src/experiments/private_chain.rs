//! Private chain: the share from which an attacker's secret chain keeps up with a
//! public one that delays slow down.

use super::forks::Public;
use crate::chain::{Person, workless_chain};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::forks::{private_chain_bound, public_growth};
use crate::world::World;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "private-chain",
    question: "From which share on does a secret chain keep up with a slow network?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "attacker",
            kind: Kind::NumberOrNone {
                least: 0.01,
                most: 0.99,
            },
            default: "none",
            help: "The attacker's share of all hash power; none is the share at which both grow alike.",
        },
        Setting {
            name: "delay",
            kind: Kind::Number {
                least: 0.001,
                most: 10.0,
            },
            default: "0.5",
            help: "How long an honest block takes to the others, in mean times between two blocks.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
That an attacker needs half of the power is true where blocks arrive at once. Honest
miners who hear of blocks late waste some of theirs on forks. An attacker who mines
alone, in secret, wastes none: each of its blocks stands behind the one before.

Theory: with a share b, its chain grows by b blocks in a mean time between two finds of
anybody, the public one by (1 - b)/(1 + (1 - b) x) with delays of x = D/T. They grow
alike at b = (2 + x - sqrt(4 + x^2))/(2x). Dembo et al. (2020, Everything is a race and
Nakamoto always wins) and Gazi, Kiayias and Russell (2020) prove that no cleverer attack
does better than this one.

Simulated: the public core is given every honest block D after it was found, and each is
made behind its tip; the attacker's core makes its own. In the end the public core is
shown the secret chain, and turns to it or not.

Look at: a delay of half the time between blocks brings the half down to 44 %. This is
why the time between two blocks has to be long beside what they take to get around.";

const PUBLIC: usize = 0;
const ATTACKER: usize = 1;

/// What a part came to: how long, in mean intervals, both chains, and whether the
/// public core turned.
struct Raced {
    time: f64,
    public: u64,
    secret: u64,
    has_turned: bool,
}

fn race(
    attacker: f64,
    delay: f64,
    run: &Run<'_>,
    part: u64,
    blocks: u64,
) -> Result<Raced, LabError> {
    let people = [1, 2].map(Person::new);
    let miners = people.each_ref().map(|one| one.address.to_string());
    let world = World::new(workless_chain(&people), &miners)?;
    let start = world.now;
    let mut public = Public::new(world, delay);
    let draws = run.draws();
    let mut found = 0;
    loop {
        public.wait(draws, part, found)?;
        // A part ends where the next one could begin.
        if found >= blocks && public.is_settled() {
            break;
        }
        match draws.happens(attacker, Purpose::Finder, part, found) {
            true => {
                public.world.mine(ATTACKER)?;
            }
            false => public.find(found)?,
        }
        found += 1;
    }
    public.finish()?;
    let mut world = public.world;
    let time = (world.now - start).as_secs_f64() / 10_000.0;
    let (length, secret) = (world.length(PUBLIC) - 1, world.length(ATTACKER) - 1);
    world.give_branch(PUBLIC, world.tip(ATTACKER))?;
    let has_turned = world.tip(PUBLIC) == world.tip(ATTACKER);
    if has_turned != (secret > length) {
        return Err(LabError::Broken("the longer chain did not win".to_owned()));
    }
    Ok(Raced {
        time,
        public: length,
        secret,
        has_turned,
    })
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let delay = values.number("delay");
    let bound = private_chain_bound(delay);
    let attacker = values.number_or_none("attacker").unwrap_or(bound);
    // A cycle of the public chain: one block, its delay, and the wait for the next.
    let honest = 1.0 - attacker;
    let (cycle, wait) = (delay + 1.0 / honest, 1.0 / honest);
    let growth = public_growth(attacker, delay);
    // By the time t: the relative variance of each chain, times t.
    let of_public = wait * wait / cycle;
    let of_secret = 1.0 / attacker;
    let relative = (of_public + of_secret).sqrt();
    let blocks = run.trials(relative, 0.02, 2_000_000);
    let parts = run.jobs(PARTS, |part| {
        race(attacker, delay, run, part, blocks / PARTS)
    })?;
    let time: f64 = parts.iter().map(|part| part.time).sum();
    let sum = |of: fn(&Raced) -> u64| parts.iter().map(of).sum::<u64>() as f64;
    let (public, secret) = (sum(|part| part.public), sum(|part| part.secret));
    let turned = parts.iter().filter(|part| part.has_turned).count();
    let mut report = Report::new(EXPERIMENT.name, values);
    let trials = public as u64 + secret as u64;
    let sigma = |relative_variance: f64, value: f64| value * (relative_variance / time).sqrt();
    report.results.push(Measured::compared(
        "growth of the public chain, blocks in a mean interval",
        growth,
        public / time,
        sigma(of_public, growth),
        trials,
    ));
    let ratio = attacker / growth;
    report.results.push(Measured::compared(
        "secret blocks for each public one",
        ratio,
        secret / public,
        sigma(of_public + of_secret, ratio),
        trials,
    ));
    // Where both grow alike, the growth is the share.
    let name = "the largest share that does not keep up";
    report
        .results
        .push(match values.number_or_none("attacker") {
            None => Measured::compared(name, bound, public / time, sigma(of_public, bound), trials),
            Some(_) => Measured::shown(name, Some(bound), None, 0),
        });
    let share = turned as f64 / parts.len() as f64;
    report.results.push(Measured::shown(
        "runs that end with the secret chain",
        None,
        Some(share),
        PARTS,
    ));
    let at = |number: u32| 0.02 + 3.0 * f64::from(number) / 60.0;
    let line = (0..=60).map(|number| (at(number), private_chain_bound(at(number))));
    let mut series = vec![Series::theory("bound", line)];
    if values.number_or_none("attacker").is_none() {
        series.push(Series::measured([(
            delay,
            public / time,
            sigma(of_public, bound),
        )]));
    }
    report.figures.push(Figure {
        name: "bound",
        title: "The share at which a secret chain keeps up".to_owned(),
        x_label: "delay, in mean times between two blocks",
        y_label: "share of the power",
        log_y: false,
        series,
    });
    Ok(report)
}

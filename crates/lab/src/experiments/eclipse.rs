//! Eclipse: some of the honest power is cut off, and the rest is weaker.

use super::double_spend::successes;
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report, deviation_of_share};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::double_spend::{Race, silence};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "eclipse",
    question: "What is a confirmation worth while some of the power is cut off?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "attacker",
            kind: Kind::Number {
                least: 0.0,
                most: 0.9,
            },
            default: "0.2",
            help: "The attacker's share of all hash power.",
        },
        Setting {
            name: "cut-off",
            kind: Kind::Number {
                least: 0.0,
                most: 0.9,
            },
            default: "0.25",
            help: "The share of all hash power that is honest and cut off.",
        },
        Setting {
            name: "confirmations",
            kind: Kind::Whole {
                least: 0,
                most: 1_000,
            },
            default: "6",
            help: "The merchant waits for this many blocks.",
        },
        Setting {
            name: "silence",
            kind: Kind::Number {
                least: 0.01,
                most: 20.0,
            },
            default: "3",
            help: "No block for so many mean intervals.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
An attacker who controls all connections of some miners (an eclipse) takes their blocks
out of the race: what they find, nobody hears of. The others are weaker, and the
attacker, with the same power, has a greater share of what counts.

Theory: with a share w of all power cut off the attacker's share is q/(1 - w), and the
formulas of `adit lab double-spend` hold with that. If the victims are fed the
attacker's blocks, they work for it, and its share is q + w (Heilman, Kendler, Zohar and
Goldberg, 2015, have the attack; Gervais et al., 2016, the numbers for both uses).
A merchant who is cut off alone sees the attacker's blocks only, which come 1/q times as
slowly; no block for x mean intervals happens with e^-x to an honest node.

Simulated: real cores of the attacker and the others; each find that is the victims' is
drawn like all others, and lost. Then the same with the victims on the attacker's side.

Look at: 20 % against six confirmations is one in a hundred, with a quarter of the power
cut off five times as much, and if these work for the attacker two in three.
A node can notice: no block for seven intervals is one in a thousand.";

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (attacker, cut_off) = (values.number("attacker"), values.number("cut-off"));
    if attacker + cut_off > 0.95 {
        return Err(LabError::Setting {
            name: "cut-off",
            expected: "at most 0.95 together with the attacker".to_owned(),
            found: (attacker + cut_off).to_string(),
        });
    }
    let confirmations = values.whole("confirmations");
    let race = |attacker| Race {
        attacker,
        confirmations,
        beforehand: 0,
        give_up: None,
    };
    let mut report = Report::new(EXPERIMENT.name, values);
    let (lost, used) = (attacker / (1.0 - cut_off), attacker + cut_off);
    report.results.push(Measured::shown(
        "nobody cut off",
        Some(race(attacker).success()),
        None,
        0,
    ));
    let mut points = Vec::new();
    for (name, share, at) in [
        ("some cut off, their blocks lost", lost, cut_off),
        ("some cut off, and working for the attacker", used, cut_off),
    ] {
        if share >= 0.5 {
            report
                .results
                .push(Measured::shown(name, Some(race(share).success()), None, 0));
            continue;
        }
        let race = Race {
            give_up: Some(40),
            ..race(share)
        };
        let theory = race.success();
        let trials = run.trials_of(theory, 0.12, 30_000);
        let hits = successes(&race, None, run, trials)?;
        report
            .results
            .push(Measured::proportion(name, theory, hits, trials));
        let measured = hits as f64 / trials as f64;
        points.push((at, measured, deviation_of_share(theory, trials)));
    }
    report.results.push(Measured::shown(
        "the attacker's share, blocks lost",
        Some(lost),
        None,
        0,
    ));
    let intervals = values.number("silence");
    let (hits, trials) = silences(run, intervals);
    report.results.push(Measured::proportion(
        format!("no block for {intervals} intervals"),
        silence(intervals),
        hits,
        trials,
    ));
    if attacker > 0.0 {
        let alone = confirmations as f64 / attacker;
        let name = "intervals till so many blocks, cut off alone with the attacker";
        report
            .results
            .push(Measured::shown(name, Some(alone), None, 0));
    }
    let line = |share: &dyn Fn(f64) -> f64| {
        let points = (0..=60).map(|number| f64::from(number) * 0.01);
        let points = points.filter(|w| attacker + w < 0.95);
        let line: Vec<(f64, f64)> = points.map(|w| (w, race(share(w)).success())).collect();
        line
    };
    report.figures.push(Figure {
        name: "risk",
        title: format!("{confirmations} confirmations against {attacker}, some cut off"),
        x_label: "share that is cut off",
        y_label: "risk",
        log_y: false,
        series: vec![
            Series::theory("blocks lost", line(&|w| (attacker / (1.0 - w)).min(0.999))),
            Series::other("working for the attacker", line(&|w| attacker + w)),
            Series::measured(points),
        ],
    });
    Ok(report)
}

/// How often a node that is not cut off hears of no block for so long.
fn silences(run: &Run<'_>, intervals: f64) -> (u64, u64) {
    const TRIALS: u64 = 100_000;
    const UNIT: u64 = 1 << 40;
    let draws = run.draws();
    let waits = (0..TRIALS).map(|trial| draws.exponential(UNIT, Purpose::Experiment, 1, trial));
    let long = waits.filter(|wait| *wait as f64 > intervals * UNIT as f64);
    (long.count() as u64, TRIALS)
}

//! Finality: how many confirmations it takes for a risk.

use super::double_spend::successes;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report, Table, deviation_of_share};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::double_spend::{Race, nakamoto, nakamoto_confirmations_for};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "finality",
    question: "How many confirmations does a payment need?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "attacker",
            kind: Kind::Number {
                least: 0.0,
                most: 0.5,
            },
            default: "0.1",
            help: "The attacker's share of all hash power.",
        },
        Setting {
            name: "risk",
            kind: Kind::Number {
                least: 1e-12,
                most: 0.9,
            },
            default: "0.001",
            help: "The merchant takes a risk below this.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
`adit lab double-spend` says how likely it is that a payment is undone; this turns the
question round. A merchant takes a risk of one in a thousand: how many blocks are to be
waited for?

Theory: the least number for which the exact probability is below the risk, with one
block beforehand (Rosenfeld, 2014) and with none. Nakamoto's paper (2008) ends with such
a table for 0.1 %, by an approximation that asks for too few: 5 in place of 6 against
10 %, 24 in place of 32 against 30 %.

Simulated: the number itself is not left to chance. Beside the formula it is found a
second way, by playing the race forward probability by probability. And the cell that
is cheapest to sample, the risk of the confirmations that make it less than a quarter,
is sampled with real cores.

Look at: how the number grows with the share. Against 10 % six blocks do, as everybody
says. Against 40 % it takes more than a hundred, and against one half no number does.
And: the risk is about one payment. Whoever is paid a thousand times has it a thousand
times.";

/// Confirmations up to this many are looked for a second way.
const SECOND_WAY_MOST: u64 = 400;

/// The risk by playing the race forward: the probability of each lead after each
/// block, till the payment is confirmed, and then till one side has won. It knows
/// no formula.
fn played_forward(attacker: f64, confirmations: u64, beforehand: u64) -> f64 {
    const RUIN: usize = 400;
    let (q, p) = (attacker, 1.0 - attacker);
    let z = confirmations as usize;
    // By how many blocks the attacker has while the payment gets confirmed.
    let most = 4 * z + 400;
    let mut at_last = vec![0.0; most];
    let mut now = vec![0.0; most];
    now[0] = 1.0;
    for confirmed in 0..z {
        for found in 0..most {
            if found > 0 {
                let before = now[found - 1] * q;
                now[found] += before;
            }
            if confirmed + 1 == z {
                at_last[found] = now[found] * p;
            }
        }
        if confirmed + 1 < z {
            now.iter_mut().for_each(|probability| *probability *= p);
        }
    }
    if z == 0 {
        at_last[0] = 1.0;
    }
    let mut lacking = vec![0.0; RUIN + 1];
    let mut won = 0.0;
    for (found, probability) in at_last.iter().enumerate() {
        let lacks = (z + 1).saturating_sub(found + beforehand as usize);
        match lacks {
            0 => won += probability,
            lacks if lacks < RUIN => lacking[lacks] += probability,
            _ => {}
        }
    }
    for _ in 0..200_000 {
        let mut next = vec![0.0; RUIN + 1];
        let mut left = 0.0;
        for lacks in 1..RUIN {
            let probability = lacking[lacks];
            if probability < 1e-300 {
                continue;
            }
            match lacks {
                1 => won += probability * q,
                _ => next[lacks - 1] += probability * q,
            }
            next[lacks + 1] += probability * p;
            left += probability;
        }
        lacking = next;
        if left < 1e-18 {
            break;
        }
    }
    won
}

fn race(attacker: f64, confirmations: u64, beforehand: u64) -> Race {
    Race {
        attacker,
        confirmations,
        beforehand,
        give_up: None,
    }
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (attacker, risk) = (values.number("attacker"), values.number("risk"));
    let mut report = Report::new(EXPERIMENT.name, values);
    for (beforehand, name) in [(1, "one block beforehand"), (0, "nothing beforehand")] {
        let name = format!("confirmations, {name}");
        let theory = race(attacker, 0, beforehand).confirmations_for(risk);
        let second = theory.filter(|least| *least <= SECOND_WAY_MOST && attacker < 0.45);
        let measured = second.map(|least| {
            let is_enough = |z: u64| played_forward(attacker, z, beforehand) < risk;
            // The least one that is enough, near where it should be.
            let from = least.saturating_sub(2);
            (from..least + 3)
                .find(|z| is_enough(*z))
                .unwrap_or(u64::MAX)
        });
        report.results.push(match (theory, measured) {
            (Some(theory), Some(measured)) => {
                Measured::exact(name, theory as f64, measured as f64, 1)
            }
            (theory, _) => Measured::shown(name, theory.map(|least| least as f64), None, 0),
        });
    }
    let approximation = nakamoto_confirmations_for(attacker, risk).map(|least| least as f64);
    report.results.push(Measured::shown(
        "confirmations, Nakamoto's table",
        approximation,
        None,
        0,
    ));
    let mut sampled = None;
    if attacker > 0.0 && attacker < 0.5 {
        let endless = race(attacker, 0, 0);
        let confirmations = endless
            .confirmations_for(risk.max(0.25))
            .unwrap_or(1)
            .min(100);
        let race = Race {
            give_up: Some(40),
            ..race(attacker, confirmations, 0)
        };
        let theory = race.success();
        let trials = run.trials_of(theory, 0.2, 20_000);
        let hits = successes(&race, None, run, trials)?;
        let name = format!("risk with {confirmations} confirmations, nothing beforehand");
        report
            .results
            .push(Measured::proportion(name, theory, hits, trials));
        sampled = Some((confirmations, hits as f64 / trials as f64, trials));
    }
    report.tables.push(table(
        attacker,
        sampled.map(|(confirmations, ..)| confirmations),
    ));
    report.figures.push(figure(attacker, risk, sampled));
    Ok(report)
}

const SHARES: [f64; 9] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45];
const RISKS: [f64; 3] = [0.01, 0.001, 1e-6];

/// The whole table; what was sampled has a mark.
fn table(attacker: f64, sampled: Option<u64>) -> Table {
    let mut columns = vec!["attacker".to_owned(), "Nakamoto, 0.001".to_owned()];
    for risk in RISKS {
        columns.push(format!("{risk}, one before"));
        columns.push(format!("{risk}, none"));
    }
    let rows = SHARES.map(|share| {
        let cell = |least: Option<u64>| {
            let Some(least) = least else {
                return "none".to_owned();
            };
            let is_sampled = share == attacker && sampled == Some(least);
            format!("{least}{}", if is_sampled { " *" } else { "" })
        };
        let mut row = vec![
            share.to_string(),
            cell(nakamoto_confirmations_for(share, 0.001)),
        ];
        for risk in RISKS {
            for beforehand in [1, 0] {
                row.push(cell(race(share, 0, beforehand).confirmations_for(risk)));
            }
        }
        row
    });
    Table {
        title: "Confirmations for a risk (* sampled with real cores)".to_owned(),
        columns,
        rows: rows.to_vec(),
    }
}

fn figure(attacker: f64, risk: f64, sampled: Option<(u64, f64, u64)>) -> Figure {
    let most = race(attacker, 0, 1)
        .confirmations_for(risk)
        .unwrap_or(40)
        .clamp(8, 400);
    let line =
        |beforehand| (0..=most).map(move |z| (z as f64, race(attacker, z, beforehand).success()));
    let mut series = vec![
        Series::theory("nothing beforehand", line(0)),
        Series::other(
            "Nakamoto",
            (0..=most).map(|z| (z as f64, nakamoto(attacker, z))),
        ),
    ];
    if let Some((confirmations, measured, trials)) = sampled {
        let sigma = deviation_of_share(measured, trials);
        series.push(Series::measured([(confirmations as f64, measured, sigma)]));
    }
    Figure {
        name: "risk",
        title: format!("The risk over the confirmations, attacker {attacker}"),
        x_label: "confirmations",
        y_label: "probability",
        log_y: true,
        series,
    }
}

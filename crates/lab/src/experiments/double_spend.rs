//! Double spend: a payment gets its confirmations, and is undone by a longer chain
//! that somebody made in secret.

use std::sync::Arc;

use adit_core::rules::Sealed;

use crate::chain::{Person, workless_chain};
use crate::draws::{Draws, Purpose};
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report, deviation_of_share};
use crate::run::{LabError, Run};
use crate::settings::{Kind, SHARE, Setting, Values};
use crate::theory::double_spend::{Race, nakamoto, success_after};
use crate::world::{Received, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "double-spend",
    question: "How likely is it that a payment with so many confirmations is undone?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "attacker",
            kind: SHARE,
            default: "0.3",
            help: "The attacker's share of all hash power.",
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
            name: "beforehand",
            kind: Kind::Whole {
                least: 0,
                most: 100,
            },
            default: "0",
            help: "Blocks that the attacker has before the payment is sent: 1 as in Rosenfeld's table.",
        },
        Setting {
            name: "give-up",
            kind: Kind::Whole {
                least: 2,
                most: 10_000,
            },
            default: "40",
            help: "The attacker gives up when it lacks this many blocks to be ahead.",
        },
        Setting {
            name: "kappa",
            kind: Kind::NumberOrNone {
                least: 0.01,
                most: 100.0,
            },
            default: "none",
            help: "The confirmations took this many times as long as on average; takes --beforehand 1.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
Somebody pays a merchant, waits till the payment is in a block and has some
confirmations, takes the goods, and then shows a longer chain in which the money
went elsewhere. Nodes follow the chain with the most work, so the payment is gone.
The attacker makes that chain in secret, beginning when the payment is sent.

Theory: a race. Each block is the attacker's with the probability q, its share of the
hash power. While the merchant waits for z blocks the attacker finds some, a number of
the negative binomial law; then it has to make up for the rest, which happens with
(q/p)^d for d blocks (the gambler's ruin). Satoshi Nakamoto (2008) took the first
number for Poisson's, which is too low for few attackers and too high for many.
Meni Rosenfeld (2014) has the exact sum, for an attacker with one block beforehand;
Grunspan and Perez-Marco (2017) the closed form. From nothing, and against nodes that
keep the first of two equal chains, as these do, it is considerably less:
--beforehand 0 and 1 are two questions.

Simulated: an honest node and the attacker's, both with the real rules and the real
choice between branches. A real payment goes to one, its contradiction to the other.
An attempt has succeeded if the merchant's account is empty in the end. The attacker
gives up when it lacks --give-up blocks, which the theory compared with knows.

Look at: how fast the risk falls with each confirmation, and how little that helps
against 40 %. With --beforehand 1 --trials 14259 the approximation is refused.
With --kappa: six quick blocks are worth less than six slow ones.";

/// How long a block takes on average. Only the order counts here.
const BLOCK_TIME_MILLIS: u64 = 600_000;

/// Blocks that a trial takes at most: far more than any does.
const ENDLESS: u64 = 10_000_000;

/// The scene of all trials: who is there.
pub(super) struct Scene {
    rules: Arc<Sealed>,
    cheat: Person,
    merchant: Person,
    miners: [String; 2],
}

/// The honest network's core, and the attacker's.
const HONEST: usize = 0;
const ATTACKER: usize = 1;

impl Scene {
    pub(super) fn new() -> Scene {
        let [cheat, merchant, honest, attacker] = [1, 2, 3, 4].map(Person::new);
        let miners = [honest, attacker].map(|miner| miner.address.to_string());
        let cheats = [cheat];
        let rules = workless_chain(&cheats);
        let [cheat] = cheats;
        Scene {
            rules,
            cheat,
            merchant,
            miners,
        }
    }

    /// One attempt. Returns whether the payment is undone.
    pub(super) fn attempt(
        &self,
        race: &Race,
        kappa: Option<f64>,
        draws: Draws,
        trial: u64,
    ) -> Result<bool, LabError> {
        let mut world = World::new(self.rules.clone(), &self.miners)?;
        let give_up = race.give_up.unwrap_or(u64::MAX);
        let pay = |to| self.cheat.payment(&self.rules, to, 0, 1_000, 0);
        world.submit(ATTACKER, pay(self.cheat.address))?;
        for _ in 0..race.beforehand {
            world.mine(ATTACKER)?;
        }
        world.submit(HONEST, pay(self.merchant.address))?;
        let attackers = kappa.map(|kappa| self.found_meanwhile(race, kappa, draws, trial));
        for count in 0..ENDLESS {
            let (honest, attacker) = (world.length(HONEST), world.length(ATTACKER));
            let is_confirmed = honest > race.confirmations;
            let lacking = (honest + 1).saturating_sub(attacker);
            if is_confirmed && lacking == 0 {
                break;
            }
            if is_confirmed && lacking >= give_up {
                return Ok(false);
            }
            let wait = draws.exponential(BLOCK_TIME_MILLIS, Purpose::Interval, trial, count);
            world.now += std::time::Duration::from_millis(wait);
            let by_attacker = match attackers {
                // It is known how many it found while the payment was confirmed.
                Some(found) if !is_confirmed => attacker - 1 - race.beforehand < found,
                _ => draws.happens(race.attacker, Purpose::Finder, trial, count),
            };
            world.mine(if by_attacker { ATTACKER } else { HONEST })?;
        }
        let taken = world.give_branch(HONEST, world.tip(ATTACKER))?;
        let left = world.account(HONEST, &self.merchant.address)?.balance;
        match (taken, left) {
            (Received::Reorganised(_) | Received::Extended, 0) => Ok(true),
            (Received::Side, _) => Ok(false),
            other => Err(LabError::Broken(format!(
                "a longer chain came to {other:?}"
            ))),
        }
    }

    /// How many blocks the attacker finds while the confirmations take `kappa`
    /// times as long as on average: by its own clock.
    fn found_meanwhile(&self, race: &Race, kappa: f64, draws: Draws, trial: u64) -> u64 {
        // In units of the mean time between two blocks of the attacker.
        let share = race.attacker / (1.0 - race.attacker);
        let time = kappa * race.confirmations as f64 * share;
        let (mut at, mut found) = (0.0, 0);
        loop {
            const UNIT: u64 = 1 << 40;
            let wait = draws.exponential(UNIT, Purpose::Experiment, trial, found);
            at += wait as f64 / UNIT as f64;
            if at > time {
                return found;
            }
            found += 1;
        }
    }
}

/// How many of so many attempts succeed.
pub(super) fn successes(
    race: &Race,
    kappa: Option<f64>,
    run: &Run<'_>,
    trials: u64,
) -> Result<u64, LabError> {
    let draws = run.draws();
    let parts = run.parts(trials, |numbers| {
        let scene = Scene::new();
        let mut hits = 0;
        for trial in numbers {
            hits += u64::from(scene.attempt(race, kappa, draws, trial)?);
        }
        Ok(hits)
    })?;
    Ok(parts.into_iter().sum())
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let race = Race {
        attacker: values.number("attacker"),
        confirmations: values.whole("confirmations"),
        beforehand: values.whole("beforehand"),
        give_up: Some(values.whole("give-up")),
    };
    let kappa = values.number_or_none("kappa");
    if kappa.is_some() && (race.beforehand != 1 || race.attacker >= 0.5) {
        return Err(LabError::Setting {
            name: "kappa",
            expected: "none, or --beforehand 1 and an attacker below one half".to_owned(),
            found: format!(
                "--beforehand {} --attacker {}",
                race.beforehand, race.attacker
            ),
        });
    }
    let endless = Race {
        give_up: None,
        ..race
    };
    let theory = match kappa {
        Some(kappa) => success_after(race.attacker, race.confirmations, kappa),
        None => race.success(),
    };
    let trials = run.trials_of(theory, 0.1, 200_000);
    let hits = successes(&race, kappa, run, trials)?;
    let measured = hits as f64 / trials as f64;
    let mut report = Report::new(EXPERIMENT.name, values);
    let name = match kappa {
        Some(_) => "success, given how long the confirmations took",
        None => "success",
    };
    report
        .results
        .push(Measured::proportion(name, theory, hits, trials));
    let compared = |name: &str, theory: f64| {
        let sigma = deviation_of_share(theory, trials);
        Measured::alternative(name, theory, measured, sigma, trials)
    };
    let mut others = vec![("if the attacker never gave up", endless.success())];
    for (beforehand, name) in [
        (0, "with nothing beforehand"),
        (1, "with one block beforehand"),
    ] {
        if beforehand != race.beforehand || kappa.is_some() {
            let other = Race {
                beforehand,
                ..endless
            };
            others.push((name, other.success()));
        }
    }
    let approximation = nakamoto(race.attacker, race.confirmations);
    others.push(("Nakamoto's approximation", approximation));
    report.results.extend(
        others
            .into_iter()
            .map(|(name, theory)| compared(name, theory)),
    );
    report.figures.push(figure(&race, measured, trials));
    Ok(report)
}

/// The risk over the confirmations.
fn figure(race: &Race, measured: f64, trials: u64) -> Figure {
    let most = (race.confirmations + 4).clamp(8, 40);
    let at = |confirmations, beforehand| Race {
        confirmations,
        beforehand,
        give_up: None,
        ..*race
    };
    let line = |beforehand| (0..=most).map(move |z| (z as f64, at(z, beforehand).success()));
    let sigma = deviation_of_share(measured, trials);
    Figure {
        name: "risk",
        title: format!(
            "The risk that a payment is undone, attacker {}",
            race.attacker
        ),
        x_label: "confirmations",
        y_label: "probability",
        log_y: true,
        series: vec![
            Series::theory("exact", line(race.beforehand)),
            Series::other(
                "Nakamoto",
                (0..=most).map(|z| (z as f64, nakamoto(race.attacker, z))),
            ),
            Series::measured([(race.confirmations as f64, measured, sigma)]),
        ],
    }
}

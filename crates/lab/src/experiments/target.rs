//! Target: how the difficulty follows the hash power.

use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::rules::{Rules, Sealed, TemplateContent};
use adit_core::sealed::Params;
use ruint::aliases::U256;

use crate::chain::{CHAIN_START, Person};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::functions::log2;
use crate::theory::step::after_step;
use crate::theory::target::Retarget;
use crate::world::{Received, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "target",
    question: "How does the difficulty follow the hash power?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "step",
            kind: Kind::Number {
                least: 0.02,
                most: 20.0,
            },
            default: "10",
            help: "The hash power becomes so many times what the target was made for.",
        },
        Setting {
            name: "half-life",
            kind: Kind::Number {
                least: 1.001,
                most: 100_000.0,
            },
            default: "30",
            help: "The half-life, in intervals.",
        },
        Setting {
            name: "at",
            kind: Kind::Number {
                least: 0.1,
                most: 4.0,
            },
            default: "1",
            help: "How long after the step it is looked at, in half-lives.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
The target decides how many guesses a block takes. Each block moves it by a small step,
by how early or late the block before was: 2^((t - T)/h), with the interval T that is
wanted and the half-life h. So if the hash power grows tenfold, blocks come ten times as
fast at first, and ever less so.

Theory: were the target a function of the clock, what is wrong would halve every
half-life (the rule is Bitcoin Cash's aserti3-2d, applied to each block). It looks only
at blocks that were found, so after a fall of the power, when none is found for long, it
is slower. What is compared is the mean over all histories, by an equation for what is
expected at the next block, solved on a grid; the halving law stands beside it. In the
long run heights follow the clock, but for the whole numbers of the rule: their errors
add up block by block, and blocks come every 0.9983 intervals at h/T = 30. From h/T =
65,536 on a step is rounded to nothing, and the target never falls.

Simulated: a core with the real rules, and blocks with real proofs, which takes about 64
guesses each. The lab draws when a block is found, by the target that the rules ask for
and the power at that time.

Look at: a rise is over after a few half-lives, a fall takes longer. And at a half-life
near the interval: blocks settle at many times T.";

const BLOCK_TIME_MILLIS: u64 = 10_000;

/// A block takes so many guesses at first.
const GUESSES: u64 = 64;

fn rules(half_life: f64, guesses: u64) -> Result<Arc<Sealed>, LabError> {
    let params = Params {
        block_interval_ms: BLOCK_TIME_MILLIS,
        half_life_ms: (half_life * BLOCK_TIME_MILLIS as f64) as u64,
        initial_target: U256::MAX / U256::from(guesses),
        pow_limit: U256::MAX,
        ..Params::defaults("lab")
    };
    let rules = Sealed::with_params(params, CHAIN_START);
    let rules = rules.map_err(|error| LabError::Broken(error.to_string()))?;
    Ok(Arc::new(rules))
}

/// A chain whose blocks are found at drawn times by what their target asks for.
pub(super) struct Chain {
    pub(super) world: World,
    rules: Arc<Sealed>,
    /// The time, in microseconds since the beginning.
    pub(super) at_us: u64,
    /// The hash power, in what the first target was made for.
    power: f64,
    miner: String,
}

impl Chain {
    pub(super) fn new(half_life: f64, power: f64, guesses: u64) -> Result<Chain, LabError> {
        let rules = rules(half_life, guesses)?;
        let miner = Person::new(1).address.to_string();
        let mut chain = Chain {
            world: World::new(rules.clone(), std::slice::from_ref(&miner))?,
            rules,
            at_us: 0,
            power,
            miner,
        };
        // The blocks 2 and 3 have the first target: the second is there when it begins.
        chain.find(BLOCK_TIME_MILLIS * 1_000)?;
        Ok(chain)
    }

    /// How long the next block takes on average, in intervals: by the target that the
    /// rules ask of it.
    pub(super) fn expected(&self) -> Result<f64, LabError> {
        Ok(self.difficulty()? / self.power)
    }

    /// The next block's difficulty, in that of the first.
    pub(super) fn difficulty(&self) -> Result<f64, LabError> {
        let next = self.world.node(0).chain().next(self.world.now);
        let next = next.ok_or_else(|| LabError::Broken("there is no chain".to_owned()))?;
        let puzzle = self.rules.puzzle(next, &self.content());
        let first = to_number(self.rules.params().initial_target);
        Ok(first / to_number(U256::from_be_bytes(puzzle.target)))
    }

    /// The time of the next block.
    pub(super) fn wait(&mut self, run: &Run<'_>, part: u64, count: u64) -> Result<u64, LabError> {
        let mean_us = self.expected()? * BLOCK_TIME_MILLIS as f64 * 1_000.0;
        let wait = run
            .draws()
            .exponential(mean_us as u64, Purpose::Interval, part, count);
        Ok(self.at_us + wait)
    }

    /// The next block is found then, with a proof.
    pub(super) fn find(&mut self, at_us: u64) -> Result<(), LabError> {
        self.at_us = at_us;
        self.world.now = CHAIN_START + Duration::from_micros(at_us);
        let block = Arc::new(self.draft()?);
        match self.give(block)? {
            Received::Extended => Ok(()),
            other => Err(LabError::Broken(format!(
                "a block with its proof came to {other:?}"
            ))),
        }
    }

    /// The block that would be made now, with its proof.
    pub(super) fn draft(&self) -> Result<Block, LabError> {
        let next = self.world.node(0).chain().next(self.world.now);
        let next = next.ok_or_else(|| LabError::Broken("there is no chain".to_owned()))?;
        let template = self.rules.template(next, &self.content());
        let proof = (0..u64::MAX).find(|proof| template.puzzle.is_solved_by(*proof));
        Ok(self.rules.finish(&template, proof.unwrap_or_default()))
    }

    /// The core is given a block.
    pub(super) fn give(&mut self, block: Arc<Block>) -> Result<Received, LabError> {
        Ok(self.world.give_block(0, block, BlockSource::Single)?)
    }

    fn content(&self) -> TemplateContent {
        TemplateContent {
            now: self.world.now,
            transactions: Vec::new(),
            reward_to: self.miner.clone(),
        }
    }
}

fn to_number(target: U256) -> f64 {
    let limbs = target.into_limbs();
    let unit = 18_446_744_073_709_551_616.0;
    limbs
        .iter()
        .rev()
        .fold(0.0, |sum, limb| sum * unit + *limb as f64)
}

/// What is seen after a step: how long the next block takes, how many there were.
fn after(
    run: &Run<'_>,
    half_life: f64,
    factor: f64,
    until: f64,
    trial: u64,
) -> Result<(f64, f64), LabError> {
    let guesses = match factor < 1.0 {
        true => (GUESSES as f64 / factor) as u64,
        false => GUESSES,
    };
    let mut chain = Chain::new(half_life, factor, guesses)?;
    let end = chain.at_us + (until * BLOCK_TIME_MILLIS as f64 * 1_000.0) as u64;
    let mut blocks = 0;
    loop {
        let at = chain.wait(run, trial, blocks)?;
        if at > end {
            return Ok((chain.expected()?, blocks as f64));
        }
        chain.find(at)?;
        blocks += 1;
    }
}

/// How long blocks take over so many, corrected for where the target began and
/// ended, in intervals.
fn long_run(run: &Run<'_>, half_life: f64, part: u64, blocks: u64) -> Result<(f64, f64), LabError> {
    let mut chain = Chain::new(half_life, 1.0, GUESSES)?;
    for count in 0..blocks {
        let at = chain.wait(run, 1_000_000 + part, count)?;
        chain.find(at)?;
    }
    let time =
        (chain.at_us - BLOCK_TIME_MILLIS * 1_000) as f64 / (BLOCK_TIME_MILLIS as f64 * 1_000.0);
    let ends = half_life * log2(chain.difficulty()?);
    Ok((time / blocks as f64, (time + ends) / blocks as f64))
}

fn mean_and_sigma(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (mean, (square / (count - 1.0) / count).sqrt())
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (factor, half_life) = (values.number("step"), values.number("half-life"));
    let rule = Retarget { half_life };
    let mut report = Report::new(EXPERIMENT.name, values);
    let equilibrium = rule.equilibrium();
    let is_usual = (5.0..=1_000.0).contains(&half_life);
    if let Some(expected) = equilibrium.filter(|_| is_usual) {
        // A part has to be long beside the half-life.
        let blocks = ((half_life * 20.0) as u64).clamp(400, 20_000);
        let parts = run.jobs(PARTS, |part| long_run(run, half_life, part, blocks))?;
        let corrected: Vec<f64> = parts.iter().map(|(_, corrected)| *corrected).collect();
        let (mean, sigma) = mean_and_sigma(&corrected);
        // Where the target moves about its middle, the errors are a little other ones.
        let sigma = sigma.max(2e-5 * half_life / 30.0);
        let trials = blocks * PARTS;
        let name = "mean interval in the long run, by the clock";
        let late = half_life < 15.0;
        report.results.push(match late {
            // Blocks that take longer than the half-life count as that.
            true => Measured::shown(name, Some(expected), Some(mean), trials),
            false => Measured::compared(name, expected, mean, sigma, trials),
        });
        if !late {
            let name = "if the rule had no whole numbers";
            report
                .results
                .push(Measured::alternative(name, 1.0, mean, sigma, trials));
        }
    } else {
        let name = "mean interval where the target neither rises nor falls";
        report
            .results
            .push(Measured::shown(name, equilibrium, None, 0));
    }
    if (2.0..=200.0).contains(&half_life) {
        step(&mut report, values, run)?;
    }
    report.results.push(Measured::shown(
        "about the standard deviation of the difficulty's logarithm",
        Some(rule.log_deviation()),
        None,
        0,
    ));
    let law = |time: f64| rule.halving_law(1.0 / factor, time * half_life);
    let at = |number: u32| f64::from(number) / 10.0;
    let mut series = vec![Series::other(
        "halving law",
        (0..=40).map(|number| (at(number), law(at(number)))),
    )];
    if let Some(point) = report
        .results
        .iter()
        .find(|one| one.name.starts_with("time of the next"))
    {
        let (measured, sigma) = (
            point.measured.unwrap_or_default(),
            point.sigma.unwrap_or_default(),
        );
        series.push(Series::measured([(values.number("at"), measured, sigma)]));
    }
    report.figures.push(Figure {
        name: "step",
        title: format!("After the power became {factor} times as much"),
        x_label: "half-lives",
        y_label: "time of the next block, in intervals",
        log_y: false,
        series,
    });
    Ok(report)
}

fn step(report: &mut Report, values: &Values, run: &Run<'_>) -> Result<(), LabError> {
    let (factor, half_life) = (values.number("step"), values.number("half-life"));
    let until = values.number("at") * half_life;
    let theory = after_step(factor, half_life, until);
    let runs = run.trials(0.1, 0.02, 4_000).max(2 * PARTS);
    let parts = run.parts(runs, |numbers| {
        let all = numbers.map(|trial| after(run, half_life, factor, until, trial));
        all.collect::<Result<Vec<_>, _>>()
    })?;
    let all: Vec<(f64, f64)> = parts.into_iter().flatten().collect();
    let next: Vec<f64> = all.iter().map(|(next, _)| *next).collect();
    let blocks: Vec<f64> = all.iter().map(|(_, blocks)| *blocks).collect();
    let (mean, sigma) = mean_and_sigma(&next);
    // The grid of the equation is good to a thousandth.
    let grid = |value: f64| value * 2.5e-4;
    let both = |sigma: f64, value: f64| (sigma * sigma + grid(value) * grid(value)).sqrt();
    let name = format!(
        "time of the next block {} half-lives later",
        values.number("at")
    );
    report.results.push(Measured::compared(
        name,
        theory.next_block,
        mean,
        both(sigma, mean),
        runs,
    ));
    let law = Retarget { half_life }.halving_law(1.0 / factor, until);
    report.results.push(Measured::alternative(
        "by the halving law",
        law,
        mean,
        both(sigma, mean),
        runs,
    ));
    let (mean, sigma) = mean_and_sigma(&blocks);
    report.results.push(Measured::compared(
        "blocks until then",
        theory.blocks,
        mean,
        both(sigma, mean),
        runs,
    ));
    Ok(())
}

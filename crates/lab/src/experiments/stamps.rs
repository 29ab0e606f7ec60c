//! Stamps: what a miner gains who lies about the time.

use std::sync::Arc;
use std::time::Duration;

use super::target::Chain;
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::functions::LN_2;
use crate::theory::target::Retarget;
use crate::world::Received;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "stamps",
    question: "What does a miner gain who lies about the time?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "lie",
            kind: Kind::Number {
                least: 0.0,
                most: 3_600.0,
            },
            default: "60",
            help: "How far ahead of the clock the stamps are, in seconds.",
        },
        Setting {
            name: "half-life",
            kind: Kind::Number {
                least: 2.0,
                most: 1_000.0,
            },
            default: "30",
            help: "The half-life, in intervals of ten seconds.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
The target follows the time that blocks took by their stamps, and a miner writes the
stamps. With one that is ahead of the clock the last block seems to have taken longer,
and the next one is easier. On Bitcoin, where the target is set anew every 2,016 blocks,
liars could bring it down as far as they like (the time warp).

Theory: here the steps are a sum. After any blocks the target is the first one times
2^((time by the stamps - blocks T)/h), so it depends on the last stamp and the height
alone. Who is F ahead has made it easier by 2^(F/h), once, and has to stay ahead to keep
that. Nodes take no block that is more than a minute ahead, so with h = 300 s the most
is 2^(60/300) = 1.1487. A secret branch with stamps a millisecond apart gets harder with
each block, but no block has more than 1 - 2^(-T/h) of its work: the luck that such an
attack needs (Bahack, 2013) is not to be had.

Simulated: nothing is left to chance. The real rules judge real blocks with the stamps
that are said, and what they ask of the next one is compared.

Look at: the largest step that one block can make harder and easier, and that a block one
millisecond beyond the limit has to wait.";

/// How far the rule's whole numbers may be from 2^x in a step: 11.1 of 65,536ths.
const STEP_ERROR: f64 = 11.2 / 65_536.0 * LN_2;

const BLOCK_TIME_MILLIS: u64 = 10_000;

/// The next block's target behind blocks that are stamped so many milliseconds apart,
/// in that of the first.
fn target_behind(half_life: f64, apart_ms: &[u64]) -> Result<f64, LabError> {
    // Far from both ends of what a target can be.
    let guesses = 64 << (apart_ms.iter().sum::<u64>() as f64 / 1e4 / half_life).min(10.0) as u64;
    let mut chain = Chain::new(half_life, 1.0, guesses)?;
    let mut at_ms = BLOCK_TIME_MILLIS;
    for apart in apart_ms {
        at_ms += apart;
        chain.find(at_ms * 1_000)?;
    }
    Ok(1.0 / chain.difficulty()?)
}

fn run(values: &Values, _run: &Run<'_>) -> Result<Report, LabError> {
    let (lie, half_life) = (values.number("lie"), values.number("half-life"));
    let rule = Retarget { half_life };
    let lie_ms = (lie * 1_000.0) as u64;
    let half_life_ms = (half_life * BLOCK_TIME_MILLIS as f64) as u64;
    if lie / 10.0 / half_life > 8.0 {
        return Err(LabError::Setting {
            name: "lie",
            expected: "at most eight half-lives".to_owned(),
            found: format!("{lie} seconds"),
        });
    }
    let mut report = Report::new(EXPERIMENT.name, values);
    let bounded = |name: &str, theory: f64, measured: f64, steps: f64| {
        let sigma = theory * STEP_ERROR * steps / 4.0;
        Measured::compared(name, theory, measured, sigma, 1)
    };
    let honest = target_behind(half_life, &[BLOCK_TIME_MILLIS; 12])?;
    report.results.push(bounded(
        "the target behind honest blocks on time",
        1.0,
        honest,
        1.0,
    ));
    // A lie that is longer than the half-life takes several blocks to tell.
    let longest = half_life_ms - BLOCK_TIME_MILLIS;
    let mut liar = vec![BLOCK_TIME_MILLIS; 11];
    let mut left = lie_ms;
    for apart in liar.iter_mut().skip(1) {
        let told = left.min(longest);
        *apart += told;
        left -= told;
    }
    let told = (lie_ms - left) as f64 / BLOCK_TIME_MILLIS as f64;
    let easier = target_behind(half_life, &liar)?;
    let steps = 2.0 + (told / half_life).ceil();
    let name = "how much easier, for stamps so far ahead";
    report
        .results
        .push(bounded(name, rule.lie(told), easier, steps));
    let (harder, most_easier) = rule.largest_steps(BLOCK_TIME_MILLIS as f64);
    let early = target_behind(half_life, &[BLOCK_TIME_MILLIS, 1])?;
    report.results.push(bounded(
        "the largest step, harder",
        harder,
        1.0 / early,
        1.0,
    ));
    let late = target_behind(half_life, &[BLOCK_TIME_MILLIS, half_life_ms * 3])?;
    report
        .results
        .push(bounded("the largest step, easier", most_easier, late, 1.0));
    work_of_last(&mut report, half_life)?;
    limit(&mut report, half_life)?;
    let at = |number: u32| f64::from(number) * 2.0;
    let line = (0..=60).map(|number| (at(number), rule.lie(at(number) / 10.0)));
    report.figures.push(Figure {
        name: "easier",
        title: format!("What stamps ahead of the clock gain, half-life {half_life} intervals"),
        x_label: "seconds ahead",
        y_label: "target, in that of honest miners",
        log_y: false,
        series: vec![
            Series::theory("2^(F/h)", line),
            Series::measured([(told * 10.0, easier, 0.0)]),
        ],
    });
    Ok(report)
}

/// A branch whose stamps are a millisecond apart: the last block's share of its work.
fn work_of_last(report: &mut Report, half_life: f64) -> Result<(), LabError> {
    const BLOCKS: u64 = 60;
    let rule = Retarget { half_life };
    let mut chain = Chain::new(half_life, 1.0, 64)?;
    let mut works = Vec::new();
    // So that a short half-life does not make it endless.
    let blocks = BLOCKS.min((half_life * 8.0) as u64).max(3);
    for number in 0..blocks {
        chain.find((BLOCK_TIME_MILLIS + 1 + number) * 1_000)?;
        works.push(chain.difficulty()?);
    }
    let sum: f64 = works.iter().sum();
    let share = works.last().copied().unwrap_or_default() / sum;
    let theory = rule.last_share(blocks, BLOCK_TIME_MILLIS as f64);
    // The errors of the steps are one and the same, and add up.
    let sigma = theory * STEP_ERROR / LN_2 * half_life / 4.0;
    let name = "the last block's share in the work of a branch stamped at once";
    report
        .results
        .push(Measured::compared(name, theory, share, sigma, blocks));
    let most = 1.0 - 1.0 / rule.lie(1.0);
    report.results.push(Measured::shown(
        "the same of a long one, at most",
        Some(most),
        None,
        0,
    ));
    Ok(())
}

/// A block at the limit is taken, and one a millisecond beyond it has to wait.
fn limit(report: &mut Report, half_life: f64) -> Result<(), LabError> {
    const FUTURE_MILLIS: u64 = 60_000;
    let cases = [
        ("a minute ahead is taken", FUTURE_MILLIS, Received::Extended),
        (
            "a millisecond more has to wait",
            FUTURE_MILLIS + 1,
            Received::Deferred,
        ),
    ];
    for (name, ahead_ms, expected) in cases {
        let mut chain = Chain::new(half_life, 1.0, 64)?;
        let now = chain.world.now;
        chain.world.now = now + Duration::from_millis(ahead_ms);
        let block = Arc::new(chain.draft()?);
        chain.world.now = now;
        let taken = chain.give(block)?;
        let hit = f64::from(u8::from(taken == expected));
        report.results.push(Measured::exact(name, 1.0, hit, 1));
    }
    Ok(())
}

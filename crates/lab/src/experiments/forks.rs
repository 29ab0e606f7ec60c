//! Forks: what a delay does to a chain whose miners are all honest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::rules::Sealed;

use crate::agenda::Agenda;
use crate::block_table::BlockId;
use crate::chain::{CHAIN_START, Person, workless_chain};
use crate::draws::{Draws, Purpose};
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::forks::{ManyMiners, growth_of_two};
use crate::world::World;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "forks",
    question: "How many blocks are lost because news take time?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "delay",
            kind: Kind::Number {
                least: 0.001,
                most: 10.0,
            },
            default: "0.5",
            help: "How long a block takes to the others, in mean times between two blocks.",
        },
        Setting {
            name: "miners",
            kind: Kind::Word(&["2", "many"]),
            default: "2",
            help: "Two miners, or many small ones.",
        },
        Setting {
            name: "share",
            kind: Kind::Number {
                least: 0.01,
                most: 0.99,
            },
            default: "0.5",
            help: "The share of the first of two miners.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
Nobody cheats here. A block takes some time to get to the others, and in this time they
go on behind the old one. If one of them finds a block, there are two of the same
height: a fork, and in the end one of the two is dropped. What counts is x = D/T, the
delay in mean times between two blocks.

Theory: of infinitely many small miners, all D away from each other, none ever hears of
a block in less time, so a block gets a sibling with 1 - e^-x, and the chain grows by
1/(1 + x) blocks for each that is found (Decker and Wattenhofer, 2013, measured this on
Bitcoin: 1.7 %). Two miners waste less: each goes on behind its own blocks at once. Their
growth is a lemma of Sompolinsky and Zohar's GHOST (2013): (1 + x/2)/(1 + x) for equal
ones.

Simulated: for two miners two cores, each given the other's blocks D later. For many, one
core that is given every block D after it was found, which is what all of them know; each
block is made behind its tip. Which of two branches wins, the cores decide.

Look at: with a block in ten minutes and a second on the way almost nothing is lost, with
a block in ten seconds every eleventh. A share of the power that is twice as large wastes
less than half as much: delay is a reward for size.";

/// A mean interval: whole numbers of it are exact enough to a millionth.
const BLOCK_TIME_MILLIS: u64 = 10_000_000;

/// What a part came to.
#[derive(Default, Clone, Copy)]
struct Counted {
    found: u64,
    heights: u64,
    forked: u64,
}

enum Event {
    Found,
    Arrives(usize, BlockId),
}

fn people() -> [Person; 2] {
    [1, 2].map(Person::new)
}

/// Two miners. The first block of a part is found when both know the one before,
/// and the last has got to both.
fn two(
    rules: &Arc<Sealed>,
    share: f64,
    delay: f64,
    draws: Draws,
    part: u64,
    blocks: u64,
) -> Result<Counted, LabError> {
    let miners = people().map(|one| one.address.to_string());
    let mut world = World::new(rules.clone(), &miners)?;
    let delay = Duration::from_micros((delay * BLOCK_TIME_MILLIS as f64 * 1_000.0) as u64);
    let mut agenda = Agenda::new(CHAIN_START);
    let interval = |count| {
        let wait = draws.exponential(BLOCK_TIME_MILLIS * 1_000, Purpose::Interval, part, count);
        Duration::from_micros(wait)
    };
    agenda.plan(CHAIN_START + interval(0), Event::Found);
    let (mut found, end) = (0, Duration::MAX);
    while let Some(event) = agenda.next_before(end) {
        world.now = agenda.now();
        match event {
            Event::Found => {
                let is_first = draws.happens(share, Purpose::Finder, part, found);
                let finder = usize::from(!is_first);
                let block = world.mine(finder)?;
                agenda.plan(agenda.now() + delay, Event::Arrives(1 - finder, block));
                found += 1;
                // It ends where both have the same tip, as it began.
                if found < blocks || agenda.len() > 1 {
                    agenda.plan(agenda.now() + interval(found), Event::Found);
                }
            }
            Event::Arrives(to, block) => {
                world.give(to, block)?;
            }
        }
    }
    let heights = world.length(0).max(world.length(1)) - 1;
    Ok(Counted {
        found,
        heights,
        forked: 0,
    })
}

/// What many small miners all know; each block is made behind that, and known to
/// all `delay` later.
pub(super) struct Public {
    pub(super) world: World,
    /// Blocks on their way, with the time at which they arrive.
    on_the_way: VecDeque<(Duration, Arc<Block>)>,
    delay: Duration,
    /// The highest block found, and whether it has a sibling.
    highest: (u64, bool),
    pub(super) forked: u64,
}

impl Public {
    pub(super) fn new(world: World, delay: f64) -> Public {
        Public {
            world,
            on_the_way: VecDeque::new(),
            delay: Duration::from_micros((delay * BLOCK_TIME_MILLIS as f64 * 1_000.0) as u64),
            highest: (1, false),
            forked: 0,
        }
    }

    /// Lets the time go on, and what arrives until then arrive.
    pub(super) fn wait(&mut self, draws: Draws, part: u64, count: u64) -> Result<(), LabError> {
        let wait = draws.exponential(BLOCK_TIME_MILLIS * 1_000, Purpose::Interval, part, count);
        let now = self.world.now + Duration::from_micros(wait);
        self.arrive_until(now)?;
        self.world.now = now;
        Ok(())
    }

    fn arrive_until(&mut self, end: Duration) -> Result<(), LabError> {
        while let Some((at, block)) = self.on_the_way.pop_front() {
            if at > end {
                self.on_the_way.push_front((at, block));
                break;
            }
            self.world.now = at;
            self.world.give_block(0, block, BlockSource::Single)?;
        }
        Ok(())
    }

    /// Somebody finds a block; it is number so and so, which is its proof.
    pub(super) fn find(&mut self, number: u64) -> Result<(), LabError> {
        let block = self.world.draft(0, number, Vec::new());
        let block = block.ok_or_else(|| LabError::Broken("there is no chain".to_owned()))?;
        if block.height() > self.highest.0 {
            self.highest = (block.height(), false);
        } else if !std::mem::replace(&mut self.highest.1, true) {
            self.forked += 1;
        }
        let arrival = self.world.now + self.delay;
        self.on_the_way.push_back((arrival, Arc::new(block)));
        Ok(())
    }

    /// All that is on the way arrives.
    pub(super) fn finish(&mut self) -> Result<(), LabError> {
        self.arrive_until(Duration::MAX)
    }

    /// Whether anything is on the way.
    pub(super) fn is_settled(&self) -> bool {
        self.on_the_way.is_empty()
    }
}

fn many(
    rules: &Arc<Sealed>,
    delay: f64,
    draws: Draws,
    part: u64,
    blocks: u64,
) -> Result<Counted, LabError> {
    let miners = people().map(|one| one.address.to_string());
    let mut public = Public::new(World::new(rules.clone(), &miners[..1])?, delay);
    let mut found = 0;
    loop {
        public.wait(draws, part, found)?;
        // A part ends where the next one could begin.
        if found >= blocks && public.is_settled() {
            break;
        }
        public.find(found)?;
        found += 1;
    }
    Ok(Counted {
        found,
        heights: public.world.length(0) - 1,
        forked: public.forked,
    })
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (delay, share) = (values.number("delay"), values.number("share"));
    let is_many = values.word("miners") == "many";
    let theory = ManyMiners { delay };
    let stale = match is_many {
        true => theory.stale(),
        false => 1.0 - growth_of_two(share, delay),
    };
    // Clumps of siblings make it a little less sharp than single ones would.
    let relative = 1.3 * ((1.0 - stale) / stale).sqrt();
    let blocks = run.trials(relative, 0.05, 2_000_000);
    let rules = workless_chain(&people());
    let draws = run.draws();
    let parts = run.jobs(PARTS, |part| match is_many {
        true => many(&rules, delay, draws, part, blocks / PARTS),
        false => two(&rules, share, delay, draws, part, blocks / PARTS),
    })?;
    let sum = |of: fn(&Counted) -> u64| parts.iter().map(of).sum::<u64>() as f64;
    let (found, heights, forked) = (
        sum(|one| one.found),
        sum(|one| one.heights),
        sum(|one| one.forked),
    );
    let measured = 1.0 - heights / found;
    let sigma = match is_many {
        true => theory.stale_deviation() / found.sqrt(),
        false => of_batches(&parts, measured),
    };
    let mut report = Report::new(EXPERIMENT.name, values);
    let count = found as u64;
    report.results.push(Measured::compared(
        "blocks that are lost",
        stale,
        measured,
        sigma,
        count,
    ));
    report.results.push(Measured::compared(
        "growth of the chain, blocks for each found",
        1.0 - stale,
        heights / found,
        sigma,
        count,
    ));
    if is_many {
        let (name, heights) = ("a block gets a sibling", heights as u64);
        report.results.push(Measured::proportion(
            name,
            theory.sibling(),
            forked as u64,
            heights,
        ));
    } else {
        let many = theory.stale();
        let name = "lost, if they were many small ones";
        report
            .results
            .push(Measured::alternative(name, many, measured, sigma, count));
    }
    report
        .figures
        .push(figure(share, delay, is_many, (measured, sigma)));
    Ok(report)
}

/// The standard deviation of a ratio out of the parts it is the sum of.
fn of_batches(parts: &[Counted], stale: f64) -> f64 {
    let found: f64 = parts.iter().map(|part| part.found as f64).sum();
    let square: f64 = parts
        .iter()
        .map(|part| {
            let lost = (part.found - part.heights) as f64;
            let off = lost - stale * part.found as f64;
            off * off
        })
        .sum();
    let count = parts.len() as f64;
    (square * count / (count - 1.0)).sqrt() / found
}

fn figure(share: f64, delay: f64, is_many: bool, measured: (f64, f64)) -> Figure {
    let most = (delay * 1.5).max(0.2);
    let at = |number: u32| most * f64::from(number) / 60.0;
    let two = (0..=60).map(|number| (at(number), 1.0 - growth_of_two(share, at(number))));
    let many = (0..=60).map(|number| (at(number), ManyMiners { delay: at(number) }.stale()));
    let (two_name, many_name) = (format!("two miners, {share}"), "many small ones");
    let lines = match is_many {
        true => [
            Series::theory(many_name, many),
            Series::other(two_name, two),
        ],
        false => [
            Series::theory(two_name, two),
            Series::other(many_name, many),
        ],
    };
    let point = Series::measured([(delay, measured.0, measured.1)]);
    Figure {
        name: "lost",
        title: "Blocks that are lost because news take time".to_owned(),
        x_label: "delay, in mean times between two blocks",
        y_label: "share of the blocks",
        log_y: false,
        series: lines.into_iter().chain([point]).collect(),
    }
}

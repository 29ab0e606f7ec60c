//! A case from its start to its verdict: users, faults and liars are busy; then all
//! that was broken is whole again, the miners go on for a while, and at last nobody
//! finds a block any longer but to decide between equals.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use sha2::Digest;

use super::checks;
use super::mix::Case;
use super::world::{Event, Finders, World, Wrong};
use crate::chain::CHAIN_START;

/// After the faults, the miners go on for this long: held blocks fall due, and
/// nodes ask each other.
const HEALING: Duration = Duration::from_secs(300);

/// Without new blocks, nodes agree within this time, unless branches weigh the same.
const AGREEING: Duration = Duration::from_secs(150);

/// Blocks that decide between branches of one weight.
const DECIDING_BLOCKS: usize = 4;

/// What came of a case in which all was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// How many blocks all nodes took together.
    pub blocks: u64,
    /// How many of those led to another branch.
    pub reorganisations: u64,
    /// How many transactions were acknowledged.
    pub acknowledged: u64,
    /// The hash of all that happened.
    pub trace: [u8; 32],
}

/// What was wrong, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Since the case began.
    pub after: Duration,
    /// What, in words.
    pub what: Wrong,
}

/// Runs a case. An assertion of the core that fails is a failure too.
pub fn run(case: &Case) -> Result<Passed, Failure> {
    let mut world = None;
    let passed = catch_unwind(AssertUnwindSafe(|| whole(case, &mut world)));
    let now = world
        .as_ref()
        .map_or(CHAIN_START, |world| world.agenda.now());
    let what = match passed {
        Ok(Ok(passed)) => return Ok(passed),
        Ok(Err(what)) => what,
        Err(panic) => format!("panic: {}", words(&*panic)),
    };
    let after = now.saturating_sub(CHAIN_START);
    Err(Failure { after, what })
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "without words".to_owned())
}

fn whole(case: &Case, place: &mut Option<World>) -> Result<Passed, Wrong> {
    let world = place.insert(World::new(case.clone()));
    world.begin()?;
    world.run_until(CHAIN_START + case.busy())?;
    heal(world)?;
    world.run_until(CHAIN_START + case.busy() + HEALING)?;
    // Nobody finds blocks any longer.
    world.finders = Finders::Nobody;
    agree(world)?;
    checks::at_the_end(world)?;
    Ok(Passed {
        blocks: world.blocks,
        reorganisations: world.reorganisations,
        acknowledged: world.acknowledged.len() as u64,
        trace: world.trace.clone().finalize().into(),
    })
}

fn heal(world: &mut World) -> Result<(), Wrong> {
    world.is_busy = false;
    world.cuts.clear();
    for at in 0..world.sites.len() {
        world.sites[at].ahead = Duration::ZERO;
        let now = world.agenda.now();
        world.agenda.plan(now, Event::Power(at));
    }
    Ok(())
}

/// Until all stand on one block.
fn agree(world: &mut World) -> Result<(), Wrong> {
    for _ in 0..DECIDING_BLOCKS {
        let now = world.agenda.now();
        world.run_until(now + AGREEING)?;
        let mut tips = world.sites.iter().map(|site| &site.tip);
        let first = tips.next();
        if tips.all(|tip| Some(tip) == first) {
            return Ok(());
        }
        checks::weigh_the_same(world)?;
        world.decide(0)?;
    }
    Ok(())
}

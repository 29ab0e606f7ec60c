//! Selfish mining: an attacker keeps blocks back, so that others work in vain.

use std::sync::Arc;

use adit_core::rules::Sealed;

use crate::block_table::BlockId;
use crate::chain::{Person, workless_chain};
use crate::draws::{Draws, Purpose};
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, SHARE, Setting, Values};
use crate::theory::selfish::{Policy, Strategy, bound, sm1_share, sm1_threshold};
use crate::theory::withholding::{Action, Find, State, step};
use crate::world::World;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "selfish",
    question: "What does somebody earn who keeps blocks back?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "attacker",
            kind: SHARE,
            default: "0.4",
            help: "The attacker's share of all hash power, alpha; less than one half.",
        },
        Setting {
            name: "gamma",
            kind: SHARE,
            default: "0.5",
            help: "The share of the others that works on the attacker's block in a tie.",
        },
        Setting {
            name: "strategy",
            kind: Kind::Word(&[
                "sm1",
                "lead",
                "fork",
                "lead-fork",
                "trail",
                "lead-trail",
                "optimal",
            ]),
            default: "sm1",
            help: "What the attacker does with its blocks.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
A miner who finds a block can keep it, and go on in secret. The others work on an old
block meanwhile. When they find one, the attacker shows as many as it takes for theirs
to be dropped. It loses blocks in this way, and the others lose more: its share of
those that stay can be greater than its share of the power.

Theory: Eyal and Sirer (2014) have this strategy, SM1, as a Markov chain, and its share
in closed form. It depends on gamma, the share of the honest power that works on the
attacker's block in a tie: SM1 pays from (1 - gamma)/(3 - 2 gamma) on, a third of the
power if nobody does, a quarter with one half. Nayak, Kumar, Miller and Shi (2016)
are stubborn: in a lead of one, in a tie, one block behind. Sapirshtein, Sompolinsky and
Zohar (2016) compute the best there is, by a decision process.

Simulated: the attacker's core and two honest ones, for those of the others who see the
attacker's block first in a tie, and those who do not. In a network of N equal nodes,
of which m are reached first, gamma is m/N: who found the honest block stays with it.
Blocks are shown one by one, and the cores choose between branches by the real rules.
In the end the blocks of the main chain are counted by who was paid for them. A part
ends when nobody has anything that the others have not.

Look at: the share of blocks that stay, beside the share before the target has followed
(of all blocks found). That is less than the attacker's power: it never pays at once,
only after the target has fallen.";

const BLOCK_TIME_MILLIS: u64 = 600_000;

/// The attacker's core at first, and those of the honest miners.
const ATTACKER: usize = 0;
const HONEST: [usize; 2] = [1, 2];

/// What the blocks of a part came to.
#[derive(Default, Clone, Copy)]
struct Counted {
    found: u64,
    stay: u64,
    attackers: u64,
}

fn strategy(word: &str) -> Strategy {
    match word {
        "lead" => Strategy::Lead,
        "fork" => Strategy::Fork,
        "lead-fork" => Strategy::LeadFork,
        "trail" => Strategy::Trail,
        "lead-trail" => Strategy::LeadTrail,
        "optimal" => Strategy::Optimal,
        _ => Strategy::Sm1,
    }
}

/// A part: from nothing on, till so many blocks were found and nobody is ahead.
struct Game<'a> {
    world: World,
    policy: &'a Policy,
    state: State,
    attacker: usize,
    /// The honest miners who have the last honest block first, and those whom the
    /// attacker reaches before it.
    loyal: usize,
    reached: usize,
    /// The last block that the attacker has shown, or all others had before.
    shown: BlockId,
}

impl Game<'_> {
    fn play(
        rules: Arc<Sealed>,
        policy: &Policy,
        shares: (f64, f64),
        draws: Draws,
        part: u64,
        blocks: u64,
    ) -> Result<Counted, LabError> {
        let people = [1, 2, 3].map(|one| Person::new(one).address);
        let world = World::new(rules, &people.map(|one| one.to_string()))?;
        let [loyal, reached] = HONEST;
        let mut game = Game {
            shown: world.tip(ATTACKER),
            world,
            policy,
            state: State::START,
            attacker: ATTACKER,
            loyal,
            reached,
        };
        let (alpha, gamma) = shares;
        let mut found = 0;
        while found < blocks || game.state != State::START {
            let wait = draws.exponential(BLOCK_TIME_MILLIS, Purpose::Interval, part, found);
            game.world.now += std::time::Duration::from_millis(wait);
            let drawn = draws.share(Purpose::Finder, part, found);
            let mut below = 0.0;
            let finds = game.state.finds(alpha, gamma);
            let find = finds.into_iter().find(|(_, probability)| {
                below += probability;
                drawn < below
            });
            game.happens(find.map_or(Find::Honest, |(find, _)| find))?;
            found += 1;
        }
        let chain = game.world.kept(game.loyal).main();
        let finders = chain.iter().filter_map(|id| game.world.finder(*id));
        Ok(Counted {
            found,
            stay: chain.len() as u64 - 1,
            attackers: finders.filter(|finder| *finder == people[ATTACKER]).count() as u64,
        })
    }

    fn happens(&mut self, find: Find) -> Result<(), LabError> {
        let policy = |state: &State| self.policy.action(state);
        let (action, next, _) = step(&self.state, find, self.policy.longest, &policy);
        let (before, _) = self.state.found(find);
        self.state = next;
        match find {
            Find::Attacker => {
                self.world.mine(self.attacker)?;
            }
            Find::Honest => {
                self.world.mine(self.loyal)?;
            }
            Find::HonestOnAttackers => {
                // What the attacker has shown is settled, and its finder has the new
                // block first.
                self.shown = self.world.tip(self.reached);
                self.world.mine(self.reached)?;
                std::mem::swap(&mut self.loyal, &mut self.reached);
            }
        }
        match action {
            Action::Match => {
                let tip = self.branch_block(before.honest)?;
                self.world.give_branch(self.reached, tip)?;
                self.world.give_branch(self.loyal, tip)?;
                self.give_honest(self.reached)
            }
            Action::Override => {
                let tip = self.branch_block(before.honest + 1)?;
                self.world.give_branch(self.loyal, tip)?;
                self.world.give_branch(self.reached, tip)?;
                self.shown = tip;
                Ok(())
            }
            Action::Adopt => {
                self.give_honest(self.reached)?;
                self.adopt()
            }
            Action::Wait if find == Find::Attacker => Ok(()),
            Action::Wait => self.give_honest(self.reached),
        }
    }

    fn give_honest(&mut self, to: usize) -> Result<(), LabError> {
        let tip = self.world.tip(self.loyal);
        self.world.give_branch(to, tip)?;
        Ok(())
    }

    fn adopt(&mut self) -> Result<(), LabError> {
        self.give_honest(self.attacker)?;
        let tip = self.world.tip(self.loyal);
        if self.world.tip(self.attacker) != tip {
            // Its own branch is as long, and a core keeps what it saw first.
            let reward_to = Person::new(1).address.to_string();
            self.attacker = self.world.add_core(&reward_to)?;
            self.give_honest(self.attacker)?;
        }
        self.shown = tip;
        Ok(())
    }

    /// The attacker's block that stands so many behind the last common one.
    fn branch_block(&self, number: u32) -> Result<BlockId, LabError> {
        let base = self.world.table().entry(self.shown).height;
        let chain = self.world.kept(self.attacker).main();
        let block = chain.get((base + u64::from(number) - 1) as usize).copied();
        block.ok_or_else(|| LabError::Broken("the attacker lacks a block of its own".to_owned()))
    }
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (alpha, gamma) = (values.number("attacker"), values.number("gamma"));
    if alpha <= 0.0 || alpha > 0.49 {
        return Err(LabError::Setting {
            name: "attacker",
            expected: "more than 0 and at most 0.49; `adit lab majority` is for more".to_owned(),
            found: alpha.to_string(),
        });
    }
    let policy = Policy::new(strategy(values.word("strategy")), alpha, gamma);
    let expected = policy.earnings;
    let relative = expected.share_deviation / expected.share.max(1e-9);
    let blocks = run.trials(relative, 0.05, 3_000_000).max(PARTS);
    let people = [Person::new(9)];
    let rules = workless_chain(&people);
    let draws = run.draws();
    let parts = run.jobs(PARTS, |part| {
        let of_part = blocks / PARTS;
        Game::play(rules.clone(), &policy, (alpha, gamma), draws, part, of_part)
    })?;
    let mut sum = Counted::default();
    for part in parts {
        sum.found += part.found;
        sum.stay += part.stay;
        sum.attackers += part.attackers;
    }
    let (found, stay) = (sum.found as f64, sum.stay as f64);
    let root = found.sqrt();
    let share = sum.attackers as f64 / stay;
    let share_sigma = expected.share_deviation / root;
    let growth_sigma = expected.growth_deviation / root;
    let mut report = Report::new(EXPERIMENT.name, values);
    report.results.push(Measured::compared(
        "attacker's share of the blocks that stay",
        expected.share,
        share,
        share_sigma,
        sum.found,
    ));
    report.results.push(Measured::compared(
        "blocks that stay, of those found",
        expected.growth,
        stay / found,
        growth_sigma,
        sum.found,
    ));
    report.results.push(Measured::shown(
        "attacker's blocks that stay, of all found (before the target follows)",
        Some(expected.share * expected.growth),
        Some(sum.attackers as f64 / found),
        sum.found,
    ));
    let honest = Measured::alternative("honest mining", alpha, share, share_sigma, sum.found);
    report.results.push(honest);
    report.results.push(Measured::shown(
        "SM1, closed form",
        Some(sm1_share(alpha, gamma)),
        None,
        0,
    ));
    report.results.push(Measured::shown(
        "SM1 pays from this share on",
        Some(sm1_threshold(gamma)),
        None,
        0,
    ));
    report.results.push(Measured::shown(
        "nobody can earn more than",
        Some(bound(alpha)),
        None,
        0,
    ));
    report
        .figures
        .push(figure(alpha, gamma, share, share_sigma));
    Ok(report)
}

fn figure(alpha: f64, gamma: f64, share: f64, sigma: f64) -> Figure {
    let at = |number: u32| f64::from(number) * 0.01;
    let line = |value: &dyn Fn(f64) -> f64| {
        let points: Vec<(f64, f64)> = (1..50)
            .map(|number| (at(number), value(at(number))))
            .collect();
        points
    };
    Figure {
        name: "share",
        title: format!("What keeping blocks back earns, gamma {gamma}"),
        x_label: "share of the power",
        y_label: "share of the blocks that stay",
        log_y: false,
        series: vec![
            Series::theory("SM1", line(&|alpha| sm1_share(alpha, gamma))),
            Series::other("honest", line(&|alpha| alpha)),
            Series::measured([(alpha, share, sigma)]),
        ],
    }
}

//! An attacker who keeps blocks back: the states of Sapirshtein, Sompolinsky and
//! Zohar (2016), what can be done in them, and what a way of doing it earns. Which
//! way is best is not known here.

use std::collections::{BTreeMap, VecDeque};

/// Whether the attacker can still show a branch as long as the honest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fork {
    /// It is too late: the others have had the honest block for long.
    Irrelevant,
    /// The last block is honest, and new.
    Relevant,
    /// It was shown: the honest miners are of two minds.
    Active,
}

/// How long the two branches behind the last common block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// The attacker's.
    pub attacker: u32,
    /// The honest miners'.
    pub honest: u32,
    /// Whether it can be, or was, shown.
    pub fork: Fork,
}

/// What an attacker does after a block was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Gives its branch up for the honest one.
    Adopt,
    /// Shows one block more than the honest branch has.
    Override,
    /// Shows as many.
    Match,
    /// Goes on in secret.
    Wait,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// The attacker finds a block.
    Attacker,
    /// Somebody honest, behind the branch that the attacker has shown.
    HonestOnAttackers,
    /// Somebody honest, behind the honest branch.
    Honest,
}

/// Blocks that will stay: the attacker's, and honest ones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Settled {
    /// The attacker's.
    pub attacker: f64,
    /// Honest ones.
    pub honest: f64,
}

impl State {
    /// Nobody has anything that the other has not.
    pub const START: State = State {
        attacker: 0,
        honest: 0,
        fork: Fork::Irrelevant,
    };

    /// Whether that can be done here.
    pub fn allows(&self, action: Action) -> bool {
        match action {
            Action::Adopt => self.honest > 0,
            Action::Override => self.attacker > self.honest,
            Action::Match => {
                self.fork == Fork::Relevant && self.attacker >= self.honest && self.honest > 0
            }
            Action::Wait => true,
        }
    }

    /// Where an action leads, and what is settled by it.
    pub fn after(&self, action: Action) -> (State, Settled) {
        match action {
            Action::Adopt => {
                let honest = f64::from(self.honest);
                let settled = Settled {
                    attacker: 0.0,
                    honest,
                };
                (State::START, settled)
            }
            Action::Override => {
                let state = State {
                    attacker: self.attacker - self.honest - 1,
                    ..State::START
                };
                let attacker = f64::from(self.honest + 1);
                let settled = Settled {
                    attacker,
                    honest: 0.0,
                };
                (state, settled)
            }
            Action::Match => {
                let fork = Fork::Active;
                (State { fork, ..*self }, Settled::default())
            }
            Action::Wait => (*self, Settled::default()),
        }
    }

    /// Where a block leads, and what is settled by it.
    pub fn found(&self, find: Find) -> (State, Settled) {
        let fork = Fork::Relevant;
        match find {
            Find::Attacker => {
                let fork = match self.fork {
                    Fork::Active => Fork::Active,
                    _ => Fork::Irrelevant,
                };
                let attacker = self.attacker + 1;
                let state = State {
                    attacker,
                    fork,
                    ..*self
                };
                (state, Settled::default())
            }
            Find::HonestOnAttackers => {
                let state = State {
                    // A branch that was shown is as long as the honest one.
                    attacker: self.attacker.saturating_sub(self.honest),
                    honest: 1,
                    fork,
                };
                let attacker = f64::from(self.honest);
                let settled = Settled {
                    attacker,
                    honest: 0.0,
                };
                (state, settled)
            }
            Find::Honest => {
                let honest = self.honest + 1;
                let state = State {
                    honest,
                    fork,
                    ..*self
                };
                (state, Settled::default())
            }
        }
    }

    /// What can be found next, and how likely.
    pub fn finds(&self, alpha: f64, gamma: f64) -> [(Find, f64); 3] {
        let beta = 1.0 - alpha;
        let gamma = if self.fork == Fork::Active {
            gamma
        } else {
            0.0
        };
        [
            (Find::Attacker, alpha),
            (Find::HonestOnAttackers, beta * gamma),
            (Find::Honest, beta * (1.0 - gamma)),
        ]
    }
}

/// What a way of keeping blocks back comes to in the long run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earnings {
    /// The attacker's share of the blocks that stay.
    pub share: f64,
    /// How many of the blocks that are found stay.
    pub growth: f64,
    /// The standard deviation of the share after one block, which falls with the
    /// root of their number.
    pub share_deviation: f64,
    /// The same of the growth.
    pub growth_deviation: f64,
}

/// The states between two blocks that a policy comes to, and where it goes from
/// there.
struct Chain {
    moves: Vec<Vec<Move>>,
}

struct Move {
    probability: f64,
    to: usize,
    settled: Settled,
}

/// What a policy earns. Where a branch is `longest` long, it is shown or given up.
/// Each time that nobody has anything more than the other, all starts anew, so
/// what is expected of such a round says it all.
pub fn earnings(
    alpha: f64,
    gamma: f64,
    longest: u32,
    policy: &dyn Fn(&State) -> Action,
) -> Earnings {
    let chain = Chain::of(alpha, gamma, longest, policy);
    let of = |value: &dyn Fn(&Settled) -> f64| chain.round(&|settled| value(settled), 0.0);
    let attacker = of(&|settled| settled.attacker).0;
    let honest = of(&|settled| settled.honest).0;
    let blocks = chain.round(&|_| 0.0, 1.0).0;
    let stay = attacker + honest;
    let (share, growth) = (attacker / stay, stay / blocks);
    let deviation = |value: &dyn Fn(&Settled) -> f64, each: f64, per: f64| {
        let square = chain.round(value, each).1;
        (square * blocks).max(0.0).sqrt() / per
    };
    let surplus =
        |settled: &Settled| settled.attacker - share * (settled.attacker + settled.honest);
    Earnings {
        share,
        growth,
        share_deviation: deviation(&surplus, 0.0, stay),
        growth_deviation: deviation(
            &|settled| settled.attacker + settled.honest,
            -growth,
            blocks,
        ),
    }
}

/// What follows from a find: the policy's action, and what both settle.
pub fn step(
    state: &State,
    find: Find,
    longest: u32,
    policy: &dyn Fn(&State) -> Action,
) -> (Action, State, Settled) {
    let (found, first) = state.found(find);
    let mut action = policy(&found);
    let is_too_long = found.attacker >= longest || found.honest >= longest;
    if is_too_long && !matches!(action, Action::Adopt | Action::Override) {
        action = match found.allows(Action::Override) {
            true => Action::Override,
            false => Action::Adopt,
        };
    }
    let (next, second) = found.after(action);
    let settled = Settled {
        attacker: first.attacker + second.attacker,
        honest: first.honest + second.honest,
    };
    (action, next, settled)
}

impl Chain {
    fn of(alpha: f64, gamma: f64, longest: u32, policy: &dyn Fn(&State) -> Action) -> Chain {
        let mut numbers = BTreeMap::from([(State::START, 0)]);
        let mut waiting = VecDeque::from([State::START]);
        let mut moves = Vec::new();
        while let Some(state) = waiting.pop_front() {
            let mut of_state = Vec::new();
            for (find, probability) in state.finds(alpha, gamma) {
                if probability <= 0.0 {
                    continue;
                }
                let (_, next, settled) = step(&state, find, longest, policy);
                let number = numbers.len();
                let to = *numbers.entry(next).or_insert_with(|| {
                    waiting.push_back(next);
                    number
                });
                of_state.push(Move {
                    probability,
                    to,
                    settled,
                });
            }
            moves.push(of_state);
        }
        Chain { moves }
    }

    /// The mean and the mean square of what a round adds up to: `each` for a block,
    /// and what `value` sees in what is settled.
    fn round(&self, value: &dyn Fn(&Settled) -> f64, each: f64) -> (f64, f64) {
        const SWEEPS: usize = 200_000;
        let count = self.moves.len();
        let (mut mean, mut square) = (vec![0.0; count], vec![0.0; count]);
        for _ in 0..SWEEPS {
            let mut change = 0.0_f64;
            // From long branches to short ones, as most of what follows lies there.
            for number in (0..count).rev() {
                let (mut first, mut second) = (0.0, 0.0);
                for one in &self.moves[number] {
                    let (to, gain) = (one.to, each + value(&one.settled));
                    // The start is the end of the round.
                    let (rest, rest_square) = match to {
                        0 => (0.0, 0.0),
                        _ => (mean[to], square[to]),
                    };
                    first += one.probability * (gain + rest);
                    second += one.probability * (gain * gain + 2.0 * gain * rest + rest_square);
                }
                change = change.max((first - mean[number]).abs() / (1.0 + first.abs()));
                change = change.max((second - square[number]).abs() / (1.0 + second.abs()));
                (mean[number], square[number]) = (first, second);
            }
            if change < 1e-14 {
                break;
            }
        }
        (mean[0], square[0])
    }
}

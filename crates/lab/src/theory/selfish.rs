//! Selfish mining: Eyal and Sirer's closed form (2014), and the strategies of
//! Nayak, Kumar, Miller and Shi (2016) and Sapirshtein, Sompolinsky and Zohar
//! (2016) as policies.

use super::optimal::{OptimalPolicy, longest_for};
use super::withholding::{Action, Earnings, Fork, State, earnings};

/// A way of keeping blocks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Eyal and Sirer's.
    Sm1,
    /// Stubborn in a lead of one: it shows as many blocks as the others have, and
    /// keeps one.
    Lead,
    /// Stubborn in a tie: it keeps the block that would end it.
    Fork,
    /// Both.
    LeadFork,
    /// Stubborn one block behind.
    Trail,
    /// That, and in a lead of one.
    LeadTrail,
    /// The best there is.
    Optimal,
}

/// A strategy for certain shares.
pub struct Policy {
    strategy: Strategy,
    optimal: Option<OptimalPolicy>,
    /// Where branches are cut off.
    pub longest: u32,
    /// What it earns.
    pub earnings: Earnings,
}

impl Policy {
    /// The policy where the attacker has a share `alpha` of the power, and a share
    /// `gamma` of the others goes on behind its block in a tie.
    pub fn new(strategy: Strategy, alpha: f64, gamma: f64) -> Policy {
        if strategy == Strategy::Optimal {
            let longest = longest_for(alpha);
            let (optimal, earnings) = OptimalPolicy::solve(alpha, gamma, longest);
            return Policy {
                strategy,
                optimal: Some(optimal),
                longest,
                earnings,
            };
        }
        let longest = match alpha {
            low if low < 0.35 => 80,
            middle if middle < 0.42 => 160,
            _ => 320,
        };
        let mut earned = earnings(alpha, gamma, longest, &|state| {
            simple_action(strategy, state)
        });
        if strategy == Strategy::Sm1 {
            earned.share = sm1_share(alpha, gamma);
        }
        Policy {
            strategy,
            optimal: None,
            longest,
            earnings: earned,
        }
    }

    /// What it does after a block was found.
    pub fn action(&self, state: &State) -> Action {
        match &self.optimal {
            Some(optimal) => optimal.action(state),
            None => simple_action(self.strategy, state),
        }
    }
}

fn simple_action(strategy: Strategy, state: &State) -> Action {
    use Strategy::{Fork as Tie, Lead, LeadFork, LeadTrail, Trail};
    let (attacker, honest) = (state.attacker, state.honest);
    if honest > attacker {
        let goes_on = matches!(strategy, Trail | LeadTrail) && attacker > 0;
        return match goes_on && honest == attacker + 1 {
            true => Action::Wait,
            false => Action::Adopt,
        };
    }
    if honest == 0 {
        return Action::Wait;
    }
    if attacker == honest {
        return match state.fork {
            Fork::Relevant => Action::Match,
            _ => Action::Wait,
        };
    }
    let is_stubborn_in_lead = matches!(strategy, Lead | LeadFork | LeadTrail);
    if is_stubborn_in_lead && state.fork == Fork::Relevant {
        return Action::Match;
    }
    if attacker > honest + 1 {
        return Action::Wait;
    }
    let ends_tie = state.fork != Fork::Relevant;
    match ends_tie && matches!(strategy, Tie | LeadFork) {
        true => Action::Wait,
        false => Action::Override,
    }
}

/// The attacker's share of the blocks that stay (Eyal and Sirer).
pub fn sm1_share(alpha: f64, gamma: f64) -> f64 {
    let a = alpha;
    let above = a * (1.0 - a) * (1.0 - a) * (4.0 * a + gamma * (1.0 - 2.0 * a)) - a * a * a;
    above / (1.0 - a * (1.0 + (2.0 - a) * a))
}

/// From this share on it pays.
pub fn sm1_threshold(gamma: f64) -> f64 {
    (1.0 - gamma) / (3.0 - 2.0 * gamma)
}

/// The most that anybody could earn.
pub fn bound(alpha: f64) -> f64 {
    alpha / (1.0 - alpha)
}

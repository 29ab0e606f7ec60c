//! The best that an attacker who keeps blocks back can do: the decision process of
//! Sapirshtein, Sompolinsky and Zohar (2016), cut off where branches are long, and
//! so a lower bound, near 2e-5.

use super::withholding::{Action, Earnings, Fork, State, earnings};

/// The best action in each state that a block can lead to.
#[derive(Debug, Clone)]
pub struct OptimalPolicy {
    longest: u32,
    actions: Vec<Action>,
}

const ACTIONS: [Action; 4] = [Action::Adopt, Action::Override, Action::Match, Action::Wait];

/// Where branches are cut off: as in the paper from two fifths of the power on.
pub fn longest_for(alpha: f64) -> u32 {
    if alpha < 0.4 { 60 } else { 95 }
}

impl OptimalPolicy {
    /// The best policy, and what it earns. A share is guessed, what is best if
    /// blocks are worth that much is found, and what that earns is the next guess
    /// (Dinkelbach).
    pub fn solve(alpha: f64, gamma: f64, longest: u32) -> (OptimalPolicy, Earnings) {
        let side = longest as usize + 1;
        let mut values = vec![0.0; side * side * 3];
        let mut share = alpha;
        let mut best: Option<(OptimalPolicy, Earnings)> = None;
        for _ in 0..30 {
            let policy = improve(alpha, gamma, longest, share, &mut values);
            let earned = earnings(alpha, gamma, longest, &|state| policy.action(state));
            let is_last = earned.share <= share + 1e-12;
            if best
                .as_ref()
                .is_none_or(|(_, best)| earned.share > best.share)
            {
                share = earned.share.max(share);
                best = Some((policy, earned));
            }
            if is_last {
                break;
            }
        }
        best.unwrap_or_else(|| {
            let policy = improve(alpha, gamma, longest, share, &mut values);
            let earned = earnings(alpha, gamma, longest, &|state| policy.action(state));
            (policy, earned)
        })
    }

    /// What is best there.
    pub fn action(&self, state: &State) -> Action {
        let longest = self.longest;
        if state.attacker > longest || state.honest > longest {
            return match state.allows(Action::Override) {
                true => Action::Override,
                false => Action::Adopt,
            };
        }
        self.actions[place(state, longest)]
    }
}

fn place(state: &State, longest: u32) -> usize {
    let side = longest as usize + 1;
    let fork = match state.fork {
        Fork::Irrelevant => 0,
        Fork::Relevant => 1,
        Fork::Active => 2,
    };
    (state.attacker as usize * side + state.honest as usize) * 3 + fork
}

/// Makes the values of all states right for this share, and says what is best.
fn improve(alpha: f64, gamma: f64, longest: u32, share: f64, values: &mut [f64]) -> OptimalPolicy {
    const SWEEPS: usize = 20_000;
    let mut actions = vec![Action::Adopt; values.len()];
    for _ in 0..SWEEPS {
        let mut change = 0.0_f64;
        for sum in (1..=2 * longest).rev() {
            for attacker in sum.saturating_sub(longest)..=sum.min(longest) {
                let honest = sum - attacker;
                for fork in [Fork::Irrelevant, Fork::Relevant, Fork::Active] {
                    let state = State {
                        attacker,
                        honest,
                        fork,
                    };
                    let at = place(&state, longest);
                    let (value, action) = best_at(&state, alpha, gamma, longest, share, values);
                    change = change.max((value - values[at]).abs());
                    (values[at], actions[at]) = (value, action);
                }
            }
        }
        if change < 1e-12 {
            break;
        }
    }
    OptimalPolicy { longest, actions }
}

fn best_at(
    state: &State,
    alpha: f64,
    gamma: f64,
    longest: u32,
    share: f64,
    values: &[f64],
) -> (f64, Action) {
    let is_too_long = state.attacker >= longest || state.honest >= longest;
    let mut best = (f64::NEG_INFINITY, Action::Adopt);
    for action in ACTIONS {
        let is_cut_off = is_too_long && matches!(action, Action::Match | Action::Wait);
        if !state.allows(action) || is_cut_off {
            continue;
        }
        let (next, settled) = state.after(action);
        let worth = |settled: super::withholding::Settled| {
            settled.attacker - share * (settled.attacker + settled.honest)
        };
        let mut value = worth(settled);
        if next != State::START {
            for (find, probability) in next.finds(alpha, gamma) {
                if probability > 0.0 {
                    let (found, settled) = next.found(find);
                    value += probability * (worth(settled) + values[place(&found, longest)]);
                }
            }
        }
        // Of two that are worth the same the first stays.
        if value > best.0 + 1e-13 {
            best = (value, action);
        }
    }
    best
}

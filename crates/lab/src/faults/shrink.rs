//! A case that fails, made small: without classes of faults, then with fewer nodes,
//! without deeds, and shorter, as long as it fails at all. What is wrong may become
//! something else on the way; any failure is one.

use super::mix::{Case, FAULTS};
use super::run::Failure;

/// A network has at least this many nodes.
const NODES_LEAST: usize = 2;

/// What a case was shrunk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest case that was found.
    pub case: Case,
    /// What is wrong in it.
    pub failure: Failure,
    /// How many cases were run on the way.
    pub runs: u64,
}

/// Shrinks a case that fails; `fails` runs one, and returns what was wrong.
pub fn shrink(
    case: Case,
    failure: Failure,
    mut fails: impl FnMut(&Case) -> Option<Failure>,
) -> Shrunk {
    let mut smallest = Shrunk {
        case,
        failure,
        runs: 0,
    };
    for fault in FAULTS {
        let mut faults = smallest.case.faults.clone();
        faults.retain(|other| *other != fault);
        let case = smallest.case.clone();
        smallest.try_case(Case { faults, ..case }, &mut fails);
    }
    while smallest.case.nodes > NODES_LEAST {
        let (nodes, case) = (smallest.case.nodes - 1, smallest.case.clone());
        if !smallest.try_case(Case { nodes, ..case }, &mut fails) {
            break;
        }
    }
    smallest.leave_out_deeds(&mut fails);
    smallest.shorten(&mut fails);
    smallest
}

impl Shrunk {
    /// Takes the case if it fails too.
    fn try_case(&mut self, case: Case, fails: &mut impl FnMut(&Case) -> Option<Failure>) -> bool {
        if case == self.case {
            return false;
        }
        self.runs += 1;
        match fails(&case) {
            None => false,
            Some(failure) => {
                (self.case, self.failure) = (case, failure);
                true
            }
        }
    }

    /// Delta debugging: ever smaller parts of the deeds are left out.
    fn leave_out_deeds(&mut self, fails: &mut impl FnMut(&Case) -> Option<Failure>) {
        let mut part = self.case.deeds.div_ceil(2);
        while part > 0 {
            let mut first = 0;
            while first < self.case.deeds {
                let end = (first + part).min(self.case.deeds);
                let mut skipped = self.case.skipped.clone();
                skipped.extend((first..end).filter(|deed| !self.case.skipped.contains(deed)));
                skipped.sort_unstable();
                let case = self.case.clone();
                self.try_case(Case { skipped, ..case }, fails);
                first = end;
            }
            part /= 2;
        }
    }

    /// Fewer deeds at the end.
    fn shorten(&mut self, fails: &mut impl FnMut(&Case) -> Option<Failure>) {
        let mut step = self.case.deeds / 2;
        while step > 0 {
            let deeds = self.case.deeds.saturating_sub(step).max(1);
            let mut skipped = self.case.skipped.clone();
            skipped.retain(|deed| *deed < deeds);
            let case = self.case.clone();
            let shorter = Case {
                deeds,
                skipped,
                ..case
            };
            if !self.try_case(shorter, fails) {
                step /= 2;
            }
        }
    }
}

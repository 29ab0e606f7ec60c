//! Whether the proofs of a chain have more zeros than the rules ask for, and
//! whether that can be chance. It does not know what follows.

use super::record::Strict;
use crate::block::{Block, HeaderFields};
use crate::rules::Rules;

/// A proof that solves the puzzle has one more leading hex zero in one of 16
/// cases. That each of n proofs has z more is thus chance in one of 16^(z*n)
/// cases; from z*n = 5 on, in fewer than one of a million, it is taken as
/// intended.
const NO_CHANCE_HEX_DIGITS: u64 = 5;

/// The zeros of the proofs of a chain, so far. Once one has no more than is
/// asked for, no further one is hashed.
#[derive(Debug, Default)]
pub(super) struct Strictness {
    /// The fewest zeros, and those that are asked for.
    fewest: Option<(u32, u32)>,
    proofs: u64,
}

impl Strictness {
    /// Takes the next block of the chain into account.
    pub(super) fn note(&mut self, rules: &dyn Rules, parent: &HeaderFields, block: &Block) {
        if self.fewest.is_some_and(|(zeros, asked)| zeros <= asked) {
            return;
        }
        let Some((zeros, asked)) = rules.proof_zeros(parent, block) else {
            return;
        };
        let fewest = self.fewest.map_or(zeros, |(fewest, _)| fewest.min(zeros));
        self.fewest = Some((fewest, asked));
        self.proofs += 1;
    }

    /// What they have beyond that, if it is not by chance.
    pub(super) fn found(&self) -> Option<Strict> {
        let (zeros, asked) = self.fewest?;
        let more = u64::from(zeros.saturating_sub(asked));
        (more.saturating_mul(self.proofs) >= NO_CHANCE_HEX_DIGITS).then_some(Strict {
            zeros,
            asked,
            proofs: self.proofs,
        })
    }
}

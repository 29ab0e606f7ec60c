//! What is wrong with a node's chain, made ready to be shown: the cause, what to do,
//! and what was hashed there beside what should have been. Only the texts of one
//! block are shown: of a wrong link those of the block before, where the fault is.

use adit_api::audit::{Audit, AuditedBlock, Diagnosis};
use adit_api::preimage::Guess;

use super::keys::{Slope, slope};
use super::texts::{Part, compared, plain};
use crate::pages::block_figure::HashStrip;
use crate::pages::format;

/// What is wrong, as far as it is known.
pub(crate) struct Finding {
    pub(crate) problem: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) diagnosis: Option<Diagnosis>,
    /// Of a link: the block whose hash is named, as both sides hash it.
    pub(crate) hashed: Option<Hashed>,
    /// Of everything else: the block itself.
    pub(crate) refused: Option<Refused>,
    /// Of a proof: the guess that it is.
    pub(crate) guess: Option<Guessed>,
}

/// A block as both sides hash it.
pub(crate) struct Hashed {
    pub(crate) index: String,
    pub(crate) next_index: String,
    pub(crate) slope: Option<Slope>,
    /// None if it is not known what was hashed there.
    pub(crate) theirs: Option<Vec<Part>>,
    pub(crate) ours: Vec<Part>,
    pub(crate) their_hash: Option<String>,
    pub(crate) our_hash: String,
    /// Both drawn; theirs if it is a hash.
    pub(crate) their_strip: Option<HashStrip>,
    pub(crate) our_strip: HashStrip,
    pub(crate) is_cut: bool,
}

/// A block as it came.
pub(crate) struct Refused {
    pub(crate) index: String,
    pub(crate) text: String,
    pub(crate) is_cut: bool,
}

/// A guess, taken apart.
pub(crate) struct Guessed {
    pub(crate) guess: Guess,
    /// The zeros that its hash begins with, and the rest.
    pub(crate) zeros: String,
    pub(crate) rest: String,
}

impl Finding {
    pub(crate) fn of(audit: &Audit) -> Finding {
        let text = audit
            .diagnosis
            .as_ref()
            .and_then(|found| found.hashed.as_deref());
        let before = audit.before.as_ref();
        let hashed = before.and_then(|block| Hashed::of(block, text));
        let refused = audit.block.as_ref().filter(|_| hashed.is_none());
        Finding {
            problem: audit.problem.clone(),
            rule: audit.rule.clone(),
            diagnosis: audit.diagnosis.clone(),
            refused: refused.map(Refused::of),
            guess: audit.guess.clone().map(Guessed::of),
            hashed,
        }
    }

    /// Whether there is anything to be said.
    pub(crate) fn is_empty(&self) -> bool {
        self.problem.is_none() && self.diagnosis.is_none()
    }
}

impl Hashed {
    fn of(block: &AuditedBlock, text: Option<&str>) -> Option<Hashed> {
        let (ours, our_hash) = (block.canonical.as_deref()?, block.our_hash.clone()?);
        let (theirs, ours_marked) = match text {
            Some(text) => {
                let (theirs, ours) = compared(text, ours);
                (Some(theirs), ours)
            }
            None => (None, plain(ours)),
        };
        Some(Hashed {
            index: format::grouped(block.index),
            next_index: format::grouped(block.index.saturating_add(1)),
            slope: text.and_then(|text| slope(text, ours)),
            theirs,
            ours: ours_marked,
            their_hash: block
                .claimed_previous_hash
                .as_ref()
                .map(|hash| format::visible(hash, usize::MAX)),
            their_strip: block
                .claimed_previous_hash
                .as_deref()
                .filter(|hash| hash.len() == our_hash.len() && hash.is_ascii())
                .map(HashStrip::of),
            our_strip: HashStrip::of(&our_hash),
            our_hash,
            is_cut: block.is_cut,
        })
    }
}

impl Refused {
    fn of(block: &AuditedBlock) -> Refused {
        Refused {
            index: format::grouped(block.index),
            text: format::visible(&block.text, usize::MAX),
            is_cut: block.is_cut,
        }
    }
}

impl Guessed {
    pub(crate) fn of(guess: Guess) -> Guessed {
        let (zeros, rest) = format::zeros_first(&guess.sha256);
        Guessed {
            zeros: zeros.to_owned(),
            rest: rest.to_owned(),
            guess,
        }
    }
}

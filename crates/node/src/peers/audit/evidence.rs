//! What is known when a block is refused, and how a mistake is said. Which mistake it is,
//! `diagnosis.rs` and `link.rs` find.

use adit_api::audit::Diagnosis;
use adit_core::block::{Block, BlockError};
use adit_core::hash::Hash;

/// What to do where two nodes have different rules.
pub(super) const RULES_ADVICE: &str = "Start all nodes of a network under the same rules.";

/// A block of the peer's, with the bytes as they came.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The block as we read it.
    pub block: &'a Block,
    /// Its JSON as the peer wrote it.
    pub source: &'a [u8],
}

/// What is known when a block is refused.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The name of the rules that refuse it.
    pub rules: &'a str,
    /// Its place in the chain, the first being 1.
    pub place: u64,
    /// Why it is refused.
    pub error: &'a BlockError,
    /// Its JSON as the peer wrote it.
    pub source: &'a [u8],
    /// The block before it.
    pub before: Option<Received<'a>>,
    /// The hash and the proof of the block before that.
    pub before_that: Option<(Hash, u64)>,
    /// The hash of the chain's first block.
    pub first: Option<Hash>,
    /// Its own hash, if it has the form of a block.
    pub own_hash: Option<Hash>,
    /// What the block behind it names as its previous hash, if there is one.
    pub next_claim: Option<&'a str>,
}

/// Returns a mistake, and what to do about it.
pub(super) fn said(cause: impl Into<String>, advice: impl Into<String>) -> Diagnosis {
    Diagnosis {
        cause: cause.into(),
        advice: advice.into(),
        fix: None,
        hashed: None,
    }
}

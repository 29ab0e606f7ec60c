//! A block before its proof is known: what somebody wants in it, and what the
//! rules make of that. Which transactions those are, the mempool decides; what a
//! block looks like, the rules.

use std::sync::Arc;
use std::time::Duration;

use crate::hash::Hash;
use crate::puzzle::{DECIMAL_LENGTH_LIMIT, Puzzle, decimal};
use crate::sealed::{Coinbase, Header};
use crate::transaction::{Payment, Submitted};

/// What a block is to be made of.
#[derive(Debug, Clone)]
pub struct TemplateContent {
    /// When it was drafted, since 1970.
    pub now: Duration,
    /// What it will hold, without the reward.
    pub transactions: Vec<Submitted>,
    /// Who is rewarded for the proof.
    pub reward_to: String,
}

/// A block that lacks only its proof: it is made once, and the block is written
/// from it, whichever proof is found.
#[derive(Debug, Clone)]
pub struct BlockTemplate {
    /// What is to be solved.
    pub puzzle: Puzzle,
    /// The hash of the block that it stands after.
    pub parent: Hash,
    /// When it was drafted, since 1970.
    pub drafted: Duration,
    /// The block's canonical text before the proof,
    pub(super) before_proof: Vec<u8>,
    /// and behind it.
    pub(super) behind_proof: Vec<u8>,
    /// What the rules `sealed` would read in it.
    pub(super) sealed: Option<Box<SealedTemplate>>,
}

/// The parts of a sealed block that its text was written from.
#[derive(Debug, Clone)]
pub(super) struct SealedTemplate {
    pub(super) header: Header,
    pub(super) seal: Hash,
    pub(super) reward: Coinbase,
    pub(super) payments: Vec<Arc<Payment>>,
}

impl BlockTemplate {
    /// The block's canonical text before the proof, and behind it.
    pub fn around_proof(&self) -> (&[u8], &[u8]) {
        (&self.before_proof, &self.behind_proof)
    }

    /// The block's canonical text with its proof.
    pub fn text_with(&self, proof: u64) -> Vec<u8> {
        let mut digits = [0; DECIMAL_LENGTH_LIMIT];
        let proof = decimal(proof, &mut digits);
        [&self.before_proof[..], proof, &self.behind_proof].concat()
    }
}

//! What is wrong with another node's chain. Which mistake is behind it, the node
//! finds out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::peer::PeerKind;
use crate::preimage::Guess;

/// What became of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All of the chain is valid.
    Valid,
    /// It is not.
    Refused,
    /// No chain came.
    Unreachable,
}

/// What is to be said of a peer's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// `host:port`.
    pub peer: String,
    /// `adit`, `python` (the tutorial's, or one that speaks as it does) or
    /// `unknown`.
    #[schema(value_type = String)]
    pub kind: PeerKind,
    /// Under which rules it was checked.
    pub rules: String,
    /// What became of it.
    pub verdict: Verdict,
    /// How many blocks are valid, from the first one on.
    pub length: u64,
    /// What the peer says the number of its blocks is.
    pub stated_length: Option<u64>,
    /// Whether there is more of it, whose time has not come.
    pub goes_on: bool,
    /// The hash of the last valid block.
    pub tip: Option<String>,
    /// What is wrong, as the node says it.
    pub problem: Option<String>,
    /// The name of the rule that does not hold; `chain` where it is no chain.
    pub rule: Option<String>,
    /// The block that is refused.
    pub block: Option<AuditedBlock>,
    /// The block before it, if the refused one names another hash: then its
    /// bytes are those that matter.
    pub before: Option<AuditedBlock>,
    /// What was hashed for the proof, if that is wrong.
    pub guess: Option<Guess>,
    /// The mistake behind it, if it is a known one.
    pub diagnosis: Option<Diagnosis>,
    /// The fewest zeros that a proof of a valid chain begins with, if they are
    /// more than the rules ask for, in more proofs than chance explains.
    #[serde(default)]
    pub strict_zeros: Option<u32>,
    /// How it stands to our chain, if there is one.
    pub comparison: Option<Comparison>,
    /// What is odd about the answer, but not wrong.
    pub notes: Vec<String>,
}

/// A block of the peer's, and what we made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditedBlock {
    /// Its place in the chain, the first being 1.
    pub index: u64,
    /// Its text as it came, at most 64 KiB of it.
    pub text: String,
    /// What we hashed, at most 64 KiB of it; none if it has no shape of a block.
    pub canonical: Option<String>,
    /// Whether one of the two is longer than what is shown.
    pub is_cut: bool,
    /// Its hash under our rules.
    pub our_hash: Option<String>,
    /// What its next block names as `previous_hash`, as it stands there without
    /// its quotes.
    pub claimed_previous_hash: Option<String>,
}

/// How a peer's chain stands to ours, as far as it is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The number of our blocks.
    pub our_length: u64,
    /// The index of the last block that both have; none if there is none.
    pub fork_index: Option<u64>,
}

/// What is wrong in all likelihood, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnosis {
    /// The mistake, in one sentence.
    pub cause: String,
    /// What the operator of the peer should do.
    pub advice: String,
    /// The same in the tutorial's code, where one line of it says it.
    #[serde(default)]
    pub fix: Option<Fix>,
    /// What was hashed there: the text that the hash which the refused block names
    /// is of, at most 64 KiB of it; none if no such text was found.
    #[serde(default)]
    pub hashed: Option<String>,
}

/// A line of the tutorial's code, and what stands there instead in all
/// likelihood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    /// As it is there.
    pub wrong: String,
    /// As it has to be.
    pub right: String,
}

impl Audit {
    /// Whether its answer says how long the chain is, as the tutorial's nodes need
    /// it, or there is nothing of which that could be said.
    pub fn states_its_length(&self) -> bool {
        self.verdict != Verdict::Valid || self.goes_on || self.stated_length == Some(self.length)
    }
}

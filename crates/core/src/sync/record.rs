//! What is known of a peer since it was last asked, and how its chain compares
//! with ours. What was seen is kept; what it means is decided when somebody
//! looks, because our own chain goes on meanwhile.

use std::time::Duration;

use crate::archive::{Archive, ArchiveError};
use crate::hash::Hash;

/// What came of asking a peer for its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerReport {
    /// Its chain was adopted.
    Adopted {
        /// The number of its blocks.
        length: u64,
    },
    /// Its chain is valid, but does not win against ours.
    NotLonger {
        /// The number of its blocks.
        length: u64,
    },
    /// Its chain has not changed since it was last asked.
    Unchanged,
    /// Its chain is not valid.
    Refused(Refusal),
    /// It did not answer, or not with a chain.
    Failed(String),
    /// It was not read, for a reason of this node's: that says nothing of the peer.
    NotRead(String),
    /// It is this node, found under an address that was not known to be its
    /// own. It is no longer a peer.
    Itself,
    /// It has not answered yet, and was not waited for any longer.
    StillAsked,
}

/// What kind of node a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerKind {
    /// It never answered.
    #[default]
    Unknown,
    /// It says so in its answers.
    Adit,
    /// The tutorial's, or another one that speaks as it does.
    Python,
}

/// What was seen of a peer while it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What kind of node it is; unknown if it did not answer.
    pub kind: PeerKind,
    /// Its chain, if it has a valid one.
    pub chain: Option<SeenChain>,
    /// What its proofs have beyond what the rules ask for, if that is no chance.
    pub strict: Option<Strict>,
    /// Whether it goes by this node's name, but is another process: the data
    /// folder of one of the two is a copy of the other's.
    pub has_our_name: bool,
}

/// All proofs of a chain begin with more zeros than the rules ask for: the node
/// that made them most likely asks for that many, and refuses the blocks of
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strict {
    /// The fewest zeros that one of its proofs begins with, in hex digits.
    pub zeros: u32,
    /// How many the rules ask for.
    pub asked: u32,
    /// How many proofs were looked at.
    pub proofs: u64,
}

impl std::fmt::Display for Strict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Strict {
            zeros,
            asked,
            proofs,
        } = self;
        write!(
            f,
            "each of its {proofs} proofs begins with {zeros} zeros or more, and the rules ask for \
             {asked}: it most likely refuses all blocks with fewer than {zeros}, ours too"
        )
    }
}

/// A peer's valid chain, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenChain {
    /// The hash of its last block.
    pub tip: Hash,
    /// The number of its blocks, if they were counted.
    pub length: Option<u64>,
    /// The last block that our main chain had as well, if there was one.
    pub common: Option<Hash>,
    /// Whether there is more of it, whose time has not come.
    pub goes_on: bool,
}

/// Why a peer's chain is not taken, whatever it weighs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Refusal {
    /// The place of the block that is not valid, the first being 1; `None`
    /// where it is no chain at all.
    pub height: Option<u64>,
    /// The name of the rule that does not hold; `chain` where it is no chain,
    /// `branch` where it is too different from ours to be taken.
    pub rule: &'static str,
    /// What is wrong, with the height.
    pub problem: String,
}

/// What came of it when a peer was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    /// It has not answered yet.
    #[default]
    NotAsked,
    /// Its chain was read to its end, and is valid.
    Valid,
    /// Its chain is not valid.
    Refused(Refusal),
    /// It did not answer, or not with a chain.
    Unreachable(String),
}

/// How a peer's chain stands to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// It is the same.
    Same,
    /// Its last block is one of ours, and our chain goes on.
    Behind,
    /// Our last block is one of its blocks, and its chain goes on.
    Ahead,
    /// Each has blocks that the other lacks.
    Fork,
    /// It is not valid.
    Refused,
    /// It could not be asked for.
    Unreachable,
    /// It was not seen yet.
    NotAsked,
}

/// What is known of a peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerRecord {
    /// What kind of node it is.
    pub kind: PeerKind,
    /// What came of it when it was last asked.
    pub standing: Standing,
    /// Its chain when it was last seen; `None` after one that was refused.
    pub chain: Option<SeenChain>,
    /// What the proofs of that chain have beyond what the rules ask for.
    pub strict: Option<Strict>,
    /// Whether it goes by this node's name.
    pub has_our_name: bool,
    /// When it was last asked, since 1970.
    pub asked: Option<Duration>,
    /// When it last answered, with whatever chain, since 1970.
    pub answered: Option<Duration>,
}

impl PeerRecord {
    /// How its chain stands to ours, of which `tip` is the last block.
    pub fn agreement(
        &self,
        tip: Option<Hash>,
        ours: &dyn Archive,
    ) -> Result<Agreement, ArchiveError> {
        let chain = match (&self.standing, &self.chain) {
            (Standing::Refused(_), _) => return Ok(Agreement::Refused),
            (Standing::Unreachable(_), _) => return Ok(Agreement::Unreachable),
            (Standing::NotAsked, _) | (_, None) => return Ok(Agreement::NotAsked),
            (Standing::Valid, Some(chain)) => chain,
        };
        if Some(chain.tip) == tip {
            return Ok(match chain.goes_on {
                true => Agreement::Ahead,
                false => Agreement::Same,
            });
        }
        if let Some(entry) = ours.entry(&chain.tip)?
            && ours.main_hash(entry.height)? == Some(chain.tip)
        {
            return Ok(Agreement::Behind);
        }
        Ok(match tip.is_some() && chain.common == tip {
            true => Agreement::Ahead,
            false => Agreement::Fork,
        })
    }

    /// The number of its blocks, as far as known.
    pub fn length(&self, ours: &dyn Archive) -> Result<Option<u64>, ArchiveError> {
        match self.chain {
            Some(chain) if chain.length.is_none() => {
                Ok(ours.entry(&chain.tip)?.map(|entry| entry.height))
            }
            chain => Ok(chain.and_then(|chain| chain.length)),
        }
    }

    /// What is wrong with it, in words.
    pub fn problem(&self) -> Option<String> {
        let of_its_chain = match &self.standing {
            Standing::Refused(refusal) => Some(refusal.to_string()),
            Standing::Unreachable(problem) => Some(problem.clone()),
            Standing::Valid if self.chain.is_some_and(|chain| chain.goes_on) => {
                Some("its further blocks are dated too far ahead of our clock".to_owned())
            }
            Standing::Valid => self.strict.map(|strict| strict.to_string()),
            Standing::NotAsked => None,
        };
        let of_its_name = self.has_our_name.then(|| {
            "it goes by this node's name: the data folder of one is a copy of the other's, and \
             the rewards of both go to that name"
                .to_owned()
        });
        match (of_its_chain, of_its_name) {
            (Some(chain), Some(name)) => Some(format!("{chain}; {name}")),
            (chain, name) => chain.or(name),
        }
    }

    /// Records what came of asking it. Returns whether anything but the time is
    /// new.
    pub(super) fn update(&mut self, now: Duration, report: &PeerReport, seen: Seen) -> bool {
        let known = |record: &PeerRecord| PeerRecord {
            asked: None,
            answered: None,
            ..record.clone()
        };
        let before = known(self);
        if !matches!(
            report,
            PeerReport::Failed(_)
                | PeerReport::NotRead(_)
                | PeerReport::StillAsked
                | PeerReport::Itself
        ) {
            self.has_our_name = seen.has_our_name;
        }
        if seen.kind != PeerKind::Unknown {
            self.kind = seen.kind;
        }
        match report {
            PeerReport::NotRead(_) | PeerReport::StillAsked | PeerReport::Itself => return false,
            PeerReport::Failed(problem) => self.standing = Standing::Unreachable(problem.clone()),
            PeerReport::Refused(refusal) => {
                self.standing = Standing::Refused(refusal.clone());
                (self.chain, self.strict) = (None, None);
            }
            PeerReport::Adopted { .. } | PeerReport::NotLonger { .. } => {
                self.standing = Standing::Valid;
                (self.chain, self.strict) = (seen.chain, seen.strict);
            }
            PeerReport::Unchanged => {
                self.standing = Standing::Valid;
                // Of the chain that we know already, we know more.
                if seen.chain.map(|chain| chain.tip) != self.chain.map(|chain| chain.tip) {
                    self.chain = seen.chain.or(self.chain);
                }
            }
        }
        if !matches!(report, PeerReport::Failed(_)) {
            self.answered = Some(now);
        }
        before != known(self)
    }
}

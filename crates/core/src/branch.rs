//! A peer's branch, from the moment its chain has been read to the end until
//! the node has taken as much of it as it will. It decides whether the chain is
//! worth taking, when to stop, and what is reported of the peer. It does not
//! know where the blocks wait meanwhile, nor how long others have their turn
//! between two of them.
//!
//! What holds:
//!
//! 1. A session starts only with a chain that outweighs the node's own.
//! 2. One call takes one block, and nothing behind a block that is refused.
//! 3. A peer's chain is adopted when the main chain has ended in one of the
//!    branch's blocks, even if a later one is refused.

use std::sync::Arc;
use std::time::Duration;

use crate::archive::Archive;
use crate::block::Block;
use crate::chain::ChainError;
use crate::node::{Effect, Node, Outcome};
use crate::sync::{CandidateChain, PeerReport, Refusal};

/// A branch that is being taken, block by block.
#[derive(Debug)]
pub struct BranchSession {
    offered: CandidateChain,
    has_won: bool,
    refused: Option<RefusedBlock>,
}

/// The block at which a branch ended.
#[derive(Debug)]
pub struct RefusedBlock {
    /// Its height.
    pub height: u64,
    /// What is wrong with it.
    pub error: ChainError,
}

impl BranchSession {
    /// Starts taking the branch of a chain that was read to its end; `None` if
    /// the node's own chain weighs as much.
    pub fn begin(node: &Node, offered: CandidateChain) -> Option<BranchSession> {
        let outweighs = offered.outweighs(node.chain().total_weight());
        outweighs.then_some(BranchSession {
            offered,
            has_won: false,
            refused: None,
        })
    }

    /// Takes the next block of the branch, which is valid except for what only
    /// its place in the tree shows. The effects are to be carried out before
    /// the next call, like those of [`Node::handle`].
    pub fn take(
        &mut self,
        node: &mut Node,
        now: Duration,
        block: Arc<Block>,
        archive: &dyn Archive,
    ) -> Result<Vec<Effect>, ChainError> {
        assert!(
            self.refused.is_none(),
            "nothing is taken behind a block that was refused"
        );
        let (height, hash) = (block.height(), block.hash());
        let (effects, outcome) = node.take_of_branch(now, block, archive)?;
        match outcome {
            Outcome::Refused(error) => self.refused = Some(RefusedBlock { height, error }),
            _ => self.has_won |= node.chain().tip().is_some_and(|tip| tip.hash() == hash),
        }
        Ok(effects)
    }

    /// Whether the main chain has ended in one of its blocks.
    pub fn has_won(&self) -> bool {
        self.has_won
    }

    /// The block that was refused: those behind it are not to be taken.
    pub fn refused(&self) -> Option<&RefusedBlock> {
        self.refused.as_ref()
    }

    /// The same, when it is over.
    pub fn into_refused(self) -> Option<RefusedBlock> {
        self.refused
    }

    /// What to report of the peer, once no further block is taken.
    pub fn report(&self, node: &Node) -> PeerReport {
        match &self.refused {
            // The bad block may come after enough good ones.
            _ if self.has_won => PeerReport::Adopted {
                length: node.chain().length(),
            },
            Some(refused) => PeerReport::Refused(refused.refusal()),
            None => PeerReport::NotLonger {
                length: self.offered.length,
            },
        }
    }

    /// The same when the rest of the branch can no longer be had.
    pub fn report_of_failure(&self, node: &Node, why: String) -> PeerReport {
        match self.has_won {
            true => self.report(node),
            false => PeerReport::NotRead(why),
        }
    }
}

impl RefusedBlock {
    fn refusal(&self) -> Refusal {
        let RefusedBlock { height, error } = self;
        Refusal {
            height: Some(*height),
            rule: match error {
                ChainError::Invalid(error) => error.rule(),
                _ => "branch",
            },
            problem: format!("the block in place {height} is not valid: {error}"),
        }
    }
}

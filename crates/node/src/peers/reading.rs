//! A peer's chain while it is read: each block is checked where it stands, what our
//! main chain lacks is put aside, and signatures are looked at as soon as the chain
//! weighs more than ours. Over which requests it comes is not known here.

use std::sync::Arc;

use adit_core::hash::Hash;
use adit_core::sync::{
    ChainReader, ChainValidation, Locator, PeerReport, Refusal, SeenChain, Strict, ValidationError,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::handle::{NodeHandle, OfferedBranch};
use crate::peers::branch::Branch;
use crate::peers::fetch::{FetchError, Piece, Pieces};
use crate::peers::unread::Unread;

/// Why there is nothing to adopt.
#[derive(Debug)]
pub(super) enum PollError {
    Fetch(FetchError),
    Refused(Refusal),
    /// Ours can't be read, or held.
    Ours(String),
}

impl PollError {
    pub(super) fn ours(error: impl ToString) -> PollError {
        PollError::Ours(error.to_string())
    }

    /// What is said of the peer.
    pub(super) fn report(&self) -> PeerReport {
        match self {
            PollError::Refused(refusal) => PeerReport::Refused(refusal.clone()),
            PollError::Fetch(error) => PeerReport::Failed(error.to_string()),
            PollError::Ours(error) => PeerReport::NotRead(error.clone()),
        }
    }

    fn of_validation(error: ValidationError) -> PollError {
        match error.refusal() {
            Some(refusal) => PollError::Refused(refusal),
            None => PollError::ours(error),
        }
    }
}

impl From<FetchError> for PollError {
    fn from(error: FetchError) -> PollError {
        PollError::Fetch(error)
    }
}

/// What an ask holds until all that it takes is free again.
#[derive(Clone)]
pub(super) struct Held {
    _asked: Arc<OwnedSemaphorePermit>,
    /// Its place among those that send large blocks.
    pub(super) unread: Arc<Unread>,
}

impl Held {
    /// `asked` counts it among all asks under way.
    pub(super) fn new(asked: OwnedSemaphorePermit, unread: Unread) -> Held {
        Held {
            _asked: Arc::new(asked),
            unread: Arc::new(unread),
        }
    }
}

/// A chain that is being read.
pub(super) struct ChainReading {
    node: NodeHandle,
    validation: ChainValidation,
    branch: Branch,
}

impl ChainReading {
    /// A chain that comes whole, in one answer.
    pub(super) fn whole(node: NodeHandle) -> ChainReading {
        let reader = ChainReader::of_answer().taking(node.rules().reading());
        let validation = ChainValidation::new(Arc::clone(node.rules()), reader);
        ChainReading::of(node, validation)
    }

    /// What follows one of these blocks of ours, in one answer after another.
    pub(super) fn behind(node: NodeHandle, known: Locator) -> ChainReading {
        let rules = Arc::clone(node.rules());
        let validation = ChainValidation::behind(rules, lines(&node), known);
        ChainReading::of(node, validation)
    }

    fn of(node: NodeHandle, validation: ChainValidation) -> ChainReading {
        ChainReading {
            branch: node.new_branch(),
            validation,
            node,
        }
    }

    /// Goes on with the next answer.
    pub(super) fn go_on(&mut self) {
        self.validation.go_on(lines(&self.node));
    }

    /// Reads an answer. Returns whether it came to its end, or nothing behind what
    /// came matters any more; otherwise nothing comes of it. Runs on a thread that
    /// may block.
    pub(super) fn read(&mut self, pieces: &mut Pieces, unread: &Unread) -> Result<bool, PollError> {
        let mut ended = false;
        while !ended {
            match pieces.next() {
                Some(Piece::Bytes(bytes)) => self.validation.feed(&bytes),
                Some(Piece::End) => {
                    self.validation.end();
                    ended = true;
                }
                None => return Ok(false),
            }
            if !self.take_blocks(pieces)? {
                return Ok(false);
            }
            if self.branch.has_failed() {
                break;
            }
            let unread_bytes = self.validation.unread_bytes();
            unread.hold(unread_bytes).map_err(PollError::ours)?;
        }
        Ok(true)
    }

    fn take_blocks(&mut self, pieces: &Pieces) -> Result<bool, PollError> {
        let node = &self.node;
        // A new one for each piece: while one is held, the index frees no
        // page. A block that was in our main chain stays in the tree.
        let ours = node.reader().snapshot().map_err(PollError::ours)?;
        while let Some(block) = self
            .validation
            .next_block(self.node.now(), &ours)
            .map_err(PollError::of_validation)?
        {
            self.branch.push(block).map_err(PollError::ours)?;
            if !pieces.is_wanted() {
                return Ok(false);
            }
            // First it is weighed: a chain that is no heavier than ours costs
            // no check of signatures, however often it is offered.
            if !self.branch.is_checked() && self.is_heavier() {
                self.branch.check_signatures().map_err(PollError::ours)?;
            }
        }
        Ok(true)
    }

    /// Whether the chain so far is to take the place of ours.
    pub(super) fn is_heavier(&self) -> bool {
        let ours = self.node.status().total_weight;
        self.validation.so_far().outweighs(ours)
    }

    /// Takes out what is to be adopted, once all of its signatures are checked: the
    /// blocks since the last time. `None` if the chain so far is not heavier than ours.
    pub(super) fn take_heavier(&mut self) -> Result<Option<OfferedBranch>, PollError> {
        if !self.is_heavier() && !self.branch.has_failed() {
            return Ok(None);
        }
        let branch = std::mem::replace(&mut self.branch, self.node.new_branch());
        let branch = branch.finish().map_err(PollError::ours)?;
        let branch = branch.map_err(|wrong| PollError::Refused(wrong.refusal()))?;
        Ok(Some(OfferedBranch {
            chain: self.validation.so_far(),
            branch: Box::new(branch),
        }))
    }

    /// An error if there is no block in it.
    pub(super) fn check_not_empty(&self) -> Result<(), PollError> {
        match self.validation.tip() {
            Some(_) => Ok(()),
            None => Err(PollError::of_validation(ValidationError::Empty)),
        }
    }

    /// The hash of its last block so far.
    pub(super) fn tip(&self) -> Option<Hash> {
        self.validation.tip()
    }

    /// The number of its blocks so far.
    pub(super) fn length(&self) -> u64 {
        self.validation.length()
    }

    /// How many blocks have come, in all answers.
    pub(super) fn block_count(&self) -> u64 {
        self.validation.block_count()
    }

    /// Whether there is more of it, for which it is too early.
    pub(super) fn ends_early(&self) -> bool {
        self.validation.ends_early()
    }

    /// What was seen of it.
    pub(super) fn seen(&self) -> (Option<SeenChain>, Option<Strict>) {
        (self.validation.seen(), self.validation.strict())
    }
}

fn lines(node: &NodeHandle) -> ChainReader {
    ChainReader::of_lines().taking(node.rules().reading())
}

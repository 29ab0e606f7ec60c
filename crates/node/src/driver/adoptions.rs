//! The branches of peers that are to be taken in, and how far that has come. How
//! they are taken in, `adopt.rs` knows.

use std::collections::VecDeque;

use adit_core::branch::BranchSession;
use adit_core::sync::{Ask, PeerReport, Seen};
use tokio::sync::oneshot;

use crate::handle::OfferedBranch;
use crate::peers::branch::{BranchError, CheckedBlocks};

/// Blocks of a branch are taken in for this long; then it is the others' turn.
pub(super) const ADOPTION_STEP_MS: u64 = 50;

/// The branches that are to be taken in.
#[derive(Default)]
pub(super) struct Adoptions {
    pub(super) running: Option<Adoption>,
    /// Those that came meanwhile: no more than there are peers.
    pub(super) waiting: VecDeque<QueuedBranch>,
    /// The number of the turn that is to come next: no other counts any longer.
    pub(super) turn: u64,
    pub(super) is_on_its_way: bool,
    /// Whether it comes after a pause.
    pub(super) is_paused: bool,
}

/// What follows when no more of a branch is taken in.
pub(super) enum BranchEnd {
    /// The peer has answered: this was seen of it.
    Answered(Seen),
    /// Its reader goes on with the next part, if this one was adopted.
    Part(oneshot::Sender<PeerReport>),
}

/// A branch that waits for its turn.
pub(super) struct QueuedBranch {
    pub(super) ask: Ask,
    pub(super) end: BranchEnd,
    pub(super) offered: OfferedBranch,
}

/// A branch that is being taken in.
pub(super) struct Adoption {
    pub(super) ask: Ask,
    pub(super) end: BranchEnd,
    pub(super) session: BranchSession,
    pub(super) blocks: CheckedBlocks,
}

/// How far a step has come.
pub(super) enum Step {
    /// There are more blocks.
    Paused,
    /// No further ones are taken in.
    Ended,
    /// Those that are left can't be read again.
    Unreadable(BranchError),
}

impl Adoptions {
    /// Whether there is a branch of which something is still to be taken in.
    pub(super) fn are_left(&self) -> bool {
        self.running.is_some() || !self.waiting.is_empty()
    }
}

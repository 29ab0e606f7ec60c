//! Makes a block when somebody asks for one. What goes into it, the core decides.

use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::mining::HeldUp;
use adit_core::node::Answer;

use crate::handle::{NodeHandle, Request, Stopping};

/// Why no block was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMined {
    /// Under the rules a block rewards an address, and the node was told none.
    #[error("this node has no address that its blocks are rewarded to")]
    NobodyToReward,
    /// None can be made for some time.
    #[error("no block can be made for {left_s} s: {why}; try again then")]
    HeldUp {
        /// For how many seconds.
        left_s: u128,
        /// In words.
        why: String,
    },
    /// Too many wait for one.
    #[error("too many requests for a block are waiting already; try again")]
    TooManyWaiting,
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// Makes a block of what waits. Returns when it is found.
pub async fn mine(node: &NodeHandle) -> Result<Arc<Block>, NotMined> {
    match node.request(Request::Mine).await? {
        Answer::Mined(block) => Ok(block),
        Answer::NobodyToReward(_) => Err(NotMined::NobodyToReward),
        Answer::HeldUp(held_up) => Err(NotMined::held_up(&held_up, node.now())),
        Answer::MiningBusy => Err(NotMined::TooManyWaiting),
        answer => unreachable!("the core answers with a block, or why there is none: {answer:?}"),
    }
}

impl NotMined {
    /// How long that is from now on.
    pub(crate) fn held_up(held_up: &HeldUp, now: Duration) -> NotMined {
        let left_ms = held_up.until.saturating_sub(now).as_millis();
        NotMined::HeldUp {
            left_s: left_ms.div_ceil(1_000),
            why: held_up.why.clone(),
        }
    }
}

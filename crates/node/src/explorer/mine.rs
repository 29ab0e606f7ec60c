//! Makes a block when somebody asks for one.

use adit_api::block::BlockSummary;
use adit_core::mining::HeldUp;
use adit_core::node::Answer;

use super::block;
use super::problem::Problem;
use crate::driver::{NodeHandle, Request, now};

/// What somebody is told who wants a block while none can be made.
pub(crate) fn held_up_text(held_up: &HeldUp) -> String {
    let left_ms = held_up.until.saturating_sub(now()).as_millis();
    let left_s = left_ms.div_ceil(1_000);
    format!(
        "no block can be made for {left_s} s: {}; try again then",
        held_up.why
    )
}

/// Makes a block, and says what is said of any block.
pub(crate) async fn mine(node: &NodeHandle) -> Result<BlockSummary, Problem> {
    match node.request(Request::Mine).await? {
        Answer::Mined(block) => {
            let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
            block::summary(node, &snapshot, &block)
        }
        Answer::NobodyToReward(_) => Err(Problem::no_reward_address()),
        Answer::HeldUp(held_up) => Err(Problem::busy(held_up_text(&held_up))),
        _ => Err(Problem::busy(
            "too many requests for a block are waiting already; try again",
        )),
    }
}

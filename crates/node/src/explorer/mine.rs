//! Makes a block when somebody asks for one.

use adit_core::node::Answer;

use super::block::{self, BlockSummary};
use super::problem::Problem;
use crate::driver::{NodeHandle, Request};

/// Makes a block, and says what is said of any block.
pub(crate) async fn mine(node: &NodeHandle) -> Result<BlockSummary, Problem> {
    match node.request(Request::Mine).await? {
        Answer::Mined(block) => {
            let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
            block::summary(node, &snapshot, &block)
        }
        Answer::NobodyToReward(_) => Err(Problem::no_reward_address()),
        _ => Err(Problem::busy(
            "too many requests for a block are waiting already; try again",
        )),
    }
}

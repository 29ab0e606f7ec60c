//! The ends of all branches: of the main chain, and of those beside it. Which one
//! is the main chain, the core decides.

pub mod reorganisation;

use adit_api::branch::{BranchStatus, ChainTip, ChainTips};
use adit_core::archive::Archive;
use adit_store::BranchTip;

use super::error::QueryError;
use super::stored::place_of;
use crate::handle::NodeHandle;

/// Returns the ends of the main chain and of the heaviest branches beside it.
pub async fn tips(node: &NodeHandle) -> Result<ChainTips, QueryError> {
    let history = node.history().await?;
    let mut tips = Vec::new();
    if let Some(hash) = history.snapshot.tip() {
        let entry = history
            .snapshot
            .entry(&hash)
            .map_err(QueryError::unreadable)?;
        tips.extend(entry.map(|entry| ChainTip {
            hash: hash.to_string(),
            index: entry.height,
            status: BranchStatus::Active,
            branch_length: 0,
            total_weight: entry.total_weight.to_string(),
            fork: None,
        }));
    }
    tips.extend(history.branches.iter().map(beside));
    Ok(ChainTips { tips })
}

fn beside(branch: &BranchTip) -> ChainTip {
    ChainTip {
        hash: branch.tip.block.hash.to_string(),
        index: branch.tip.block.height,
        status: BranchStatus::ValidFork,
        branch_length: branch.branch_length(),
        total_weight: branch.tip.total_weight.to_string(),
        fork: branch.fork.map(place_of),
    }
}

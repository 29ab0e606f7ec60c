//! The ends of all branches: of the main chain, and of those beside it.

use adit_core::archive::Archive;
use adit_store::BranchTip;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::reorganisation::{BlockAt, block_at};
use crate::driver::NodeHandle;

/// The ends of all branches.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChainTips {
    /// The main chain's first, then the heaviest.
    pub tips: Vec<ChainTip>,
}

/// The end of a branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChainTip {
    /// 64 lower-case hex digits.
    pub hash: String,
    /// The genesis block's is 1.
    pub index: u64,
    /// `active` for the main chain, `valid-fork` for all others.
    pub status: String,
    /// How many blocks it has that the main chain has not.
    pub branch_length: u64,
    /// The sum of the weights up to this block, in decimal.
    pub total_weight: String,
    /// The last block that it shares with the main chain; none for the main
    /// chain, and if there is none.
    pub fork: Option<BlockAt>,
}

/// The ends of the main chain and of the heaviest branches beside it.
pub(crate) async fn tips(node: &NodeHandle) -> Result<ChainTips, Problem> {
    let history = node.history().await?;
    let mut tips = Vec::new();
    if let Some(hash) = history.snapshot.tip() {
        let entry = history.snapshot.entry(&hash).map_err(Problem::unreadable)?;
        tips.extend(entry.map(|entry| ChainTip {
            hash: hash.to_string(),
            index: entry.index,
            status: "active".to_owned(),
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
        index: branch.tip.block.index,
        status: "valid-fork".to_owned(),
        branch_length: branch.branch_length(),
        total_weight: branch.tip.total_weight.to_string(),
        fork: branch.fork.map(block_at),
    }
}

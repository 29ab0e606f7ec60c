//! The ends of all branches: of the main chain, and of those beside it. Which one
//! is the main chain, the core decides.

pub mod reorganisation;

use adit_api::branch::{BranchStatus, ChainTip, ChainTips};
use std::collections::BTreeSet;

use adit_api::block::BlockSummary;
use adit_core::archive::Archive;
use adit_store::BranchTip;

use super::block;
use super::error::QueryError;
use super::reading::beside as read_beside;
use super::stored::{hash_of, place_of, read};
use super::transaction::PAGE_READ_LIMIT_BYTES;
use crate::handle::NodeHandle;

/// Of a branch beside the main chain, at most this many blocks are drawn, the newest.
pub const DRAWN_OF_BRANCH: u64 = 4;

/// The blocks of a drawing of the tree.
#[derive(Debug, Default)]
pub struct DrawnBlocks {
    /// Those of the main chain, the oldest first.
    pub main: Vec<BlockSummary>,
    /// The newest ones of each branch, likewise.
    pub sides: Vec<Vec<BlockSummary>>,
}

/// Returns the main chain's blocks at these heights, and the newest ones of these
/// branches; fewer where they are very long.
pub async fn drawn(
    node: &NodeHandle,
    heights: &BTreeSet<u64>,
    sides: &[&ChainTip],
) -> Result<DrawnBlocks, QueryError> {
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    read_beside(|| {
        let (mut drawn, mut read_bytes) = (DrawnBlocks::default(), 0);
        for side in sides {
            let fork_height = side.fork.as_ref().map_or(0, |fork| fork.index);
            let (mut next, mut height) = (hash_of(&side.hash), side.index);
            let mut blocks = Vec::new();
            while let Some(hash) = next
                && height > fork_height
                && (blocks.len() as u64) < DRAWN_OF_BRANCH
                && read_bytes < PAGE_READ_LIMIT_BYTES
            {
                let text = snapshot.text(&hash).map_err(QueryError::unreadable)?;
                let Some(block) = read(node, text)? else {
                    break;
                };
                read_bytes += block.text().len();
                blocks.push(block::summary(node, &snapshot, &block)?);
                (next, height) = (block.parent(), height - 1);
            }
            blocks.reverse();
            drawn.sides.push(blocks);
        }
        for height in heights {
            if read_bytes >= PAGE_READ_LIMIT_BYTES || *height > snapshot.length() {
                break;
            }
            let block = block::at(node, &snapshot, *height)?;
            read_bytes += block.text().len();
            drawn.main.push(block::summary(node, &snapshot, &block)?);
        }
        Ok(drawn)
    })
    .await
}

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

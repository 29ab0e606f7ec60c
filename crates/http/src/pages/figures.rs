//! The blocks of the chain as the one figure: what a row of blocks, a branch, or a
//! block between its neighbours shows of each. How the figure looks, `block_figure.rs`
//! knows; which page shows it, is not known here.

use adit_api::block::BlockSummary;
use adit_core::block::Block;
use adit_core::json;
use adit_core::transaction::is_reward;
use adit_node::handle::NodeHandle;

use super::block_figure::{BlockFigure, BlockState, HashStrip, Link, Miner, PaymentLine};
use super::components::TransactionRow;
use super::format::{self, moment};

/// This many payments stand in a block of a row.
const PAYMENTS_SHOWN: usize = 4;

/// Returns a block as it stands in a row: its newest payments, and when it was made.
pub(super) fn figure(
    node: &NodeHandle,
    block: &Block,
    summary: &BlockSummary,
    state: BlockState,
) -> BlockFigure {
    let keeps_accounts = node.rules().keeps_accounts();
    let payment = |text| {
        let row = TransactionRow::of(String::new(), text, keeps_accounts);
        PaymentLine::of(&row)
    };
    // Rewards last: they tell the least.
    let (rewards, payments): (Vec<_>, Vec<_>) = block
        .transactions()
        .take(PAYMENTS_READ)
        .partition(|text| is_reward(text));
    let shown = payments.iter().chain(&rewards).take(PAYMENTS_SHOWN);
    let shown: Vec<_> = shown.map(|text| payment(text)).collect();
    let rest = summary.transaction_count.saturating_sub(shown.len());
    BlockFigure {
        more: (rest > 0).then(|| format!("and {} more", format::grouped(rest))),
        payments: shown,
        time: summary.time_ms.and_then(moment),
        ..bare(node, summary, state)
    }
}

/// Of a block's first transactions so many are looked at.
const PAYMENTS_READ: usize = 64;

/// Returns a block without what it holds.
pub(super) fn bare(node: &NodeHandle, summary: &BlockSummary, state: BlockState) -> BlockFigure {
    let previous = json::string(summary.previous_hash.get().as_bytes());
    let previous = previous.filter(|hash| hash.len() == 64 && summary.index > 1);
    let strip = |hash: &str, index: u64| match node.rules().keeps_accounts() && index > 1 {
        true => HashStrip::of_work(hash),
        false => HashStrip::of(hash),
    };
    BlockFigure {
        path: Some(format!("/block/{}", summary.hash)),
        miner: summary.reward_to.as_deref().map(Miner::named),
        previous: previous.map(|hash| strip(&hash, summary.index - 1)),
        hash: Some(strip(&summary.hash, summary.index)),
        ..BlockFigure::numbered(format::grouped(summary.index), state)
    }
}

/// Joins blocks that stand side by side, the oldest first.
pub(super) fn linked(blocks: &mut [BlockFigure], link: Link) {
    for block in blocks.iter_mut().skip(1) {
        block.link = Some(link);
    }
}

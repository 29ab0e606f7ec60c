//! `/block/{hash}`: one block, where it stands, and what of it is final.

use adit_api::block::BlockSummary;
use adit_core::rules::work;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::components::{BlockCard, TransactionRow, rows_of_block};
use super::format;
use super::layout::{Frame, OrPage, shown};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// This many transactions stand on one page.
const TRANSACTIONS_SHOWN: usize = 100;

/// This much of a text stands where a genesis block has its previous hash.
const PREVIOUS_CHARACTERS: usize = 80;

#[derive(Template)]
#[template(path = "block.html")]
struct BlockPage {
    frame: Frame,
    keeps_accounts: bool,
    card: BlockCard,
    previous_text: String,
    timestamp: String,
    next: Option<String>,
    on_main_chain: bool,
    finality: String,
    confirmations: String,
    size_bytes: String,
    proof: String,
    weight: String,
    total_weight: String,
    difficulty: Option<String>,
    target: Option<String>,
    rows: Vec<TransactionRow>,
    transactions_title: String,
    from: usize,
    more: Option<usize>,
}

/// Which of the transactions are shown.
#[derive(Deserialize)]
pub(super) struct Part {
    from: Option<usize>,
}

pub(super) async fn block(
    State(node): State<NodeHandle>,
    OrPage(Path(hash)): OrPage<Path<String>>,
    OrPage(Query(part)): OrPage<Query<Part>>,
) -> Response {
    let page = page(&node, &hash, part.from.unwrap_or(0));
    shown(&node, page.await)
}

async fn page(node: &NodeHandle, hash: &str, from: usize) -> Result<BlockPage, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let block = block::of_hash(node, &snapshot, hash).await?;
    let summary = block::summary(node, &snapshot, &block)?;
    let rows = rows_of_block(node, &block, from, TRANSACTIONS_SHOWN);
    let count = summary.transaction_count;
    let last = from.saturating_add(rows.len());
    let sealed = block.sealed().filter(|_| !block.is_genesis());
    let as_it_stands = |text: &str| format::visible(text, PREVIOUS_CHARACTERS);
    Ok(BlockPage {
        frame: Frame::of(node).here("blocks"),
        keeps_accounts: node.rules().keeps_accounts(),
        card: BlockCard::of(&summary),
        previous_text: as_it_stands(summary.previous_hash.get()),
        timestamp: summary
            .timestamp
            .as_ref()
            .map_or_else(|| "none".to_owned(), |text| as_it_stands(text.get())),
        finality: finality(&summary, node.rules().keeps_accounts()),
        confirmations: format::grouped(summary.confirmations),
        size_bytes: format::grouped(summary.size_bytes),
        proof: summary.proof.to_string(),
        weight: format::grouped(&summary.weight),
        total_weight: format::grouped(&summary.total_weight),
        difficulty: sealed.map(|sealed| format::grouped(work(sealed.header.target))),
        transactions_title: match (count, rows.len() < count) {
            (0 | 1, _) => format::count(count as u64, "transaction", "transactions"),
            (_, false) => format!("All {} transactions", format::grouped(count)),
            (_, true) => format!(
                "Transactions {} to {} of {}",
                format::grouped(from.saturating_add(1).min(count)),
                format::grouped(last.min(count)),
                format::grouped(count)
            ),
        },
        more: (last < count).then_some(last),
        from,
        rows,
        next: summary.next_hash,
        on_main_chain: summary.on_main_chain,
        target: summary.target,
    })
}

/// Returns what of the block can still change, in words.
fn finality(block: &BlockSummary, has_work: bool) -> String {
    if !block.on_main_chain {
        return "It is valid, but another branch won. Nothing in it counts, unless its own \
                branch becomes the heavier one."
            .to_owned();
    }
    let above = block.confirmations.saturating_sub(1);
    let cost = match has_work {
        true => "more work than they hold",
        false => "one block more, and under these rules that costs little",
    };
    match (block.index, above) {
        (1, 0) => "It is the first block, and the last so far.".to_owned(),
        (_, 0) => "It is the newest block. Nothing is final yet: another block at its place can \
                   still replace it."
            .to_owned(),
        (1, _) => format!(
            "It is the first block, with {} on it.",
            format::count(above, "block", "blocks")
        ),
        _ => format!(
            "With {} on it. To undo it, somebody must replace them all with {cost}.",
            format::count(above, "block", "blocks")
        ),
    }
}

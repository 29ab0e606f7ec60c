//! `/block/{hash}`: one block, where it stands, and what of it is final.

use adit_api::block::BlockSummary;
use adit_core::block::Block;
use adit_core::rules::{Sealed, work};
use adit_core::sealed::header_text;
use adit_node::handle::NodeHandle;
use adit_node::queries::{block, preimage, transaction};
use adit_store::Snapshot;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::block_card::BlockCard;
use super::block_figure::{BlockFigure, BlockState, Link};
use super::check::finding::Guessed;
use super::components::{Party, TransactionRow, rows_of_block};
use super::figures::{figure, linked};
use super::format;
use super::json_text::{self, JsonText};
use super::layout::{Frame, OrPage, shown};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// This many transactions stand on one page.
const TRANSACTIONS_SHOWN: usize = 100;

/// This much of what is hashed is shown; all of it is in the block's raw text.
const HASHED_LIMIT_BYTES: usize = 8 * 1024;

/// This many of those who own the first coins are named.
const ALLOCATIONS_SHOWN: usize = 20;

/// This much of a text stands where a genesis block has its previous hash.
const PREVIOUS_CHARACTERS: usize = 80;

#[derive(Template)]
#[template(path = "block.html")]
struct BlockPage {
    frame: Frame,
    keeps_accounts: bool,
    card: BlockCard,
    /// The block before, this one, and the next.
    figures: Vec<BlockFigure>,
    /// Whether the last of them is none that there is yet.
    is_last: bool,
    /// The zeros that its hash begins with, where they are work, and the rest.
    hash: (String, String),
    guess: Option<Guessed>,
    /// What is hashed of it.
    hashed: JsonText,
    /// Of the first block of a sealed chain: who owns its first coins.
    origin: Option<Origin>,
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

/// Where the coins of a sealed chain come from.
struct Origin {
    allocations: Vec<(Party, String)>,
    more: usize,
    reward: String,
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
    let mut rows = rows_of_block(node, &block, from, TRANSACTIONS_SHOWN);
    if !summary.on_main_chain {
        let ids = node.rules().transaction_ids(&block).into_iter();
        let ids: Vec<_> = ids.skip(from).take(rows.len()).collect();
        let known = transaction::known(node, ids.iter().copied().collect()).await?;
        for (row, id) in rows.iter_mut().zip(&ids) {
            row.has_page = known.contains(id);
        }
    }
    let count = summary.transaction_count;
    let last = from.saturating_add(rows.len());
    let sealed = block.sealed().filter(|_| !block.is_genesis());
    let hash = match sealed {
        Some(_) => format::zeros_first(&summary.hash),
        None => ("", summary.hash.as_str()),
    };
    let hash = (hash.0.to_owned(), hash.1.to_owned());
    let hashed = match block.sealed() {
        Some(_) => json_text::parts(&header_text(block.text()), HASHED_LIMIT_BYTES),
        None => json_text::parts(block.text(), HASHED_LIMIT_BYTES),
    };
    let guess = preimage::guess_of(node, &snapshot, &block)?;
    let as_it_stands = |text: &str| format::visible(text, PREVIOUS_CHARACTERS);
    Ok(BlockPage {
        frame: Frame::of(node).here("blocks"),
        keeps_accounts: node.rules().keeps_accounts(),
        card: BlockCard::of(&summary),
        figures: figures(node, &snapshot, &block, &summary).await?,
        is_last: summary.on_main_chain && summary.next_hash.is_none(),
        hash,
        hashed,
        guess: guess.map(Guessed::of),
        origin: origin(node, &block),
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
        target: summary.target.filter(|_| sealed.is_some()),
    })
}

/// Returns the block between its neighbours.
async fn figures(
    node: &NodeHandle,
    snapshot: &Snapshot,
    block: &Block,
    summary: &BlockSummary,
) -> Result<Vec<BlockFigure>, Problem> {
    let state = |one: &BlockSummary| match (one.on_main_chain, &one.next_hash) {
        (false, _) => BlockState::Dropped,
        (true, None) => BlockState::Tip,
        (true, Some(_)) => BlockState::Plain,
    };
    let mut all = Vec::new();
    let parent = block.parent().map(|parent| parent.to_string());
    for (hash, is_this) in [
        (parent.as_ref(), false),
        (Some(&summary.hash), true),
        (summary.next_hash.as_ref(), false),
    ] {
        let Some(hash) = hash else { continue };
        if is_this {
            all.push(BlockFigure {
                path: None,
                title: Some("this block".to_owned()),
                ..figure(node, block, summary, state(summary))
            });
            continue;
        }
        // A parent that is not kept is not shown.
        let Ok(block) = block::of_hash(node, snapshot, hash).await else {
            continue;
        };
        let summary = block::summary(node, snapshot, &block)?;
        all.push(figure(node, &block, &summary, state(&summary)));
    }
    let link = match summary.on_main_chain {
        true => Link::Whole,
        false => Link::Dashed,
    };
    linked(&mut all, link);
    Ok(all)
}

/// Returns where the coins come from, if this is the first block of a sealed chain.
fn origin(node: &NodeHandle, block: &Block) -> Option<Origin> {
    if !block.is_genesis() {
        return None;
    }
    let sealed = Sealed::new(node.rules().genesis_text()?).ok()?;
    let params = sealed.params();
    let shown = params.allocations.iter().take(ALLOCATIONS_SHOWN);
    Some(Origin {
        allocations: shown
            .map(|(owner, units)| (Party::named(&owner.to_string()), format::coins(*units)))
            .collect(),
        more: params.allocations.len().saturating_sub(ALLOCATIONS_SHOWN),
        reward: format::coins(params.reward),
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

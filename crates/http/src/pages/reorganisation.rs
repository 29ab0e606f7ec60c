//! `/reorg/{id}`: how the main chain went over to another branch: both of them,
//! what became of the dropped transactions, and which rule decided.

use adit_api::block::BlockSummary;
use adit_api::branch::{DroppedTransaction, Fate};
use adit_api::transaction::Place;
use adit_core::transaction::is_reward;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;
use adit_node::queries::branches::reorganisation;
use adit_node::queries::stored::read_hash;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::block_figure::{BlockFigure, BlockState, Link, PaymentLine};
use super::components::TransactionRow;
use super::figures::{bare, figure, linked};
use super::format::{self, Moment, moment};
use super::layout::{Frame, OrPage, shown};
use crate::extract::Path;
use crate::problem::Problem;

/// Of each of the two branches this many blocks are drawn, from the fork on.
const DRAWN_BLOCKS: usize = 6;

/// This many payments stand in a dropped block.
const PAYMENTS_SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "reorganisation.html")]
struct ReorganisationPage {
    frame: Frame,
    id: String,
    time: Option<Moment>,
    fork: Option<(String, String)>,
    rule: String,
    dropped_text: String,
    adopted_text: String,
    /// The last common block, and the first ones of both branches behind it.
    stem: Option<BlockFigure>,
    dropped: Vec<BlockFigure>,
    adopted: Vec<BlockFigure>,
    /// How many more each of them has.
    more_dropped: usize,
    more_adopted: usize,
    rewards: usize,
    fates: Vec<FateRow>,
    moved: usize,
    returned: usize,
    lost: usize,
    truncated: bool,
}

struct FateRow {
    row: TransactionRow,
    was: Place,
    fate: &'static str,
    now: Option<Place>,
}

pub(super) async fn reorganisation(
    State(node): State<NodeHandle>,
    OrPage(Path(id)): OrPage<Path<String>>,
) -> Response {
    shown(&node, page_of(&node, &id).await)
}

async fn page_of(node: &NodeHandle, id: &str) -> Result<ReorganisationPage, Problem> {
    let id = read_hash(id, "a reorganisation's id")?;
    let seen = reorganisation::details(node, id).await?;
    let keeps_accounts = node.rules().keeps_accounts();
    let count = |fate| {
        let those = seen.transactions.iter().filter(|one| one.fate == fate);
        those.count()
    };
    let blocks = |number| format::count(number, "block", "blocks");
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let tip = node.status().tip.map(|tip| tip.to_string());
    let mut adopted = Vec::new();
    for summary in seen.adopted.iter().take(DRAWN_BLOCKS) {
        let state = match Some(&summary.hash) == tip.as_ref() {
            true => BlockState::Tip,
            false => BlockState::Adopted,
        };
        let block = block::of_hash(node, &snapshot, &summary.hash).await?;
        adopted.push(figure(node, &block, summary, state));
    }
    let dropped = seen.dropped.iter().take(DRAWN_BLOCKS);
    let mut dropped: Vec<_> = dropped
        .map(|summary| dropped_figure(node, summary, &seen.transactions))
        .collect();
    let stem = match &seen.fork {
        Some(fork) => {
            let block = block::of_hash(node, &snapshot, &fork.hash).await?;
            let summary = block::summary(node, &snapshot, &block)?;
            Some(figure(node, &block, &summary, BlockState::Plain))
        }
        None => None,
    };
    linked(&mut adopted, Link::Whole);
    linked(&mut dropped, Link::Dashed);
    let rewards = seen
        .transactions
        .iter()
        .filter(|one| one.fate == Fate::Lost && is_reward(one.transaction.get().as_bytes()));
    Ok(ReorganisationPage {
        frame: Frame::of(node).here("forks"),
        time: moment(seen.time_ms),
        fork: seen
            .fork
            .as_ref()
            .map(|fork| (format::grouped(fork.index), fork.hash.clone())),
        rule: seen.rule.clone(),
        dropped_text: blocks(seen.dropped_count),
        adopted_text: blocks(seen.adopted_count),
        rewards: rewards.count(),
        more_dropped: seen.dropped.len().saturating_sub(DRAWN_BLOCKS),
        more_adopted: seen.adopted.len().saturating_sub(DRAWN_BLOCKS),
        stem,
        dropped,
        adopted,
        moved: count(Fate::Moved),
        returned: count(Fate::Returned),
        lost: count(Fate::Lost),
        fates: seen
            .transactions
            .iter()
            .map(|one| FateRow {
                row: TransactionRow::of(
                    one.id.clone(),
                    one.transaction.get().as_bytes(),
                    keeps_accounts,
                ),
                was: one.was.clone(),
                fate: match one.fate {
                    Fate::Moved => "→ moved: it stands in the new branch too",
                    Fate::Returned => "↩ returned: it waits again, or a later block took it",
                    Fate::Lost => "✗ lost: it is nowhere",
                },
                now: one.now.clone(),
            })
            .collect(),
        truncated: seen.truncated,
        id: seen.id,
    })
}

/// Returns a dropped block, whose payments say where they are now.
fn dropped_figure(
    node: &NodeHandle,
    summary: &BlockSummary,
    transactions: &[DroppedTransaction],
) -> BlockFigure {
    let keeps_accounts = node.rules().keeps_accounts();
    let here = transactions
        .iter()
        .filter(|one| one.was.block_hash == summary.hash);
    let lines: Vec<_> = here
        .take(PAYMENTS_SHOWN)
        .map(|one| {
            let text = one.transaction.get().as_bytes();
            let row = TransactionRow::of(one.id.clone(), text, keeps_accounts);
            let now = match (&one.now, one.fate) {
                (Some(now), _) => format!("→ block {}", format::grouped(now.block_index)),
                (None, Fate::Lost) => "gone for good".to_owned(),
                (None, _) => "→ waits again".to_owned(),
            };
            PaymentLine {
                now: Some(now),
                ..PaymentLine::of(&row)
            }
        })
        .collect();
    let rest = summary.transaction_count.saturating_sub(lines.len());
    BlockFigure {
        payments: lines,
        more: (rest > 0).then(|| format!("and {} more", format::grouped(rest))),
        ..bare(node, summary, BlockState::Dropped)
    }
}

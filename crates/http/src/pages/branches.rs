//! `/forks`: the branches beside the main chain, and when it went over to
//! another one.

mod tree;

use std::collections::HashMap;

use adit_api::branch::{BranchStatus, ChainTip, Reorganisation};
use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::branches as queries;
use adit_node::queries::branches::reorganisation;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use self::tree::{Cell, Fate, Side, What, cells, main_heights};
use super::format::{self, Moment, moment, short_hash};
use super::layout::{Frame, OrPage, own_port, shown};
use crate::extract::Query;
use crate::problem::Problem;

/// This many branches are drawn, the heaviest; all of them are in the table.
const DRAWN_BRANCHES: usize = 8;

/// This many branches are in the table.
const SHOWN_BRANCHES: usize = 100;

#[derive(Template)]
#[template(path = "branches.html")]
struct Branches {
    frame: Frame,
    has_work: bool,
    /// That of this node, for what is to be typed.
    port: String,
    /// The tree of blocks; empty if nothing lies beside the main chain.
    tree: Vec<Cell>,
    undrawn: usize,
    tips: Vec<TipRow>,
    hidden: usize,
    reorganisations: Vec<ReorganisationRow>,
    is_later_page: bool,
    next: Option<String>,
}

struct TipRow {
    hash: String,
    short_hash: String,
    /// Of the place where it leaves the main chain, where that is drawn.
    number: Option<usize>,
    index: String,
    is_main: bool,
    length: String,
    weight: String,
    fork: Option<(String, String)>,
}

struct ReorganisationRow {
    id: String,
    short_id: String,
    time: Option<Moment>,
    fork: Option<(String, String)>,
    dropped: String,
    adopted: String,
    old_tip: String,
    old_short: String,
    old_weight: String,
    new_weight: String,
}

pub(super) async fn branches(
    State(node): State<NodeHandle>,
    OrPage(Query(page)): OrPage<Query<Page>>,
    headers: HeaderMap,
) -> Response {
    let port = own_port(&headers).to_owned();
    shown(&node, page_of(&node, &page, port).await)
}

async fn page_of(node: &NodeHandle, page: &Page, port: String) -> Result<Branches, Problem> {
    let tips = queries::tips(node).await?.tips;
    let seen = reorganisation::list(node, page).await?;
    let beside = tips.len().saturating_sub(1);
    let drawn: Vec<&ChainTip> = tips.iter().skip(1).take(DRAWN_BRANCHES).collect();
    let sides = sides(&drawn, &seen.reorganisations);
    let tip_height = tips.first().map_or(0, |main| main.index);
    let tree = match sides.is_empty() {
        true => Vec::new(),
        false => {
            let heights = main_heights(tip_height, &sides);
            let blocks = queries::drawn(node, &heights, &drawn).await?;
            cells(node, tip_height, &sides, &blocks)
        }
    };
    let number = |at: usize| {
        let side = sides.get(at.checked_sub(1)?)?;
        (side.fork_height > 0).then_some(side.number)
    };
    Ok(Branches {
        frame: Frame::of(node).here("forks"),
        has_work: node.rules().keeps_accounts(),
        port,
        tree,
        undrawn: beside.saturating_sub(DRAWN_BRANCHES),
        hidden: tips.len().saturating_sub(SHOWN_BRANCHES + 1),
        tips: tips
            .iter()
            .take(SHOWN_BRANCHES + 1)
            .enumerate()
            .map(|(at, tip)| row(tip, number(at)))
            .collect(),
        reorganisations: seen
            .reorganisations
            .iter()
            .map(reorganisation_row)
            .collect(),
        is_later_page: page.cursor.is_some(),
        next: seen.next,
    })
}

/// Returns the branches that are drawn. Those that leave the main chain at the same
/// block have the same number; the numbers follow the heights.
fn sides(drawn: &[&ChainTip], seen: &[Reorganisation]) -> Vec<Side> {
    let fork_height = |tip: &ChainTip| tip.fork.as_ref().map_or(0, |fork| fork.index);
    let forks = drawn.iter().map(|tip| fork_height(tip));
    let mut forks: Vec<u64> = forks.filter(|height| *height > 0).collect();
    forks.sort_unstable();
    forks.dedup();
    let dropped: HashMap<&str, u64> = seen
        .iter()
        .map(|seen| (seen.old_tip.hash.as_str(), seen.time_ms))
        .collect();
    let side = |tip: &&ChainTip| Side {
        fork_height: fork_height(tip),
        tip_height: tip.index,
        number: forks.partition_point(|height| *height < fork_height(tip)) + 1,
        fate: match dropped.get(tip.hash.as_str()) {
            Some(time_ms) => Fate::Dropped(moment(*time_ms)),
            None => Fate::NeverCounted,
        },
    };
    drawn.iter().map(side).collect()
}

fn row(tip: &ChainTip, number: Option<usize>) -> TipRow {
    TipRow {
        number,
        short_hash: short_hash(&tip.hash),
        hash: tip.hash.clone(),
        index: format::grouped(tip.index),
        is_main: tip.status == BranchStatus::Active,
        length: format::count(tip.branch_length, "block", "blocks"),
        weight: format::grouped(&tip.total_weight),
        fork: tip
            .fork
            .as_ref()
            .map(|fork| (format::grouped(fork.index), fork.hash.clone())),
    }
}

fn reorganisation_row(seen: &Reorganisation) -> ReorganisationRow {
    ReorganisationRow {
        id: seen.id.clone(),
        short_id: short_hash(&seen.id),
        time: moment(seen.time_ms),
        fork: seen
            .fork
            .as_ref()
            .map(|fork| (format::grouped(fork.index), fork.hash.clone())),
        dropped: format::grouped(seen.dropped_count),
        adopted: format::grouped(seen.adopted_count),
        old_short: short_hash(&seen.old_tip.hash),
        old_tip: seen.old_tip.hash.clone(),
        old_weight: format::grouped(&seen.old_tip.total_weight),
        new_weight: format::grouped(&seen.new_tip.total_weight),
    }
}

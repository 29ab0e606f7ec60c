//! `/forks`: the branches beside the main chain, and when it went over to
//! another one.

use adit_api::branch::{BranchStatus, ChainTip, Reorganisation};
use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::branches as queries;
use adit_node::queries::branches::reorganisation;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::format::{self, Moment, moment, short_hash};
use super::layout::{Frame, OrPage, shown};
use crate::charts::{Branch, Tree};
use crate::extract::Query;
use crate::problem::Problem;

/// This many branches are drawn, the heaviest; all of them are in the table.
const DRAWN_BRANCHES: usize = 12;

/// This many branches are in the table.
const SHOWN_BRANCHES: usize = 100;

#[derive(Template)]
#[template(path = "branches.html")]
struct Branches {
    frame: Frame,
    has_work: bool,
    tree: Option<String>,
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
) -> Response {
    shown(&node, page_of(&node, &page).await)
}

async fn page_of(node: &NodeHandle, page: &Page) -> Result<Branches, Problem> {
    let tips = queries::tips(node).await?.tips;
    let seen = reorganisation::list(node, page).await?;
    let beside = tips.len().saturating_sub(1);
    Ok(Branches {
        frame: Frame::of(node).here("forks"),
        has_work: node.rules().keeps_accounts(),
        tree: tree(&tips),
        undrawn: beside.saturating_sub(DRAWN_BRANCHES),
        hidden: tips.len().saturating_sub(SHOWN_BRANCHES + 1),
        tips: tips.iter().take(SHOWN_BRANCHES + 1).map(row).collect(),
        reorganisations: seen
            .reorganisations
            .iter()
            .map(reorganisation_row)
            .collect(),
        is_later_page: page.cursor.is_some(),
        next: seen.next,
    })
}

fn tree(tips: &[ChainTip]) -> Option<String> {
    let (main, sides) = tips.split_first()?;
    let drawn = &sides[..sides.len().min(DRAWN_BRANCHES)];
    let tree = Tree {
        main: branch(main),
        sides: drawn.iter().map(branch).collect(),
    };
    (!sides.is_empty()).then(|| tree.svg())
}

fn branch(tip: &ChainTip) -> Branch {
    Branch {
        fork_height: tip.fork.as_ref().map_or(0, |fork| fork.index),
        tip_height: tip.index,
        label: format!("{} · {}", format::grouped(tip.index), short_hash(&tip.hash)),
        path: format!("/block/{}", tip.hash),
    }
}

fn row(tip: &ChainTip) -> TipRow {
    TipRow {
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

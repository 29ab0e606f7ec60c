//! `/reorg/{id}`: how the main chain went over to another branch: both of them,
//! what became of the dropped transactions, and which rule decided.

use adit_api::branch::Fate;
use adit_api::transaction::Place;
use adit_node::handle::NodeHandle;
use adit_node::queries::branches::reorganisation;
use adit_node::queries::stored::read_hash;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::components::{BlockCard, TransactionRow};
use super::format::{self, Moment, moment};
use super::layout::{Frame, OrPage, shown};
use crate::extract::Path;
use crate::problem::Problem;

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
    old_weight: String,
    new_weight: String,
    dropped: Vec<BlockCard>,
    adopted: Vec<BlockCard>,
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
        old_weight: format::grouped(&seen.old_tip.total_weight),
        new_weight: format::grouped(&seen.new_tip.total_weight),
        dropped: seen.dropped.iter().map(BlockCard::of).collect(),
        adopted: seen.adopted.iter().map(BlockCard::of).collect(),
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

//! `/pending`: the transactions that wait, in the order in which blocks take
//! them along.

use adit_api::page::Page;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::layout::{Frame, shown};
use super::parts::TransactionRow;
use super::words;
use crate::extract::Query;
use crate::problem::Problem;
use adit_node::handle::NodeHandle;
use adit_node::queries::mempool;

#[derive(Template)]
#[template(path = "pending.html")]
struct Pending {
    frame: Frame,
    keeps_accounts: bool,
    count: String,
    rows: Vec<TransactionRow>,
    is_later_page: bool,
    next: Option<String>,
}

pub(super) async fn pending(
    State(node): State<NodeHandle>,
    page: Result<Query<Page>, Problem>,
) -> Response {
    let page = match page {
        Ok(Query(page)) => page_of(&node, &page).await,
        Err(problem) => Err(problem),
    };
    shown(&node, page)
}

async fn page_of(node: &NodeHandle, page: &Page) -> Result<Pending, Problem> {
    let found = mempool::mempool(node, page).await?;
    let keeps_accounts = node.rules().keeps_accounts();
    let rows = found.transactions.into_iter();
    Ok(Pending {
        frame: Frame::of(node).here("pending"),
        keeps_accounts,
        count: words::count(found.count as u64, "transaction waits", "transactions wait"),
        rows: rows
            .map(|one| TransactionRow::listed(one, keeps_accounts))
            .collect(),
        is_later_page: page.cursor.is_some(),
        next: found.next,
    })
}

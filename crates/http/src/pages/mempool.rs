//! `/pending`: the transactions that wait, in the order in which blocks take
//! them along.

use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::mempool;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::components::TransactionRow;
use super::format;
use super::layout::{Frame, OrPage, shown};
use crate::extract::Query;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "mempool.html")]
struct Mempool {
    frame: Frame,
    keeps_accounts: bool,
    count: String,
    rows: Vec<TransactionRow>,
    is_later_page: bool,
    next: Option<String>,
}

pub(super) async fn mempool(
    State(node): State<NodeHandle>,
    OrPage(Query(page)): OrPage<Query<Page>>,
) -> Response {
    shown(&node, page_of(&node, &page).await)
}

async fn page_of(node: &NodeHandle, page: &Page) -> Result<Mempool, Problem> {
    let found = mempool::mempool(node, page).await?;
    let keeps_accounts = node.rules().keeps_accounts();
    let rows = found.transactions.into_iter();
    Ok(Mempool {
        frame: Frame::of(node).here("pending"),
        keeps_accounts,
        count: format::count(found.count as u64, "transaction waits", "transactions wait"),
        rows: rows
            .map(|one| TransactionRow::listed(one, keeps_accounts))
            .collect(),
        is_later_page: page.cursor.is_some(),
        next: found.next,
    })
}

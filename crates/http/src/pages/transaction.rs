//! `/tx/{id}`: one transaction, and where it stands.

use adit_api::page::Page;
use adit_api::transaction::Place;
use adit_core::json::{integer, member};
use adit_node::handle::NodeHandle;
use adit_node::queries::stored::read_hash;
use adit_node::queries::transaction;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::components::TransactionRow;
use super::format;
use super::layout::{Frame, OrPage, shown};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// This much of its text is shown; all of it is in the block's raw text.
const TEXT_CHARACTERS: usize = 8_192;

#[derive(Template)]
#[template(path = "transaction.html")]
struct TransactionPage {
    frame: Frame,
    keeps_accounts: bool,
    row: TransactionRow,
    nonce: Option<u64>,
    text: String,
    block_index: Option<String>,
    block_hash: Option<String>,
    position: String,
    confirmations: u64,
    confirmations_text: String,
    places: Vec<Place>,
    next: Option<String>,
}

pub(super) async fn transaction(
    State(node): State<NodeHandle>,
    OrPage(Path(id)): OrPage<Path<String>>,
    OrPage(Query(page)): OrPage<Query<Page>>,
) -> Response {
    shown(&node, page_of(&node, &id, &page).await)
}

async fn page_of(node: &NodeHandle, id: &str, page: &Page) -> Result<TransactionPage, Problem> {
    let id = read_hash(id, "a transaction's id")?;
    let found = transaction::details(node, id, page).await?;
    let text = found.transaction.get();
    let keeps_accounts = node.rules().keeps_accounts();
    Ok(TransactionPage {
        frame: Frame::of(node),
        keeps_accounts,
        row: TransactionRow::of(found.id, text.as_bytes(), keeps_accounts),
        nonce: member(text.as_bytes(), "nonce").and_then(integer),
        text: format::visible(text, TEXT_CHARACTERS),
        block_index: found.block_index.map(format::grouped),
        block_hash: found.block_hash,
        position: found.position.map(format::grouped).unwrap_or_default(),
        confirmations: found.confirmations,
        confirmations_text: format::count(found.confirmations, "confirmation", "confirmations"),
        places: found.places,
        next: found.next,
    })
}

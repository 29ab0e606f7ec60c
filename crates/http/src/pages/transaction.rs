//! `/tx/{id}`: one transaction, and where it stands.

mod ladder;

use adit_api::page::Page;
use adit_api::transaction::Place;
use adit_core::hash::Hash;
use adit_core::json::{integer, member, string};
use adit_core::merkle;
use adit_node::handle::NodeHandle;
use adit_node::queries::stored::read_hash;
use adit_node::queries::transaction;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use self::ladder::{Ladder, ladder};
use super::components::TransactionRow;
use super::format;
use super::json_text::{self, JsonText};
use super::layout::{Frame, OrPage, shown};
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// This much of its text is shown; all of it is in the block's raw text.
const TEXT_LIMIT_BYTES: usize = 8 * 1024;

#[derive(Template)]
#[template(path = "transaction.html")]
struct TransactionPage {
    frame: Frame,
    keeps_accounts: bool,
    row: TransactionRow,
    nonce: Option<u64>,
    text: JsonText,
    /// The way to its block's Merkle root, where its chain has one.
    ladder: Option<Ladder>,
    /// The hash of the file that it is a notary's word for.
    notarised: Option<String>,
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
    let is_confirmed = keeps_accounts && found.block_index.is_some();
    let ladder = match is_confirmed {
        true => {
            let confirmed = transaction::confirmed(node, id).await?;
            let leaves: Vec<_> = confirmed.block.transactions().map(merkle::leaf).collect();
            ladder(&leaves, confirmed.position as usize)
        }
        false => None,
    };
    Ok(TransactionPage {
        ladder,
        notarised: notarised(text.as_bytes()),
        frame: Frame::of(node),
        keeps_accounts,
        row: TransactionRow::of(found.id, text.as_bytes(), keeps_accounts),
        nonce: member(text.as_bytes(), "nonce").and_then(integer),
        text: json_text::parts(text.as_bytes(), TEXT_LIMIT_BYTES),
        block_index: found.block_index.map(format::grouped),
        block_hash: found.block_hash,
        position: found.position.map(format::grouped).unwrap_or_default(),
        confirmations: found.confirmations,
        confirmations_text: format::count(found.confirmations, "confirmation", "confirmations"),
        places: found.places,
        next: found.next,
    })
}

/// Returns the hash of a file, if the transaction holds one as `adit notarize` writes it.
fn notarised(text: &[u8]) -> Option<String> {
    let data = member(text, "data").and_then(string)?;
    let hash = data.strip_prefix("sha256:")?;
    Hash::from_hex(hash.as_bytes()).map(|hash| hash.to_string())
}

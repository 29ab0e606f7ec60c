//! `/api/v1/chain-tips` and `/api/v1/reorgs`: the branches that there are, and
//! how the main chain went from one to another.

use adit_api::branch::{ChainTips, ReorganisationDetails, ReorganisationList};
use adit_api::page::Page;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use crate::etag::json_by_content;
use crate::extract::{Path, Query};
use crate::link::next_page;
use crate::problem::Problem;
use adit_node::handle::NodeHandle;
use adit_node::queries::branches;
use adit_node::queries::branches::reorganisation;
use adit_node::queries::stored::read_hash;

/// The ends of the main chain and of the branches beside it.
#[utoipa::path(get, path = "/api/v1/chain-tips", tag = "branches", operation_id = "listChainTips",
    responses((status = 200, description = "The main chain's first", body = ChainTips),
        (status = 304, description = "It is the same")))]
pub(super) async fn chain_tips(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_by_content(&headers, (), &branches::tips(&node).await?)
}

/// The reorganisations that were seen, the newest first.
#[utoipa::path(get, path = "/api/v1/reorgs", tag = "branches", operation_id = "listReorganisations",
    params(Page),
    responses((status = 200, description = "A page of them", body = ReorganisationList),
        (status = 304, description = "It is the same")))]
pub(super) async fn reorganisations(
    State(node): State<NodeHandle>,
    Query(page): Query<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = reorganisation::list(&node, &page).await?;
    let link = next_page(&uri, &page, list.next.as_ref());
    json_by_content(&headers, link, &list)
}

/// A reorganisation, and what became of the transactions in the dropped blocks.
#[utoipa::path(get, path = "/api/v1/reorgs/{id}", tag = "branches", operation_id = "getReorganisation",
    params(("id" = String, Path, description = "The hash of the new tip")),
    responses((status = 200, description = "The reorganisation", body = ReorganisationDetails),
        (status = 304, description = "It is the same")))]
pub(super) async fn reorganisation(
    State(node): State<NodeHandle>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let new_tip = read_hash(&id, "a reorganisation's id")?;
    let details = reorganisation::details(&node, new_tip).await?;
    json_by_content(&headers, (), &details)
}

//! `/api/v1/address/...`: what somebody owns, and where they are named. Who they
//! are to the chain, the queries say.

use adit_api::address::{AddressState, AddressTransactions};
use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::address;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use crate::etag::json_by_content;
use crate::extract::{Path, Query};
use crate::link::next_page;
use crate::problem::Problem;

/// What somebody owns, what of it is about to be spent, and how many
/// transactions name them.
#[utoipa::path(get, path = "/api/v1/address/{address}", tag = "addresses", operation_id = "getAddress",
    params(("address" = String, Path, description = "Who: any name under the classic rules")),
    responses((status = 200, description = "What is known of it", body = AddressState),
        (status = 304, description = "It is the same")))]
pub(super) async fn address(
    State(node): State<NodeHandle>,
    Path(address): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = address::address(&node, &address).await?;
    json_by_content(&headers, (), &state)
}

/// The transactions in which somebody is named, the newest first.
#[utoipa::path(get, path = "/api/v1/address/{address}/txs", tag = "addresses",
    operation_id = "listAddressTransactions",
    params(("address" = String, Path, description = "Who: any name under the classic rules"), Page),
    responses((status = 200, description = "A page of them", body = AddressTransactions),
        (status = 304, description = "It is the same")))]
pub(super) async fn transactions(
    State(node): State<NodeHandle>,
    Path(address): Path<String>,
    Query(page): Query<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = address::transactions(&node, &address, &page).await?;
    let link = next_page(&uri, &page, list.next.as_ref());
    json_by_content(&headers, link, &list)
}

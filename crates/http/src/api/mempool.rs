//! `GET /api/v1/mempool`: what waits for a block.

use adit_api::mempool::MempoolPage;
use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::mempool;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use crate::etag::json_by_content;
use crate::extract::Query;
use crate::link::next_page;
use crate::problem::Problem;

/// The transactions that wait, in the order in which blocks take them along.
#[utoipa::path(get, path = "/api/v1/mempool", tag = "transactions", operation_id = "listPending",
    params(Page),
    responses((status = 200, description = "A page of them", body = MempoolPage),
        (status = 304, description = "The page is the same")))]
pub(super) async fn mempool(
    State(node): State<NodeHandle>,
    Query(page): Query<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mempool = mempool::mempool(&node, &page).await?;
    let link = next_page(&uri, &page, mempool.next.as_ref());
    json_by_content(&headers, link, &mempool)
}

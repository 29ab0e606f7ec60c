//! `POST /api/v1/blocks`: anybody may offer a block. Whether it is taken, the core
//! decides.

use adit_api::offer::Offered;
use adit_core::block::BLOCK_LIMIT_BYTES;
use adit_node::commands::submit_block::submit_block;
use adit_node::handle::NodeHandle;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;

use crate::body::read_json;
use crate::form_body::RawJson;
use crate::problem::Problem;

/// Offers a block: any JSON text of it.
#[utoipa::path(post, path = "/api/v1/blocks", tag = "blocks", operation_id = "offerBlock", request_body = ref("#/components/schemas/NewBlock"),
    responses((status = 200, description = "It was taken, or known", body = Offered),
        (status = 400, description = "A problem document: `rule` names what does not hold")))]
pub(super) async fn offer(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Offered>, Problem> {
    // A client that only says that a block will come takes nobody's place.
    let body = read_json(body, BLOCK_LIMIT_BYTES, RawJson::BLOCK, &headers).await?;
    Ok(Json(submit_block(&node, body).await?))
}

//! `POST /api/v1/mine`: makes a block. `GET /mine` is the tutorial's.

use adit_api::block::BlockSummary;
use axum::Json;
use axum::extract::State;

use crate::problem::Problem;
use adit_node::commands::mine;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;

/// Makes a block of what waits, and answers when it is found.
#[utoipa::path(post, path = "/api/v1/mine", tag = "blocks", operation_id = "mineBlock",
    responses((status = 200, description = "The new block", body = BlockSummary),
        (status = 409, description = "Nobody could be rewarded for it")))]
pub(super) async fn mine(State(node): State<NodeHandle>) -> Result<Json<BlockSummary>, Problem> {
    let block = mine::mine(&node).await?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    Ok(Json(block::summary(&node, &snapshot, &block)?))
}

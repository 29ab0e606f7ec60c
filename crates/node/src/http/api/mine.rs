//! `POST /api/v1/mine`: makes a block. `GET /mine` is the tutorial's.

use adit_api::block::BlockSummary;
use axum::Json;
use axum::extract::State;

use crate::driver::NodeHandle;
use crate::explorer::mine;
use crate::explorer::problem::Problem;

/// Makes a block of what waits, and answers when it is found.
#[utoipa::path(post, path = "/api/v1/mine", tag = "blocks", operation_id = "mineBlock",
    responses((status = 200, description = "The new block", body = BlockSummary),
        (status = 409, description = "Nobody could be rewarded for it")))]
pub(super) async fn mine(State(node): State<NodeHandle>) -> Result<Json<BlockSummary>, Problem> {
    mine::mine(&node).await.map(Json)
}

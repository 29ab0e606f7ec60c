//! What only a development chain does: `POST /api/v1/dev/reset` starts it over.

use adit_api::status::Reset;
use adit_node::commands::rewind::rewind;
use adit_node::handle::NodeHandle;
use axum::Json;
use axum::extract::State;

use crate::problem::Problem;

/// Begins a development chain anew.
#[utoipa::path(post, path = "/api/v1/dev/reset", tag = "development", operation_id = "resetChain",
    responses((status = 200, description = "The chain is its genesis block again", body = Reset),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn reset(State(node): State<NodeHandle>) -> Result<Json<Reset>, Problem> {
    rewind(&node).await?;
    Ok(Json(Reset {
        length: node.status().length,
    }))
}

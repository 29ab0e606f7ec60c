//! What only a development chain does: `POST /api/v1/dev/reset` begins it anew.

use adit_api::status::Reset;
use adit_core::node::Answer;
use axum::Json;
use axum::extract::State;

use crate::driver::{NodeHandle, Request};
use crate::explorer::problem::Problem;

/// Begins a development chain anew.
#[utoipa::path(post, path = "/api/v1/dev/reset", tag = "development", operation_id = "resetChain",
    responses((status = 200, description = "The chain is its genesis block again", body = Reset),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn reset(State(node): State<NodeHandle>) -> Result<Json<Reset>, Problem> {
    if !node.is_development() {
        return Err(Problem::not_here(
            "only a development chain can begin anew (`adit dev`); this one keeps what it has",
        ));
    }
    match node.request(Request::Rewind).await? {
        Answer::Rewound => Ok(Json(Reset {
            length: node.view().length,
        })),
        _ => Err(Problem::busy("the chain was not begun anew; try again")),
    }
}

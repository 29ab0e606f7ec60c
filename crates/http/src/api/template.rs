//! `GET /api/v1/template`: what a miner outside the node works on. What it finds comes
//! in as any block does.

use adit_api::template::{Template, TemplateOwner};
use adit_node::handle::NodeHandle;
use adit_node::queries::template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

use crate::answer::json_bytes;
use crate::extract::Query;
use crate::problem::Problem;

/// The next block but for its proof: hand it in with one.
#[utoipa::path(get, path = "/api/v1/template", tag = "blocks", operation_id = "getTemplate", params(TemplateOwner),
    responses((status = 200, description = "What to search, and what becomes the block", body = Template)))]
pub(super) async fn template(
    State(node): State<NodeHandle>,
    Query(owner): Query<TemplateOwner>,
) -> Result<Response, Problem> {
    let text = template::template(&node, &owner.reward_to).await?;
    let answer = json_bytes(StatusCode::OK, text);
    Ok(([(CACHE_CONTROL, "no-store")], answer).into_response())
}

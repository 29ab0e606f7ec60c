//! `GET /api/v1/stats`: how the chain has grown lately.

use adit_api::stats::{Stats, Window};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::etag::{Tag, if_changed};
use crate::extract::Query;
use crate::problem::Problem;
use adit_node::handle::NodeHandle;
use adit_node::queries::stats;

/// How the chain has grown lately.
#[utoipa::path(get, path = "/api/v1/stats", tag = "chain", operation_id = "getStats",
    params(Window),
    responses((status = 200, description = "The last blocks, and what they say together", body = Stats),
        (status = 304, description = "The tip and what is known of those that wait are the same")))]
pub(super) async fn stats(
    State(node): State<NodeHandle>,
    Query(window): Query<Window>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let Tag(tip) = Tag::of_tip(&snapshot);
    // Read once: what the tag names is what the answer says.
    let pending = node.view().pending_count;
    let samples = node.pool_record().samples();
    let sampled_ms = samples.last().map_or(0, |last| last.time_ms);
    let tag = Tag(format!("{tip}-{pending}-{sampled_ms:x}"));
    if let Some(unchanged) = if_changed(&headers, &tag) {
        return Ok(unchanged);
    }
    let stats = stats::stats(&node, snapshot, pending, window).await?;
    Ok((tag, Json(stats)).into_response())
}

//! `GET /health/live` and `/health/ready`: whether the process answers, and
//! whether the node behind it takes anything in. What keeps it busy is not known
//! here.

use std::time::Duration;

use adit_node::handle::NodeHandle;
use axum::extract::State;
use tokio::time::timeout;

use crate::problem::Problem;

/// A node that does not come to an answer within this time is not ready.
pub(super) const READY_TIMEOUT_MS: u64 = 2_000;

/// Whether the process answers. It says nothing else, and waits for nothing.
#[utoipa::path(get, path = "/health/live", tag = "operations", operation_id = "isLive",
    responses((status = 200, description = "It does", body = String)))]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Whether the node takes transactions and blocks: it does not while it takes in
/// a long branch, or stops.
#[utoipa::path(get, path = "/health/ready", tag = "operations", operation_id = "isReady",
    responses((status = 200, description = "It does", body = String)))]
pub(super) async fn ready(State(node): State<NodeHandle>) -> Result<&'static str, Problem> {
    let limit = Duration::from_millis(READY_TIMEOUT_MS);
    match timeout(limit, node.inspect(|_| ())).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(stopping)) => Err(Problem::not_ready(stopping)),
        Err(_) => Err(Problem::not_ready(format!(
            "the node has been at something else for {READY_TIMEOUT_MS} ms"
        ))),
    }
}

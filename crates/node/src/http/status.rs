//! `GET /api/v1/status`: how the node is, in a few numbers.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::driver::NodeHandle;

/// The body of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version of adit.
    pub version: String,
    /// The rules of the chain.
    pub rules: String,
    /// The number of blocks.
    pub length: u64,
    /// The hash of the last block.
    pub tip: String,
    /// The number of transactions that wait for a block.
    pub pending: usize,
    /// The registered nodes.
    pub nodes: Vec<String>,
}

pub(super) async fn status(State(node): State<NodeHandle>) -> Json<Status> {
    let view = node.view();
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_string(),
        rules: node.rules().name().to_string(),
        length: view.length,
        tip: view.tip.map(|tip| tip.to_string()).unwrap_or_default(),
        pending: view.pending_count,
        nodes: view.peers.clone(),
    })
}

//! `GET /api/v1/status`: how the node is, in a few numbers.

use adit_api::status::{ChainStatus, MiningStatus, Status};
use adit_core::rules::Rules;
use axum::Json;
use axum::extract::State;

use adit_node::handle::NodeHandle;

/// How the node is, in a few numbers.
#[utoipa::path(get, path = "/api/v1/status", tag = "node", operation_id = "getStatus",
    responses((status = 200, description = "The node", body = Status)))]
pub(super) async fn status(State(node): State<NodeHandle>) -> Json<Status> {
    let view = node.view();
    let mining = node.mining();
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_string(),
        rules: node.rules().name().to_string(),
        chain: chain_of(node.rules().as_ref()),
        length: view.length,
        tip: view.tip.map(|tip| tip.to_string()).unwrap_or_default(),
        pending: view.pending_count,
        min_fee_rate: node.min_fee_rate().map(|rate| rate.0),
        nodes: view.peers.clone(),
        mining: MiningStatus {
            searching: mining.is_searching,
            kernel: mining.kernel.name().to_string(),
            threads: mining.threads,
            guesses: mining.guesses,
            guesses_per_s: mining.guesses_per_s,
        },
    })
}

fn chain_of(rules: &dyn Rules) -> Option<ChainStatus> {
    let chain = rules.chain()?;
    Some(ChainStatus {
        id: chain.id.to_string(),
        name: chain.name.to_string(),
        genesis: chain.genesis.to_string(),
    })
}

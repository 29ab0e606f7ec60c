//! `GET /api/v1/status`: how the node is, in a few numbers.

use adit_api::status::{ChainStatus, MiningStatus, P2pStatus, Status};
use adit_core::rules::Rules;
use adit_node::handle::NodeHandle;
use adit_node::p2p_view::P2pView;
use axum::Json;
use axum::extract::State;

/// How the node is, in a few numbers.
#[utoipa::path(get, path = "/api/v1/status", tag = "node", operation_id = "getStatus",
    responses((status = 200, description = "The node", body = Status)))]
pub(super) async fn status(State(node): State<NodeHandle>) -> Json<Status> {
    let view = node.status();
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
        p2p: node.p2p().map(p2p_of),
        mining: MiningStatus {
            searching: mining.is_searching,
            kernel: mining.kernel.name().to_string(),
            threads: mining.threads,
            guesses: mining.guesses,
            guesses_per_s: mining.guesses_per_s,
        },
    })
}

fn p2p_of(p2p: &P2pView) -> P2pStatus {
    P2pStatus {
        id: p2p.name(),
        port: p2p.port(),
        addresses: p2p.addresses().iter().map(ToString::to_string).collect(),
        chain: p2p.chain().to_owned(),
    }
}

fn chain_of(rules: &dyn Rules) -> Option<ChainStatus> {
    let chain = rules.chain()?;
    Some(ChainStatus {
        id: chain.id.to_string(),
        name: chain.name.to_string(),
        genesis: chain.genesis.to_string(),
    })
}

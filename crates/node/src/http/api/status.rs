//! `GET /api/v1/status`: how the node is, in a few numbers.

use adit_core::rules::Rules;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::driver::NodeHandle;

/// The body of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The version of adit.
    pub version: String,
    /// The rules of the chain.
    pub rules: String,
    /// Which chain it is, where the rules are those of one.
    pub chain: Option<ChainStatus>,
    /// The number of blocks.
    pub length: u64,
    /// The hash of the last block.
    pub tip: String,
    /// The number of transactions that wait for a block.
    pub pending: usize,
    /// The lowest fee with which a transaction is taken, in base units for 1,000
    /// bytes of its canonical text, rounded up; null where the rules know no
    /// fees.
    #[serde(default)]
    pub min_fee_rate: Option<u64>,
    /// The registered nodes.
    pub nodes: Vec<String>,
    /// How blocks are made here.
    pub mining: MiningStatus,
}

/// Which chain it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChainStatus {
    /// What transactions for it name: 16 hex digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The hash of its genesis block.
    pub genesis: String,
}

/// How blocks are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MiningStatus {
    /// Whether a proof is being searched at this moment.
    pub searching: bool,
    /// The kernel that searches.
    pub kernel: String,
    /// On so many cores.
    pub threads: usize,
    /// The number of guesses since the start.
    pub guesses: u64,
    /// The number of guesses a second, over the last seconds of searching.
    pub guesses_per_s: f64,
}

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

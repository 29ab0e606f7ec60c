//! `GET /mine`: a block, told as the tutorial tells it. How one is found is not
//! known here.

use adit_core::block::Block;
use adit_node::commands::mine::{self, NotMined};
use adit_node::handle::NodeHandle;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::answer::{busy, json_text, nobody_to_reward};

pub(super) async fn mine(State(node): State<NodeHandle>) -> Response {
    match mine::mine(&node).await {
        Ok(block) => json_text(StatusCode::OK, forged(&block)),
        Err(NotMined::NobodyToReward) => nobody_to_reward(),
        Err(error) => busy(error),
    }
}

/// Returns the tutorial's answer to `/mine`, made of the block's own bytes.
fn forged(block: &Block) -> Vec<u8> {
    let start = format!(
        "{{\"index\": {}, \"message\": \"New Block Forged\", \"previous_hash\": ",
        block.height()
    );
    let proof = format!(", \"proof\": {}, \"transactions\": ", block.proof());
    [
        start.as_bytes(),
        block.previous_hash(),
        proof.as_bytes(),
        block.transactions_text(),
        b"}",
    ]
    .concat()
}

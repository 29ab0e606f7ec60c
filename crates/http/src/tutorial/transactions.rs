//! `POST /transactions/new`: takes a transaction, and tells in the tutorial's
//! words in which block it may come to stand. Whether it is valid, the rules say.

use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use adit_node::commands::submit::{self, Accepted, Rejected};
use adit_node::handle::NodeHandle;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::answer::{bad_request, busy, json_text};
use crate::body::read_json;
use crate::form_body::RawJson;

pub(super) async fn new(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let wanted = RawJson::transaction("/transactions/new", node.rules().keeps_accounts());
    let body = match read_json(body, TRANSACTION_LIMIT_BYTES, wanted, &headers).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    match submit::submit_as_tutorial(&node, &body).await {
        Ok(accepted) => json_text(StatusCode::CREATED, said_of(&accepted)),
        Err(error @ (Rejected::Invalid(_) | Rejected::Rejected(_))) => bad_request(error),
        Err(error @ (Rejected::MempoolFull(_) | Rejected::Stopping(_))) => busy(error),
    }
}

/// Returns the tutorial's answer to `/transactions/new`, with the identity where
/// the rules give one.
fn said_of(accepted: &Accepted) -> Vec<u8> {
    let message = accepted.message();
    let id = match accepted.is_id_of_rules {
        true => format!("\"id\": \"{}\", ", accepted.id),
        false => String::new(),
    };
    format!("{{{id}\"message\": \"{message}\"}}").into_bytes()
}

//! The five endpoints of the tutorial, with its bodies and status codes. Where
//! the Python node crashes, hangs or lies, the answer says what was wrong.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::Block;
use adit_core::node::Answer;
use adit_core::peer::{REGISTRATION_LIMIT_BYTES, read_registration};
use adit_core::sync::PeerReport;
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use adit_store::Snapshot;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::{Value, json};

use super::answer::{
    bad_request, busy, json_text, method_not_allowed, nobody_to_reward, unreadable,
};
use super::body::read_body;
use super::caller::Caller;
use super::chain_body::chain_body;
use super::etag::is_known;
use super::tier::{Route, Tier};
use super::{INSTANCE_HEADER, NODE_HEADER};
use crate::driver::{NodeHandle, Request, Stopping};
use crate::explorer::mine::held_up_text;
use crate::view::View;

/// `GET /nodes/resolve` waits this long for the peers; those that are still
/// being read then go on in the background.
const RESOLVE_TIMEOUT_MS: u64 = 45_000;

/// So long before that, the node is told to answer with what it knows: it may be
/// busy, and the chain is long.
const RESOLVE_HURRY_MS: u64 = 8_000;

/// So long before that, the answer is made without the node.
const RESOLVE_ALONE_MS: u64 = 4_000;

/// The five endpoints.
pub(super) fn routes() -> Vec<Route> {
    let open = |name, handler| Route {
        tier: Tier::Open,
        name,
        handler,
    };
    vec![
        open("GET /mine", mine_route()),
        open("POST /transactions/new", post(new_transaction)),
        open("GET /chain", get(chain)),
        open("POST /nodes/register", post(register)),
        open("GET /nodes/resolve", resolve_route()),
    ]
}

/// `GET /mine` alone: a HEAD request would otherwise be answered by it, and
/// HEAD is said to change nothing.
fn mine_route() -> MethodRouter<NodeHandle> {
    get(mine).head(method_not_allowed)
}

/// `GET /nodes/resolve` alone, as for `/mine`.
fn resolve_route() -> MethodRouter<NodeHandle> {
    get(resolve).head(method_not_allowed)
}

async fn mine(State(node): State<NodeHandle>) -> Result<Response, Stopping> {
    Ok(match node.request(Request::Mine).await? {
        Answer::Mined(block) => json_text(StatusCode::OK, forged(&block)),
        Answer::NobodyToReward(_) => nobody_to_reward(),
        Answer::HeldUp(held_up) => busy(held_up_text(&held_up)),
        _ => busy("too many requests for a block are waiting already; try again"),
    })
}

/// The tutorial's answer to `/mine`, made of the block's own bytes.
fn forged(block: &Block) -> Vec<u8> {
    let start = format!(
        "{{\"index\": {}, \"message\": \"New Block Forged\", \"previous_hash\": ",
        block.index()
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

async fn new_transaction(State(node): State<NodeHandle>, body: Body) -> Result<Response, Stopping> {
    let body = match read_body(body, TRANSACTION_LIMIT_BYTES).await {
        Ok(body) => body,
        Err(refused) => return Ok(refused.into_response()),
    };
    let transaction = match node.rules().read_transaction(&body) {
        Ok(transaction) => transaction,
        Err(error) => return Ok(bad_request(error)),
    };
    let id = transaction.id();
    Ok(
        match node.request(Request::Transaction(transaction)).await? {
            Answer::Accepted { block_index } => {
                let message = format!("Transaction will be added to Block {block_index}");
                let id = id
                    .map(|id| format!("\"id\": \"{id}\", "))
                    .unwrap_or_default();
                let text = format!("{{{id}\"message\": \"{message}\"}}");
                json_text(StatusCode::CREATED, text.into_bytes())
            }
            Answer::PoolFull(full) => busy(full),
            Answer::NotPending(error) => bad_request(error),
            _ => busy("the transaction was not taken; try again"),
        },
    )
}

async fn chain(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    let snapshot = match node.reader().snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return unreadable(&error),
    };
    let tip = snapshot
        .tip()
        .map(|tip| tip.to_string())
        .unwrap_or_default();
    let etag = format!("\"{tip}\"");
    let mut response = if is_known(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let tail = format!("],\"length\":{}}}", snapshot.length());
        chain_body(
            "{\"chain\":[".to_string(),
            snapshot,
            tail,
            Arc::clone(node.answers_memory()),
        )
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    if let Ok(node_id) = HeaderValue::try_from(node.node_id()) {
        headers.insert(NODE_HEADER, node_id);
    }
    if let Ok(instance_id) = HeaderValue::try_from(node.instance_id()) {
        headers.insert(INSTANCE_HEADER, instance_id);
    }
    response
}

async fn register(State(node): State<NodeHandle>, body: Body) -> Result<Response, Stopping> {
    let body = match read_body(body, REGISTRATION_LIMIT_BYTES).await {
        Ok(body) => body,
        Err(refused) => return Ok(refused.into_response()),
    };
    let nodes = match read_registration(&body) {
        Ok(nodes) => nodes,
        Err(error) => return Ok(bad_request(error)),
    };
    Ok(match node.request(Request::Register(nodes)).await? {
        Answer::Registered(all) => {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            let answer = json!({ "message": "New nodes have been added", "total_nodes": all });
            json_text(StatusCode::CREATED, answer.to_string().into_bytes())
        }
        Answer::TooManyPeers(error) => bad_request(error),
        _ => busy("the nodes were not registered; try again"),
    })
}

async fn resolve(State(node): State<NodeHandle>, caller: Caller) -> Result<Response, Stopping> {
    let before = node.view();
    let patience = Duration::from_millis(RESOLVE_TIMEOUT_MS - RESOLVE_HURRY_MS);
    let limit = Duration::from_millis(RESOLVE_TIMEOUT_MS - RESOLVE_ALONE_MS);
    let answer = node
        .request_in_time(Request::Resolve, patience, limit)
        .await?;
    let snapshot = match node.reader().snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(unreadable(&error)),
    };
    let (replaced, reports) = match answer {
        Some(Answer::Resolved(resolved)) => {
            let reports = resolved.peers.into_iter();
            let reports = reports.map(|(peer, report)| (peer.to_string(), report));
            (resolved.replaced, reports.collect())
        }
        Some(_) => return Ok(busy("the peers were not asked; try again")),
        None => match unanswered(&before, &snapshot) {
            Ok(unanswered) => unanswered,
            Err(error) => return Ok(busy(error)),
        },
    };
    let peers = reports.iter().map(|(peer, report)| match caller {
        Caller::Operator => described(peer, report),
        Caller::Anybody(_) => described_to_anybody(peer, report),
    });
    let peers = peers.collect();
    let (name, message) = match replaced {
        true => ("new_chain", "Our chain was replaced"),
        false => ("chain", "Our chain is authoritative"),
    };
    let head = format!("{{\"message\":\"{message}\",\"{name}\":[");
    let tail = format!("],\"peers\":{}}}", Value::Array(peers));
    let memory = Arc::clone(node.answers_memory());
    Ok(chain_body(head, snapshot, tail, memory))
}

/// What can be said where the node is too busy to say it: whether the chain that
/// there was then has been replaced, and that the peers are still being asked.
fn unanswered(
    before: &View,
    snapshot: &Snapshot,
) -> Result<(bool, Vec<(String, PeerReport)>), ArchiveError> {
    let stands = before.tip.is_none() || snapshot.main_hash(before.length)? == before.tip;
    let peers = before.peers.iter().cloned();
    let reports = peers.map(|peer| (peer, PeerReport::StillAsked));
    Ok((!stands, reports.collect()))
}

/// What is behind an address that does not offer a chain is not for whoever
/// registered it: whether it is open, and what it says.
fn described_to_anybody(peer: &str, report: &PeerReport) -> Value {
    match report {
        PeerReport::Refused(_) | PeerReport::Failed(_) | PeerReport::StillAsked => {
            json!({ "node": peer, "outcome": "not answered" })
        }
        _ => described(peer, report),
    }
}

fn described(peer: &str, report: &PeerReport) -> Value {
    match report {
        PeerReport::Adopted { length } => {
            json!({ "node": peer, "outcome": "adopted", "length": length })
        }
        PeerReport::NotLonger { length } => {
            json!({ "node": peer, "outcome": "not longer", "length": length })
        }
        PeerReport::Unchanged => json!({ "node": peer, "outcome": "unchanged" }),
        PeerReport::Refused(refusal) => {
            json!({ "node": peer, "outcome": "failed", "error": refusal.problem })
        }
        PeerReport::Failed(error) => {
            json!({ "node": peer, "outcome": "failed", "error": error })
        }
        PeerReport::Itself => json!({ "node": peer, "outcome": "this node itself" }),
        PeerReport::StillAsked => {
            let waited_ms = RESOLVE_TIMEOUT_MS - RESOLVE_HURRY_MS;
            let error = format!("no whole answer within {waited_ms} ms");
            json!({ "node": peer, "outcome": "still being asked", "error": error })
        }
    }
}

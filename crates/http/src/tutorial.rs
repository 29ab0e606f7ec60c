//! The five endpoints of the tutorial, with its bodies and status codes. Where
//! the Python node crashes, hangs or lies, the answer says what was wrong. What a
//! request does is decided below.

use std::sync::Arc;
use std::time::Duration;

use adit_api::headers::{INSTANCE_HEADER, NODE_HEADER};
use adit_api::resolve::{ResolveOutcome, ResolvedPeer};
use adit_core::block::Block;
use adit_core::peer::REGISTRATION_LIMIT_BYTES;
use adit_core::sync::PeerReport;
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use adit_node::commands;
use adit_node::commands::mine::{self, NotMined};
use adit_node::commands::peers::NotRegistered;
use adit_node::commands::submit::{self, Accepted, Rejected};
use adit_node::handle::NodeHandle;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::answer::{bad_request, busy, json_text, nobody_to_reward, unreadable};
use crate::area::Area;
use crate::body::read_json;
use crate::caller::Caller;
use crate::chain_body::chain_body;
use crate::counters::Group;
use crate::etag::{Tag, if_changed};
use crate::form_body::RawJson;
use crate::tier::{Route, Tier};
use crate::unmatched::method_not_allowed;

/// `GET /nodes/resolve` waits this long for the peers; those that are still
/// being read then go on in the background.
const RESOLVE_TIMEOUT_MS: u64 = 45_000;

/// This long before that, the node is told to answer with what it knows: it may
/// be busy, and the chain is long.
const RESOLVE_HURRY_MS: u64 = 8_000;

/// This long before that, the answer is made without the node.
const RESOLVE_ALONE_MS: u64 = 4_000;

/// Returns the five endpoints. Where a GET changes something, HEAD would be
/// answered by it too, and HEAD is said to change nothing.
pub(crate) fn areas() -> Vec<(Area, Vec<Route>)> {
    let open = |name, handler| Route {
        tier: Tier::Open,
        name,
        handler,
    };
    let mining = Area::tutorial(Group::Mine).changed_by_get();
    let nodes = Area::tutorial(Group::Nodes);
    vec![
        (
            mining,
            vec![open("GET /mine", get(mine).head(method_not_allowed))],
        ),
        (
            Area::tutorial(Group::Transactions),
            vec![open("POST /transactions/new", post(new_transaction))],
        ),
        (
            Area::tutorial(Group::Chain),
            vec![open("GET /chain", get(chain))],
        ),
        (nodes, vec![open("POST /nodes/register", post(register))]),
        (
            nodes.changed_by_get(),
            vec![open(
                "GET /nodes/resolve",
                get(resolve).head(method_not_allowed),
            )],
        ),
    ]
}

async fn mine(State(node): State<NodeHandle>) -> Response {
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

async fn new_transaction(
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

async fn chain(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    let snapshot = match node.reader().snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return unreadable(&error),
    };
    let tag = Tag::of_tip(&snapshot);
    let mut response = if_changed(&headers, &tag).unwrap_or_else(|| {
        let head = "{\"chain\":[".to_owned();
        let tail = format!("],\"length\":{}}}", snapshot.length());
        let memory = Arc::clone(node.answers_memory());
        (tag, chain_body(head, snapshot, tail, memory)).into_response()
    });
    let headers = response.headers_mut();
    if let Ok(node_id) = HeaderValue::try_from(node.node_id()) {
        headers.insert(NODE_HEADER, node_id);
    }
    if let Ok(instance_id) = HeaderValue::try_from(node.instance_id()) {
        headers.insert(INSTANCE_HEADER, instance_id);
    }
    response
}

async fn register(State(node): State<NodeHandle>, headers: HeaderMap, body: Body) -> Response {
    let body = match read_json(body, REGISTRATION_LIMIT_BYTES, RawJson::NODES, &headers).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    match commands::peers::register(&node, &body).await {
        Ok(all) => {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            let answer = json!({ "message": "New nodes have been added", "total_nodes": all });
            json_text(StatusCode::CREATED, answer.to_string().into_bytes())
        }
        Err(error @ NotRegistered::Stopping(_)) => busy(error),
        Err(error) => bad_request(error),
    }
}

async fn resolve(State(node): State<NodeHandle>, caller: Caller) -> Response {
    let patience = Duration::from_millis(RESOLVE_TIMEOUT_MS - RESOLVE_HURRY_MS);
    let limit = Duration::from_millis(RESOLVE_TIMEOUT_MS - RESOLVE_ALONE_MS);
    let resolution = match commands::peers::resolve(&node, patience, limit).await {
        Ok(resolution) => resolution,
        Err(error) => return busy(error),
    };
    let reports = resolution.peers.into_iter();
    let peers = reports.map(|(peer, report)| match caller {
        Caller::Operator => described(peer, &report),
        Caller::Anybody(_) => described_to_anybody(peer, &report),
    });
    let peers: Vec<ResolvedPeer> = peers.collect();
    let peers = serde_json::to_string(&peers).expect("texts and numbers are JSON");
    let snapshot = match node.reader().snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return unreadable(&error),
    };
    let (name, message) = match resolution.replaced {
        true => ("new_chain", "Our chain was replaced"),
        false => ("chain", "Our chain is authoritative"),
    };
    let head = format!("{{\"message\":\"{message}\",\"{name}\":[");
    let tail = format!("],\"peers\":{peers}}}");
    let memory = Arc::clone(node.answers_memory());
    chain_body(head, snapshot, tail, memory)
}

/// What is behind an address that does not offer a chain is not for those who
/// registered it: whether it is open, and what it says.
fn described_to_anybody(node: String, report: &PeerReport) -> ResolvedPeer {
    match report {
        PeerReport::Refused(_) | PeerReport::Failed(_) | PeerReport::StillAsked => ResolvedPeer {
            error: None,
            length: None,
            node,
            outcome: ResolveOutcome::NotAnswered,
        },
        _ => described(node, report),
    }
}

fn described(node: String, report: &PeerReport) -> ResolvedPeer {
    let (outcome, length, error) = match report {
        PeerReport::Adopted { length } => (ResolveOutcome::Adopted, Some(*length), None),
        PeerReport::NotLonger { length } => (ResolveOutcome::NotLonger, Some(*length), None),
        PeerReport::Unchanged => (ResolveOutcome::Unchanged, None, None),
        PeerReport::Refused(refusal) => {
            (ResolveOutcome::Failed, None, Some(refusal.problem.clone()))
        }
        PeerReport::Failed(error) => (ResolveOutcome::Failed, None, Some(error.clone())),
        PeerReport::Itself => (ResolveOutcome::Itself, None, None),
        PeerReport::StillAsked => {
            let waited_ms = RESOLVE_TIMEOUT_MS - RESOLVE_HURRY_MS;
            let error = format!("no whole answer within {waited_ms} ms");
            (ResolveOutcome::StillAsked, None, Some(error))
        }
    };
    ResolvedPeer {
        error,
        length,
        node,
        outcome,
    }
}

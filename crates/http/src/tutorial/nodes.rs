//! `POST /nodes/register` and `GET /nodes/resolve`: the peers that are known, and
//! what came of asking them. What is behind an address is told to the operator
//! alone. How they are asked is not known here.

use std::sync::Arc;
use std::time::Duration;

use adit_api::headers::{INSTANCE_HEADER, TIP_HEADER};
use adit_api::resolve::{ResolveOutcome, ResolvedPeer};
use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_core::peer::REGISTRATION_LIMIT_BYTES;
use adit_core::sync::PeerReport;
use adit_node::commands::peers::{self, NotRegistered};
use adit_node::handle::NodeHandle;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::answer::{bad_request, busy, json_text, unreadable};
use crate::body::read_json;
use crate::caller::Caller;
use crate::chain_body::chain_body;
use crate::form_body::RawJson;

/// `GET /nodes/resolve` waits this long for the peers; those that are still
/// being read then go on in the background.
const RESOLVE_TIMEOUT_MS: u64 = 45_000;

/// This long before that, the node is told to answer with what it knows: it may
/// be busy, and the chain is long.
const RESOLVE_HURRY_MS: u64 = 8_000;

/// This long before that, the answer is made without the node.
const RESOLVE_ALONE_MS: u64 = 4_000;

/// What a client would rather have.
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What of that it has got.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

pub(super) async fn register(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match read_json(body, REGISTRATION_LIMIT_BYTES, RawJson::NODES, &headers).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    match peers::register(&node, &body).await {
        Ok(all) => {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            let answer = json!({ "message": "New nodes have been added", "total_nodes": all });
            json_text(StatusCode::CREATED, answer.to_string().into_bytes())
        }
        Err(error @ NotRegistered::Stopping(_)) => busy(error),
        Err(error) => bad_request(error),
    }
}

/// The preference of one that only wants us to look (RFC 7240, 4.2).
const MINIMAL: &str = "return=minimal";

pub(super) async fn resolve(
    State(node): State<NodeHandle>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let is_told = headers.get(PREFER).is_some_and(|wish| wish == MINIMAL);
    if is_told && has_block(&node, &headers) {
        return told();
    }
    let told_by = headers.get(INSTANCE_HEADER).filter(|_| is_told).cloned();
    let patience = Duration::from_millis(RESOLVE_TIMEOUT_MS - RESOLVE_HURRY_MS);
    let limit = Duration::from_millis(RESOLVE_TIMEOUT_MS - RESOLVE_ALONE_MS);
    let resolution = match peers::resolve(&node, told_by, patience, limit).await {
        Ok(resolution) => resolution,
        Err(error) => return busy(error),
    };
    if is_told {
        return told();
    }
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

/// Answers one that told us of something to look at: it has our chain, or asks for
/// what it wants of it.
fn told() -> Response {
    let applied = [(PREFERENCE_APPLIED, MINIMAL)];
    (StatusCode::NO_CONTENT, applied).into_response()
}

/// Whether the block that is to be looked at is here.
fn has_block(node: &NodeHandle, headers: &HeaderMap) -> bool {
    let named = headers.get(TIP_HEADER).map(HeaderValue::as_bytes);
    let Some(hash) = named.and_then(Hash::from_hex) else {
        return false;
    };
    let snapshot = node.reader().snapshot().ok();
    let entry = snapshot.and_then(|snapshot| snapshot.entry(&hash).ok()?);
    entry.is_some()
}

/// What is behind an address that does not offer a chain is not for those who
/// registered it: whether it is open, and what it says.
fn described_to_anybody(node: String, report: &PeerReport) -> ResolvedPeer {
    match report {
        PeerReport::Refused(_)
        | PeerReport::Failed(_)
        | PeerReport::NotRead(_)
        | PeerReport::StillAsked => ResolvedPeer {
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
        PeerReport::Failed(error) | PeerReport::NotRead(error) => {
            (ResolveOutcome::Failed, None, Some(error.clone()))
        }
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

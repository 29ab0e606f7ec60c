//! `/peers`: the registered peers, how their chains compare with ours, and forms to
//! register, ask and remove them. `/peers/{id}/audit`: what is wrong with one.

use std::time::Duration;

use adit_api::audit::{Audit, Verdict};
use adit_api::peer::{Agreement, Peer, PeerKind, TalkingPeer};
use adit_core::peer::PeerAddress;
use adit_node::commands;
use adit_node::handle::NodeHandle;
use adit_node::queries::peers;
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::check::finding::Finding;
use super::format::{self, Moment, moment, short_hash};
use super::layout::{Frame, OrPage, problem_page, shown};
use super::send::read_form;
use crate::caller::Caller;
use crate::extract::Path;
use crate::problem::Problem;

/// Anyone who has all peers asked waits this long for them; they go on being
/// asked after it.
const ASK_TIMEOUT_MS: u64 = 5_000;

#[derive(Template)]
#[template(path = "peers.html")]
struct Peers {
    frame: Frame,
    is_operator: bool,
    peers: Vec<PeerRow>,
    talking: Vec<TalkingPeer>,
}

struct PeerRow {
    id: String,
    kind: &'static str,
    sign: &'static str,
    class: &'static str,
    agreement: String,
    length: String,
    tip: Option<(String, String)>,
    answered: Option<Moment>,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    audit: Audit,
    class: &'static str,
    verdict: &'static str,
    valid: String,
    finding: Finding,
    standing: Option<String>,
}

#[derive(Deserialize)]
struct Added {
    node: String,
}

pub(super) async fn peers(State(node): State<NodeHandle>, caller: Caller) -> Response {
    let list = peers::list(&node).await.map_err(Problem::from);
    let page = list.map(|list| {
        let list = caller.may_see(list);
        Peers {
            frame: Frame::of(&node).here("peers"),
            is_operator: caller == Caller::Operator,
            peers: list.peers.iter().map(row).collect(),
            talking: list.talking,
        }
    });
    shown(&node, page)
}

pub(super) async fn add(State(node): State<NodeHandle>, body: Body) -> Response {
    let added = match read_form::<Added>(body).await {
        Ok(added) => register(&node, added.node.trim()).await,
        Err(problem) => Err(problem),
    };
    to_peers(&node, added)
}

pub(super) async fn ask(State(node): State<NodeHandle>) -> Response {
    let limit = Duration::from_millis(ASK_TIMEOUT_MS);
    let asked = commands::peers::resolve(&node, None, limit, 2 * limit).await;
    to_peers(&node, asked.map(|_| ()).map_err(Problem::from))
}

pub(super) async fn remove(
    State(node): State<NodeHandle>,
    OrPage(Path(id)): OrPage<Path<String>>,
) -> Response {
    to_peers(&node, unregister(&node, &id).await)
}

pub(super) async fn audit(
    State(node): State<NodeHandle>,
    OrPage(Path(id)): OrPage<Path<String>>,
) -> Response {
    let audit = peers::audit(&node, &id).await.map_err(Problem::from);
    shown(&node, audit.map(|audit| AuditPage::of(&node, audit)))
}

async fn register(node: &NodeHandle, address: &str) -> Result<(), Problem> {
    let body = json!({ "nodes": [address] }).to_string();
    commands::peers::register(node, body.as_bytes()).await?;
    Ok(())
}

async fn unregister(node: &NodeHandle, id: &str) -> Result<(), Problem> {
    let address: PeerAddress = id.parse().map_err(Problem::malformed)?;
    commands::peers::unregister(node, address).await?;
    Ok(())
}

fn to_peers(node: &NodeHandle, done: Result<(), Problem>) -> Response {
    match done {
        Ok(()) => Redirect::to("/peers").into_response(),
        Err(problem) => problem_page(node, &problem),
    }
}

fn row(peer: &Peer) -> PeerRow {
    let lag = peer.lag.unwrap_or_default();
    let blocks = format::count(lag.unsigned_abs(), "block", "blocks");
    let (sign, class, agreement) = match peer.agreement {
        Agreement::Same => ("=", "good", "The same chain.".to_owned()),
        Agreement::Behind => (
            "‹",
            "plain",
            format!("Behind: its chain is ours without the last {blocks}."),
        ),
        Agreement::Ahead => ("›", "plain", format!("Ahead by {blocks}.")),
        Agreement::Fork => ("≠", "aside", fork_words(lag, &blocks)),
        Agreement::Refused => ("✗", "bad", "Refused: its chain breaks a rule.".to_owned()),
        Agreement::Unreachable => ("∅", "bad", "It does not answer.".to_owned()),
        Agreement::NotAsked => ("…", "plain", "Not asked yet.".to_owned()),
    };
    PeerRow {
        id: peer.id.clone(),
        kind: match peer.kind {
            PeerKind::Adit => "adit",
            PeerKind::Python => "Python, or like it",
            PeerKind::Unknown => "not known yet",
        },
        sign,
        class,
        agreement,
        length: peer
            .length
            .map_or_else(|| "not known".to_owned(), format::grouped),
        tip: peer.tip.as_ref().map(|tip| (tip.clone(), short_hash(tip))),
        answered: peer.answered_ms.and_then(moment),
        problem: peer.problem.clone(),
    }
}

fn fork_words(lag: i64, blocks: &str) -> String {
    let length = match lag {
        0 => "as long as ours".to_owned(),
        1.. => format!("{blocks} shorter than ours"),
        _ => format!("{blocks} longer than ours"),
    };
    format!("On another branch, {length}.")
}

/// Returns how much of its chain holds; an empty text where none came.
fn valid_words(audit: &Audit) -> String {
    if audit.length == 0 {
        return String::new();
    }
    let are = if audit.length == 1 { "is" } else { "are" };
    let blocks = format::count(audit.length, "block", "blocks");
    format!(
        "{blocks} {are} valid under the rules {}, from the first one on.",
        audit.rules
    )
}

impl AuditPage {
    fn of(node: &NodeHandle, audit: Audit) -> AuditPage {
        let (class, verdict) = match audit.verdict {
            Verdict::Valid => ("good", "✓ All of its chain is valid."),
            Verdict::Refused => ("bad", "✗ Its chain is refused."),
            Verdict::Unreachable => ("bad", "∅ No chain came."),
        };
        let standing = audit.comparison.as_ref().map(|comparison| {
            let shared = match comparison.fork_index {
                Some(index) => format!("Its chain and ours are the same up to block {index}."),
                None => "Its chain and ours share no block.".to_owned(),
            };
            let ours = format::count(comparison.our_length, "block", "blocks");
            format!("{shared} Ours has {ours}.")
        });
        AuditPage {
            frame: Frame::of(node).here("peers"),
            class,
            verdict,
            valid: valid_words(&audit),
            finding: Finding::of(&audit),
            standing,
            audit,
        }
    }
}

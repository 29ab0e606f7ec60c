//! What is wrong with a node that somebody names, registered or not: under which
//! rules it is looked at, and the whole of what was found. Who may ask for that is
//! not known here.

use std::sync::Arc;

use adit_api::audit::{Audit, Verdict};
use adit_api::examination::Examination;
use adit_core::peer::PeerAddress;
use adit_core::rules::{Rules, by_name};
use tokio::task::JoinSet;

use super::error::QueryError;
use crate::handle::{NodeHandle, Stopping};
use crate::peers::audit::{self, Beside};
use crate::peers::examine;

/// The rules of the tutorial as it was published, and those of its later code.
const TUTORIALS: [&str; 2] = ["classic", "classic-2018"];

/// Reads that node's whole chain, looks which endpoints it has, and returns what is
/// wrong with it. Nothing is changed there.
pub async fn examine(node: &NodeHandle, address: PeerAddress) -> Result<Examination, QueryError> {
    // If the caller goes away, the set is dropped, and the questions with it.
    let mut examining = JoinSet::new();
    let handle = node.clone();
    examining.spawn_on(
        async move { examined(&handle, &address).await },
        node.peers_runtime(),
    );
    match examining.join_next().await {
        Some(Ok(found)) => found,
        _ => Err(Stopping.into()),
    }
}

async fn examined(node: &NodeHandle, address: &PeerAddress) -> Result<Examination, QueryError> {
    let client = examine::client().map_err(QueryError::busy)?;
    let stated = examine::stated_rules(&client, address).await;
    let rules = rules_for(&**node.rules(), stated.as_deref());
    let rules = match rules {
        Some(name) if name == node.rules().name() => Arc::clone(node.rules()),
        Some(name) => by_name(name).ok_or_else(|| unknown_rules(name))?,
        None => return Err(unknown_rules(stated.as_deref().unwrap_or_default())),
    };
    let mut found = audited(node, address, Arc::clone(&rules)).await?;
    // Which of the two tutorials it follows, only its proofs tell.
    if stated.is_none() && found.rule.as_deref() == Some("proof") {
        let other = TUTORIALS.into_iter().find(|name| *name != rules.name());
        if let Some(other) = other.and_then(by_name) {
            let again = audited(node, address, other).await?;
            let is_better = again.verdict == Verdict::Valid || again.length > found.length;
            if is_better {
                found = again;
            }
        }
    }
    Ok(examine::beside(&client, address, found).await)
}

/// Returns under which rules a node is looked at that states those; one that states
/// none is taken for the tutorial's, and may be of either.
fn rules_for<'a>(ours: &'a dyn Rules, stated: Option<&'a str>) -> Option<&'a str> {
    match stated {
        Some(stated) => [ours.name()]
            .into_iter()
            .chain(TUTORIALS)
            .find(|name| *name == stated),
        None if TUTORIALS.contains(&ours.name()) => Some(ours.name()),
        None => TUTORIALS.first().copied(),
    }
}

fn unknown_rules(name: &str) -> QueryError {
    let name: String = name.chars().take(80).collect();
    QueryError::not_here(format!(
        "that node has a chain of the rules {name:?}, and this one knows no chain of them: ask a \
         node of that chain, or name its file to `adit doctor --chain FILE`"
    ))
}

async fn audited(
    node: &NodeHandle,
    address: &PeerAddress,
    rules: Arc<dyn Rules>,
) -> Result<Audit, QueryError> {
    let place = node.audits().take(address).map_err(QueryError::busy)?;
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    let beside = Beside {
        snapshot,
        _place: place,
    };
    Ok(audit::audit_beside(address, rules, Some(beside)).await)
}

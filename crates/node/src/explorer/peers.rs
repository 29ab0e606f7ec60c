//! The registered peers: what kind of nodes they are, how their chains stand to
//! ours, and what is wrong with them.

use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_core::node::Node;
use adit_core::peer::PeerAddress;
use adit_core::sync::{Agreement, PeerKind, PeerRecord};
use adit_store::Snapshot;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::audit::{self, Audit, Beside};
use crate::driver::{NodeHandle, Stopping};

/// A registered peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// `host:port`.
    pub id: String,
    /// `adit`, `python` (the tutorial's, or one that speaks as it does) or
    /// `unknown` (it never answered).
    pub kind: String,
    /// How its chain stands to ours: `same`, `behind`, `ahead`, `fork`,
    /// `refused`, `unreachable` or `not-asked`. Whoever is not the operator is
    /// told `unreachable` where it is `refused`, and nothing further.
    pub agreement: String,
    /// The number of its blocks, as far as known.
    pub length: Option<u64>,
    /// The hash of its last block, as far as known.
    pub tip: Option<String>,
    /// Our length less its own.
    pub lag: Option<i64>,
    /// When it was last asked, in milliseconds since 1970.
    pub asked_ms: Option<u64>,
    /// When it last answered, in milliseconds since 1970.
    pub answered_ms: Option<u64>,
    /// What is wrong with it, in words.
    pub problem: Option<String>,
}

impl Peer {
    /// What everybody may see of it: how a valid chain stands to ours, as it can
    /// be read there; of everything else only that no chain came. What is behind
    /// an address, and how it answered, is not for whoever registered it.
    pub(crate) fn for_anybody(&self) -> Peer {
        let is_a_node = ["same", "behind", "ahead", "fork"].contains(&&*self.agreement);
        if is_a_node {
            return self.clone();
        }
        let agreement = match self.agreement.as_str() {
            "not-asked" => "not-asked",
            _ => "unreachable",
        };
        Peer {
            id: self.id.clone(),
            kind: audit::kind_name(PeerKind::Unknown).to_owned(),
            agreement: agreement.to_owned(),
            length: None,
            tip: None,
            lag: None,
            asked_ms: self.asked_ms,
            answered_ms: None,
            problem: None,
        }
    }

    /// Whether it is the same but for the times.
    pub(crate) fn is_like(&self, other: &Peer) -> bool {
        let timeless = |peer: &Peer| Peer {
            asked_ms: None,
            answered_ms: None,
            ..peer.clone()
        };
        timeless(self) == timeless(other)
    }
}

/// All registered peers, sorted by address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerList {
    /// The peers.
    pub peers: Vec<Peer>,
    /// Addresses that were registered, and are no peers any more, because this
    /// node itself answered there; sorted.
    #[serde(default)]
    pub own: Vec<String>,
}

impl PeerList {
    /// What everybody may see of them.
    pub(crate) fn for_anybody(self) -> PeerList {
        let peers = self.peers.iter().map(Peer::for_anybody);
        PeerList {
            peers: peers.collect(),
            own: Vec::new(),
        }
    }
}

/// All registered peers.
pub(crate) async fn list(node: &NodeHandle) -> Result<PeerList, Problem> {
    let (records, own) = node.look(|node| (records(node), own(node))).await?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let (tip, length) = (snapshot.tip(), snapshot.length());
    let peers = records
        .iter()
        .map(|(address, record)| described(address, record, tip, length, &snapshot));
    let peers = peers.collect::<Result<_, _>>();
    Ok(PeerList {
        peers: peers.map_err(Problem::unreadable)?,
        own,
    })
}

fn own(node: &Node) -> Vec<String> {
    node.own_addresses().map(ToString::to_string).collect()
}

fn records(node: &Node) -> Vec<(PeerAddress, PeerRecord)> {
    let records = node.peer_records();
    let records = records.map(|(peer, record)| (peer.clone(), record.clone()));
    records.collect()
}

/// What is said of a peer, beside our chain of that length with that tip.
pub(crate) fn described(
    address: &PeerAddress,
    record: &PeerRecord,
    tip: Option<Hash>,
    our_length: u64,
    ours: &dyn Archive,
) -> Result<Peer, adit_core::archive::ArchiveError> {
    let agreement = record.agreement(tip, ours)?;
    let length = record.length(ours)?;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let lag = |length: u64| {
        let lag = i128::from(our_length) - i128::from(length);
        i64::try_from(lag).unwrap_or(i64::MAX)
    };
    Ok(Peer {
        id: address.to_string(),
        kind: audit::kind_name(record.kind).to_owned(),
        agreement: agreement_name(agreement).to_owned(),
        length,
        tip: record.chain.map(|chain| chain.tip.to_string()),
        lag: length.map(lag),
        asked_ms: record.asked.map(ms),
        answered_ms: record.answered.map(ms),
        problem: record.problem(),
    })
}

fn agreement_name(agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Same => "same",
        Agreement::Behind => "behind",
        Agreement::Ahead => "ahead",
        Agreement::Fork => "fork",
        Agreement::Refused => "refused",
        Agreement::Unreachable => "unreachable",
        Agreement::NotAsked => "not-asked",
    }
}

/// The address of a registered peer; `id` is what somebody wrote.
pub(crate) fn registered(node: &NodeHandle, id: &str) -> Result<PeerAddress, Problem> {
    let address: PeerAddress = id.parse().map_err(Problem::malformed)?;
    let text = address.to_string();
    match node.view().peers.contains(&text) {
        true => Ok(address),
        false => Err(not_registered(&address)),
    }
}

/// There is no such peer.
pub(crate) fn not_registered(address: &PeerAddress) -> Problem {
    Problem::not_found(format!(
        "{address} is no peer of this node; GET /api/v1/peers lists them"
    ))
}

/// Reads a registered peer's whole chain, and says what is wrong with it.
pub(crate) async fn audit(node: &NodeHandle, id: &str) -> Result<Audit, Problem> {
    let address = registered(node, id)?;
    let place = node.audits().take(&address).map_err(Problem::busy)?;
    let snapshot: Snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let (rules, beside) = (
        node.rules().clone(),
        Beside {
            snapshot,
            _place: place,
        },
    );
    // If whoever asked goes away, the set is dropped, and the audit with it.
    let mut auditing = JoinSet::new();
    auditing.spawn_on(
        async move { audit::audit_beside(&address, rules, Some(beside)).await },
        node.peers_runtime(),
    );
    match auditing.join_next().await {
        Some(Ok(audit)) => Ok(audit),
        _ => Err(Stopping.into()),
    }
}

//! What can be seen of the talk between nodes without taking part in it: who this
//! node is there, where it listens, who its peers are and what they say. Who
//! looks is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::hash::Hash;
use adit_net::address::Identity;
use adit_net::machine::{Counts, Offence, PeerView};
use adit_p2p::multiaddr::{Host, Multiaddr};
use adit_p2p::{Edge, PeerTraffic, name_of};
use tokio::sync::{mpsc, oneshot};

/// This many may look at the machine at a time; others are told that it is busy.
pub(crate) const LOOKS_LIMIT: usize = 64;

/// What the machine says of itself.
#[derive(Debug, Clone)]
pub struct MachineView {
    /// The peers, by connection.
    pub peers: Vec<PeerView>,
    /// The tip of the core's chain, as the machine knows it.
    pub tip: Hash,
    /// How blocks have come.
    pub counts: Counts,
    /// How often peers were banned, by the reason.
    pub bans: BTreeMap<&'static str, u64>,
    /// Transactions that wait, and are relayed.
    pub waiting: usize,
    /// Headers whose blocks have not come yet.
    pub headers_ahead: usize,
    /// Bytes of blocks that wait for others.
    pub held_bytes: usize,
    /// Addresses that are known.
    pub addresses: usize,
}

/// Looks at the talk between nodes.
pub struct P2pView {
    edge: Arc<Edge>,
    identity: Identity,
    port: u16,
    chain: String,
    looks: mpsc::Sender<oneshot::Sender<MachineView>>,
}

impl P2pView {
    pub(crate) fn new(
        edge: Arc<Edge>,
        identity: Identity,
        port: u16,
        chain: String,
        looks: mpsc::Sender<oneshot::Sender<MachineView>>,
    ) -> P2pView {
        P2pView {
            edge,
            identity,
            port,
            chain,
            looks,
        }
    }

    /// The name by which this node is known to its peers.
    pub fn name(&self) -> String {
        name_of(&self.identity)
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Which chain it speaks of: what stands at the end of the protocol's name.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Where it can be dialled, as far as it knows.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let listening = self.edge.listening();
        let sockets = listening.borrow();
        let each = sockets.iter().map(|socket| Multiaddr {
            host: Host::Ip(socket.ip().to_canonical()),
            port: socket.port(),
            identity: Some(self.identity),
        });
        each.collect()
    }

    /// How much each peer has said.
    pub fn traffic(&self) -> Vec<PeerTraffic> {
        self.edge.traffic()
    }

    /// What was counted of all of them.
    pub fn counts(&self) -> &adit_p2p::counts::Counts {
        self.edge.counts()
    }

    /// How much is queued for all of them.
    pub fn queued_bytes(&self) -> usize {
        self.edge.queued_bytes()
    }

    /// What the machine says; `None` if it has ended, or too many look.
    pub async fn machine(&self) -> Option<MachineView> {
        let (reply, seen) = oneshot::channel();
        self.looks.try_send(reply).ok()?;
        seen.await.ok()
    }
}

/// What a reason to ban is called.
pub(crate) fn name_of_offence(offence: Offence) -> &'static str {
    match offence {
        Offence::InvalidHeader => "invalid-header",
        Offence::InvalidBody => "invalid-body",
        Offence::MalformedMessage => "malformed-message",
        Offence::ChangedChain => "changed-chain",
    }
}

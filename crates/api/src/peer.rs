//! The registered peers: what kind of nodes they are, and how their chains compare
//! with ours. What their answers mean, the node decides.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of node a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerKind {
    /// It never answered, or not so that its kind could be seen.
    Unknown,
    /// A node of this kind.
    Adit,
    /// The tutorial's, or one that speaks as it does.
    Python,
}

/// How a peer's chain compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// It is the same chain.
    Same,
    /// It is ours without the last blocks.
    Behind,
    /// It goes on behind our last block.
    Ahead,
    /// It has left ours, or ours has left it.
    Fork,
    /// It breaks a rule.
    Refused,
    /// None came.
    Unreachable,
    /// It was not asked yet.
    NotAsked,
}

impl Agreement {
    /// Every way in which a chain can compare with ours.
    pub const ALL: [Agreement; 7] = [
        Agreement::Same,
        Agreement::Behind,
        Agreement::Ahead,
        Agreement::Fork,
        Agreement::Refused,
        Agreement::Unreachable,
        Agreement::NotAsked,
    ];

    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Agreement::Same => "same",
            Agreement::Behind => "behind",
            Agreement::Ahead => "ahead",
            Agreement::Fork => "fork",
            Agreement::Refused => "refused",
            Agreement::Unreachable => "unreachable",
            Agreement::NotAsked => "not-asked",
        }
    }

    /// Whether a valid chain came.
    pub fn is_of_a_chain(self) -> bool {
        match self {
            Agreement::Same | Agreement::Behind | Agreement::Ahead | Agreement::Fork => true,
            Agreement::Refused | Agreement::Unreachable | Agreement::NotAsked => false,
        }
    }
}

impl PeerKind {
    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            PeerKind::Unknown => "unknown",
            PeerKind::Adit => "adit",
            PeerKind::Python => "python",
        }
    }
}

/// A registered peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// `host:port`, or `https://host:port`.
    pub id: String,
    /// `adit`, `python` (the tutorial's, or one that speaks as it does) or
    /// `unknown` (it never answered).
    #[schema(value_type = String)]
    pub kind: PeerKind,
    /// How its chain stands to ours: `same`, `behind`, `ahead`, `fork`,
    /// `refused`, `unreachable` or `not-asked`. A client that is not the operator is
    /// told `unreachable` where it is `refused`, and nothing further.
    #[schema(value_type = String)]
    pub agreement: Agreement,
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

/// All registered peers, sorted by address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerList {
    /// The peers.
    pub peers: Vec<Peer>,
    /// Addresses that were registered, and are no peers any more, because this
    /// node itself answered there; sorted.
    #[serde(default)]
    pub own: Vec<String>,
    /// The nodes that this one talks with by itself, sorted by name. Only the
    /// operator is told.
    #[serde(default)]
    pub talking: Vec<TalkingPeer>,
}

/// Which side dialled, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialled {
    /// The peer did.
    In,
    /// This node did.
    Out,
    /// This node did, for blocks alone.
    BlocksOnly,
    /// This node did, only to see whether it answers.
    Feeler,
}

impl Dialled {
    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Dialled::In => "in",
            Dialled::Out => "out",
            Dialled::BlocksOnly => "blocks-only",
            Dialled::Feeler => "feeler",
        }
    }
}

/// A node that this one talks with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TalkingPeer {
    /// The name by which it has shown who it is, `12D3KooW...`.
    pub id: String,
    /// Where the connection comes from or goes to, such as `/ip4/192.168.1.7/tcp/15000`.
    pub address: String,
    /// Which side dialled: `in`, `out`, `blocks-only` (this node, for blocks alone)
    /// or `feeler` (this node, only to see whether it answers).
    #[schema(value_type = String)]
    pub dialled: Dialled,
    /// How its chain stands to ours: `same`, `behind`, `ahead`, `fork`, or
    /// `not-asked` while it has not said who it is.
    #[schema(value_type = String)]
    pub agreement: Agreement,
    /// The height of the best block that it is known to have.
    pub height: Option<u64>,
    /// The shortest time in which it has answered, in milliseconds.
    pub latency_ms: Option<f64>,
    /// For how many seconds it has been connected.
    pub connected_s: f64,
    /// How many bytes of messages it has sent.
    pub bytes_in: u64,
    /// How many bytes of messages were sent to it.
    pub bytes_out: u64,
    /// How many bytes wait to be sent to it.
    pub queued_bytes: usize,
    /// How often it was the first with a block.
    pub firsts: u64,
}

impl Peer {
    /// Returns what everybody may see of it: how a valid chain compares with ours,
    /// as it can be read there; of everything else only that no chain came. What is
    /// behind an address, and how it answered, is not for those who registered it.
    pub fn for_anybody(&self) -> Peer {
        if self.agreement.is_of_a_chain() {
            return self.clone();
        }
        let agreement = match self.agreement {
            Agreement::NotAsked => Agreement::NotAsked,
            _ => Agreement::Unreachable,
        };
        Peer {
            id: self.id.clone(),
            kind: PeerKind::Unknown,
            agreement,
            length: None,
            tip: None,
            lag: None,
            asked_ms: self.asked_ms,
            answered_ms: None,
            problem: None,
        }
    }

    /// Whether it is the same but for the times.
    pub fn is_like(&self, other: &Peer) -> bool {
        let timeless = |peer: &Peer| Peer {
            asked_ms: None,
            answered_ms: None,
            ..peer.clone()
        };
        timeless(self) == timeless(other)
    }
}

impl PeerList {
    /// Returns what everybody may see of them.
    pub fn for_anybody(self) -> PeerList {
        let peers = self.peers.iter().map(Peer::for_anybody);
        PeerList {
            peers: peers.collect(),
            own: Vec::new(),
            talking: Vec::new(),
        }
    }
}

//! What happens at a node, as its listeners are told it: the topics, and what comes
//! with an event of each. When something is an event, the node decides.
//!
//! An event of the topic `reorg` brings a [`Reorganisation`](crate::branch::Reorganisation).

use serde::{Deserialize, Serialize};

use crate::block::BlockSummary;
use crate::peer::Peer;
use crate::transaction::TransactionState;

/// What an event is about, by the name that listeners ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// The main chain has a new tip.
    Block,
    /// The main chain has left a branch.
    #[serde(rename = "reorg")]
    Reorganisation,
    /// Transactions came to wait.
    #[serde(rename = "tx")]
    Transaction,
    /// What is known of a peer has changed.
    Peer,
    /// How mining goes.
    Mining,
}

impl Topic {
    /// All topics.
    pub const ALL: [Topic; 5] = [
        Topic::Block,
        Topic::Reorganisation,
        Topic::Transaction,
        Topic::Peer,
        Topic::Mining,
    ];

    /// Returns the name in `topics` and in `event:`.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Block => "block",
            Topic::Reorganisation => "reorg",
            Topic::Transaction => "tx",
            Topic::Peer => "peer",
            Topic::Mining => "mining",
        }
    }

    /// Returns the topic of that name.
    pub fn of_name(name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// In place of a topic: events are lost to the listener, which has to load again.
pub const MISSED: &str = "missed";

/// The main chain has a new tip.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlockEvent {
    /// The tip.
    pub block: BlockSummary,
    /// How many blocks came since the last such event.
    pub added: u64,
    /// The number of blocks in the main chain.
    pub length: u64,
    /// The number of transactions that wait.
    pub pending: usize,
    /// Where the tip came from.
    pub origin: Origin,
}

/// Where a block came from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A peer had it, or somebody handed it in.
    #[default]
    Elsewhere,
    /// It was made here.
    Made,
}

/// Transactions came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransactionsEvent {
    /// How many.
    pub count: usize,
    /// How many wait now.
    pub pending: usize,
    /// The newest of them.
    #[serde(default)]
    pub transactions: Vec<TransactionState>,
}

/// Something new is known of a peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerEvent {
    /// The peer, as it is now.
    pub peer: Peer,
}

/// How proofs are searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MiningEvent {
    /// Whether a proof is being searched for at this moment.
    pub searching: bool,
    /// On how many cores.
    pub threads: usize,
    /// The number of guesses a second, over the last seconds of searching.
    pub guesses_per_s: f64,
}

//! How a node is, in a few numbers. Where they are counted is not known here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The version of adit.
    pub version: String,
    /// The rules of the chain.
    pub rules: String,
    /// Which chain it is, where the rules are those of one.
    pub chain: Option<ChainStatus>,
    /// The number of blocks.
    pub length: u64,
    /// The hash of the last block.
    pub tip: String,
    /// The number of transactions that wait for a block.
    pub pending: usize,
    /// The lowest fee with which a transaction is taken, in base units for 1,000
    /// bytes of its canonical text, rounded up; null where the rules know no
    /// fees.
    #[serde(default)]
    pub min_fee_rate: Option<u64>,
    /// The registered nodes.
    pub nodes: Vec<String>,
    /// Where the node talks with others by itself; null if it does not.
    #[serde(default)]
    pub p2p: Option<P2pStatus>,
    /// How blocks are made here.
    pub mining: MiningStatus,
}

/// Which chain it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChainStatus {
    /// What transactions for it name: 16 hex digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The hash of its genesis block.
    pub genesis: String,
}

/// Where a node talks with others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct P2pStatus {
    /// The name by which its peers know it, `12D3KooW...`.
    pub id: String,
    /// The TCP port on which it listens.
    pub port: u16,
    /// Its addresses, as far as it knows, such as `/ip4/192.168.1.7/tcp/15000/p2p/12D3KooW...`.
    pub addresses: Vec<String>,
    /// Which chain it speaks of: the genesis block's hash, or the rules and the
    /// network's name.
    pub chain: String,
}

/// How blocks are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MiningStatus {
    /// Whether a proof is being searched at this moment.
    pub searching: bool,
    /// The kernel that searches.
    pub kernel: String,
    /// On this many cores.
    pub threads: usize,
    /// The number of guesses since the start.
    pub guesses: u64,
    /// The number of guesses a second, over the last seconds of searching.
    pub guesses_per_s: f64,
}

//! What came of asking the peers: what adit adds to the tutorial's answer to
//! `GET /nodes/resolve`. Which chain is adopted, the core decides.

use serde::{Deserialize, Serialize};

/// What came of asking one peer. The fields stand in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedPeer {
    /// Why no chain came, or why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The number of its blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// `host:port`.
    pub node: String,
    /// What became of its chain.
    pub outcome: ResolveOutcome,
}

/// What became of a peer's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResolveOutcome {
    /// It is the main chain now.
    #[serde(rename = "adopted")]
    Adopted,
    /// It weighs no more than ours.
    #[serde(rename = "not longer")]
    NotLonger,
    /// It is as it was when it was last read.
    #[serde(rename = "unchanged")]
    Unchanged,
    /// None came, or it was refused.
    #[serde(rename = "failed")]
    Failed,
    /// This node itself answers there.
    #[serde(rename = "this node itself")]
    Itself,
    /// It was not there in time.
    #[serde(rename = "still being asked")]
    StillAsked,
    /// No chain came: all that is said to anybody but the operator.
    #[serde(rename = "not answered")]
    NotAnswered,
}

//! Anything by its name. Where it is found, the node knows.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What is searched.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// The name: a block's index or hash, a transaction's id, an address, or a
    /// peer's `host:port`; also `#57`, `0x...`, or the address of a page. Of a hash, the
    /// first four digits or more find up to ten blocks and ten transactions, where
    /// nothing has just that name; `4f3a...9b01` says how it ends, too.
    #[param(max_length = 256)]
    pub q: String,
}

/// What has that name, or begins so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// What was searched, without the space around it.
    pub query: String,
    /// All that has that name; if nothing has, what begins so.
    pub results: Vec<SearchResult>,
}

/// One thing of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchResult {
    /// What it is.
    pub kind: FoundKind,
    /// Its own name.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Where its page is.
    pub path: String,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FoundKind {
    /// A block, on the main chain or beside it.
    Block,
    /// A transaction, in a block or waiting.
    Transaction,
    /// One who pays or is paid.
    Address,
    /// A registered node.
    Peer,
    /// A change to another branch.
    Reorganisation,
}

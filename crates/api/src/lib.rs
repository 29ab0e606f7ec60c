//! What crosses the wire between a node and its clients, as types: the answers of
//! `/api/v1`, what comes with events, problem documents. The node writes them, the
//! command line reads them back. What they say is decided elsewhere; hashes and
//! weights are texts here, as they are in JSON.

pub mod address;
pub mod after;
pub mod audit;
pub mod block;
pub mod branch;
pub mod development;
pub mod event;
pub mod examination;
pub mod headers;
pub mod mempool;
pub mod offer;
pub mod page;
pub mod peer;
pub mod preimage;
pub mod problem;
pub mod resolve;
pub mod search;
pub mod stats;
pub mod status;
pub mod template;
pub mod transaction;

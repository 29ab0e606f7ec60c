//! What can be asked about the chain, whoever asks: the API sends these answers
//! as JSON, the pages show them. Nothing here changes anything, and nothing knows
//! of HTTP.

pub(crate) mod address;
pub(crate) mod block;
pub(crate) mod branches;
pub(crate) mod error;
pub(crate) mod mempool;
pub(crate) mod paging;
pub(crate) mod peers;
pub(crate) mod preimage;
pub(crate) mod reading;
pub(crate) mod search;
pub(crate) mod stats;
pub(crate) mod stored;
pub(crate) mod transaction;

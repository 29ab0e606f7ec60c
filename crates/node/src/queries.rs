//! What can be asked about the chain, no matter who asks: the API sends these
//! answers as JSON, the pages show them. Nothing here changes anything, and nothing
//! knows of HTTP.

pub mod address;
pub mod block;
pub mod branches;
pub mod error;
pub mod examination;
pub mod headers;
pub mod mempool;
pub mod paging;
pub mod peers;
pub mod preimage;
pub mod reading;
pub mod search;
pub mod stats;
pub mod stored;
pub mod template;
pub mod term;
pub mod transaction;

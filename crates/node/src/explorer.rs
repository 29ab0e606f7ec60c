//! What can be asked about the chain, whoever asks: the API sends these answers
//! as JSON, the pages show them, the command line reads them back. Nothing here
//! changes anything but `mine`, and nothing knows of HTTP but the status of a
//! problem.

pub(crate) mod address;
pub(crate) mod block;
pub(crate) mod mempool;
pub(crate) mod mine;
pub(crate) mod paging;
pub(crate) mod peers;
pub(crate) mod pending;
pub(crate) mod preimage;
pub(crate) mod problem;
pub(crate) mod reading;
pub(crate) mod reorganisation;
pub(crate) mod search;
pub(crate) mod stats;
pub(crate) mod stored;
pub(crate) mod tips;
pub(crate) mod transaction;

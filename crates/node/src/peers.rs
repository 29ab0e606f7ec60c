//! What speaks to peers: it fetches, checks and audits their chains, and tells
//! them of ours. Who is asked when, the core decides.

pub(crate) mod advertise;
pub(crate) mod announce;
pub mod audit;
pub(crate) mod branch;
mod catch_up;
pub mod examine;
pub(crate) mod fetch;
pub(crate) mod poll;
mod reading;
pub(crate) mod signatures;
pub(crate) mod unpack;
pub(crate) mod unread;
mod waste;

//! What happens at the node, until it is published: batches of what the driver
//! did, and the log of the newest events. What is an event, `publisher.rs`
//! decides.

pub(crate) mod batch;
pub mod log;

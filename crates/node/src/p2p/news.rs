//! The way to the machine for all who are not the edge.

use adit_net::machine::Input;
use tokio::sync::mpsc;

/// What is told to the machine, by the driver and by whoever finds a peer: no more
/// than the driver has done, and one input for each peer found.
pub(crate) type NewsSender = mpsc::UnboundedSender<Input>;

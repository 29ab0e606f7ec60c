//! Which running node a command asks. What it asks is not known here.

use adit_core::peer::PeerAddress;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct NodeToAsk {
    /// The port of the node, on this machine.
    #[arg(short, long, env = "ADIT_PORT", default_value_t = 5000, global = true)]
    pub(crate) port: u16,

    /// The node, if it is not on this machine; then the port is in it.
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) node: Option<PeerAddress>,
}

impl NodeToAsk {
    /// Where it is, as `host:port`.
    pub(crate) fn address(&self) -> String {
        match &self.node {
            Some(node) => node.to_string(),
            None => format!("127.0.0.1:{}", self.port),
        }
    }
}

//! Where a node listens.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ListenOptions {
    /// The port to listen on; 0 takes a free one.
    #[arg(short, long, env = "ADIT_PORT", default_value_t = 5000)]
    pub(crate) port: u16,

    /// The address to listen on; 0.0.0.0 lets other machines in.
    #[arg(long, env = "ADIT_HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,
}

//! Where a node listens, and below which path it is found there.

use adit_http::{BasePath, read_base_path};
use clap::Args;

use super::list::List;

/// The tutorial's.
pub(crate) const DEFAULT_PORT: u16 = 5000;

#[derive(Debug, Args)]
pub(crate) struct ListenOptions {
    /// The port to listen on; 0 takes a free one.
    #[arg(short, long, env = "ADIT_PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,

    /// The address to listen on; 0.0.0.0 lets other machines in.
    #[arg(long, env = "ADIT_HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// The path below which a proxy serves this node, such as /adit, where the
    /// rest of its host is for others: all links, forms, cookies and headers
    /// lead below it. Requests may come with it or without
    /// [default: the node has the host for itself].
    #[arg(
        long,
        value_name = "PATH",
        env = "ADIT_BASE_PATH",
        default_value = "",
        hide_default_value = true,
        value_parser = read_base_path
    )]
    pub(crate) base_path: BasePath,

    /// A further name under which this node may be addressed; can be repeated.
    /// With one, it answers to no others but localhost, IP addresses, names
    /// without a dot, and those below .local and .internal.
    #[arg(long = "allowed-host", value_name = "NAME", env = "ADIT_ALLOWED_HOST")]
    pub(crate) allowed_hosts: Vec<List<String>>,
}

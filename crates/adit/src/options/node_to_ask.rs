//! Which running node a command asks, and below which path of its URL it is
//! found. What it asks is not known here.

use std::fmt;
use std::str::FromStr;

use adit_core::peer::{PeerAddress, PeerAddressError};
use clap::Args;
use reqwest::Url;

use super::listen::DEFAULT_PORT;

#[derive(Debug, Args)]
pub(crate) struct NodeToAsk {
    /// The port of the node, on this machine.
    #[arg(short, long, env = "ADIT_PORT", default_value_t = DEFAULT_PORT, global = true)]
    pub(crate) port: u16,

    /// The node, if it is not on this machine; then the port is in it. Behind a
    /// proxy it may be an https:// address with a path.
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) node: Option<NodeUrl>,
}

impl NodeToAsk {
    /// The option to look at where nobody answers.
    pub(crate) fn said_by(&self) -> &'static str {
        match &self.node {
            Some(_) => "--node",
            None => "-p, or --node if it is elsewhere,",
        }
    }

    /// The URL that paths of it are put behind, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        match &self.node {
            Some(node) => node.to_string(),
            None => format!("http://127.0.0.1:{}", self.port),
        }
    }
}

/// A node, as `scheme://host:port/path`; a proxy may serve it below a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeUrl {
    address: PeerAddress,
    /// Without the slash at its end; empty if there is none.
    base_path: String,
}

impl FromStr for NodeUrl {
    type Err = PeerAddressError;

    fn from_str(text: &str) -> Result<NodeUrl, PeerAddressError> {
        let address: PeerAddress = text.parse()?;
        // Only a URL has a path: it says how the address is to be read.
        let url = text.contains("://").then(|| Url::parse(text).ok());
        let path = url.flatten().map(|url| url.path().to_owned());
        let path = path.unwrap_or_default();
        Ok(NodeUrl {
            address,
            base_path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address.url(&self.base_path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_is_kept() {
        for (written, url) in [
            ("localhost:5000", "http://localhost:5000"),
            ("localhost:5000/", "http://localhost:5000"),
            ("http://Node.Example/", "http://node.example:80"),
            ("https://node.example", "https://node.example:443"),
            (
                "https://node.example/a/dit/",
                "https://node.example:443/a/dit",
            ),
            ("https://[::1]:8443/adit?x#y", "https://[::1]:8443/adit"),
        ] {
            let node: NodeUrl = written.parse().unwrap();
            assert_eq!(node.to_string(), url, "{written}");
        }
        assert!("ftp://localhost/adit".parse::<NodeUrl>().is_err());
        assert!("localhost:5000/adit".parse::<NodeUrl>().is_err());
    }
}

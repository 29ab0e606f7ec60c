//! Where a node listens to talk with others, and whether it does. The socket stays
//! open while the node recovers from damage. What is said over it is not known here.

use std::io;
use std::net::{SocketAddr, TcpListener};

use adit_core::rules::Rules;
use adit_node::p2p::{P2pSettings, can_talk};
use anyhow::{Context, anyhow, bail};

use crate::options::{NodeOptions, all_of};

/// The port is so far from that of HTTP: nodes on neighbouring ports do not meet.
const PORT_DISTANCE: u16 = 10_000;

/// The socket, once it was needed.
#[derive(Default)]
pub(crate) struct PeersListener(Option<TcpListener>);

impl PeersListener {
    /// How a node talks with others whose clients find it at `http`; `None` if it does
    /// not.
    pub(crate) fn talk(
        &mut self,
        options: &NodeOptions,
        rules: &dyn Rules,
        http: SocketAddr,
    ) -> anyhow::Result<Option<P2pSettings>> {
        let p2p = &options.p2p;
        let is_wanted = p2p.p2p_port.is_some() || !p2p.connect.is_empty();
        if p2p.no_p2p {
            return Ok(None);
        }
        if !can_talk(rules, p2p.network.as_deref()) {
            if is_wanted {
                bail!(
                    "--connect, --p2p-port: under the rules {} anybody's chain may take the place \
                     of another's; say with --network NAME which network this node is of",
                    rules.name()
                );
            }
            return Ok(None);
        }
        let listener = match &self.0 {
            Some(listener) => listener,
            None => self.0.insert(listen(options, http)?),
        };
        Ok(Some(P2pSettings {
            listener: listener.try_clone()?,
            network: p2p.network.clone(),
            uses_mdns: !p2p.no_mdns && !http.ip().is_loopback(),
            connect: all_of(&p2p.connect),
            min_work: p2p.min_work,
        }))
    }
}

fn listen(options: &NodeOptions, http: SocketAddr) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((http.ip(), port));
    if let Some(port) = options.p2p.p2p_port {
        return bind(port).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => anyhow!(
                "--p2p-port {port} is taken: something else listens on {}:{port} already; \
                 stop it, or take another port (0 takes a free one)",
                http.ip()
            ),
            _ => anyhow!("--p2p-port {port}: cannot listen there: {error}"),
        });
    }
    let port = match options.listen.port {
        0 => None,
        _ => http.port().checked_add(PORT_DISTANCE),
    };
    if let Some(port) = port {
        match bind(port) {
            Ok(listener) => return Ok(listener),
            Err(error) => tracing::warn!(
                port,
                %error,
                "cannot listen for other nodes on the usual port, and takes a free one; \
                 --p2p-port names another"
            ),
        }
    }
    bind(0).context("cannot listen for other nodes; --no-p2p does without them")
}

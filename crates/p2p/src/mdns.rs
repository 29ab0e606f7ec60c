//! Finds libp2p's programs on the local network, and lets itself be found. Which
//! of them are of this chain shows when they are dialled.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use adit_net::address::{Identity, PeerAddress};
use adit_net::machine::Input;
use libp2p_core::transport::ListenerId;
use libp2p_mdns::{Config, Event, tokio::Behaviour};
use libp2p_swarm::behaviour::{ExpiredListenAddr, FromSwarm, NewListenAddr};
use libp2p_swarm::{NetworkBehaviour, ToSwarm};
use tokio::sync::{mpsc, watch};

use crate::key::{identity_of, peer_id_of};
use crate::link::EdgeEvent;
use crate::multiaddr::{Host, Multiaddr};

/// This many addresses are remembered that were found; when there are more, it is
/// begun anew.
pub const MDNS_FOUND_LIMIT: usize = 1_024;

/// Finds others for as long as it runs.
pub(crate) async fn find(
    own: Identity,
    mut listening: watch::Receiver<Vec<SocketAddr>>,
    inputs: &mpsc::Sender<EdgeEvent>,
) -> io::Result<()> {
    let Some(own) = peer_id_of(&own) else {
        return Ok(());
    };
    loop {
        let mut mdns = Behaviour::new(Config::default(), own)?;
        let listener_id = ListenerId::next();
        let mut told: Vec<libp2p_core::Multiaddr> = Vec::new();
        listening.mark_changed();
        while mdns.discovered_nodes().len() <= MDNS_FOUND_LIMIT {
            let event = tokio::select! {
                event = poll_fn(|context| mdns.poll(context)) => event,
                changed = listening.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let sockets = listening.borrow_and_update().clone();
                    let now: Vec<_> = sockets.iter().filter_map(written).collect();
                    for addr in told.iter().filter(|addr| !now.contains(addr)) {
                        let gone = ExpiredListenAddr { listener_id, addr };
                        mdns.on_swarm_event(FromSwarm::ExpiredListenAddr(gone));
                    }
                    for addr in now.iter().filter(|addr| !told.contains(addr)) {
                        let new = NewListenAddr { listener_id, addr };
                        mdns.on_swarm_event(FromSwarm::NewListenAddr(new));
                    }
                    told = now;
                    continue;
                }
            };
            let ToSwarm::GenerateEvent(Event::Discovered(others)) = event else {
                continue;
            };
            for (peer, address) in others {
                if let Some(identity) = identity_of(&peer)
                    && let Ok(address) = address.to_string().parse::<Multiaddr>()
                    && let Host::Ip(ip) = address.host
                {
                    let socket = SocketAddr::new(ip, address.port);
                    let found = PeerAddress::new(socket, identity);
                    tracing::debug!(address = %found, "found on the local network");
                    let found = EdgeEvent::of(Input::HeardOf(found));
                    if inputs.send(found).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn written(socket: &SocketAddr) -> Option<libp2p_core::Multiaddr> {
    let address = Multiaddr {
        host: Host::Ip(socket.ip()),
        port: socket.port(),
        identity: None,
    };
    address.to_string().parse().ok()
}

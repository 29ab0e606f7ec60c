//! At which addresses this machine is found, and when they change: a laptop moves
//! from one network to another.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

use futures_util::StreamExt;
use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use tokio::sync::watch;

/// Where a node is found that listens at one address.
pub(crate) fn of_specified(listening: SocketAddr) -> Vec<SocketAddr> {
    match listening.ip().is_unspecified() {
        true => Vec::new(),
        false => vec![listening],
    }
}

/// Tells where a node is found that listens at all addresses, for as long as it
/// runs.
pub(crate) async fn watch(
    listening: SocketAddr,
    told: &watch::Sender<Vec<SocketAddr>>,
) -> io::Result<()> {
    let mut watcher = IfWatcher::new()?;
    let mut addresses = BTreeSet::new();
    while let Some(event) = watcher.next().await {
        match event? {
            IfEvent::Up(net) => addresses.insert(net.addr()),
            IfEvent::Down(net) => addresses.remove(&net.addr()),
        };
        let is_found = |ip: &&IpAddr| match ip {
            IpAddr::V4(ip) => !ip.is_loopback(),
            // Without its interface, a link-local address leads nowhere.
            IpAddr::V6(ip) => {
                listening.is_ipv6() && !ip.is_loopback() && !ip.is_unicast_link_local()
            }
        };
        let now = addresses.iter().filter(is_found);
        let now: Vec<_> = now
            .map(|ip| SocketAddr::new(*ip, listening.port()))
            .collect();
        told.send_if_modified(|told| {
            let has_changed = *told != now;
            *told = now;
            has_changed
        });
    }
    Ok(())
}

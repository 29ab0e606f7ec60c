//! Where a peer listens, and who answers there. Which addresses are near each
//! other is decided here; which of them are dialled is not.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The public key by which a peer is known, wherever it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub [u8; 32]);

/// A place to dial, and the peer that has to answer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// The host, an IPv4 one too as IPv6.
    pub ip: Ipv6Addr,
    /// The TCP port.
    pub port: u16,
    /// Who listens there.
    pub identity: Identity,
}

/// Addresses that one person can easily have many of: a /16 of IPv4, a /32 of
/// IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub [u8; 4]);

impl PeerAddress {
    /// The address of a peer that listens there.
    pub fn new(socket: SocketAddr, identity: Identity) -> PeerAddress {
        let ip = match socket.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        PeerAddress {
            ip,
            port: socket.port(),
            identity,
        }
    }

    /// Which addresses it is near to; `None` on a network of one's own, where
    /// being near says nothing.
    pub fn group(&self) -> Option<Group> {
        group_of(self.ip)
    }

    /// Whether it can be dialled at all.
    pub fn is_dialable(&self) -> bool {
        self.port != 0 && !self.ip.is_unspecified() && !self.ip.is_multicast()
    }
}

/// The group of a host; `None` on a network of one's own.
pub fn group_of(ip: Ipv6Addr) -> Option<Group> {
    if !is_public(ip) {
        return None;
    }
    let [a, b, c, d, ..] = ip.octets();
    Some(match ip.to_ipv4_mapped() {
        Some(ip) => {
            let [a, b, ..] = ip.octets();
            Group([0, 0, a, b])
        }
        None => Group([a, b, c, d]),
    })
}

/// Whether a host is one of the whole Internet, and not of a network of one's
/// own (RFC 1918, 4193, 3927, 4291, 6598).
pub fn is_public(ip: Ipv6Addr) -> bool {
    if let Some(ip) = ip.to_ipv4_mapped() {
        let [a, b, ..] = ip.octets();
        let is_shared = a == 100 && (64..128).contains(&b);
        return !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared);
    }
    !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local())
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip.to_ipv4_mapped() {
            Some(ip) => write!(f, "{ip}:{}", self.port),
            None => write!(f, "[{}]:{}", self.ip, self.port),
        }
    }
}

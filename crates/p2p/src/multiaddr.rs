//! Where a peer listens, written as libp2p writes it:
//! `/ip4/192.168.1.7/tcp/15000/p2p/12D3KooW...`. Hosts may have names too; who
//! looks these up is not known here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use adit_net::address::{Identity, PeerAddress};

use crate::key::{KeyError, identity_named, name_of};

/// A place to dial, and who has to answer there, if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multiaddr {
    /// The host.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// Who has to answer; `None` is whoever does.
    pub identity: Option<Identity>,
}

/// A host, by its address or by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Its address.
    Ip(IpAddr),
    /// Its name.
    Name(String),
}

/// Why a text is no address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultiaddrError {
    /// It has another form.
    #[error(
        "expected an address such as /ip4/192.168.1.7/tcp/15000/p2p/12D3KooW..., found {found:?}"
    )]
    Form {
        /// What there is.
        found: String,
    },
    /// The name behind `/p2p/` names nobody.
    #[error(transparent)]
    Peer(#[from] KeyError),
}

impl Multiaddr {
    /// The same with its host's address; `None` where only a name is known, or
    /// not who listens.
    pub fn peer_address(&self) -> Option<PeerAddress> {
        let Host::Ip(ip) = self.host else {
            return None;
        };
        let socket = SocketAddr::new(ip, self.port);
        Some(PeerAddress::new(socket, self.identity?))
    }
}

impl From<&PeerAddress> for Multiaddr {
    fn from(address: &PeerAddress) -> Multiaddr {
        Multiaddr {
            host: Host::Ip(address.ip.to_canonical()),
            port: address.port,
            identity: Some(address.identity),
        }
    }
}

impl FromStr for Multiaddr {
    type Err = MultiaddrError;

    fn from_str(text: &str) -> Result<Multiaddr, MultiaddrError> {
        let form = || MultiaddrError::Form {
            found: text.to_owned(),
        };
        let mut parts = text.strip_prefix('/').ok_or_else(form)?.split('/');
        let (kind, host) = parts.next().zip(parts.next()).ok_or_else(form)?;
        let host = match kind {
            "ip4" => Host::Ip(IpAddr::V4(host.parse().map_err(|_| form())?)),
            "ip6" => Host::Ip(IpAddr::V6(host.parse().map_err(|_| form())?)),
            "dns" | "dns4" | "dns6" if !host.is_empty() => Host::Name(host.to_owned()),
            _ => return Err(form()),
        };
        let (kind, port) = parts.next().zip(parts.next()).ok_or_else(form)?;
        let port = port.parse().ok().filter(|port| kind == "tcp" && *port > 0);
        let port = port.ok_or_else(form)?;
        let identity = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some("p2p"), Some(name)) => Some(identity_named(name)?),
            _ => return Err(form()),
        };
        match parts.next() {
            Some(_) => Err(form()),
            None => Ok(Multiaddr {
                host,
                port,
                identity,
            }),
        }
    }
}

impl fmt::Display for Multiaddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V4(ip)) => write!(f, "/ip4/{ip}")?,
            Host::Ip(IpAddr::V6(ip)) => write!(f, "/ip6/{ip}")?,
            Host::Name(name) => write!(f, "/dns/{name}")?,
        }
        write!(f, "/tcp/{}", self.port)?;
        match &self.identity {
            Some(identity) => write!(f, "/p2p/{}", name_of(identity)),
            None => Ok(()),
        }
    }
}

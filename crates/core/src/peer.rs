//! Where another node is found: `host:port`, in one normal form, so that the
//! same node is not registered twice; `https://` stands before it where the node
//! speaks TLS. It resolves no names and connects to nothing.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::json;

/// How a node is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// HTTP as it is.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As it stands at the start of a URL.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port where none is written (RFC 9110, 4.2).
    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A host's name is at most this long (RFC 1035).
const HOST_LIMIT_BYTES: usize = 253;

/// The body of `POST /nodes/register` is at most this long.
pub const REGISTRATION_LIMIT_BYTES: usize = 64 * 1024;

/// The address of a node: an IP address or a name in lower case, a port, and how
/// it is spoken to. Its text form is `host:port`, with an IPv6 address in
/// brackets, or `https://host:port`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerAddress {
    host: String,
    port: u16,
    scheme: Scheme,
}

/// Why a text is no node's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address:?} is not a node's address: {problem}; write it as http://host:port, https://host:port or host:port"
)]
pub struct PeerAddressError {
    /// The text, at most its first 80 characters.
    pub address: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Why a registration was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The body is no JSON object with a list of strings under `nodes`; the
    /// tutorial's own words, and what was found.
    #[error("Error: Please supply a valid list of nodes{}", .0.as_ref().map(|why| format!(" ({why})")).unwrap_or_default())]
    NotAList(Option<String>),
    /// One of the addresses is none. None of them was registered.
    #[error("Error: Please supply a valid list of nodes ({0})")]
    Address(#[from] PeerAddressError),
}

/// Reads the body of the tutorial's `POST /nodes/register`.
pub fn read_registration(body: &[u8]) -> Result<Vec<PeerAddress>, RegistrationError> {
    let text = json::canonical(body, REGISTRATION_LIMIT_BYTES)
        .map_err(|error| RegistrationError::NotAList(Some(error.to_string())))?;
    let nodes = json::member(&text, "nodes").and_then(json::elements);
    let nodes = nodes.ok_or(RegistrationError::NotAList(None))?;
    nodes
        .map(|node| {
            let node = json::string(node).ok_or_else(|| {
                let found = crate::json::kind(node);
                RegistrationError::NotAList(Some(format!("expected addresses, found {found}")))
            })?;
            Ok(node.parse::<PeerAddress>()?)
        })
        .collect()
}

impl PeerAddress {
    /// The address of a host, given as a name or an IP address without brackets.
    pub fn new(scheme: Scheme, host: &str, port: u16) -> Option<PeerAddress> {
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(address)) => address.to_string(),
            Err(_) if is_name(host) => host.to_ascii_lowercase(),
            Err(_) => return None,
        };
        Some(PeerAddress { host, port, scheme })
    }

    /// The name or IP address; an IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The URL of a path of it, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        let (scheme, host, port) = (self.scheme.name(), &self.host, self.port);
        format!("{scheme}://{host}:{port}{path}")
    }
}

impl FromStr for PeerAddress {
    type Err = PeerAddressError;

    /// Blanks around an address are what the one who copied it left there.
    fn from_str(text: &str) -> Result<PeerAddress, PeerAddressError> {
        read(text.trim()).map_err(|problem| PeerAddressError {
            address: text.chars().take(80).collect(),
            problem,
        })
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Http => write!(f, "{}:{}", self.host, self.port),
            Scheme::Https => f.write_str(&self.url("")),
        }
    }
}

impl fmt::Debug for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Like the tutorial's `urlparse(address).netloc`, and `host:port` as its later
/// code takes it. The path of a URL is ignored, as it is there.
fn read(text: &str) -> Result<PeerAddress, &'static str> {
    let (scheme, authority) = match text.split_once("://") {
        Some((name, rest)) => (
            read_scheme(name)?,
            rest.split(['/', '?', '#']).next().unwrap_or_default(),
        ),
        None => (Scheme::Http, text.strip_suffix('/').unwrap_or(text)),
    };
    let (host, port) = split_port(authority)?;
    let port = match port {
        None => scheme.default_port(),
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("the port is not in 1..65535")?,
        Some(_) => return Err("the port is not a number"),
    };
    PeerAddress::new(scheme, host, port).ok_or("the host is neither a name nor an IP address")
}

fn read_scheme(name: &str) -> Result<Scheme, &'static str> {
    [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
        .ok_or("only http:// and https:// are spoken here")
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Ok((authority, None));
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
        host.parse::<Ipv6Addr>()
            .map_err(|_| "what stands in brackets is no IPv6 address")?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("only a port can follow the brackets"),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

/// A name has no empty part, and does not end in a number: that would be a
/// mistyped IP address.
fn is_name(host: &str) -> bool {
    let in_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(in_part);
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= HOST_LIMIT_BYTES
        && host.split('.').all(is_part)
        && !host.rsplit('.').next().is_some_and(is_number)
}

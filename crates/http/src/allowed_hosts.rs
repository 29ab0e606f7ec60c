//! Under which names the node may be addressed, and how the name stands in a
//! `Host`. What is refused for it, the guard decides.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;
use axum::http::header::HOST;

/// Under which names the node may be addressed. `localhost`, IP addresses, names
/// without a dot and those below `.local` and `.internal` are always ours:
/// nobody can own them in the world's DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowedHosts {
    /// These too, and no other one: the node listens to this machine alone, or
    /// was told its names.
    Only(Vec<String>),
    /// These too, and any other: the node listens to other machines, which may
    /// have names for it. But a browser changes nothing under those.
    AlsoOthers(Vec<String>),
}

impl AllowedHosts {
    /// Whether the request is for a name that is certainly the node's. HTTP/1.0
    /// needs none; browsers always send one.
    pub(crate) fn names_us(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(HOST) else {
            return true;
        };
        let host = host.to_str().unwrap_or_default();
        let (AllowedHosts::Only(names) | AllowedHosts::AlsoOthers(names)) = self;
        let name = host_name(host);
        if host.starts_with('[') {
            return name.parse::<Ipv6Addr>().is_ok();
        }
        name.parse::<IpAddr>().is_ok()
            || is_private(name)
            || names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Whether nobody can own the name in the world's DNS: it has one part only, as
/// the names of containers have, or ends in what is kept for local networks
/// (RFC 6762, and `.internal` by ICANN).
fn is_private(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let are_plain = parts
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(is_plain));
    let last = parts.last().copied().unwrap_or_default();
    let is_local = ["local", "internal"]
        .iter()
        .any(|local| last.eq_ignore_ascii_case(local));
    are_plain && (parts.len() == 1 || is_local)
}

/// Whether a name is nothing but letters, digits and what stands between them in
/// names and addresses, so that it may stand in a line that people type.
pub(crate) fn is_plain(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:[]-_".contains(&byte);
    !host.is_empty() && host.bytes().all(is_plain)
}

/// Returns the name in a `Host`, without its port; an empty one if it is not
/// written as one, so that nobody takes another part of it for the name.
pub(crate) fn host_name(host: &str) -> &str {
    let (name, behind) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or_default(),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = behind.strip_prefix(':').unwrap_or_default();
    let is_whole = behind.is_empty() || behind.starts_with(':');
    match is_whole && port.bytes().all(|digit| digit.is_ascii_digit()) {
        true => name,
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_for_more_than_a_name_is_not_plain() {
        for plain in ["localhost:5000", "[::1]:5000", "a-b_c.example", "10.0.0.1"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "", "a;b", "$(id)", "a`b`", "a b", "a|b", "a&b", "a'b", "a/b", "é",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    fn names_us(hosts: &AllowedHosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header's value"));
        hosts.names_us(&headers)
    }

    #[test]
    fn a_name_that_nobody_can_own_is_ours() {
        let hosts = AllowedHosts::Only(vec!["Chain.example".to_owned()]);
        for ours in [
            "localhost",
            "LOCALHOST:5000",
            "node2:5000",
            "my_node-1",
            "class.local",
            "a.b.LOCAL:5000",
            "node.prod.internal",
            "chain.example:5000",
            "127.0.0.1",
            "192.168.0.1:80",
            "[::1]:5000",
        ] {
            assert!(names_us(&hosts, ours), "{ours}");
        }
        for foreign in [
            "",
            ":5000",
            ".local",
            "evil..local",
            "evil.example",
            "evil.example:5000",
            "local.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "internal.",
            "evil.localx",
            "[evil]",
            "[evil.local]",
            "[127.0.0.1]",
            "[::1].evil.example",
            "[::1]evil.example:5000",
            "localhost:evil.example",
            "localhost:5000@evil.example",
            "::1",
            "a@b",
            "other.chain.example",
        ] {
            assert!(!names_us(&hosts, foreign), "{foreign}");
        }
    }
}

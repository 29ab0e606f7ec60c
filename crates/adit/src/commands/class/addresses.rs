//! Which addresses this machine has in its networks. Which of them phones reach, only
//! those who hold them know.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Where Linux lists them.
const LINUX_ROUTES: &str = "/proc/net/fib_trie";

/// At most this many are shown.
const SHOWN_ADDRESSES_LIMIT: usize = 8;

/// Its addresses, the one by which it reaches others first; the loopback one if there is
/// no other.
pub(super) fn of_this_machine() -> Vec<IpAddr> {
    let mut found = Vec::new();
    found.extend(towards_others());
    found.extend(
        std::fs::read_to_string(LINUX_ROUTES)
            .map(|text| local_in(&text))
            .unwrap_or_default(),
    );
    found.retain(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let mut seen = Vec::new();
    for ip in found {
        if !seen.contains(&ip) {
            seen.push(ip);
        }
    }
    seen.truncate(SHOWN_ADDRESSES_LIMIT);
    let none = seen.is_empty();
    seen.into_iter()
        .chain(none.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)))
        .collect()
}

/// The address that a packet to elsewhere would come from; none is sent.
fn towards_others() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documents (RFC 5737), which is nobody's.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The machine's own addresses: each stands above a line that says so.
fn local_in(text: &str) -> Vec<IpAddr> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines
        .windows(2)
        .filter(|pair| pair[1].contains("/32 host LOCAL"));
    let addresses = pairs.filter_map(|pair| pair[0].split_whitespace().last()?.parse().ok());
    addresses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_machine_are_those_that_are_local() {
        let text = "  +-- 0.0.0.0/0 3 0 5\n     |-- 192.168.4.0\n        /24 link UNICAST\n     \
                    |-- 192.168.4.20\n        /32 host LOCAL\n     |-- 192.168.4.255\n        \
                    /32 link BROADCAST\n";
        let expected: IpAddr = "192.168.4.20".parse().expect("an address");
        assert_eq!(local_in(text), [expected]);
        assert!(!of_this_machine().is_empty());
    }
}

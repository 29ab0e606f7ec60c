//! Which of those who dial this node are let in, before a byte of theirs is read:
//! by how many there are, how many come from one host, how many are still shaking
//! hands, and how fast they come. Who stays when all places are taken, the machine
//! decides.
//!
//! 1. A host that is counted has a connection.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use adit_net::address::is_public;
use adit_net::machine::INBOUND_LIMIT;

/// This many connections of others may be open: the places that the machine has
/// to give, and room for those among whom it chooses.
pub const INBOUND_CONNECTIONS_LIMIT: usize = INBOUND_LIMIT + 14;

/// Of these, this many may still be shaking hands.
pub const PENDING_CONNECTIONS_LIMIT: usize = 48;

/// A host on the Internet may have this many connections: a school may be behind
/// one address.
pub const PUBLIC_HOST_CONNECTIONS_LIMIT: usize = 8;

/// A host on a network of one's own may have this many. This machine itself may
/// have all.
pub const PRIVATE_HOST_CONNECTIONS_LIMIT: usize = 32;

/// A host may dial this often at once ...
pub const HOST_DIALS_BURST: u32 = 16;

/// ... and from then on this often in a second.
pub const HOST_DIALS_PER_SECOND: u32 = 4;

/// All hosts together may dial this often in a second, or at once.
pub const DIALS_PER_SECOND: u32 = 128;

/// This many hosts are remembered that dialled lately.
pub const HOSTS_LIMIT: usize = 4_096;

/// This many banned hosts are remembered, for a day.
pub const BANNED_HOSTS_LIMIT: usize = 1_024;

const BAN_MS: u64 = 24 * 3_600 * 1_000;

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There are too many already.
    Full,
    /// Too many are shaking hands.
    Pending,
    /// The host has too many.
    Host,
    /// They come too fast.
    Pace,
    /// The host is banned.
    Banned,
}

/// A host; of IPv6, a network as one household has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HostKey(Ipv6Addr);

/// How much of its pace is left to somebody.
#[derive(Debug, Clone, Copy)]
struct Pace {
    left: f64,
    last: Instant,
}

/// What is counted.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    inbound: usize,
    pending: usize,
    connections: BTreeMap<HostKey, usize>,
    paces: BTreeMap<HostKey, Pace>,
    all: Pace,
    banned: BTreeMap<HostKey, Instant>,
}

impl Gate {
    /// Nobody is there. At most `limit` are let in at a time, and no more than
    /// [`INBOUND_CONNECTIONS_LIMIT`].
    pub fn new(limit: usize, now: Instant) -> Gate {
        Gate {
            limit: limit.min(INBOUND_CONNECTIONS_LIMIT),
            inbound: 0,
            pending: 0,
            connections: BTreeMap::new(),
            paces: BTreeMap::new(),
            all: Pace {
                left: f64::from(DIALS_PER_SECOND),
                last: now,
            },
            banned: BTreeMap::new(),
        }
    }

    /// Somebody dials. One that is let in counts until `left`, and as pending until
    /// `shook_hands` too.
    pub fn dialled(&mut self, now: Instant, from: IpAddr) -> Result<(), Refused> {
        let host = HostKey::of(from);
        if self.banned.get(&host).is_some_and(|until| *until > now) {
            return Err(Refused::Banned);
        }
        // This machine is not kept from its own node.
        if !from.to_canonical().is_loopback() {
            if !self
                .pace_of(now, host)
                .take(now, HOST_DIALS_PER_SECOND, HOST_DIALS_BURST)
            {
                return Err(Refused::Pace);
            }
            let limit = match is_public(host.0) {
                true => PUBLIC_HOST_CONNECTIONS_LIMIT,
                false => PRIVATE_HOST_CONNECTIONS_LIMIT,
            };
            if self
                .connections
                .get(&host)
                .is_some_and(|count| *count >= limit)
            {
                return Err(Refused::Host);
            }
        }
        if !self.all.take(now, DIALS_PER_SECOND, DIALS_PER_SECOND) {
            return Err(Refused::Pace);
        }
        if self.pending >= PENDING_CONNECTIONS_LIMIT {
            return Err(Refused::Pending);
        }
        if self.inbound >= self.limit {
            return Err(Refused::Full);
        }
        self.inbound += 1;
        self.pending += 1;
        *self.connections.entry(host).or_default() += 1;
        Ok(())
    }

    /// One that was let in has shaken hands, or failed to.
    pub fn shook_hands(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// The connection of one that was let in has ended.
    pub fn left(&mut self, from: IpAddr) {
        let host = HostKey::of(from);
        self.inbound = self.inbound.saturating_sub(1);
        if let Some(count) = self.connections.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.connections.remove(&host);
            }
        }
        debug_assert!(
            self.connections.values().all(|count| *count > 0),
            "invariant 1"
        );
    }

    /// Nothing of this host is let in for a day, if it is one of the Internet: on a
    /// network of one's own, others may have its address tomorrow.
    pub fn ban(&mut self, now: Instant, host: IpAddr) {
        let host = HostKey::of(host);
        if !is_public(host.0) {
            return;
        }
        self.banned.retain(|_, until| *until > now);
        if self.banned.len() >= BANNED_HOSTS_LIMIT {
            self.banned.pop_first();
        }
        self.banned
            .insert(host, now + Duration::from_millis(BAN_MS));
    }

    /// How many connections of others there are.
    pub fn inbound(&self) -> usize {
        self.inbound
    }

    fn pace_of(&mut self, now: Instant, host: HostKey) -> &mut Pace {
        if self.paces.len() >= HOSTS_LIMIT && !self.paces.contains_key(&host) {
            // Whose pace is whole again needs not be remembered.
            let whole = Duration::from_secs(u64::from(HOST_DIALS_BURST / HOST_DIALS_PER_SECOND));
            self.paces.retain(|_, pace| pace.last + whole > now);
            if self.paces.len() >= HOSTS_LIMIT {
                self.paces.pop_first();
            }
        }
        self.paces.entry(host).or_insert(Pace {
            left: f64::from(HOST_DIALS_BURST),
            last: now,
        })
    }
}

impl Pace {
    fn take(&mut self, now: Instant, per_second: u32, most: u32) -> bool {
        let waited = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        self.left = (self.left + waited * f64::from(per_second)).min(f64::from(most));
        let is_free = self.left >= 1.0;
        if is_free {
            self.left -= 1.0;
        }
        is_free
    }
}

impl HostKey {
    fn of(ip: IpAddr) -> HostKey {
        match ip.to_canonical() {
            IpAddr::V4(ip) => HostKey(ip.to_ipv6_mapped()),
            IpAddr::V6(ip) => {
                let network = u128::from(ip) >> 64 << 64;
                match ip.is_loopback() {
                    true => HostKey(ip),
                    false => HostKey(Ipv6Addr::from(network)),
                }
            }
        }
    }
}

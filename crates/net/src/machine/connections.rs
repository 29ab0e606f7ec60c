//! Whom this node dials, and whom it lets in: this many others, of as many groups
//! of addresses, that nobody can surround it with nodes of their own. Who gives
//! way when all places are taken is decided as in Bitcoin Core: a peer that is hard
//! to be for an attacker stays.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

use super::messages::{Direction, Effect, PeerId};
use super::state::{Dial, Machine, Peer};
use crate::address::{PeerAddress, group_of};
use crate::dice::Purpose;
use crate::message::{ADDRESSES_LIMIT, ByeReason, Message};

/// This many peers are dialled for everything.
pub const OUTBOUND_LIMIT: usize = 8;

/// This many of them may be of a network of one's own.
const OUTBOUND_PRIVATE: usize = 6;

/// This many peers are dialled for blocks alone.
pub const BLOCKS_ONLY_LIMIT: usize = 2;

/// This many others may have dialled this node.
pub const INBOUND_LIMIT: usize = 114;

/// An address that was dialled has to answer within this time.
pub const DIAL_TIMEOUT_MS: u64 = 10_000;

/// While places are free, it is looked for addresses so often.
pub const DIAL_INTERVAL_MS: u64 = 5_000;

/// A peer is asked for addresses no more often than this, and answers no more
/// often.
pub const ADDRESSES_INTERVAL_MS: u64 = 300_000;

/// So few addresses at a time are news, and handed on.
const NEWS_ADDRESSES: usize = 10;

/// News of an address is handed on to this many peers.
const NEWS_PEERS: usize = 2;

/// So often an address is dialled only to see whether it answers.
pub const FEELER_INTERVAL_MS: u64 = 120_000;

/// A banned peer is let in again after a day.
pub const BAN_MS: u64 = 24 * 3_600 * 1_000;

/// This many banned peers are remembered, the last ones.
pub const BANS_LIMIT: usize = 1_024;

/// Of the addresses that a peer tells of without having been asked, one is taken
/// in this time.
pub const ADDRESS_INTERVAL_MS: u64 = 10_000;

impl Machine {
    /// Who was told by a user, or found on the network of one's own.
    pub(super) fn heard_of(&mut self, address: PeerAddress) {
        self.book.heard_of(address, address.ip);
    }

    /// Whether there is a place for a peer. Somebody may have to give way for it.
    pub(super) fn admit(
        &mut self,
        now: Duration,
        peer: PeerId,
        direction: Direction,
        address: &PeerAddress,
        effects: &mut Vec<Effect>,
    ) -> bool {
        self.dials.remove(address);
        let is_banned = self.bans.get(&address.identity);
        if is_banned.is_some_and(|until| *until > now) {
            effects.push(Effect::Disconnect(peer));
            return false;
        }
        let mut peers = self.peers.iter();
        let twin = peers.find(|(_, peer)| peer.address.identity == address.identity);
        if let Some((twin, known)) = twin {
            // Two that dial each other at once: both keep the connection of the
            // lesser key.
            let is_other_way =
                (known.direction == Direction::Inbound) == (direction != Direction::Inbound);
            let is_of_lesser =
                (direction != Direction::Inbound) == (self.config.identity < address.identity);
            let stays = is_other_way && is_of_lesser;
            let leaving = if stays { *twin } else { peer };
            effects.push(Effect::Disconnect(leaving));
            if !stays {
                return false;
            }
            self.forget(leaving);
        }
        let inbound = self
            .peers
            .values()
            .filter(|peer| peer.direction == Direction::Inbound);
        if direction == Direction::Inbound && inbound.count() >= INBOUND_LIMIT {
            let Some(leaving) = self.who_gives_way() else {
                effects.push(Effect::Disconnect(peer));
                return false;
            };
            self.part(leaving, ByeReason::Full, "there is no place left", effects);
        }
        true
    }

    /// The inbound peer that gives way to a new one. Protected are those who are
    /// near in some way that can't be chosen: by a keyed group, by latency, by
    /// having brought transactions or blocks first, by having been there longest. Of
    /// the others, the youngest of the largest group leaves.
    fn who_gives_way(&self) -> Option<PeerId> {
        let inbound = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.direction == Direction::Inbound);
        let mut left: BTreeMap<PeerId, &Peer> = inbound.map(|(id, peer)| (*id, peer)).collect();
        let keyed = |peer: &Peer| {
            let group = group_of(peer.address.ip).map(|group| group.0);
            self.dice.of(Purpose::Eviction, &group.unwrap_or_default())
        };
        protect(&mut left, 4, |peer| Reverse(keyed(peer)));
        protect(&mut left, 8, |peer| peer.latency.unwrap_or(Duration::MAX));
        protect(&mut left, 4, |peer| Reverse(peer.last_transaction));
        protect(&mut left, 8, |peer| Reverse(peer.firsts));
        let half = left.len() / 2;
        protect(&mut left, half, |peer| peer.connected);
        let mut sizes: BTreeMap<_, usize> = BTreeMap::new();
        for peer in left.values() {
            *sizes.entry(group_of(peer.address.ip)).or_default() += 1;
        }
        let size = |peer: &Peer| sizes.get(&group_of(peer.address.ip)).copied();
        let leaving = left
            .iter()
            .max_by_key(|(id, peer)| (size(peer), peer.connected, **id));
        leaving.map(|(id, _)| *id)
    }

    /// A peer of this chain has answered where it was dialled.
    pub(super) fn has_answered(&mut self, now: Duration, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get(&peer) else {
            return;
        };
        let (address, direction) = (known.address, known.direction);
        if direction == Direction::Inbound {
            let listen = known.hello.as_ref().map(|hello| hello.listen.clone());
            // Nobody speaks for others.
            let mut listen = listen.unwrap_or_default();
            listen.retain(|told| told.identity == address.identity);
            self.hand_on(peer, listen, address.ip, effects);
            return;
        }
        self.book.heard_of(address, address.ip);
        self.book.has_answered(now, &address);
        match direction {
            Direction::Feeler => self.part(peer, ByeReason::Other, "only looked", effects),
            Direction::Outbound => self.ask_addresses(now, peer, effects),
            Direction::BlocksOnly | Direction::Inbound => {}
        }
    }

    fn ask_addresses(&mut self, now: Duration, peer: PeerId, effects: &mut Vec<Effect>) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.addresses_due = ADDRESSES_LIMIT;
            known.addresses_asked = Some(now);
            effects.push(Effect::Send(peer, Message::GetAddresses));
        }
    }

    /// Only who dialled is answered, and only now and then: so nobody is read
    /// out.
    pub(super) fn get_addresses(&mut self, now: Duration, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        if known.direction != Direction::Inbound || !is_over(known.addresses_told, now) {
            return;
        }
        known.addresses_told = Some(now);
        let mut addresses = self.config.listen.clone();
        let room = ADDRESSES_LIMIT.saturating_sub(addresses.len());
        addresses.extend(self.book.sample(room, &mut self.dice));
        effects.push(Effect::Send(peer, Message::Addresses(addresses)));
    }

    pub(super) fn addresses(
        &mut self,
        now: Duration,
        peer: PeerId,
        addresses: &[PeerAddress],
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        // What nobody asked for drips.
        let waited = now.saturating_sub(known.last_address).as_millis();
        let dripped = waited / u128::from(ADDRESS_INTERVAL_MS);
        let dripped = usize::try_from(dripped).unwrap_or(usize::MAX);
        let was_asked = known.addresses_due > 0;
        let room = known.addresses_due.max(dripped.min(ADDRESSES_LIMIT));
        if room == 0 {
            return;
        }
        (known.addresses_due, known.last_address) = (0, now);
        let source = known.address.ip;
        let taken: Vec<PeerAddress> = addresses.iter().take(room).copied().collect();
        match was_asked || taken.len() > NEWS_ADDRESSES {
            true => taken
                .into_iter()
                .for_each(|address| self.book.heard_of(address, source)),
            false => self.hand_on(peer, taken, source, effects),
        }
    }

    /// News of addresses goes on to a few others.
    fn hand_on(
        &mut self,
        from: PeerId,
        mut addresses: Vec<PeerAddress>,
        source: Ipv6Addr,
        effects: &mut Vec<Effect>,
    ) {
        addresses.retain(|address| !self.book.knows(address) && self.is_other(address));
        for address in &addresses {
            self.book.heard_of(*address, source);
        }
        let others = self.peers.iter().filter(|(id, peer)| {
            **id != from && peer.is_ready() && peer.direction != Direction::BlocksOnly
        });
        let mut others: Vec<PeerId> = others.map(|(id, _)| *id).collect();
        for _ in 0..NEWS_PEERS.min(others.len()) {
            if addresses.is_empty() {
                return;
            }
            let drawn = self.dice.below(Purpose::Address, others.len() as u64);
            let other = others.swap_remove(usize::try_from(drawn).unwrap_or(0));
            let news = Message::Addresses(addresses.clone());
            effects.push(Effect::Send(other, news));
        }
    }

    fn is_other(&self, address: &PeerAddress) -> bool {
        address.identity != self.config.identity
    }

    pub(super) fn dial_failed(&mut self, address: &PeerAddress) {
        self.dials.remove(address);
    }

    /// Fills free places, and now and then looks whether an address answers.
    pub(super) fn dial(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if !self.config.dials || self.next_dial > now {
            return;
        }
        self.next_dial = now + Duration::from_millis(DIAL_INTERVAL_MS);
        self.dials.retain(|_, dial| dial.deadline > now);
        while let Some(anchor) = self.anchors.pop() {
            self.dial_one(now, anchor, Direction::BlocksOnly, effects);
        }
        for (direction, limit) in [
            (Direction::Outbound, OUTBOUND_LIMIT),
            (Direction::BlocksOnly, BLOCKS_ONLY_LIMIT),
        ] {
            for _ in self.places_taken(direction)..limit {
                if let Some(address) = self.candidate(now, direction) {
                    self.dial_one(now, address, direction, effects);
                }
            }
        }
        if self.places_taken(Direction::Outbound) < OUTBOUND_LIMIT {
            let dialled = self.peers.iter().filter(|(_, peer)| {
                peer.direction == Direction::Outbound && is_over(peer.addresses_asked, now)
            });
            let due: Vec<PeerId> = dialled.map(|(id, _)| *id).collect();
            due.into_iter()
                .for_each(|peer| self.ask_addresses(now, peer, effects));
        }
        if self.next_feeler <= now {
            self.next_feeler = now + Duration::from_millis(FEELER_INTERVAL_MS);
            if let Some(address) = self.candidate(now, Direction::Feeler) {
                self.dial_one(now, address, Direction::Feeler, effects);
            }
        }
    }

    fn dial_one(
        &mut self,
        now: Duration,
        address: PeerAddress,
        direction: Direction,
        effects: &mut Vec<Effect>,
    ) {
        self.book.is_tried(now, &address);
        let deadline = now + Duration::from_millis(DIAL_TIMEOUT_MS);
        self.dials.insert(
            address,
            Dial {
                direction,
                deadline,
            },
        );
        effects.push(Effect::Dial(address, direction));
    }

    fn places_taken(&self, direction: Direction) -> usize {
        let connected = self
            .peers
            .values()
            .filter(|peer| peer.direction == direction);
        let dialled = self
            .dials
            .values()
            .filter(|dial| dial.direction == direction);
        connected.count() + dialled.count()
    }

    /// An address of a group that is not dialled yet.
    fn candidate(&mut self, now: Duration, direction: Direction) -> Option<PeerAddress> {
        let ours = self
            .peers
            .values()
            .filter(|peer| peer.direction != Direction::Inbound);
        let ours = ours
            .map(|peer| peer.address)
            .chain(self.dials.keys().copied());
        let ours: Vec<PeerAddress> = ours.collect();
        let groups: BTreeSet<_> = ours.iter().filter_map(PeerAddress::group).collect();
        let connected = self.peers.values().map(|peer| peer.address.identity);
        let identities: BTreeSet<_> = connected
            .chain(ours.iter().map(|one| one.identity))
            .collect();
        let private = ours.iter().filter(|one| one.group().is_none()).count();
        for _ in 0..32 {
            let only_new = direction == Direction::Feeler;
            let address = self.book.draw(now, only_new, &mut self.dice)?;
            let is_apart = match address.group() {
                Some(group) => !groups.contains(&group),
                None => private < OUTBOUND_PRIVATE || self.book.len() <= OUTBOUND_LIMIT,
            };
            let is_banned = self
                .bans
                .get(&address.identity)
                .is_some_and(|until| *until > now);
            if self.is_other(&address)
                && is_apart
                && !is_banned
                && !identities.contains(&address.identity)
            {
                return Some(address);
            }
        }
        None
    }

    /// The peers for blocks alone: those are dialled first after a restart, so
    /// that a peer that fills the address book meanwhile has not won.
    pub fn anchors(&self) -> Vec<PeerAddress> {
        let peers = self.peers.values();
        let anchors =
            peers.filter(|peer| peer.direction == Direction::BlocksOnly && peer.is_ready());
        anchors.map(|peer| peer.address).collect()
    }
}

/// Whether it is long enough ago.
fn is_over(last: Option<Duration>, now: Duration) -> bool {
    last.is_none_or(|last| last + Duration::from_millis(ADDRESSES_INTERVAL_MS) <= now)
}

/// Takes out of `left` the first `count` by `key`.
fn protect<K: Ord>(left: &mut BTreeMap<PeerId, &Peer>, count: usize, key: impl Fn(&Peer) -> K) {
    let mut order: Vec<PeerId> = left.keys().copied().collect();
    order.sort_by_key(|id| left.get(id).map(|peer| key(peer)));
    for id in order.iter().take(count) {
        left.remove(id);
    }
}

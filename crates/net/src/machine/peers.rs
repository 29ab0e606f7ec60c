//! How peers come and go: who says what first, who is the right one to talk to,
//! who is still there, and who is thrown out.

use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::hash::Hash;

use super::connections::BAN_MS;
use super::messages::{ChainRules, Direction, Effect, Offence, PeerId};
use super::state::{Machine, PING_INTERVAL_MS, Peer};
use crate::address::PeerAddress;
use crate::dice::Purpose;
use crate::message::{ByeReason, Hello, Message, VERSION};

/// A `Ping` has to be answered within this time.
const PONG_TIMEOUT_MS: u64 = 60_000;

/// A peer has to say who it is within this time.
const HELLO_TIMEOUT_MS: u64 = 20_000;

impl Machine {
    /// Both sides say who they are at once.
    pub(super) fn connected(
        &mut self,
        now: Duration,
        peer: PeerId,
        direction: Direction,
        address: PeerAddress,
        effects: &mut Vec<Effect>,
    ) {
        let nonce = self.dice.draw(Purpose::Hello);
        let mut known = Peer::new(direction, address, self.tip.hash, now);
        known.ping = Some((nonce, now + Duration::from_millis(HELLO_TIMEOUT_MS)));
        self.peers.insert(peer, known);
        self.hello_nonces.insert(peer, nonce);
        let hello = Hello {
            version: VERSION,
            genesis: self.genesis,
            tip: self.tip.hash,
            height: self.tip.height,
            work: self.tip.total_weight,
            services: 0,
            nonce,
            time_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            listen: self.config.listen.clone(),
        };
        effects.push(Effect::Send(peer, Message::Hello(hello)));
    }

    pub(super) fn hello(
        &mut self,
        now: Duration,
        peer: PeerId,
        hello: Hello,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        if self
            .hello_nonces
            .values()
            .any(|nonce| *nonce == hello.nonce)
        {
            self.part(peer, ByeReason::Myself, "this is the node itself", effects);
            return Ok(());
        }
        let is_sealed = matches!(self.config.rules, ChainRules::Sealed(_));
        if is_sealed && hello.genesis != self.genesis {
            let text = format!("expected the chain of block {}", self.genesis);
            self.part(peer, ByeReason::OtherChain, &text, effects);
            return Ok(());
        }
        let is_ahead = hello.work > self.tip.total_weight;
        let knows_tip = archive.entry(&hello.tip)?.is_some();
        if let Some(known) = self.peers.get_mut(&peer) {
            if knows_tip {
                known.best = Some((hello.tip, hello.height));
            }
            known.hello = Some(hello);
            known.said_hello = now;
            known.ping = None;
        }
        if self.config.min_fee_rate > 0 {
            let filter = Message::FeeFilter(self.config.min_fee_rate);
            effects.push(Effect::Send(peer, filter));
        }
        if is_ahead {
            self.ask_headers(now, peer, None, archive, effects)?;
        }
        self.tell_tip(peer, archive, effects)?;
        self.has_answered(now, peer, effects);
        self.announce_inventory(now, peer);
        Ok(())
    }

    /// What has become the tip since this node said hello, the peer has not heard
    /// of.
    fn tell_tip(
        &mut self,
        peer: PeerId,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let hash = self.tip.hash;
        let known = self.peers.get_mut(&peer);
        let lacks = known.filter(|known| known.told_tip != hash);
        let (Some(known), Some(entry)) = (lacks, archive.entry(&hash)?) else {
            return Ok(());
        };
        known.known_blocks.insert(hash, ());
        if let Some(start) = entry.parent
            && let Some(list) = self.list_of(&hash, archive)?
        {
            effects.push(Effect::Send(peer, Message::Headers { start, list }));
        }
        Ok(())
    }

    pub(super) fn pong(&mut self, now: Duration, peer: PeerId, number: u64) {
        if let Some(peer) = self.peers.get_mut(&peer)
            && let Some((asked, deadline)) = peer.ping
            && asked == number
        {
            let sent = deadline.saturating_sub(Duration::from_millis(PONG_TIMEOUT_MS));
            let took = now.saturating_sub(sent);
            peer.latency = Some(peer.latency.map_or(took, |latency| latency.min(took)));
            peer.ping = None;
        }
    }

    pub(super) fn peers_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut silent = Vec::new();
        for (id, peer) in &mut self.peers {
            if peer.ping.is_some_and(|(_, deadline)| deadline <= now) {
                silent.push(*id);
            } else if peer.next_ping <= now && peer.ping.is_none() {
                let number = self.dice.draw(Purpose::Ping);
                peer.ping = Some((number, now + Duration::from_millis(PONG_TIMEOUT_MS)));
                peer.next_ping = now + Duration::from_millis(PING_INTERVAL_MS);
                effects.push(Effect::Send(*id, Message::Ping(number)));
            }
        }
        for peer in silent {
            self.part(peer, ByeReason::TooSlow, "no sign of life", effects);
        }
    }

    /// Hangs up, and says why.
    pub(super) fn part(
        &mut self,
        peer: PeerId,
        reason: ByeReason,
        text: &str,
        effects: &mut Vec<Effect>,
    ) {
        let text = text.to_owned();
        effects.push(Effect::Send(peer, Message::Bye { reason, text }));
        effects.push(Effect::Disconnect(peer));
        self.forget(peer);
    }

    pub(super) fn ban(
        &mut self,
        now: Duration,
        peer: PeerId,
        offence: Offence,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(known) = self.peers.get(&peer) {
            let until = now + Duration::from_millis(BAN_MS);
            self.bans.insert(known.address.identity, until);
            effects.push(Effect::Ban(peer, offence));
            self.forget(peer);
        }
    }

    /// Everything that was asked of a peer is asked of others.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.hello_nonces.remove(&peer);
        self.flights.retain(|_, flight| flight.peer != peer);
        self.pending.retain(|_, pending| pending.peer != peer);
        self.lacks.retain(|(_, other)| *other != peer);
        if self
            .classic_branch
            .as_ref()
            .is_some_and(|branch| branch.peer == peer)
        {
            self.classic_branch = None;
        }
        self.forget_requests(peer);
    }
}

/// What is known of a peer, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerView {
    /// The connection.
    pub peer: PeerId,
    /// Which side dialled, and what for.
    pub direction: Direction,
    /// Where it is, and who.
    pub address: PeerAddress,
    /// Whether it has said who it is.
    pub is_ready: bool,
    /// The best block that it has, or was told of, and its height; before that is
    /// known, what it said of its tip.
    pub best: Option<(Hash, u64)>,
    /// The shortest time in which it has answered.
    pub latency: Option<Duration>,
    /// How often it was the first with a block.
    pub firsts: u64,
    /// How far its clock is from ours, by what it said first.
    pub clock_difference: Option<Duration>,
}

impl Peer {
    pub(super) fn view(&self, peer: PeerId, tip: (Hash, u64)) -> PeerView {
        let hello = self.hello.as_ref();
        let said = hello.map(|hello| (hello.tip, hello.height));
        let has_tip = self.known_blocks.contains(&tip.0);
        // A branch of its own that is longer is the better one.
        let best = self.best.or(said).filter(|best| !has_tip || best.1 > tip.1);
        PeerView {
            peer,
            direction: self.direction,
            address: self.address,
            is_ready: self.is_ready(),
            best: best.or(has_tip.then_some(tip)),
            latency: self.latency,
            firsts: self.firsts,
            clock_difference: hello.map(|hello| hello.clock_difference(self.said_hello)),
        }
    }

    /// A sign of life.
    pub(super) fn heard(&mut self, now: Duration) {
        self.next_ping = now + Duration::from_millis(PING_INTERVAL_MS);
    }

    /// When something is to be looked at.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Duration> {
        let ping = match self.ping {
            Some((_, deadline)) => deadline,
            None => self.next_ping,
        };
        [Some(ping), self.headers_deadline, self.next_batch]
            .into_iter()
            .flatten()
    }
}

//! A whole network: participants, what lies between them, and what happens. It
//! carries out what the participants want, in the order of time, and knows
//! nothing of why they want it.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::chain::ChainError;
use adit_core::hash::{Hash, sha256};
use adit_core::node::{Input, Timer};
use adit_core::rules::Sealed;
use adit_core::transaction::Submitted;
use adit_net::address::{Identity, PeerAddress};
use adit_net::codec::{decode_frame, encode};
use adit_net::machine::{ChainRules, Direction, Input as NetInput, Offence, PeerId};
use adit_net::message::{Hello, Message};

use crate::agenda::Agenda;
use crate::chain::CHAIN_START;
use crate::draws::{Draws, Purpose};
use crate::link::{Link, LinkSettings};
use crate::participant::{Participant, Shared, Wish};

/// How a network is.
#[derive(Clone)]
pub struct Settings {
    /// One seed is one history.
    pub seed: u64,
    /// How many nodes there are.
    pub nodes: usize,
    /// How many others each dials.
    pub outbound: usize,
    /// The rules of the chain.
    pub rules: ChainRules,
    /// Who is paid for the blocks: node number so and so.
    pub reward_to: Vec<String>,
    /// What lies between them.
    pub links: LinkSettings,
    /// Whether each message is written in bytes and read again.
    pub through_bytes: bool,
    /// Whether nodes look for peers by themselves: each knows one other at
    /// first.
    pub finds_peers: bool,
}

enum Event {
    /// A message arrives over that link, at that node.
    Arrives(usize, usize, Message),
    /// A link comes up, as one end sees it.
    LinkUp(usize, usize, Direction),
    /// A link breaks, as one end sees it.
    LinkDown(usize, usize),
    /// A node is told of an address.
    HeardOf(usize, PeerAddress),
    WakeCore(usize, Timer),
    WakeMachine(usize),
    /// Somebody finds a block.
    Mined(usize),
    /// Somebody pays, at that node.
    Paid(usize, Box<Submitted>),
}

/// How a block got around.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// When it was made.
    pub made: Duration,
    /// When it became the tip, of each node that it did.
    pub seen: BTreeMap<usize, Duration>,
}

/// A network.
pub struct Network {
    settings: Settings,
    /// What is drawn.
    pub draws: Draws,
    agenda: Agenda<Event>,
    nodes: Vec<Participant>,
    shared: Shared,
    links: Vec<Link>,
    uplink_free: Vec<Duration>,
    /// Those that say only what they are told to say, and what they have heard.
    puppets: BTreeMap<usize, Vec<(usize, Message)>>,
    /// Who was banned by whom, and why.
    pub bans: Vec<(usize, usize, Offence)>,
    /// Each block that became a tip.
    pub spreads: BTreeMap<Hash, Spread>,
    /// How many bytes of each message were sent.
    pub sent_bytes: BTreeMap<&'static str, (u64, u64)>,
    trace: Hash,
    restarts: u64,
}

impl Network {
    /// A network whose nodes have dialled each other at random, before anything
    /// has been said.
    pub fn new(settings: Settings) -> Result<Network, ChainError> {
        let draws = Draws::new(settings.seed);
        let now = CHAIN_START;
        let mut network = Network {
            draws,
            agenda: Agenda::new(now),
            nodes: Vec::new(),
            shared: Shared::default(),
            links: Vec::new(),
            uplink_free: Vec::new(),
            puppets: BTreeMap::new(),
            bans: Vec::new(),
            spreads: BTreeMap::new(),
            sent_bytes: BTreeMap::new(),
            trace: Hash([0; 32]),
            restarts: 0,
            settings,
        };
        for number in 0..network.settings.nodes {
            network.add_node(number)?;
        }
        for number in 0..network.settings.nodes {
            match network.settings.finds_peers {
                true => network.introduce(number),
                false => network.dial_some(number),
            }
        }
        Ok(network)
    }

    fn add_node(&mut self, number: usize) -> Result<(), ChainError> {
        let reward_to = &self.settings.reward_to;
        let reward_to = &reward_to[number % reward_to.len()];
        let now = self.agenda.now();
        let seed = self.seed_of(number);
        let (rules, finds) = (&self.settings.rules, self.settings.finds_peers);
        let address = address_of(number);
        let participant = Participant::new(rules, reward_to, seed, address, finds, now)?;
        self.nodes.push(participant);
        self.uplink_free.push(now);
        Ok(())
    }

    fn seed_of(&self, number: usize) -> [u8; 16] {
        let draw = |count| self.draws.draw(Purpose::Node, number as u64, count);
        let [low, high] = [0, 1].map(|half| draw(2 * self.restarts + half).to_be_bytes());
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&low);
        seed[8..].copy_from_slice(&high);
        seed
    }

    fn dial_some(&mut self, number: usize) {
        let nodes = self.settings.nodes as u64;
        let (mut dialled, mut count) = (Vec::new(), 0);
        while dialled.len() < self.settings.outbound.min(self.settings.nodes - 1) {
            let other = self
                .draws
                .below(nodes, Purpose::Topology, number as u64, count);
            let other = other as usize;
            count += 1;
            if other != number && !dialled.contains(&other) {
                dialled.push(other);
                self.connect(number, other);
            }
        }
    }

    /// Tells a node of another one.
    fn introduce(&mut self, number: usize) {
        let nodes = self.settings.nodes;
        let others = (nodes as u64 - 1).max(1);
        let step = self
            .draws
            .below(others, Purpose::Topology, number as u64, 0);
        let address = address_of((number + 1 + step as usize) % nodes);
        let now = self.agenda.now();
        self.agenda.plan(now, Event::HeardOf(number, address));
    }

    /// Connects two, and returns the number of the link.
    pub fn connect(&mut self, from: usize, to: usize) -> usize {
        self.connect_as(from, to, Direction::Outbound)
    }

    fn connect_as(&mut self, from: usize, to: usize, direction: Direction) -> usize {
        let number = self.links.len();
        let link = Link::new(number as u64, [from, to], &self.settings.links, &self.draws);
        self.links.push(link);
        let now = self.agenda.now();
        for end in [from, to] {
            let direction = match end == from {
                true => direction,
                false => Direction::Inbound,
            };
            self.agenda.plan(now, Event::LinkUp(number, end, direction));
        }
        number
    }

    /// Breaks a link; both ends see it at once.
    pub fn break_link(&mut self, number: usize) {
        if std::mem::replace(&mut self.links[number].is_up, false) {
            for end in self.links[number].ends {
                let event = Event::LinkDown(number, end);
                self.agenda.plan(self.agenda.now(), event);
            }
        }
    }

    /// Breaks every link between nodes that `part` puts in different parts, and
    /// returns them, so that they can be dialled again.
    pub fn split(&mut self, part: impl Fn(usize) -> usize) -> Vec<[usize; 2]> {
        let mut broken = Vec::new();
        for number in 0..self.links.len() {
            let [from, to] = self.links[number].ends;
            if self.links[number].is_up && part(from) != part(to) {
                self.break_link(number);
                broken.push([from, to]);
            }
        }
        broken
    }

    /// One node more, which knows nobody yet; its number.
    pub fn join(&mut self) -> Result<usize, ChainError> {
        let number = self.nodes.len();
        self.add_node(number)?;
        Ok(number)
    }

    /// Somebody who says only what it is told to say; its number as a
    /// participant.
    pub fn add_puppet(&mut self) -> Result<usize, ChainError> {
        let number = self.join()?;
        self.puppets.insert(number, Vec::new());
        Ok(number)
    }

    /// What a puppet has heard since it was asked last: the link, and the message.
    pub fn heard(&mut self, puppet: usize) -> Vec<(usize, Message)> {
        self.puppets
            .get_mut(&puppet)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// A puppet says something.
    pub fn say(&mut self, puppet: usize, link: usize, message: Message) {
        self.send(puppet, link, message);
    }

    /// Somebody finds a block at that time.
    pub fn plan_block(&mut self, at: Duration, finder: usize) {
        self.agenda.plan(at, Event::Mined(finder));
    }

    /// Somebody submits a transaction at that time. It is known to be valid, so
    /// that its signature is not checked by each node.
    pub fn plan_payment(&mut self, at: Duration, node: usize, submitted: Submitted) {
        self.shared.keep(&submitted);
        self.agenda.plan(at, Event::Paid(node, Box::new(submitted)));
    }

    /// The time.
    pub fn now(&self) -> Duration {
        self.agenda.now()
    }

    /// A node.
    pub fn node(&self, number: usize) -> &Participant {
        &self.nodes[number]
    }

    /// All nodes but puppets.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Participant)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(number, _)| !self.puppets.contains_key(number))
    }

    /// The links.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// A hash of everything that was said, by whom, when, in order.
    pub fn trace(&self) -> Hash {
        self.trace
    }

    /// A node ends and starts again: what it has kept is there, and nobody is
    /// connected.
    pub fn restart(&mut self, number: usize) -> Result<(), ChainError> {
        self.restarts += 1;
        let seed = self.seed_of(number);
        for link in 0..self.links.len() {
            if self.links[link].ends.contains(&number) {
                self.break_link(link);
            }
        }
        Ok(self.nodes[number].restart(seed)?)
    }

    /// Everything happens that happens before `end`.
    pub fn run_until(&mut self, end: Duration) -> Result<(), ChainError> {
        while let Some(event) = self.agenda.next_before(end) {
            self.happens(event)?;
        }
        Ok(())
    }

    /// The same for so long.
    pub fn run_for(&mut self, time: Duration) -> Result<(), ChainError> {
        self.run_until(self.agenda.now() + time)
    }

    fn happens(&mut self, event: Event) -> Result<(), ChainError> {
        let now = self.agenda.now();
        let mut wishes = Vec::new();
        let number = match event {
            Event::Arrives(link, to, message) => {
                if !self.links[link].is_up {
                    return Ok(());
                }
                if let Some(heard) = self.puppets.get_mut(&to) {
                    heard.push((link, message));
                    return Ok(());
                }
                let input = NetInput::Message(PeerId(link as u64), message);
                self.nodes[to].tell_machine(now, input, &mut self.shared, &mut wishes)?;
                to
            }
            Event::LinkUp(link, end, direction) => {
                let input = NetInput::Connected {
                    peer: PeerId(link as u64),
                    direction,
                    address: address_of(self.links[link].other(end)),
                };
                self.tell_unless_puppet(end, input, &mut wishes)?;
                end
            }
            Event::LinkDown(link, end) => {
                self.links[link].is_up = false;
                let input = NetInput::Disconnected(PeerId(link as u64));
                self.tell_unless_puppet(end, input, &mut wishes)?;
                end
            }
            Event::HeardOf(number, address) => {
                self.tell_unless_puppet(number, NetInput::HeardOf(address), &mut wishes)?;
                number
            }
            Event::WakeCore(number, timer) => {
                let input = Input::Timer(timer);
                self.nodes[number].tell_core(now, input, &mut self.shared, &mut wishes)?;
                number
            }
            Event::WakeMachine(number) => {
                let input = NetInput::Timer;
                self.nodes[number].tell_machine(now, input, &mut self.shared, &mut wishes)?;
                number
            }
            Event::Mined(number) => {
                self.nodes[number].mine(now, &mut self.shared, &mut wishes)?;
                number
            }
            Event::Paid(number, submitted) => {
                let shared = &mut self.shared;
                self.nodes[number].submit_transaction(now, *submitted, shared, &mut wishes)?;
                number
            }
        };
        self.carry_out(number, wishes);
        Ok(())
    }

    fn tell_unless_puppet(
        &mut self,
        number: usize,
        input: NetInput,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), ChainError> {
        if self.puppets.contains_key(&number) {
            return Ok(());
        }
        let now = self.agenda.now();
        self.nodes[number].tell_machine(now, input, &mut self.shared, wishes)
    }

    fn carry_out(&mut self, number: usize, wishes: Vec<Wish>) {
        let now = self.agenda.now();
        for wish in wishes {
            match wish {
                Wish::Send(peer, message) => self.send(number, peer.0 as usize, message),
                Wish::Dial(address, direction) => {
                    if let Some(other) = number_of(&address, self.nodes.len()) {
                        self.connect_as(number, other, direction);
                    }
                }
                Wish::Disconnect(peer) => self.hang_up(number, peer),
                Wish::Ban(peer, offence) => {
                    let other = self.links[peer.0 as usize].other(number);
                    self.bans.push((number, other, offence));
                    self.hang_up(number, peer);
                }
                Wish::WakeCore(timer, at) => self.agenda.plan(at, Event::WakeCore(number, timer)),
                Wish::WakeMachine(at) => self.agenda.plan(at, Event::WakeMachine(number)),
                Wish::Tip(block) => self.saw_tip(now, number, &block),
            }
        }
    }

    fn saw_tip(&mut self, now: Duration, number: usize, block: &Arc<Block>) {
        let made = Spread {
            made: now,
            seen: BTreeMap::new(),
        };
        let spread = self.spreads.entry(block.hash()).or_insert(made);
        spread.seen.entry(number).or_insert(now);
    }

    /// The other end sees it when all that was said before has arrived.
    fn hang_up(&mut self, number: usize, peer: PeerId) {
        let (link, now) = (peer.0 as usize, self.agenda.now());
        let (settings, draws) = (self.settings.links, self.draws);
        let there = self.links[link].arrival(now, number, 1, &settings, &draws);
        let other = self.links[link].other(number);
        self.agenda.plan(there, Event::LinkDown(link, other));
    }

    fn send(&mut self, from: usize, link: usize, message: Message) {
        if !self.links[link].is_up {
            return;
        }
        let frame = encode(&message);
        let (name, bytes, now) = (message.name(), frame.len() as u64, self.agenda.now());
        let message = match self.settings.through_bytes {
            true => decode_frame(&frame).ok().flatten().unwrap_or(message),
            false => message,
        };
        let sent = self.sent_bytes.entry(name).or_default();
        *sent = (sent.0 + 1, sent.1 + bytes);
        // All that a participant sends leaves one after the other.
        let settings = self.settings.links;
        let takes_us = bytes * 1_000_000 / settings.uplink_bytes_per_s.max(1);
        let free = self.uplink_free[from].max(now) + Duration::from_micros(takes_us);
        self.uplink_free[from] = free;
        let draws = self.draws;
        let arrival = self.links[link].arrival(free, from, bytes, &settings, &draws);
        let to = self.links[link].other(from);
        let said = format!("{} {arrival:?} {link} {from} {name} {bytes}", self.trace);
        self.trace = sha256(said.as_bytes());
        self.agenda.plan(arrival, Event::Arrives(link, to, message));
    }
}

/// Where a node listens: each in a group of its own, so that all may be dialled.
pub fn address_of(number: usize) -> PeerAddress {
    let number = number as u32;
    let ip = Ipv6Addr::from((0x2a00_0000_u128 + u128::from(number)) << 96 | 1);
    let mut identity = [0; 32];
    identity[..4].copy_from_slice(&number.to_be_bytes());
    PeerAddress {
        ip,
        port: 15_000,
        identity: Identity(identity),
    }
}

fn number_of(address: &PeerAddress, nodes: usize) -> Option<usize> {
    let [a, b, c, d, ..] = address.identity.0;
    let number = u32::from_be_bytes([a, b, c, d]) as usize;
    (number < nodes).then_some(number)
}

/// What somebody says who has nothing but the genesis block.
pub fn hello(rules: &Sealed, nonce: u64) -> Message {
    Message::Hello(Hello {
        version: 1,
        genesis: rules.genesis_hash(),
        tip: rules.genesis_hash(),
        height: 1,
        work: Default::default(),
        services: 0,
        nonce,
        time_ms: 0,
        listen: Vec::new(),
    })
}

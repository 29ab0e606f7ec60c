//! Whom a node dials and lets in, seen through the machine.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::MemoryArchive;
use adit_core::hash::sha256;
use adit_core::rules::Sealed;
use adit_net::address::{Identity, PeerAddress};
use adit_net::machine::{
    BLOCKS_ONLY_LIMIT, ChainRules, Config, DIAL_INTERVAL_MS, DIAL_TIMEOUT_MS, Direction, Effect,
    INBOUND_LIMIT, Input, Machine, OUTBOUND_LIMIT, PeerId,
};
use adit_net::message::{Hello, Message};

use crate::world::{Dice, START_MS, archive_of, rules_of};

/// A machine, and the world around it, in which everybody answers.
struct World {
    rules: Arc<Sealed>,
    archive: MemoryArchive,
    machine: Machine,
    now: Duration,
    last_peer: u64,
    connected: Vec<(PeerId, PeerAddress, Direction)>,
    /// Who answers when dialled.
    answers: fn(&PeerAddress) -> bool,
}

fn address(a: u8, b: u8, c: u8, d: u8) -> PeerAddress {
    PeerAddress {
        ip: Ipv4Addr::new(a, b, c, d).to_ipv6_mapped(),
        port: 15_000,
        identity: Identity(sha256(&[a, b, c, d]).0),
    }
}

fn is_evil(address: &PeerAddress) -> bool {
    address.ip.to_ipv4_mapped().unwrap().octets()[0] >= 100
}

impl World {
    fn new(seed: u8) -> World {
        let rules = rules_of(1);
        let archive = archive_of(&rules);
        World {
            machine: machine(&rules, &archive, seed),
            rules,
            archive,
            now: Duration::from_millis(START_MS),
            last_peer: 0,
            connected: Vec::new(),
            answers: |_| true,
        }
    }

    fn tell(&mut self, input: Input) {
        let effects = self.machine.handle(self.now, input, &self.archive).unwrap();
        for effect in effects {
            match effect {
                Effect::Dial(address, direction) => match (self.answers)(&address) {
                    true => self.connect(address, direction),
                    false => self.tell(Input::DialFailed(address)),
                },
                Effect::Disconnect(peer) | Effect::Ban(peer, _) => {
                    self.connected.retain(|(other, ..)| *other != peer);
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self, address: PeerAddress, direction: Direction) {
        self.last_peer += 1;
        let peer = PeerId(self.last_peer);
        self.connected.push((peer, address, direction));
        self.tell(Input::Connected {
            peer,
            direction,
            address,
        });
        let hello = Hello {
            version: 1,
            genesis: self.rules.genesis_hash(),
            tip: self.rules.genesis_hash(),
            height: 1,
            work: Default::default(),
            services: 0,
            nonce: self.last_peer,
            time_ms: 0,
            listen: Vec::new(),
        };
        self.tell(Input::Message(peer, Message::Hello(hello)));
    }

    fn wait(&mut self, time_ms: u64) {
        let end = self.now + Duration::from_millis(time_ms);
        while self.now < end {
            self.now += Duration::from_millis(DIAL_INTERVAL_MS);
            self.tell(Input::Timer);
        }
    }

    fn of(&self, direction: Direction) -> Vec<PeerAddress> {
        let all = self.connected.iter();
        let of = all.filter(|(_, _, of)| *of == direction);
        of.map(|(_, address, _)| *address).collect()
    }

    /// The node ends and starts again, with what it has kept.
    fn restart(&mut self, seed: u8) {
        let book = self.machine.address_book().to_bytes();
        let anchors = self.machine.anchors();
        self.machine = machine(&self.rules, &self.archive, seed);
        let book = adit_net::address_book::AddressBook::from_bytes(&book).unwrap();
        self.machine.remember(book, anchors);
        self.connected.clear();
    }
}

fn machine(rules: &Arc<Sealed>, archive: &MemoryArchive, seed: u8) -> Machine {
    let config = Config {
        seed: [seed; 16],
        rules: ChainRules::Sealed(Arc::clone(rules)),
        min_work: Default::default(),
        identity: Identity([7; 32]),
        listen: Vec::new(),
        min_fee_rate: 0,
        dials: true,
    };
    Machine::new(config, archive).unwrap()
}

#[test]
fn places_are_filled_with_peers_of_groups_that_are_all_different() {
    let mut world = World::new(1);
    for number in 0..200 {
        let address = address(20 + number % 4, number, 1, number);
        world.tell(Input::HeardOf(address));
    }
    world.wait(60_000);
    let mut groups: Vec<_> = [Direction::Outbound, Direction::BlocksOnly]
        .iter()
        .flat_map(|direction| world.of(*direction))
        .map(|address| address.group())
        .collect();
    assert_eq!(groups.len(), OUTBOUND_LIMIT + BLOCKS_ONLY_LIMIT);
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups.len(), OUTBOUND_LIMIT + BLOCKS_ONLY_LIMIT);
}

#[test]
fn thirty_laptops_on_one_network_are_peers_although_they_are_of_one_group() {
    let mut world = World::new(2);
    for number in 1..6 {
        world.tell(Input::HeardOf(address(192, 168, 1, number)));
    }
    world.wait(60_000);
    assert_eq!(world.of(Direction::Outbound).len(), 5);
}

#[test]
fn who_is_banned_is_neither_dialled_nor_let_in_for_a_day() {
    let mut world = World::new(3);
    let bad = address(20, 1, 1, 1);
    world.tell(Input::HeardOf(bad));
    world.wait(10_000);
    let (peer, ..) = world.connected[0];
    let error = adit_net::codec::decode(1, b"nonsense").unwrap_err();
    world.tell(Input::Malformed(peer, error));
    assert!(world.connected.is_empty());
    world.wait(3_600_000);
    assert!(world.connected.is_empty());
    world.connect(bad, Direction::Inbound);
    assert!(world.connected.is_empty());
    world.wait(23 * 3_600_000);
    world.connect(bad, Direction::Inbound);
    assert_eq!(world.connected.len(), 1);
}

#[test]
fn two_that_dial_each_other_at_once_keep_one_connection_of_the_two() {
    for other in [Identity([6; 32]), Identity([8; 32])] {
        let address = PeerAddress {
            identity: other,
            ..address(20, 1, 1, 1)
        };
        let is_lesser = Identity([7; 32]) < other;
        for order in [
            [Direction::Outbound, Direction::Inbound],
            [Direction::Inbound, Direction::Outbound],
        ] {
            let mut world = World::new(4);
            world.answers = |_| false;
            for direction in order {
                world.connect(address, direction);
            }
            let kept: Vec<_> = world
                .connected
                .iter()
                .map(|(.., direction)| *direction)
                .collect();
            let expected = match is_lesser {
                true => Direction::Outbound,
                false => Direction::Inbound,
            };
            assert_eq!(kept, [expected]);
        }
    }
}

#[test]
fn a_flood_of_inbound_peers_pushes_out_its_own_and_not_the_others() {
    let mut world = World::new(5);
    for number in 0..20 {
        world.connect(address(20 + number, 1, 1, 1), Direction::Inbound);
        world.now += Duration::from_secs(60);
    }
    for number in 0..600_u16 {
        let [high, low] = number.to_be_bytes();
        world.connect(address(100, 1, high, low), Direction::Inbound);
        world.now += Duration::from_millis(100);
    }
    let inbound = world.of(Direction::Inbound);
    assert_eq!(inbound.len(), INBOUND_LIMIT);
    let honest = inbound.iter().filter(|address| !is_evil(address)).count();
    assert_eq!(honest, 20);
}

/// An attacker tells of 10,000 addresses of its own, out of 50 groups, by 20
/// peers, and answers at each of them. Then the node restarts.
#[test]
fn a_node_is_not_surrounded_over_a_restart() {
    let mut surrounded = 0;
    for seed in 0..100 {
        let mut world = World::new(seed);
        let mut dice = Dice(u64::from(seed));
        for number in 0..60 {
            world.tell(Input::HeardOf(address(
                20 + number,
                dice.below(250) as u8,
                1,
                1,
            )));
        }
        world.wait(300_000);
        for liar in 0..20 {
            world.connect(address(100 + liar, 1, 1, 1), Direction::Inbound);
            let (peer, ..) = *world.connected.last().unwrap();
            for message in 0..2 {
                let told = (0..250).map(|number| {
                    let host = dice.below(250) as u8;
                    address(100 + (number % 50), 1 + (number / 50), message, host)
                });
                let told = Message::Addresses(told.collect());
                world.now += Duration::from_secs(3_600);
                world.tell(Input::Message(peer, told));
            }
        }
        world.restart(seed + 1);
        world.wait(60_000);
        let outbound = [Direction::Outbound, Direction::BlocksOnly].map(|kind| world.of(kind));
        let honest = outbound
            .iter()
            .flatten()
            .filter(|address| !is_evil(address));
        surrounded += usize::from(honest.count() == 0);
    }
    assert!(surrounded <= 1, "{surrounded} of 100");
}

#[test]
fn an_address_that_does_not_answer_costs_a_place_only_for_a_while() {
    let mut world = World::new(6);
    world.answers = |address| address.ip.to_ipv4_mapped().unwrap().octets()[1] > 100;
    for number in 0..100 {
        world.tell(Input::HeardOf(address(20 + number % 5, 60 + number, 1, 1)));
    }
    world.wait(120 * DIAL_TIMEOUT_MS);
    assert_eq!(world.of(Direction::Outbound).len(), OUTBOUND_LIMIT);
}

#[test]
fn addresses_that_nobody_asked_for_drip() {
    let mut world = World::new(7);
    world.answers = |_| false;
    world.connect(address(100, 1, 1, 1), Direction::Inbound);
    let (peer, ..) = world.connected[0];
    let before = world.machine.address_book().len();
    for round in 0..40_u8 {
        let told = (0..250)
            .map(|number| address(30 + round, number, 1, 1))
            .collect();
        world.tell(Input::Message(peer, Message::Addresses(told)));
    }
    assert_eq!(world.machine.address_book().len(), before);
    world.now += Duration::from_secs(100);
    let told = (0..250).map(|number| address(90, number, 1, 1)).collect();
    world.tell(Input::Message(peer, Message::Addresses(told)));
    let taken = world.machine.address_book().len() - before;
    assert!((1..=10).contains(&taken), "{taken}");
}

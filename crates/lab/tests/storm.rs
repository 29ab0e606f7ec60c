//! A peer that says anything at any time: real hashes, real texts, and what
//! was made of them, in any order. Whatever it says, the others go on.

use std::sync::Arc;

use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::rules::Rules;
use adit_core::sealed::CompactHeader;
use adit_lab::draws::{Draws, Purpose};
use adit_lab::network::{Network, address_of, hello};
use adit_net::codec::{decode_frame, encode};
use adit_net::compact::compact_of;
use adit_net::message::{ByeReason, Compact, HeaderList, Message, ShortId};

use crate::world::{SECOND, assert_agreement, lengths, people, settings};

/// Draws messages out of what a chain has.
struct Liar {
    draws: Draws,
    count: u64,
    blocks: Vec<Arc<Block>>,
    payments: Vec<Arc<[u8]>>,
}

impl Liar {
    fn below(&mut self, limit: usize) -> usize {
        self.count += 1;
        let drawn = self
            .draws
            .below(limit as u64, Purpose::Experiment, 9, self.count);
        drawn as usize
    }

    fn block(&mut self) -> Arc<Block> {
        let at = self.below(self.blocks.len());
        Arc::clone(&self.blocks[at])
    }

    fn hash(&mut self) -> Hash {
        match self.below(6) {
            0 => Hash([0; 32]),
            1 => sha256(&self.below(50).to_be_bytes()),
            _ => self.block().hash(),
        }
    }

    fn hashes(&mut self, limit: usize) -> Vec<Hash> {
        let count = self.below(limit + 1);
        (0..count).map(|_| self.hash()).collect()
    }

    fn record(&mut self) -> CompactHeader {
        let mut record = CompactHeader::of_block(self.block().text()).unwrap();
        match self.below(6) {
            0 => record.timestamp_ms = self.below(usize::MAX) as u64,
            1 => record.merkle_root = self.hash(),
            2 => record.proof = self.below(9) as u64,
            3 => record.timestamp_ms += 1,
            _ => {}
        }
        record
    }

    fn text(&mut self) -> Arc<[u8]> {
        let at = self.below(self.payments.len());
        match self.below(4) {
            0 => b"[]".as_slice().into(),
            1 => self.block().text().into(),
            _ => Arc::clone(&self.payments[at]),
        }
    }

    fn texts(&mut self) -> Vec<Arc<[u8]>> {
        (0..self.below(4)).map(|_| self.text()).collect()
    }

    fn compact(&mut self) -> Compact {
        let mut compact = compact_of(&self.block(), 3, &[1]);
        while compact.is_none() {
            compact = compact_of(&self.block(), 3, &[1]);
        }
        let mut compact = compact.unwrap();
        match self.below(6) {
            0 => compact.record = self.record(),
            1 => compact.start = self.hash(),
            2 => compact.ids.push(ShortId(self.below(99) as u64)),
            3 => compact.prefilled.push((self.below(9) as u32, self.text())),
            4 => compact.prefilled.clear(),
            _ => {}
        }
        compact
    }

    fn message(&mut self) -> Message {
        match self.below(17) {
            0 => Message::GetHeaders {
                locator: self.hashes(5),
                stop: self.hash(),
            },
            1 | 2 => {
                let start = self.hash();
                let records = (0..self.below(4)).map(|_| self.record()).collect();
                let list = match self.below(5) {
                    0 => HeaderList::Hashes(self.hashes(4)),
                    _ => HeaderList::Records(records),
                };
                Message::Headers { start, list }
            }
            3 | 4 => Message::Compact(Arc::new(self.compact())),
            5 => Message::GetBlockTxs {
                hash: self.hash(),
                places: (0..self.below(3) as u32).collect(),
            },
            6 => Message::BlockTxs {
                hash: self.hash(),
                texts: self.texts(),
            },
            7 => Message::GetBlocks(self.hashes(16)),
            8 => Message::Block(self.text()),
            9 => Message::NotFound(self.hashes(16)),
            10 => Message::TxInventory(self.hashes(30)),
            11 => Message::GetTxs(self.hashes(30)),
            12 => Message::Txs(self.texts()),
            13 => Message::Addresses((0..self.below(20)).map(address_of).collect()),
            14 => match self.below(5) {
                4 => Message::GetCompact(self.hash()),
                0 => Message::GetAddresses,
                1 => Message::FeeFilter(self.below(usize::MAX) as u64),
                2 => Message::Ping(1),
                _ => Message::Pong(self.below(3) as u64),
            },
            15 if self.below(20) == 0 => Message::Bye {
                reason: ByeReason::Other,
                text: String::new(),
            },
            _ => {
                // A frame with a byte changed, as far as it is a message.
                let mut frame = encode(&Message::Compact(Arc::new(self.compact())));
                let at = 5 + self.below(frame.len() - 5);
                frame[at] = self.below(256) as u8;
                decode_frame(&frame)
                    .ok()
                    .flatten()
                    .unwrap_or(Message::GetAddresses)
            }
        }
    }
}

/// This many messages of a liar, who comes back whenever it is thrown out.
fn storm(seed: u64, messages: usize) {
    let (people, rules) = people(6);
    let mut network = Network::new(settings(seed, 4, &rules, &people)).unwrap();
    let mut payments: Vec<Arc<[u8]>> = Vec::new();
    for number in 0..12_usize {
        let person = &people[number % 6];
        let payment = person.payment(&rules, people[0].address, number as u64 / 6, 5, 400);
        payments.push(Arc::clone(payment.text()));
        network.plan_payment(network.now() + number as u32 * SECOND, number % 4, payment);
        network.plan_block(
            network.now() + number as u32 * SECOND + SECOND / 2,
            number % 4,
        );
    }
    network.run_for(20 * SECOND).unwrap();
    assert_agreement(&network);
    let mut chain = Vec::new();
    for block in network.node(0).archive.main() {
        chain.push(Arc::new(rules.read(block.text()).unwrap()));
    }
    let draws = network.draws;
    let mut liar = Liar {
        draws,
        count: 0,
        blocks: chain,
        payments,
    };
    let (mut puppet, mut link, mut parted) = (0, 0, 0);
    for number in 0..messages {
        let is_out = number == 0 || !network.links()[link].is_up;
        if is_out {
            parted += 1;
            puppet = network.add_puppet().unwrap();
            link = network.connect(puppet, liar.below(4));
            network.run_for(SECOND / 100).unwrap();
            network.say(puppet, link, hello(&rules, 50 + number as u64));
        }
        let message = liar.message();
        network.say(puppet, link, message);
        network.run_for(SECOND / 20).unwrap();
        for (_, node) in network.nodes() {
            assert!(node.machine.held_bytes() < 4_000_000, "seed {seed}");
            assert!(node.machine.headers_ahead() < 10_000, "seed {seed}");
        }
    }
    let liars = |number: &usize| *number >= 4;
    let banned = network.bans.iter().map(|(_, banned, _)| banned);
    assert!(banned.clone().all(liars), "seed {seed}: {:?}", network.bans);
    assert!(parted > messages / 200, "seed {seed}: {parted} partings");
    network.run_for(5 * SECOND).unwrap();
    let length = lengths(&network).into_iter().max().unwrap();
    for finder in 0..2 {
        network.plan_block(network.now(), finder);
        network.run_for(20 * SECOND).unwrap();
    }
    assert_agreement(&network);
    assert!(lengths(&network)[0] > length, "seed {seed}");
}

#[test]
fn nodes_go_on_whatever_a_peer_says() {
    for seed in 0..4 {
        storm(seed, 600);
    }
}

/// The same at length: `cargo test --release -p adit-lab -- --ignored`.
#[test]
#[ignore = "a campaign of minutes"]
fn nodes_go_on_whatever_peers_say_for_a_long_time() {
    for seed in 100..300 {
        storm(seed, 5_000);
    }
}

//! What many headers, and many peers, do together.

use std::sync::Arc;
use std::time::Duration;

use adit_core::hash::sha256;
use adit_core::rules::Sealed;
use adit_core::sealed::{CompactHeader, Params};
use adit_lab::chain::{CHAIN_START, Person};
use adit_lab::network::{Network, hello};
use adit_net::branch::Place;
use adit_net::message::{HeaderList, Message};
use ruint::aliases::U256;

use crate::world::{SECOND, assert_agreement, lengths, people, settings};

/// A chain on which a block takes 256 guesses at first, and one guess is enough
/// when nobody has searched for long.
fn chain_with_work() -> Arc<Sealed> {
    let params = Params {
        initial_target: U256::MAX >> 8,
        pow_limit: U256::MAX,
        ..Params::defaults("flood")
    };
    Arc::new(Sealed::with_params(params, CHAIN_START).unwrap())
}

/// Headers behind the genesis block that cost nothing: so far apart that the
/// target goes up as fast as it can.
fn cheap_headers(
    network: &Network,
    rules: &Sealed,
    count: u64,
) -> Vec<(CompactHeader, adit_core::hash::Hash)> {
    let genesis = rules.genesis_hash();
    let place = Place::in_archive(&genesis, &network.node(0).archive);
    let mut place = place.unwrap().unwrap();
    (0..count)
        .map(|number| {
            let wait_ms = if number < 12 { 300_000 } else { 10_000 };
            let timestamp_ms = place.parent.sealed.unwrap().timestamp_ms + wait_ms;
            (0..)
                .find_map(|proof| {
                    let record = CompactHeader {
                        merkle_root: sha256(b"nothing"),
                        timestamp_ms,
                        proof,
                    };
                    let made = place.step(rules, &record).ok()?;
                    Some((record, made.hash()))
                })
                .unwrap()
        })
        .collect()
}

#[test]
fn headers_without_end_that_cost_nothing_are_counted_and_not_kept() {
    let (people, _) = people(2);
    let rules = chain_with_work();
    let mut network = Network::new(settings(1, 2, &rules, &people)).unwrap();
    for number in 0..250 {
        network.plan_block(network.now() + number * 10 * SECOND, 0);
    }
    network.run_for(2_600 * SECOND).unwrap();
    assert_eq!(lengths(&network), [251, 251]);
    let puppet = network.add_puppet().unwrap();
    let link = network.connect(puppet, 0);
    network.run_for(SECOND).unwrap();
    let Message::Hello(mut liar) = hello(&rules, 5) else {
        unreachable!();
    };
    liar.work = U256::MAX;
    network.say(puppet, link, Message::Hello(liar));
    // All within the time that has passed, as far as a clock can tell.
    let headers = cheap_headers(&network, &rules, 20_000);
    let (mut told, mut most) = (0, 0);
    for _ in 0..30 {
        network.run_for(SECOND).unwrap();
        for (_, message) in network.heard(puppet) {
            let Message::GetHeaders { locator, .. } = message else {
                continue;
            };
            let at = headers.iter().position(|(_, hash)| *hash == locator[0]);
            let from = at.map_or(0, |at| at + 1);
            let start = at.map_or(rules.genesis_hash(), |at| headers[at].1);
            let run = headers[from..]
                .iter()
                .take(2_000)
                .map(|(record, _)| *record);
            let list = HeaderList::Records(run.collect());
            told = told.max(from);
            network.say(puppet, link, Message::Headers { start, list });
        }
        let machine = &network.node(0).machine;
        assert_eq!(machine.headers_ahead(), 0);
        most = most.max(machine.held_bytes());
    }
    // It asked on, and kept some bits of them.
    assert!(told >= 10_000, "{told}");
    assert!(most < 100, "{most} bytes");
    assert_eq!(lengths(&network), [251, 251]);
}

/// One who is connected with a new node, tells of the whole chain, and sends no
/// block of it.
fn withhold(network: &mut Network, rules: &Sealed, new: usize, nonce: u64) {
    let puppet = network.add_puppet().unwrap();
    let link = network.connect(puppet, new);
    network.run_for(SECOND / 100).unwrap();
    network.say(puppet, link, hello(rules, nonce));
    let chain = network.node(0).archive.main().skip(1);
    let records = chain.map(|block| CompactHeader::of_block(block.text()).unwrap());
    let list = HeaderList::Records(records.collect());
    let start = rules.genesis_hash();
    network.say(puppet, link, Message::Headers { start, list });
}

/// How long a new node takes for a chain of 1,500 blocks, if this many of its
/// peers send nothing, and this many are honest.
fn first_sync(withholding: u64, honest: usize) -> Duration {
    let (people, rules) = people(2);
    let mut network = Network::new(settings(3, 3, &rules, &people)).unwrap();
    for number in 0..1_500 {
        network.plan_block(network.now() + number * SECOND, 0);
    }
    network.run_for(1_510 * SECOND).unwrap();
    assert_agreement(&network);
    let new = network.join().unwrap();
    for nonce in 0..withholding {
        withhold(&mut network, &rules, new, 100 + nonce);
    }
    for number in 0..honest {
        network.connect(new, number);
    }
    let start = network.now();
    while network.node(new).node.chain().length() < 1_501 {
        network.run_for(SECOND / 10).unwrap();
        assert!(network.now() < start + 600 * SECOND);
    }
    assert!(network.bans.is_empty());
    network.now() - start
}

#[test]
fn seven_peers_that_withhold_are_waited_for_once() {
    let (without, with) = (first_sync(0, 1), first_sync(7, 1));
    assert!(with <= without * 2, "{with:?}, {without:?} without");
}

#[test]
fn a_split_of_an_hour_under_load_is_over_two_blocks_after_it_heals() {
    let people: Vec<Person> = (0..60).map(Person::new).collect();
    let rules = adit_lab::chain::workless_chain(&people);
    let mut network = Network::new(settings(4, 10, &rules, &people)).unwrap();
    network.run_for(5 * SECOND).unwrap();
    let broken = network.split(|node| node % 2);
    let start = network.now();
    let mut nonces = [0_u64; 60];
    for minute in 0..60_u32 {
        for part in 0..2 {
            let finder = 2 * (minute as usize % 5) + part;
            // One half is faster.
            if part == 0 || minute % 3 > 0 {
                network.plan_block(start + (60 * minute + 30) * SECOND, finder);
            }
        }
        // Each half pays for itself, from accounts that nobody pays from there.
        for from in 0..60 {
            let to = people[(from + 7) % 60].address;
            let payment = people[from].payment(&rules, to, nonces[from], 1, 400);
            nonces[from] += 1;
            network.plan_payment(start + 60 * minute * SECOND, from % 10, payment);
        }
    }
    network.run_for(3_600 * SECOND).unwrap();
    let apart = lengths(&network);
    assert_eq!((apart[0], apart[1]), (61, 41));
    for [from, to] in broken {
        network.connect(from, to);
    }
    for number in 0..2 {
        network.plan_block(network.now() + (20 + 20 * number) * SECOND, number as usize);
    }
    network.run_for(60 * SECOND).unwrap();
    assert_agreement(&network);
    assert_eq!(lengths(&network)[0], 63);
    assert!(network.bans.is_empty(), "{:?}", network.bans);
}

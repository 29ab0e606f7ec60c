//! How blocks and transactions get to everybody.

use std::time::Duration;

use adit_lab::network::{Network, Settings, hello};
use adit_lab::statistics::Times;

use crate::world::{SECOND, assert_agreement, lengths, people, settings};

#[test]
fn a_block_is_with_everybody_and_nobody_had_to_ask() {
    let (people, rules) = people(3);
    let mut network = Network::new(settings(1, 30, &rules, &people)).unwrap();
    network.run_for(5 * SECOND).unwrap();
    for finder in 0..20 {
        network.plan_block(network.now(), finder);
        network.run_for(10 * SECOND).unwrap();
        assert_agreement(&network);
    }
    assert_eq!(lengths(&network), [21; 30]);
    let counts = network.nodes().map(|(_, node)| node.machine.counts());
    let (mut at_once, mut asked, mut whole) = (0, 0, 0);
    for count in counts {
        at_once += count.compact_at_once;
        asked += count.compact_asked;
        whole += count.whole_blocks;
    }
    assert_eq!((at_once, asked, whole), (20 * 29, 0, 0));
    assert!(network.bans.is_empty());
}

#[test]
fn what_one_node_accepts_waits_at_all_of_them_and_is_in_the_next_block() {
    let (people, rules) = people(40);
    let mut network = Network::new(settings(2, 20, &rules, &people)).unwrap();
    network.run_for(5 * SECOND).unwrap();
    for (number, person) in people.iter().enumerate() {
        let payment = person.payment(&rules, people[0].address, 0, 5, 400);
        network.plan_payment(network.now(), number % 20, payment);
    }
    network.run_for(15 * SECOND).unwrap();
    for (number, node) in network.nodes() {
        assert_eq!(node.machine.waiting(), 40, "node {number}");
    }
    // Each of them crossed each link once, as a hash, and was sent to each once.
    let (_, bytes) = network.sent_bytes["txs"];
    assert!(bytes < 40 * 20 * 600, "{bytes} bytes");
    network.plan_block(network.now(), 7);
    network.run_for(10 * SECOND).unwrap();
    assert_agreement(&network);
    let tip = network.node(0).node.chain().tip().unwrap();
    assert_eq!(tip.transactions().count(), 41);
    for (number, node) in network.nodes() {
        assert_eq!(node.machine.waiting(), 0, "node {number}");
        let counts = node.machine.counts();
        assert_eq!(
            (counts.compact_asked, counts.whole_blocks),
            (0, 0),
            "node {number}"
        );
    }
}

#[test]
fn what_a_node_lacks_of_a_block_takes_one_question() {
    let (people, rules) = people(40);
    let mut network = Network::new(settings(3, 6, &rules, &people)).unwrap();
    network.run_for(5 * SECOND).unwrap();
    let finder = 2;
    for person in &people {
        let payment = person.payment(&rules, people[0].address, 0, 5, 400);
        network.plan_payment(network.now(), finder, payment);
    }
    // Before the others can have heard of them.
    network.plan_block(network.now() + Duration::from_millis(1), finder);
    network.run_for(20 * SECOND).unwrap();
    assert_agreement(&network);
    let counts: Vec<_> = network
        .nodes()
        .map(|(_, node)| node.machine.counts())
        .collect();
    assert!(
        counts.iter().all(|count| count.whole_blocks == 0),
        "{counts:?}"
    );
    // Those who are told by somebody who had to ask get it in one piece.
    let asked: u64 = counts.iter().map(|count| count.compact_asked).sum();
    let at_once: u64 = counts.iter().map(|count| count.compact_at_once).sum();
    assert_eq!(asked + at_once, 5);
    assert!(asked >= 1, "{counts:?}");
}

/// With more than 32 peers most are told of a block by its header, and ask for
/// the compact block then.
#[test]
fn no_block_is_sent_whole_where_everybody_has_many_peers() {
    let (people, rules) = people(30);
    let mut network = Network::new(Settings {
        outbound: 20,
        ..settings(7, 60, &rules, &people)
    })
    .unwrap();
    network.run_for(5 * SECOND).unwrap();
    for (number, person) in people.iter().enumerate() {
        let payment = person.payment(&rules, people[0].address, 0, 5, 400);
        network.plan_payment(network.now(), number, payment);
    }
    network.run_for(10 * SECOND).unwrap();
    for finder in 0..5 {
        network.plan_block(network.now(), finder * 11);
        network.run_for(10 * SECOND).unwrap();
        assert_agreement(&network);
    }
    assert_eq!(lengths(&network), [6; 60]);
    let counts = network.nodes().map(|(_, node)| node.machine.counts());
    assert_eq!(counts.map(|counts| counts.whole_blocks).sum::<u64>(), 0);
    assert!(network.sent_bytes["headers"].0 > 1_000);
}

#[test]
fn nobody_hears_of_what_pays_less_than_it_wants_to_hear_of() {
    let (people, rules) = people(2);
    let mut network = Network::new(settings(4, 4, &rules, &people)).unwrap();
    network.run_for(5 * SECOND).unwrap();
    let puppet = network.add_puppet().unwrap();
    let link = network.connect(puppet, 0);
    let hello = hello(&rules, 5);
    network.run_for(SECOND).unwrap();
    network.say(puppet, link, hello);
    network.say(puppet, link, adit_net::message::Message::FeeFilter(2_000));
    network.run_for(SECOND).unwrap();
    network.heard(puppet);
    for (number, fee) in [(0, 100), (1, 5_000)] {
        let payment = people[number].payment(&rules, people[0].address, 0, 5, fee);
        network.plan_payment(network.now(), 0, payment);
    }
    network.run_for(3 * SECOND).unwrap();
    let heard = network.heard(puppet);
    let [(_, adit_net::message::Message::TxInventory(leaves))] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!(leaves.len(), 1);
}

#[test]
fn idle_peers_say_next_to_nothing() {
    let (people, rules) = people(2);
    let mut network = Network::new(settings(5, 20, &rules, &people)).unwrap();
    network.run_for(10 * SECOND).unwrap();
    let sent =
        |network: &Network| -> u64 { network.sent_bytes.values().map(|(_, bytes)| bytes).sum() };
    let before = sent(&network);
    network.run_for(3_600 * SECOND).unwrap();
    let per_peer = (sent(&network) - before) / (2 * network.links().len() as u64) / 3_600;
    assert!(per_peer <= 1, "{per_peer} bytes a second");
}

#[test]
fn a_block_spreads_in_a_few_times_the_way_of_one_link() {
    let (people, rules) = people(3);
    let mut network = Network::new(settings(6, 100, &rules, &people)).unwrap();
    network.run_for(5 * SECOND).unwrap();
    for finder in 0..10 {
        network.plan_block(network.now(), finder * 7);
        network.run_for(10 * SECOND).unwrap();
    }
    assert_agreement(&network);
    let spreads = network
        .spreads
        .values()
        .filter(|spread| spread.seen.len() == 100);
    let times =
        Times::of(spreads.flat_map(|spread| spread.seen.values().map(|at| *at - spread.made)));
    assert_eq!(times.len(), 1_000);
    assert!(times.percentile(99) < SECOND, "{:?}", times.percentile(99));
}

//! How nodes that lack blocks get them.

use std::time::Duration;

use adit_lab::network::Network;

use crate::world::{SECOND, assert_agreement, lengths, people, settings};

/// Mines this many blocks, one a second.
fn mine(network: &mut Network, finder: usize, blocks: u32) {
    for number in 0..blocks {
        network.plan_block(network.now() + number * SECOND, finder);
    }
    network.run_for((blocks + 5) * SECOND).unwrap();
}

#[test]
fn a_new_node_fetches_headers_first_and_then_bodies_of_several_peers() {
    let (people, rules) = people(3);
    let mut network = Network::new(settings(1, 3, &rules, &people)).unwrap();
    mine(&mut network, 0, 2_500);
    assert_agreement(&network);
    let new = network.join().unwrap();
    let links = [0, 1, 2].map(|peer| network.connect(new, peer));
    network.run_for(60 * SECOND).unwrap();
    assert_agreement(&network);
    assert_eq!(network.node(new).machine.headers_ahead(), 0);
    // Each of the three has given its share.
    for link in links {
        let sent = network.links()[link].sent_bytes[1];
        assert!(sent > 200_000, "{sent} bytes");
    }
    let (count, bytes) = network.sent_bytes["headers"];
    assert!(count >= 2 && bytes < 400_000, "{count} of {bytes} bytes");
}

#[test]
fn a_node_that_is_ended_in_the_middle_goes_on_where_it_was() {
    let (people, rules) = people(3);
    let mut network = Network::new(settings(2, 2, &rules, &people)).unwrap();
    mine(&mut network, 0, 1_500);
    let new = network.join().unwrap();
    network.connect(new, 0);
    while network.node(new).node.chain().length() < 500 {
        network.run_for(Duration::from_millis(20)).unwrap();
    }
    network.restart(new).unwrap();
    let before = network.node(new).node.chain().length();
    assert!((500..1_400).contains(&before), "{before}");
    let bytes_before = network.sent_bytes["block"].1;
    network.connect(new, 1);
    network.run_for(30 * SECOND).unwrap();
    assert_agreement(&network);
    let bytes = network.sent_bytes["block"].1 - bytes_before;
    let left = (1_501 - before) * 700;
    assert!(bytes < left, "{bytes} bytes for {left}");
}

#[test]
fn two_halves_that_were_apart_come_to_the_heavier_chain_at_once() {
    for seed in 0..5 {
        let (people, rules) = people(3);
        let mut network = Network::new(settings(seed, 20, &rules, &people)).unwrap();
        mine(&mut network, 0, 10);
        assert_agreement(&network);
        let broken = network.split(|node| node % 2);
        for number in 0..30 {
            network.plan_block(network.now() + number * SECOND, 2 * (number as usize % 10));
            let other = 2 * (number as usize % 10) + 1;
            if number % 3 > 0 {
                network.plan_block(network.now() + number * SECOND, other);
            }
        }
        network.run_for(60 * SECOND).unwrap();
        let apart = lengths(&network);
        assert_eq!((apart[0], apart[1]), (41, 31), "seed {seed}");
        for [from, to] in broken {
            network.connect(from, to);
        }
        network.run_for(20 * SECOND).unwrap();
        assert_agreement(&network);
        assert_eq!(lengths(&network), [41; 20], "seed {seed}");
        assert!(network.bans.is_empty(), "{:?}", network.bans);
    }
}

//! Chains of the classics get around too, as bodies behind a common block. Every
//! node begins with a genesis block of its own.

use std::sync::Arc;

use adit_core::rules::Classic;
use adit_lab::link::LinkSettings;
use adit_lab::network::{Network, Settings};
use adit_net::machine::ChainRules;

use crate::world::{SECOND, assert_agreement, lengths};

fn network(seed: u64) -> Network {
    Network::new(Settings {
        seed,
        nodes: 6,
        outbound: 2,
        rules: ChainRules::Classic(Arc::new(Classic::Published)),
        reward_to: (0..6).map(|number| format!("node {number}")).collect(),
        links: LinkSettings::default(),
        through_bytes: true,
        finds_peers: false,
    })
    .unwrap()
}

#[test]
fn classic_nodes_take_the_longest_chain() {
    let mut network = network(1);
    for finder in [0, 0, 3, 1, 5, 2, 2, 4] {
        network.plan_block(network.now(), finder);
        network.run_for(10 * SECOND).unwrap();
    }
    assert_agreement(&network);
    assert_eq!(lengths(&network), [9; 6]);
    assert!(network.bans.is_empty());
}

#[test]
fn a_classic_branch_is_adopted_only_when_it_is_longer_as_a_whole() {
    let mut network = network(2);
    let broken = network.split(|node| node % 2);
    for (number, finder) in [0, 0, 0, 1, 1].into_iter().enumerate() {
        network.plan_block(network.now() + (number as u32) * SECOND, finder);
    }
    network.run_for(20 * SECOND).unwrap();
    for [from, to] in broken {
        network.connect(from, to);
    }
    network.run_for(30 * SECOND).unwrap();
    assert_agreement(&network);
    assert_eq!(lengths(&network), [4; 6]);
}

//! How nodes that know one other find the rest.

use adit_lab::network::{Network, Settings};
use adit_net::machine::{BLOCKS_ONLY_LIMIT, OUTBOUND_LIMIT};

use crate::world::{SECOND, assert_agreement, lengths, people, settings};

/// How many peers each node has, and how many of them it has dialled.
fn peers(network: &Network) -> Vec<(usize, usize)> {
    let mut peers = vec![(0, 0); network.nodes().count()];
    for link in network.links().iter().filter(|link| link.is_up) {
        peers[link.ends[0]].0 += 1;
        peers[link.ends[1]].0 += 1;
        peers[link.ends[0]].1 += 1;
    }
    peers
}

#[test]
fn thirty_nodes_that_know_one_other_each_find_the_rest() {
    let (people, rules) = people(3);
    let mut network = Network::new(Settings {
        finds_peers: true,
        ..settings(1, 30, &rules, &people)
    })
    .unwrap();
    network.run_for(1_200 * SECOND).unwrap();
    let peers = peers(&network);
    // Now and then one more is dialled to see whether it answers.
    let most = OUTBOUND_LIMIT + BLOCKS_ONLY_LIMIT + 1;
    assert!(
        peers.iter().all(|(_, dialled)| *dialled <= most),
        "{peers:?}"
    );
    assert!(
        peers.iter().all(|(all, _)| *all >= OUTBOUND_LIMIT),
        "{peers:?}"
    );
    for finder in 0..5 {
        network.plan_block(network.now(), finder);
        network.run_for(10 * SECOND).unwrap();
        assert_agreement(&network);
    }
    assert_eq!(lengths(&network), [6; 30]);
    // One that starts again finds its way by what it has kept.
    network.restart(7).unwrap();
    network.run_for(60 * SECOND).unwrap();
    network.plan_block(network.now(), 20);
    network.run_for(10 * SECOND).unwrap();
    assert_agreement(&network);
    assert!(network.bans.is_empty());
}

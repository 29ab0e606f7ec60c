//! What the other modules build on: networks of a chain without work.

use std::sync::Arc;
use std::time::Duration;

use adit_core::hash::Hash;
use adit_core::rules::Sealed;
use adit_lab::chain::{Person, workless_chain};
use adit_lab::link::LinkSettings;
use adit_lab::network::{Network, Settings};
use adit_net::machine::ChainRules;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// People with a million coins each, and their chain.
pub(crate) fn people(count: u64) -> (Vec<Person>, Arc<Sealed>) {
    let people: Vec<Person> = (0..count).map(Person::new).collect();
    let rules = workless_chain(&people);
    (people, rules)
}

pub(crate) fn settings(
    seed: u64,
    nodes: usize,
    rules: &Arc<Sealed>,
    people: &[Person],
) -> Settings {
    Settings {
        seed,
        nodes,
        outbound: 4,
        rules: ChainRules::Sealed(Arc::clone(rules)),
        reward_to: people.iter().map(|one| one.address.to_string()).collect(),
        links: LinkSettings::default(),
        through_bytes: true,
        finds_peers: false,
    }
}

/// The last block of each node's chain.
pub(crate) fn tips(network: &Network) -> Vec<Hash> {
    let tip = |number| network.node(number).node.chain().tip().unwrap().hash();
    network.nodes().map(|(number, _)| tip(number)).collect()
}

pub(crate) fn lengths(network: &Network) -> Vec<u64> {
    let nodes = network.nodes();
    nodes.map(|(_, node)| node.node.chain().length()).collect()
}

/// All nodes have one chain.
pub(crate) fn assert_agreement(network: &Network) {
    let tips = tips(network);
    assert!(
        tips.windows(2).all(|pair| pair[0] == pair[1]),
        "{:?}",
        lengths(network)
    );
}

//! How fast blocks get around, and what that costs, as a table:
//!
//!     cargo run --release -p adit-lab --example propagation [NODES] [BLOCKS] [SEED]
//!
//! A link takes 50 to 150 ms one way, a node sends 10 Mbit/s over all of its
//! links, and one packet in a thousand is lost. Nodes dial eight others.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a history depends on what is asked for"
)]

use std::sync::Arc;
use std::time::Duration;

use adit_core::chain::ChainError;
use adit_core::rules::Sealed;
use adit_lab::chain::{Person, workless_chain};
use adit_lab::draws::Purpose;
use adit_lab::link::LinkSettings;
use adit_lab::network::{Network, Settings};
use adit_lab::statistics::Times;
use adit_net::machine::{ChainRules, Counts};

/// This many payments fill a block of a mebibyte.
const FULL_BLOCK_PAYMENTS: u64 = 2_300;

/// This many nodes have those at once: each of them checks all of them.
const FULL_BLOCK_NODES: usize = 100;

const SECOND: Duration = Duration::from_secs(1);

fn network(
    seed: u64,
    nodes: usize,
    rules: &Arc<Sealed>,
    people: &[Person],
) -> Result<Network, ChainError> {
    let mut network = Network::new(Settings {
        seed,
        nodes,
        outbound: 8,
        rules: ChainRules::Sealed(Arc::clone(rules)),
        reward_to: people.iter().map(|one| one.address.to_string()).collect(),
        links: LinkSettings::default(),
        through_bytes: false,
        finds_peers: false,
    })?;
    network.run_for(5 * SECOND)?;
    Ok(network)
}

fn sent(network: &Network) -> u64 {
    network.sent_bytes.values().map(|(_, bytes)| bytes).sum()
}

fn counts(network: &Network) -> Counts {
    let mut sum = Counts::default();
    for (_, node) in network.nodes() {
        let counts = node.machine.counts();
        sum.compact_at_once += counts.compact_at_once;
        sum.compact_asked += counts.compact_asked;
        sum.whole_blocks += counts.whole_blocks;
    }
    sum
}

/// One line: what blocks that reached everybody took, and cost.
fn report(what: &str, network: &Network, blocks: u64, bytes: u64) {
    let nodes = network.nodes().count();
    let whole = network
        .spreads
        .values()
        .filter(|spread| spread.seen.len() == nodes);
    let times = Times::of(whole.flat_map(|spread| {
        spread
            .seen
            .values()
            .map(|at| at.saturating_sub(spread.made))
    }));
    let counts = counts(network);
    let came = counts.compact_at_once + counts.compact_asked + counts.whole_blocks;
    let ms = |percent| times.percentile(percent).as_millis();
    println!(
        "| {what} | {nodes} | {blocks} | {} | {} | {} | {:.1} % | {} |",
        ms(50),
        ms(90),
        ms(99),
        100.0 * counts.compact_at_once as f64 / came.max(1) as f64,
        bytes / network.links().len() as u64 / blocks.max(1),
    );
}

fn main() -> Result<(), ChainError> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let mut next = |otherwise| numbers.next().and_then(Result::ok).unwrap_or(otherwise);
    let (nodes, blocks, seed) = (next(1_000) as usize, next(50), next(1));
    println!(
        "| blocks | nodes | blocks | p50 ms | p90 ms | p99 ms | without a question | bytes a link and block |"
    );
    println!("|---|---|---|---|---|---|---|---|");

    let people: Vec<Person> = (0..3).map(Person::new).collect();
    let rules = workless_chain(&people);
    let mut idle_and_blocks = network(seed, nodes, &rules, &people)?;
    let before = sent(&idle_and_blocks);
    idle_and_blocks.run_for(600 * SECOND)?;
    let idle = sent(&idle_and_blocks) - before;
    let (draws, mut at) = (idle_and_blocks.draws, idle_and_blocks.now());
    let before = sent(&idle_and_blocks);
    for number in 0..blocks {
        at += Duration::from_millis(draws.exponential(10_000, Purpose::Interval, 0, number));
        let finder = draws.below(nodes as u64, Purpose::Finder, 0, number) as usize;
        idle_and_blocks.plan_block(at, finder);
    }
    idle_and_blocks.run_until(at + 30 * SECOND)?;
    let bytes = sent(&idle_and_blocks) - before;
    report(
        "of one transaction, 10 s apart",
        &idle_and_blocks,
        blocks,
        bytes,
    );

    let people: Vec<Person> = (0..FULL_BLOCK_PAYMENTS).map(Person::new).collect();
    let rules = workless_chain(&people);
    let mut full = network(seed, nodes.min(FULL_BLOCK_NODES), &rules, &people)?;
    let count = full.nodes().count() as u64;
    for (number, person) in (0..).zip(&people) {
        let payment = person.payment(&rules, people[0].address, 0, 1, 1_000);
        let node = draws.below(count, Purpose::Payment, 0, number) as usize;
        let at = full.now() + Duration::from_millis(20 * number);
        full.plan_payment(at, node, payment);
    }
    full.run_for(120 * SECOND)?;
    let before = sent(&full);
    full.plan_block(full.now(), 0);
    full.run_for(20 * SECOND)?;
    let bytes = sent(&full) - before;
    let filled = full
        .node(0)
        .node
        .chain()
        .tip()
        .map_or(0, |tip| tip.transactions().count());
    report(
        &format!("of {filled} transactions, same pools"),
        &full,
        1,
        bytes,
    );

    let ends = 2 * idle_and_blocks.links().len() as u64;
    println!();
    println!(
        "idle: {:.2} bytes a second and peer",
        idle as f64 / 600.0 / ends as f64
    );
    println!("trace: {}", idle_and_blocks.trace());
    Ok(())
}

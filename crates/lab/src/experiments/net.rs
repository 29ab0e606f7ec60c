//! Net: a network that pushes, as the machine beside the core decides it, and what
//! it takes.

use std::sync::Arc;
use std::time::Duration;

use adit_net::machine::ChainRules;

use crate::chain::{Person, workless_chain};
use crate::draws::Purpose;
use crate::experiment::Experiment;
use crate::link::LinkSettings;
use crate::network::{Network, Settings, hello};
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::statistics::Times;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "net",
    question: "How does a whole network do, with the messages that nodes push?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "nodes",
            kind: Kind::Whole {
                least: 2,
                most: 2_000,
            },
            default: "60",
            help: "So many nodes, each of which dials eight others.",
        },
        Setting {
            name: "blocks",
            kind: Kind::Whole {
                least: 1,
                most: 1_000,
            },
            default: "20",
            help: "So many blocks, ten seconds apart on average.",
        },
        Setting {
            name: "split",
            kind: Kind::NumberOrNone {
                least: 1.0,
                most: 3_600.0,
            },
            default: "none",
            help: "The even and the odd nodes do not hear of each other for so many seconds.",
        },
        Setting {
            name: "attack",
            kind: Kind::Word(&["none", "silent"]),
            default: "none",
            help: "silent: as many strangers as nodes connect, say hello, and answer nothing.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
`adit lab gossip` floods whole blocks. This is the network as nodes are to have it: the
core and the machine beside it, which decides who is told what. A block is told of as its
header and the short names of its transactions; who has these already fills it up, and
asks for nothing. Links have a delay, a bandwidth and losses.

Theory: there is none that would say a number. What is compared is what must hold: in the
end all have one chain, all that was found in time is in it, nobody was banned who was
honest, and two halves that were apart turn to the heavier one.

Simulated: nodes that dial eight others, over links of 50 to 150 ms, 10 Mbit/s, with one
packet in a thousand lost. Whatever is said is written in bytes and read again.

Look at: how long it takes till half of the nodes have a block, and till all but one in a
hundred do; and how few blocks needed a question.";

const SECOND: Duration = Duration::from_secs(1);

/// How many nodes each dials.
const OUTBOUND: usize = 8;

fn is_agreed(network: &Network) -> bool {
    let tips = network
        .nodes()
        .map(|(_, node)| node.node.chain().tip().map(|tip| tip.hash()));
    let tips: Vec<_> = tips.collect();
    tips.windows(2).all(|pair| pair[0] == pair[1])
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (nodes, blocks) = (values.whole("nodes") as usize, values.whole("blocks"));
    let people: Vec<Person> = (0..3).map(Person::new).collect();
    let rules = workless_chain(&people);
    let mut network = Network::new(Settings {
        seed: run.seed,
        nodes,
        outbound: OUTBOUND,
        rules: ChainRules::Sealed(Arc::clone(&rules)),
        reward_to: people.iter().map(|one| one.address.to_string()).collect(),
        links: LinkSettings::default(),
        through_bytes: true,
        finds_peers: false,
    })?;
    network.run_for(5 * SECOND)?;
    if values.word("attack") == "silent" {
        for number in 0..nodes {
            let puppet = network.add_puppet()?;
            let link = network.connect(puppet, number);
            network.run_for(SECOND / 100)?;
            network.say(puppet, link, hello(&rules, 1_000_000 + number as u64));
        }
        network.run_for(5 * SECOND)?;
    }
    let split = values.number_or_none("split").map(Duration::from_secs_f64);
    let broken = match split {
        Some(_) => network.split(|node| node % 2),
        None => Vec::new(),
    };
    let (draws, start) = (network.draws, network.now());
    let mut at = start;
    for number in 0..blocks {
        at += Duration::from_millis(draws.exponential(10_000, Purpose::Interval, 0, number));
        let finder = draws.below(nodes as u64, Purpose::Finder, 0, number) as usize;
        network.plan_block(at, finder);
    }
    if let Some(split) = split {
        network.run_until(start + split)?;
        for [from, to] in broken {
            network.connect(from, to);
        }
        at = at.max(start + split);
    }
    // In steps, so that somebody who waits sees it move.
    let begun = network.now();
    let end = at + 40 * SECOND;
    for step in 1..=20_u32 {
        network.run_until(begun + (end - begun) * step / 20)?;
        if !(run.progress)(u64::from(step), 20) {
            return Err(LabError::Stopped);
        }
    }
    if !is_agreed(&network) {
        // Two of one height: the next block decides.
        network.plan_block(network.now(), 0);
        network.run_for(40 * SECOND)?;
    }
    Ok(report(values, &network, blocks))
}

fn report(values: &Values, network: &Network, blocks: u64) -> Report {
    let nodes = network.nodes().count();
    let mut report = Report::new(EXPERIMENT.name, values);
    let yes = |name: &str, holds: bool| Measured::exact(name, 1.0, f64::from(u8::from(holds)), 1);
    report
        .results
        .push(yes("all have one chain in the end", is_agreed(network)));
    let honest = network
        .bans
        .iter()
        .filter(|(_, banned, _)| *banned < nodes)
        .count();
    report.results.push(Measured::exact(
        "honest nodes that were banned",
        0.0,
        honest as f64,
        1,
    ));
    let length = network.node(0).node.chain().length() - 1;
    let lost = blocks.saturating_sub(length) as f64;
    report.results.push(Measured::shown(
        "blocks that are not in it",
        None,
        Some(lost),
        blocks,
    ));
    let whole = network
        .spreads
        .values()
        .filter(|spread| spread.seen.len() == nodes);
    let waits = whole.flat_map(|spread| {
        spread
            .seen
            .values()
            .map(|at| at.saturating_sub(spread.made))
    });
    let times = Times::of(waits);
    let ms = |percent| times.percentile(percent).as_secs_f64() * 1e3;
    let count = times.len() as u64;
    for percent in [50, 90, 99] {
        let name = format!("ms till {percent} % have a block");
        report
            .results
            .push(Measured::shown(name, None, Some(ms(percent)), count));
    }
    let (mut at_once, mut all) = (0, 0);
    for (_, node) in network.nodes() {
        let counts = node.machine.counts();
        at_once += counts.compact_at_once;
        all += counts.compact_at_once + counts.compact_asked + counts.whole_blocks;
    }
    let share = at_once as f64 / (all.max(1)) as f64;
    report.results.push(Measured::shown(
        "blocks that needed no question",
        None,
        Some(share),
        all,
    ));
    let sent: u64 = network.sent_bytes.values().map(|(_, bytes)| bytes).sum();
    let each = sent as f64 / network.links().len().max(1) as f64 / blocks as f64;
    report.results.push(Measured::shown(
        "bytes a link and block",
        None,
        Some(each),
        blocks,
    ));
    report.tables.push(crate::report::Table {
        title: "The history".to_owned(),
        columns: vec!["links".to_owned(), "bans".to_owned(), "trace".to_owned()],
        rows: vec![vec![
            network.links().len().to_string(),
            network.bans.len().to_string(),
            network.trace().to_string(),
        ]],
    });
    let line = (1..=100).map(|percent| (ms(percent), percent as f64, 0.0));
    report.figures.push(Figure {
        name: "spread",
        title: "How a block gets around".to_owned(),
        x_label: "ms",
        y_label: "% of the nodes",
        log_y: false,
        series: vec![Series::measured(line)],
    });
    report
}

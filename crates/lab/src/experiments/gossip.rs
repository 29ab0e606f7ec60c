//! Gossip: how fast a block gets to everybody, and in how many messages.

use crate::chain::workless_chain;
use crate::experiment::Experiment;
use crate::flood::{Links, Shape, Spread, simulate};
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::gossip::{
    all_know, hops, in_random_graph, messages, one_knows, one_knows_deviation,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "gossip",
    question: "How fast does a block get to everybody?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "nodes",
            kind: Kind::Whole {
                least: 2,
                most: 20_000,
            },
            default: "64",
            help: "Nodes of equal power.",
        },
        Setting {
            name: "peers",
            kind: Kind::NumberOrNone {
                least: 2.0,
                most: 128.0,
            },
            default: "none",
            help: "Each with so many peers, an even number; none is all others, of 129 nodes at most.",
        },
        Setting {
            name: "latency",
            kind: Kind::Number {
                least: 0.1,
                most: 60_000.0,
            },
            default: "100",
            help: "How long a link takes, in milliseconds; on average where it is drawn.",
        },
        Setting {
            name: "links",
            kind: Kind::Word(&["exponential", "constant"]),
            default: "exponential",
            help: "Whether it is drawn for each block, or always as long.",
        },
        Setting {
            name: "bandwidth",
            kind: Kind::Number {
                least: 0.01,
                most: 100_000.0,
            },
            default: "10",
            help: "What a node can send, in Mbit/s, where links are constant: a block of 1,000 bytes to one peer after the other.",
        },
        Setting {
            name: "interval",
            kind: Kind::Number {
                least: 1.0,
                most: 100_000.0,
            },
            default: "600",
            help: "The mean time between two blocks, in seconds.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
Nobody has a list of all nodes. Each tells its peers of a block as soon as it has it, and
they tell theirs: a flood. How long till all know decides how many blocks are lost to
forks, and how many messages that takes decides what it costs to take part.

Theory: where all are joined in pairs by links of an exponential delay of mean m, the
number of those who know is a birth process, and all know after 2 m H(n-1)/n on average,
H being 1 + 1/2 + 1/3 and so on. In a random graph with r peers a node, exponential links
of mean one: about ln n/(r - 2) between two nodes (Bhamidi, van der Hofstad and
Hooghiemstra, 2010), and (1/(r-2) + 1/r) ln n till all know (Ding, Kim, Lubetzky and Peres,
2010), both without what does not grow with n, which is not little. Messages: each node
sends to all its peers, so there are two a link, whatever the delays.

Simulated: real cores, each with its peers; one that has taken a block sends it on. Blocks
are found at random times, by anybody. All blocks are in memory once, with a bit a node.

Look at: the more nodes, the sooner all know where all are joined. With 8 peers ten
thousand nodes are three link delays away from all. A day of them:
--nodes 10000 --peers 8 --trials 144.";

/// A block without payments has about so many bits.
const BLOCK_BITS: f64 = 8_000.0;

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let nodes = values.whole("nodes");
    let peers = values
        .number_or_none("peers")
        .map_or(nodes - 1, |peers| peers as u64);
    let is_full = peers + 1 >= nodes;
    let peers = peers.min(nodes - 1);
    if is_full && nodes > 129 || !is_full && !peers.is_multiple_of(2) {
        return Err(LabError::Setting {
            name: "peers",
            expected: "an even number, or all others of 129 nodes at most".to_owned(),
            found: peers.to_string(),
        });
    }
    let latency_us = values.number("latency") * 1_000.0;
    let is_drawn = values.word("links") == "exponential";
    let shape = Shape {
        nodes: nodes as usize,
        peers: peers as usize,
        links: match is_drawn {
            true => Links::Exponential(latency_us as u64),
            false => Links::Constant {
                latency_us: latency_us as u64,
                sending_us: (BLOCK_BITS / values.number("bandwidth")) as u64,
            },
        },
        interval_us: (values.number("interval") * 1e6) as u64,
    };
    let (mean, deviation) = all_know(nodes);
    let most = (20_000_000 / (nodes * nodes.min(200))).clamp(20, 20_000);
    let floods = run.trials(deviation / mean, 0.02, most);
    // A large network is there once.
    let networks = if nodes > 500 { 1 } else { PARTS.min(floods) };
    let rules = workless_chain(&[]);
    let draws = run.draws();
    let parts = run.jobs(networks, |number| {
        let blocks = floods * (number + 1) / networks - floods * number / networks;
        let mut done = 0;
        simulate(rules.clone(), shape, draws, number, blocks, &mut |event| {
            if matches!(event, crate::flood::Event::Found { .. }) && networks == 1 {
                done += 1;
                (run.progress)(done, blocks);
            }
        })
    })?;
    let sum = |of: fn(&Spread) -> u64| parts.iter().map(of).sum::<u64>();
    let average = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let all: Vec<f64> = parts
        .iter()
        .flat_map(|part| &part.all_know_us)
        .map(|us| *us as f64)
        .collect();
    let one: Vec<f64> = parts
        .iter()
        .flat_map(|part| part.one_knows_us.iter().copied())
        .collect();
    let (all, one) = (average(all) / latency_us, average(one) / latency_us);
    let mut report = Report::new(EXPERIMENT.name, values);
    let root = (floods as f64).sqrt();
    let (all_name, one_name) = (
        "till all know, in mean delays",
        "till one of the others knows",
    );
    if is_full && is_drawn {
        report.results.push(Measured::compared(
            all_name,
            mean,
            all,
            deviation / root,
            floods,
        ));
        let sigma = one_knows_deviation(nodes) / root;
        report.results.push(Measured::compared(
            one_name,
            one_knows(nodes),
            one,
            sigma,
            floods,
        ));
    } else {
        let about = in_random_graph(nodes, peers).filter(|_| is_drawn);
        report.results.push(Measured::shown(
            all_name,
            about.map(|(_, all)| all),
            Some(all),
            floods,
        ));
        let about = match is_drawn {
            true => about.map(|(one, _)| one),
            false => hops(nodes, peers),
        };
        report
            .results
            .push(Measured::shown(one_name, about, Some(one), floods));
    }
    let links = parts.first().map_or(0, |part| part.links);
    let (least, sent) = messages(nodes, links);
    // All networks of a seed have as many links, but for pairs that are joined twice.
    let expected = parts.iter().map(|part| 2 * part.links).sum::<u64>() as f64 / networks as f64;
    let measured = sum(|part| part.messages) as f64;
    let name = "messages for a block, two a link";
    let theory = if networks == 1 || is_full {
        sent as f64
    } else {
        expected
    };
    let of_each = measured / floods as f64;
    report.results.push(match networks == 1 || is_full {
        true => Measured::exact(name, theory, of_each, floods),
        false => Measured::shown(name, Some(theory), Some(of_each), floods),
    });
    let name = "messages, if nobody sent back";
    report
        .results
        .push(Measured::shown(name, Some(least as f64), None, 0));
    let lost = sum(|part| part.lost) as f64 / floods as f64;
    report.results.push(Measured::shown(
        "blocks that are lost",
        None,
        Some(lost),
        floods,
    ));
    if let Some(trace) = parts.first().and_then(|part| part.trace) {
        report.tables.push(crate::report::Table {
            title: "The first network".to_owned(),
            columns: vec!["nodes".to_owned(), "links".to_owned(), "trace".to_owned()],
            rows: vec![vec![
                nodes.to_string(),
                links.to_string(),
                trace.to_string(),
            ]],
        });
    }
    let line = (2..=128_u64).map(|nodes| (nodes as f64, all_know(nodes).0));
    let mut series = vec![Series::theory("all joined", line)];
    if is_full && is_drawn {
        series.push(Series::measured([(nodes as f64, all, deviation / root)]));
    }
    report.figures.push(Figure {
        name: "all-know",
        title: "Till all know, in mean delays of a link".to_owned(),
        x_label: "nodes, joined in pairs",
        y_label: "mean delays",
        log_y: false,
        series,
    });
    Ok(report)
}

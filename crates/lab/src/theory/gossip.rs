//! How news spread.

use super::functions::{harmonic, ln};

/// How long it takes till all know, where `nodes` are joined in pairs by links of
/// an exponential delay, in its mean: the mean and the standard deviation.
pub fn all_know(nodes: u64) -> (f64, f64) {
    let times = (1..nodes).map(|know| 1.0 / (know as f64 * (nodes - know) as f64));
    let (mean, square) = times.fold((0.0, 0.0), |(mean, square), time| {
        (mean + time, square + time * time)
    });
    (mean, square.sqrt())
}

/// How long it takes on average till one of the others knows.
pub fn one_knows(nodes: u64) -> f64 {
    match nodes {
        0 | 1 => 0.0,
        _ => harmonic(nodes - 1) / (nodes - 1) as f64,
    }
}

/// The standard deviation of the mean over all the others of one flood, by the
/// same births: the j-th to know hears after the first j waits.
pub fn one_knows_deviation(nodes: u64) -> f64 {
    let others = nodes.saturating_sub(1) as f64;
    let waits = (1..nodes).map(|know| {
        let wait = 1.0 / (know as f64 * (nodes - know) as f64);
        // All who know later wait for it too.
        let part = wait * (nodes - know) as f64 / others;
        part * part
    });
    waits.sum::<f64>().sqrt()
}

/// How many messages a flood takes over `links`, if nobody sends back to whom it
/// first heard from, and if everybody sends to all.
pub fn messages(nodes: u64, links: u64) -> (u64, u64) {
    (2 * links - nodes.saturating_sub(1), 2 * links)
}

/// About how long it takes between two nodes of a random graph with `peers` links
/// each, exponential of mean one (Bhamidi, van der Hofstad and Hooghiemstra,
/// 2010), and till all know (Ding, Kim, Lubetzky and Peres, 2010).
pub fn in_random_graph(nodes: u64, peers: u64) -> Option<(f64, f64)> {
    if peers < 3 {
        return None;
    }
    let (log, peers) = (ln(nodes as f64), peers as f64);
    let two = log / (peers - 2.0);
    Some((two, (1.0 / (peers - 2.0) + 1.0 / peers) * log))
}

/// About how many hops lie between two nodes of such a graph.
pub fn hops(nodes: u64, peers: u64) -> Option<f64> {
    (peers >= 3).then(|| ln(nodes as f64) / ln(peers as f64 - 1.0))
}

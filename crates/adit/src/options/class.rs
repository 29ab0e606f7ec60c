//! The options of `adit class`: for how many, at which pace, and where phones find it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::list::List;
use super::listen::DEFAULT_PORT;
use super::log_filter::QuietLog;
use crate::wallet::coins::Coins;

/// A class has at most this many nodes: more are not told apart on a screen.
pub(crate) const CLASS_NODES_LIMIT: usize = 4;

/// A class is for at most this many.
const CLASS_PUPILS_LIMIT: u64 = 200;

#[derive(Debug, Args)]
pub(crate) struct ClassOptions {
    /// The port that phones find it at; 0 takes a free one.
    #[arg(short, long, env = "ADIT_PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,

    /// The address to listen on; 0.0.0.0 lets the whole network in.
    #[arg(long, default_value = "0.0.0.0")]
    pub(crate) host: IpAddr,

    /// The address that phones are told, of the several that this machine may
    /// have.
    #[arg(long, value_name = "HOST")]
    pub(crate) address: Option<String>,

    /// A name under which the class may be addressed besides.
    #[arg(long = "allowed-host", value_name = "NAME")]
    pub(crate) allowed_hosts: Vec<List<String>>,

    /// How many nodes there are: Ana, Ben, Cho and Dia.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = read_nodes)]
    pub(crate) nodes: usize,

    /// At most this many take part, each of whom gets coins once.
    #[arg(long, value_name = "COUNT", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=CLASS_PUPILS_LIMIT))]
    pub(crate) pupils: u64,

    /// At most this many from one address of the network.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=CLASS_PUPILS_LIMIT))]
    pub(crate) per_address: u64,

    /// What each of them gets, in coins.
    #[arg(long, default_value = "50")]
    pub(crate) coins: Coins,

    /// How long a block should take.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = read_interval)]
    pub(crate) block_interval: Duration,

    /// The owners of the nodes pay each other, one payment each time this has
    /// passed.
    #[arg(long, value_name = "TIME", value_parser = read_interval)]
    pub(crate) traffic: Option<Duration>,

    /// Keep the nodes' chains in this folder; without it all is wiped at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) quiet: QuietLog,
}

fn read_nodes(text: &str) -> Result<usize, String> {
    let nodes = text.parse().ok();
    let nodes = nodes.filter(|nodes| (2..=CLASS_NODES_LIMIT).contains(nodes));
    nodes.ok_or_else(|| format!("expected a number in 2..{CLASS_NODES_LIMIT}"))
}

fn read_interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match (Duration::from_millis(200)..=Duration::from_secs(3_600)).contains(&time) {
        true => Ok(time),
        false => Err("expected 200ms to 1h".to_owned()),
    }
}

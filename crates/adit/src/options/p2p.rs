//! How a node talks with others by itself. What it says to them is not known here.

use adit_core::rules::Weight;
use adit_p2p::multiaddr::Multiaddr;
use clap::Args;
use clap::builder::BoolishValueParser;

use super::list::List;

/// A network's name is at most this long.
const NETWORK_LIMIT_BYTES: usize = 32;

#[derive(Debug, Args)]
pub(crate) struct P2pOptions {
    /// The port on which to talk with other nodes; 0 takes a free one [default:
    /// the port plus 10000, or a free one where that is taken].
    #[arg(long, value_name = "PORT", env = "ADIT_P2P_PORT")]
    pub(crate) p2p_port: Option<u16>,

    /// Talk with no other nodes but those that are registered, over HTTP.
    #[arg(long, env = "ADIT_NO_P2P", value_parser = BoolishValueParser::new())]
    pub(crate) no_p2p: bool,

    /// Neither look for other nodes on the local network nor be found there. A
    /// node that listens on this machine only never is.
    #[arg(long, env = "ADIT_NO_MDNS", value_parser = BoolishValueParser::new())]
    pub(crate) no_mdns: bool,

    /// A node to talk with, as `adit invite` names it; can be repeated, or hold
    /// several separated by commas.
    #[arg(long = "connect", value_name = "MULTIADDR", env = "ADIT_CONNECT")]
    pub(crate) connect: Vec<List<Multiaddr>>,

    /// The name of the network to talk in, under the classic rules: all who give
    /// the same name are in it. A sealed chain needs none.
    #[arg(long, value_name = "NAME", env = "ADIT_NETWORK", value_parser = read_network)]
    pub(crate) network: Option<String>,

    /// A sealed chain that took fewer guesses than this is not fetched.
    #[arg(
        long,
        value_name = "GUESSES",
        env = "ADIT_MIN_WORK",
        default_value = "0",
        value_parser = read_work
    )]
    pub(crate) min_work: Weight,
}

fn read_network(text: &str) -> Result<String, String> {
    let is_plain =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    let is_name = (1..=NETWORK_LIMIT_BYTES).contains(&text.len()) && text.bytes().all(is_plain);
    let wanted =
        || format!("write it in at most {NETWORK_LIMIT_BYTES} letters a to z, digits and hyphens");
    is_name.then(|| text.to_owned()).ok_or_else(wanted)
}

fn read_work(text: &str) -> Result<Weight, String> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let work = is_number.then(|| text.parse::<Weight>().ok()).flatten();
    work.ok_or_else(|| "write it as a whole number".to_owned())
}

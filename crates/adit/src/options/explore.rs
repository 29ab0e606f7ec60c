//! The options of the commands that look at a running node: `adit block`, `tx`,
//! `address`, `mempool`, `peers`, `tips`, `reorgs`, `stats` and `watch`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use adit_api::event;
use adit_api::page::PAGE_LIMIT_ITEMS;
use adit_api::stats::STATS_LIMIT_BLOCKS;
use adit_core::hash::Hash;
use adit_core::peer::PeerAddress;
use adit_node::paths::segment;
use adit_node::queries::stored::hash_of;
use adit_node::queries::term::{HashPart, name_in};
use clap::{Args, Subcommand, ValueEnum};

use super::node_to_ask::NodeToAsk;
use super::token::OperatedNode;

#[derive(Debug, Args)]
pub(crate) struct BlockOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// Which block: its index (the genesis block's is 1), its hash, or `tip`,
    /// the last one.
    #[arg(default_value = "tip")]
    pub(crate) block: BlockName,
    /// Print its exact bytes: what is hashed under the classic rules.
    #[arg(long, conflicts_with = "txs")]
    pub(crate) raw: bool,
    /// Print its transactions too; with --json nothing else.
    #[arg(long)]
    pub(crate) txs: bool,
}

/// A block, as people name it.
#[derive(Debug, Clone)]
pub(crate) enum BlockName {
    Tip,
    Height(u64),
    Hash(Hash),
    /// How its hash begins, and maybe how it ends.
    Part(String),
}

/// A transaction, as people name it.
#[derive(Debug, Clone)]
pub(crate) enum TransactionName {
    Id(Hash),
    /// How its id begins, and maybe how it ends.
    Part(String),
}

#[derive(Debug, Args)]
pub(crate) struct TxOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// The transaction: 64 hex digits, or the first few of them. A classic
    /// transaction's is the SHA-256 of its canonical JSON.
    pub(crate) id: TransactionName,
    #[command(flatten)]
    pub(crate) page: PageOptions,
}

#[derive(Debug, Args)]
pub(crate) struct AddressOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// Whose: an address, or under the classic rules any name.
    #[arg(value_parser = read_name)]
    pub(crate) address: String,
    /// Print the transactions too, the newest first; with --json nothing else.
    #[arg(long)]
    pub(crate) txs: bool,
    #[command(flatten)]
    pub(crate) page: PageOptions,
}

/// A list of which a page is printed.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    #[command(flatten)]
    pub(crate) page: PageOptions,
}

/// Which page of a list.
#[derive(Debug, Args)]
pub(crate) struct PageOptions {
    /// Print at most this many.
    #[arg(
        short = 'n',
        long = "limit",
        value_name = "COUNT",
        default_value_t = 25,
        value_parser = clap::value_parser!(u64).range(1..=PAGE_LIMIT_ITEMS)
    )]
    pub(crate) limit: u64,
    /// Go on where an earlier page ended, as that page says.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PeersOptions {
    #[command(flatten)]
    pub(crate) node: OperatedNode,
    #[command(subcommand)]
    pub(crate) command: Option<PeersCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeersCommand {
    /// Register nodes; from then on their chains are looked at.
    Add {
        /// Where they are.
        #[arg(required = true, value_name = "URL")]
        peers: Vec<PeerAddress>,
    },
    /// Forget a node.
    Remove {
        /// Where it is.
        #[arg(value_name = "URL")]
        peer: PeerAddress,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReorgsOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// One of them, with all that it did: the hash of its new tip.
    #[arg(conflicts_with_all = ["limit", "cursor"])]
    pub(crate) id: Option<Hash>,
    #[command(flatten)]
    pub(crate) page: PageOptions,
}

#[derive(Debug, Args)]
pub(crate) struct StatsOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// Look at this many of the last blocks.
    #[arg(
        short = 'n',
        long,
        value_name = "COUNT",
        default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(1..=STATS_LIMIT_BLOCKS)
    )]
    pub(crate) blocks: u64,
    /// Draw a chart of them into a file, and print nothing of them; `-` is the
    /// standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// What to draw.
    #[arg(
        long,
        value_name = "NAME",
        requires = "svg",
        default_value = "interval"
    )]
    pub(crate) chart: ChartName,
}

/// A chart of the last blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChartName {
    /// How many transactions each has.
    Transactions,
    /// How long each is.
    Size,
    /// How long after the one before each came.
    Interval,
    /// How many guesses each took on average.
    Difficulty,
    /// How many guesses the whole network made in a second.
    Rate,
    /// How many transactions waited in the last hour.
    Pending,
}

#[derive(Debug, Args)]
pub(crate) struct WatchOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// What to follow, separated by commas [default: all but mining].
    #[arg(long, value_name = "TOPICS", value_delimiter = ',')]
    pub(crate) topics: Vec<Topic>,
    /// Follow the search for proofs too, and how fast it is.
    #[arg(long, conflicts_with = "topics")]
    pub(crate) mining: bool,
}

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// New blocks at the end of the chain.
    Block,
    /// The chain turns to another branch.
    Reorg,
    /// Transactions that wait.
    Tx,
    /// What is known of a registered node changes.
    Peer,
    /// The search for proofs.
    Mining,
}

impl WatchOptions {
    /// What is followed. How fast a node searches is news every few seconds, and
    /// would push all else out of sight.
    pub(crate) fn followed(&self) -> Vec<Topic> {
        let chosen = |topic: &Topic| match self.topics.is_empty() {
            true => self.mining || *topic != Topic::Mining,
            false => self.topics.contains(topic),
        };
        let topics = Topic::value_variants().iter().copied();
        topics.filter(chosen).collect()
    }
}

impl PageOptions {
    /// The same, for the address of a list.
    pub(crate) fn query(&self) -> String {
        let mut query = format!("limit={}", self.limit);
        if let Some(cursor) = &self.cursor {
            let cursor = segment(cursor);
            write!(query, "&cursor={cursor}").expect("a string takes all");
        }
        query
    }
}

impl ChartName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ChartName::Transactions => "transactions",
            ChartName::Size => "size",
            ChartName::Interval => "interval",
            ChartName::Difficulty => "difficulty",
            ChartName::Rate => "rate",
            ChartName::Pending => "pending",
        }
    }
}

impl From<Topic> for event::Topic {
    fn from(topic: Topic) -> event::Topic {
        match topic {
            Topic::Block => event::Topic::Block,
            Topic::Reorg => event::Topic::Reorganisation,
            Topic::Tx => event::Topic::Transaction,
            Topic::Peer => event::Topic::Peer,
            Topic::Mining => event::Topic::Mining,
        }
    }
}

impl FromStr for BlockName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<BlockName, &'static str> {
        let name = &*name_in(text);
        match (name, name.parse(), hash_of(name)) {
            ("tip", ..) => Ok(BlockName::Tip),
            ("0", ..) => Err("indexes begin with 1, the genesis block's"),
            (_, _, Some(hash)) => Ok(BlockName::Hash(hash)),
            (_, Ok(height), _) => Ok(BlockName::Height(height)),
            _ if HashPart::read(name).is_some() => Ok(BlockName::Part(name.to_owned())),
            _ => Err("write an index, a hash or its first digits (four or more), or tip"),
        }
    }
}

impl FromStr for TransactionName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<TransactionName, &'static str> {
        let name = &*name_in(text);
        match hash_of(name) {
            Some(id) => Ok(TransactionName::Id(id)),
            None if HashPart::read(name).is_some() => Ok(TransactionName::Part(name.to_owned())),
            None => Err("write an id of 64 hex digits, or the first of them (four or more)"),
        }
    }
}

/// Paths over HTTP have no place for these three names.
fn read_name(text: &str) -> Result<String, &'static str> {
    match text {
        "" | "." | ".." => Err("this name cannot be asked for over HTTP"),
        _ => Ok(text.to_owned()),
    }
}

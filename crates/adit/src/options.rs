//! What `adit` can be told: by flag, then by `ADIT_*` variable, then in a
//! `.env` file. What is unknown or contradicts itself is refused by name, with
//! exit code 2.

mod arguments;
mod class;
mod dev;
mod dev_command;
mod effort;
mod environment;
mod explore;
mod faults;
mod help;
mod lab;
mod list;
mod listen;
mod log_filter;
mod miner;
mod node_to_ask;
mod origins;
mod p2p;
mod say;
mod token;
mod wallet;

pub(crate) use class::ClassOptions;
pub(crate) use dev::DevOptions;
pub(crate) use dev_command::{
    BlocksWhen, DevCommand, TimeCommand, TimeGiven, TimeMoved, TimeOptions,
};
pub(crate) use effort::{Interval, all_cores};
pub(crate) use explore::{
    AddressOptions, BlockName, BlockOptions, ChartName, ListOptions, PeersCommand, PeersOptions,
    ReorgsOptions, StatsOptions, Topic, TransactionName, TxOptions, WatchOptions,
};
pub(crate) use faults::{CaseOptions, FaultsOptions};
pub(crate) use lab::{LabCommand, LabExperiment, LabOptions};
pub(crate) use list::{List, all_of};
pub(crate) use listen::{DEFAULT_PORT, ListenOptions};
pub(crate) use miner::MinerOptions;
pub(crate) use node_to_ask::NodeToAsk;
pub(crate) use origins::OriginOptions;
pub(crate) use p2p::P2pOptions;
pub(crate) use say::{say, warn};
pub(crate) use token::{OperatedNode, TokenOptions};
pub(crate) use wallet::{
    BalanceOptions, BroadcastOptions, NotarizeOptions, Owner, ProveOptions, SendOptions,
    SignOptions, WalletCommand, WalletFolder, WalletOptions,
};

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::mempool::FeeRate;
use adit_core::peer::PeerAddress;
use adit_pow::Kernel;
use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use self::effort::{read_interval, read_kernel, read_threads};
use self::log_filter::read_filter;
use crate::terminal::escape::{visible_error, visible_json};
use crate::wallet::coins::Coins;

/// A blockchain node that takes the place of the tutorial's Python one.
///
/// Without a command it runs a node: `adit -p 5001` is `adit node -p 5001`.
/// An option whose help names a variable can be given as that too, in the
/// environment or in a file `.env` in the current folder; a flag wins over the
/// environment, the environment over the file.
#[derive(Debug, Parser)]
#[command(name = "adit", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Print machine-readable JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node (the default).
    Node(NodeOptions),
    /// Run a node in the network of whoever invites you.
    Join(Box<JoinOptions>),
    /// Print how others get into the network of a running node.
    Invite(NodeToAsk),
    /// Ask a running node how it is; fails when it is not.
    Status(NodeToAsk),
    /// Show a block.
    Block(BlockOptions),
    /// List the blocks, the newest first.
    Blocks(ListOptions),
    /// Show a transaction, and where it stands.
    Tx(TxOptions),
    /// Show what an address has, and its transactions.
    Address(AddressOptions),
    /// List the transactions that wait for a block.
    Mempool(ListOptions),
    /// List, add and remove registered nodes, and compare their chains.
    Peers(PeersOptions),
    /// List the ends of all branches.
    Tips(NodeToAsk),
    /// List the reorganisations, or show all that one of them did.
    Reorgs(ReorgsOptions),
    /// Show how fast and how full the last blocks came.
    Stats(StatsOptions),
    /// Follow what happens, one line an event, until Ctrl-C.
    Watch(WatchOptions),
    /// Have the node make a block.
    Mine(OperatedNode),
    /// Search for blocks of a node that may be elsewhere, until Ctrl-C.
    Miner(MinerOptions),
    /// Check another node and its chain, and say what is wrong.
    Doctor(DoctorOptions),
    /// Make and look at wallets: a key file and 24 words each.
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Pay somebody on a sealed chain.
    Send(SendOptions),
    /// Ask a node what an address has.
    Balance(BalanceOptions),
    /// Sign a transaction without a node, for `adit broadcast`.
    Sign(SignOptions),
    /// Hand a signed transaction to a node.
    Broadcast(BroadcastOptions),
    /// Put a file's hash into a sealed chain, and get a proof of it.
    Notarize(NotarizeOptions),
    /// Check by its proof, without a node, that a file existed.
    Prove(ProveOptions),
    /// Work on the chain of a node that is not running.
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Run a chain to develop on: in memory, with funded accounts.
    Dev(DevOptions),
    /// Show a chain to a class: a page for the room, phones that pay.
    Class(ClassOptions),
    /// Run an experiment over real cores, and compare it with theory.
    Lab(LabOptions),
    /// Measure this machine.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print what lets a shell complete commands and options.
    Completions(CompletionsOptions),
    /// Print the manual page, or write those of all commands to a folder.
    Man(ManOptions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// How fast each kernel searches for proofs, compared with the library
    /// sha2.
    Pow,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsOptions {
    /// The shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManOptions {
    /// The folder to write adit.1, adit-send.1 and all others to; it is made
    /// if it is not there.
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct NodeOptions {
    #[command(flatten)]
    pub(crate) listen: ListenOptions,

    /// The rules of the chain [default: classic, or those of --chain].
    #[arg(long, env = "ADIT_RULES")]
    pub(crate) rules: Option<RulesName>,

    /// The genesis block of the chain to join, which `adit chain new` wrote;
    /// its rules are sealed.
    #[arg(long, value_name = "FILE", env = "ADIT_CHAIN", value_parser = environment::path())]
    pub(crate) chain: Option<PathBuf>,

    /// Join the chain even if its target cannot follow the hash power.
    #[arg(long)]
    pub(crate) force: bool,

    /// Where to keep everything [default: one folder for each port and chain,
    /// under the user's data folder].
    #[arg(long, value_name = "DIR", env = "ADIT_DATA_DIR", value_parser = environment::path())]
    pub(crate) data_dir: Option<PathBuf>,

    /// Keep nothing: when the node stops, its chain is gone.
    #[arg(
        long,
        env = "ADIT_IN_MEMORY",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) in_memory: bool,

    /// A node to register at the start; can be repeated, or hold several
    /// separated by commas.
    #[arg(long = "peer", value_name = "URL", env = "ADIT_PEER")]
    pub(crate) peers: Vec<List<PeerAddress>>,

    /// How often to look at the chains of the registered nodes; 0 never.
    #[arg(
        long,
        value_name = "TIME",
        env = "ADIT_RESOLVE_EVERY",
        default_value = "10s",
        value_parser = read_interval
    )]
    pub(crate) resolve_every: Interval,

    /// The address that the blocks made here are rewarded to; under the rules
    /// sealed, none are made without it.
    #[arg(long, value_name = "ADDRESS", env = "ADIT_REWARD_TO", value_parser = wallet::read_address)]
    pub(crate) reward_to: Option<Address>,

    /// Make blocks all the time, on this many cores, or on all; without it they
    /// are made when GET /mine asks for one.
    #[arg(
        long,
        value_name = "THREADS",
        env = "ADIT_MINE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        value_parser = read_threads
    )]
    pub(crate) mine: Option<NonZeroUsize>,

    /// How long to rest after each block that --mine makes; 0 never
    /// [default: 0, but 10s under the classic rules, whose proofs take no
    /// time].
    #[arg(
        long,
        value_name = "TIME",
        env = "ADIT_MINE_EVERY",
        requires = "mine",
        value_parser = read_interval
    )]
    pub(crate) mine_every: Option<Interval>,

    /// The lowest fee with which a transaction is taken to wait, in coins for
    /// 1,000 bytes of it, under the rules sealed; 0 takes them for nothing.
    /// Blocks of others may hold cheaper ones.
    #[arg(
        long,
        value_name = "COINS",
        env = "ADIT_MIN_FEE_RATE",
        default_value_t = Coins(FeeRate::DEFAULT.0)
    )]
    pub(crate) min_fee_rate: Coins,

    /// How to search for proofs; `adit bench pow` compares what there is
    /// [default: the fastest on this machine].
    #[arg(long, env = "ADIT_KERNEL", value_parser = read_kernel)]
    pub(crate) kernel: Option<Kernel>,

    /// The address at which the registered nodes are told to find this one.
    #[arg(long, value_name = "URL", env = "ADIT_ADVERTISE")]
    pub(crate) advertise: Option<PeerAddress>,

    #[command(flatten)]
    pub(crate) p2p: P2pOptions,

    #[command(flatten)]
    pub(crate) origins: OriginOptions,

    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// What to log: off, error, warn, info, debug (every request) or trace, or
    /// a filter such as `info,adit_node=debug`.
    #[arg(
        long,
        value_name = "FILTER",
        env = "ADIT_LOG",
        default_value = "info",
        value_parser = read_filter
    )]
    pub(crate) log: String,
}

#[derive(Debug, Args)]
pub(crate) struct JoinOptions {
    /// What `adit invite` printed.
    #[arg(value_name = "INVITE")]
    pub(crate) invite: String,

    /// Where to keep everything, as --data-dir.
    #[arg(value_name = "DIR", conflicts_with = "data_dir")]
    pub(crate) folder: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) node: NodeOptions,
}

#[derive(Debug, Args)]
pub(crate) struct NewChainOptions {
    /// What people will call it; also the name of the file, with .json.
    #[arg(long)]
    pub(crate) name: String,

    /// How long a block should take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) block_interval: Duration,

    /// How many guesses the first blocks take on average; the target follows from
    /// there [default: as many as this machine makes while a block should take].
    #[arg(long, value_name = "GUESSES")]
    pub(crate) difficulty: Option<NonZeroU64>,

    /// What somebody starts with, in coins: `adit1...=1000`; can be repeated.
    #[arg(long = "alloc", value_name = "ADDRESS=AMOUNT", value_parser = read_allocation)]
    pub(crate) allocations: Vec<(Address, u64)>,

    /// The file to write [default: the name, with .json].
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The node to check, such as http://127.0.0.1:5000.
    #[arg(value_name = "URL")]
    pub(crate) node: PeerAddress,

    /// The rules that its chain should keep [default: classic, or those of
    /// --chain].
    #[arg(long, env = "ADIT_RULES")]
    pub(crate) rules: Option<RulesName>,

    /// The genesis block of its chain, if the rules are sealed.
    #[arg(long, value_name = "FILE", env = "ADIT_CHAIN", value_parser = environment::path())]
    pub(crate) chain: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChainCommand {
    /// Make a chain of your own, with signatures and balances: writes the file
    /// that others join it by.
    New(NewChainOptions),
    /// Print one block: by index, by hash, or the last one.
    Show {
        #[command(flatten)]
        folder: FolderOptions,
        /// The block's index, its hash or the first digits of it [default: the last block].
        block: Option<String>,
    },
    /// Check every block of the chain, from the first one on.
    Verify {
        #[command(flatten)]
        folder: FolderOptions,
    },
    /// Write the chain to a file, one block a line.
    Export {
        #[command(flatten)]
        folder: FolderOptions,
        /// The file; `-` is the standard output.
        file: PathBuf,
    },
    /// Bring in a chain from a file, if it is longer than the one here.
    Import {
        #[command(flatten)]
        folder: FolderOptions,
        /// The rules of the chain [default: those of the chain that is in the
        /// folder; classic where there is none].
        #[arg(long, env = "ADIT_RULES")]
        rules: Option<RulesName>,
        /// Take the chain in even if its target cannot follow the hash power.
        #[arg(long)]
        force: bool,
        /// What `export` wrote, or the body of GET /chain; `-` is the
        /// standard input.
        file: PathBuf,
    },
    /// Throw the index away and rebuild it from the block log.
    Reindex {
        #[command(flatten)]
        folder: FolderOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FolderOptions {
    /// The node's data folder.
    #[arg(long, value_name = "DIR", env = "ADIT_DATA_DIR", value_parser = environment::path())]
    pub(crate) data_dir: Option<PathBuf>,

    /// The node's port, where it keeps its data in the default folder.
    #[arg(short, long, env = "ADIT_PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,

    /// The genesis block of the chain, if its rules are sealed: where a port has
    /// several chains, it says which.
    #[arg(long, value_name = "FILE", env = "ADIT_CHAIN", value_parser = environment::path())]
    pub(crate) chain: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RulesName {
    /// The tutorial as published in 2017.
    Classic,
    /// The tutorial's later code: the last hash is part of the puzzle.
    #[value(name = "classic-2018")]
    Classic2018,
    /// Signatures, balances and work: the chain of --chain FILE.
    Sealed,
}

impl RulesName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RulesName::Classic => "classic",
            RulesName::Classic2018 => "classic-2018",
            RulesName::Sealed => "sealed",
        }
    }
}

/// Reads flags, variables and `.env`. `Err` is how the process ends when there
/// is nothing to do but print something.
pub(crate) fn read() -> Result<Cli, ExitCode> {
    let arguments = arguments::in_order(std::env::args_os(), Cli::command);
    let json = wants_json(&arguments);
    let result = environment::prepare(Cli::command, &arguments, json)
        .map(help::arranged)
        .and_then(|command| Cli::from_arg_matches(&command.try_get_matches_from(arguments)?))
        .and_then(refuse_contradictions);
    result.map_err(|error| {
        match json && error.use_stderr() {
            true => say_error(&words_of(&error), json),
            // If even this can't be printed, the exit code says it.
            false => _ = error.print(),
        }
        ExitCode::from(error.exit_code() as u8)
    })
}

/// The command line with all that its help says.
pub(crate) fn command() -> clap::Command {
    help::arranged(Cli::command())
}

/// Whether JSON is asked for, also where the rest can't be read.
fn wants_json(arguments: &[OsString]) -> bool {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.into_iter().any(|argument| argument == "--json")
}

/// What is wrong with the command, without how it is used.
fn words_of(error: &clap::Error) -> String {
    // Its text is the help, which says nothing of an error.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "something is missing behind the command; --help lists what there is".to_owned();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let ends = ["\n\nUsage: ", "\n\nFor more information"];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    text[..end.unwrap_or(text.len())].trim().to_owned()
}

/// Prints on the error output what went wrong, with all that led to it.
pub(crate) fn print_error(error: &anyhow::Error, json: bool) {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors say their cause themselves.
        if !text.contains(&cause) {
            let joint = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{joint}{cause}");
        }
    }
    say_error(&text, json);
}

/// In JSON it is one object on one line: the output proper then holds nothing, so
/// that a program that reads it takes no error for an answer.
fn say_error(text: &str, json: bool) {
    match json {
        true => {
            let document = serde_json::json!({ "error": text }).to_string();
            say(&visible_json(&document));
        }
        false => say(&format!("error: {}", visible_error(text))),
    }
}

fn refuse_contradictions(cli: Cli) -> Result<Cli, clap::Error> {
    match &cli.command {
        Command::Node(node) if node.in_memory && node.data_dir.is_some() => {
            Err(environment::usage(
                Cli::command(),
                "--in-memory keeps nothing and --data-dir says where to keep it: \
             give one of them (or of ADIT_IN_MEMORY and ADIT_DATA_DIR)",
            ))
        }
        Command::Node(node)
            if node.chain.is_some() && !matches!(node.rules, None | Some(RulesName::Sealed)) =>
        {
            Err(environment::usage(
                Cli::command(),
                "--chain names a chain of the rules sealed, and --rules names others: \
                 leave --rules out (or ADIT_RULES)",
            ))
        }
        Command::Doctor(doctor)
            if doctor.chain.is_some()
                && !matches!(doctor.rules, None | Some(RulesName::Sealed)) =>
        {
            Err(environment::usage(
                Cli::command(),
                "--chain names a chain of the rules sealed, and --rules names others: \
                 leave --rules out (or ADIT_RULES)",
            ))
        }
        Command::Doctor(doctor)
            if doctor.chain.is_none() && matches!(doctor.rules, Some(RulesName::Sealed)) =>
        {
            Err(environment::usage(
                Cli::command(),
                "--rules sealed: which chain? Name its genesis block with --chain FILE",
            ))
        }
        _ => Ok(cli),
    }
}

fn read_allocation(text: &str) -> Result<(Address, u64), String> {
    let (address, amount) = text
        .split_once('=')
        .ok_or("write it as ADDRESS=AMOUNT, such as adit1...=1000")?;
    let address = wallet::read_address(address).map_err(|error| format!("{error}"))?;
    let Coins(units) = amount.parse().map_err(|error| format!("{error}"))?;
    Ok((address, units))
}

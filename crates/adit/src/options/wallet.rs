//! The options of the commands for holders of a key: `adit wallet`, `send`,
//! `balance`, `sign`, `broadcast`, `notarize` and `prove`.

use std::path::PathBuf;

use adit_core::address::{Address, AddressError};
use adit_core::hash::Hash;
use adit_core::sealed::{ChainId, DATA_LIMIT_BYTES, INTEGER_LIMIT};
use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::environment;
use super::node_to_ask::NodeToAsk;
use crate::wallet::coins::Coins;
use crate::wallet::key_file::DEFAULT_NAME;

/// What every address begins with.
const ADDRESS_PREFIX: &str = "adit1";

/// A wallet's name is at most this long.
const WALLET_NAME_LIMIT_BYTES: usize = 64;

#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a new wallet, and show the 24 words that bring it back.
    New(WalletOptions),
    /// Bring a wallet back from its words, read from the standard input or
    /// asked for at a terminal; a secret key of 64 hex digits, as `adit dev`
    /// prints them, is taken too.
    Import(WalletOptions),
    /// Give a wallet another password. Where nobody sits at a terminal, the new
    /// one is taken from the variable ADIT_NEW_PASSWORD, or from the file that
    /// ADIT_NEW_PASSWORD_FILE names.
    Password(WalletOptions),
    /// Print the wallets on this machine.
    List(WalletFolder),
    /// Print the address of a wallet.
    Address(WalletOptions),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WalletFolder {
    /// Where wallets are kept [default: a folder under the user's data folder].
    #[arg(long, value_name = "DIR", env = "ADIT_WALLET_DIR", value_parser = environment::path())]
    wallet_dir: Option<PathBuf>,
}

/// A wallet is one key file. Its password is asked for at the terminal, or
/// taken from the variable ADIT_PASSWORD, or from the file that
/// ADIT_PASSWORD_FILE names.
#[derive(Debug, Args)]
pub(crate) struct WalletOptions {
    #[command(flatten)]
    pub(crate) folder: WalletFolder,

    /// The wallet's name. dev0 to dev9 are the accounts of `adit dev`, which need
    /// no file and no password.
    #[arg(
        long,
        visible_alias = "from",
        env = "ADIT_WALLET_NAME",
        default_value = DEFAULT_NAME,
        value_parser = read_wallet_name
    )]
    pub(crate) name: String,
}

/// Somebody with coins, as people name them.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    Address(Address),
    /// The name of a wallet on this machine.
    Wallet(String),
}

#[derive(Debug, Args)]
pub(crate) struct BalanceOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    #[command(flatten)]
    pub(crate) wallet: WalletOptions,
    /// Whose balance, an address or a wallet here [default: the wallet's].
    #[arg(value_name = "ADDRESS", value_parser = read_owner)]
    pub(crate) owner: Option<Owner>,
}

#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    #[command(flatten)]
    pub(crate) wallet: WalletOptions,
    /// Who is paid: an address, or the name of a wallet on this machine.
    #[arg(value_parser = read_owner)]
    pub(crate) to: Owner,
    /// How much, in coins.
    pub(crate) amount: Coins,
    #[command(flatten)]
    pub(crate) extras: Extras,
    /// The number of the wallet's transactions before this one [default: what
    /// the node says].
    #[arg(long, value_parser = read_nonce)]
    pub(crate) nonce: Option<u64>,
    /// Wait until it is in a block.
    #[arg(long)]
    pub(crate) wait: bool,
}

/// What every transaction may have besides an amount.
#[derive(Debug, Args)]
pub(crate) struct Extras {
    /// What the finder of the block gets for taking it in, in coins [default:
    /// 0.001, or more where the length or the node asks for it].
    #[arg(long)]
    pub(crate) fee: Option<Coins>,
    /// Pay the fee without being asked, however high it is.
    #[arg(long)]
    pub(crate) yes: bool,
    /// A text that everybody can read in the chain for ever.
    #[arg(long, value_name = "TEXT", value_parser = read_data)]
    pub(crate) data: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SignOptions {
    #[command(flatten)]
    pub(crate) wallet: WalletOptions,
    /// Who is paid: an address, or the name of a wallet on this machine.
    #[arg(long, value_parser = read_owner)]
    pub(crate) to: Owner,
    /// How much, in coins.
    #[arg(long)]
    pub(crate) amount: Coins,
    #[command(flatten)]
    pub(crate) extras: Extras,
    /// The number of the wallet's transactions before this one.
    #[arg(long, value_parser = read_nonce)]
    pub(crate) nonce: u64,
    #[command(flatten)]
    pub(crate) chain: WhichChain,
    /// Write it to a file, and not to the standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The chain that a transaction is for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichChain {
    /// The chain that it is for: 16 hex digits, the first of the genesis
    /// block's hash.
    #[arg(long = "chain-id", value_name = "ID", value_parser = read_chain_id)]
    pub(crate) id: Option<ChainId>,
    /// The chain that it is for: the file with its genesis block.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BroadcastOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    /// What `adit sign` wrote; `-` is the standard input.
    pub(crate) file: PathBuf,
    /// Wait until it is in a block.
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NotarizeOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    #[command(flatten)]
    pub(crate) wallet: WalletOptions,
    /// The file.
    pub(crate) file: PathBuf,
    /// Where the proof goes [default: the file's name with .proof.json].
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    /// What the finder of the block gets for taking it in, in coins [default:
    /// 0.001, or more where the node asks for it].
    #[arg(long)]
    pub(crate) fee: Option<Coins>,
    /// Pay the fee without being asked, however high it is.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Wait for this many blocks, its own and those on top of it.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) confirmations: u64,
    /// Pay nothing: this transaction of an earlier, interrupted run already
    /// holds the file's hash.
    #[arg(long, value_name = "ID")]
    pub(crate) transaction: Option<Hash>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveOptions {
    /// The file.
    pub(crate) file: PathBuf,
    /// What `adit notarize` wrote [default: the file's name with .proof.json].
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    /// The genesis block of the chain that the proof has to be of.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
}

impl WalletFolder {
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.wallet_dir {
            return Ok(folder.clone());
        }
        let base = dirs::data_dir().ok_or_else(|| {
            anyhow!("this user has no folder for data; say where with --wallet-dir")
        })?;
        Ok(base.join("adit").join("wallet"))
    }
}

impl WalletOptions {
    /// Another wallet in the same folder.
    pub(crate) fn beside(&self, name: &str) -> WalletOptions {
        WalletOptions {
            folder: self.folder.clone(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn file(&self) -> anyhow::Result<PathBuf> {
        Ok(self.folder.path()?.join(format!("{}.json", self.name)))
    }
}

/// What begins like an address is one, or a mistake.
pub(super) fn read_owner(text: &str) -> Result<Owner, String> {
    match read_address(text) {
        Ok(address) => Ok(Owner::Address(address)),
        Err(error) => {
            let begins_like_one = text
                .get(..ADDRESS_PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(ADDRESS_PREFIX));
            match begins_like_one {
                true => Err(error.to_string()),
                false => read_wallet_name(text)
                    .map(Owner::Wallet)
                    .map_err(|name| format!("it is no address ({error}), and no wallet: {name}")),
            }
        }
    }
}

fn read_wallet_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=WALLET_NAME_LIMIT_BYTES).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a wallet's name has 1 to {WALLET_NAME_LIMIT_BYTES} letters, digits, - and _"
    ))
}

fn read_data(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("there is nothing in it; leave it out".to_owned()),
        length if length as u64 > DATA_LIMIT_BYTES => Err(format!(
            "no chain takes more than {DATA_LIMIT_BYTES} bytes, found {length}"
        )),
        _ => Ok(text.to_owned()),
    }
}

fn read_nonce(text: &str) -> Result<u64, String> {
    let nonce = text.parse().ok().filter(|nonce| *nonce <= INTEGER_LIMIT);
    nonce.ok_or_else(|| format!("expected an integer in 0..{INTEGER_LIMIT}"))
}

fn read_chain_id(text: &str) -> Result<ChainId, String> {
    ChainId::from_hex(text.as_bytes())
        .ok_or_else(|| "expected 16 lower-case hex digits; `adit status` shows them".to_owned())
}

/// An address as people give it: codes to scan hold it in capitals.
pub(super) fn read_address(text: &str) -> Result<Address, AddressError> {
    Address::of_people(text)
}

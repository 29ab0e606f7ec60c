//! The options of `adit miner`: which node, for whom, and how much of this machine.

use std::num::{NonZeroU64, NonZeroUsize};

use adit_pow::Kernel;
use clap::Args;

use super::effort::{Interval, read_interval, read_kernel, read_threads};
use super::node_to_ask::NodeToAsk;
use super::wallet::{Owner, WalletFolder, read_owner};

#[derive(Debug, Args)]
pub(crate) struct MinerOptions {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,

    #[command(flatten)]
    pub(crate) wallets: WalletFolder,

    /// Who is rewarded: an address, or the name of a wallet on this machine;
    /// under the classic rules any name.
    #[arg(long, value_name = "ADDRESS", env = "ADIT_REWARD_TO")]
    reward_to: String,

    /// Search on this many cores, or on all.
    #[arg(long, value_name = "COUNT", default_value = "all", value_parser = read_threads)]
    pub(crate) threads: NonZeroUsize,

    /// How nice to be to all else on this machine: 0 takes as much as anything
    /// else, 19 what is left over.
    #[arg(long, default_value_t = 19, value_parser = clap::value_parser!(i32).range(0..=19))]
    pub(crate) nice: i32,

    /// How long to rest after each block; 0 never [default: 0, but 10s under the
    /// classic rules, whose proofs take no time].
    #[arg(long, value_name = "TIME", value_parser = read_interval)]
    pub(crate) every: Option<Interval>,

    /// Stop after this many blocks.
    #[arg(long, value_name = "COUNT")]
    pub(crate) blocks: Option<NonZeroU64>,

    /// How to search for proofs, as for `adit node`.
    #[arg(long, env = "ADIT_KERNEL", value_parser = read_kernel)]
    pub(crate) kernel: Option<Kernel>,
}

impl MinerOptions {
    /// Who is rewarded, as they were named.
    pub(crate) fn named(&self) -> &str {
        &self.reward_to
    }

    /// The same on a chain with addresses.
    pub(crate) fn owner(&self) -> anyhow::Result<Owner> {
        read_owner(&self.reward_to).map_err(|error| anyhow::anyhow!("--reward-to: {error}"))
    }
}

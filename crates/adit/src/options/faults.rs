//! What `adit lab faults`, `replay` and `shrink` can be told: which seeds.

use std::num::NonZeroUsize;

use clap::Args;

use super::effort::read_lab_threads;

/// A campaign has at most this many seeds; `--from` leads further.
pub(crate) const CAMPAIGN_SEEDS_LIMIT: u64 = 10_000_000;

#[derive(Debug, Args)]
pub(crate) struct FaultsOptions {
    /// How many seeds to try.
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=CAMPAIGN_SEEDS_LIMIT))]
    pub(crate) seeds: u64,

    /// The first of them.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) from: u64,

    /// On so many threads [default: all cores].
    #[arg(long, value_name = "COUNT", value_parser = read_lab_threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct CaseOptions {
    /// The seed.
    pub(crate) seed: u64,
}

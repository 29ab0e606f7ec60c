//! How the chain has grown lately: how fast, how full, and how much work that
//! took the whole network.

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::rules::Rules;
use adit_store::Snapshot;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use super::block::time_ms;
use super::problem::Problem;
use super::stored::block_at;
use crate::driver::NodeHandle;
use crate::pool_record::PoolSample;

/// At most so many of the last blocks are looked at,
pub(crate) const STATS_LIMIT_BLOCKS: u64 = 1_000;

/// so many if nobody says,
const STATS_BLOCKS: u64 = 100;

/// and fewer where they are longer together: each of them is read.
pub(crate) const STATS_READ_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// At most so many windows are read at a time; whoever comes then waits.
const STATS_AT_ONCE_LIMIT: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(STATS_AT_ONCE_LIMIT);

/// How many guesses a block of the classics takes on average: its proof's hash
/// begins with four zeros.
const CLASSIC_GUESSES: f64 = 65_536.0;

/// How many blocks are looked at.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Window {
    /// How many of the last blocks are looked at: 1 to 1000, 100 if nobody
    /// says; fewer where the chain is shorter, or they are very long.
    pub(crate) blocks: Option<u64>,
}

/// How the chain has grown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// The number of blocks in the main chain.
    pub length: u64,
    /// The hash of the last one.
    pub tip: String,
    /// The sum of their weights, in decimal.
    pub total_weight: String,
    /// How many of the last blocks were looked at.
    pub window: usize,
    /// The time between two of them on average.
    pub mean_interval_ms: Option<f64>,
    /// How many transactions one of them has on average, the reward included.
    pub mean_transactions: f64,
    /// How many guesses the last one took on average.
    pub difficulty: Option<f64>,
    /// How many guesses a second the whole network makes, as far as the blocks
    /// tell: the work behind them, by the time that it took.
    pub guesses_per_s: Option<f64>,
    /// The number of transactions that wait for a block.
    pub pending: usize,
    /// How many waited in the last hour, as long as this node has run, every
    /// ten seconds.
    pub pool: Vec<PoolSample>,
    /// Those blocks, the oldest first.
    pub series: Vec<BlockStats>,
}

/// One block among those that were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlockStats {
    /// Position in the chain; the genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
    /// When it was made, as it says.
    pub time_ms: Option<u64>,
    /// The time since the block before, as both say: below zero where clocks
    /// differed. None for the genesis block and the first of a shortened series.
    pub interval_ms: Option<i64>,
    /// The number of its transactions, the reward included.
    pub transaction_count: usize,
    /// The length of its canonical text.
    pub size_bytes: usize,
    /// How many guesses it takes on average to find one like it.
    pub difficulty: f64,
}

/// The last blocks, and what they say together; `pending` transactions wait.
/// Many blocks may have to be read: that is not done on a thread that serves
/// others.
pub(crate) async fn stats(
    node: &NodeHandle,
    snapshot: Snapshot,
    pending: usize,
    window: Window,
) -> Result<Stats, Problem> {
    let failed = || Problem::busy("the blocks could not be read; try again");
    let place = PLACES.acquire().await.map_err(|_| failed())?;
    let node = node.clone();
    // The place goes along: a client that leaves does not end the reading.
    let reading = spawn_blocking(move || (summed_up(&node, &snapshot, pending, window), place));
    let (stats, _place) = reading.await.map_err(|_| failed())?;
    stats
}

fn summed_up(
    node: &NodeHandle,
    snapshot: &Snapshot,
    pending: usize,
    window: Window,
) -> Result<Stats, Problem> {
    let wanted = window.blocks.unwrap_or(STATS_BLOCKS);
    let wanted = wanted.clamp(1, STATS_LIMIT_BLOCKS);
    let series = last_blocks(node, snapshot, wanted)?;
    let tip = snapshot.tip();
    let entry = tip.map(|tip| snapshot.entry(&tip)).transpose();
    let entry = entry.map_err(Problem::unreadable)?.flatten();
    let count = series.len().max(1) as f64;
    let transactions: usize = series.iter().map(|block| block.transaction_count).sum();
    let span_ms = span_ms(&series);
    let work: f64 = series.iter().skip(1).map(|block| block.difficulty).sum();
    Ok(Stats {
        length: snapshot.length(),
        tip: tip.map(|tip| tip.to_string()).unwrap_or_default(),
        total_weight: entry
            .map(|entry| entry.total_weight.to_string())
            .unwrap_or_default(),
        window: series.len(),
        mean_interval_ms: span_ms.map(|span_ms| span_ms / (count - 1.0)),
        mean_transactions: transactions as f64 / count,
        difficulty: series.last().map(|last| last.difficulty),
        guesses_per_s: span_ms.map(|span_ms| work * 1_000.0 / span_ms),
        pending,
        pool: node.pool_record().samples(),
        series,
    })
}

/// From the first block's time to the last one's, if that is any time.
fn span_ms(series: &[BlockStats]) -> Option<f64> {
    let (first, last) = (series.first()?.time_ms?, series.last()?.time_ms?);
    let span_ms = last.checked_sub(first).filter(|span_ms| *span_ms > 0)?;
    Some(span_ms as f64)
}

fn last_blocks(
    node: &NodeHandle,
    snapshot: &Snapshot,
    wanted: u64,
) -> Result<Vec<BlockStats>, Problem> {
    let (mut series, mut read_bytes) = (Vec::<BlockStats>::new(), 0);
    // One more than is shown: the first one's interval begins there.
    for index in (1..=snapshot.length()).rev().take(wanted as usize + 1) {
        let Some(block) = block_at(node, snapshot, index)? else {
            break;
        };
        if let Some(later) = series.last_mut() {
            later.interval_ms = interval_ms(time_ms(&block), later.time_ms);
        }
        read_bytes += block.text().len();
        let is_too_much = read_bytes > STATS_READ_LIMIT_BYTES && !series.is_empty();
        if is_too_much || series.len() as u64 == wanted {
            break;
        }
        series.push(BlockStats {
            index,
            hash: block.hash().to_string(),
            time_ms: time_ms(&block),
            interval_ms: None,
            transaction_count: block.transactions().count(),
            size_bytes: block.text().len(),
            difficulty: difficulty(node.rules().as_ref(), &block),
        });
    }
    series.reverse();
    Ok(series)
}

fn interval_ms(from: Option<u64>, to: Option<u64>) -> Option<i64> {
    let (from, to) = (i64::try_from(from?).ok()?, i64::try_from(to?).ok()?);
    to.checked_sub(from)
}

/// How many guesses a block takes: in sealed chains that is what it weighs.
fn difficulty(rules: &dyn Rules, block: &Block) -> f64 {
    match block.sealed() {
        Some(_) => rules
            .weight(block.header())
            .to_string()
            .parse()
            .unwrap_or_default(),
        None => CLASSIC_GUESSES,
    }
}

//! How the chain has grown lately: how fast, how full, and how much work that
//! took the whole network. How it is drawn is not known here.

use adit_api::stats::{BlockStats, Stats, Window};
use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::rules::{Rules, Sealed};
use adit_store::Snapshot;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::block::time_ms;
use super::error::QueryError;
use super::stored::block_at;
use crate::handle::NodeHandle;

/// Fewer of the last blocks are looked at where they are longer together: each
/// of them is read.
pub const STATS_READ_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// At most this many windows are read at a time; others wait.
const STATS_AT_ONCE_LIMIT: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(STATS_AT_ONCE_LIMIT);

/// How many guesses a block of the classics takes on average: its proof's hash
/// begins with four zeros.
const CLASSIC_GUESSES: f64 = 65_536.0;

/// Returns the last blocks, and what they say together; `pending` transactions
/// wait. Many blocks may have to be read: that is not done on a thread that
/// serves others.
pub async fn stats(
    node: &NodeHandle,
    snapshot: Snapshot,
    pending: usize,
    window: Window,
) -> Result<Stats, QueryError> {
    let failed = || QueryError::busy("the blocks could not be read; try again");
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
) -> Result<Stats, QueryError> {
    let series = last_blocks(node, snapshot, window.limit())?;
    let tip = snapshot.tip();
    let entry = tip.map(|tip| snapshot.entry(&tip)).transpose();
    let entry = entry.map_err(QueryError::unreadable)?.flatten();
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
        wanted_interval_ms: wanted_interval_ms(node.rules().as_ref()),
        mean_transactions: transactions as f64 / count,
        difficulty: series.last().map(|last| last.difficulty),
        guesses_per_s: span_ms.map(|span_ms| work * 1_000.0 / span_ms),
        pending,
        pool: node.mempool_record().samples(),
        series,
    })
}

/// Returns the time from the first block to the last one, if that is any time.
fn span_ms(series: &[BlockStats]) -> Option<f64> {
    let (first, last) = (series.first()?.time_ms?, series.last()?.time_ms?);
    let span_ms = last.checked_sub(first).filter(|span_ms| *span_ms > 0)?;
    Some(span_ms as f64)
}

fn last_blocks(
    node: &NodeHandle,
    snapshot: &Snapshot,
    wanted: u64,
) -> Result<Vec<BlockStats>, QueryError> {
    let (mut series, mut read_bytes) = (Vec::<BlockStats>::new(), 0);
    // One more than is shown: the first one's interval begins there.
    for height in (1..=snapshot.length()).rev().take(wanted as usize + 1) {
        let Some(block) = block_at(node, snapshot, height)? else {
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
            index: height,
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

/// Returns the time between two blocks that the chain's target is set for.
fn wanted_interval_ms(rules: &dyn Rules) -> Option<u64> {
    let sealed = Sealed::new(rules.genesis_text()?).ok()?;
    Some(sealed.params().block_interval_ms)
}

fn interval_ms(from: Option<u64>, to: Option<u64>) -> Option<i64> {
    let (from, to) = (i64::try_from(from?).ok()?, i64::try_from(to?).ok()?);
    to.checked_sub(from)
}

/// Returns how many guesses a block takes: in sealed chains, what it weighs.
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

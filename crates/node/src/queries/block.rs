//! Blocks by index and by hash, and the list of them. Whether a block is valid
//! is not asked here.

use std::time::Duration;

use adit_api::block::{BlockList, BlockSummary};
use adit_api::page::Page;
use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::json::{self, member};
use adit_store::Snapshot;

use super::error::QueryError;
use super::paging::{cursor_of, number_cursor};
use super::reading::beside;
use super::stored::{as_it_stands, block_at, read, read_hash};
use super::transaction::PAGE_READ_LIMIT_BYTES;
use crate::handle::NodeHandle;

/// A longer block is read as a page is: beside the threads that serve others.
const LONG_BLOCK_BYTES: usize = 256 * 1024;

/// Returns a page of the main chain, the newest blocks first.
pub async fn list(
    node: &NodeHandle,
    snapshot: &Snapshot,
    page: &Page,
) -> Result<BlockList, QueryError> {
    beside(|| read_list(node, snapshot, page)).await
}

fn read_list(node: &NodeHandle, snapshot: &Snapshot, page: &Page) -> Result<BlockList, QueryError> {
    let length = snapshot.length();
    let first = number_cursor(page)?.unwrap_or(length).min(length);
    let end = first.saturating_sub(page.limit());
    let (mut blocks, mut last, mut read_bytes) = (Vec::new(), first, 0);
    while last > end && read_bytes < PAGE_READ_LIMIT_BYTES {
        let block = at(node, snapshot, last)?;
        read_bytes += block.text().len();
        blocks.push(summary(node, snapshot, &block)?);
        last -= 1;
    }
    let next = (last > 0).then(|| cursor_of(last));
    Ok(BlockList { blocks, next })
}

/// Returns what `look` sees in each of the newest blocks of the main chain, the oldest
/// of them first; fewer where they are very long.
pub async fn newest<T>(
    node: &NodeHandle,
    snapshot: &Snapshot,
    count: u64,
    look: impl Fn(&Block, &BlockSummary) -> T,
) -> Result<Vec<T>, QueryError> {
    beside(|| {
        let (mut seen, mut read_bytes) = (Vec::new(), 0);
        let mut height = snapshot.length();
        let end = height.saturating_sub(count);
        while height > end && read_bytes < PAGE_READ_LIMIT_BYTES {
            let block = at(node, snapshot, height)?;
            read_bytes += block.text().len();
            seen.push(look(&block, &summary(node, snapshot, &block)?));
            height -= 1;
        }
        seen.reverse();
        Ok(seen)
    })
    .await
}

/// Returns the main chain's block at that index.
pub fn at(node: &NodeHandle, snapshot: &Snapshot, height: u64) -> Result<Block, QueryError> {
    let length = snapshot.length();
    let none = || QueryError::not_found(format!("the chain has the blocks 1 to {length}"));
    block_at(node, snapshot, height)?.ok_or_else(none)
}

/// Returns a block on the main chain or beside it. `hash` is what somebody wrote.
pub async fn of_hash(
    node: &NodeHandle,
    snapshot: &Snapshot,
    hash: &str,
) -> Result<Block, QueryError> {
    let hash = read_hash(hash, "a block's hash")?;
    let bytes = snapshot.text_bytes(&hash).map_err(QueryError::unreadable)?;
    let none = || QueryError::not_found(format!("there is no block {hash} here"));
    let read = || {
        let text = snapshot.text(&hash).map_err(QueryError::unreadable)?;
        read(node, text)?.ok_or_else(none)
    };
    match bytes.ok_or_else(none)? > LONG_BLOCK_BYTES {
        true => beside(read).await,
        false => read(),
    }
}

/// Like `of_hash`, for an answer that holds the block's text: where that would
/// find no room, the block is not read either.
pub async fn to_be_sent(
    node: &NodeHandle,
    snapshot: &Snapshot,
    hash: &str,
) -> Result<Block, QueryError> {
    let bytes = snapshot
        .text_bytes(&read_hash(hash, "a block's hash")?)
        .map_err(QueryError::unreadable)?
        .filter(|bytes| *bytes > LONG_BLOCK_BYTES);
    if bytes.is_some_and(|bytes| !node.answers_memory().has_part(bytes)) {
        return Err(QueryError::busy(
            "too many long answers are being read by others; try again",
        ));
    }
    of_hash(node, snapshot, hash).await
}

/// Returns what is said of a block.
pub fn summary(
    node: &NodeHandle,
    snapshot: &Snapshot,
    block: &Block,
) -> Result<BlockSummary, QueryError> {
    let main = |height| snapshot.main_hash(height).map_err(QueryError::unreadable);
    let on_main_chain = main(block.height())? == Some(block.hash());
    let next_hash = match on_main_chain {
        true => main(block.height() + 1)?,
        false => None,
    };
    let above = (snapshot.length() + 1).saturating_sub(block.height());
    let timestamp = member(block.text(), "timestamp");
    let entry = snapshot.entry(&block.hash());
    let entry = entry.map_err(QueryError::unreadable)?;
    Ok(BlockSummary {
        index: block.height(),
        hash: block.hash().to_string(),
        previous_hash: as_it_stands(block.previous_hash())?,
        timestamp: timestamp.map(as_it_stands).transpose()?,
        time_ms: time_ms(block),
        proof: block.proof(),
        target: block
            .sealed()
            .map(|sealed| format!("{:064x}", sealed.header.target)),
        transaction_count: block.transactions().count(),
        size_bytes: block.text().len(),
        weight: node.rules().weight(block.header()).to_string(),
        total_weight: entry
            .map(|entry| entry.total_weight.to_string())
            .unwrap_or_default(),
        reward_to: reward_to(block),
        on_main_chain,
        confirmations: if on_main_chain { above } else { 0 },
        next_hash: next_hash.map(|hash: Hash| hash.to_string()),
    })
}

/// Returns when a block says it was made, in milliseconds since 1970.
pub fn time_ms(block: &Block) -> Option<u64> {
    if let Some(sealed) = block.sealed() {
        return Some(sealed.header.timestamp_ms);
    }
    let seconds = std::str::from_utf8(member(block.text(), "timestamp")?).ok()?;
    let time = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    u64::try_from(time.as_millis()).ok()
}

/// Returns who was paid by nobody: in the classics the last such transaction is
/// the reward, in sealed chains the first.
fn reward_to(block: &Block) -> Option<String> {
    if let Some(sealed) = block.sealed() {
        return sealed.reward.map(|reward| reward.recipient.to_string());
    }
    let reward = block.transactions().last()?;
    adit_core::transaction::is_reward(reward).then_some(())?;
    json::string(member(reward, "recipient")?)
}

//! How the waiting transactions of rules that know no accounts follow a long
//! reorganisation: block by block, down the old branch and up the new one. How
//! many blocks a step has, the caller says.

use std::sync::Arc;

use super::dropped::{DroppedReader, LeftOut, UPDATE_STEP_BYTES, read};
use crate::archive::Archive;
use crate::block::Block;
use crate::chain::ChainError;
use crate::hash::Hash;
use crate::mempool::QueueMempool;
use crate::rules::Rules;
use crate::transaction;

/// How far a queue has followed a long reorganisation: the waiting transactions are
/// as they would be if the main chain ended there. From there they go on to the
/// tip, whatever it is by then: down by giving back what a dropped block holds,
/// and up by taking out what an adopted one does.
#[derive(Debug)]
pub(crate) struct FollowedChain {
    /// Index and hash of the block; none before the first one.
    at: Option<(u64, Hash)>,
    dropped: DroppedReader,
}

impl FollowedChain {
    /// They have followed the chain that ended in this block.
    pub(crate) fn at(tip: &Block) -> FollowedChain {
        FollowedChain {
            at: Some((tip.height(), tip.hash())),
            dropped: DroppedReader::default(),
        }
    }

    /// Goes on for this many blocks. At the tip, returns what dropped blocks
    /// held that does not wait again.
    pub(super) fn go_on(
        &mut self,
        blocks: usize,
        mempool: &mut QueueMempool,
        rules: &dyn Rules,
        reward_to: &str,
        archive: &dyn Archive,
    ) -> Result<Option<LeftOut>, ChainError> {
        let mut step_bytes = 0;
        for _ in 0..blocks {
            if step_bytes > UPDATE_STEP_BYTES {
                break;
            }
            let on_main = match self.at {
                Some((height, hash)) => archive.main_hash(height)? == Some(hash),
                None => true,
            };
            if on_main {
                let next = self.at.map_or(1, |(height, _)| height + 1);
                let hash = archive
                    .main_hash(next)?
                    .filter(|_| mempool.can_remove_for_block(true));
                let Some(hash) = hash else {
                    // At the tip, or none of the blocks left would find
                    // anything.
                    return Ok(Some(self.dropped.left_out));
                };
                if let Some(block) = read(rules, archive, &hash)? {
                    step_bytes += block.text().len();
                    take_out(mempool, reward_to, &block);
                }
                self.at = Some((next, hash));
            } else if let Some((height, hash)) = self.at {
                if let Some(block) = self.dropped.read(rules, archive, &hash)? {
                    step_bytes += block.text().len();
                    self.dropped.left_out.transactions += give_back(mempool, rules, &block);
                }
                let parent = archive.entry(&hash)?.and_then(|entry| entry.parent);
                self.at = parent.map(|hash| (height.saturating_sub(1), hash));
            }
        }
        Ok(None)
    }
}

/// Lets the transactions of a dropped block wait again, in front of all others.
/// Returns how many do not.
pub(super) fn give_back(mempool: &mut QueueMempool, rules: &dyn Rules, block: &Block) -> usize {
    let paid = paid(block);
    let returned = paid.iter().filter_map(|text| rules.read_returned(text));
    let returned: Vec<_> = returned.map(|one| Arc::clone(one.text())).collect();
    let refused = paid.len() - returned.len();
    refused + mempool.give_back(returned.into_iter())
}

/// What a block of the main chain holds waits no longer. The block itself says
/// whose it is, so the result is the same when the log is read again, and when
/// our own blocks come back from a peer.
pub(super) fn take_out(mempool: &mut QueueMempool, reward_to: &str, block: &Block) {
    // Most blocks of a long branch find nothing to take out: they are not even
    // looked through.
    if mempool.is_empty() {
        return;
    }
    let reward = transaction::reward(reward_to);
    let is_ours = block.transactions().last() == Some(&*reward);
    if mempool.can_remove_for_block(is_ours) {
        mempool.remove_for_block(&paid(block), is_ours);
    }
}

/// The transactions that a block took from those that waited: all but the
/// reward, which belongs to the block.
fn paid(block: &Block) -> Vec<&[u8]> {
    let mut transactions: Vec<&[u8]> = block.transactions().collect();
    if transactions
        .last()
        .is_some_and(|last| transaction::is_reward(last))
    {
        transactions.pop();
    }
    transactions.retain(|transaction| transaction.starts_with(b"{"));
    transactions
}

//! What lists and a block's own page say of a block in words and numbers. How it is
//! drawn, `figures.rs` knows.

use adit_api::block::BlockSummary;
use adit_core::json;

use super::block_figure::HashStrip;
use super::components::Party;
use super::format::{self, Moment, moment, short_hash};

/// A block in a list, or on its own page.
#[derive(Debug, Clone)]
pub(super) struct BlockCard {
    pub(super) index: String,
    pub(super) hash: String,
    pub(super) short_hash: String,
    pub(super) strip: HashStrip,
    /// None before a genesis block.
    pub(super) previous: Option<HashLabel>,
    pub(super) time: Option<Moment>,
    pub(super) transaction_count: usize,
    pub(super) size: String,
    pub(super) proof: String,
    pub(super) reward_to: Option<Party>,
}

/// A hash, for people to recognise.
#[derive(Debug, Clone)]
pub(super) struct HashLabel {
    pub(super) hash: String,
}

impl BlockCard {
    pub(super) fn of(block: &BlockSummary) -> BlockCard {
        let previous = json::string(block.previous_hash.get().as_bytes());
        let previous = previous.filter(|hash| hash.len() == 64 && block.index > 1);
        BlockCard {
            index: format::grouped(block.index),
            short_hash: short_hash(&block.hash),
            strip: HashStrip::of(&block.hash),
            hash: block.hash.clone(),
            previous: previous.map(HashLabel::of),
            time: block.time_ms.and_then(moment),
            transaction_count: block.transaction_count,
            size: format::bytes(block.size_bytes as u64),
            proof: format::grouped(block.proof),
            reward_to: block.reward_to.as_deref().map(Party::named),
        }
    }
}

impl HashLabel {
    pub(super) fn of(hash: String) -> HashLabel {
        HashLabel { hash }
    }
}

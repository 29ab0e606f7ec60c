//! A block that is made here: what goes into it, and how it is written. The
//! same draft gives the same block, so that the proof that was searched for one
//! fits the other.

use std::collections::BTreeSet;

use super::check::{expected_target, fields};
use crate::address::Address;
use crate::hash::Hash;
use crate::merkle;
use crate::rules::{Context, Draft};
use crate::sealed::{
    Header, INTEGER_LIMIT, Params, Reward, SealedTransaction, header_text, write_block,
};

/// A block without its proof.
pub(super) struct Unproven {
    header: Header,
    /// The canonical text of the list of transactions.
    list: Vec<u8>,
}

impl Unproven {
    /// The block that `draft` becomes behind `context.parent`: its transactions
    /// in their order, without those that there is no room for and without what
    /// their senders have sent behind them.
    pub(super) fn new(params: &Params, context: Context<'_>, draft: &Draft) -> Unproven {
        let parent = context.parent;
        let parent_ms = fields(parent).timestamp_ms;
        let reward_to: Address = draft
            .reward_to
            .parse()
            .expect("check_reward_to was asked before anything is made");
        // "Who makes a block takes the clock for `timestamp`, or the parent's
        // plus one where the clock is not later."
        let now_ms = u64::try_from(draft.now.as_millis()).unwrap_or(u64::MAX);
        let header = Header {
            index: parent.index + 1,
            merkle_root: Hash([0; 32]),
            params: None,
            previous_hash: parent.hash,
            target: expected_target(params, context),
            timestamp_ms: now_ms.max(parent_ms + 1).min(INTEGER_LIMIT),
        };
        let room = room_beside(params, &header, reward_to);
        let (transactions, fees) = taken(draft, room, u64::MAX - params.reward);
        let reward = Reward {
            amount: params.reward + fees,
            index: header.index,
            recipient: reward_to,
        };
        let first = reward.to_text();
        let texts: Vec<&[u8]> = [&first[..]].into_iter().chain(transactions).collect();
        let leaves: Vec<Hash> = texts.iter().map(|text| merkle::leaf(text)).collect();
        let mut list = vec![b'['];
        list.extend_from_slice(&texts.join(&b", "[..]));
        list.push(b']');
        let merkle_root = merkle::root(&leaves);
        Unproven {
            header: Header {
                merkle_root,
                ..header
            },
            list,
        }
    }

    /// The header's canonical text, whose hash is worked on.
    pub(super) fn header_text(&self) -> Vec<u8> {
        header_text(&write_block(&self.header, 0, b"[]"))
    }

    /// The block's canonical text.
    pub(super) fn with_proof(&self, proof: u64) -> Vec<u8> {
        write_block(&self.header, proof, &self.list)
    }

    /// The greatest hash that the block may have, big-endian.
    pub(super) fn target(&self) -> [u8; 32] {
        self.header.target.to_be_bytes()
    }
}

/// So many bytes of transactions fit into every block, however long its numbers
/// are.
pub(super) fn room_bytes(params: &Params) -> usize {
    let longest = Header {
        index: INTEGER_LIMIT,
        merkle_root: Hash([0; 32]),
        params: None,
        previous_hash: Hash([0; 32]),
        target: params.pow_limit,
        timestamp_ms: INTEGER_LIMIT,
    };
    // All addresses are equally long.
    room_beside(params, &longest, Address([0; 32]))
}

/// The room beside this header and a reward.
fn room_beside(params: &Params, header: &Header, recipient: Address) -> usize {
    let reward = Reward {
        amount: u64::MAX,
        index: header.index,
        recipient,
    };
    let used = write_block(header, u64::MAX, b"[]").len() + reward.to_text().len();
    let limit_bytes = usize::try_from(params.max_block_bytes).unwrap_or(usize::MAX);
    limit_bytes.saturating_sub(used)
}

/// The transactions of a draft that fit, and their fees.
fn taken(draft: &Draft, mut room: usize, fees_limit: u64) -> (Vec<&[u8]>, u64) {
    let (mut taken, mut fees) = (Vec::new(), 0_u64);
    let mut stopped = BTreeSet::new();
    for text in &draft.transactions {
        let Ok(transaction) = SealedTransaction::read(text) else {
            continue;
        };
        let transfer = transaction.transfer;
        let left = room.checked_sub(text.len() + ", ".len());
        let with_this = fees.checked_add(transfer.fee);
        let with_this = with_this.filter(|fees| *fees <= fees_limit);
        match (left, with_this) {
            (Some(left), Some(with_this)) if !stopped.contains(&transfer.sender) => {
                (room, fees) = (left, with_this);
                taken.push(&text[..]);
            }
            _ => {
                stopped.insert(transfer.sender);
            }
        }
    }
    (taken, fees)
}

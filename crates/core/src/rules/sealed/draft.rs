//! A block that is made here: what goes into it, and how it is written. The
//! same draft gives the same block, so that the proof that was searched for one
//! fits the other.

use super::check::{expected_target, view};
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
    /// The block that `draft` becomes behind `context.parent`: as many of its
    /// transactions, from the first one on, as there is room for.
    pub(super) fn new(params: &Params, context: Context<'_>, draft: &Draft) -> Unproven {
        let parent = view(context.parent);
        let reward_to: Address = draft
            .reward_to
            .parse()
            .expect("check_reward_to was asked before anything is made");
        // "Who makes a block takes the clock for `timestamp`, or the parent's
        // plus one where the clock is not later."
        let now_ms = u64::try_from(draft.now.as_millis()).unwrap_or(u64::MAX);
        let header = Header {
            index: parent.header.index + 1,
            merkle_root: Hash([0; 32]),
            params: None,
            previous_hash: parent.hash,
            target: expected_target(params, context),
            timestamp_ms: now_ms
                .max(parent.header.timestamp_ms + 1)
                .min(INTEGER_LIMIT),
        };
        let mut reward = Reward {
            amount: u64::MAX,
            index: header.index,
            recipient: reward_to,
        };
        let used = write_block(&header, u64::MAX, b"[]").len() + reward.to_text().len();
        let room = usize::try_from(params.max_block_bytes)
            .unwrap_or(usize::MAX)
            .saturating_sub(used);
        let (transactions, fees) = taken(draft, room, u64::MAX - params.reward);
        reward.amount = params.reward + fees;

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

/// The first transactions of a draft, as many as fit, and their fees.
fn taken(draft: &Draft, mut room: usize, fees_limit: u64) -> (Vec<&[u8]>, u64) {
    let (mut taken, mut fees) = (Vec::new(), 0_u64);
    for text in &draft.transactions {
        let Some(left) = room.checked_sub(text.len() + ", ".len()) else {
            break;
        };
        let Ok(transaction) = SealedTransaction::read(text) else {
            continue;
        };
        let with_this = fees.checked_add(transaction.transfer.fee);
        let Some(with_this) = with_this.filter(|fees| *fees <= fees_limit) else {
            break;
        };
        (room, fees) = (left, with_this);
        taken.push(&text[..]);
    }
    (taken, fees)
}

//! A block that is made here: what goes into it, and how it is written. Its
//! transactions were read when they came to wait, and are not read again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check::{expected_target, fields};
use crate::address::Address;
use crate::block::{Block, Shape};
use crate::hash::{Hash, sha256};
use crate::merkle;
use crate::puzzle::Puzzle;
use crate::rules::rule_set::Context;
use crate::rules::template::{BlockTemplate, SealedTemplate, TemplateContent};
use crate::sealed::{
    Coinbase, Header, INTEGER_LIMIT, Params, SealedBlock, block_hash, write_around_proof,
    write_block,
};
use crate::transaction::{Payment, Submitted};

/// The block that `content` becomes behind `context.parent`: its transactions in
/// their order, without those for which there is no room and without what their
/// senders have sent after those.
pub(super) fn template(
    params: &Params,
    context: Context<'_>,
    content: &TemplateContent,
) -> BlockTemplate {
    let parent = context.parent;
    let parent_ms = fields(parent).timestamp_ms;
    let reward_to: Address = content
        .reward_to
        .parse()
        .expect("check_reward_to was asked before anything is made");
    // "A node that makes a block takes the clock for `timestamp`, or the
    // parent's plus one where the clock is not later."
    let now_ms = u64::try_from(content.now.as_millis()).unwrap_or(u64::MAX);
    let mut header = Header {
        height: parent.height + 1,
        merkle_root: Hash([0; 32]),
        params: None,
        previous_hash: parent.hash,
        target: expected_target(params, context),
        timestamp_ms: now_ms.max(parent_ms + 1).min(INTEGER_LIMIT),
    };
    let room = room_beside(params, &header, reward_to);
    let (payments, fees) = taken(content, room, u64::MAX - params.reward);
    let reward = Coinbase {
        amount: params.reward + fees,
        height: header.height,
        recipient: reward_to,
    };
    let mut list = vec![b'['];
    let first = reward.to_text();
    list.extend_from_slice(&first);
    for payment in &payments {
        list.extend_from_slice(b", ");
        list.extend_from_slice(&payment.text);
    }
    list.push(b']');
    let leaves = payments.iter().map(|payment| payment.leaf);
    let leaves: Vec<Hash> = [merkle::leaf(&first)].into_iter().chain(leaves).collect();
    header.merkle_root = merkle::root(&leaves);
    let seal = sha256(&header.to_text());
    let (before_proof, behind_proof) = write_around_proof(&header, &list);
    BlockTemplate {
        puzzle: Puzzle {
            prefix: seal.to_hex().to_vec(),
            suffix: Vec::new(),
            target: header.target.to_be_bytes(),
        },
        parent: parent.hash,
        drafted: content.now,
        before_proof,
        behind_proof,
        sealed: Some(Box::new(SealedTemplate {
            header,
            seal,
            reward,
            payments,
        })),
    }
}

/// The block with that proof.
pub(super) fn finish(template: &BlockTemplate, proof: u64) -> Block {
    let text = template.text_with(proof);
    let shape = Shape::of(&text).expect("what is written here has the shape of a block");
    let parts = template.sealed.as_ref();
    let parts = parts.expect("a sealed chain has sealed templates");
    let view = SealedBlock {
        header: parts.header.clone(),
        seal: parts.seal,
        hash: block_hash(parts.seal, proof),
        reward: Some(parts.reward),
        transactions: parts
            .payments
            .iter()
            .map(|payment| payment.to_sealed())
            .collect(),
    };
    Block::new_sealed(text, shape, view)
}

/// How many bytes of transactions fit into every block, however long its
/// numbers are.
pub(super) fn room_bytes(params: &Params) -> usize {
    let longest = Header {
        height: INTEGER_LIMIT,
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
    let reward = Coinbase {
        amount: u64::MAX,
        height: header.height,
        recipient,
    };
    let used = write_block(header, u64::MAX, b"[]").len() + reward.to_text().len();
    let limit_bytes = usize::try_from(params.max_block_bytes).unwrap_or(usize::MAX);
    limit_bytes.saturating_sub(used)
}

/// The transactions of a template that fit, and their fees.
fn taken(content: &TemplateContent, mut room: usize, fees_limit: u64) -> (Vec<Arc<Payment>>, u64) {
    let (mut taken, mut fees) = (Vec::new(), 0_u64);
    let mut stopped = BTreeSet::new();
    for transaction in &content.transactions {
        let Submitted::Payment(payment) = transaction else {
            continue;
        };
        let left = room.checked_sub(payment.text.len() + ", ".len());
        let with_this = fees.checked_add(payment.fee);
        let with_this = with_this.filter(|fees| *fees <= fees_limit);
        match (left, with_this) {
            (Some(left), Some(with_this)) if !stopped.contains(&payment.sender) => {
                (room, fees) = (left, with_this);
                taken.push(Arc::clone(payment));
            }
            _ => {
                stopped.insert(payment.sender);
            }
        }
    }
    (taken, fees)
}

//! What makes a sealed block valid where it stands, rule by rule. Each function
//! is one rule; the quotations are from docs/protocol.md. Nothing here depends
//! on accounts.

use ruint::aliases::U256;

use super::target::next_target;
use crate::block::{Block, HeaderFields, SealedFields};
use crate::hash::Hash;
use crate::merkle;
use crate::rules::rule_set::Context;
use crate::sealed::{
    ChainId, Coinbase, GENESIS_PROOF, Params, SealedBlock, SealedError, SealedTransaction,
    SealedTransactionError, signed_bytes,
};
use crate::signature::{Batch, verify_one};

/// What the rules `sealed` have read of a block.
///
/// # Panics
///
/// When other rules have read it: a chain is of one rule set.
pub(super) fn view(block: &Block) -> &SealedBlock {
    block.sealed().expect("a sealed chain has sealed blocks")
}

/// The same of a block's ancestor.
pub(super) fn fields(header: &HeaderFields) -> &SealedFields {
    let sealed = header.sealed.as_ref();
    sealed.expect("a sealed chain has sealed blocks")
}

/// "The only block with index 1 is the genesis block itself."
pub(super) fn check_genesis(expected: Hash, block: &SealedBlock) -> Result<(), SealedError> {
    if block.hash == expected {
        return Ok(());
    }
    let found = block.hash;
    Err(SealedError::OtherGenesis { expected, found })
}

/// "Index 1, `previous_hash` 64 zeros, proof 100, `initial_target`, no
/// transactions."
pub(super) fn check_genesis_form(
    block: &SealedBlock,
    proof: u64,
    params: &Params,
) -> Result<(), SealedError> {
    let wrong = |field, expected: String, found: String| {
        Err(SealedError::WrongGenesis {
            field,
            expected,
            found,
        })
    };
    let header = &block.header;
    let (zeros, nothing) = (Hash([0; 32]), merkle::root(&[]));
    let target = |target: U256| format!("{target:064x}");
    if header.previous_hash != zeros {
        let found = header.previous_hash.to_string();
        return wrong("previous_hash", zeros.to_string(), found);
    }
    if proof != GENESIS_PROOF {
        return wrong("proof", GENESIS_PROOF.to_string(), proof.to_string());
    }
    if header.target != params.initial_target {
        let expected = target(params.initial_target);
        return wrong("target", expected, target(header.target));
    }
    if header.merkle_root != nothing {
        let found = header.merkle_root.to_string();
        return wrong("merkle_root", nothing.to_string(), found);
    }
    Ok(())
}

/// "Its canonical text has at most `max_block_bytes` bytes."
pub(super) fn check_size(params: &Params, block: &Block) -> Result<(), SealedError> {
    let (limit_bytes, found) = (params.max_block_bytes, block.text().len() as u64);
    if found <= limit_bytes {
        return Ok(());
    }
    Err(SealedError::TooLong { limit_bytes, found })
}

/// "Between 1 and `pow_limit`." It follows from the rule for the target, and is
/// checked before the parent is known, so that no block comes for free.
pub(super) fn check_target_bounds(params: &Params, block: &SealedBlock) -> Result<(), SealedError> {
    let (limit, found) = (params.pow_limit, block.header.target);
    if !found.is_zero() && found <= limit {
        return Ok(());
    }
    Err(SealedError::TargetOutOfBounds { limit, found })
}

/// "Its hash, read as a big-endian number, is at most `target`."
pub(super) fn check_proof(target: U256, hash: Hash) -> Result<(), SealedError> {
    if U256::from_be_bytes(hash.0) <= target {
        return Ok(());
    }
    Err(SealedError::HashAboveTarget { target, hash })
}

/// "The first transaction is the reward: the chain's `reward` plus all fees of
/// the block, the block's index, and who is paid."
pub(super) fn check_reward(params: &Params, block: &SealedBlock) -> Result<(), SealedError> {
    let Coinbase { amount, height, .. } = block.reward.ok_or(SealedError::NoReward)?;
    let expected = block.header.height;
    if height != expected {
        return Err(SealedError::WrongRewardIndex {
            expected,
            found: height,
        });
    }
    let expected = u128::from(params.reward) + block.fees();
    if u128::from(amount) != expected {
        return Err(SealedError::WrongReward {
            expected,
            found: amount,
        });
    }
    Ok(())
}

/// "Each further transaction names this chain."
pub(super) fn check_chain(
    expected: ChainId,
    transaction: &SealedTransaction,
) -> Result<(), SealedTransactionError> {
    let found = transaction.transfer.chain;
    if found == expected {
        return Ok(());
    }
    Err(SealedTransactionError::OtherChain { expected, found })
}

/// "At most `max_data_bytes` in UTF-8."
pub(super) fn check_data(
    params: &Params,
    transaction: &SealedTransaction,
) -> Result<(), SealedTransactionError> {
    let data = &transaction.transfer.data;
    let found = data.as_ref().map_or(0, String::len) as u64;
    let limit_bytes = params.max_data_bytes;
    if found <= limit_bytes {
        return Ok(());
    }
    Err(SealedTransactionError::DataTooLong { limit_bytes, found })
}

/// "The signature is Ed25519 by the rules of ZIP 215."
pub fn verify_signature(
    text: &[u8],
    transaction: &SealedTransaction,
) -> Result<(), SealedTransactionError> {
    let sender = transaction.transfer.sender;
    let mut message = Vec::with_capacity(text.len());
    signed_bytes(text, &mut message);
    if verify_one(&sender.0, &transaction.signature, &message) {
        return Ok(());
    }
    Err(SealedTransactionError::WrongSignature { sender })
}

/// The same for all transactions of a block, in less time, but those that
/// `is_checked` knows.
pub(super) fn check_signatures(
    block: &Block,
    is_checked: &dyn Fn(&Hash, &[u8]) -> bool,
) -> Result<(), SealedError> {
    let transactions = &view(block).transactions;
    let mut batch = Batch::with_capacity(transactions.len());
    let mut batched = Vec::with_capacity(transactions.len());
    let mut message = Vec::new();
    // The first one is the reward.
    for (position, (text, transaction)) in (1..).zip(block.transactions().skip(1).zip(transactions))
    {
        if is_checked(&transaction.id, text) {
            continue;
        }
        signed_bytes(text, &mut message);
        let sender = transaction.transfer.sender;
        batch.add(&sender.0, &transaction.signature, &message);
        batched.push((position, sender));
    }
    batch.verify().map_err(|at| {
        let (position, sender) = batched[at];
        let error = SealedTransactionError::WrongSignature { sender };
        SealedError::Transaction { position, error }
    })
}

/// "`timestamp` is later than the parent's."
pub(super) fn check_later(parent: &HeaderFields, found_ms: u64) -> Result<(), SealedError> {
    let parent_ms = fields(parent).timestamp_ms;
    if found_ms > parent_ms {
        return Ok(());
    }
    Err(SealedError::NotLater {
        parent_ms,
        found_ms,
    })
}

/// "`target` is the one that follows from the blocks before."
pub(super) fn check_target(
    params: &Params,
    context: Context<'_>,
    block: &SealedBlock,
) -> Result<(), SealedError> {
    let (expected, found) = (expected_target(params, context), block.header.target);
    if found == expected {
        return Ok(());
    }
    Err(SealedError::WrongTarget { expected, found })
}

/// "The blocks 2 and 3 have `initial_target`. For every later one it is a step
/// from that of its parent."
pub(super) fn expected_target(params: &Params, context: Context<'_>) -> U256 {
    let parent = fields(context.parent);
    match context.grandparent {
        Some(grandparent) if grandparent.height != 1 => {
            let grandparent_ms = fields(grandparent).timestamp_ms;
            let solve_ms = parent.timestamp_ms.saturating_sub(grandparent_ms);
            next_target(parent.target, solve_ms, params)
        }
        _ => params.initial_target,
    }
}

/// "A block whose `timestamp` is more than `future_limit_ms` ahead of the local
/// clock, and which is right otherwise, is held back and tried again when its
/// time has come."
pub(super) fn check_future(
    params: &Params,
    context: Context<'_>,
    block: &SealedBlock,
) -> Result<(), SealedError> {
    let now_ms = u64::try_from(context.now.as_millis()).unwrap_or(u64::MAX);
    let limit_ms = now_ms.saturating_add(params.future_limit_ms);
    let found_ms = block.header.timestamp_ms;
    if found_ms <= limit_ms {
        return Ok(());
    }
    Err(SealedError::TooFarAhead {
        limit_ms,
        found_ms,
        ahead_until_ms: found_ms - params.future_limit_ms,
    })
}

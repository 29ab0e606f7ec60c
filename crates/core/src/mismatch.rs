//! What a rule asks of a block and what was found instead, where both are one value:
//! for programs, which read no prose. What else an error has to say, its words say.

use crate::block::BlockError;
use crate::chain::ChainError;
use crate::sealed::{SealedError, SealedTransactionError};

/// One value that a rule asks for, and the one that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What the rule asks for.
    pub expected: String,
    /// What was found in its place.
    pub found: String,
}

impl Mismatch {
    fn between(expected: impl ToString, found: impl ToString) -> Option<Mismatch> {
        Some(Mismatch {
            expected: expected.to_string(),
            found: found.to_string(),
        })
    }
}

impl ChainError {
    /// What the rule asks for and what was found, where both are one value.
    pub fn mismatch(&self) -> Option<Mismatch> {
        match self {
            ChainError::Invalid(error) => error.mismatch(),
            _ => None,
        }
    }
}

impl BlockError {
    /// What the rule asks for and what was found, where both are one value.
    pub fn mismatch(&self) -> Option<Mismatch> {
        match self {
            BlockError::NotAnObject { found } => Mismatch::between("a block", found),
            BlockError::WrongField {
                expected, found, ..
            } => Mismatch::between(expected, found),
            BlockError::WrongIndex { expected, found } => Mismatch::between(expected, found),
            BlockError::WrongPreviousHash {
                expected, found, ..
            } => Mismatch::between(expected, found),
            BlockError::Sealed(error) => of_sealed(error),
            BlockError::NotJson(_) | BlockError::WrongProof { .. } => None,
        }
    }
}

fn of_sealed(error: &SealedError) -> Option<Mismatch> {
    match error {
        SealedError::WrongParam {
            expected, found, ..
        } => Mismatch::between(expected, found),
        SealedError::WrongVersion { found } => Mismatch::between(1, found),
        SealedError::WrongMerkleRoot { expected, found }
        | SealedError::OtherGenesis { expected, found } => Mismatch::between(expected, found),
        SealedError::WrongGenesis {
            expected, found, ..
        } => Mismatch::between(expected, found),
        SealedError::TooLong { limit_bytes, found } => {
            Mismatch::between(format!("at most {limit_bytes} bytes"), found)
        }
        SealedError::TargetOutOfBounds { limit, found } => {
            Mismatch::between(format!("1 to {limit:064x}"), format!("{found:064x}"))
        }
        SealedError::WrongTarget { expected, found } => {
            Mismatch::between(format!("{expected:064x}"), format!("{found:064x}"))
        }
        SealedError::HashAboveTarget { target, hash } => {
            Mismatch::between(format!("at most {target:064x}"), hash)
        }
        SealedError::NotLater {
            parent_ms,
            found_ms,
        } => Mismatch::between(format!("more than {parent_ms}"), found_ms),
        SealedError::TooFarAhead {
            limit_ms, found_ms, ..
        } => Mismatch::between(format!("at most {limit_ms}"), found_ms),
        SealedError::WrongRewardIndex { expected, found } => Mismatch::between(expected, found),
        SealedError::WrongReward { expected, found } => Mismatch::between(expected, found),
        SealedError::Transaction { error, .. } => of_transaction(error),
        SealedError::Field(_) | SealedError::NoReward => None,
    }
}

fn of_transaction(error: &SealedTransactionError) -> Option<Mismatch> {
    match error {
        SealedTransactionError::OtherChain { expected, found } => {
            Mismatch::between(expected, found)
        }
        SealedTransactionError::WrongNonce {
            expected, found, ..
        } => Mismatch::between(expected, found),
        SealedTransactionError::DataTooLong { limit_bytes, found } => {
            Mismatch::between(format!("at most {limit_bytes} bytes"), found)
        }
        _ => None,
    }
}

//! What can be wrong with a sealed block or transaction: one case a rule, each
//! with what was expected and what was found, and a name that stays.

use ruint::aliases::U256;

use super::fields::FieldError;
use super::transaction::ChainId;
use crate::address::Address;
use crate::hash::Hash;
use crate::json::JsonError;

/// Why a transaction is not valid, or not valid now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedTransactionError {
    /// Not JSON, or JSON that could be taken for different things.
    #[error("not a transaction: {0}")]
    NotJson(#[from] JsonError),
    /// Its fields are not those of a transaction.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// It has the form of a reward, and is not the first of its block.
    #[error("only the first transaction of a block may be from \"0\"")]
    SecondReward,
    /// It is for another chain.
    #[error("chain: expected {expected}, found {found}: it is for another chain")]
    OtherChain {
        /// This chain's id.
        expected: ChainId,
        /// The transaction's.
        found: ChainId,
    },
    /// It carries too much.
    #[error("data: expected at most {limit_bytes} bytes of UTF-8, found {found}")]
    DataTooLong {
        /// The chain's `max_data_bytes`.
        limit_bytes: u64,
        /// Its length.
        found: u64,
    },
    /// The sender did not sign this.
    #[error("signature: it is not {sender}'s for this transaction")]
    WrongSignature {
        /// Who would have had to sign.
        sender: Address,
    },
    /// It is not the sender's next one: it was used before, or one is missing
    /// before it.
    #[error("nonce: expected {expected}, the count of {sender}'s transactions, found {found}")]
    WrongNonce {
        /// Who sends.
        sender: Address,
        /// The next nonce.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// The sender does not have that much.
    #[error(
        "amount and fee are {needed} base units together, and {sender} has {balance} base units"
    )]
    BalanceTooLow {
        /// Who sends.
        sender: Address,
        /// What they have.
        balance: u64,
        /// What it takes.
        needed: u64,
    },
    /// The recipient would have more than can be counted.
    #[error(
        "{recipient} has {balance} base units, and {amount} base units more would be above 2^64-1"
    )]
    BalanceTooHigh {
        /// Who is paid.
        recipient: Address,
        /// What they have.
        balance: u64,
        /// What would be added.
        amount: u64,
    },
}

impl SealedTransactionError {
    /// The name of the rule that does not hold. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "json",
            Self::Field(_) => "fields",
            Self::SecondReward => "reward",
            Self::OtherChain { .. } => "chain",
            Self::DataTooLong { .. } => "data",
            Self::WrongSignature { .. } => "signature",
            Self::WrongNonce { .. } => "nonce",
            Self::BalanceTooLow { .. } => "balance",
            Self::BalanceTooHigh { .. } => "overflow",
        }
    }
}

/// Why a block is not valid where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// Its fields are not those of a block.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A parameter that no chain can have.
    #[error("params: {param}: expected {expected}, found {found}")]
    WrongParam {
        /// The parameter's name.
        param: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// It is written by rules that we don't know.
    #[error("version: expected 1, found {found}")]
    WrongVersion {
        /// The block's version.
        found: u64,
    },
    /// Its transactions are not those that its header commits to.
    #[error("merkle_root: the transactions give {expected}, found {found}")]
    WrongMerkleRoot {
        /// That of the transactions as they came.
        expected: Hash,
        /// The header's.
        found: Hash,
    },
    /// The first block of another chain.
    #[error("the first block is {found}, and this chain starts with {expected}")]
    OtherGenesis {
        /// The hash of this chain's genesis block.
        expected: Hash,
        /// The block's.
        found: Hash,
    },
    /// A genesis block with something that a genesis block cannot have.
    #[error("genesis block: {field}: expected {expected}, found {found}")]
    WrongGenesis {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// It is too long.
    #[error("expected at most {limit_bytes} bytes, found {found}")]
    TooLong {
        /// The chain's `max_block_bytes`.
        limit_bytes: u64,
        /// The length of its canonical text.
        found: u64,
    },
    /// Its target is none that this chain can have.
    #[error("target: expected 1 to {limit:064x}, found {found:064x}")]
    TargetOutOfBounds {
        /// The chain's `pow_limit`.
        limit: U256,
        /// The block's target.
        found: U256,
    },
    /// Its target is not the one that follows from the blocks before.
    #[error("target: expected {expected:064x}, found {found:064x}")]
    WrongTarget {
        /// What follows from the blocks before.
        expected: U256,
        /// The block's target.
        found: U256,
    },
    /// Not enough work went into it.
    #[error("proof: expected a hash of at most {target:064x}, found {hash}")]
    HashAboveTarget {
        /// The block's own target.
        target: U256,
        /// The block's hash.
        hash: Hash,
    },
    /// It is not later than the block before.
    #[error("timestamp: expected more than {parent_ms}, the parent's, found {found_ms}")]
    NotLater {
        /// The parent's timestamp.
        parent_ms: u64,
        /// The block's.
        found_ms: u64,
    },
    /// It is too far ahead of the local clock. That passes: it is to be held
    /// back until then, and tried again.
    #[error(
        "timestamp: expected at most {limit_ms}, the local clock and what the chain allows, \
         found {found_ms}; held back until {ahead_until_ms}"
    )]
    TooFarAhead {
        /// The latest that would be taken now.
        limit_ms: u64,
        /// The block's timestamp.
        found_ms: u64,
        /// When the local clock allows it, in milliseconds since 1970.
        ahead_until_ms: u64,
    },
    /// Its first transaction is no reward.
    #[error("the first transaction is no reward (one from \"0\")")]
    NoReward,
    /// Its reward names another block.
    #[error("reward: index: expected {expected}, found {found}")]
    WrongRewardIndex {
        /// The block's height.
        expected: u64,
        /// The reward's.
        found: u64,
    },
    /// Its reward is not what the finder gets.
    #[error("reward: amount: expected {expected}, found {found}")]
    WrongReward {
        /// The chain's reward and the block's fees.
        expected: u128,
        /// The reward's amount.
        found: u64,
    },
    /// One of its transactions is not valid.
    #[error("transaction {position}: {error}")]
    Transaction {
        /// Its place in the block, from 0; the reward is 0.
        position: usize,
        /// Why.
        error: SealedTransactionError,
    },
}

impl SealedError {
    /// The name of the rule that does not hold. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Field(_) => "fields",
            Self::WrongParam { .. } => "params",
            Self::WrongVersion { .. } => "version",
            Self::WrongMerkleRoot { .. } => "merkle-root",
            Self::OtherGenesis { .. } | Self::WrongGenesis { .. } => "genesis",
            Self::TooLong { .. } => "size",
            Self::TargetOutOfBounds { .. } | Self::WrongTarget { .. } => "target",
            Self::HashAboveTarget { .. } => "proof",
            Self::NotLater { .. } => "timestamp",
            Self::TooFarAhead { .. } => "future",
            Self::NoReward | Self::WrongRewardIndex { .. } | Self::WrongReward { .. } => "reward",
            Self::Transaction { error, .. } => error.rule(),
        }
    }
}

//! A sealed block, read: its header, its reward and its transactions. A text is
//! a block only if its transactions are those that the header commits to:
//! otherwise one hash could name two blocks, and a block corrupted on its way
//! would spoil the good one.

use ruint::aliases::U256;

use super::constants::{GENESIS_PROOF, INTEGER_LIMIT};
use super::error::{SealedError, SealedTransactionError};
use super::fields::{Field, FieldError, fields};
use super::header::{Header, block_hash, header_text, write_block};
use super::params::Params;
use super::transaction::SealedTransaction;
use crate::address::Address;
use crate::hash::{Hash, sha256};
use crate::{json, merkle};

/// What the finder of a block gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coinbase {
    /// How much, in base units.
    pub amount: u64,
    /// The block's height, so that no two rewards are the same transaction.
    pub height: u64,
    /// Who gets it.
    pub recipient: Address,
}

/// The typed view of a sealed block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBlock {
    /// What is worked for.
    pub header: Header,
    /// The hash of the header.
    pub seal: Hash,
    /// The block's hash.
    pub hash: Hash,
    /// The first transaction; a genesis block has none.
    pub reward: Option<Coinbase>,
    /// The transactions behind the reward, in order.
    pub transactions: Vec<SealedTransaction>,
}

impl SealedBlock {
    /// Reads a block's canonical text. Its fields then have their form, and its
    /// transactions are the ones that its hash stands for; whether they are
    /// valid is not checked.
    pub fn read(text: &[u8]) -> Result<SealedBlock, SealedError> {
        let (header, proof, list) = Header::read(text)?;
        let seal = sha256(&header_text(text));
        let texts: Vec<&[u8]> = json::elements(list).into_iter().flatten().collect();
        check_merkle_root(&header, &texts)?;
        let (reward, transactions) = match header.height {
            1 => (None, &texts[..]),
            _ => {
                let (first, rest) = texts.split_first().ok_or(SealedError::NoReward)?;
                (Some(Coinbase::read(first)?), rest)
            }
        };
        Ok(SealedBlock {
            transactions: read_transactions(transactions, reward.is_some())?,
            reward,
            hash: block_hash(seal, proof),
            seal,
            header,
        })
    }

    /// What the transactions pay to the finder of the block.
    pub fn fees(&self) -> u128 {
        let fees = self.transactions.iter().map(|one| one.transfer.fee);
        fees.map(u128::from).sum()
    }
}

/// "Before anything else, the transactions have to give the `merkle_root`."
fn check_merkle_root(header: &Header, transactions: &[&[u8]]) -> Result<(), SealedError> {
    let leaves: Vec<Hash> = transactions.iter().map(|text| merkle::leaf(text)).collect();
    let expected = merkle::root(&leaves);
    if header.merkle_root == expected {
        return Ok(());
    }
    Err(SealedError::WrongMerkleRoot {
        expected,
        found: header.merkle_root,
    })
}

fn read_transactions(
    texts: &[&[u8]],
    behind_reward: bool,
) -> Result<Vec<SealedTransaction>, SealedError> {
    let read = texts.iter().enumerate().map(|(at, text)| {
        SealedTransaction::read(text).map_err(|error| SealedError::Transaction {
            position: at + usize::from(behind_reward),
            error: match is_reward(text) {
                true => SealedTransactionError::SecondReward,
                false => error.into(),
            },
        })
    });
    read.collect()
}

/// Whether its sender is `"0"`: nobody's key, so no transaction can be taken for
/// a reward.
fn is_reward(text: &[u8]) -> bool {
    json::member(text, "sender") == Some(b"\"0\"".as_slice())
}

impl Coinbase {
    /// Reads a reward's canonical text.
    fn read(text: &[u8]) -> Result<Coinbase, SealedError> {
        if !is_reward(text) {
            return Err(SealedError::NoReward);
        }
        let names = ["amount", "index", "recipient", "sender"];
        let read = |[amount, height, recipient, _sender]: [Field<'_>; 4]| {
            Ok::<_, FieldError>(Coinbase {
                amount: amount.integer(u64::MAX, "an integer in 0..2^64-1")?,
                height: height.integer(INTEGER_LIMIT, "the block's index")?,
                recipient: recipient.address()?,
            })
        };
        let reward = fields(text, names).and_then(read);
        reward.map_err(|error| SealedError::Transaction {
            position: 0,
            error: error.into(),
        })
    }

    /// The canonical text.
    pub fn to_text(&self) -> Vec<u8> {
        format!(
            "{{\"amount\": {}, \"index\": {}, \"recipient\": \"{}\", \"sender\": \"0\"}}",
            self.amount, self.height, self.recipient
        )
        .into_bytes()
    }
}

/// The canonical text of the genesis block of a new chain.
pub fn write_genesis(params: Params, timestamp_ms: u64) -> Vec<u8> {
    let target: U256 = params.initial_target;
    let header = Header {
        height: 1,
        merkle_root: merkle::root(&[]),
        params: Some(Box::new(params)),
        previous_hash: Hash([0; 32]),
        target,
        timestamp_ms,
    };
    write_block(&header, GENESIS_PROOF, b"[]")
}

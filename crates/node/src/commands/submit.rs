//! Hands a transaction in, which then waits for a block. Whether it may, the
//! rules and the core decide.

use adit_core::hash::Hash;
use adit_core::mempool::{MempoolFull, RejectReason};
use adit_core::node::Answer;
use adit_core::transaction::{Submitted, TransactionError};

use crate::handle::{NodeHandle, Request, Stopping};
use crate::queries::transaction;

/// A transaction that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its identity.
    pub id: Hash,
    /// Whether the rules give it that identity; in the classics nothing tells it
    /// from others but its text.
    pub is_id_of_rules: bool,
    /// The height of the block that it will be in, unless another node's block
    /// comes before.
    pub block_height: u64,
}

/// Why a transaction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// It breaks a rule of the chain.
    #[error(transparent)]
    Invalid(#[from] TransactionError),
    /// It may not wait.
    #[error(transparent)]
    Rejected(RejectReason),
    /// There is no room for it.
    #[error(transparent)]
    MempoolFull(MempoolFull),
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

impl Accepted {
    /// The tutorial's words for it.
    pub fn message(&self) -> String {
        format!("Transaction will be added to Block {}", self.block_height)
    }
}

/// Hands in a transaction: any JSON text of it. One that is in a block already is
/// answered as it was the first time.
pub async fn submit(node: &NodeHandle, text: &[u8]) -> Result<Accepted, Rejected> {
    let transaction = node.rules().read_transaction(text)?;
    transaction.check_amount_is_number()?;
    hand_in(node, transaction).await
}

/// As [`submit`], for clients of the tutorial: under the classics an amount may
/// be a string that spells a number, which many of them send.
pub async fn submit_as_tutorial(node: &NodeHandle, text: &[u8]) -> Result<Accepted, Rejected> {
    hand_in(node, node.rules().read_transaction(text)?).await
}

async fn hand_in(node: &NodeHandle, transaction: Submitted) -> Result<Accepted, Rejected> {
    let id_of_rules = transaction.id();
    let id = transaction.id_or_hash();
    match node.request(Request::Transaction(transaction)).await? {
        Answer::Accepted { block_height } => Ok(Accepted {
            id,
            is_id_of_rules: id_of_rules.is_some(),
            block_height,
        }),
        Answer::Rejected(error @ RejectReason::NonceUsed { .. }) => {
            // The one in the block may be this one, sent again by a client that
            // did not get its answer.
            match transaction::confirmed(node, id).await {
                Ok(confirmed) => Ok(Accepted {
                    id,
                    is_id_of_rules: id_of_rules.is_some(),
                    block_height: confirmed.block.height(),
                }),
                Err(_) => Err(Rejected::Rejected(error)),
            }
        }
        Answer::Rejected(error) => Err(Rejected::Rejected(error)),
        Answer::MempoolFull(full) => Err(Rejected::MempoolFull(full)),
        answer => unreachable!("the core answers whether a transaction waits: {answer:?}"),
    }
}

//! A transaction as the tutorial knows it: who pays, who is paid, how much. It
//! reads what a user submits. Whether the sender has the money, or exists, is
//! not known here (the classics never ask).

use std::sync::Arc;

use crate::address::Address;
use crate::amount::{self, AmountError};
use crate::hash::{Hash, sha256};
use crate::json::{self, JsonError, kind};
use crate::merkle;
use crate::sealed::{ChainId, SealedTransaction, SealedTransactionError, Transfer, signature_in};

/// One submitted transaction is at most this long, as sent and in canonical form.
pub const TRANSACTION_LIMIT_BYTES: usize = 64 * 1024;

/// A transaction is its canonical JSON.
pub type TransactionText = Box<[u8]>;

/// A transaction that somebody wants in a block, as the rules have read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// One that nobody signs: nothing is known of it but its text.
    Text(Arc<[u8]>),
    /// One that moves coins from an account; its signature is valid.
    Payment(Arc<Payment>),
}

/// A signed transaction, as far as waiting for a block depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its identity.
    pub id: Hash,
    /// Its canonical JSON, with the signature.
    pub text: Arc<[u8]>,
    /// What the text is in the Merkle tree of its block.
    pub leaf: Hash,
    /// Who pays.
    pub sender: Address,
    /// Who is paid.
    pub recipient: Address,
    /// The number of the sender's transactions before it.
    pub nonce: u64,
    /// What is paid, in base units.
    pub amount: u64,
    /// What the finder of the block gets, in base units.
    pub fee: u64,
}

impl Payment {
    /// What is kept of a transaction that was read from this text.
    pub fn of(text: &[u8], transaction: &SealedTransaction) -> Payment {
        let transfer = &transaction.transfer;
        Payment {
            id: transaction.id,
            text: text.into(),
            leaf: merkle::leaf(text),
            sender: transfer.sender,
            recipient: transfer.recipient,
            nonce: transfer.nonce,
            amount: transfer.amount,
            fee: transfer.fee,
        }
    }

    /// The transaction that it was read from. What is not kept stands at known
    /// places of the text, which is not parsed again.
    pub fn to_sealed(&self) -> SealedTransaction {
        let mut chain = ChainId::default();
        let mut data = None;
        // In canonical order these come before all others.
        let members = json::members(&self.text).into_iter().flatten();
        for (key, value) in members.take(3) {
            match key {
                b"chain" => chain = json_hex(value).unwrap_or_default(),
                b"data" => data = json::string(value),
                _ => {}
            }
        }
        SealedTransaction {
            transfer: Transfer {
                amount: self.amount,
                chain,
                data,
                fee: self.fee,
                nonce: self.nonce,
                recipient: self.recipient,
                sender: self.sender,
            },
            signature: signature_in(&self.text),
            id: self.id,
        }
    }
}

/// The chain's id between quotes.
fn json_hex(value: &[u8]) -> Option<ChainId> {
    ChainId::from_hex(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

impl Submitted {
    /// The canonical JSON.
    pub fn text(&self) -> &Arc<[u8]> {
        match self {
            Submitted::Text(text) => text,
            Submitted::Payment(payment) => &payment.text,
        }
    }

    /// Refuses an amount that a string only spells.
    pub fn check_amount_is_number(&self) -> Result<(), TransactionError> {
        let Submitted::Text(text) = self else {
            return Ok(());
        };
        let amount = json::member(text, "amount").ok_or(TransactionError::MissingValues)?;
        Ok(amount::check_number(amount)?)
    }

    /// The identity, if the rules give it one.
    pub fn id(&self) -> Option<Hash> {
        match self {
            Submitted::Text(_) => None,
            Submitted::Payment(payment) => Some(payment.id),
        }
    }

    /// What people find it by: the identity or, where the rules give it none,
    /// the SHA-256 of its text.
    pub fn id_or_hash(&self) -> Hash {
        self.id().unwrap_or_else(|| sha256(self.text()))
    }
}

/// Why a submitted transaction was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// One of the three fields is absent; the tutorial's own words.
    #[error("Missing values")]
    MissingValues,
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] JsonError),
    /// The body is JSON, but no object.
    #[error("expected a JSON object with sender, recipient and amount, found {found}")]
    NotAnObject {
        /// What kind of JSON value it is.
        found: &'static str,
    },
    /// The amount is none.
    #[error("amount: {0}")]
    Amount(#[from] AmountError),
    /// A field has the wrong type.
    #[error("{field}: expected {expected}, found {found}")]
    WrongType {
        /// The field's name.
        field: &'static str,
        /// The type that it must have.
        expected: &'static str,
        /// What kind of JSON value it is.
        found: &'static str,
    },
    /// It breaks a rule of `sealed`.
    #[error(transparent)]
    Sealed(#[from] SealedTransactionError),
    /// It is one of the tutorial's, and this chain wants them signed.
    #[error(
        "this transaction is not signed, and on this chain nobody else can spend what is \
         yours: sign it with `adit send` or `adit sign`, or send an object with amount, \
         chain ({chain:?}), fee, nonce, recipient, sender and signature: 128 hex digits, \
         Ed25519 over `adit transaction v1`, a newline, and the canonical JSON without \
         the signature"
    )]
    Unsigned {
        /// The id of the chain.
        chain: String,
    },
}

impl TransactionError {
    /// The name of the rule that does not hold. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            TransactionError::NotJson(_) => "json",
            TransactionError::Sealed(error) => error.rule(),
            TransactionError::Unsigned { .. } => "signature",
            _ => "fields",
        }
    }
}

/// Reads the body of the tutorial's `POST /transactions/new`: an object with a
/// string `sender`, a string `recipient` and an `amount`, which is a finite number
/// or a string that spells one: the tutorial takes any, and forms send strings. As
/// in the tutorial, further fields are left out of the transaction.
pub fn read_submitted(body: &[u8]) -> Result<TransactionText, TransactionError> {
    let text = json::canonical(body, TRANSACTION_LIMIT_BYTES)?;
    if json::members(&text).is_none() {
        return Err(TransactionError::NotAnObject { found: kind(&text) });
    }
    let (Some(sender), Some(recipient), Some(amount)) = (
        json::member(&text, "sender"),
        json::member(&text, "recipient"),
        json::member(&text, "amount"),
    ) else {
        return Err(TransactionError::MissingValues);
    };
    check_string("sender", sender)?;
    check_string("recipient", recipient)?;
    amount::check(amount)?;
    Ok(write(amount, recipient, sender))
}

/// The transaction that pays the finder of a block, as the tutorial's `mine`
/// makes it: one coin from `"0"`.
pub fn reward(recipient: &str) -> TransactionText {
    let mut name = Vec::new();
    json::write_string(recipient, &mut name);
    write(b"1", &name, b"\"0\"")
}

/// Whether it has the form of a reward: its sender is `"0"`.
pub fn is_reward(transaction: &[u8]) -> bool {
    json::member(transaction, "sender") == Some(b"\"0\"".as_slice())
}

/// Who pays, as people would write it; `None` if nobody is named.
pub fn sender(transaction: &[u8]) -> Option<String> {
    json::member(transaction, "sender").map(name)
}

/// Who is paid, as people would write it; `None` if nobody is named.
pub fn recipient(transaction: &[u8]) -> Option<String> {
    json::member(transaction, "recipient").map(name)
}

/// Blocks of Python nodes may name anything: what is no string, or holds half
/// a surrogate pair, stands for itself in its canonical JSON.
fn name(value: &[u8]) -> String {
    json::string(value).unwrap_or_else(|| String::from_utf8_lossy(value).into_owned())
}

fn write(amount: &[u8], recipient: &[u8], sender: &[u8]) -> TransactionText {
    [
        b"{\"amount\": ",
        amount,
        b", \"recipient\": ",
        recipient,
        b", \"sender\": ",
        sender,
        b"}",
    ]
    .concat()
    .into()
}

fn check_string(field: &'static str, value: &[u8]) -> Result<(), TransactionError> {
    if value.first() == Some(&b'"') {
        return Ok(());
    }
    Err(TransactionError::WrongType {
        field,
        expected: "a string",
        found: kind(value),
    })
}

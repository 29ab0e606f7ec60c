//! A signed transaction: who pays whom how much, on which chain, and the proof
//! that the sender wants it. Each has one text, since the signature is over it.
//! Whether the sender has the money is not known here.

use std::fmt;

use sha2::{Digest, Sha256};

use super::constants::INTEGER_LIMIT;
use super::fields::{FieldError, fields};
use crate::address::Address;
use crate::hash::{Hash, read_hex, write_hex};
use crate::json;

/// What stands before a transaction's text when it is signed, so that no
/// signature for anything else can be taken for one.
const SIGNED_PREFIX: &[u8] = b"adit transaction v1\n";

/// `signature` sorts last, so that a transaction ends with this, 128 digits, and
/// a quote and a bracket.
const BEFORE_DIGITS: &[u8] = b", \"signature\": \"";

/// Which chain a transaction is for: the first 8 bytes of its genesis block's
/// hash, 16 hex digits. A transaction for one chain is none on another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ChainId(pub [u8; 8]);

/// What a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// How much the recipient gets, in base units.
    pub amount: u64,
    /// The chain that it is for.
    pub chain: ChainId,
    /// What is to be kept with it; not empty.
    pub data: Option<String>,
    /// How much the finder of the block gets.
    pub fee: u64,
    /// How many transactions the sender has sent before.
    pub nonce: u64,
    /// Who is paid.
    pub recipient: Address,
    /// Who pays.
    pub sender: Address,
}

/// A transaction with its signature, which may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTransaction {
    /// What is signed.
    pub transfer: Transfer,
    /// The Ed25519 signature by the sender's key.
    pub signature: [u8; 64],
    /// SHA-256 of the text without the signature, so that nobody can give the
    /// same transaction another id.
    pub id: Hash,
}

impl ChainId {
    /// The id of the chain that starts with this block.
    pub fn of_genesis(hash: Hash) -> ChainId {
        let first = hash.0.first_chunk().expect("a hash has 32 bytes");
        ChainId(*first)
    }

    /// Reads 16 lower-case hex digits.
    pub fn from_hex(hex: &[u8]) -> Option<ChainId> {
        let mut bytes = [0; 8];
        read_hex(hex, &mut bytes)?;
        Some(ChainId(bytes))
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = [0; 16];
        write_hex(&self.0, &mut hex);
        f.write_str(&String::from_utf8_lossy(&hex))
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Transfer {
    /// The canonical text without a signature.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = format!(
            "{{\"amount\": {}, \"chain\": \"{}\", ",
            self.amount, self.chain
        )
        .into_bytes();
        if let Some(data) = &self.data {
            text.extend_from_slice(b"\"data\": ");
            json::write_string(data, &mut text);
            text.extend_from_slice(b", ");
        }
        let rest = format!(
            "\"fee\": {}, \"nonce\": {}, \"recipient\": \"{}\", \"sender\": \"{}\"}}",
            self.fee, self.nonce, self.recipient, self.sender
        );
        text.extend_from_slice(rest.as_bytes());
        text
    }

    /// What the sender's key has to sign.
    pub fn to_signed_bytes(&self) -> Vec<u8> {
        [SIGNED_PREFIX, &self.to_text()].concat()
    }

    /// The length of the canonical text with a signature.
    pub fn signed_length_bytes(&self) -> usize {
        self.to_text().len() + BEFORE_DIGITS.len() + 128 + "\"".len()
    }

    /// The canonical text with its signature.
    pub fn with_signature(&self, signature: &[u8; 64]) -> Vec<u8> {
        let mut text = self.to_text();
        let mut hex = [0; 128];
        write_hex(signature, &mut hex);
        text.pop();
        text.extend_from_slice(BEFORE_DIGITS);
        text.extend_from_slice(&hex);
        text.extend_from_slice(b"\"}");
        text
    }
}

impl SealedTransaction {
    /// Reads a transaction's canonical text. Its fields then have their form;
    /// nothing is verified.
    pub fn read(text: &[u8]) -> Result<SealedTransaction, FieldError> {
        let names = [
            "amount",
            "chain",
            "data",
            "fee",
            "nonce",
            "recipient",
            "sender",
            "signature",
        ];
        let [
            amount,
            chain,
            data,
            fee,
            nonce,
            recipient,
            sender,
            signature,
        ] = fields(text, names)?;
        let integer = "an integer in 0..2^53-1";
        let transfer = Transfer {
            amount: amount.integer(INTEGER_LIMIT, integer)?,
            chain: ChainId(chain.hex("16 lower-case hex digits")?),
            data: match data.is_there() {
                true => Some(data.string("a string")?),
                false => None,
            },
            fee: fee.integer(INTEGER_LIMIT, integer)?,
            nonce: nonce.integer(INTEGER_LIMIT, integer)?,
            recipient: recipient.address()?,
            sender: sender.address()?,
        };
        if transfer.data.as_ref().is_some_and(String::is_empty) {
            return Err(data.wrong("a string that is not empty, or no such field"));
        }
        let signature = signature.hex("128 lower-case hex digits")?;
        let id = Sha256::new()
            .chain_update(before_signature(text))
            .chain_update(b"}");
        Ok(SealedTransaction {
            transfer,
            signature,
            id: Hash(id.finalize().into()),
        })
    }

    /// How much the sender loses.
    pub fn cost(&self) -> u64 {
        // Both are at most 2^53 - 1.
        self.transfer.amount + self.transfer.fee
    }
}

/// Writes what was signed into `bytes`, given the canonical text of a
/// transaction that was read.
pub fn signed_bytes(text: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(SIGNED_PREFIX);
    bytes.extend_from_slice(before_signature(text));
    bytes.push(b'}');
}

/// The signature, given the canonical text of a transaction that was read.
pub fn signature_in(text: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    let digits = text
        .strip_suffix(b"\"}")
        .and_then(<[u8]>::last_chunk::<128>);
    let read = digits.and_then(|digits| read_hex(digits, &mut signature));
    debug_assert!(read.is_some(), "it was read");
    signature
}

fn before_signature(text: &[u8]) -> &[u8] {
    let end_bytes = BEFORE_DIGITS.len() + 128 + "\"}".len();
    &text[..text.len().saturating_sub(end_bytes)]
}

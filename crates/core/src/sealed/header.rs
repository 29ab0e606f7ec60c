//! A block's header: what the work is for. Its hash is the block's seal, and
//! the block's hash is that of the seal with the proof. It commits to the
//! transactions only by their Merkle root.

use ruint::aliases::U256;

use super::constants::{INTEGER_LIMIT, VERSION};
use super::error::SealedError;
use super::fields::{Field, FieldError, fields};
use super::params::Params;
use crate::hash::{Hash, sha256};
use crate::json;
use crate::puzzle::{DECIMAL_LENGTH_LIMIT, decimal};

/// A block without its proof and transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Position in the chain; the genesis block's is 1.
    pub height: u64,
    /// The Merkle root of the transactions.
    pub merkle_root: Hash,
    /// What the chain is like: in its genesis block, and only there.
    pub params: Option<Box<Params>>,
    /// The hash of the block before; zeros in a genesis block.
    pub previous_hash: Hash,
    /// The greatest hash that the block may have.
    pub target: U256,
    /// When it was made, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

impl Header {
    /// Reads the header out of a block's canonical text, and with it the proof
    /// and the list of transactions as it stands there.
    pub(super) fn read(block: &[u8]) -> Result<(Header, u64, &[u8]), SealedError> {
        let names = [
            "index",
            "merkle_root",
            "params",
            "previous_hash",
            "proof",
            "target",
            "timestamp",
            "transactions",
            "version",
        ];
        let [
            height,
            merkle_root,
            params,
            previous_hash,
            proof,
            target,
            timestamp,
            transactions,
            version,
        ] = fields(block, names)?;
        let header = Header::of_fields([
            height,
            merkle_root,
            params,
            previous_hash,
            target,
            timestamp,
            version,
        ])?;
        let proof = proof.integer(u64::MAX, "an integer in 0..2^64-1")?;
        let list = transactions.text()?;
        if list.first() != Some(&b'[') {
            return Err(transactions.wrong("a list").into());
        }
        Ok((header, proof, list))
    }

    /// Reads a header by itself: the canonical text of a block without its
    /// proof and its transactions.
    pub fn read_alone(text: &[u8]) -> Result<Header, SealedError> {
        let names = [
            "index",
            "merkle_root",
            "params",
            "previous_hash",
            "target",
            "timestamp",
            "version",
        ];
        Header::of_fields(fields(text, names)?)
    }

    /// The canonical text: what the block's seal is the hash of.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(384);
        let mut digits = [0; DECIMAL_LENGTH_LIMIT];
        text.extend_from_slice(b"{\"index\": ");
        text.extend_from_slice(decimal(self.height, &mut digits));
        text.extend_from_slice(b", \"merkle_root\": \"");
        text.extend_from_slice(&self.merkle_root.to_hex());
        if let Some(params) = &self.params {
            text.extend_from_slice(b"\", \"params\": ");
            text.extend_from_slice(&params.to_text());
            text.extend_from_slice(b", \"previous_hash\": \"");
        } else {
            text.extend_from_slice(b"\", \"previous_hash\": \"");
        }
        text.extend_from_slice(&self.previous_hash.to_hex());
        text.extend_from_slice(b"\", \"target\": \"");
        text.extend_from_slice(&Hash(self.target.to_be_bytes()).to_hex());
        text.extend_from_slice(b"\", \"timestamp\": ");
        text.extend_from_slice(decimal(self.timestamp_ms, &mut digits));
        text.extend_from_slice(b", \"version\": ");
        text.extend_from_slice(decimal(VERSION, &mut digits));
        text.push(b'}');
        text
    }

    fn of_fields(fields: [Field<'_>; 7]) -> Result<Header, SealedError> {
        let [
            height,
            merkle_root,
            params,
            previous_hash,
            target,
            timestamp,
            version,
        ] = fields;
        let integer = "an integer in 0..2^53-1";
        let height = height.integer(INTEGER_LIMIT, integer)?;
        if height != 1 && params.is_there() {
            let name = "params".to_owned();
            return Err(FieldError::Unknown { name }.into());
        }
        let params = match height {
            1 => Some(Box::new(Params::read(params.text()?)?)),
            _ => None,
        };
        let found = version.integer(u64::MAX, "1")?;
        if found != VERSION {
            return Err(SealedError::WrongVersion { found });
        }
        Ok(Header {
            height,
            merkle_root: merkle_root.hash()?,
            params,
            previous_hash: previous_hash.hash()?,
            target: U256::from_be_bytes(target.hash()?.0),
            timestamp_ms: timestamp.integer(INTEGER_LIMIT, integer)?,
        })
    }
}

/// A header's canonical text, given a block's: all that is neither the proof
/// nor the transactions.
pub fn header_text(block: &[u8]) -> Vec<u8> {
    let mut text = vec![b'{'];
    for (key, value) in json::members(block).into_iter().flatten() {
        if key == b"proof" || key == b"transactions" {
            continue;
        }
        if text.len() > 1 {
            text.extend_from_slice(b", ");
        }
        text.push(b'"');
        text.extend_from_slice(key);
        text.extend_from_slice(b"\": ");
        text.extend_from_slice(value);
    }
    text.push(b'}');
    text
}

/// The hash of the block with that seal and that proof.
pub fn block_hash(seal: Hash, proof: u64) -> Hash {
    let mut digits = [0; DECIMAL_LENGTH_LIMIT];
    sha256(&[&seal.to_hex(), decimal(proof, &mut digits)].concat())
}

/// The canonical text of a block; `transactions` is the canonical text of the
/// list.
pub fn write_block(header: &Header, proof: u64, transactions: &[u8]) -> Vec<u8> {
    let (before, behind) = write_around_proof(header, transactions);
    let mut digits = [0; DECIMAL_LENGTH_LIMIT];
    [&before[..], decimal(proof, &mut digits), &behind].concat()
}

/// The same without the proof: what stands before it, and what behind.
pub fn write_around_proof(header: &Header, transactions: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (height, merkle_root) = (header.height, header.merkle_root);
    let mut before =
        format!("{{\"index\": {height}, \"merkle_root\": \"{merkle_root}\", ").into_bytes();
    if let Some(params) = &header.params {
        before.extend_from_slice(b"\"params\": ");
        before.extend_from_slice(&params.to_text());
        before.extend_from_slice(b", ");
    }
    let (previous_hash, target) = (header.previous_hash, header.target);
    let timestamp_ms = header.timestamp_ms;
    before.extend_from_slice(
        format!("\"previous_hash\": \"{previous_hash}\", \"proof\": ").as_bytes(),
    );
    let mut behind = Vec::with_capacity(transactions.len() + 256);
    behind.extend_from_slice(
        format!(
            ", \"target\": \"{target:064x}\", \"timestamp\": {timestamp_ms}, \"transactions\": "
        )
        .as_bytes(),
    );
    behind.extend_from_slice(transactions);
    behind.extend_from_slice(format!(", \"version\": {VERSION}}}").as_bytes());
    (before, behind)
}

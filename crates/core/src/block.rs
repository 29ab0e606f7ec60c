//! A block: its canonical JSON bytes with a typed view on top. The bytes are
//! what is hashed, written, and sent; nothing is serialised twice. What makes a
//! block valid, and how it is hashed, the rules decide.

use std::ops::Range;
use std::sync::OnceLock;

use ruint::aliases::U256;

use crate::hash::Hash;
use crate::json::{self, JsonError, kind};
use crate::sealed::{SealedBlock, SealedError};

/// One block's canonical text is at most this long.
pub const BLOCK_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// Where every chain starts.
const GENESIS_INDEX: u64 = 1;

/// A block that has the shape of one. Cheap to move, not to clone.
pub struct Block {
    text: Box<[u8]>,
    shape: Shape,
    header: HeaderFields,
    sealed: Option<Box<SealedBlock>>,
    signatures: OnceLock<Result<(), BlockError>>,
}

/// What the blocks behind a block are checked against. The archive keeps it
/// beside the block, so that no ancestor has to be read whole for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderFields {
    /// Position in the chain; the genesis block's is 1.
    pub height: u64,
    /// The block's identity under the rules that read it.
    pub hash: Hash,
    /// The hash of the block before; see [`Block::parent`].
    pub parent: Option<Hash>,
    /// The proof of work.
    pub proof: u64,
    /// What only the blocks of the rules `sealed` have.
    pub sealed: Option<SealedFields>,
}

/// What the rules `sealed` ask a block's ancestors for besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedFields {
    /// The greatest hash that the block may have.
    pub target: U256,
    /// When it was made, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// The fields that every rule set's blocks have, found in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Position in the chain; the genesis block's is 1.
    pub height: u64,
    /// The proof of work.
    pub proof: u64,
    previous_hash: Range<usize>,
    transactions: Range<usize>,
}

/// Why a text is no block, or a block not valid where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Not JSON, nested too deep, or too large.
    #[error("not a block: {0}")]
    NotJson(#[from] JsonError),
    /// JSON, but no object.
    #[error("expected a block, found {found}")]
    NotAnObject {
        /// What kind of JSON value it is.
        found: &'static str,
    },
    /// A field is absent or of the wrong type.
    #[error("{field}: expected {expected}, found {found}")]
    WrongField {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What kind of JSON value it is.
        found: &'static str,
    },
    /// The index does not say where the block stands.
    #[error("index: expected {expected}, found {found}")]
    WrongIndex {
        /// The parent's index plus one.
        expected: u64,
        /// What the block says.
        found: u64,
    },
    /// The block names another predecessor than the one that it stands after.
    #[error("block {height}: previous_hash: expected {expected}, found {found}")]
    WrongPreviousHash {
        /// The block's height.
        height: u64,
        /// The predecessor's hash.
        expected: Hash,
        /// The field as it stands in the block, at most its first 80 bytes.
        found: String,
    },
    /// The proof does not solve the puzzle.
    #[error("block {height}: proof {proof} does not solve the puzzle")]
    WrongProof {
        /// The block's height.
        height: u64,
        /// The proof as stated.
        proof: u64,
    },
    /// It breaks a rule of `sealed`.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

impl BlockError {
    /// The name of the rule that does not hold. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            BlockError::NotJson(_) => "json",
            BlockError::NotAnObject { .. } | BlockError::WrongField { .. } => "fields",
            BlockError::WrongIndex { .. } => "index",
            BlockError::WrongPreviousHash { .. } => "previous-hash",
            BlockError::WrongProof { .. } => "proof",
            BlockError::Sealed(error) => error.rule(),
        }
    }

    /// Whether it says nothing against the block's hash: what came is not what
    /// the hash stands for, or was not looked at. The same block may arrive
    /// intact from elsewhere. Every other error is about a block that can never
    /// be valid there, no matter who sends it, except where
    /// [`ahead_until_ms`](Self::ahead_until_ms) says when to try again.
    pub fn is_about_body(&self) -> bool {
        use SealedError::{Field, WrongMerkleRoot, WrongParam, WrongVersion};
        matches!(
            self,
            BlockError::NotJson(_)
                | BlockError::NotAnObject { .. }
                | BlockError::WrongField { .. }
                | BlockError::Sealed(
                    Field(_) | WrongParam { .. } | WrongVersion { .. } | WrongMerkleRoot { .. }
                )
        )
    }

    /// When to try the block again, in milliseconds since 1970, if all that is
    /// wrong with it is that its time has not come.
    pub fn ahead_until_ms(&self) -> Option<u64> {
        match self {
            BlockError::Sealed(SealedError::TooFarAhead { ahead_until_ms, .. }) => {
                Some(*ahead_until_ms)
            }
            _ => None,
        }
    }

    /// The transaction for which a block is refused, if it is one: 1 is the
    /// first signed one.
    pub fn refused_transaction(&self) -> Option<usize> {
        match self {
            BlockError::Sealed(SealedError::Transaction { position, .. }) => {
                Some(*position).filter(|position| *position > 0)
            }
            _ => None,
        }
    }
}

impl Block {
    /// Puts the view on top of a text whose shape and hash are known.
    pub fn new(text: Vec<u8>, shape: Shape, hash: Hash) -> Block {
        Block {
            header: HeaderFields {
                height: shape.height,
                hash,
                parent: parent_in(&text, &shape),
                proof: shape.proof,
                sealed: None,
            },
            text: text.into(),
            shape,
            sealed: None,
            signatures: OnceLock::new(),
        }
    }

    /// The same block as it arrives from elsewhere: its signatures are still to
    /// be checked.
    pub fn as_received(&self) -> Block {
        Block {
            text: self.text.clone(),
            shape: self.shape.clone(),
            header: self.header,
            sealed: self.sealed.clone(),
            signatures: OnceLock::new(),
        }
    }

    /// The same with what the rules `sealed` have read.
    pub fn new_sealed(text: Vec<u8>, shape: Shape, sealed: SealedBlock) -> Block {
        let mut block = Block::new(text, shape, sealed.hash);
        block.header.sealed = Some(SealedFields {
            target: sealed.header.target,
            timestamp_ms: sealed.header.timestamp_ms,
        });
        block.sealed = Some(Box::new(sealed));
        block
    }

    /// What the blocks behind it are checked against.
    pub fn header(&self) -> &HeaderFields {
        &self.header
    }

    /// All of its fields, if the rules `sealed` have read it.
    pub fn sealed(&self) -> Option<&SealedBlock> {
        self.sealed.as_deref()
    }

    /// Whether its signatures are known to be valid, so that nobody checks them
    /// again.
    pub fn are_signatures_checked(&self) -> bool {
        matches!(self.signatures.get(), Some(Ok(())))
    }

    /// Its signatures are valid: they were checked, or its transactions were
    /// before they came into it.
    pub fn signatures_are_valid(&self) {
        self.signatures.get_or_init(|| Ok(()));
    }

    /// Returns what `check` says of its signatures; it is called only once,
    /// whatever the result.
    pub(crate) fn check_signatures_once(
        &self,
        check: impl FnOnce() -> Result<(), BlockError>,
    ) -> Result<(), BlockError> {
        self.signatures.get_or_init(check).clone()
    }

    /// The canonical JSON.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The block's identity under the rules that read it.
    pub fn hash(&self) -> Hash {
        self.header.hash
    }

    /// Position in the chain; the genesis block's is 1.
    pub fn height(&self) -> u64 {
        self.header.height
    }

    /// The proof of work.
    pub fn proof(&self) -> u64 {
        self.header.proof
    }

    /// The canonical JSON of `previous_hash`: in every block but a genesis
    /// block a string of 64 hex digits.
    pub fn previous_hash(&self) -> &[u8] {
        &self.text[self.shape.previous_hash.clone()]
    }

    /// The hash of the block that this one stands after; `None` for a genesis
    /// block, whose `previous_hash` may be anything, and `None` if the field is
    /// no hash.
    pub fn parent(&self) -> Option<Hash> {
        self.header.parent
    }

    /// Whether a chain starts with it.
    pub fn is_genesis(&self) -> bool {
        self.height() == GENESIS_INDEX
    }

    /// The canonical JSON of the list of transactions.
    pub fn transactions_text(&self) -> &[u8] {
        &self.text[self.shape.transactions.clone()]
    }

    /// The canonical JSON of each transaction, in order.
    pub fn transactions(&self) -> impl Iterator<Item = &[u8]> {
        json::elements(self.transactions_text()).expect("Shape::of saw a list")
    }
}

/// Two blocks of the same text are the same.
impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        self.text == other.text
    }
}

impl Eq for Block {}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block {} {}", self.height(), self.hash())
    }
}

impl Shape {
    /// Looks the common fields up in a canonical text. What every block of an
    /// honest tutorial node has must be there: an object, an integer `index`
    /// and `proof` that fit 64 bits, some `previous_hash`, a list of
    /// transactions. Anything else in a block is welcome.
    pub fn of(text: &[u8]) -> Result<Shape, BlockError> {
        let members = json::members(text).ok_or(BlockError::NotAnObject { found: kind(text) })?;
        let (mut height, mut proof, mut previous_hash, mut transactions) = (None, None, None, None);
        for (key, value) in members {
            match key {
                b"index" => height = Some(value),
                b"proof" => proof = Some(value),
                b"previous_hash" => previous_hash = Some(value),
                b"transactions" => transactions = Some(value),
                _ => {}
            }
        }
        let span = |value: &[u8]| {
            let start = value.as_ptr().addr() - text.as_ptr().addr();
            start..start + value.len()
        };
        let previous_hash = previous_hash.ok_or(wrong("previous_hash", "a hash", None))?;
        let list = transactions.filter(|value| value.first() == Some(&b'['));
        let list = list.ok_or(wrong("transactions", "a list", transactions))?;
        Ok(Shape {
            height: number("index", height)?,
            proof: number("proof", proof)?,
            previous_hash: span(previous_hash),
            transactions: span(list),
        })
    }
}

fn parent_in(text: &[u8], shape: &Shape) -> Option<Hash> {
    if shape.height == GENESIS_INDEX {
        return None;
    }
    let string = &text[shape.previous_hash.clone()];
    Hash::from_hex(string.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

fn number(field: &'static str, value: Option<&[u8]>) -> Result<u64, BlockError> {
    value
        .and_then(json::integer)
        .ok_or(wrong(field, "an integer in 0..2^64-1", value))
}

fn wrong(field: &'static str, expected: &'static str, value: Option<&[u8]>) -> BlockError {
    BlockError::WrongField {
        field,
        expected,
        found: value.map_or("nothing", kind),
    }
}

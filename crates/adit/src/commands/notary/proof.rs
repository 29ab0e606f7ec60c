//! A proof that a file existed: a signed transaction with its hash, the path
//! from the transaction to the header of its block, the work on that, and the
//! genesis block of the chain. Everything in it is checked, and nothing else is
//! needed; whether the block is still in the chain, only the chain can say.

use adit_core::hash::{Hash, sha256};
use adit_core::json::{self, JsonError, Reading};
use adit_core::rules::{Rules, Sealed, verify_signature};
use adit_core::sealed::{ChainId, FieldError, Header, SealedError, SealedTransaction, block_hash};
use adit_core::{block::BlockError, merkle};
use ruint::aliases::U256;

/// A proof is at most this long; the longest part is the genesis block.
pub(super) const PROOF_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// A path has at most this many hashes: no block holds 2^32 transactions.
const PATH_LIMIT: usize = 32;

/// What proofs of this form are called.
const FORMAT: &str = "adit proof v1";

/// What the data of a notarisation begins with.
const DATA_PREFIX: &str = "sha256:";

/// What is kept in the chain for a file.
pub(super) fn data_of(file_hash: Hash) -> String {
    format!("{DATA_PREFIX}{file_hash}")
}

/// A proof that was read; whether it holds, [`check`](Proof::check) says.
pub(super) struct Proof {
    genesis: Sealed,
    transaction_text: Vec<u8>,
    transaction: SealedTransaction,
    position: u64,
    leaf_count: u64,
    path: Vec<Hash>,
    header_text: Vec<u8>,
    header: Header,
    proof: u64,
    block_hash: Hash,
}

/// Why a text is no proof, or a proof does not hold.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProofError {
    #[error("not a proof: {0}")]
    NotJson(#[from] JsonError),
    #[error("not a proof: {name} is missing or has another form")]
    Part { name: &'static str },
    #[error("not a proof: transaction: {0}")]
    Transaction(#[from] FieldError),
    #[error("not a proof: header: {0}")]
    Header(#[from] SealedError),
    #[error("not a proof: genesis: {0}")]
    Genesis(#[from] BlockError),
    #[error(
        "the proof is for another file, or the file was changed: the transaction holds {expected}, the file's hash is {found}"
    )]
    OtherFile { expected: String, found: Hash },
    #[error("the transaction was changed: its sender has not signed this")]
    WrongSignature,
    #[error(
        "the transaction is for the chain {found}, and the genesis block is that of {expected}"
    )]
    OtherChain { expected: ChainId, found: ChainId },
    #[error(
        "the header was changed: its block has the hash {found}, and the proof is for {expected}"
    )]
    OtherHeader { expected: Hash, found: Hash },
    #[error(
        "no work stands behind the header: its block's hash is {found}, and it must be at most {target:064x}"
    )]
    NoWork { target: U256, found: Hash },
    #[error(
        "too little work stands behind the header: its target is {found:064x}, and this chain has none above {limit:064x}"
    )]
    TooEasy { limit: U256, found: U256 },
    #[error(
        "the header is older than the chain: its time is {found} ms after 1970, and the chain begins at {expected} ms"
    )]
    BeforeGenesis { expected: u64, found: u64 },
    #[error(
        "the transaction is not in the block: it leads to the root {found}, the header's is {expected}; the transaction, its position or the path was changed"
    )]
    NotInBlock { expected: Hash, found: String },
    #[error(
        "the proof is for another chain: it starts with {found}, the chain asked for with {expected}"
    )]
    OtherGenesis { expected: Hash, found: Hash },
}

impl Proof {
    /// Puts a proof together from what a node answers.
    pub(super) fn from_node(answer: &[u8], genesis: Sealed) -> Result<Proof, ProofError> {
        let text = json::canonical_as(Reading::Strict, answer, PROOF_LIMIT_BYTES)?;
        Proof::of_parts(&text, genesis)
    }

    /// Reads a proof as [`to_text`](Proof::to_text) writes it.
    pub(super) fn read(text: &[u8]) -> Result<Proof, ProofError> {
        let text = json::canonical_as(Reading::Strict, text, PROOF_LIMIT_BYTES)?;
        if string(&text, "format")? != FORMAT {
            return Err(ProofError::Part { name: "format" });
        }
        let genesis = Sealed::new(part(&text, "genesis")?)?;
        Proof::of_parts(&text, genesis)
    }

    fn of_parts(text: &[u8], genesis: Sealed) -> Result<Proof, ProofError> {
        let transaction_text = part(text, "transaction")?.to_vec();
        let header_text = part(text, "header")?.to_vec();
        let path = json::elements(part(text, "path")?);
        let path = path.ok_or(ProofError::Part { name: "path" })?;
        let path: Option<Vec<Hash>> = path
            .take(PATH_LIMIT + 1)
            .map(|hash| json::string(hash).and_then(|hash| Hash::from_hex(hash.as_bytes())))
            .collect();
        let path = path.filter(|path| path.len() <= PATH_LIMIT);
        Ok(Proof {
            genesis,
            transaction: SealedTransaction::read(&transaction_text)?,
            transaction_text,
            position: integer(text, "position")?,
            leaf_count: integer(text, "leaf_count")?,
            path: path.ok_or(ProofError::Part { name: "path" })?,
            header: Header::read_alone(&header_text)?,
            header_text,
            proof: integer(text, "proof")?,
            block_hash: Hash::from_hex(string(text, "block_hash")?.as_bytes())
                .ok_or(ProofError::Part { name: "block_hash" })?,
        })
    }

    /// Its text, one part a line.
    pub(super) fn to_text(&self) -> Vec<u8> {
        let path: Vec<String> = self.path.iter().map(|hash| format!("\"{hash}\"")).collect();
        let lossy = String::from_utf8_lossy;
        format!(
            "{{\"format\": \"{FORMAT}\",\n\"transaction\": {},\n\"position\": {}, \
             \"leaf_count\": {},\n\"path\": [{}],\n\"header\": {},\n\"proof\": {},\n\
             \"block_hash\": \"{}\",\n\"genesis\": {}}}\n",
            lossy(&self.transaction_text),
            self.position,
            self.leaf_count,
            path.join(", "),
            lossy(&self.header_text),
            self.proof,
            self.block_hash,
            lossy(self.genesis.genesis_text().unwrap_or_default()),
        )
        .into_bytes()
    }

    /// Checks everything that can be checked without the chain, from the file to
    /// the genesis block.
    pub(super) fn check(&self, file_hash: Hash) -> Result<(), ProofError> {
        self.check_file(file_hash)?;
        self.check_signature()?;
        self.check_chain()?;
        self.check_work()?;
        self.check_time()?;
        self.check_path()
    }

    /// Whether the chain is the one that starts with this block.
    pub(super) fn check_genesis(&self, expected: Hash) -> Result<(), ProofError> {
        let found = self.genesis.genesis_hash();
        match found == expected {
            true => Ok(()),
            false => Err(ProofError::OtherGenesis { expected, found }),
        }
    }

    /// The transaction holds the hash of the file.
    fn check_file(&self, file_hash: Hash) -> Result<(), ProofError> {
        let data = self.transaction.transfer.data.as_deref();
        if data == Some(&*data_of(file_hash)) {
            return Ok(());
        }
        Err(ProofError::OtherFile {
            expected: data.unwrap_or("nothing").to_owned(),
            found: file_hash,
        })
    }

    /// Its sender has signed it.
    fn check_signature(&self) -> Result<(), ProofError> {
        verify_signature(&self.transaction_text, &self.transaction)
            .map_err(|_| ProofError::WrongSignature)
    }

    /// It is for the chain that starts with the genesis block.
    fn check_chain(&self) -> Result<(), ProofError> {
        let (expected, found) = (self.genesis.chain_id(), self.transaction.transfer.chain);
        match found == expected {
            true => Ok(()),
            false => Err(ProofError::OtherChain { expected, found }),
        }
    }

    /// As much work went into the header as its target asks for, and no block
    /// of the chain may have a greater target.
    fn check_work(&self) -> Result<(), ProofError> {
        let found = block_hash(sha256(&self.header_text), self.proof);
        if found != self.block_hash {
            let expected = self.block_hash;
            return Err(ProofError::OtherHeader { expected, found });
        }
        let target = self.header.target;
        if U256::from_be_bytes(found.0) > target {
            return Err(ProofError::NoWork { target, found });
        }
        let limit = self.genesis.params().pow_limit;
        if target > limit {
            let found = target;
            return Err(ProofError::TooEasy { limit, found });
        }
        Ok(())
    }

    /// No block is older than the first one.
    fn check_time(&self) -> Result<(), ProofError> {
        let (expected, found) = (self.genesis.genesis_ms(), self.header.timestamp_ms);
        match found >= expected {
            true => Ok(()),
            false => Err(ProofError::BeforeGenesis { expected, found }),
        }
    }

    /// The header commits to the transaction.
    fn check_path(&self) -> Result<(), ProofError> {
        let leaf = merkle::leaf(&self.transaction_text);
        let root = merkle::root_of_path(leaf, self.position, self.leaf_count, &self.path);
        if root == Some(self.header.merkle_root) {
            return Ok(());
        }
        Err(ProofError::NotInBlock {
            expected: self.header.merkle_root,
            found: root.map_or("of no such tree".to_owned(), |root| root.to_string()),
        })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn transaction(&self) -> &SealedTransaction {
        &self.transaction
    }

    pub(super) fn genesis(&self) -> &Sealed {
        &self.genesis
    }

    pub(super) fn block_hash(&self) -> Hash {
        self.block_hash
    }
}

fn part<'a>(text: &'a [u8], name: &'static str) -> Result<&'a [u8], ProofError> {
    json::member(text, name).ok_or(ProofError::Part { name })
}

fn integer(text: &[u8], name: &'static str) -> Result<u64, ProofError> {
    json::integer(part(text, name)?).ok_or(ProofError::Part { name })
}

fn string(text: &[u8], name: &'static str) -> Result<String, ProofError> {
    json::string(part(text, name)?).ok_or(ProofError::Part { name })
}

//! What a rule set decides: what a chain starts from, what is hashed, which
//! puzzle a block must solve, what makes it valid, how much it weighs. Rules
//! are chosen once, at start; they know nothing of trees, stores or peers.

mod classic;

pub use classic::Classic;

use std::sync::Arc;
use std::time::Duration;

use ruint::aliases::U256;

use crate::block::{BLOCK_LIMIT_BYTES, Block, BlockError, Shape};
use crate::hash::Hash;
use crate::json;
use crate::puzzle::Puzzle;
use crate::transaction::{TransactionError, TransactionText};

/// How much a block, or a chain as the sum of its blocks, counts in the choice
/// between branches: 1 a block for the classics, the work for others.
pub type Weight = U256;

/// A block that still lacks its proof.
#[derive(Debug, Clone)]
pub struct Draft {
    /// When it was drafted, since 1970.
    pub now: Duration,
    /// What it will hold, without the reward.
    pub transactions: Vec<Arc<[u8]>>,
    /// Who is rewarded for the proof.
    pub reward_to: String,
}

/// Where a block stands: what it may depend on besides itself.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The block before it.
    pub parent: &'a Block,
    /// The block before that; none after a genesis block.
    pub grandparent: Option<&'a Block>,
    /// The local clock, since 1970.
    pub now: Duration,
}

/// A rule set. Every method is a pure function of its arguments.
pub trait Rules: Send + Sync {
    /// The name in `--rules`.
    fn name(&self) -> &'static str;

    /// The first block of a chain that is started here and now.
    fn genesis(&self, now: Duration) -> Block;

    /// The hash of a block's canonical text.
    fn hash(&self, text: &[u8], shape: &Shape) -> Hash;

    /// What is to be solved by whoever adds `draft` there.
    fn puzzle(&self, context: Context<'_>, draft: &Draft) -> Puzzle;

    /// The block that `draft` becomes there with its proof.
    fn complete(&self, context: Context<'_>, draft: &Draft, proof: u64) -> Block;

    /// Whether the block can be valid anywhere.
    fn check_alone(&self, block: &Block) -> Result<(), BlockError>;

    /// Whether the block is valid where it stands.
    fn check_after(&self, context: Context<'_>, block: &Block) -> Result<(), BlockError>;

    /// How much the block adds to its chain in the choice between branches.
    fn weight(&self, block: &Block) -> Weight;

    /// Reads a transaction that a user submits.
    fn read_transaction(&self, body: &[u8]) -> Result<TransactionText, TransactionError>;

    /// Reads one block from any JSON text of it.
    fn read(&self, text: &[u8]) -> Result<Block, BlockError> {
        self.read_canonical(json::canonical(text, BLOCK_LIMIT_BYTES)?)
    }

    /// Reads one block from its canonical text.
    fn read_canonical(&self, text: Vec<u8>) -> Result<Block, BlockError> {
        let shape = Shape::of(&text)?;
        let hash = self.hash(&text, &shape);
        Ok(Block::new(text, shape, hash))
    }
}

/// The rule set of that name, if there is one.
pub fn by_name(name: &str) -> Option<Arc<dyn Rules>> {
    match name {
        "classic" => Some(Arc::new(Classic::Published)),
        "classic-2018" => Some(Arc::new(Classic::Of2018)),
        _ => None,
    }
}

//! What a rule set decides, and what it may depend on. Which ones there are is not
//! known here.

use std::sync::Arc;
use std::time::Duration;

use ruint::aliases::U256;

use super::sealed::apply::AccountChange;
use super::template::{BlockTemplate, TemplateContent};
use crate::address::{Address, AddressError};
use crate::block::{BLOCK_LIMIT_BYTES, Block, BlockError, HeaderFields, Shape};
use crate::hash::{Hash, sha256};
use crate::json::{self, Reading};
use crate::puzzle::Puzzle;
use crate::sealed::{Account, ChainId};
use crate::transaction::{Payment, Submitted, TransactionError};

/// How much a block, or a chain as the sum of its blocks, counts in the choice
/// between branches: 1 a block for the classics, the work for others.
pub type Weight = U256;

/// Where a block stands: what it may depend on besides itself.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The block before it.
    pub parent: &'a HeaderFields,
    /// The block before that; `None` after a genesis block.
    pub grandparent: Option<&'a HeaderFields>,
    /// The local clock, since 1970.
    pub now: Duration,
}

/// What tells a chain from others under the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainName<'a> {
    /// What transactions for it name.
    pub id: ChainId,
    /// What people call it.
    pub name: &'a str,
    /// The hash of its genesis block.
    pub genesis: Hash,
}

/// A rule set. Every method is a pure function of its arguments.
pub trait Rules: Send + Sync {
    /// The name in `--rules`.
    fn name(&self) -> &'static str;

    /// The first block of a chain that is started here and now.
    fn genesis(&self, now: Duration) -> Block;

    /// The genesis block's canonical text, where the rules are those of one
    /// chain.
    fn genesis_text(&self) -> Option<&[u8]> {
        None
    }

    /// Which chain it is, where the rules are those of one.
    fn chain(&self) -> Option<ChainName<'_>> {
        None
    }

    /// The hash of a block's canonical text.
    fn hash(&self, text: &[u8], shape: &Shape) -> Hash;

    /// The block that `content` becomes there, but for its proof.
    fn template(&self, context: Context<'_>, content: &TemplateContent) -> BlockTemplate;

    /// The block that a template becomes with its proof.
    fn finish(&self, template: &BlockTemplate, proof: u64) -> Block {
        self.read_canonical(template.text_with(proof))
            .expect("what is written here can be read")
    }

    /// The puzzle to solve in order to add `content` there.
    fn puzzle(&self, context: Context<'_>, content: &TemplateContent) -> Puzzle {
        self.template(context, content).puzzle
    }

    /// Whether a proof is for one template alone, and not for whatever stands in a
    /// block behind that parent.
    fn proof_is_for_content(&self) -> bool {
        false
    }

    /// The block that `content` becomes there with its proof.
    fn complete(&self, context: Context<'_>, content: &TemplateContent, proof: u64) -> Block {
        self.finish(&self.template(context, content), proof)
    }

    /// Whether the block can be valid anywhere, its signatures apart: to check
    /// those takes most of the time, and can be done on all cores.
    fn check_stateless(&self, block: &Block) -> Result<(), BlockError>;

    /// Whether everybody has signed what the block takes from them. A block
    /// that was checked before is not checked again, nor is a transaction,
    /// given by its identity and its text, that `is_checked` knows.
    fn check_signatures(
        &self,
        _block: &Block,
        _is_checked: &dyn Fn(&Hash, &[u8]) -> bool,
    ) -> Result<(), BlockError> {
        Ok(())
    }

    /// Whether the block can be valid anywhere.
    fn check_stateless_and_signed(&self, block: &Block) -> Result<(), BlockError> {
        self.check_stateless(block)?;
        self.check_signatures(block, &|_, _| false)
    }

    /// Whether the block is valid where it stands.
    fn check_contextual(&self, context: Context<'_>, block: &Block) -> Result<(), BlockError>;

    /// Before this time no block behind that one is valid, no matter who makes
    /// it.
    fn earliest_behind(&self, _parent: &HeaderFields) -> Duration {
        Duration::ZERO
    }

    /// How many zeros, as hex digits, the hash of the block's proof begins
    /// with, and how many are asked for. `None` where the chain itself says
    /// what it asks for.
    fn proof_zeros(&self, _parent: &HeaderFields, _block: &Block) -> Option<(u32, u32)> {
        None
    }

    /// How much the block adds to its chain in the choice between branches.
    fn weight(&self, header: &HeaderFields) -> Weight;

    /// Which JSON is taken for a block.
    fn reading(&self) -> Reading {
        Reading::Python
    }

    /// Whether blocks made here can be rewarded to this.
    fn check_reward_to(&self, _reward_to: &str) -> Result<(), AddressError> {
        Ok(())
    }

    /// Reads a transaction that a user submits.
    fn read_transaction(&self, body: &[u8]) -> Result<Submitted, TransactionError>;

    /// Reads a transaction of a block that the main chain has dropped, by the
    /// same measure as one that is submitted now; `None` if nobody could submit
    /// it as it stands.
    fn read_returned(&self, text: &[u8]) -> Option<Submitted> {
        let submitted = self.read_transaction(text).ok()?;
        (**submitted.text() == *text).then_some(submitted)
    }

    /// Whether the rules know accounts, and who owns what.
    fn keeps_accounts(&self) -> bool {
        false
    }

    /// What the block does to the accounts, which are as `accounts` says before
    /// it; an error if somebody pays what they do not have.
    fn apply(
        &self,
        _block: &Block,
        _accounts: &dyn Fn(&Address) -> Account,
    ) -> Result<Vec<AccountChange>, BlockError> {
        Ok(Vec::new())
    }

    /// What all accounts own together after the block of that index.
    fn issued(&self, _index: u64) -> u128 {
        0
    }

    /// The identities of a block's transactions, in order. Where the rules give
    /// them none of their own, they are the SHA-256 of their canonical JSON:
    /// the same transaction may then stand in several places.
    fn transaction_ids(&self, block: &Block) -> Vec<Hash> {
        block.transactions().map(sha256).collect()
    }

    /// A block's payments, in order.
    fn payments(&self, _block: &Block) -> Vec<Arc<Payment>> {
        Vec::new()
    }

    /// Reads a payment that this node accepted before, so that its signature
    /// is not checked again.
    fn read_own_payment(&self, _text: &[u8]) -> Option<Arc<Payment>> {
        None
    }

    /// How many bytes of transactions fit into every block beside its header
    /// and reward, each with what separates it from the one before.
    fn room_bytes(&self) -> usize {
        BLOCK_LIMIT_BYTES
    }

    /// Reads one block from any JSON text of it.
    fn read(&self, text: &[u8]) -> Result<Block, BlockError> {
        self.read_canonical(json::canonical_as(self.reading(), text, BLOCK_LIMIT_BYTES)?)
    }

    /// Reads one block from its canonical text.
    fn read_canonical(&self, text: Vec<u8>) -> Result<Block, BlockError> {
        let shape = Shape::of(&text)?;
        let hash = self.hash(&text, &shape);
        Ok(Block::new(text, shape, hash))
    }
}

pub(super) fn check_index(parent: &HeaderFields, block: &Block) -> Result<(), BlockError> {
    let expected = parent.height.saturating_add(1);
    if block.height() == expected {
        return Ok(());
    }
    Err(BlockError::WrongIndex {
        expected,
        found: block.height(),
    })
}

pub(super) fn check_previous_hash(parent: &HeaderFields, block: &Block) -> Result<(), BlockError> {
    if block.parent() == Some(parent.hash) {
        return Ok(());
    }
    let found = block.previous_hash();
    Err(BlockError::WrongPreviousHash {
        height: block.height(),
        expected: parent.hash,
        found: String::from_utf8_lossy(&found[..found.len().min(80)]).into_owned(),
    })
}

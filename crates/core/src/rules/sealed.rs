//! The rules with signatures, balances and a target that adjusts itself. A
//! chain is its genesis block: the block says what the chain is like, and its
//! hash keeps out transactions from other chains.

pub(super) mod apply;
mod check;
mod header;
mod target;
mod template;

pub use apply::{AccountChange, check_spend};
pub use check::verify_signature;
pub use target::{next_target, work};

use std::sync::Arc;
use std::time::Duration;

use super::rule_set::{ChainName, Context, Rules, Weight, check_index, check_previous_hash};
use super::template::{BlockTemplate, TemplateContent};
use crate::address::{Address, AddressError};
use crate::block::{BLOCK_LIMIT_BYTES, Block, BlockError, HeaderFields, SealedFields, Shape};
use crate::hash::{Hash, sha256};
use crate::json::{self, Reading};
use crate::sealed::{
    Account, ChainId, CompactHeader, Header, Params, SealedBlock, SealedError, SealedTransaction,
    SealedTransactionError, block_hash, header_text, write_block, write_genesis,
};
use crate::transaction::{Payment, Submitted, TRANSACTION_LIMIT_BYTES, TransactionError};

/// The rules of one chain.
#[derive(Debug, Clone)]
pub struct Sealed {
    genesis: Vec<u8>,
    genesis_hash: Hash,
    genesis_ms: u64,
    params: Params,
}

impl Sealed {
    /// The name in `--rules`.
    pub const NAME: &str = "sealed";

    /// The rules of the chain that starts with this block, given as any JSON
    /// text of it: the file that others join by.
    pub fn new(genesis: &[u8]) -> Result<Sealed, BlockError> {
        let text = json::canonical_as(Reading::Strict, genesis, BLOCK_LIMIT_BYTES)?;
        let shape = Shape::of(&text)?;
        let block = SealedBlock::read(&text)?;
        let Some(params) = block.header.params.as_deref().cloned() else {
            return Err(BlockError::WrongIndex {
                expected: 1,
                found: shape.height,
            });
        };
        check::check_genesis_form(&block, shape.proof, &params)?;
        if params.max_block_bytes > BLOCK_LIMIT_BYTES as u64 {
            return Err(BlockError::Sealed(SealedError::WrongParam {
                param: "max_block_bytes",
                expected: "at most 8,388,608 bytes",
                found: params.max_block_bytes.to_string(),
            }));
        }
        Ok(Sealed {
            genesis: text,
            genesis_hash: block.hash,
            genesis_ms: block.header.timestamp_ms,
            params,
        })
    }

    /// The rules of a new chain.
    pub fn with_params(params: Params, now: Duration) -> Result<Sealed, BlockError> {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Sealed::new(&write_genesis(params, now_ms))
    }

    /// What the chain is like.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The hash of the genesis block.
    pub fn genesis_hash(&self) -> Hash {
        self.genesis_hash
    }

    /// When the chain began, in milliseconds since 1970: no block is older.
    pub fn genesis_ms(&self) -> u64 {
        self.genesis_ms
    }

    /// What transactions for this chain name.
    pub fn chain_id(&self) -> ChainId {
        ChainId::of_genesis(self.genesis_hash)
    }

    /// Checks a header as far as it can be checked without its block and without
    /// a clock: that it is later than its parent, and that it has its work.
    pub fn check_header(
        &self,
        context: Context<'_>,
        compact: &crate::sealed::CompactHeader,
    ) -> Result<HeaderFields, BlockError> {
        Ok(header::check_header(&self.params, context, compact)?)
    }

    /// By the local clock, the block of that header is not valid before this.
    pub fn valid_from(&self, header: &HeaderFields) -> Duration {
        let time_ms = check::fields(header).timestamp_ms;
        Duration::from_millis(time_ms.saturating_sub(self.params.future_limit_ms))
    }

    /// Everything that can be checked of a transaction without its sender's
    /// account, given its canonical text.
    pub fn check_transaction(
        &self,
        text: &[u8],
    ) -> Result<SealedTransaction, SealedTransactionError> {
        let transaction = SealedTransaction::read(text)?;
        self.check_stateless_of(&transaction)?;
        verify_signature(text, &transaction)?;
        Ok(transaction)
    }

    /// The header behind these two, given what of it does not follow from them. Whether
    /// it is valid there is not looked at.
    pub fn rebuild_header(
        &self,
        parent: &HeaderFields,
        grandparent: Option<&HeaderFields>,
        compact: &CompactHeader,
    ) -> HeaderFields {
        let context = Context {
            parent,
            grandparent,
            now: Duration::ZERO,
        };
        let target = check::expected_target(&self.params, context);
        let height = parent.height.saturating_add(1);
        let header = Header {
            height,
            merkle_root: compact.merkle_root,
            params: None,
            previous_hash: parent.hash,
            target,
            timestamp_ms: compact.timestamp_ms,
        };
        let text = header_text(&write_block(&header, compact.proof, b"[]"));
        HeaderFields {
            height,
            hash: block_hash(sha256(&text), compact.proof),
            parent: Some(parent.hash),
            proof: compact.proof,
            sealed: Some(SealedFields {
                target,
                timestamp_ms: compact.timestamp_ms,
            }),
        }
    }

    fn check_stateless_of(
        &self,
        transaction: &SealedTransaction,
    ) -> Result<(), SealedTransactionError> {
        check::check_chain(self.chain_id(), transaction)?;
        check::check_data(&self.params, transaction)
    }
}

impl Rules for Sealed {
    fn name(&self) -> &'static str {
        Sealed::NAME
    }

    /// The one that these are the rules of; the time does not matter.
    fn genesis(&self, _now: Duration) -> Block {
        self.read_canonical(self.genesis.clone())
            .expect("it was read when the rules were made")
    }

    fn genesis_text(&self) -> Option<&[u8]> {
        Some(&self.genesis)
    }

    fn chain(&self) -> Option<ChainName<'_>> {
        Some(ChainName {
            id: self.chain_id(),
            name: &self.params.name,
            genesis: self.genesis_hash,
        })
    }

    fn hash(&self, text: &[u8], shape: &Shape) -> Hash {
        block_hash(sha256(&header_text(text)), shape.proof)
    }

    fn template(&self, context: Context<'_>, content: &TemplateContent) -> BlockTemplate {
        template::template(&self.params, context, content)
    }

    /// Nothing is read twice: the transactions came one by one.
    fn finish(&self, template: &BlockTemplate, proof: u64) -> Block {
        let block = template::finish(template, proof);
        debug_assert_eq!(
            self.read_canonical(block.text().to_vec())
                .map(|read| read.sealed().cloned()),
            Ok(block.sealed().cloned()),
            "a block is what its text says"
        );
        block
    }

    fn proof_is_for_content(&self) -> bool {
        true
    }

    fn check_stateless(&self, block: &Block) -> Result<(), BlockError> {
        let view = check::view(block);
        if block.is_genesis() {
            return Ok(check::check_genesis(self.genesis_hash, view)?);
        }
        check::check_size(&self.params, block)?;
        check::check_target_bounds(&self.params, view)?;
        check::check_proof(view.header.target, view.hash)?;
        check::check_reward(&self.params, view)?;
        for (position, transaction) in (1..).zip(&view.transactions) {
            self.check_stateless_of(transaction)
                .map_err(|error| SealedError::Transaction { position, error })?;
        }
        Ok(())
    }

    fn check_signatures(
        &self,
        block: &Block,
        is_checked: &dyn Fn(&Hash, &[u8]) -> bool,
    ) -> Result<(), BlockError> {
        block.check_signatures_once(|| Ok(check::check_signatures(block, is_checked)?))
    }

    /// The header only: what the block does to the accounts is for
    /// [`apply`](Sealed::apply) to say.
    fn check_contextual(&self, context: Context<'_>, block: &Block) -> Result<(), BlockError> {
        check_index(context.parent, block)?;
        check_previous_hash(context.parent, block)?;
        let view = check::view(block);
        check::check_later(context.parent, view.header.timestamp_ms)?;
        check::check_target(&self.params, context, view)?;
        // Last, so that a block that is only early is known to be valid
        // otherwise.
        check::check_future(&self.params, context, view)?;
        Ok(())
    }

    /// A block is later than its parent, and not too far ahead of the clock.
    fn earliest_behind(&self, parent: &HeaderFields) -> Duration {
        let time_ms = check::fields(parent).timestamp_ms.saturating_add(1);
        Duration::from_millis(time_ms.saturating_sub(self.params.future_limit_ms))
    }

    fn weight(&self, header: &HeaderFields) -> Weight {
        work(check::fields(header).target)
    }

    fn reading(&self) -> Reading {
        Reading::Strict
    }

    fn check_reward_to(&self, reward_to: &str) -> Result<(), AddressError> {
        reward_to.parse::<Address>().map(|_| ())
    }

    fn read_transaction(&self, body: &[u8]) -> Result<Submitted, TransactionError> {
        let text = json::canonical_as(Reading::Strict, body, TRANSACTION_LIMIT_BYTES)
            .map_err(SealedTransactionError::NotJson)?;
        if json::members(&text).is_some() && json::member(&text, "signature").is_none() {
            let chain = self.chain_id().to_string();
            return Err(TransactionError::Unsigned { chain });
        }
        let transaction = self.check_transaction(&text)?;
        let payment = Payment::of(&text, &transaction);
        Ok(Submitted::Payment(Arc::new(payment)))
    }

    fn keeps_accounts(&self) -> bool {
        true
    }

    fn apply(
        &self,
        block: &Block,
        accounts: &dyn Fn(&Address) -> Account,
    ) -> Result<Vec<AccountChange>, BlockError> {
        let changes = apply::apply(check::view(block), accounts)?;
        Ok(changes)
    }

    fn issued(&self, height: u64) -> u128 {
        if height == 0 {
            return 0;
        }
        let allocated = self.params.allocations.values().copied().map(u128::from);
        let rewards = u128::from(self.params.reward) * u128::from(height.saturating_sub(1));
        allocated.sum::<u128>() + rewards
    }

    /// A reward's is the SHA-256 of its text: it is signed by nobody.
    fn transaction_ids(&self, block: &Block) -> Vec<Hash> {
        let reward = block.transactions().next().map(sha256);
        let transactions = check::view(block).transactions.iter();
        reward
            .into_iter()
            .chain(transactions.map(|transaction| transaction.id))
            .collect()
    }

    fn payments(&self, block: &Block) -> Vec<Arc<Payment>> {
        let texts = block.transactions().skip(1);
        let transactions = &check::view(block).transactions;
        let both = texts.zip(transactions);
        both.map(|(text, transaction)| Arc::new(Payment::of(text, transaction)))
            .collect()
    }

    fn read_own_payment(&self, text: &[u8]) -> Option<Arc<Payment>> {
        let transaction = SealedTransaction::read(text).ok()?;
        self.check_stateless_of(&transaction).ok()?;
        Some(Arc::new(Payment::of(text, &transaction)))
    }

    fn room_bytes(&self) -> usize {
        template::room_bytes(&self.params)
    }

    fn read_canonical(&self, text: Vec<u8>) -> Result<Block, BlockError> {
        let shape = Shape::of(&text)?;
        let view = SealedBlock::read(&text)?;
        Ok(Block::new_sealed(text, shape, view))
    }
}

//! The tutorial's two rule sets. They differ in one thing: the later one puts
//! the last block's hash into the puzzle. Neither asks who signs, who owns
//! what, or what time it is; that is the tutorial's lesson, not an oversight.

use std::time::Duration;

use super::rule_set::{Context, Rules, Weight, check_index, check_previous_hash};
use super::template::{BlockTemplate, TemplateContent};
use crate::block::{Block, BlockError, HeaderFields, Shape};
use crate::hash::{Hash, sha256};
use crate::json;
use crate::puzzle::{DECIMAL_LENGTH_LIMIT, FOUR_HEX_ZEROS, Puzzle, decimal};
use crate::transaction::{self, Submitted, TransactionError};

/// Which state of the tutorial's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classic {
    /// As published in 2017: a proof follows from the last proof alone, so
    /// that all chains share one sequence of proofs.
    Published,
    /// As changed in 2018: the last block's hash is part of the puzzle.
    Of2018,
}

/// The genesis block's proof in the tutorial; it solves no puzzle.
const GENESIS_PROOF: u64 = 100;

impl Rules for Classic {
    fn name(&self) -> &'static str {
        match self {
            Classic::Published => "classic",
            Classic::Of2018 => "classic-2018",
        }
    }

    fn genesis(&self, now: Duration) -> Block {
        let (before, behind) = write_around_proof(1, b"\"1\"", now, b"[]");
        let proof = GENESIS_PROOF.to_string();
        let text = [&before[..], proof.as_bytes(), &behind].concat();
        self.read_canonical(text)
            .expect("what is written here has the shape of a block")
    }

    fn hash(&self, text: &[u8], _shape: &Shape) -> Hash {
        sha256(text)
    }

    /// The tutorial's `new_block`, with the reward of `mine` in last place, and the
    /// puzzle of its `proof_of_work`.
    fn template(&self, context: Context<'_>, content: &TemplateContent) -> BlockTemplate {
        let parent = context.parent;
        let mut list = vec![b'['];
        for transaction in &content.transactions {
            list.extend_from_slice(transaction.text());
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(&transaction::reward(&content.reward_to));
        list.push(b']');
        let mut previous_hash = Vec::with_capacity(66);
        previous_hash.push(b'"');
        previous_hash.extend_from_slice(&parent.hash.to_hex());
        previous_hash.push(b'"');
        let (before_proof, behind_proof) =
            write_around_proof(parent.height + 1, &previous_hash, content.now, &list);
        BlockTemplate {
            puzzle: self.puzzle_after(parent),
            parent: parent.hash,
            drafted: content.now,
            before_proof,
            behind_proof,
            sealed: None,
        }
    }

    fn check_stateless(&self, _block: &Block) -> Result<(), BlockError> {
        Ok(())
    }

    /// One step of the tutorial's `valid_chain`; the index is checked besides,
    /// because no honest node's is ever wrong.
    fn check_contextual(&self, context: Context<'_>, block: &Block) -> Result<(), BlockError> {
        let parent = context.parent;
        check_index(parent, block)?;
        check_previous_hash(parent, block)?;
        check_proof(&self.puzzle_after(parent), block)
    }

    fn proof_zeros(&self, parent: &HeaderFields, block: &Block) -> Option<(u32, u32)> {
        let hash = self.puzzle_after(parent).hash_of(block.proof());
        Some((
            Hash(hash).leading_zeros(),
            Hash(FOUR_HEX_ZEROS).leading_zeros(),
        ))
    }

    fn weight(&self, _header: &HeaderFields) -> Weight {
        Weight::ONE
    }

    fn read_transaction(&self, body: &[u8]) -> Result<Submitted, TransactionError> {
        let text = transaction::read_submitted(body)?;
        Ok(Submitted::Text(text.into()))
    }
}

impl Classic {
    fn puzzle_after(&self, parent: &HeaderFields) -> Puzzle {
        Puzzle {
            prefix: decimal(parent.proof, &mut [0; DECIMAL_LENGTH_LIMIT]).to_vec(),
            suffix: match self {
                Classic::Published => Vec::new(),
                Classic::Of2018 => parent.hash.to_hex().to_vec(),
            },
            target: FOUR_HEX_ZEROS,
        }
    }
}

fn check_proof(puzzle: &Puzzle, block: &Block) -> Result<(), BlockError> {
    if puzzle.is_solved_by(block.proof()) {
        return Ok(());
    }
    Err(BlockError::WrongProof {
        height: block.height(),
        proof: block.proof(),
    })
}

/// A block's text before its proof, and behind it.
fn write_around_proof(
    height: u64,
    previous_hash: &[u8],
    now: Duration,
    transactions: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let mut before = format!("{{\"index\": {height}, \"previous_hash\": ").into_bytes();
    before.extend_from_slice(previous_hash);
    before.extend_from_slice(b", \"proof\": ");
    let mut behind = Vec::with_capacity(transactions.len() + 256);
    behind.extend_from_slice(b", \"timestamp\": ");
    json::write_float(now.as_secs_f64(), &mut behind);
    behind.extend_from_slice(b", \"transactions\": ");
    behind.extend_from_slice(transactions);
    behind.push(b'}');
    (before, behind)
}

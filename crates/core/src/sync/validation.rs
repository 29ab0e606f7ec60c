//! A peer's chain, checked while it comes: each block against the one before.
//! Blocks that our main chain has as well are passed over, so that only the
//! branch is handed out. It comes whole in one answer, or from a block on that we
//! have, in one answer after another. Nothing is adopted here.

use std::sync::Arc;
use std::time::Duration;

use super::locator::Locator;
use super::reader::{ChainReader, Misspelt, ReadError};
use super::record::{Refusal, SeenChain, Strict};
use super::strictness::Strictness;
use crate::archive::{Archive, ArchiveError};
use crate::block::{Block, BlockError, HeaderFields};
use crate::chain::outweighs;
use crate::hash::Hash;
use crate::rules::{Context, Rules, Weight};

/// Why a peer's chain is refused.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// The bytes are no chain.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A block is no block, or not valid where it stands.
    #[error("the block in place {position} is not valid: {error}")]
    Invalid {
        /// Its place in the chain; the first is 1.
        position: u64,
        /// What is wrong with it.
        error: BlockError,
    },
    /// The first block of an answer is none, so that nobody can say where it stands.
    #[error("the first block of the answer is not valid: {0}")]
    First(BlockError),
    /// It goes on from a block that it was not asked to go on from.
    #[error(
        "expected what follows one of the blocks that it was asked about, \
         found block {height} behind {}", named(*.parent)
    )]
    Elsewhere {
        /// The height of the first block that came.
        height: u64,
        /// What that block names as its parent, if it is a hash.
        parent: Option<Hash>,
    },
    /// There is no block in it.
    #[error("the chain is empty")]
    Empty,
    /// Our own blocks can't be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

fn named(parent: Option<Hash>) -> String {
    parent.map_or_else(|| "no block".to_owned(), |parent| parent.to_string())
}

impl ValidationError {
    /// What is wrong with the chain; `None` if it is ours that can't be read.
    pub fn refusal(&self) -> Option<Refusal> {
        let (height, rule) = match self {
            ValidationError::Read(_)
            | ValidationError::Elsewhere { .. }
            | ValidationError::Empty => (None, "chain"),
            ValidationError::First(error) => (None, error.rule()),
            ValidationError::Invalid { position, error } => (Some(*position), error.rule()),
            ValidationError::Archive(_) => return None,
        };
        Some(Refusal {
            height,
            rule,
            problem: self.to_string(),
        })
    }
}

/// What is to be known of a chain to compare it with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandidateChain {
    /// The number of its blocks.
    pub length: u64,
    /// The sum of their weights.
    pub weight: Weight,
}

impl CandidateChain {
    /// Whether it is to take the place of a chain of this weight.
    pub fn outweighs(&self, total_weight: Weight) -> bool {
        outweighs(self.weight, total_weight)
    }
}

/// A block of the chain: one that came, or one of ours from which it goes on.
#[derive(Clone)]
struct Previous {
    header: HeaderFields,
    /// The block itself, if it came.
    block: Option<Arc<Block>>,
}

/// A chain on its way in.
pub struct ChainValidation {
    rules: Arc<dyn Rules>,
    reader: ChainReader,
    /// The blocks of ours from one of which it may go on.
    known: Locator,
    /// The last block, and the one before it.
    last: Option<Previous>,
    before_last: Option<Previous>,
    total_weight: Weight,
    /// How many blocks have come.
    block_count: u64,
    /// Whether all blocks so far stand on our main chain.
    common: bool,
    /// The last of those that do.
    last_common: Option<Hash>,
    /// Whether a block came whose time has not come.
    ends_early: bool,
    /// The zeros of all proofs, and of those that our main chain does not have.
    strictness: Strictness,
    own_strictness: Strictness,
}

impl ChainValidation {
    /// A chain that will be read by `reader`.
    pub fn new(rules: Arc<dyn Rules>, reader: ChainReader) -> ChainValidation {
        ChainValidation {
            rules,
            reader,
            known: Locator::default(),
            last: None,
            before_last: None,
            total_weight: Weight::ZERO,
            block_count: 0,
            common: true,
            last_common: None,
            ends_early: false,
            strictness: Strictness::default(),
            own_strictness: Strictness::default(),
        }
    }

    /// A chain of which only what follows one of these blocks of ours will be
    /// read, or all of it.
    pub fn behind(rules: Arc<dyn Rules>, reader: ChainReader, known: Locator) -> ChainValidation {
        ChainValidation {
            known,
            ..ChainValidation::new(rules, reader)
        }
    }

    /// Goes on with another answer, which begins where the last one ended.
    pub fn go_on(&mut self, reader: ChainReader) {
        self.reader = reader;
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.reader.feed(bytes);
    }

    /// Says that there are no further bytes.
    pub fn end(&mut self) {
        self.reader.end();
    }

    /// The next block that is not on our main chain, valid where it stands
    /// except for its signatures, which are for a caller with cores to check
    /// them on; `None` when more bytes are needed or, after [`end`](Self::end),
    /// when the chain is whole.
    pub fn next_block(
        &mut self,
        now: Duration,
        ours: &dyn Archive,
    ) -> Result<Option<Arc<Block>>, ValidationError> {
        while let Some(text) = self.reader.next_block()? {
            self.block_count += 1;
            if self.ends_early {
                continue;
            }
            let is_placed = self.last.is_some() || self.known.is_empty();
            let block = match self.rules.read_canonical(text) {
                Ok(block) => block,
                Err(error) if !is_placed => return Err(ValidationError::First(error)),
                Err(error) => {
                    let position = self.length() + 1;
                    return Err(ValidationError::Invalid { position, error });
                }
            };
            if !is_placed && !block.is_genesis() {
                self.begin_behind(&block, ours)?;
            }
            let position = self.length() + 1;
            let invalid = |error| ValidationError::Invalid { position, error };
            self.common = self.common
                && block.height() == position
                && ours.main_hash(position)? == Some(block.hash());
            if self.common {
                self.last_common = Some(block.hash());
            }
            // Our own blocks were checked when they came.
            if !self.common
                && let Err(error) = self.check(now, &block)
            {
                // A block that comes too early is none yet: the chain ends
                // before it, and may be longer when it is asked for again.
                self.ends_early = error.ahead_until_ms().is_some() && self.last.is_some();
                match self.ends_early {
                    true => continue,
                    false => return Err(invalid(error)),
                }
            }
            if let Some(parent) = &self.last {
                self.strictness.note(&*self.rules, &parent.header, &block);
                if !self.common {
                    let own = &mut self.own_strictness;
                    own.note(&*self.rules, &parent.header, &block);
                }
            }
            let weight = self.rules.weight(block.header());
            self.total_weight = self.total_weight.saturating_add(weight);
            let block = Arc::new(block);
            self.before_last = self.last.replace(Previous {
                header: *block.header(),
                block: Some(Arc::clone(&block)),
            });
            if !self.common {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Goes on from the block of ours that the first one that came stands behind.
    fn begin_behind(&mut self, first: &Block, ours: &dyn Archive) -> Result<(), ValidationError> {
        let height = first.height();
        let elsewhere = ValidationError::Elsewhere {
            height,
            parent: first.parent(),
        };
        let Some(parent) = first.parent().filter(|parent| self.known.names(parent)) else {
            return Err(elsewhere);
        };
        let (Some(entry), Some(header)) = (ours.entry(&parent)?, ours.header(&parent)?) else {
            return Err(elsewhere);
        };
        let previous = |header| Previous {
            header,
            block: None,
        };
        if let Some(grandparent) = entry.parent {
            self.before_last = ours.header(&grandparent)?.map(previous);
        }
        self.last = Some(previous(header));
        self.total_weight = entry.total_weight;
        self.common = ours.main_hash(entry.height)? == Some(parent);
        self.last_common = self.common.then_some(parent);
        Ok(())
    }

    /// How much has come that is no whole block yet.
    pub fn unread_bytes(&self) -> usize {
        self.reader.unread_bytes()
    }

    /// The last block that came and was valid, and the one before it.
    pub fn last_two(&self) -> (Option<Arc<Block>>, Option<Arc<Block>>) {
        let block = |previous: &Option<Previous>| previous.as_ref()?.block.clone();
        (block(&self.last), block(&self.before_last))
    }

    /// How many blocks have come, of whatever kind.
    pub fn block_count(&self) -> u64 {
        self.block_count
    }

    /// The hash of its last block so far.
    pub fn tip(&self) -> Option<Hash> {
        Some(self.last.as_ref()?.header.hash)
    }

    /// The block that was read last, valid or not, as its bytes came.
    pub fn last_source(&self) -> &[u8] {
        self.reader.last_source()
    }

    /// The start of what was not read, because more has to come or because it
    /// can't be read at all.
    pub fn unread(&self) -> &[u8] {
        self.reader.unread()
    }

    /// What the answer says the number of its blocks is, if it has said so yet.
    pub fn stated_length(&self) -> Option<u64> {
        self.reader.stated_length()
    }

    /// The names in the answer that are those of its members but for their case.
    pub fn misspelt(&self) -> &Misspelt {
        self.reader.misspelt()
    }

    /// What was seen of the chain, so far.
    pub fn seen(&self) -> Option<SeenChain> {
        Some(SeenChain {
            tip: self.tip()?,
            length: Some(self.length()),
            common: self.last_common,
            goes_on: self.ends_early,
        })
    }

    /// What the proofs so far have beyond what the rules ask for: all of them,
    /// or those that our main chain does not have.
    pub fn strict(&self) -> Option<Strict> {
        self.strictness
            .found()
            .or_else(|| self.own_strictness.found())
    }

    /// Whether there is more of the chain, for which it is too early.
    pub fn ends_early(&self) -> bool {
        self.ends_early
    }

    /// The number of blocks so far.
    pub fn length(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.header.height)
    }

    /// The chain so far.
    pub fn so_far(&self) -> CandidateChain {
        CandidateChain {
            length: self.length(),
            weight: self.total_weight,
        }
    }

    /// The whole chain, after its end.
    pub fn finish(self) -> Result<CandidateChain, ValidationError> {
        match self.last {
            Some(_) => Ok(self.so_far()),
            None => Err(ValidationError::Empty),
        }
    }

    fn check(&self, now: Duration, block: &Block) -> Result<(), BlockError> {
        self.rules.check_stateless(block)?;
        match &self.last {
            Some(parent) => {
                let grandparent = self.before_last.as_ref();
                let context = Context {
                    parent: &parent.header,
                    grandparent: grandparent.map(|grandparent| &grandparent.header),
                    now,
                };
                self.rules.check_contextual(context, block)?;
            }
            None if block.is_genesis() => {}
            None => {
                return Err(BlockError::WrongIndex {
                    expected: 1,
                    found: block.height(),
                });
            }
        }
        Ok(())
    }
}

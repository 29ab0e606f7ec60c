//! What the core may ask of the blocks that were accepted before, and how it
//! asks that a new one be kept. Where and how they are kept is the store's
//! affair; the core holds no more than the newest of them in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::Block;
use crate::hash::Hash;
use crate::rules::Weight;

/// What is known of an accepted block without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Position in its chain; the genesis block's is 1.
    pub index: u64,
    /// The block before it; none for a genesis block.
    pub parent: Option<Hash>,
    /// The sum of the weights from the genesis block to this one.
    pub total_weight: Weight,
}

/// Read access to all blocks that were accepted, and to which of them form
/// the main chain. It shows every change that was persisted so far.
pub trait Archive {
    /// What is known of a block, on the main chain or beside it.
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError>;

    /// The main chain's block at that index.
    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError>;

    /// A block's canonical text.
    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError>;
}

/// The archive can't be read: the disk, or what stands on it, is broken.
/// Nothing can be decided any more.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a stored block: {0}")]
pub struct ArchiveError(pub Box<dyn std::error::Error + Send + Sync>);

/// What is to be kept. Changes are durable before anything that follows from
/// them leaves the node.
#[derive(Debug)]
pub enum Change {
    /// A transaction was accepted and waits for its block.
    Transaction(Arc<[u8]>),
    /// A block was accepted.
    Block {
        /// The block itself.
        block: Arc<Block>,
        /// What the archive will say of it.
        entry: Entry,
        /// Whether and how the main chain changes with it.
        main: MainChange,
    },
    /// The list of registered peers, whole.
    Peers(Vec<String>),
}

/// What an accepted block does to the main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MainChange {
    /// Nothing: it stands on a side branch.
    Side,
    /// It is the new tip, its parent was the old one (or there was none).
    Extend,
    /// It is the new tip of another branch: the main chain from `fork` + 1 on
    /// is now the line of its ancestors.
    Reorganise {
        /// Index of the last common block, 0 where the branches share none.
        fork: u64,
    },
}

/// An archive in memory, for tests and simulations. It keeps everything.
#[derive(Debug, Default)]
pub struct MemoryArchive {
    blocks: BTreeMap<Hash, (Entry, Arc<Block>)>,
    main: Vec<Hash>,
}

impl MemoryArchive {
    /// Keeps a change, as the store would.
    pub fn apply(&mut self, change: &Change) {
        let Change::Block { block, entry, main } = change else {
            return;
        };
        self.blocks
            .insert(block.hash(), (*entry, Arc::clone(block)));
        match main {
            MainChange::Side => {}
            MainChange::Extend => self.main.push(block.hash()),
            MainChange::Reorganise { fork } => self.switch_to(block.hash(), *fork),
        }
    }

    /// The main chain, genesis block first.
    pub fn main(&self) -> impl Iterator<Item = &Block> {
        self.main.iter().map(|hash| self.blocks[hash].1.as_ref())
    }

    fn switch_to(&mut self, tip: Hash, fork: u64) {
        let mut branch = Vec::new();
        let mut next = Some(tip);
        while let Some(hash) = next {
            let entry = self.blocks[&hash].0;
            if entry.index <= fork {
                break;
            }
            branch.push(hash);
            next = entry.parent;
        }
        self.main.truncate(fork as usize);
        self.main.extend(branch.into_iter().rev());
    }
}

impl Archive for MemoryArchive {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        Ok(self.blocks.get(hash).map(|(entry, _)| *entry))
    }

    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError> {
        let position = index.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        Ok(position.and_then(|at| self.main.get(at).copied()))
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self
            .blocks
            .get(hash)
            .map(|(_, block)| block.text().to_vec()))
    }
}

//! What the core may ask of the blocks that were accepted before, and how it
//! asks that a new one be kept. Where and how they are kept is up to the store;
//! the core holds only the newest of them in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::Address;
use crate::block::{Block, HeaderFields};
use crate::hash::Hash;
use crate::rules::AccountChange;
use crate::rules::Weight;
use crate::sealed::Account;
use crate::transaction::Submitted;

/// What is known of an accepted block without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Position in its chain; the genesis block's is 1.
    pub height: u64,
    /// The block before it; `None` for a genesis block.
    pub parent: Option<Hash>,
    /// The sum of the weights from the genesis block to this one.
    pub total_weight: Weight,
}

/// Read access to all blocks that were accepted, and to which of them form
/// the main chain. It shows every change that was persisted so far.
pub trait Archive {
    /// What is known of a block, on the main chain or beside it.
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError>;

    /// The main chain's block at that height.
    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError>;

    /// The index of the last block of the main chain on the way from a block
    /// down to its genesis block: its own if it is in the main chain, and 0
    /// where there is none. `None` if the block is not known.
    fn fork(&self, hash: &Hash) -> Result<Option<u64>, ArchiveError> {
        let mut next = Some(*hash);
        let mut is_known = false;
        while let Some(hash) = next {
            let Some(entry) = self.entry(&hash)? else {
                return Ok(None);
            };
            if self.main_hash(entry.height)? == Some(hash) {
                return Ok(Some(entry.height));
            }
            is_known = true;
            next = entry.parent;
        }
        Ok(is_known.then_some(0))
    }

    /// What the blocks behind a block are checked against: the block itself is
    /// not read for it.
    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError>;

    /// A block's canonical text.
    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// The block itself, if it is still in memory as it was read; otherwise its
    /// text has to be read.
    fn block(&self, _hash: &Hash) -> Result<Option<Arc<Block>>, ArchiveError> {
        Ok(None)
    }

    /// An account as the last block of the main chain left it.
    fn account(&self, owner: &Address) -> Result<Account, ArchiveError>;

    /// What a block did to the accounts, on the main chain or beside it; none
    /// where the rules know no accounts.
    fn account_changes(&self, hash: &Hash) -> Result<Vec<AccountChange>, ArchiveError>;
}

/// The archive can't be read: the disk, or what is on it, is broken. No
/// decision is possible any longer.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a stored block: {0}")]
pub struct ArchiveError(pub Box<dyn std::error::Error + Send + Sync>);

/// What is to be kept. Changes are durable before anything that follows from
/// them leaves the node.
#[derive(Debug)]
pub enum Change {
    /// A transaction was accepted and waits for its block.
    Transaction(Submitted),
    /// A block was accepted.
    Block {
        /// The block itself.
        block: Arc<Block>,
        /// What the archive will say of it.
        entry: Entry,
        /// Whether and how the main chain changes with it.
        main: MainChange,
        /// What it does to the accounts, wherever it stands.
        accounts: Vec<AccountChange>,
    },
    /// The list of registered peers, whole.
    Peers(Vec<String>),
    /// Only the main chain's genesis block is left, as on the first day. For
    /// chains that nobody keeps.
    Rewind,
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
    blocks: BTreeMap<Hash, Kept>,
    main: Vec<Hash>,
    accounts: BTreeMap<Address, Account>,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    block: Arc<Block>,
    accounts: Vec<AccountChange>,
}

impl MemoryArchive {
    /// Keeps a change, as the store would.
    pub fn apply(&mut self, change: &Change) {
        let (block, entry, main, accounts) = match change {
            Change::Block {
                block,
                entry,
                main,
                accounts,
            } => (block, entry, main, accounts),
            Change::Rewind => return self.rewind(),
            Change::Transaction(_) | Change::Peers(_) => return,
        };
        let kept = Kept {
            entry: *entry,
            block: Arc::clone(block),
            accounts: accounts.clone(),
        };
        self.blocks.insert(block.hash(), kept);
        match main {
            MainChange::Side => {}
            MainChange::Extend => self.extend(block.hash()),
            MainChange::Reorganise { fork } => self.switch_to(block.hash(), *fork),
        }
    }

    /// The main chain, genesis block first.
    pub fn main(&self) -> impl Iterator<Item = &Block> {
        self.main
            .iter()
            .map(|hash| self.blocks[hash].block.as_ref())
    }

    /// What all accounts own together.
    pub fn sum_of_balances(&self) -> u128 {
        let balances = self.accounts.values().map(|account| account.balance);
        balances.map(u128::from).sum()
    }

    fn rewind(&mut self) {
        self.disconnect_above(1);
        let main = &self.main;
        self.blocks.retain(|hash, _| main.contains(hash));
    }

    fn extend(&mut self, tip: Hash) {
        self.main.push(tip);
        for change in &self.blocks[&tip].accounts {
            self.accounts.insert(change.address, change.after);
        }
    }

    fn disconnect_above(&mut self, fork: u64) {
        let dropped = self.main.split_off((fork as usize).min(self.main.len()));
        for hash in dropped.into_iter().rev() {
            for change in &self.blocks[&hash].accounts {
                self.accounts.insert(change.address, change.before);
            }
        }
    }

    fn switch_to(&mut self, tip: Hash, fork: u64) {
        let mut branch = Vec::new();
        let mut next = Some(tip);
        while let Some(hash) = next {
            let entry = self.blocks[&hash].entry;
            if entry.height <= fork {
                break;
            }
            branch.push(hash);
            next = entry.parent;
        }
        self.disconnect_above(fork);
        branch.into_iter().rev().for_each(|hash| self.extend(hash));
    }
}

impl Archive for MemoryArchive {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        Ok(self.blocks.get(hash).map(|kept| kept.entry))
    }

    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError> {
        let position = height
            .checked_sub(1)
            .and_then(|at| usize::try_from(at).ok());
        Ok(position.and_then(|at| self.main.get(at).copied()))
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        Ok(self.blocks.get(hash).map(|kept| *kept.block.header()))
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        let kept = self.blocks.get(hash);
        Ok(kept.map(|kept| kept.block.text().to_vec()))
    }

    fn block(&self, hash: &Hash) -> Result<Option<Arc<Block>>, ArchiveError> {
        let kept = self.blocks.get(hash);
        Ok(kept.map(|kept| Arc::clone(&kept.block)))
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        Ok(self.accounts.get(owner).copied().unwrap_or_default())
    }

    fn account_changes(&self, hash: &Hash) -> Result<Vec<AccountChange>, ArchiveError> {
        let kept = self.blocks.get(hash);
        Ok(kept.map(|kept| kept.accounts.clone()).unwrap_or_default())
    }
}

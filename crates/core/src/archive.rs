//! What the core may ask of the blocks that were accepted before, and how it
//! asks that a new one be kept. Where and how they are kept is up to the store;
//! the core holds only the newest of them in memory.

use std::cell::RefCell;
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

    /// The accounts as a block left them, on the main chain or beside it. A
    /// block that is not known is an error.
    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError>;

    /// Those who have sent a transaction in a block, on the main chain or beside
    /// it, and their nonces behind it; none where the rules know no accounts.
    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError>;
}

type ReadAccount<'a> = dyn Fn(&Address) -> Result<Account, ArchiveError> + 'a;

/// The accounts as one block left them. None is held: each is looked up when it
/// is asked for.
pub struct AccountsAt<'a>(Box<ReadAccount<'a>>);

impl<'a> AccountsAt<'a> {
    /// Accounts that are looked up with this.
    pub fn new(read: impl Fn(&Address) -> Result<Account, ArchiveError> + 'a) -> AccountsAt<'a> {
        AccountsAt(Box::new(read))
    }

    /// Before a genesis block, nobody owns anything.
    pub fn before_genesis() -> AccountsAt<'a> {
        AccountsAt::new(|_| Ok(Account::default()))
    }

    /// An account.
    pub fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        (self.0)(owner)
    }

    /// For rules that can't deal with a broken archive: `look` gets a function
    /// to look accounts up with, and its result counts only if all of them
    /// could be read.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&dyn Fn(&Address) -> Account) -> T,
    ) -> Result<T, ArchiveError> {
        let failed = RefCell::new(None);
        let result = look(&|owner| {
            self.account(owner).unwrap_or_else(|error| {
                failed.borrow_mut().get_or_insert(error);
                Account::default()
            })
        });
        match failed.into_inner() {
            None => Ok(result),
            Some(error) => Err(error),
        }
    }
}

/// The archive can't be read: the disk, or what is on it, is broken. No
/// decision is possible any longer.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a stored block: {0}")]
pub struct ArchiveError(pub Box<dyn std::error::Error + Send + Sync>);

impl ArchiveError {
    /// A block was asked for that is not stored.
    pub fn unknown_block(hash: &Hash) -> ArchiveError {
        ArchiveError(format!("block {hash} is not known").into())
    }
}

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
    /// The main chain ends in this block, which was accepted before; what was
    /// behind it stands beside the main chain. For chains that nobody keeps.
    MainTip {
        /// The block.
        block: Arc<Block>,
        /// Where it is seen from: behind the tip, or wherever else.
        main: MainChange,
    },
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
    /// The accounts that each block changed, as it left them: by owner, height
    /// and block.
    accounts: BTreeMap<(Address, u64, Hash), Account>,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    block: Arc<Block>,
    senders: Vec<(Address, u64)>,
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
            Change::MainTip { block, .. } => return self.go_to(&block.hash()),
            Change::Transaction(_) | Change::Peers(_) => return,
        };
        let hash = block.hash();
        let kept = Kept {
            entry: *entry,
            block: Arc::clone(block),
            senders: accounts.iter().filter_map(AccountChange::sender).collect(),
        };
        self.blocks.insert(hash, kept);
        let accounts = accounts.iter();
        self.accounts
            .extend(accounts.map(|change| ((change.address, entry.height, hash), change.after)));
        match main {
            MainChange::Side => {}
            MainChange::Extend => self.main.push(hash),
            MainChange::Reorganise { fork } => self.switch_to(hash, *fork),
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
        let mut owners: Vec<_> = self.accounts.keys().map(|(owner, ..)| owner).collect();
        owners.dedup();
        let balances = owners.into_iter().map(|owner| self.at_tip(owner).balance);
        balances.map(u128::from).sum()
    }

    fn rewind(&mut self) {
        self.main.truncate(1);
        let main = &self.main;
        self.blocks.retain(|hash, _| main.contains(hash));
        self.accounts.retain(|(.., hash), _| main.contains(hash));
    }

    fn go_to(&mut self, tip: &Hash) {
        let fork = self.fork(tip).ok().flatten();
        self.switch_to(*tip, fork.unwrap_or_default());
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
        self.main
            .truncate(usize::try_from(fork).unwrap_or(usize::MAX));
        self.main.extend(branch.into_iter().rev());
    }

    fn is_main(&self, height: u64, hash: &Hash) -> bool {
        self.main_at(height) == Some(hash)
    }

    fn main_at(&self, height: u64) -> Option<&Hash> {
        let position = usize::try_from(height.checked_sub(1)?).ok()?;
        self.main.get(position)
    }

    fn at_tip(&self, owner: &Address) -> Account {
        self.newest(owner, u64::MAX, |height, block| self.is_main(height, block))
    }

    /// An account as it was left by the last block up to that height that
    /// changed it, of those that are wanted.
    fn newest(
        &self,
        owner: &Address,
        height: u64,
        is_wanted: impl Fn(u64, &Hash) -> bool,
    ) -> Account {
        let (first, last) = (
            (*owner, 0, Hash([0; 32])),
            (*owner, height, Hash([255; 32])),
        );
        let mut newest_first = self.accounts.range(first..=last).rev();
        let found = newest_first.find(|((_, height, block), _)| is_wanted(*height, block));
        found.map_or(Account::default(), |(_, account)| *account)
    }
}

impl Archive for MemoryArchive {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        Ok(self.blocks.get(hash).map(|kept| kept.entry))
    }

    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError> {
        Ok(self.main_at(height).copied())
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
        Ok(self.at_tip(owner))
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        let kept = self.blocks.get(hash);
        let kept = kept.ok_or_else(|| ArchiveError::unknown_block(hash))?;
        let height = kept.entry.height;
        // The way down to the main chain.
        let (mut branch, mut next) = (BTreeMap::new(), Some((height, *hash)));
        while let Some((height, hash)) = next.filter(|(height, hash)| !self.is_main(*height, hash))
        {
            branch.insert(height, hash);
            let parent = self.blocks[&hash].entry.parent;
            next = parent.map(|parent| (height - 1, parent));
        }
        Ok(AccountsAt::new(move |owner| {
            Ok(
                self.newest(owner, height, |height, block| match branch.get(&height) {
                    Some(of_branch) => of_branch == block,
                    None => self.is_main(height, block),
                }),
            )
        }))
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        let kept = self.blocks.get(hash);
        Ok(kept.map(|kept| kept.senders.clone()).unwrap_or_default())
    }
}

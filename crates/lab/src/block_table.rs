//! The blocks of a whole simulation, each in memory once, and what each node has
//! of them: a bit a block, and which of them form its main chain. It is the archive
//! that each core reads; who has what is decided elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Change, Entry, MainChange};
use adit_core::block::{Block, HeaderFields};
use adit_core::hash::Hash;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

/// A block's number in its table: in the order in which blocks were first kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u32);

/// All blocks that somebody has.
#[derive(Default)]
pub struct BlockTable {
    blocks: Vec<Stored>,
    ids: BTreeMap<Hash, BlockId>,
    /// What each block that changed an account made of it, by height.
    accounts: BTreeMap<Address, Vec<(u64, BlockId, Account)>>,
}

struct Stored {
    block: Arc<Block>,
    entry: Entry,
    senders: Vec<(Address, u64)>,
}

/// What one node has.
#[derive(Debug, Default)]
pub struct Kept {
    bits: Vec<u64>,
    main: Vec<BlockId>,
}

/// What one node has of a table: its archive.
pub struct NodeArchive<'a> {
    table: &'a BlockTable,
    kept: &'a Kept,
}

impl BlockTable {
    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// A block.
    pub fn block(&self, id: BlockId) -> &Arc<Block> {
        &self.stored(id).block
    }

    /// What is known of a block.
    pub fn entry(&self, id: BlockId) -> &Entry {
        &self.stored(id).entry
    }

    /// The number of the block with that hash.
    pub fn id(&self, hash: &Hash) -> Option<BlockId> {
        self.ids.get(hash).copied()
    }

    fn stored(&self, id: BlockId) -> &Stored {
        &self.blocks[id.0 as usize]
    }

    fn hash(&self, id: BlockId) -> Hash {
        self.stored(id).block.hash()
    }

    /// Keeps what a core wants to be kept, for that node. Returns the block, if it
    /// is one.
    pub fn keep(&mut self, kept: &mut Kept, change: Change) -> Option<BlockId> {
        let (block, entry, main, accounts) = match change {
            Change::Block {
                block,
                entry,
                main,
                accounts,
            } => (block, entry, main, accounts),
            _ => return None,
        };
        let id = match self.id(&block.hash()) {
            Some(id) => id,
            None => self.add(block, entry, &accounts),
        };
        kept.add(id);
        match main {
            MainChange::Side => {}
            MainChange::Extend => kept.main.push(id),
            MainChange::Reorganise { fork } => self.reorganise(kept, id, fork),
        }
        Some(id)
    }

    fn add(&mut self, block: Arc<Block>, entry: Entry, accounts: &[AccountChange]) -> BlockId {
        let id = BlockId(u32::try_from(self.blocks.len()).unwrap_or(u32::MAX));
        for change in accounts {
            let states = self.accounts.entry(change.address).or_default();
            let place = states.partition_point(|(height, ..)| *height <= entry.height);
            states.insert(place, (entry.height, id, change.after));
        }
        self.ids.insert(block.hash(), id);
        self.blocks.push(Stored {
            block,
            entry,
            senders: accounts.iter().filter_map(AccountChange::sender).collect(),
        });
        id
    }

    fn reorganise(&self, kept: &mut Kept, tip: BlockId, fork: u64) {
        let mut branch = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next.filter(|id| self.entry(*id).height > fork) {
            branch.push(id);
            next = self.entry(id).parent.and_then(|parent| self.id(&parent));
        }
        kept.main
            .truncate(usize::try_from(fork).unwrap_or(usize::MAX));
        kept.main.extend(branch.into_iter().rev());
    }

    /// A node's archive.
    pub fn view<'a>(&'a self, kept: &'a Kept) -> NodeArchive<'a> {
        NodeArchive { table: self, kept }
    }
}

impl Kept {
    fn add(&mut self, id: BlockId) {
        let word = id.0 as usize / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (id.0 % 64);
    }

    /// Whether the node has the block.
    pub fn has(&self, id: BlockId) -> bool {
        let word = self.bits.get(id.0 as usize / 64);
        word.is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    /// Its main chain, genesis block first.
    pub fn main(&self) -> &[BlockId] {
        &self.main
    }

    fn is_main(&self, height: u64, id: BlockId) -> bool {
        self.main_at(height) == Some(id)
    }

    fn main_at(&self, height: u64) -> Option<BlockId> {
        let position = usize::try_from(height.checked_sub(1)?).ok()?;
        self.main.get(position).copied()
    }
}

impl NodeArchive<'_> {
    fn known(&self, hash: &Hash) -> Option<BlockId> {
        self.table.id(hash).filter(|id| self.kept.has(*id))
    }

    fn newest(
        &self,
        owner: &Address,
        height: u64,
        is_wanted: impl Fn(u64, BlockId) -> bool,
    ) -> Account {
        let states = self
            .table
            .accounts
            .get(owner)
            .map_or(&[][..], |states| states);
        let mut newest_first = states.iter().rev();
        let found = newest_first.find(|(at, id, _)| *at <= height && is_wanted(*at, *id));
        found.map_or(Account::default(), |(.., account)| *account)
    }
}

impl Archive for NodeArchive<'_> {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        Ok(self.known(hash).map(|id| *self.table.entry(id)))
    }

    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError> {
        Ok(self.kept.main_at(height).map(|id| self.table.hash(id)))
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        Ok(self.known(hash).map(|id| *self.table.block(id).header()))
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self
            .known(hash)
            .map(|id| self.table.block(id).text().to_vec()))
    }

    fn block(&self, hash: &Hash) -> Result<Option<Arc<Block>>, ArchiveError> {
        Ok(self.known(hash).map(|id| Arc::clone(self.table.block(id))))
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        Ok(self.newest(owner, u64::MAX, |height, id| self.kept.is_main(height, id)))
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        let id = self.known(hash);
        let id = id.ok_or_else(|| ArchiveError::unknown_block(hash))?;
        let height = self.table.entry(id).height;
        // The way down to the main chain.
        let (mut branch, mut next) = (BTreeMap::new(), Some(id));
        while let Some(id) = next {
            let entry = self.table.entry(id);
            if self.kept.is_main(entry.height, id) {
                break;
            }
            branch.insert(entry.height, id);
            next = entry.parent.and_then(|parent| self.table.id(&parent));
        }
        Ok(AccountsAt::new(move |owner| {
            Ok(
                self.newest(owner, height, |height, id| match branch.get(&height) {
                    Some(of_branch) => *of_branch == id,
                    None => self.kept.is_main(height, id),
                }),
            )
        }))
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        let senders = self
            .known(hash)
            .map(|id| self.table.stored(id).senders.clone());
        Ok(senders.unwrap_or_default())
    }
}

//! What the other modules build on: blocks, a naive tree that says what each
//! does to the main chain and to the accounts, and comparisons of a store with
//! it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{Archive, Change, Entry, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::mempool::Pending;
use adit_core::rules::{AccountChange, Classic, Context, Rules, TemplateContent, Weight};
use adit_core::sealed::Account;
use adit_core::transaction::Submitted;
use adit_store::{Durability, Limits, Opened, Replayed, Store, StoreError};

/// So small that a few blocks reach every limit.
pub(crate) const SMALL: Limits = Limits {
    segment_bytes: 2_000,
    overlay_blocks: 8,
    overlay_accounts: 60,
};

pub(crate) fn genesis(salt: u64) -> Arc<Block> {
    Arc::new(Classic::Published.genesis(Duration::from_secs(salt)))
}

/// A block after `parent`; another `salt` makes another block.
pub(crate) fn child(parent: &Block, salt: u64) -> Arc<Block> {
    child_with(parent, salt, Vec::new())
}

pub(crate) fn child_with(parent: &Block, salt: u64, transactions: Vec<Arc<[u8]>>) -> Arc<Block> {
    let content = TemplateContent {
        now: Duration::from_millis(1_700_000_000_000 + salt),
        transactions: transactions.into_iter().map(Submitted::Text).collect(),
        reward_to: "miner".to_owned(),
    };
    let context = Context {
        parent: parent.header(),
        grandparent: None,
        now: content.now,
    };
    Arc::new(Classic::Published.complete(context, &content, 35_293 + salt))
}

/// A line of blocks, genesis block first.
pub(crate) fn chain(length: u64, salt: u64) -> Vec<Arc<Block>> {
    let mut blocks = vec![genesis(salt)];
    while (blocks.len() as u64) < length {
        let parent = blocks.last().unwrap();
        blocks.push(child(parent, salt + blocks.len() as u64));
    }
    blocks
}

pub(crate) fn transaction(number: u64) -> Arc<[u8]> {
    let text = format!(
        "{{\"amount\": {number}, \"recipient\": \"someone\", \"sender\": \"somebody \\u00e9\"}}"
    );
    text.into_bytes().into()
}

/// How many people have accounts.
pub(crate) const PEOPLE: u8 = 8;

pub(crate) fn address(number: u8) -> Address {
    Address([number; 32])
}

/// All accounts at one block.
type Accounts = BTreeMap<Address, Account>;

/// A naive tree: the longest branch wins, the first seen in a tie. What a block
/// does to the accounts comes out of its hash, and all accounts are kept for
/// every block.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) archive: MemoryArchive,
    pub(crate) arrived: Vec<Arc<Block>>,
    accounts: BTreeMap<Hash, Accounts>,
}

/// The accounts after a block. Some come to have nothing again.
fn accounts_after(before: &Accounts, block: Hash) -> Accounts {
    let mut accounts = before.clone();
    for person in 0..PEOPLE {
        let dice = sha256(&[&block.0[..], &[person]].concat()).0;
        if dice[0].is_multiple_of(2) {
            let (balance, nonce) = (u64::from(dice[1] % 4) << 40, u64::from(dice[2] % 2));
            accounts.insert(address(person), Account { balance, nonce });
        }
    }
    accounts
}

impl Tree {
    pub(crate) fn of(blocks: &[Arc<Block>]) -> Tree {
        let mut tree = Tree::default();
        for block in blocks {
            tree.add(block);
        }
        tree
    }

    /// Takes in a block and returns what it does.
    pub(crate) fn add(&mut self, block: &Arc<Block>) -> Change {
        let entry = Entry {
            height: block.height(),
            parent: block.parent(),
            total_weight: Weight::from(block.height()),
        };
        let main = self.main_change(block);
        self.add_as(block, entry, main)
    }

    /// Takes a block in that does this.
    pub(crate) fn add_as(&mut self, block: &Arc<Block>, entry: Entry, main: MainChange) -> Change {
        let nobody = Accounts::new();
        let parent = entry.parent.map(|parent| &self.accounts[&parent]);
        let before = parent.unwrap_or(&nobody);
        let after = accounts_after(before, block.hash());
        let account = |accounts: &Accounts, address| {
            let account = accounts.get(&address);
            account.copied().unwrap_or_default()
        };
        let changes = (0..PEOPLE).map(address).map(|address| AccountChange {
            address,
            before: account(before, address),
            after: account(&after, address),
        });
        let changes: Vec<_> = changes
            .filter(|change| change.before != change.after)
            .collect();
        self.accounts.insert(block.hash(), after);
        let change = Change::Block {
            block: Arc::clone(block),
            entry,
            main,
            accounts: changes,
        };
        self.archive.apply(&change);
        self.arrived.push(Arc::clone(block));
        change
    }

    /// The first block of the main chain is all there is.
    pub(crate) fn rewind(&mut self) -> Change {
        self.archive.apply(&Change::Rewind);
        let first = self.archive.main_hash(1).unwrap();
        self.arrived.retain(|block| Some(block.hash()) == first);
        Change::Rewind
    }

    /// The main chain ends in one of the blocks, whatever it weighs.
    pub(crate) fn go_to(&mut self, block: &Arc<Block>) -> Change {
        let fork = self.archive.fork(&block.hash()).unwrap().unwrap();
        let change = Change::MainTip {
            block: Arc::clone(block),
            main: MainChange::Reorganise { fork },
        };
        self.archive.apply(&change);
        change
    }

    /// An account at the tip.
    pub(crate) fn account(&self, owner: Address) -> Account {
        let tip = self.tip();
        tip.map_or_else(Account::default, |tip| self.account_at(owner, &tip))
    }

    /// An account as a block left it.
    pub(crate) fn account_at(&self, owner: Address, block: &Hash) -> Account {
        let account = self.accounts[block].get(&owner);
        account.copied().unwrap_or_default()
    }

    pub(crate) fn length(&self) -> u64 {
        self.archive.main().count() as u64
    }

    pub(crate) fn tip(&self) -> Option<Hash> {
        self.archive.main().last().map(Block::hash)
    }

    /// The main chain's texts with commas between them.
    pub(crate) fn joined(&self) -> Vec<u8> {
        let texts: Vec<&[u8]> = self.archive.main().map(Block::text).collect();
        texts.join(&b',')
    }

    fn main_change(&self, block: &Block) -> MainChange {
        if block.height() <= self.length() {
            return MainChange::Side;
        }
        if block.parent() == self.tip() {
            return MainChange::Extend;
        }
        let main: Vec<Hash> = self.archive.main().map(Block::hash).collect();
        let mut below = block.parent();
        while let Some(hash) = below {
            if let Some(at) = main.iter().position(|main| *main == hash) {
                let fork = at as u64 + 1;
                return MainChange::Reorganise { fork };
            }
            below = self.archive.entry(&hash).unwrap().unwrap().parent;
        }
        MainChange::Reorganise { fork: 0 }
    }
}

/// A store, and what it should hold.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) tree: Tree,
    pub(crate) pending: Vec<Pending>,
    pub(crate) replayed: Vec<Replayed>,
}

impl World {
    /// Opens the folder and reads the rest of the log, on a tree that holds
    /// what the index covered.
    pub(crate) fn open(folder: &Path) -> World {
        World::open_with(folder, Durability::Full, Limits::default())
    }

    pub(crate) fn open_small(folder: &Path) -> World {
        World::open_with(folder, Durability::None, SMALL)
    }

    pub(crate) fn open_with(folder: &Path, durability: Durability, limits: Limits) -> World {
        World::try_open(folder, durability, limits).expect("the folder should open")
    }

    pub(crate) fn try_open(
        folder: &Path,
        durability: Durability,
        limits: Limits,
    ) -> Result<World, StoreError> {
        let opened = Store::open_with_limits(folder, "a test", durability, limits)?;
        let Opened {
            mut store, pending, ..
        } = opened;
        let mut tree = Tree::of(&logged(folder, &store));
        let mut replayed = Vec::new();
        while let Some(next) = store.next_unindexed()? {
            let change = tree.add(&read(&next.text));
            store.index(&change)?;
            replayed.push(next);
        }
        Ok(World {
            store,
            tree,
            pending,
            replayed,
        })
    }

    pub(crate) fn add(&mut self, block: &Arc<Block>) {
        let change = self.tree.add(block);
        self.store.apply(&change).unwrap();
    }

    pub(crate) fn add_all(&mut self, blocks: &[Arc<Block>]) {
        for block in blocks {
            self.add(block);
        }
    }

    pub(crate) fn rewind(&mut self) {
        let change = self.tree.rewind();
        self.store.apply(&change).unwrap();
    }

    pub(crate) fn go_to(&mut self, block: &Arc<Block>) {
        let change = self.tree.go_to(block);
        self.store.apply(&change).unwrap();
    }

    pub(crate) fn accept(&mut self, number: u64) {
        let change = Change::Transaction(Submitted::Text(transaction(number)));
        self.store.apply(&change).unwrap();
    }

    pub(crate) fn sync(&mut self) {
        self.store.sync().unwrap();
        assert!(self.store.is_synced());
    }

    pub(crate) fn checkpoint(&mut self, pending: &[Pending]) {
        let pending = pending.iter();
        self.store
            .checkpoint(pending.map(|pending| (&*pending.text, pending.origin)))
            .unwrap();
        self.store.check_invariants().unwrap();
    }

    /// The store shows what the tree holds.
    pub(crate) fn check(&self) {
        assert_eq!(self.store.length(), self.tree.length());
        assert_same(&self.store, &self.tree);
        self.store.check_invariants().unwrap();
    }

    /// So does a snapshot.
    pub(crate) fn check_snapshot(&self) {
        let snapshot = self.store.reader().snapshot().unwrap();
        assert_eq!(snapshot.length(), self.tree.length());
        assert_eq!(snapshot.tip(), self.tree.tip());
        assert_same(&snapshot, &self.tree);
        let mut joined = Vec::new();
        let next = snapshot.read_main(1, usize::MAX, &mut joined).unwrap();
        assert_eq!(next, snapshot.length() + 1);
        assert_eq!(joined, self.tree.joined());
        let commas = self.tree.length().saturating_sub(1);
        assert_eq!(snapshot.main_bytes() + commas, joined.len() as u64);
    }
}

pub(crate) fn read(text: &[u8]) -> Arc<Block> {
    Arc::new(Classic::Published.read_canonical(text.to_vec()).unwrap())
}

/// All blocks in the log that the index of the store covers already.
fn logged(folder: &Path, store: &Store) -> Vec<Arc<Block>> {
    lines(folder)
        .iter()
        .map(|line| read(line))
        .take_while(|block| store.entry(&block.hash()).unwrap().is_some())
        .collect()
}

/// The lines of the block log, as anybody would read them.
pub(crate) fn lines(folder: &Path) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for path in files(&folder.join("blocks")) {
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let text = fs::read(path).unwrap();
            lines.extend(
                text.split_inclusive(|byte| *byte == b'\n')
                    .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec()),
            );
        }
    }
    lines
}

/// The files in a folder, sorted by name.
pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What a crash leaves: the files as they are now, without anything that the
/// process still holds.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files(from) {
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

fn assert_same(archive: &dyn Archive, tree: &Tree) {
    for index in 0..=tree.length() + 2 {
        let expected = tree.archive.main_hash(index).unwrap();
        assert_eq!(archive.main_hash(index).unwrap(), expected, "block {index}");
    }
    for block in &tree.arrived {
        let hash = block.hash();
        let expected = tree.archive.entry(&hash).unwrap();
        assert_eq!(archive.entry(&hash).unwrap(), expected, "{block:?}");
        let fork = tree.archive.fork(&hash).unwrap();
        assert_eq!(archive.fork(&hash).unwrap(), fork, "{block:?}");
        assert_eq!(archive.header(&hash).unwrap(), Some(*block.header()));
        assert_eq!(archive.text(&hash).unwrap().unwrap(), block.text());
        let senders = tree.archive.senders(&hash).unwrap();
        assert_eq!(archive.senders(&hash).unwrap(), senders, "{block:?}");
        let accounts = archive.accounts_at(&hash).unwrap();
        for owner in (0..=PEOPLE).map(address) {
            let found = accounts.account(&owner).unwrap();
            let expected = tree.account_at(owner, &hash);
            assert_eq!(found, expected, "{owner:?} at {block:?}");
        }
    }
    for person in 0..=PEOPLE {
        let found = archive.account(&address(person)).unwrap();
        let expected = tree.account(address(person));
        assert_eq!(found, expected, "account {person} at {:?}", tree.tip());
    }
    let unknown = Hash([7; 32]);
    assert_eq!(archive.entry(&unknown).unwrap(), None);
    assert_eq!(archive.fork(&unknown).unwrap(), None);
    assert_eq!(archive.header(&unknown).unwrap(), None);
    assert_eq!(archive.text(&unknown).unwrap(), None);
    assert!(archive.accounts_at(&unknown).is_err());
    assert_eq!(archive.senders(&unknown).unwrap(), []);
}

//! What is read of the blocks before one that comes alone: their headers, and
//! nothing of what they hold.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{
    AccountsAt, Archive, ArchiveError, Change, Entry, MainChange, MemoryArchive,
};
use adit_core::block::{Block, HeaderFields};
use adit_core::chain::{BlockSource, Chain, ChainError};
use adit_core::hash::Hash;
use adit_core::rules::{Classic, Rules};
use adit_core::sealed::Account;
use serde_json::json;

use crate::sealed_world::{Key, SealedChain, easy_params, key, proven, value_of};
use crate::world::{block_with_proof, classic_chain};

/// How often a block's text was read.
struct TextsCounted<'a>(&'a MemoryArchive, Cell<usize>);

impl Archive for TextsCounted<'_> {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        self.0.entry(hash)
    }

    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError> {
        self.0.main_hash(index)
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        self.0.header(hash)
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.1.set(self.1.get() + 1);
        self.0.text(hash)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        self.0.account(owner)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        self.0.accounts_at(hash)
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        self.0.senders(hash)
    }
}

/// A chain, the archive that it is promised, and how often that read a text.
struct Tree {
    chain: Chain,
    archive: MemoryArchive,
    texts_read: usize,
}

impl Tree {
    fn of(rules: Arc<dyn Rules>, line: &[Arc<Block>]) -> Tree {
        let archive = MemoryArchive::default();
        let chain = Chain::open(rules, 0, &archive).unwrap();
        let mut tree = Tree {
            chain,
            archive,
            texts_read: 0,
        };
        for block in line {
            assert_eq!(tree.add(block).unwrap(), MainChange::Extend);
        }
        tree
    }

    fn add(&mut self, block: &Arc<Block>) -> Result<MainChange, ChainError> {
        let counted = TextsCounted(&self.archive, Cell::new(0));
        let (now, block) = (Duration::MAX, Arc::clone(block));
        let connected = self.chain.insert(now, block, BlockSource::Single, &counted);
        self.texts_read += counted.1.get();
        let connected = connected?.expect("it is new");
        self.archive.apply(&Change::Block {
            block: connected.block,
            entry: connected.entry,
            main: connected.main,
            accounts: connected.changes,
        });
        Ok(connected.main)
    }
}

/// A chain of which every block holds a payment.
fn paying_chain(keys: &[Key], blocks: usize) -> SealedChain {
    let mut chain = SealedChain::new(easy_params(&[(&keys[0], 1_000_000)]));
    for _ in 0..blocks {
        let payment = chain.pay(&keys[0], &keys[1], 10, 1);
        chain.mine(&keys[2], &[payment]);
    }
    chain
}

/// A good sibling of the block behind `parent`, and the same with a target that
/// its maker chose freely.
fn siblings(line: &SealedChain, parent: usize, keys: &[Key]) -> [Arc<Block>; 2] {
    let mut behind = SealedChain::of_rules(line.rules.clone());
    for block in &line.blocks[1..=parent] {
        behind.push(line.rules.read(block.text()).unwrap()).unwrap();
    }
    let good = behind.draft(&keys[3], &[]);
    let mut value = value_of(&good);
    value["target"] = json!(format!("{}e", "f".repeat(63)));
    let bad = line.rules.read(&proven(value)).unwrap();
    [Arc::new(good), Arc::new(bad)]
}

#[test]
fn no_ancestor_of_a_sealed_block_that_comes_alone_is_read_whole() {
    let keys: Vec<Key> = (0..4).map(key).collect();
    let line = paying_chain(&keys, 8);
    let mut tree = Tree::of(Arc::new(line.rules.clone()), &line.blocks);
    for parent in [0, 1, 2, 5] {
        let [good, bad] = siblings(&line, parent, &keys);
        let error = tree.add(&bad).unwrap_err();
        assert_eq!(error.rule(), "target", "{error}");
        assert_eq!(tree.add(&good).unwrap(), MainChange::Side);
    }
    assert_eq!(tree.texts_read, 0);
}

#[test]
fn no_ancestor_of_a_classic_block_that_comes_alone_is_read_whole() {
    let line = classic_chain(6, 1);
    let mut tree = Tree::of(Arc::new(Classic::Published), &line);
    for parent in [0, 1, 3] {
        let proof = line[parent + 1].proof();
        let bad = block_with_proof(&line[parent], proof + 1, 2, &[]);
        assert_eq!(tree.add(&bad).unwrap_err().rule(), "proof");
        let good = block_with_proof(&line[parent], proof, 2, &[]);
        assert_eq!(tree.add(&good).unwrap(), MainChange::Side);
    }
    assert_eq!(tree.texts_read, 0);
}

#[test]
fn a_header_says_what_its_block_says() {
    let keys: Vec<Key> = (0..4).map(key).collect();
    let line = paying_chain(&keys, 2);
    for block in &line.blocks {
        let (header, view) = (block.header(), block.sealed().unwrap());
        let sealed = header.sealed.unwrap();
        assert_eq!((header.height, header.hash), (block.height(), block.hash()));
        assert_eq!(
            (header.parent, header.proof),
            (block.parent(), block.proof())
        );
        assert_eq!(sealed.target, view.header.target);
        assert_eq!(sealed.timestamp_ms, view.header.timestamp_ms);
    }
    let classic = classic_chain(2, 1);
    assert_eq!(classic[1].header().parent, Some(classic[0].hash()));
    assert_eq!(classic[1].header().sealed, None);
}

//! The tree of blocks and the choice of the main chain, against a naive model,
//! and its bounds. Most trees here grow under rules without work.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{
    AccountsAt, Archive, ArchiveError, Change, Entry, MainChange, MemoryArchive,
};
use adit_core::block::{Block, HeaderFields};
use adit_core::chain::{
    BlockSource, Chain, ChainError, Connected, SIDE_BLOCKS_LIMIT, SIDE_DEPTH_LIMIT,
};
use adit_core::hash::Hash;
use adit_core::reorganisation::{BlockPlace, Reorganisation, Tip, fork_between};
use adit_core::rules::{Classic, Rules, Weight};
use adit_core::sealed::Account;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{
    Dice, Workless, block_with_proof, classic_chain, first_block, line_after, next_block,
    repeatable,
};

/// A chain, and the archive that it is promised.
struct Tree {
    chain: Chain,
    archive: MemoryArchive,
}

impl Tree {
    fn new(rules: impl Rules + 'static) -> Tree {
        let archive = MemoryArchive::default();
        let chain = Chain::open(Arc::new(rules), 0, &archive).unwrap();
        Tree { chain, archive }
    }

    /// A tree of one line.
    fn of(blocks: &[Arc<Block>]) -> Tree {
        let mut tree = Tree::new(Workless);
        for block in blocks {
            assert!(matches!(tree.add(block), Ok(Some(_))));
        }
        tree
    }

    fn add(&mut self, block: &Arc<Block>) -> Result<Option<MainChange>, ChainError> {
        self.add_as(block, BlockSource::Single)
    }

    fn add_as(
        &mut self,
        block: &Arc<Block>,
        source: BlockSource,
    ) -> Result<Option<MainChange>, ChainError> {
        let now = Duration::from_secs(1_700_000_000);
        let block = Arc::clone(block);
        let connected = self.chain.insert(now, block, source, &self.archive)?;
        let Some(Connected {
            block, entry, main, ..
        }) = connected
        else {
            return Ok(None);
        };
        self.archive.apply(&Change::Block {
            block,
            entry,
            main,
            accounts: Vec::new(),
        });
        Ok(Some(main))
    }
}

/// All blocks in a map; the main chain is the longest line of parents, of
/// several the one whose end was seen first.
#[derive(Default)]
struct Model {
    parents: BTreeMap<Hash, Option<Hash>>,
    main: Vec<Hash>,
}

impl Model {
    /// What the block does to the main chain; `None` when it is known already.
    fn add(&mut self, block: &Block) -> Result<Option<MainChange>, &'static str> {
        if self.parents.contains_key(&block.hash()) {
            return Ok(None);
        }
        if block
            .parent()
            .is_some_and(|parent| !self.parents.contains_key(&parent))
        {
            return Err("orphan");
        }
        self.parents.insert(block.hash(), block.parent());
        let line = self.line_to(block.hash());
        if line.len() <= self.main.len() {
            return Ok(Some(MainChange::Side));
        }
        let both = line.iter().zip(&self.main);
        let fork = both.take_while(|(new, old)| new == old).count();
        let extends = fork == self.main.len();
        self.main = line;
        Ok(Some(match extends {
            true => MainChange::Extend,
            false => MainChange::Reorganise { fork: fork as u64 },
        }))
    }

    fn line_to(&self, tip: Hash) -> Vec<Hash> {
        let line = std::iter::successors(Some(tip), |hash| self.parents[hash]);
        let mut line: Vec<_> = line.collect();
        line.reverse();
        line
    }
}

fn tip_of(chain: &Chain) -> Option<Tip> {
    chain.tip().map(|tip| Tip {
        block: BlockPlace {
            height: tip.height(),
            hash: tip.hash(),
        },
        total_weight: chain.total_weight(),
    })
}

/// A random tree, and the order in which its blocks come: some too early, so
/// that their parents are not known, some twice.
fn blocks_in_order_of_arrival(size: usize, seed: u64) -> Vec<Arc<Block>> {
    let mut dice = Dice(seed);
    let mut blocks = vec![first_block(1)];
    for salt in 2..=size as u64 {
        let recent = blocks.len().min(6) as u64;
        let parent = &blocks[blocks.len() - 1 - dice.below(recent) as usize];
        let block = match dice.below(12) {
            0 => first_block(salt),
            _ => next_block(parent, salt, &[]),
        };
        blocks.push(block);
    }
    let mut order: Vec<_> = (0..size).chain(0..size).collect();
    // Mostly in order: a block may change places with one a little later, or be
    // left out the first time.
    for at in 0..order.len() {
        let other = (at + dice.below(8) as usize).min(order.len() - 1);
        order.swap(at, other);
    }
    order.iter().map(|at| Arc::clone(&blocks[*at])).collect()
}

proptest! {
    #![proptest_config(repeatable(400))]

    #[test]
    fn the_main_chain_is_the_models(size in 1..60usize, seed in any::<u64>()) {
        let (mut tree, mut model) = (Tree::new(Workless), Model::default());
        for (number, block) in blocks_in_order_of_arrival(size, seed).iter().enumerate() {
            let source = [BlockSource::Single, BlockSource::InBranch][number % 2];
            let found = tree.add_as(block, source);
            match (&found, model.add(block)) {
                (Ok(found), Ok(expected)) => prop_assert_eq!(*found, expected),
                (Err(ChainError::Orphan { height: index, parent }), Err("orphan")) => {
                    prop_assert_eq!((*index, *parent), (block.height(), block.parent()));
                }
                (found, expected) => {
                    let what = format!("seed {seed}: {found:?} instead of {expected:?}");
                    return Err(TestCaseError::fail(what));
                }
            }
            let main: Vec<_> = tree.archive.main().map(Block::hash).collect();
            prop_assert_eq!(&main, &model.main);
            prop_assert_eq!(tree.chain.length(), model.main.len() as u64);
            let tip = tree.chain.tip().map(|tip| tip.hash());
            prop_assert_eq!(tip, model.main.last().copied());
            let weight = tree.chain.total_weight();
            prop_assert_eq!(weight, Weight::from(model.main.len()));
        }
    }

    #[test]
    fn between_two_tips_lies_the_reorganisation_that_the_model_sees(
        size in 1..60usize, seed in any::<u64>(), pause in 1..6usize,
    ) {
        let (mut tree, mut model) = (Tree::new(Workless), Model::default());
        let mut shown: Option<(Tip, Vec<Hash>)> = None;
        for (number, block) in blocks_in_order_of_arrival(size, seed).iter().enumerate() {
            let _ = model.add(block);
            let _ = tree.add_as(block, BlockSource::InBranch);
            let Some(new_tip) = tip_of(&tree.chain).filter(|_| number % pause == 0) else {
                continue;
            };
            let Some((old_tip, line)) = shown.replace((new_tip, model.main.clone())) else {
                continue;
            };
            let both = line.iter().zip(&model.main).take_while(|(old, new)| old == new);
            let both = both.count();
            let fork = both.checked_sub(1).map(|at| BlockPlace {
                height: both as u64,
                hash: line[at],
            });
            let expected = (both < line.len()).then_some(Reorganisation {
                time_ms: 7,
                fork,
                old_tip,
                new_tip,
            });
            let found = Reorganisation::between(old_tip, new_tip, 7, &tree.archive).unwrap();
            prop_assert_eq!(found, expected, "seed {}", seed);
            // It does not matter which of them the archive has in its main chain.
            let found = fork_between(new_tip.block, old_tip.block, &tree.archive).unwrap();
            prop_assert_eq!(found, fork, "seed {}", seed);
        }
    }

    #[test]
    fn a_tree_opened_again_goes_on_as_the_one_that_was_not(
        size in 1..40usize, seed in any::<u64>(), salts in vec(any::<u32>(), 1..6),
    ) {
        let (mut tree, mut model) = (Tree::new(Workless), Model::default());
        let blocks = blocks_in_order_of_arrival(size, seed);
        for (number, block) in blocks.iter().enumerate() {
            let _ = model.add(block);
            let _ = tree.add_as(block, BlockSource::InBranch);
            if salts.contains(&(number as u32 % 7)) || number % 5 == 0 {
                let length = tree.chain.length();
                tree.chain = Chain::open(Arc::new(Workless), length, &tree.archive).unwrap();
            }
        }
        let main: Vec<_> = tree.archive.main().map(Block::hash).collect();
        prop_assert_eq!(main, model.main);
    }
}

#[test]
fn an_empty_tree_has_no_tip_and_weighs_nothing() {
    let tree = Tree::new(Classic::Published);
    assert!(tree.chain.tip().is_none());
    assert_eq!(tree.chain.length(), 0);
    assert_eq!(tree.chain.total_weight(), Weight::ZERO);
}

#[test]
fn the_first_seen_of_two_equal_branches_stays() {
    let first = first_block(1);
    let (seen, late) = (next_block(&first, 2, &[]), next_block(&first, 3, &[]));
    let mut tree = Tree::of(&[first, Arc::clone(&seen)]);
    assert_eq!(tree.add(&late).unwrap(), Some(MainChange::Side));
    assert_eq!(tree.chain.tip(), Some(&seen));
    let heavier = next_block(&late, 4, &[]);
    let switched = Some(MainChange::Reorganise { fork: 1 });
    assert_eq!(tree.add(&heavier).unwrap(), switched);
    assert_eq!(tree.chain.tip(), Some(&heavier));
}

#[test]
fn a_reorganisation_names_the_last_common_block() {
    let first = first_block(1);
    let ours = line_after(&first, 6, 10);
    let mut blocks = vec![first];
    blocks.extend(ours.iter().cloned());
    for (fork, parent) in (1..7).zip(&blocks) {
        let mut tree = Tree::of(&blocks);
        let branch = line_after(parent, 8 - fork, 20);
        let (last, side) = branch.split_last().unwrap();
        for block in side {
            assert_eq!(tree.add(block).unwrap(), Some(MainChange::Side));
        }
        let switched = Some(MainChange::Reorganise { fork });
        assert_eq!(tree.add(last).unwrap(), switched);
    }
    let mut tree = Tree::of(&blocks);
    let mut foreign = vec![first_block(9)];
    foreign.extend(line_after(&foreign[0], 7, 30));
    let changes: Vec<_> = foreign
        .iter()
        .map(|block| tree.add(block).unwrap())
        .collect();
    let switched = Some(MainChange::Reorganise { fork: 0 });
    assert_eq!(changes[6..], [Some(MainChange::Side), switched]);
}

#[test]
fn a_block_is_checked_where_it_stands() {
    let mut tree = Tree::new(Classic::Published);
    let chain = classic_chain(3, 7);
    assert!(tree.add(&chain[0]).is_ok());
    let wrong = block_with_proof(&chain[0], 35_294, 7, &[]);
    let refused = tree.add(&wrong).unwrap_err().to_string();
    assert_eq!(refused, "block 2: proof 35294 does not solve the puzzle");
    let orphan = tree.add(&chain[2]).unwrap_err().to_string();
    let parent = chain[1].hash();
    let expected = format!("block 3 stands on an unknown block {parent}");
    assert_eq!(orphan, expected);
    assert!(tree.add(&chain[1]).is_ok());
    assert!(tree.add(&chain[2]).is_ok());
    let text = r#"{"index": 9, "previous_hash": 7, "proof": 1, "transactions": []}"#;
    let nowhere = Arc::new(Workless.read(text.as_bytes()).unwrap());
    let orphan = tree.add(&nowhere).unwrap_err().to_string();
    assert_eq!(orphan, "block 9 stands on an unknown block");
}

/// A line of `SIDE_DEPTH_LIMIT` + 2 blocks.
fn long_line() -> Vec<Arc<Block>> {
    let mut line = vec![first_block(1)];
    line.extend(line_after(&line[0], SIDE_DEPTH_LIMIT + 1, 1_000));
    line
}

#[test]
fn a_single_side_block_may_not_lie_too_deep() {
    let line = long_line();
    let mut tree = Tree::of(&line);
    let sibling = |of: usize| next_block(&line[of - 2], 7, &[]);
    let lowest = tree.add(&sibling(2)).unwrap();
    assert_eq!(lowest, Some(MainChange::Side));
    let error = tree.add(&first_block(7)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "block 1 stands on a side branch more than 1000 blocks below the tip (1002); \
         such blocks are taken only as part of a heavier chain"
    );
    // A branch that is known to be heavier as a whole may fork anywhere.
    let in_branch = tree.add_as(&first_block(7), BlockSource::InBranch).unwrap();
    assert_eq!(in_branch, Some(MainChange::Side));
}

#[test]
fn there_are_not_too_many_single_side_blocks_near_the_tip() {
    let line = long_line();
    let mut tree = Tree::of(&line[..1]);
    for salt in 0..SIDE_BLOCKS_LIMIT as u64 {
        let side = tree.add(&first_block(10 + salt)).unwrap();
        assert_eq!(side, Some(MainChange::Side));
    }
    let one_more = first_block(9);
    let error = tree.add(&one_more).unwrap_err();
    assert_eq!(
        error.to_string(),
        "more than 4096 blocks on side branches; \
         further ones are taken only as part of a heavier chain"
    );
    let in_branch = tree.add_as(&one_more, BlockSource::InBranch).unwrap();
    assert_eq!(in_branch, Some(MainChange::Side));
    // The main chain grows, and leaves them too far behind to count.
    for block in &line[1..] {
        assert_eq!(tree.add(block).unwrap(), Some(MainChange::Extend));
    }
    let sibling = next_block(&line[line.len() - 2], 7, &[]);
    assert_eq!(tree.add(&sibling).unwrap(), Some(MainChange::Side));
}

#[test]
fn a_branch_beyond_the_limits_of_single_blocks_wins_as_a_whole() {
    let mut line = vec![first_block(1)];
    line.extend(line_after(&line[0], 6, 1_000));
    let mut tree = Tree::of(&line);
    tree.chain.limit_side_blocks(2, 1);
    let branch = line_after(&line[0], 7, 2_000);
    // Too deep, and then an orphan; nothing is remembered of either.
    for _ in 0..2 {
        for (block, rule) in branch.iter().zip(["too-deep", "orphan"]) {
            assert_eq!(tree.add(block).unwrap_err().rule(), rule);
            assert!(tree.chain.known_invalid(&block.hash()).is_none());
            assert_eq!(tree.archive.entry(&block.hash()).unwrap(), None);
        }
    }
    // Too many, nearer to the tip.
    let near = [7, 8].map(|salt| next_block(&line[5], salt, &[]));
    assert_eq!(tree.add(&near[0]).unwrap(), Some(MainChange::Side));
    assert_eq!(tree.add(&near[1]).unwrap_err().rule(), "side-blocks");
    assert!(tree.chain.known_invalid(&near[1].hash()).is_none());
    // As a whole the branch is taken, and wins with its last block.
    let (last, before) = branch.split_last().unwrap();
    for block in before {
        let side = tree.add_as(block, BlockSource::InBranch).unwrap();
        assert_eq!(side, Some(MainChange::Side));
    }
    let won = tree.add_as(last, BlockSource::InBranch).unwrap();
    assert_eq!(won, Some(MainChange::Reorganise { fork: 1 }));
    // So does what was refused before, once it makes something heavier.
    let mut other = vec![Arc::clone(&near[1])];
    other.extend(line_after(&near[1], 2, 3_000));
    for block in &other {
        tree.add_as(block, BlockSource::InBranch).unwrap();
    }
    assert_eq!(tree.chain.tip(), other.last());
}

#[test]
#[should_panic(expected = "a chain makes one change, and then the archive shows it")]
fn a_second_change_before_the_archive_shows_the_first_is_no_way_to_go_on() {
    let first = first_block(1);
    let mut tree = Tree::of(std::slice::from_ref(&first));
    let now = Duration::from_secs(1_700_000_000);
    for block in [next_block(&first, 2, &[]), next_block(&first, 3, &[])] {
        let _ = tree
            .chain
            .insert(now, block, BlockSource::Single, &tree.archive);
    }
}

/// How often it was asked for the main chain's block at an index.
struct Asked<'a>(&'a MemoryArchive, Cell<usize>);

impl Archive for Asked<'_> {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        self.0.entry(hash)
    }

    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError> {
        self.1.set(self.1.get() + 1);
        self.0.main_hash(index)
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        self.0.header(hash)
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
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

#[test]
fn to_see_that_the_archive_shows_the_tip_takes_two_look_ups_on_a_chain_of_any_length() {
    let line = long_line();
    for length in [1, 10, 1_000] {
        let mut tree = Tree::of(&line[..length]);
        let asked = Asked(&tree.archive, Cell::default());
        let now = Duration::from_secs(1_700_000_000);
        let next = Arc::clone(&line[length]);
        let connected = tree.chain.insert(now, next, BlockSource::Single, &asked);
        assert!(connected.unwrap().is_some());
        assert_eq!(asked.1.get(), 2);
    }
}

//! The tree of sealed blocks and the accounts at its tip: what every branch
//! does to them, forward and back, against a naive replay from the genesis
//! block.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{Archive, Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, Chain, ChainError};
use adit_core::hash::Hash;
use adit_core::rules::{Rules, Sealed, Weight, work};
use adit_core::sealed::Params;
use proptest::prelude::*;

use crate::sealed_world::{Accounts, Key, block_after, easy_params, key, payment_of, replay};
use crate::world::{Dice, repeatable};

/// A chain with its archive, and everything that should be known of each block.
struct Forest {
    rules: Arc<Sealed>,
    chain: Chain,
    archive: MemoryArchive,
    keys: Vec<Key>,
    blocks: Vec<Arc<Block>>,
    accounts: BTreeMap<Hash, Accounts>,
    weights: BTreeMap<Hash, Weight>,
    /// The heaviest block, the first seen of several.
    best: Arc<Block>,
}

impl Forest {
    fn new() -> Forest {
        let keys: Vec<Key> = (0..5).map(key).collect();
        let funds = [(&keys[0], 1_000_000), (&keys[1], 500)];
        Forest::with_params(easy_params(&funds))
    }

    fn with_params(params: Params) -> Forest {
        let rules = Sealed::with_params(params, Duration::from_secs(1)).unwrap();
        let (rules, archive) = (Arc::new(rules), MemoryArchive::default());
        let genesis = Arc::new(rules.genesis(Duration::ZERO));
        let mut forest = Forest {
            chain: Chain::open(rules.clone(), 0, &archive).unwrap(),
            archive,
            keys: (0..5).map(key).collect(),
            blocks: Vec::new(),
            accounts: BTreeMap::new(),
            weights: BTreeMap::new(),
            best: Arc::clone(&genesis),
            rules,
        };
        let placed = forest.add(&genesis).unwrap();
        assert_eq!(placed, Some(MainChange::Extend));
        forest
    }

    fn parent(&self, block: &Block) -> Option<&Block> {
        let parent = block.parent()?;
        let found = self.blocks.iter().find(|block| block.hash() == parent);
        found.map(|block| &**block)
    }

    /// A block `wait_ms` after `parent`, valid or not.
    fn make(&self, parent: &Block, wait_ms: u64, miner: usize, texts: &[Vec<u8>]) -> Arc<Block> {
        let reward_to = self.keys[miner].address;
        let grandparent = self.parent(parent);
        block_after(&self.rules, parent, grandparent, wait_ms, reward_to, texts)
    }

    fn replay(&self, block: &Block) -> Result<Accounts, &'static str> {
        let before = match block.parent() {
            Some(parent) => self.accounts.get(&parent).ok_or("orphan")?.clone(),
            None => Accounts::new(),
        };
        replay(self.rules.params(), before, block)
    }

    fn add(&mut self, block: &Arc<Block>) -> Result<Option<MainChange>, ChainError> {
        self.add_as(block, BlockSource::InBranch)
    }

    /// Takes a block in if it is valid, and compares everything.
    fn add_as(
        &mut self,
        block: &Arc<Block>,
        source: BlockSource,
    ) -> Result<Option<MainChange>, ChainError> {
        let now = Duration::from_secs(1_000_000_000);
        let inserted = self
            .chain
            .insert(now, Arc::clone(block), source, &self.archive);
        let Some(placed) = inserted.inspect_err(|_| self.check())? else {
            self.check();
            return Ok(None);
        };
        let nobody = Accounts::new();
        let before = block
            .parent()
            .map_or(&nobody, |parent| &self.accounts[&parent]);
        let at = |accounts: &Accounts, owner| accounts.get(owner).copied().unwrap_or_default();
        let old_best = (!block.is_genesis()).then(|| Arc::clone(&self.best));
        let after = self.replay(block).expect("a block that was taken is valid");
        for change in &placed.changes {
            assert_eq!(change.before, at(before, &change.address));
            assert_eq!(change.after, at(&after, &change.address));
            assert_ne!(change.before, change.after);
        }
        let changed = |owner: &Address| placed.changes.iter().any(|one| one.address == *owner);
        let same = after.iter().filter(|(owner, _)| !changed(owner));
        same.for_each(|(owner, account)| assert_eq!(at(before, owner), *account));

        let weight_before = block
            .parent()
            .map_or(Weight::ZERO, |parent| self.weights[&parent]);
        let weight = weight_before + work(block.sealed().unwrap().header.target);
        assert_eq!(placed.entry.total_weight, weight);
        let is_best = old_best.is_none_or(|best| weight > self.weights[&best.hash()]);
        assert_eq!(placed.main != MainChange::Side, is_best);
        if is_best {
            self.best = Arc::clone(block);
        }
        self.blocks.push(Arc::clone(block));
        self.accounts.insert(block.hash(), after);
        self.weights.insert(block.hash(), weight);
        self.archive.apply(&Change::Block {
            block: Arc::clone(block),
            entry: placed.entry,
            main: placed.main,
            accounts: placed.changes,
        });
        self.check();
        Ok(Some(placed.main))
    }

    /// The main chain ends with the heaviest block, and all accounts, at every
    /// block, are as a replay from the genesis block leaves them.
    fn check(&self) {
        let Some(tip) = self.chain.tip() else { return };
        assert_eq!(*tip, self.best);
        assert_eq!(self.archive.main().last(), Some(&**tip));
        let accounts = &self.accounts[&tip.hash()];
        for owner in self
            .keys
            .iter()
            .map(|key| key.address)
            .chain(accounts.keys().copied())
        {
            let expected = accounts.get(&owner).copied().unwrap_or_default();
            assert_eq!(self.archive.account(&owner).unwrap(), expected);
        }
        for block in &self.blocks {
            let accounts = self.archive.accounts_at(&block.hash()).unwrap();
            for owner in self.keys.iter().map(|key| key.address) {
                let expected = self.accounts[&block.hash()].get(&owner);
                let found = accounts.account(&owner).unwrap();
                assert_eq!(found, expected.copied().unwrap_or_default());
            }
        }
        let issued = self.rules.issued(tip.height());
        assert_eq!(self.archive.sum_of_balances(), issued);
    }

    /// Payments that are valid after `parent`; the last one is not, if so
    /// wanted.
    fn payments(&self, parent: &Block, dice: &mut Dice, wrong: bool) -> Vec<Vec<u8>> {
        let mut accounts = self.accounts[&parent.hash()].clone();
        let mut texts = Vec::new();
        for left in (0..1 + dice.below(3)).rev() {
            let [from, to] = [0, 1].map(|_| dice.below(5) as usize);
            let (from, to) = (&self.keys[from], &self.keys[to]);
            let account = accounts.entry(from.address).or_default();
            let mut amount = dice.below(account.balance + 1);
            let fee = dice.below(account.balance - amount + 1);
            let mut nonce = account.nonce;
            if wrong && left == 0 {
                match dice.below(3) {
                    0 => nonce += 1,
                    1 if nonce > 0 => nonce -= 1,
                    _ => amount = account.balance - fee + 1,
                }
            } else {
                account.nonce += 1;
                account.balance -= amount + fee;
                accounts.entry(to.address).or_default().balance += amount;
            }
            texts.push(payment_of(&self.rules, from, to, nonce, amount, fee));
        }
        texts
    }
}

/// A random tree: mostly on the best block or the newest one, sometimes
/// anywhere; some blocks are invalid, some come twice.
fn grow(seed: u64, params: Params, waits_ms: [u64; 3]) -> [usize; 4] {
    let mut dice = Dice(seed);
    let mut forest = Forest::with_params(params);
    let (mut reorganised, mut side, mut refused, mut again) = (0, 0, 0, 0);
    for _ in 0..40 {
        let count = forest.blocks.len() as u64;
        let parent = match dice.below(5) {
            0 => Arc::clone(&forest.best),
            1 | 2 => Arc::clone(forest.blocks.last().unwrap()),
            3 => Arc::clone(&forest.blocks[count.saturating_sub(1 + dice.below(6)) as usize]),
            _ => Arc::clone(&forest.blocks[dice.below(count) as usize]),
        };
        let wrong = dice.below(5) == 0;
        let texts = match wrong || dice.below(3) > 0 {
            true => forest.payments(&parent, &mut dice, wrong),
            false => Vec::new(),
        };
        let (wait_ms, miner) = (waits_ms[dice.below(3) as usize], dice.below(5) as usize);
        let block = forest.make(&parent, wait_ms + dice.below(5), miner, &texts);
        let source = match dice.below(2) {
            0 => BlockSource::Single,
            _ => BlockSource::InBranch,
        };
        match (forest.add_as(&block, source), forest.replay(&block)) {
            (Err(ChainError::Invalid(_)), Err(_)) => refused += 1,
            (Ok(Some(MainChange::Reorganise { .. })), Ok(_)) => reorganised += 1,
            (Ok(Some(MainChange::Side)), Ok(_)) => side += 1,
            (Ok(Some(MainChange::Extend)), Ok(_)) => {}
            (Ok(None), Ok(_)) => again += 1,
            (found, expected) => panic!("seed {seed}: {found:?}, expected {:?}", expected.err()),
        }
        if dice.below(6) == 0 {
            let known = &forest.blocks[dice.below(forest.blocks.len() as u64) as usize];
            let known = Arc::clone(known);
            assert!(forest.add(&known).unwrap().is_none(), "seed {seed}");
            again += 1;
        }
    }
    [reorganised, side, refused, again]
}

fn funded(params: Params) -> Params {
    let keys: Vec<Key> = (0..2).map(key).collect();
    let funds = [(&keys[0], 1_000_000), (&keys[1], 500)];
    Params {
        allocations: easy_params(&funds).allocations,
        ..params
    }
}

#[test]
fn random_trees_end_as_a_replay_of_their_heaviest_branch_does() {
    let mut sums = [0; 4];
    for seed in 0..60 {
        let counts = grow(seed, funded(easy_params(&[])), [10_000; 3]);
        sums = [0, 1, 2, 3].map(|at| sums[at] + counts[at]);
    }
    assert!(
        sums.iter().all(|sum| *sum > 80),
        "{sums:?}: nothing was shown"
    );
}

/// The faster the blocks, the more each one weighs.
fn lively_params() -> Params {
    Params {
        half_life_ms: 20_000,
        ..funded(easy_params(&[]))
    }
}

#[test]
fn with_targets_that_differ_the_work_decides_and_not_the_length() {
    let mut sums = [0; 4];
    for seed in 0..60 {
        let counts = grow(seed, lively_params(), [1, 9_000, 30_000]);
        sums = [0, 1, 2, 3].map(|at| sums[at] + counts[at]);
    }
    assert!(
        sums.iter().all(|sum| *sum > 50),
        "{sums:?}: nothing was shown"
    );

    let mut forest = Forest::with_params(lively_params());
    let genesis = Arc::clone(&forest.best);
    let mut slow = Arc::clone(&genesis);
    for _ in 0..8 {
        slow = forest.make(&slow, 20_000, 0, &[]);
        forest.add(&slow).unwrap();
    }
    let mut fast = genesis;
    for _ in 0..7 {
        fast = forest.make(&fast, 1, 1, &[]);
        forest.add(&fast).unwrap();
    }
    assert_eq!(forest.best, fast);
    assert_eq!(forest.chain.length(), 8, "shorter than it was");
    forest.check();
}

#[test]
fn branches_overtake_one_another_from_depth_1_to_100() {
    let mut forest = Forest::new();
    let genesis = Arc::clone(&forest.best);
    let mut tips = [Arc::clone(&genesis), genesis];
    let mut dice = Dice(7);
    let mut depths = Vec::new();
    for (round, length) in [1, 2, 3, 5, 8, 30, 60, 100].into_iter().enumerate() {
        for step in 0.. {
            let tip = Arc::clone(&tips[round % 2]);
            if tip.height() > length {
                break;
            }
            let texts = match step % 16 {
                0 => forest.payments(&tip, &mut dice, false),
                _ => Vec::new(),
            };
            let block = forest.make(&tip, 1 + round as u64, round % 5, &texts);
            let main = forest.add(&block).unwrap().unwrap();
            if let MainChange::Reorganise { fork } = main {
                assert_eq!(fork, 1, "they fork at the genesis block");
                depths.push(block.height() - 1 - fork);
            }
            tips[round % 2] = block;
        }
    }
    assert_eq!(depths, [1, 2, 3, 5, 8, 30, 60]);
}

#[test]
fn of_two_with_the_same_work_the_first_seen_stays() {
    let mut forest = Forest::new();
    let genesis = Arc::clone(&forest.best);
    let [first, second] = [1, 2].map(|miner| forest.make(&genesis, 10, miner, &[]));
    assert_eq!(forest.add(&first).unwrap(), Some(MainChange::Extend));
    assert_eq!(forest.add(&second).unwrap(), Some(MainChange::Side));
    let next = forest.make(&second, 10, 2, &[]);
    let main = forest.add(&next).unwrap();
    assert_eq!(main, Some(MainChange::Reorganise { fork: 1 }));
    let next = forest.make(&first, 10, 1, &[]);
    assert_eq!(forest.add(&next).unwrap(), Some(MainChange::Side));
}

/// Ways to spend what one does not have.
fn bad_payments(forest: &Forest, spent: &[u8]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let [rich, poor, other] = [0, 1, 2].map(|at| &forest.keys[at]);
    let pay = |from, nonce, amount, fee| payment_of(&forest.rules, from, other, nonce, amount, fee);
    vec![
        ("nonce", vec![spent.to_vec()]),
        ("nonce", vec![pay(rich, 1, 5, 1), pay(rich, 1, 5, 1)]),
        ("nonce", vec![pay(rich, 2, 5, 1)]),
        ("balance", vec![pay(poor, 0, 500, 1)]),
        ("balance", vec![pay(poor, 0, 250, 0), pay(poor, 1, 250, 1)]),
        ("balance", vec![pay(&forest.keys[4], 0, 1, 0)]),
    ]
}

#[test]
fn an_invalid_block_deep_in_a_heavier_branch_is_refused_and_nothing_changes() {
    let count = bad_payments(&Forest::new(), b"").len();
    for case in 0..count {
        let mut forest = Forest::new();
        let genesis = Arc::clone(&forest.best);
        let pay = |forest: &Forest, amount| {
            let [from, to] = [0, 3].map(|at| &forest.keys[at]);
            payment_of(&forest.rules, from, to, 0, amount, 2)
        };
        let mut main = Arc::clone(&genesis);
        for number in 0..6 {
            let texts = [pay(&forest, 10)];
            let texts = if number == 1 { &texts[..] } else { &[] };
            main = forest.make(&main, 10, 0, texts);
            forest.add(&main).unwrap();
        }
        let spent = pay(&forest, 20);
        let mut side = forest.make(&genesis, 11, 3, std::slice::from_ref(&spent));
        forest.add(&side).unwrap();
        for _ in 0..3 {
            side = forest.make(&side, 11, 3, &[]);
            forest.add(&side).unwrap();
        }
        let (rule, texts) = bad_payments(&forest, &spent).swap_remove(case);
        let bad = forest.make(&side, 11, 3, &texts);
        let accounts = forest.archive.sum_of_balances();
        for _ in 0..2 {
            let error = forest.add(&bad).unwrap_err();
            let ChainError::Invalid(error) = error else {
                panic!("case {case}: {error:?}");
            };
            assert_eq!(error.rule(), rule, "case {case}: {error}");
        }
        let orphan = forest.make(&bad, 11, 3, &[]);
        let error = forest.add(&orphan).unwrap_err();
        assert!(
            matches!(error, ChainError::Orphan { .. }),
            "case {case}: {error:?}"
        );
        assert_eq!(
            (forest.best.hash(), forest.archive.sum_of_balances()),
            (main.hash(), accounts)
        );
        // Both branches go on from there as if nothing had been.
        for _ in 0..3 {
            side = forest.make(&side, 12, 3, &[]);
            forest.add(&side).unwrap();
        }
        assert_eq!(forest.best, side);
        main = forest.make(&main, 12, 3, &[]);
        forest.add(&main).unwrap();
        main = forest.make(&main, 12, 3, &[]);
        forest.add(&main).unwrap();
        assert_eq!(forest.best, main);
    }
}

#[test]
fn a_signature_is_checked_on_a_side_branch_too() {
    let mut forest = Forest::new();
    let genesis = Arc::clone(&forest.best);
    let main = forest.make(&genesis, 10, 0, &[]);
    forest.add(&main).unwrap();
    let mut text = payment_of(&forest.rules, &forest.keys[0], &forest.keys[1], 0, 5, 1);
    let digit = text.len() - 10;
    text[digit] = if text[digit] == b'0' { b'1' } else { b'0' };
    let side = forest.make(&genesis, 11, 1, &[text]);
    let error = forest.add(&side).unwrap_err();
    assert!(
        matches!(&error, ChainError::Invalid(error) if error.rule() == "signature"),
        "{error}"
    );
    assert!(!side.are_signatures_checked());
}

#[test]
fn a_branch_of_as_much_work_a_block_comes_one_by_one_whatever_the_limits() {
    for source in [BlockSource::Single, BlockSource::Submitted] {
        let mut forest = Forest::new();
        forest.chain.limit_side_blocks(2, 1);
        let genesis = Arc::clone(&forest.best);
        let (mut main, mut side) = (Arc::clone(&genesis), genesis);
        for _ in 0..6 {
            main = forest.make(&main, 10, 0, &[]);
            forest.add(&main).unwrap();
        }
        for number in 0..7 {
            side = forest.make(&side, 11, 1, &[]);
            let placed = forest.add_as(&side, source).unwrap();
            let wins = placed == Some(MainChange::Reorganise { fork: 1 });
            assert_eq!(wins, number == 6);
        }
        assert_eq!(forest.best, side);
    }
}

/// The main chain's blocks are fast and take more work each.
#[test]
fn a_branch_of_cheap_blocks_beyond_the_limits_wins_as_a_whole() {
    let mut forest = Forest::with_params(lively_params());
    forest.chain.limit_side_blocks(2, 1);
    let genesis = Arc::clone(&forest.best);
    let mut line = vec![Arc::clone(&genesis)];
    for _ in 0..6 {
        let next = forest.make(line.last().unwrap(), 1, 0, &[]);
        forest.add(&next).unwrap();
        line.push(next);
    }
    let main = &line[6];
    let mut branch = vec![forest.make(&genesis, 20_000, 1, &[])];
    let weight = |block: &Block| work(block.sealed().unwrap().header.target);
    assert!(weight(&branch[0]) < weight(main));
    let second = forest.make(&branch[0], 20_000, 1, &[]);
    let ways = [
        (BlockSource::Single, "too-deep"),
        (BlockSource::Submitted, "not-heavier"),
    ];
    for (source, rule) in ways {
        for (block, rule) in [(&branch[0], rule), (&second, "orphan")] {
            let error = forest.add_as(block, source).unwrap_err();
            assert_eq!(error.rule(), rule);
            assert!(forest.chain.known_invalid(&block.hash()).is_none());
        }
    }
    // Nearer to the tip there is room for one.
    for miner in [1, 2] {
        let near = forest.make(&line[4], 10, miner, &[]);
        assert!(weight(&near) < weight(main));
        let placed = forest.add_as(&near, BlockSource::Single);
        match miner {
            1 => assert_eq!(placed.unwrap(), Some(MainChange::Side)),
            _ => assert_eq!(placed.unwrap_err().rule(), "side-blocks"),
        }
    }
    while forest.best != branch[branch.len() - 1] {
        assert!(branch.len() < 200, "it gets heavier with each block");
        forest.add(&branch[branch.len() - 1]).unwrap();
        if forest.best != branch[branch.len() - 1] {
            let next = forest.make(&branch[branch.len() - 1], 20_000, 1, &[]);
            branch.push(next);
        }
    }
    forest.check();
}

#[test]
fn a_chain_that_is_opened_anew_goes_on_where_it_stood() {
    let mut forest = Forest::new();
    let mut dice = Dice(3);
    for number in 0..30 {
        let parent = match number % 4 {
            0 => Arc::clone(&forest.blocks[number / 2]),
            _ => Arc::clone(forest.blocks.last().unwrap()),
        };
        let texts = forest.payments(&parent, &mut dice, false);
        let block = forest.make(&parent, 10, number % 5, &texts);
        forest.add(&block).unwrap();
        let length = forest.chain.length();
        forest.chain = Chain::open(forest.rules.clone(), length, &forest.archive).unwrap();
    }
}

#[test]
fn a_rewound_chain_takes_the_same_blocks_again() {
    let mut forest = Forest::new();
    let genesis = Arc::clone(&forest.best);
    let mut line = vec![Arc::clone(&genesis)];
    for number in 0..4 {
        let block = forest.make(&line[number], 10, number, &[]);
        forest.add(&block).unwrap();
        line.push(block);
    }
    let side = forest.make(&line[1], 11, 4, &[]);
    forest.add(&side).unwrap();
    forest.chain.rewind(&forest.archive).unwrap();
    forest.archive.apply(&Change::Rewind);
    forest.best = genesis;
    forest.blocks.truncate(1);
    forest.check();
    let error = forest.add(&line[2]).unwrap_err();
    assert!(
        matches!(error, ChainError::Orphan { .. }),
        "all are forgotten: {error}"
    );
    for block in &line[1..] {
        assert_eq!(forest.add(block).unwrap(), Some(MainChange::Extend));
    }
}

proptest! {
    #![proptest_config(repeatable(60))]

    /// Both ways to come by the accounts of a branch, kept at hand or read
    /// again, lead to the same: a branch that comes whole, and one that comes
    /// between the blocks of two others.
    #[test]
    fn branches_may_come_interleaved(order in proptest::collection::vec(0..3usize, 1..40)) {
        let mut forest = Forest::new();
        let genesis = Arc::clone(&forest.best);
        let mut tips = [0; 3].map(|_| Arc::clone(&genesis));
        for (number, branch) in order.into_iter().enumerate() {
            let miner = (branch + number) % 5;
            let block = forest.make(&tips[branch], 5 + branch as u64, miner, &[]);
            forest.add(&block).unwrap();
            tips[branch] = block;
        }
    }
}

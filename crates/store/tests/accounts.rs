//! Accounts as each block left them, and where transactions are: the same
//! whether the overlay or the index knows it, on every branch, after every
//! reorganisation. All other modules compare the accounts too; here the
//! histories are made to go everywhere.

use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{Archive, Change, MainChange, MemoryArchive};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, Chain, Connected};
use adit_core::rules::{Context, Rules, Sealed, TemplateContent, Weight};
use adit_core::sealed::Params;
use adit_store::{Durability, Limits, Store, reindex};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::crash::config;
use crate::world::{PEOPLE, SMALL, World, address, chain, child};

/// What a store may live through.
#[derive(Debug, Clone)]
enum Step {
    /// This many blocks, the first one on a block that lies `below` blocks
    /// before the newest.
    Blocks {
        count: usize,
        below: usize,
    },
    Sync,
    Checkpoint,
    /// It ends and starts again, and the index is lost or not.
    Reopen {
        without_index: bool,
    },
    Rewind,
    /// The main chain ends in a block that lies this many before the newest.
    GoTo {
        below: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1usize..14, 0usize..40).prop_map(|(count, below)| Step::Blocks {
            count,
            below: below.saturating_sub(20),
        }),
        2 => Just(Step::Sync),
        1 => Just(Step::Checkpoint),
        1 => any::<bool>().prop_map(|without_index| Step::Reopen { without_index }),
        1 => Just(Step::Rewind),
        2 => (0usize..30).prop_map(|below| Step::GoTo { below }),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (1usize..20, 1usize..200).prop_map(|(overlay_blocks, overlay_accounts)| Limits {
        overlay_blocks,
        overlay_accounts,
        ..SMALL
    })
}

/// Everything is compared after each block.
fn live(limits: Limits, steps: &[Step]) {
    let folder = tempdir().unwrap();
    let open = || World::open_with(folder.path(), Durability::None, limits);
    let mut world = open();
    world.add(&chain(1, 0)[0]);
    let mut rewound = false;
    for (salt, step) in (1_000..).step_by(100).zip(steps) {
        match *step {
            Step::Blocks { count, below } => {
                for number in 0..count {
                    let arrived = &world.tree.arrived;
                    let below = if number == 0 { below } else { 0 };
                    let parent = &arrived[arrived.len().saturating_sub(1 + below)];
                    let block = child(parent, salt + number as u64);
                    world.add(&block);
                    world.check();
                }
            }
            Step::Sync => world.sync(),
            Step::Checkpoint => world.checkpoint(&[]),
            // A store that was set is one that nobody keeps.
            Step::Reopen { .. } if rewound => {}
            Step::Reopen { without_index } => {
                world.sync();
                drop(world);
                if without_index {
                    reindex(folder.path(), "a test").unwrap();
                }
                world = open();
            }
            Step::Rewind => {
                world.rewind();
                rewound = true;
                world.check_snapshot();
            }
            Step::GoTo { below } => {
                let arrived = &world.tree.arrived;
                let tip = Arc::clone(&arrived[arrived.len().saturating_sub(1 + below)]);
                world.go_to(&tip);
                rewound = true;
                world.check_snapshot();
            }
        }
        world.check();
    }
    world.sync();
    world.check_snapshot();
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn a_store_has_the_accounts_of_the_model(
        limits in limits(),
        steps in prop::collection::vec(step(), 1..20),
    ) {
        live(limits, &steps);
    }
}

#[test]
fn the_same_transaction_at_the_same_place_of_two_branches_is_found_on_the_main_one() {
    // The later block must not hide the earlier one, whichever is on the main
    // chain; the comparison is in check_snapshot.
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    let blocks = chain(2, 0);
    world.add_all(&blocks);
    for salt in 0..60 {
        world.add(&child(&blocks[0], 100 + salt));
    }
    world.sync();
    world.check_snapshot();
    for salt in 0..60 {
        let side = &world.tree.arrived[2 + salt as usize];
        world.add(&child(side, 1_000 + salt));
    }
    world.sync();
    world.check_snapshot();
}

/// Grows a chain and returns after how many blocks readers see the first.
fn blocks_until_written(limits: Limits) -> usize {
    let folder = tempdir().unwrap();
    let mut world = World::open_with(folder.path(), Durability::None, limits);
    for (number, block) in chain(200, 0).iter().enumerate() {
        world.add(block);
        world.check();
        let snapshot = world.store.reader().snapshot().unwrap();
        if snapshot.length() > 0 {
            world.check_snapshot();
            return number + 1;
        }
    }
    panic!("nothing was written")
}

#[test]
fn the_overlay_holds_no_more_accounts_and_transactions_than_its_limit() {
    let only_accounts = |overlay_accounts| Limits {
        overlay_accounts,
        ..Limits::default()
    };
    assert_eq!(blocks_until_written(only_accounts(1)), 1);
    let (few, more) = (
        blocks_until_written(only_accounts(30)),
        blocks_until_written(only_accounts(300)),
    );
    assert!((3..20).contains(&few), "{few}");
    assert!((50..200).contains(&more), "{more}");
}

#[test]
fn accounts_go_back_and_forth_with_long_reorganisations() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    let blocks = chain(4, 0);
    world.add_all(&blocks);
    let mut tips = [Arc::clone(&blocks[3]), Arc::clone(&blocks[1])];
    // Each branch overtakes the other again and again, by more than the overlay
    // holds, and the other way round.
    for (round, count) in (0..).zip([30, 30, 5, 9, 40, 3]) {
        let tip = &mut tips[round % 2];
        let length = world.tree.length();
        let mut salt = 10_000 * (round as u64 + 1);
        while tip.height() < length + count {
            *tip = child(tip, salt);
            salt += 1;
            world.add(tip);
            world.check();
        }
        world.sync();
        world.check_snapshot();
    }
}

#[test]
fn after_a_rewind_the_same_blocks_may_come_again() {
    for synced in [false, true] {
        let folder = tempdir().unwrap();
        let mut world = World::open_small(folder.path());
        let blocks = chain(30, 0);
        for _ in 0..3 {
            let new = blocks.iter().skip(world.tree.arrived.len());
            for block in new.collect::<Vec<_>>() {
                world.add(block);
            }
            world.check();
            if synced {
                world.sync();
                world.check_snapshot();
            }
            let held = world.store.reader().snapshot().unwrap();
            let length = held.length();
            world.rewind();
            world.check();
            world.check_snapshot();
            let second = blocks[1].hash();
            assert_eq!(world.store.entry(&second).unwrap(), None);
            assert_eq!(held.length(), length, "a snapshot stays as it is");
        }
    }
}

#[test]
fn the_main_chain_ends_in_any_block_and_goes_on_from_there_or_along_its_old_way() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    let blocks = chain(30, 0);
    world.add_all(&blocks);
    for height in [20, 21, 22, 10, 30, 1, 30, 5] {
        world.go_to(&blocks[height - 1]);
        world.check();
        world.check_snapshot();
    }
    // Another branch from there, as short as it is, and back.
    let mut tip = Arc::clone(&blocks[4]);
    for salt in 0..3 {
        tip = child(&tip, 500 + salt);
        world.add(&tip);
        world.check();
    }
    for block in [&blocks[29], &tip, &blocks[5], &blocks[6]] {
        world.go_to(block);
        world.check();
        world.check_snapshot();
    }
}

#[test]
fn a_rewind_of_nothing_is_nothing() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    world.rewind();
    world.check_snapshot();
}

/// Sealed blocks in a chain over the store.
struct Sealeds {
    rules: Arc<Sealed>,
    chain: Chain,
    store: Store,
    archive: MemoryArchive,
    blocks: Vec<Arc<Block>>,
}

impl Sealeds {
    fn open(rules: Arc<Sealed>, store: Store) -> Sealeds {
        let archive = MemoryArchive::default();
        Sealeds {
            chain: Chain::open(rules.clone(), 0, &archive).unwrap(),
            archive,
            store,
            rules,
            blocks: Vec::new(),
        }
    }

    /// The block of a miner after a block before.
    fn block(&self, parent: usize, miner: u8) -> Arc<Block> {
        let (parent, now) = (
            &self.blocks[parent],
            Duration::from_millis(1 + self.blocks.len() as u64),
        );
        let content = TemplateContent {
            now,
            transactions: Vec::new(),
            reward_to: address(miner).to_string(),
        };
        let grandparent = parent
            .parent()
            .map(|hash| self.archive.text(&hash).unwrap());
        let grandparent = grandparent.map(|text| self.rules.read_canonical(text.unwrap()).unwrap());
        let context = Context {
            parent: parent.header(),
            grandparent: grandparent.as_ref().map(|block| block.header()),
            now,
        };
        Arc::new(self.rules.complete(context, &content, 0))
    }

    /// The core reads the accounts from the store; a second one in memory says
    /// what is right.
    fn add(&mut self, block: &Arc<Block>) {
        let now = Duration::from_millis(1_000_000);
        let inserted =
            self.chain
                .insert(now, Arc::clone(block), BlockSource::InBranch, &self.store);
        let Connected {
            entry,
            main,
            changes,
            ..
        } = inserted.unwrap().unwrap();
        let change = Change::Block {
            block: Arc::clone(block),
            entry,
            main,
            accounts: changes,
        };
        self.store.apply(&change).unwrap();
        self.archive.apply(&change);
        self.blocks.push(Arc::clone(block));
    }

    /// Each miner of a main chain's block owns a reward for each of them.
    fn check(&self) {
        for person in 0..PEOPLE {
            let text = address(person).to_string();
            let blocks = self.archive.main().skip(1);
            let found = blocks.filter(|block| {
                let reward = block.transactions().next().unwrap();
                String::from_utf8_lossy(reward).contains(&text)
            });
            let expected = found.count() as u64 * self.rules.params().reward;
            let owner: Address = address(person);
            assert_eq!(self.store.account(&owner).unwrap().balance, expected);
            assert_eq!(self.archive.account(&owner).unwrap().balance, expected);
        }
        for block in &self.blocks {
            let header = self.store.header(&block.hash()).unwrap();
            assert_eq!(header, Some(*block.header()));
        }
        let length = self.archive.main().count() as u64;
        assert_eq!(self.store.length(), length);
        let issued = self.rules.issued(length);
        assert_eq!(self.archive.sum_of_balances(), issued);
    }
}

fn sealed_rules() -> Arc<Sealed> {
    let defaults = Params::defaults("test");
    let params = Params {
        initial_target: Weight::MAX,
        pow_limit: Weight::MAX,
        block_interval_ms: 1,
        ..defaults
    };
    Arc::new(Sealed::with_params(params, Duration::ZERO).unwrap())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn the_core_over_the_store_pays_every_reward_once(
        limits in limits(),
        steps in prop::collection::vec((0usize..25, 0..PEOPLE, any::<bool>()), 1..80),
    ) {
        let folder = tempdir().unwrap();
        let open = || {
            let opened = Store::open_with_limits(folder.path(), "a test", Durability::None, limits);
            opened.unwrap().store
        };
        let rules = sealed_rules();
        let mut store = open();
        prop_assert_eq!(store.next_unindexed().unwrap(), None);
        let mut sealeds = Sealeds::open(rules.clone(), store);
        sealeds.add(&Arc::new(rules.genesis(Duration::ZERO)));
        for (below, miner, sync) in steps {
            let below = below.saturating_sub(15);
            let parent = sealeds.blocks.len().saturating_sub(1 + below);
            let block = sealeds.block(parent, miner);
            sealeds.add(&block);
            sealeds.check();
            if sync {
                sealeds.store.sync().unwrap();
                sealeds.check();
            }
        }
        // The same once more out of the log alone.
        sealeds.store.sync().unwrap();
        let blocks = sealeds.blocks.clone();
        drop(sealeds);
        reindex(folder.path(), "a test").unwrap();
        let mut again = Sealeds::open(rules.clone(), open());
        let mut count = 0;
        while let Some(next) = again.store.next_unindexed().unwrap() {
            let block = Arc::new(rules.read_canonical(next.text).unwrap());
            prop_assert_eq!(&block, &blocks[count]);
            let now = Duration::MAX;
            let placed = again.chain.insert(now, block, BlockSource::InBranch, &again.store);
            let placed = placed.unwrap().unwrap();
            let change = Change::Block {
                block: placed.block,
                entry: placed.entry,
                main: placed.main,
                accounts: placed.changes,
            };
            again.store.index(&change).unwrap();
            again.archive.apply(&change);
            count += 1;
        }
        prop_assert_eq!(count, blocks.len());
        again.check();
    }
}

#[test]
fn what_lies_on_a_side_branch_changes_no_account() {
    let folder = tempdir().unwrap();
    let mut world = World::open_small(folder.path());
    let blocks = chain(20, 0);
    world.add_all(&blocks);
    let before: Vec<_> = (0..PEOPLE)
        .map(|person| world.tree.account(address(person)))
        .collect();
    let change = world.tree.add(&child(&blocks[2], 77));
    assert!(matches!(
        change,
        Change::Block {
            main: MainChange::Side,
            ..
        }
    ));
    world.store.apply(&change).unwrap();
    let after: Vec<_> = (0..PEOPLE)
        .map(|person| world.store.account(&address(person)).unwrap())
        .collect();
    assert_eq!(before, after);
    world.sync();
    world.check_snapshot();
}

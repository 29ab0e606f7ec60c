//! The history says of every transaction and every name what reading the whole
//! chain would say, whatever the chain did in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::reorganisation::{BlockPlace, Reorganisation, Tip};
use adit_core::rules::{Classic, Rules, Weight};
use adit_core::transaction::{recipient, sender};
use adit_store::{
    BranchTip, Durability, History, HistoryLimits, HistoryView, Listed, NumberedReorganisation,
    SideBlocks, TransactionPlace,
};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::world::{Tree, World, chain, child, child_with, genesis, read};

/// So small that a few blocks reach every limit.
const SMALL: HistoryLimits = HistoryLimits {
    step: 4,
    reorganisations: 3,
};

/// What the blocks are filled with, over and over: also what only Python nodes
/// put into a block.
const TEXTS: [&str; 8] = [
    r#"{"amount": 1, "recipient": "b", "sender": "a"}"#,
    r#"{"amount": 2, "recipient": "a", "sender": "b"}"#,
    r#"{"amount": 3, "recipient": "a", "sender": "a"}"#,
    r#"{"amount": 4, "recipient": "100%/\u00fc \ud83d\ude00", "sender": "a"}"#,
    r#"{"amount": 5, "recipient": {"a": []}, "sender": 7}"#,
    r#"{"amount": 6, "recipient": "\ud83d", "sender": null}"#,
    r#"{"amount": 7}"#,
    r#"["sender", "a"]"#,
];

/// Everybody who is named in them, the finder of all blocks, and nobody.
const NAMES: [&str; 9] = [
    "a",
    "b",
    "100%/\u{fc} \u{1f600}",
    r#"{"a": []}"#,
    "7",
    r#""\ud83d""#,
    "null",
    "miner",
    "nobody",
];

/// The transactions of a block, as the history is told of them.
pub(crate) fn list(text: Vec<u8>, each: &mut dyn FnMut(Listed)) -> Result<(), ArchiveError> {
    let block = read(&text);
    let ids = Classic::Published.transaction_ids(&block);
    for (id, text) in ids.into_iter().zip(block.transactions()) {
        each(Listed {
            id,
            sender: sender(text),
            recipient: recipient(text),
        });
    }
    Ok(())
}

fn open(folder: &Path, limits: HistoryLimits) -> History {
    History::open(&folder.join("history.redb"), Durability::None, limits).unwrap()
}

/// Follows to the end, and returns the reorganisation that was seen.
fn follow(history: &mut History, tip: Hash, archive: &dyn Archive) -> Vec<Reorganisation> {
    let missed = history.missed(&tip, 7, archive).unwrap();
    let mut seen: Vec<_> = missed.into_iter().collect();
    while history
        .follow(&tip, &seen, archive, &list)
        .unwrap()
        .is_behind
    {
        assert_eq!(history.missed(&tip, 7, archive).unwrap(), None);
        seen.clear();
    }
    missed.into_iter().collect()
}

fn block_with(parent: &Block, salt: u64, texts: &[usize]) -> Arc<Block> {
    let texts = texts.iter().map(|at| Arc::from(TEXTS[*at].as_bytes()));
    child_with(parent, salt, texts.collect())
}

fn place_of(block: &Block) -> BlockPlace {
    BlockPlace {
        height: block.height(),
        hash: block.hash(),
    }
}

fn tip_of(block: &Block) -> Tip {
    Tip {
        block: place_of(block),
        total_weight: Weight::from(block.height()),
    }
}

/// The blocks from the first to that one.
fn line(tip: Hash, archive: &dyn Archive) -> Vec<Arc<Block>> {
    let mut line = Vec::new();
    let mut next = Some(tip);
    while let Some(hash) = next {
        line.push(read(&archive.text(&hash).unwrap().unwrap()));
        next = archive.entry(&hash).unwrap().unwrap().parent;
    }
    line.reverse();
    line
}

/// The view says what the blocks of that line say.
fn check(view: &HistoryView, line: &[Arc<Block>]) {
    assert_eq!(view.covered(), line.last().map(|tip| place_of(tip)));
    let mut by_id = BTreeMap::<Hash, Vec<TransactionPlace>>::new();
    let mut by_name = BTreeMap::<String, Vec<TransactionPlace>>::new();
    for block in line {
        for (position, text) in (0..).zip(block.transactions()) {
            let place = TransactionPlace {
                height: block.height(),
                position,
            };
            by_id.entry(sha256(text)).or_default().push(place);
            let (sender, recipient) = (sender(text), recipient(text));
            let recipient = recipient.filter(|name| Some(name) != sender.as_ref());
            for name in [sender, recipient].into_iter().flatten() {
                by_name.entry(name).or_default().push(place);
            }
        }
    }
    for text in TEXTS {
        let id = sha256(text.as_bytes());
        let expected = by_id.remove(&id).unwrap_or_default();
        let found = view.places_from(&id, TransactionPlace::FIRST, 1_000);
        assert_eq!(found.unwrap(), expected, "{text}");
        assert_eq!(
            paged(|before| view.places_before(&id, before, 2).unwrap()),
            expected,
            "{text}"
        );
    }
    for name in NAMES {
        let expected = by_name.remove(name).unwrap_or_default();
        let found = paged(|before| view.places_of_name(name, before, 3).unwrap());
        assert_eq!(found, expected, "{name}");
        let count = view.count_of_name(name).unwrap();
        assert_eq!(count, expected.len() as u64, "{name}");
    }
}

/// All pages of a list that begins with the newest, the oldest first.
fn paged(page: impl Fn(TransactionPlace) -> Vec<TransactionPlace>) -> Vec<TransactionPlace> {
    let mut all = Vec::new();
    let mut before = TransactionPlace::LAST;
    loop {
        let page = page(before);
        let Some(last) = page.last() else {
            all.reverse();
            return all;
        };
        before = *last;
        all.extend(page);
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A block after one of the newest, with these transactions.
    Add {
        parent: usize,
        texts: Vec<usize>,
    },
    /// The history follows all tips that there were since, one after the other.
    Follow,
    /// It goes one step towards the newest, and forgets the others.
    Begin,
    Sync,
    Crash,
    Rewind,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let texts = prop::collection::vec(0..TEXTS.len(), 0..4);
    let step = prop_oneof![
        8 => (0..6_usize, texts).prop_map(|(parent, texts)| Step::Add { parent, texts }),
        4 => Just(Step::Follow),
        1 => Just(Step::Begin),
        1 => Just(Step::Sync),
        1 => Just(Step::Crash),
        1 => Just(Step::Rewind),
    ];
    prop::collection::vec(step, 1..60)
}

/// A history, and what it should have seen.
struct Followed {
    tree: Tree,
    history: History,
    /// Tips that it was not told of.
    told: Vec<Hash>,
    reorganisations: Vec<NumberedReorganisation>,
    /// What it should have seen when it was last made durable.
    durable: Vec<NumberedReorganisation>,
}

impl Followed {
    /// One step, and what is expected of it.
    fn step(&mut self, tip: Hash) -> bool {
        let archive = &self.tree.archive;
        let covered = self.history.covered();
        let is_known = |block: &BlockPlace| archive.entry(&block.hash).unwrap().is_some();
        if covered.is_some_and(|block| !is_known(&block)) && archive.entry(&tip).unwrap().is_some()
        {
            self.reorganisations.clear();
        }
        let old = covered
            .filter(is_known)
            .map(|block| line(block.hash, archive));
        let new = archive.entry(&tip).unwrap().map(|_| line(tip, archive));
        if let (Some(old), Some(new)) = (old, new)
            && new.len() > old.len()
        {
            let shared = old.iter().zip(&new).take_while(|(old, new)| old == new);
            let shared = shared.count();
            if shared < old.len() {
                self.reorganisations.push(NumberedReorganisation {
                    sequence: self.reorganisations.last().map_or(0, |last| last.sequence) + 1,
                    reorganisation: Reorganisation {
                        time_ms: 7,
                        fork: shared.checked_sub(1).map(|at| place_of(&old[at])),
                        old_tip: tip_of(&old[old.len() - 1]),
                        new_tip: tip_of(&new[new.len() - 1]),
                    },
                });
            }
        }
        let missed = self.history.missed(&tip, 7, archive).unwrap();
        let last = self.reorganisations.last().map(|last| last.reorganisation);
        assert!(missed.is_none() || missed == last);
        let seen = missed.as_slice();
        let followed = self.history.follow(&tip, seen, archive, &list).unwrap();
        assert_eq!(followed.left.is_some(), missed.is_some());
        followed.is_behind
    }

    fn check(&self) {
        let view = self.history.view().unwrap();
        let covered = self.history.covered();
        let line = covered.map_or(Vec::new(), |block| line(block.hash, &self.tree.archive));
        check(&view, &line);
        let expected = self.reorganisations.iter().rev();
        let expected: Vec<_> = expected
            .take(SMALL.reorganisations as usize)
            .copied()
            .collect();
        assert_eq!(view.reorganisations(u64::MAX, 100).unwrap(), expected);
        for seen in &self.reorganisations {
            let tip = seen.reorganisation.new_tip.block.hash;
            let found = view.reorganisation_to(&tip).unwrap();
            let is_remembered = expected.contains(seen);
            assert_eq!(found, is_remembered.then_some(seen.reorganisation));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_history_is_what_the_chain_says(steps in steps()) {
        let folder = tempdir().unwrap();
        let mut world = Followed {
            tree: Tree::default(),
            history: open(folder.path(), SMALL),
            told: Vec::new(),
            reorganisations: Vec::new(),
            durable: Vec::new(),
        };
        world.tree.add(&genesis(0));
        for (salt, step) in (1..).zip(steps) {
            match step {
                Step::Add { parent, texts } => {
                    let arrived = &world.tree.arrived;
                    let parent = arrived.len().saturating_sub(parent + 1);
                    let block = block_with(&arrived[parent], salt, &texts);
                    world.tree.add(&block);
                    world.told.extend(world.tree.tip());
                }
                Step::Follow => {
                    let tip = world.tree.tip().unwrap();
                    for tip in std::mem::take(&mut world.told).into_iter().chain([tip]) {
                        while world.step(tip) {}
                    }
                    assert_eq!(world.history.covered().map(|block| block.hash), Some(tip));
                    world.check();
                }
                Step::Begin => {
                    world.told.clear();
                    let tip = world.tree.tip().unwrap();
                    world.step(tip);
                    world.check();
                }
                Step::Sync => {
                    world.history.sync().unwrap();
                    world.durable = world.reorganisations.clone();
                }
                Step::Crash => {
                    drop(world.history);
                    world.history = open(folder.path(), SMALL);
                    world.reorganisations = world.durable.clone();
                }
                Step::Rewind => {
                    world.tree.rewind();
                }
            }
        }
    }
}

#[test]
fn the_history_follows_the_main_chain_back_to_a_shorter_one_and_on_again() {
    let folder = tempdir().unwrap();
    let mut blocks = vec![genesis(0)];
    for salt in 1..30 {
        let parent = blocks.last().unwrap();
        blocks.push(block_with(parent, salt, &[salt as usize % TEXTS.len()]));
    }
    let mut tree = Tree::of(&blocks);
    let mut history = open(folder.path(), SMALL);
    follow(&mut history, blocks[29].hash(), &tree.archive);
    for height in [28, 29, 5, 30, 1, 2] {
        let tip = &blocks[height - 1];
        tree.go_to(tip);
        follow(&mut history, tip.hash(), &tree.archive);
        let view = history.view().unwrap();
        check(&view, &line(tip.hash(), &tree.archive));
    }
    let other = block_with(&blocks[1], 100, &[0]);
    tree.add(&other);
    follow(&mut history, other.hash(), &tree.archive);
    check(&history.view().unwrap(), &line(other.hash(), &tree.archive));
}

#[test]
fn a_deleted_history_is_made_again_without_what_it_has_seen() {
    let folder = tempdir().unwrap();
    let blocks = chain(5, 0);
    let other = block_with(&blocks[3], 50, &[0, 1]);
    let heavier = block_with(&other, 51, &[0]);
    let mut tree = Tree::of(&blocks);
    let mut history = open(folder.path(), HistoryLimits::default());
    follow(&mut history, blocks[4].hash(), &tree.archive);
    tree.add(&other);
    tree.add(&heavier);
    let seen = follow(&mut history, heavier.hash(), &tree.archive);
    let expected = Reorganisation {
        time_ms: 7,
        fork: Some(place_of(&blocks[3])),
        old_tip: tip_of(&blocks[4]),
        new_tip: tip_of(&heavier),
    };
    assert_eq!(seen, [expected]);
    history.sync().unwrap();
    drop(history);

    let history = open(folder.path(), HistoryLimits::default());
    let found = history.view().unwrap().reorganisation_to(&heavier.hash());
    assert_eq!(found.unwrap(), Some(expected), "it outlives the process");
    drop(history);
    fs::remove_file(folder.path().join("history.redb")).unwrap();
    let mut history = open(folder.path(), HistoryLimits::default());
    assert_eq!(follow(&mut history, heavier.hash(), &tree.archive), []);
    let view = history.view().unwrap();
    check(&view, &line(heavier.hash(), &tree.archive));
    assert_eq!(view.reorganisations(u64::MAX, 10).unwrap(), []);
}

#[test]
fn a_damaged_history_is_made_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("history.redb");
    let tree = Tree::of(&chain(5, 0));
    let tip = tree.tip().unwrap();
    for damage in [&b"this is no database"[..], &[0; 8_192]] {
        fs::write(&path, damage).unwrap();
        let mut history = open(folder.path(), SMALL);
        assert_eq!(history.covered(), None);
        follow(&mut history, tip, &tree.archive);
        check(&history.view().unwrap(), &line(tip, &tree.archive));
    }
}

#[test]
fn a_history_with_damage_anywhere_is_opened_or_made_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("history.redb");
    let tree = Tree::of(&chain(5, 0));
    let mut history = open(folder.path(), SMALL);
    follow(&mut history, tree.tip().unwrap(), &tree.archive);
    history.sync().unwrap();
    drop(history);
    let whole = fs::read(&path).unwrap();
    // A few bytes wrong in every stretch, and files that end too early.
    for start in (0..whole.len()).step_by(whole.len() / 150) {
        let mut damaged = whole.clone();
        let end = (start + 40).min(whole.len());
        damaged[start..end].fill(0xa5);
        for text in [&damaged[..], &whole[..start]] {
            fs::write(&path, text).unwrap();
            drop(open(folder.path(), SMALL));
        }
    }
}

#[test]
fn a_history_of_another_chain_is_rebuilt() {
    let folder = tempdir().unwrap();
    let (one, other) = (Tree::of(&chain(9, 0)), Tree::of(&chain(4, 500)));
    let mut history = open(folder.path(), SMALL);
    follow(&mut history, one.tip().unwrap(), &one.archive);
    assert_eq!(
        follow(&mut history, other.tip().unwrap(), &other.archive),
        []
    );
    check(
        &history.view().unwrap(),
        &line(other.tip().unwrap(), &other.archive),
    );
}

#[test]
fn a_chain_that_was_chosen_otherwise_is_followed_although_it_weighs_no_more() {
    let folder = tempdir().unwrap();
    let blocks = chain(5, 0);
    let other = block_with(&blocks[3], 50, &[0, 1]);
    let mut history = open(folder.path(), SMALL);
    let mut first = Tree::of(&blocks[..4]);
    first.add(&other);
    follow(&mut history, other.hash(), &first.archive);
    let mut second = Tree::of(&blocks);
    second.add(&other);
    follow(&mut history, blocks[4].hash(), &second.archive);
    check(&history.view().unwrap(), &blocks);
}

#[test]
fn a_tip_that_was_passed_is_not_gone_back_to() {
    let folder = tempdir().unwrap();
    let blocks = chain(6, 0);
    let left = block_with(&blocks[3], 50, &[0, 1]);
    let mut tree = Tree::of(&blocks[..4]);
    tree.add(&left);
    let mut history = open(folder.path(), SMALL);
    follow(&mut history, left.hash(), &tree.archive);
    tree.add(&blocks[4]);
    tree.add(&blocks[5]);
    // It is told late of what it has passed, and is in the main chain again.
    assert_eq!(follow(&mut history, blocks[3].hash(), &tree.archive), []);
    assert_eq!(history.covered(), Some(place_of(&left)));
    let seen = follow(&mut history, blocks[5].hash(), &tree.archive);
    assert_eq!(seen[0].old_tip, tip_of(&left));
    check(&history.view().unwrap(), &blocks);
}

#[test]
fn the_branches_beside_the_main_chain_are_known() {
    let folder = tempdir().unwrap();
    let blocks = chain(6, 0);
    let short = child(&blocks[1], 80);
    let twin = child(&short, 81);
    let other_twin = child(&short, 82);
    let elsewhere = genesis(900);
    let mut world = World::open_small(folder.path());
    world.add_all(&blocks);
    world.add_all(&[
        short.clone(),
        twin.clone(),
        other_twin.clone(),
        elsewhere.clone(),
    ]);
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    let mut side = SideBlocks::new(100);
    side.read(&snapshot).unwrap();
    let fork = Some(place_of(&blocks[1]));
    let branch = |block: &Block, fork| BranchTip {
        tip: tip_of(block),
        fork,
    };
    let mut expected = vec![branch(&twin, fork), branch(&other_twin, fork)];
    expected.sort_by_key(|branch| std::cmp::Reverse(branch.tip.block.hash));
    expected.push(branch(&elsewhere, None));
    let tips = side.tips(10, &snapshot).unwrap();
    assert_eq!(tips, expected);
    let lengths = tips.iter().map(BranchTip::branch_length);
    assert_eq!(lengths.collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(side.tips(1, &snapshot).unwrap(), expected[..1]);

    // One of them grows, and wins.
    let mut winner = vec![twin.clone()];
    while winner.len() < 5 {
        winner.push(child(winner.last().unwrap(), 100 + winner.len() as u64));
    }
    world.add_all(&winner[1..]);
    world.sync();
    let snapshot = world.store.reader().snapshot().unwrap();
    assert_eq!(snapshot.tip(), Some(winner[4].hash()));
    for block in &blocks[2..] {
        side.add(block.hash(), &snapshot).unwrap();
    }
    side.main_chain_has_changed(&snapshot).unwrap();
    let expected = [
        branch(&blocks[5], fork),
        branch(&other_twin, Some(place_of(&short))),
        branch(&elsewhere, None),
    ];
    assert_eq!(side.tips(10, &snapshot).unwrap(), expected);

    // Of too many, the heaviest are kept.
    let mut few = SideBlocks::new(1);
    few.read(&snapshot).unwrap();
    assert_eq!(few.tips(10, &snapshot).unwrap(), expected[..1]);
}

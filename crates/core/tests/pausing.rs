//! A branch that is taken in with pauses: others who have their turn in one are
//! served at the current tip, and how much is held or looked at for the next
//! block does not grow with the branch.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{
    AccountsAt, Archive, ArchiveError, Change, Entry, MainChange, MemoryArchive,
};
use adit_core::block::{Block, HeaderFields};
use adit_core::chain::{BlockSource, Chain};
use adit_core::hash::Hash;
use adit_core::node::{Answer, Effect, Input};
use adit_core::sealed::Account;
use adit_core::sync::{PeerReport, Seen};

use crate::world::{Driven, address, answers_in, first_block, job_in, line_after, only_answer};

/// Counts how often it is asked.
#[derive(Default)]
struct Counting {
    archive: MemoryArchive,
    reads: Cell<usize>,
}

impl Counting {
    fn counted(&self) -> &MemoryArchive {
        self.reads.set(self.reads.get() + 1);
        &self.archive
    }
}

impl Archive for Counting {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        self.counted().entry(hash)
    }

    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError> {
        self.counted().main_hash(index)
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        self.counted().header(hash)
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.counted().text(hash)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        self.counted().account(owner)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        self.counted().accounts_at(hash)
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        self.counted().senders(hash)
    }
}

fn insert(chain: &mut Chain, block: &Arc<Block>, archive: &mut Counting) -> MainChange {
    let block = Arc::clone(block);
    let connected = chain.insert(Duration::MAX, block, BlockSource::InBranch, &*archive);
    let connected = connected.unwrap().unwrap();
    archive.archive.apply(&Change::Block {
        block: connected.block,
        entry: connected.entry,
        main: connected.main,
        accounts: connected.changes,
    });
    connected.main
}

#[test]
fn a_long_branch_that_wins_is_not_gone_down() {
    let genesis = first_block(0);
    let ours = line_after(&genesis, 300, 1);
    let theirs = line_after(&genesis, 302, 2);
    let mut archive = Counting::default();
    let rules = Arc::clone(Driven::workless().node.chain().rules());
    let mut chain = Chain::open(rules, 0, &archive).unwrap();
    insert(&mut chain, &genesis, &mut archive);
    for block in &ours[..299] {
        insert(&mut chain, block, &mut archive);
    }
    for (place, block) in theirs.iter().enumerate() {
        archive.reads.set(0);
        if place == 150 {
            // In a pause, the main chain grows by a block made here.
            insert(&mut chain, &ours[299], &mut archive);
        }
        let expected = match place {
            0..300 => MainChange::Side,
            300 => MainChange::Reorganise { fork: 1 },
            _ => MainChange::Extend,
        };
        assert_eq!(insert(&mut chain, block, &mut archive), expected, "{place}");
        assert!(archive.reads.get() < 10, "{} reads", archive.reads.get());
    }
}

#[test]
fn a_search_goes_on_at_the_tip_of_the_pause() {
    let mut node = Driven::workless();
    node.register(&["peer:5000"]);
    let (request, first) = node.want_block();
    let branch = line_after(&node.tip(), 6, 1);
    for block in &branch[..3] {
        node.handle(Input::Block(Arc::clone(block), BlockSource::InBranch));
    }
    let effects = node.handle(Input::BranchPaused);
    let job = job_in(&effects).expect("the search starts over");
    assert_ne!(Some(job.number), first.map(|job| job.number));
    let effects = node.finish(&job);
    let answered = answers_in(effects);
    match &answered[..] {
        [(answered, Answer::Mined(block))] => {
            assert_eq!(*answered, request);
            assert_eq!(block.parent(), Some(branch[2].hash()));
        }
        other => panic!("expected the block, found {other:?}"),
    }
    for block in &branch[3..] {
        node.handle(Input::Block(Arc::clone(block), BlockSource::InBranch));
    }
    assert_eq!(node.tip().hash(), branch[5].hash());
}

#[test]
fn a_pause_without_a_search_or_a_new_tip_does_nothing() {
    let mut node = Driven::workless();
    assert!(node.handle(Input::BranchPaused).is_empty());
    node.want_block();
    assert!(node.handle(Input::BranchPaused).is_empty());
}

#[test]
fn who_waits_for_the_peers_is_answered_in_a_pause() {
    let mut node = Driven::workless();
    node.register(&["peer:5000"]);
    let request = node.request();
    let effects = node.handle(Input::Resolve(request));
    let ask = effects.into_iter().find_map(|effect| match effect {
        Effect::Ask(ask) => Some(ask),
        _ => None,
    });
    let branch = line_after(&node.tip(), 4, 1);
    for block in &branch[..2] {
        node.handle(Input::Block(Arc::clone(block), BlockSource::InBranch));
    }
    match only_answer(node.handle(Input::DeadlineReached(request))) {
        Answer::Resolved(resolved) => {
            assert!(resolved.replaced);
            let expected = [(address("peer:5000"), PeerReport::StillAsked)];
            assert_eq!(resolved.peers, expected);
        }
        other => panic!("expected a resolved request, found {other:?}"),
    }
    for block in &branch[2..] {
        node.handle(Input::Block(Arc::clone(block), BlockSource::InBranch));
    }
    let report = PeerReport::Adopted { length: 5 };
    let end = Input::PeerAnswered(ask.unwrap(), report, Seen::default());
    let effects = node.handle(end);
    assert!(matches!(effects[..], [Effect::Announce(_)]), "{effects:?}");
}

//! A restart on a sealed chain: a node that is told again what was kept has the
//! same chain, the same accounts, and what waited waits again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, MemoryArchive};
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::mempool::{Mempool, Origin, PENDING_EXPIRY_MS, Pending};
use adit_core::node::{Input, Node, Timer};
use adit_core::rules::Rules;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sealed_node::{GENESIS, Town, miner_config, params, texts};
use crate::world::{Driven, Kept, repeatable};

/// Where the pending log was rewritten, and what it held then.
#[derive(Clone, Default)]
struct Checkpoint {
    position: usize,
    pending: Vec<Pending>,
}

impl Checkpoint {
    fn of(town: &Town) -> Checkpoint {
        let waiting = town
            .node
            .node
            .mempool()
            .iter()
            .map(|(text, origin)| Pending {
                text: text.into(),
                origin,
            });
        Checkpoint {
            position: town.node.kept.len(),
            pending: waiting.collect(),
        }
    }
}

/// The node as it is after a restart. `indexed`: the archive covers all up to
/// the checkpoint; otherwise the whole log is read again.
fn restarted(town: &Town, checkpoint: &Checkpoint, indexed: bool, now: Duration) -> Driven {
    restarted_with(town, checkpoint, indexed, now, None)
}

/// The same; with `in_steps`, what waits follows reorganisations of more blocks
/// than that in steps of one block.
fn restarted_with(
    town: &Town,
    checkpoint: &Checkpoint,
    indexed: bool,
    now: Duration,
    in_steps: Option<u64>,
) -> Driven {
    let log = &town.node.kept;
    let mut pending = checkpoint.pending.clone();
    for kept in &log[checkpoint.position..] {
        if let Kept::Transaction(text) = kept {
            pending.push(Pending {
                text: Arc::clone(text),
                origin: Origin::Accepted,
            });
        }
    }
    let covered = if indexed { checkpoint.position } else { 0 };
    let mut archive = MemoryArchive::default();
    let mut scratch = open(town, Vec::new(), &archive);
    replay(town, &mut scratch, &mut archive, 0..covered, covered);
    let mut node = open(town, pending, &archive);
    if let Some(at_once) = in_steps {
        node.limit_mempool_update(at_once, 1);
    }
    replay(
        town,
        &mut node,
        &mut archive,
        covered..log.len(),
        checkpoint.position,
    );
    node.replayed(now, &archive).unwrap();
    Driven::around(node, archive)
}

fn open(town: &Town, pending: Vec<Pending>, archive: &MemoryArchive) -> Node {
    let length = archive.main().count() as u64;
    let rules = town.rules.clone();
    Node::open(miner_config(), rules, length, Vec::new(), pending, archive).unwrap()
}

/// Reads a part of the log again. The waiting transactions have not seen the
/// blocks from `unseen` on.
fn replay(
    town: &Town,
    node: &mut Node,
    archive: &mut MemoryArchive,
    part: std::ops::Range<usize>,
    unseen: usize,
) {
    for position in part {
        let Kept::Block(block) = &town.node.kept[position] else {
            continue;
        };
        let block = town.rules.read_canonical(block.text().to_vec()).unwrap();
        let change = node.replay(block, position >= unseen, archive).unwrap();
        archive.apply(&change.expect("each block is in the log once"));
    }
}

fn from_all(town: &Town) -> Driven {
    restarted(town, &Checkpoint::default(), false, town.node.now)
}

fn ids(node: &Driven) -> Vec<Hash> {
    match node.node.mempool() {
        Mempool::Accounts(mempool) => mempool.iter().map(|one| one.id).collect(),
        Mempool::Queue(_) => panic!("sealed chains have accounts"),
    }
}

#[test]
fn the_replacement_waits_again_and_not_what_it_replaced() {
    let mut town = Town::new();
    let [old, new] = [town.pay(0, 2, 0, 10, 5), town.pay(0, 2, 0, 20, 6)];
    town.submit_all(&[old, new]);
    assert_eq!(ids(&from_all(&town)), ids(&town.node));
}

/// The pending log was rewritten before the reorganisation: what came back is
/// in the block log only, and no clock is read while that is replayed.
#[test]
fn what_came_back_before_a_restart_expires_after_it() {
    let mut town = Town::new();
    town.submit_all(&[town.pay(0, 2, 0, 10, 5)]);
    town.node.mine();
    let checkpoint = Checkpoint::of(&town);
    let genesis = town.genesis();
    let side = town.block(&genesis, 10, &[]);
    town.hear(&side);
    let next = town.block(&side, 10, &[]);
    town.hear(&next);
    assert_eq!(town.waiting().len(), 1);
    let now = town.node.now;
    let node = restarted(&town, &checkpoint, true, now);
    assert_eq!(ids(&node), ids(&town.node));
    town.node = node;
    town.node.now = now + Duration::from_millis(PENDING_EXPIRY_MS);
    town.submit_all(&[town.pay(1, 2, 0, 10, 5)]);
    assert_eq!(town.waiting(), texts(&[town.pay(1, 2, 0, 10, 5)]));
}

#[test]
fn what_is_paid_for_by_a_block_that_the_index_lacks_waits_again() {
    let mut town = Town::new();
    let checkpoint = Checkpoint::of(&town);
    town.submit_all(&[town.pay(0, 2, 0, 500, 5)]);
    town.node.mine();
    town.submit_all(&[town.pay(2, 1, 0, 400, 5)]);
    for indexed in [false, true] {
        let node = restarted(&town, &checkpoint, indexed, town.node.now);
        assert_eq!(ids(&node), ids(&town.node));
        assert_eq!(ids(&node).len(), 1);
    }
}

#[test]
fn what_is_no_payment_of_this_chain_does_not_wait_again() {
    let town = Town::new();
    let other = Town::with(
        adit_core::sealed::Params {
            name: "other".to_owned(),
            ..params()
        },
        miner_config(),
    );
    let pending = [
        other.pay(0, 2, 0, 1, 1),
        b"{}".to_vec(),
        town.pay(0, 2, 0, 1, 1),
    ];
    let checkpoint = Checkpoint {
        position: town.node.kept.len(),
        pending: pending
            .iter()
            .map(|text| Pending {
                text: text[..].into(),
                origin: Origin::Accepted,
            })
            .collect(),
    };
    let node = restarted(&town, &checkpoint, true, GENESIS);
    assert_eq!(node.pending(), texts(&pending[2..]));
}

/// What a node may live through.
#[derive(Debug, Clone)]
enum Deed {
    /// Somebody pays: with their next nonce, or in the place of what waits.
    Submit {
        who: usize,
        replace: bool,
        fee: u64,
    },
    Mine,
    /// Another node's branch comes that leaves ours `depth` blocks below the tip
    /// and is longer by one; each block holds some payments.
    Branch {
        depth: u64,
        payers: Vec<Vec<usize>>,
    },
    Checkpoint,
    Restart {
        indexed: bool,
    },
}

fn deed(people: usize) -> impl Strategy<Value = Deed> {
    let payers = vec(vec(0..people, 0..3), 5);
    prop_oneof![
        5 => (0..people, any::<bool>(), 0..90u64).prop_map(|(who, replace, fee)| Deed::Submit {
            who,
            replace,
            fee
        }),
        2 => Just(Deed::Mine),
        2 => (0..4u64, payers).prop_map(|(depth, payers)| Deed::Branch { depth, payers }),
        1 => Just(Deed::Checkpoint),
        1 => any::<bool>().prop_map(|indexed| Deed::Restart { indexed }),
    ]
}

fn carry_out(town: &mut Town, checkpoint: &mut Checkpoint, number: u64, deed: Deed) {
    match deed {
        Deed::Submit { who, replace, fee } => {
            let Mempool::Accounts(mempool) = town.node.node.mempool() else {
                panic!("sealed chains have accounts");
            };
            let owner = town.keys[who].address;
            let next = mempool.next_nonce(&owner, town.account(who));
            let nonce = next.saturating_sub(u64::from(replace));
            let text = town.pay(who, (who + 1) % 4, nonce, 10 + number, fee);
            town.submit(&text);
        }
        Deed::Mine => drop(town.node.mine()),
        Deed::Branch { depth, payers } => branch(town, number, depth, payers),
        Deed::Checkpoint => *checkpoint = Checkpoint::of(town),
        Deed::Restart { indexed } => {
            let mut node = restarted(town, checkpoint, indexed, town.node.now);
            node.kept = std::mem::take(&mut town.node.kept);
            node.now = town.node.now;
            town.node = node;
            town.node.handle(Input::Started);
        }
    }
}

fn branch(town: &mut Town, number: u64, depth: u64, payers: Vec<Vec<usize>>) {
    let fork = town.length().saturating_sub(depth).max(1);
    let hash = town.node.archive.main_hash(fork).unwrap().unwrap();
    let text = town.node.archive.text(&hash).unwrap().unwrap();
    let mut parent = Arc::new(town.rules.read_canonical(text).unwrap());
    // What each has sent up to the fork, counted on the main chain.
    let mut sent = [0; 4];
    for block in town.node.archive.main().take(fork as usize) {
        count_sent(town, block, &mut sent);
    }
    let length = town.length();
    for list in payers.into_iter().take((length + 1 - fork) as usize) {
        let mut payments = Vec::new();
        for who in list {
            payments.push(town.pay(who, (who + 2) % 4, sent[who], number, 1));
            sent[who] += 1;
        }
        let block = town.block(&parent, 10 + number, &payments);
        // Some cannot be paid: then the branch ends there.
        town.hear(&block);
        parent = block;
    }
}

fn count_sent(town: &Town, block: &Block, sent: &mut [u64; 4]) {
    for one in &block.sealed().unwrap().transactions {
        let is_theirs = |who: &usize| town.keys[*who].address == one.transfer.sender;
        let who = (0..4).find(is_theirs).unwrap();
        sent[who] += 1;
    }
}

fn finish_mempool_update(node: &mut Driven) {
    while !node.node.is_mempool_current() {
        node.handle(Input::Timer(Timer::UpdateMempool));
    }
}

/// Who waits with which nonce.
fn places(node: &Driven) -> BTreeSet<([u8; 32], u64)> {
    match node.node.mempool() {
        Mempool::Accounts(mempool) => mempool
            .iter()
            .map(|one| (one.sender.0, one.nonce))
            .collect(),
        Mempool::Queue(_) => panic!("sealed chains have accounts"),
    }
}

fn check_chain(town: &Town, after: &Driven) -> Result<(), TestCaseError> {
    prop_assert_eq!(town.node.main_hashes(), after.main_hashes());
    prop_assert_eq!(town.node.tip(), after.tip());
    let weight = town.node.node.chain().total_weight();
    prop_assert_eq!(weight, after.node.chain().total_weight());
    for key in &town.keys {
        let account = |archive: &MemoryArchive| archive.account(&key.address).unwrap();
        prop_assert_eq!(account(&town.node.archive), account(&after.archive));
    }
    Ok(())
}

fn all_restarts(town: &Town, checkpoint: &Checkpoint) -> [Driven; 3] {
    let now = town.node.now;
    [
        restarted(town, &Checkpoint::default(), false, now),
        restarted(town, checkpoint, false, now),
        restarted(town, checkpoint, true, now),
    ]
}

proptest! {
    #![proptest_config(repeatable(120))]

    /// Where everybody can pay, what waits is the same. (Of two with one nonce,
    /// one that came back and one that was accepted, the log does not say
    /// which was the later.)
    #[test]
    fn a_sealed_node_that_is_started_again_stands_where_it_stood(deeds in vec(deed(2), 1..30)) {
        let mut town = Town::new();
        let mut checkpoint = Checkpoint::default();
        for (number, deed) in (1..).zip(deeds) {
            carry_out(&mut town, &mut checkpoint, number, deed);
        }
        for after in all_restarts(&town, &checkpoint) {
            check_chain(&town, &after)?;
            prop_assert_eq!(places(&town.node), places(&after));
        }
    }

    /// As above, where the mempool follows each reorganisation in steps of one
    /// block.
    #[test]
    fn a_sealed_node_that_followed_in_steps_stands_where_it_stood(deeds in vec(deed(2), 1..30)) {
        let mut town = Town::new();
        let mut checkpoint = Checkpoint::default();
        for (number, deed) in (1..).zip(deeds) {
            town.node.node.limit_mempool_update(1, 1);
            carry_out(&mut town, &mut checkpoint, number, deed);
            finish_mempool_update(&mut town.node);
        }
        let now = town.node.now;
        for (checkpoint, indexed) in [
            (&Checkpoint::default(), false),
            (&checkpoint, false),
            (&checkpoint, true),
        ] {
            let mut after = restarted_with(&town, checkpoint, indexed, now, Some(1));
            after.now = now;
            finish_mempool_update(&mut after);
            check_chain(&town, &after)?;
            prop_assert_eq!(places(&town.node), places(&after));
        }
    }

    /// Where some own only what others' payments brought them, whatever waits
    /// can be paid, and the next block takes all that lacks none before it.
    #[test]
    fn what_waits_after_a_restart_can_be_mined(deeds in vec(deed(4), 1..30)) {
        let mut town = Town::new();
        let mut checkpoint = Checkpoint::default();
        for (number, deed) in (1..).zip(deeds) {
            carry_out(&mut town, &mut checkpoint, number, deed);
        }
        for mut after in all_restarts(&town, &checkpoint) {
            check_chain(&town, &after)?;
            after.now = town.node.now;
            let ready = after.node.mempool().for_next_block(usize::MAX).len();
            let block = after.mine();
            prop_assert_eq!(block.transactions().count(), 1 + ready);
            let issued = town.rules.issued(block.height());
            prop_assert_eq!(after.archive.sum_of_balances(), issued);
        }
    }
}

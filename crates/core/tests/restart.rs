//! A restart: a node that is told again what was kept, in order, is where it
//! was, with the same chain and the same transactions waiting. What is kept is
//! the two logs of a store: blocks, and accepted transactions; the latter is
//! rewritten at a checkpoint.

use std::collections::BTreeSet;
use std::sync::Arc;

use adit_core::archive::MemoryArchive;
use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::mempool::{Origin, Pending};
use adit_core::node::{Input, Node, Timer, UPDATE_AT_ONCE_LIMIT};
use adit_core::rules::Rules;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{
    Driven, Kept, Workless, address, config, first_block, next_block, payment, repeatable,
};

/// What a node may live through. Transactions are few, so that many look the
/// same.
#[derive(Debug, Clone)]
enum Deed {
    Submit(u64),
    Mine,
    /// Another node's block comes.
    Foreign(Vec<u64>, bool),
    /// Another node's branch comes that leaves ours `depth` blocks below the
    /// tip, and is longer or not by one.
    Branch {
        depth: u64,
        longer: bool,
        payments: Vec<Vec<u64>>,
    },
    Register(u8),
    Checkpoint,
    Restart(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    let payments = || vec(0..4u64, 0..3);
    prop_oneof![
        4 => (0..4u64).prop_map(Deed::Submit),
        3 => Just(Deed::Mine),
        2 => (payments(), any::<bool>()).prop_map(|(list, single)| Deed::Foreign(list, single)),
        3 => (0..5u64, any::<bool>(), vec(payments(), 6)).prop_map(|(depth, longer, payments)| {
            Deed::Branch { depth, longer, payments }
        }),
        1 => any::<u8>().prop_map(Deed::Register),
        1 => Just(Deed::Checkpoint),
        1 => any::<bool>().prop_map(Deed::Restart),
    ]
}

/// Where the pending log was rewritten, and what it held then.
#[derive(Clone, Default)]
struct Checkpoint {
    position: usize,
    pending: Vec<Pending>,
}

fn carry_out(node: &mut Driven, checkpoint: &mut Checkpoint, salt: u64, deed: Deed) {
    match deed {
        Deed::Submit(number) => drop(node.submit(&payment(number))),
        Deed::Mine => drop(node.mine()),
        Deed::Foreign(list, single) => {
            let block = block_with(&node.tip(), salt, &list);
            match single {
                true => drop(node.handle(Input::Block(block, BlockSource::Single))),
                false => drop(node.adopt(&[block])),
            }
        }
        Deed::Branch {
            depth,
            longer,
            payments,
        } => {
            let branch = branch(node, salt, depth, longer, &payments);
            node.adopt(&branch);
        }
        Deed::Register(number) => drop(node.register(&[&format!("p{number}:5000")])),
        Deed::Checkpoint => {
            *checkpoint = Checkpoint {
                position: node.kept.len(),
                pending: waiting_in(&node.node),
            };
        }
        Deed::Restart(indexed) => {
            let mut again = restarted(node, checkpoint, indexed);
            again.kept = std::mem::take(&mut node.kept);
            again.now = node.now;
            again.handle(Input::Started);
            *node = again;
        }
    }
}

fn block_with(parent: &Block, salt: u64, list: &[u64]) -> Arc<Block> {
    let texts: Vec<_> = list.iter().map(|number| payment(*number)).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    next_block(parent, salt, &texts)
}

fn branch(
    node: &Driven,
    salt: u64,
    depth: u64,
    longer: bool,
    payments: &[Vec<u64>],
) -> Vec<Arc<Block>> {
    let length = node.tip().height();
    let (mut parent, mut branch) = match length.checked_sub(depth) {
        Some(fork) if fork > 0 => (node.block(fork), Vec::new()),
        _ => (first_block(salt), vec![first_block(salt)]),
    };
    let wanted = length + u64::from(longer);
    for list in payments.iter().take((wanted - parent.height()) as usize) {
        parent = block_with(&parent, salt, list);
        branch.push(Arc::clone(&parent));
    }
    branch
}

/// A node from what another one has kept. `indexed`: the archive covers all up
/// to the checkpoint; otherwise the whole log is read again.
fn restarted(before: &Driven, checkpoint: &Checkpoint, indexed: bool) -> Driven {
    restarted_with(before, checkpoint, indexed, UPDATE_AT_ONCE_LIMIT)
}

fn restarted_with(before: &Driven, checkpoint: &Checkpoint, indexed: bool, at_once: u64) -> Driven {
    let mut archive = MemoryArchive::default();
    let mut pending = checkpoint.pending.clone();
    let mut peers = Vec::new();
    for (position, kept) in before.kept.iter().enumerate() {
        match kept {
            Kept::Peers(list) => peers = list.iter().map(|peer| address(peer)).collect(),
            Kept::Transaction(text) if position >= checkpoint.position => pending.push(Pending {
                text: Arc::clone(text),
                origin: Origin::Accepted,
            }),
            Kept::Transaction(_) | Kept::Block(_) => {}
        }
    }
    let covered = if indexed { checkpoint.position } else { 0 };
    let mut scratch = open(0, Vec::new(), Vec::new(), &archive);
    replay(&mut scratch, &mut archive, &before.kept[..covered], 0);
    let length = archive.main().count() as u64;
    let mut node = open(length, peers, pending, &archive);
    node.limit_mempool_update(at_once, 1);
    let unseen = checkpoint.position - covered;
    replay(&mut node, &mut archive, &before.kept[covered..], unseen);
    Driven::around(node, archive)
}

fn open(
    length: u64,
    peers: Vec<adit_core::peer::PeerAddress>,
    pending: Vec<Pending>,
    archive: &MemoryArchive,
) -> Node {
    Node::open(
        config("us"),
        Arc::new(Workless),
        length,
        peers,
        pending,
        archive,
    )
    .unwrap()
}

/// Reads the log again. The waiting transactions have not seen the blocks
/// from `unseen` on.
fn replay(node: &mut Node, archive: &mut MemoryArchive, log: &[Kept], unseen: usize) {
    for (position, kept) in log.iter().enumerate() {
        let Kept::Block(block) = kept else { continue };
        let block = Workless.read_canonical(block.text().to_vec()).unwrap();
        let change = node.replay(block, position >= unseen, archive).unwrap();
        archive.apply(&change.expect("each block is in the log once"));
    }
}

fn check_same(before: &Driven, after: &Driven) -> Result<(), TestCaseError> {
    prop_assert_eq!(before.main_hashes(), after.main_hashes());
    prop_assert_eq!(before.tip(), after.tip());
    let (waited, waits): (Vec<_>, Vec<_>) = (before.waiting().collect(), after.waiting().collect());
    prop_assert_eq!(waited, waits);
    prop_assert_eq!(before.node.peers(), after.node.peers());
    let weight = before.node.chain().total_weight();
    prop_assert_eq!(weight, after.node.chain().total_weight());
    Ok(())
}

proptest! {
    #![proptest_config(repeatable(400))]

    #[test]
    fn a_node_that_is_started_again_stands_where_it_stood(deeds in vec(deed(), 1..40)) {
        let mut node = Driven::workless();
        let mut checkpoint = Checkpoint::default();
        for (number, deed) in deeds.into_iter().enumerate() {
            carry_out(&mut node, &mut checkpoint, 1_000 + number as u64, deed);
        }
        check_same(&node, &restarted(&node, &Checkpoint::default(), false))?;
        check_same(&node, &restarted(&node, &checkpoint, false))?;
        check_same(&node, &restarted(&node, &checkpoint, true))?;
    }
}

proptest! {
    #![proptest_config(repeatable(400))]

    /// As above, where the mempool follows each reorganisation in steps of one
    /// block.
    #[test]
    fn what_followed_in_steps_stands_where_it_stood(deeds in vec(deed(), 1..40)) {
        let mut node = Driven::workless();
        let mut checkpoint = Checkpoint::default();
        for (number, deed) in deeds.into_iter().enumerate() {
            node.node.limit_mempool_update(1, 1);
            carry_out(&mut node, &mut checkpoint, 1_000 + number as u64, deed);
            finish_mempool_update(&mut node);
        }
        for (checkpoint, indexed) in [
            (&Checkpoint::default(), false),
            (&checkpoint, false),
            (&checkpoint, true),
        ] {
            let mut again = restarted_with(&node, checkpoint, indexed, 1);
            finish_mempool_update(&mut again);
            check_same(&node, &again)?;
        }
    }
}

fn finish_mempool_update(node: &mut Driven) {
    while !node.node.is_mempool_current() {
        node.handle(Input::Timer(Timer::UpdateMempool));
    }
}

#[test]
fn a_restart_forgets_no_transaction_that_waited() {
    let mut node = Driven::workless();
    node.submit(&payment(1));
    node.mine();
    node.submit(&payment(2));
    let after = restarted(&node, &Checkpoint::default(), false);
    assert_eq!(after.pending(), [payment(2)]);
    assert_eq!(after.tip(), node.tip());
}

#[test]
fn a_restarted_node_does_not_register_itself_either() {
    let archive = MemoryArchive::default();
    let mut config = config("us");
    config.own_addresses = BTreeSet::from([address("a:5000")]);
    let peers = vec![address("a:5000"), address("b:5000")];
    let node = Node::open(config, Arc::new(Workless), 0, peers, Vec::new(), &archive).unwrap();
    assert_eq!(node.peers(), [address("b:5000")]);
}

fn waiting_in(node: &Node) -> Vec<Pending> {
    let waiting = node.mempool().iter().map(|(text, origin)| Pending {
        text: text.into(),
        origin,
    });
    waiting.collect()
}

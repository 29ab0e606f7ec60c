//! A peer's branch is taken block by block: which chain is worth taking, what
//! is reported of the peer, and that nothing is taken behind a refused block.

use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::branch::BranchSession;
use adit_core::node::Effect;
use adit_core::rules::Weight;
use adit_core::sync::{CandidateChain, PeerReport};

use crate::world::{Driven, line_after};

fn chain_of(length: u64) -> CandidateChain {
    CandidateChain {
        length,
        weight: Weight::from(length),
    }
}

/// Takes blocks until one is refused or there are no more.
fn take(node: &mut Driven, session: &mut BranchSession, blocks: &[Arc<Block>]) {
    for block in blocks {
        let effects = session.take(
            &mut node.node,
            Duration::MAX,
            Arc::clone(block),
            &node.archive,
        );
        for effect in effects.unwrap() {
            if let Effect::Persist(change) = effect {
                node.archive.apply(&change);
            }
        }
        if session.refused().is_some() {
            break;
        }
    }
}

#[test]
fn a_chain_that_weighs_as_much_is_not_worth_it() {
    let node = Driven::workless();
    assert!(BranchSession::begin(&node.node, chain_of(1)).is_none());
    assert!(BranchSession::begin(&node.node, chain_of(2)).is_some());
}

#[test]
fn a_branch_that_wins_is_adopted() {
    let mut node = Driven::workless();
    let branch = line_after(&node.tip(), 3, 1);
    let mut session = BranchSession::begin(&node.node, chain_of(4)).unwrap();
    take(&mut node, &mut session, &branch);
    assert!(session.has_won());
    let report = session.report(&node.node);
    assert!(
        matches!(report, PeerReport::Adopted { length: 4 }),
        "{report:?}"
    );
}

#[test]
fn nothing_is_taken_behind_a_block_that_is_refused() {
    let mut node = Driven::workless();
    let genesis = node.tip();
    let ours = line_after(&genesis, 3, 1);
    let mut own = BranchSession::begin(&node.node, chain_of(4)).unwrap();
    take(&mut node, &mut own, &ours);
    let mut theirs = line_after(&genesis, 5, 2);
    // Its parent is not known here.
    theirs.remove(1);
    let mut session = BranchSession::begin(&node.node, chain_of(6)).unwrap();
    take(&mut node, &mut session, &theirs);
    assert_eq!(node.tip().hash(), ours[2].hash());
    let PeerReport::Refused(refusal) = session.report(&node.node) else {
        panic!("expected a refusal");
    };
    assert_eq!((refusal.height, refusal.rule), (Some(4), "branch"));
}

#[test]
fn what_is_wrong_behind_enough_that_is_right_changes_nothing() {
    let mut node = Driven::workless();
    let mut branch = line_after(&node.tip(), 4, 1);
    branch.remove(2);
    let mut session = BranchSession::begin(&node.node, chain_of(5)).unwrap();
    take(&mut node, &mut session, &branch);
    assert!(session.refused().is_some());
    let report = session.report(&node.node);
    assert!(
        matches!(report, PeerReport::Adopted { length: 3 }),
        "{report:?}"
    );
    let report = session.report_of_failure(&node.node, "the disk".to_owned());
    assert!(matches!(report, PeerReport::Adopted { .. }), "{report:?}");
}

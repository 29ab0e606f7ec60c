//! What becomes of transactions when a heavier branch replaces blocks: what
//! the dropped blocks held waits again, unless the new branch holds it too.

use adit_core::chain::BlockSource;
use adit_core::mempool::Origin;
use adit_core::node::{Effect, Input};

use crate::world::{Driven, first_block, line_after, next_block, paid_in, payment};

/// Everything that the main chain pays, in order.
fn paid(node: &Driven) -> Vec<String> {
    node.archive.main().flat_map(paid_in).collect()
}

#[test]
fn the_transactions_of_dropped_blocks_wait_again_in_front_and_in_order() {
    let mut node = Driven::workless();
    let first = node.tip();
    for number in 1..=4 {
        node.submit(&payment(number));
        if number % 2 == 0 {
            node.mine();
        }
    }
    node.submit(&payment(5));
    node.adopt(&line_after(&first, 3, 7));
    let expected: Vec<_> = (1..=5).map(payment).collect();
    assert_eq!(node.pending(), expected);
    assert_eq!(paid(&node), Vec::<String>::new());
    node.mine();
    assert_eq!(paid(&node), expected);
    assert!(node.pending().is_empty());
}

#[test]
fn what_the_new_branch_holds_too_is_not_paid_twice() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.submit(&payment(1));
    node.submit(&payment(2));
    node.mine();
    let mut branch = vec![next_block(&first, 7, &[&payment(2)])];
    branch.extend(line_after(&branch[0], 1, 8));
    node.adopt(&branch);
    assert_eq!(node.pending(), [payment(1)]);
    node.mine();
    assert_eq!(paid(&node), [payment(2), payment(1)]);
}

#[test]
fn what_comes_back_and_is_in_a_later_block_of_others_does_not_wait_any_more() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.submit(&payment(1));
    node.mine();
    node.adopt(&line_after(&first, 2, 7));
    assert_eq!(node.pending(), [payment(1)]);
    let later = next_block(&node.tip(), 9, &[&payment(1)]);
    node.handle(Input::Block(later, BlockSource::Single));
    assert!(node.pending().is_empty());
}

/// Two people may make the same payment, and both are meant.
#[test]
fn a_block_from_elsewhere_does_not_take_out_what_was_only_submitted_here() {
    let mut node = Driven::workless();
    node.submit(&payment(1));
    let foreign = next_block(&node.tip(), 7, &[&payment(1)]);
    node.adopt(&[foreign]);
    assert_eq!(node.pending(), [payment(1)]);
    node.mine();
    assert_eq!(paid(&node), [payment(1), payment(1)]);
}

#[test]
fn of_two_that_look_the_same_the_returned_one_is_taken_out() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.submit(&payment(1));
    node.mine();
    node.submit(&payment(1));
    node.adopt(&line_after(&first, 2, 7));
    let origins = |node: &Driven| node.waiting().map(|(_, origin)| origin).collect::<Vec<_>>();
    assert_eq!(origins(&node), [Origin::Returned, Origin::Accepted]);
    let foreign = next_block(&node.tip(), 9, &[&payment(1), &payment(1)]);
    node.adopt(&[foreign]);
    assert_eq!(origins(&node), [Origin::Accepted]);
}

#[test]
fn the_transactions_of_others_dropped_blocks_wait_here_too() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.adopt(&[next_block(&first, 7, &[&payment(1)])]);
    node.adopt(&line_after(&first, 2, 8));
    assert_eq!(node.pending(), [payment(1)]);
}

#[test]
fn a_branch_may_come_back_and_takes_out_what_it_holds() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.submit(&payment(1));
    let ours = node.mine();
    node.adopt(&line_after(&first, 2, 7));
    assert_eq!(node.pending(), [payment(1)]);
    node.adopt(&line_after(&ours, 2, 8));
    assert!(node.pending().is_empty());
    assert_eq!(paid(&node), [payment(1)]);
}

#[test]
fn rewards_belong_to_their_blocks_and_do_not_come_back() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.mine();
    node.mine();
    node.adopt(&line_after(&first, 3, 7));
    assert!(node.pending().is_empty());
}

#[test]
fn what_is_no_transaction_at_all_does_not_come_back() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.adopt(&[next_block(&first, 7, &["null", "7", &payment(1), "[]"])]);
    node.adopt(&line_after(&first, 2, 8));
    assert_eq!(node.pending(), [payment(1)]);
}

#[test]
fn a_chain_from_another_first_block_replaces_all_of_ours() {
    let mut node = Driven::workless();
    node.submit(&payment(1));
    node.mine();
    let mut foreign = vec![first_block(7)];
    foreign.extend(line_after(&foreign[0], 2, 8));
    node.adopt(&foreign);
    let hashes: Vec<_> = foreign.iter().map(|block| block.hash()).collect();
    assert_eq!(node.main_hashes(), hashes);
    assert_eq!(node.pending(), [payment(1)]);
}

#[test]
fn a_branch_as_long_as_ours_changes_nothing() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.submit(&payment(1));
    let ours = node.mine();
    let effects = node.adopt(&line_after(&first, 1, 7));
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!(node.tip(), ours);
    assert!(node.pending().is_empty());
}

#[test]
fn the_other_peers_hear_of_an_adopted_chain_once() {
    let mut node = Driven::workless();
    node.register(&["peer:5000", "other:5000"]);
    let effects = node.adopt(&line_after(&node.tip(), 3, 7));
    let [Effect::Announce(told)] = effects.as_slice() else {
        panic!("expected one announcement, found {effects:?}");
    };
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["other:5000"], "the one it came from knows it");
}

/// So a node that is cut off in the middle of a branch still has a chain.
#[test]
fn every_block_of_a_branch_is_kept_as_it_comes() {
    let mut node = Driven::workless();
    let branch = line_after(&first_block(7), 3, 8);
    node.handle(Input::Block(first_block(7), BlockSource::InBranch));
    for (number, block) in branch.into_iter().enumerate() {
        node.handle(Input::Block(block, BlockSource::InBranch));
        assert_eq!(node.kept.len(), number + 3);
        assert_eq!(node.archive.main().last().unwrap(), &*node.tip());
    }
}

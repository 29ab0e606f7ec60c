//! A peer's chain, checked while it comes: what our main chain has as well is
//! passed over, and a fault anywhere refuses all of it.

use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::rules::{Classic, Weight};
use adit_core::sync::{ChainReader, ChainValidation, ValidationError};

use crate::world::{
    Driven, answer_of, block_with_proof, classic_chain, classic_proofs, first_block, read_candidate,
};

const NOW: Duration = Duration::from_secs(1_700_000_000);

/// What is handed out of an answer, how long the chain is and what it weighs.
fn read(ours: &Driven, answer: &str) -> Result<(Vec<Hash>, u64, Weight), ValidationError> {
    let offered = read_candidate(Classic::Published, answer, &ours.archive)?;
    Ok((
        hashes(&offered.branch),
        offered.whole.length,
        offered.whole.weight,
    ))
}

fn body(chain: &[Arc<Block>]) -> String {
    answer_of(chain.iter().map(|block| &**block))
}

fn hashes(chain: &[Arc<Block>]) -> Vec<Hash> {
    chain.iter().map(|block| block.hash()).collect()
}

/// A node whose main chain is this one.
fn node_with(chain: &[Arc<Block>]) -> Driven {
    let mut node = Driven::classic();
    node.adopt(chain);
    assert_eq!(node.main_hashes(), hashes(chain));
    node
}

/// A chain that leaves `chain` after `common` blocks and has `length`.
fn fork_of(chain: &[Arc<Block>], common: usize, length: usize) -> Vec<Arc<Block>> {
    let proofs = classic_proofs();
    let mut fork = chain[..common].to_vec();
    for proof in &proofs[common..length] {
        let parent = fork.last().unwrap();
        fork.push(block_with_proof(parent, *proof, 99, &[]));
    }
    fork
}

#[test]
fn the_common_beginning_is_passed_over() {
    let chain = classic_chain(5, 7);
    let node = node_with(&chain);
    for common in 1..=5 {
        let fork = fork_of(&chain, common, 8);
        let (branch, length, weight) = read(&node, &body(&fork)).unwrap();
        assert_eq!(branch, hashes(&fork[common..]));
        assert_eq!((length, weight), (8, Weight::from(8)));
    }
}

#[test]
fn our_own_chain_or_its_beginning_brings_nothing() {
    let chain = classic_chain(5, 7);
    let node = node_with(&chain);
    for length in 1..=5 {
        let (branch, counted, weight) = read(&node, &body(&chain[..length])).unwrap();
        assert!(branch.is_empty());
        assert_eq!((counted, weight), (length as u64, Weight::from(length)));
    }
}

#[test]
fn a_chain_of_another_first_block_is_handed_out_whole() {
    let node = node_with(&classic_chain(5, 7));
    let foreign = classic_chain(3, 8);
    let (branch, length, _) = read(&node, &body(&foreign)).unwrap();
    assert_eq!(branch, hashes(&foreign));
    assert_eq!(length, 3, "whether it wins is not decided here");
}

#[test]
fn the_stated_length_proves_nothing() {
    let node = Driven::classic();
    let answer = body(&classic_chain(3, 7)).replace("\"length\": 3", "\"length\": 999");
    let (branch, length, weight) = read(&node, &answer).unwrap();
    assert_eq!((branch.len(), length, weight), (3, 3, Weight::from(3)));
}

#[test]
fn one_wrong_block_refuses_the_chain_wherever_it_stands() {
    let chain = classic_chain(6, 7);
    let node = node_with(&chain[..3]);
    for wrong in 2..=6 {
        let mut offered = chain.clone();
        let (parent, right) = (&chain[wrong - 2], &chain[wrong - 1]);
        offered[wrong - 1] = block_with_proof(parent, right.proof() + 1, 7, &[]);
        let error = read(&node, &body(&offered)).unwrap_err().to_string();
        let expected = format!(
            "the block in place {wrong} is not valid: \
             block {wrong}: proof {} does not solve the puzzle",
            right.proof() + 1
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn a_chain_begins_at_its_first_block_and_leaves_none_out() {
    let node = Driven::classic();
    let chain = classic_chain(4, 7);
    let place = |place: u64, why: &str| format!("the block in place {place} is not valid: {why}");
    let refused = |chain: &[Arc<Block>]| read(&node, &body(chain)).unwrap_err().to_string();
    let expected = place(1, "index: expected 1, found 2");
    assert_eq!(refused(&chain[1..]), expected);
    let gap = [chain[0].clone(), chain[2].clone()];
    let expected = place(2, "index: expected 2, found 3");
    assert_eq!(refused(&gap), expected);
    let two_first = [chain[0].clone(), first_block(8)];
    let expected = place(2, "index: expected 2, found 1");
    assert_eq!(refused(&two_first), expected);
    let foreign = [first_block(8), chain[1].clone()];
    let (named, expected) = (chain[0].hash(), foreign[0].hash());
    let why = format!("block 2: previous_hash: expected {expected}, found \"{named}\"");
    assert_eq!(refused(&foreign), place(2, &why));
}

#[test]
fn what_is_no_block_is_refused_with_its_place() {
    let node = Driven::classic();
    let first = String::from_utf8(first_block(7).text().to_vec()).unwrap();
    for (block, why) in [
        ("null", "expected a block, found null"),
        ("{}", "previous_hash: expected a hash, found nothing"),
    ] {
        let answer = format!("{{\"chain\": [{first}, {block}]}}");
        let error = read(&node, &answer).unwrap_err().to_string();
        let expected = format!("the block in place 2 is not valid: {why}");
        assert_eq!(error, expected);
    }
}

#[test]
fn an_empty_chain_is_none() {
    let node = Driven::classic();
    let error = read(&node, r#"{"chain": [], "length": 5}"#).unwrap_err();
    assert_eq!(error.to_string(), "the chain is empty");
}

#[test]
fn a_chain_that_breaks_off_is_refused_after_the_blocks_that_came() {
    let node = Driven::classic();
    let chain = classic_chain(3, 7);
    let answer = body(&chain);
    let rules = Arc::new(Classic::Published);
    let mut validation = ChainValidation::new(rules, ChainReader::of_answer());
    validation.feed(&answer.as_bytes()[..answer.len() - 40]);
    validation.end();
    for block in &chain[..2] {
        let found = validation.next_block(NOW, &node.archive).unwrap();
        assert_eq!(found.map(|found| found.hash()), Some(block.hash()));
    }
    let error = validation.next_block(NOW, &node.archive).unwrap_err();
    assert!(
        error.to_string().starts_with("the answer ends after"),
        "{error}"
    );
}

/// Blocks written by hand, with spaces, and keys out of order.
#[test]
fn an_answer_written_otherwise_is_the_same_chain() {
    let node = Driven::classic();
    let chain = classic_chain(3, 7);
    let value: serde_json::Value = serde_json::from_str(&body(&chain)).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let (branch, ..) = read(&node, &pretty).unwrap();
    assert_eq!(branch, hashes(&chain));
}

#[test]
fn the_later_rules_refuse_the_public_sequence() {
    let node = Driven::classic();
    let answer = body(&classic_chain(2, 7));
    let error = read_candidate(Classic::Of2018, &answer, &node.archive).unwrap_err();
    let expected = "the block in place 2 is not valid: \
        block 2: proof 35293 does not solve the puzzle";
    assert_eq!(error.to_string(), expected);
}

//! A locator finds where two chains part, as a naive search does, and names few
//! blocks; what follows it is checked from there on.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::sync::{
    ChainReader, ChainValidation, LOCATOR_LIMIT, Locator, LocatorError, ValidationError, heights,
};
use proptest::prelude::*;

use crate::world::{Driven, Workless, first_block, line_after, repeatable};

/// The same, step by step: ten blocks, then ever larger steps down.
fn naive_heights(length: u64) -> Vec<u64> {
    let (mut found, mut height, mut step) = (Vec::new(), i128::from(length), 1);
    while height > 1 && found.len() < LOCATOR_LIMIT - 1 {
        found.push(height as u64);
        if found.len() >= 10 {
            step *= 2;
        }
        height -= step;
    }
    if length > 0 {
        found.push(1);
    }
    found
}

/// A node with this many blocks, of which the first `common` are those of every other.
fn node(common: u64, length: u64, salt: u64) -> Driven {
    let mut node = Driven::workless();
    let common = line_after(&node.tip(), common - 1, 1_000);
    let tip = common.last().cloned().unwrap_or_else(|| node.tip());
    let own = line_after(&tip, length - common.len() as u64 - 1, salt);
    let all: Vec<_> = common.into_iter().chain(own).collect();
    if !all.is_empty() {
        node.adopt(&all);
    }
    assert_eq!(node.node.chain().length(), length);
    node
}

fn locator_of(node: &Driven) -> Locator {
    Locator::of_main_chain(node.node.chain().length(), &node.archive).unwrap()
}

#[test]
fn the_newest_blocks_are_named_one_by_one_and_older_ones_ever_further_apart() {
    let named = |length| heights(length).collect::<Vec<_>>();
    assert_eq!(named(0), [0; 0]);
    assert_eq!(named(1), [1]);
    assert_eq!(named(4), [4, 3, 2, 1]);
    let far = [
        9_991, 9_989, 9_985, 9_977, 9_961, 9_929, 9_865, 9_737, 9_481,
    ];
    assert_eq!(named(10_000)[9..18], far);
    assert_eq!(named(10_000).last(), Some(&1));
    assert_eq!(named(u64::MAX).len(), LOCATOR_LIMIT);
    assert_eq!(named(u64::MAX).last(), Some(&1));
}

proptest! {
    #![proptest_config(repeatable(256))]

    #[test]
    fn heights_are_those_of_a_naive_walk(length in prop_oneof![0..2_000_u64, any::<u64>()]) {
        let named: Vec<u64> = heights(length).collect();
        prop_assert_eq!(&named, &naive_heights(length));
        prop_assert!(named.len() <= LOCATOR_LIMIT);
        prop_assert!(named.is_sorted_by(|one, next| one > next));
    }
}

proptest! {
    #![proptest_config(repeatable(48))]

    #[test]
    fn it_finds_where_chains_part(common in 1..60_u64, ours in 0..40_u64, theirs in 0..40_u64) {
        let (ours, theirs) = (node(common, common + ours, 7), node(common, common + theirs, 8));
        let locator = locator_of(&theirs);
        let length = theirs.node.chain().length();
        let expected = naive_heights(length).into_iter().filter(|height| *height <= common).max();
        prop_assert_eq!(locator.highest_in_main_chain(&ours.archive).unwrap(), expected);
        // No more is sent twice than both lack together, and a bit.
        let above = length - common;
        prop_assert!(common - expected.unwrap() <= 2 * above + 10);
        prop_assert_eq!(locator.to_string().parse::<Locator>().unwrap(), locator);
    }
}

#[test]
fn what_is_no_locator_is_refused_and_none_names_no_block() {
    let none: Locator = "".parse().unwrap();
    assert!(none.is_empty());
    let ours = node(3, 5, 7);
    assert_eq!(none.highest_in_main_chain(&ours.archive).unwrap(), None);
    let hash = "ab".repeat(32);
    for text in [
        "0",
        ",",
        &format!("{hash},"),
        &hash.to_uppercase(),
        &format!("{hash} "),
    ] {
        let error = text.parse::<Locator>().unwrap_err();
        assert!(
            matches!(error, LocatorError::NotAHash(_)),
            "{text}: {error}"
        );
    }
    let many = vec![hash.as_str(); LOCATOR_LIMIT];
    let locator: Locator = many.join(",").parse().unwrap();
    assert_eq!(locator.highest_in_main_chain(&ours.archive).unwrap(), None);
    let more = format!("{},{hash}", many.join(","));
    assert_eq!(more.parse::<Locator>(), Err(LocatorError::TooLong));
}

#[test]
fn blocks_beside_the_main_chain_are_not_where_chains_part() {
    let mut node = node(3, 5, 7);
    let dropped = node.tip();
    let third = node.archive.main_hash(3).unwrap().unwrap();
    let third = node.archive.block(&third).unwrap().unwrap();
    node.adopt(&line_after(&third, 4, 9));
    let both: Locator = format!("{},{}", dropped.hash(), third.hash())
        .parse()
        .unwrap();
    assert_eq!(both.highest_in_main_chain(&node.archive).unwrap(), Some(3));
    let only = Locator::of_block(dropped.hash());
    assert_eq!(only.highest_in_main_chain(&node.archive).unwrap(), None);
}

/// Reads these blocks as an answer to a question about these.
fn read(
    validation: &mut ChainValidation,
    blocks: &[Arc<Block>],
    ours: &Driven,
) -> Result<Vec<Hash>, ValidationError> {
    for block in blocks {
        validation.feed(block.text());
        validation.feed(b"\n");
    }
    validation.end();
    let (now, mut found) = (Duration::from_secs(1_700_000_000), Vec::new());
    while let Some(block) = validation.next_block(now, &ours.archive)? {
        found.push(block.hash());
    }
    Ok(found)
}

fn behind(ours: &Driven) -> ChainValidation {
    let rules = Arc::new(Workless);
    ChainValidation::behind(rules, ChainReader::of_lines(), locator_of(ours))
}

#[test]
fn a_chain_is_weighed_from_a_block_of_ours_on_over_many_answers() {
    let (ours, theirs) = (node(4, 6, 7), node(4, 9, 8));
    let theirs: Vec<_> = theirs
        .archive
        .main()
        .map(|block| Arc::new(block.as_received()))
        .collect();
    let mut validation = behind(&ours);
    let first = read(&mut validation, &theirs[3..6], &ours).unwrap();
    // Block 4 is ours as well.
    assert_eq!(first, [theirs[4].hash(), theirs[5].hash()]);
    assert_eq!(validation.so_far().length, 6);
    assert!(
        !validation
            .so_far()
            .outweighs(ours.node.chain().total_weight())
    );
    validation.go_on(ChainReader::of_lines());
    let rest = read(&mut validation, &theirs[6..], &ours).unwrap();
    assert_eq!(rest.len(), 3);
    assert_eq!(validation.block_count(), 6);
    let seen = validation.seen().unwrap();
    assert_eq!(
        (seen.length, seen.common),
        (Some(9), Some(theirs[3].hash()))
    );
    assert!(
        validation
            .so_far()
            .outweighs(ours.node.chain().total_weight())
    );
}

#[test]
fn an_answer_goes_on_from_a_block_that_was_named_and_then_without_a_gap() {
    let ours = node(4, 30, 7);
    let line = line_after(&ours.tip(), 4, 9);
    let refused = |validation: &mut ChainValidation, blocks: &[Arc<Block>]| {
        let error = read(validation, blocks, &ours).unwrap_err();
        let refusal = error.refusal().unwrap();
        (refusal.height, refusal.rule)
    };
    // It stands behind a block that nobody named, whether it is ours or not.
    assert_eq!(refused(&mut behind(&ours), &line[1..]), (None, "chain"));
    let hidden = (2..30).find(|height| heights(30).all(|named| named != *height));
    let hidden = ours.archive.main_hash(hidden.unwrap()).unwrap().unwrap();
    let hidden = ours.archive.block(&hidden).unwrap().unwrap();
    assert_eq!(
        refused(&mut behind(&ours), &line_after(&hidden, 1, 9)),
        (None, "chain")
    );
    // A gap, and a block that comes again, within an answer and between two.
    let gap = [line[0].clone(), line[2].clone()];
    assert_eq!(refused(&mut behind(&ours), &gap), (Some(32), "index"));
    let again = [line[0].clone(), line[0].clone()];
    assert_eq!(refused(&mut behind(&ours), &again), (Some(32), "index"));
    let mut validation = behind(&ours);
    read(&mut validation, &line[..2], &ours).unwrap();
    validation.go_on(ChainReader::of_lines());
    assert_eq!(refused(&mut validation, &line[..2]), (Some(33), "index"));
    // A whole chain of another kind is read from its first block on.
    let other = first_block(99);
    let whole: Vec<_> = [vec![other.clone()], line_after(&other, 2, 5)].concat();
    let mut validation = behind(&ours);
    assert_eq!(read(&mut validation, &whole, &ours).unwrap().len(), 3);
    assert_eq!(validation.seen().unwrap().common, None);
    // What is no block has no place.
    let mut validation = behind(&ours);
    validation.feed(b"{}\n");
    let error = validation
        .next_block(Duration::ZERO, &ours.archive)
        .unwrap_err();
    assert!(matches!(error, ValidationError::First(_)), "{error}");
}

//! What is known of branches before their blocks have come: what they are worth,
//! how much of them is kept, and what is never asked for again.

use std::time::Duration;

use adit_core::chain::outweighs;
use adit_core::hash::Hash;
use adit_net::branch::KnownHeader;
use adit_net::header_tree::{FUTURE_HEADERS_LIMIT, HeadersError};
use proptest::prelude::*;

use crate::world::{Dice, Grove, LATER, START_MS, next_header, records, repeatable, run_behind};

#[test]
fn headers_prove_what_a_branch_is_worth_before_a_body_has_come() {
    let mut grove = Grove::new(16);
    let genesis = grove.genesis();
    let slow = run_behind(&grove.rules, grove.place(genesis), 40, 20_000, 0);
    let fast = run_behind(&grove.rules, grove.place(genesis), 40, 5_000, 1_000);
    grove.take(LATER, genesis, &slow);
    assert_eq!(grove.tree.best(), slow.last());
    // As long, but found faster, so that its targets were smaller.
    grove.take(LATER, genesis, &fast);
    let best = *grove.tree.best().unwrap();
    assert_eq!(Some(&best), fast.last());
    assert!(outweighs(best.total_weight, slow[39].total_weight));
    assert_eq!(grove.tree.branch_to(&best.hash()), fast);
}

#[test]
fn of_two_branches_of_one_weight_the_first_seen_is_the_best() {
    let mut grove = Grove::new(1);
    let genesis = grove.genesis();
    let first = run_behind(&grove.rules, grove.place(genesis), 5, 10_000, 0);
    let second = run_behind(&grove.rules, grove.place(genesis), 5, 10_000, 100);
    grove.take(LATER, genesis, &first);
    grove.take(LATER, genesis, &second);
    assert_eq!(grove.tree.best(), first.last());
    // The first turns out to be invalid in its middle.
    let refused = grove.tree.invalidate(first[2].hash());
    assert_eq!(refused.len(), 3);
    assert_eq!(grove.tree.best(), second.last());
}

#[test]
fn what_was_refused_is_refused_again_and_all_that_stands_behind_it() {
    let mut grove = Grove::new(1);
    let genesis = grove.genesis();
    let run = run_behind(&grove.rules, grove.place(genesis), 10, 10_000, 0);
    grove.take(LATER, genesis, &run[..8]);
    let behind = run_behind(&grove.rules, grove.place(run[7].hash()), 2, 10_000, 50);
    grove.tree.invalidate(run[4].hash());
    assert_eq!(grove.tree.best(), Some(&run[3]));
    for (start, headers) in [
        (genesis, &run[..]),
        (run[4].hash(), &run[5..]),
        (run[7].hash(), &behind),
    ] {
        let error = grove.tree.check(start, &records(headers), &grove.archive);
        assert!(
            matches!(error, Err(HeadersError::KnownInvalid { .. })),
            "{error:?}"
        );
    }
    // What stands beside it is as good as ever.
    let beside = run_behind(&grove.rules, grove.place(run[3].hash()), 9, 10_000, 70);
    grove.take(LATER, run[3].hash(), &beside);
    assert_eq!(grove.tree.best(), beside.last());
}

#[test]
fn headers_behind_an_unknown_block_are_orphans() {
    let grove = Grove::new(1);
    let start = Hash([7; 32]);
    let error = grove.tree.check(start, &[], &grove.archive).unwrap_err();
    assert!(
        matches!(error, HeadersError::Orphan { start: found } if found == start),
        "{error}"
    );
}

#[test]
fn a_header_ahead_of_the_clock_waits_for_its_time_and_its_children_with_it() {
    let mut grove = Grove::new(1);
    let genesis = grove.genesis();
    let now = Duration::from_millis(START_MS);
    let mut place = grove.place(genesis);
    let due = next_header(&grove.rules, &mut place, 30_000, 0);
    let early = next_header(&grove.rules, &mut place, 100_000, 1);
    let child = next_header(&grove.rules, &mut place, 1, 2);
    let inserted = grove.take(now, genesis, &[due, early, child]);
    assert_eq!((inserted.new, inserted.early), (vec![due], 2));
    assert_eq!(grove.tree.best(), Some(&due));
    assert!(grove.tree.advance(now).is_empty());
    let next = grove.tree.next_due().unwrap();
    assert_eq!(next, grove.rules.valid_from(&early.fields));
    let later = next + Duration::from_secs(1);
    assert_eq!(grove.tree.advance(later), [early, child]);
    assert_eq!(grove.tree.best(), Some(&child));
    assert_eq!(grove.tree.next_due(), None);
}

#[test]
fn only_a_bounded_number_of_headers_waits_for_its_time() {
    let mut grove = Grove::new(1);
    let genesis = grove.genesis();
    let count = FUTURE_HEADERS_LIMIT as u64 + 5;
    let run = run_behind(&grove.rules, grove.place(genesis), count, 100_000, 0);
    let inserted = grove.take(Duration::from_millis(START_MS), genesis, &run);
    assert_eq!(inserted.early, FUTURE_HEADERS_LIMIT);
    assert_eq!(inserted.left_out, 5);
    assert_eq!(grove.tree.len(), FUTURE_HEADERS_LIMIT);
}

#[test]
fn a_full_tree_keeps_its_best_branch_and_takes_more_when_bodies_have_come() {
    let mut grove = Grove::new(1);
    grove.tree.limit_headers(50);
    let genesis = grove.genesis();
    for salt in [1_000, 2_000] {
        let beside = run_behind(&grove.rules, grove.place(genesis), 10, 10_000, salt);
        assert_eq!(grove.take(LATER, genesis, &beside).left_out, 0);
    }
    let long = run_behind(&grove.rules, grove.place(genesis), 60, 10_000, 0);
    // The first ten of its kind are the best branch, and all others leave.
    let inserted = grove.take(LATER, genesis, &long);
    assert_eq!(grove.tree.len(), 50);
    assert_eq!(inserted.left_out, 20);
    assert_eq!(grove.tree.best(), Some(&long[39]));
    grove.tree.invalidate(long[0].hash());
    assert!(grove.tree.len() <= 10);
}

#[test]
fn a_body_that_has_come_makes_room() {
    let mut grove = Grove::new(1);
    let genesis = grove.genesis();
    let run = run_behind(&grove.rules, grove.place(genesis), 3, 10_000, 0);
    grove.take(LATER, genesis, &run);
    for header in &run {
        grove.tree.block_has_come(&header.hash());
    }
    assert!(grove.tree.is_empty());
    assert_eq!(grove.tree.best(), None);
}

/// The best header by a naive model: all of them, in the order in which they
/// came, without those that were refused and what stands behind them.
fn best_of(seen: &[KnownHeader], refused: &[Hash]) -> Option<Hash> {
    let mut best: Option<&KnownHeader> = None;
    let mut bad = refused.to_vec();
    for header in seen {
        let hash = header.hash();
        if bad.contains(&hash)
            || header
                .fields
                .parent
                .is_some_and(|parent| bad.contains(&parent))
        {
            bad.push(hash);
            continue;
        }
        if best.is_none_or(|best| header.total_weight > best.total_weight) {
            best = Some(header);
        }
    }
    best.map(KnownHeader::hash)
}

proptest! {
    #![proptest_config(repeatable(64))]

    #[test]
    fn the_best_header_is_that_of_a_naive_model(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut grove = Grove::new(1);
        let mut seen: Vec<KnownHeader> = Vec::new();
        let mut refused = Vec::new();
        for salt in 0..60 {
            let start = match seen.len() as u64 {
                0 => grove.genesis(),
                count => seen[dice.below(count) as usize].hash(),
            };
            if dice.below(12) == 0 && !seen.is_empty() {
                refused.push(start);
                grove.tree.invalidate(start);
            } else if let Some(place) = grove.tree.place(&start, &grove.archive).unwrap() {
                let (count, wait_ms) = (1 + dice.below(4), 1 + dice.below(30_000));
                let run = run_behind(&grove.rules, place, count, wait_ms, salt * 100);
                grove.take(LATER, start, &run);
                seen.extend(run);
            }
            let best = grove.tree.best().map(KnownHeader::hash);
            prop_assert_eq!(best, best_of(&seen, &refused));
        }
    }
}

//! The campaign of faults: whole networks that are treated badly come to one chain
//! on which nothing is lost, and a case that fails is made small.

use std::time::Duration;

use adit_core::hash::Hash;
use adit_lab::faults::{Case, FAULTS, Failure, Fault, run, shrink};

/// Few, because they run unoptimised here; CONTRIBUTING.md says how to run many.
const SEEDS: std::ops::Range<u64> = 1_000..1_006;

#[test]
fn nothing_is_lost_whatever_breaks() {
    let (mut reorganisations, mut acknowledged) = (0, 0);
    for seed in SEEDS {
        let case = Case::of_seed(seed);
        let passed = run(&case);
        let passed = passed.unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
        reorganisations += passed.reorganisations;
        acknowledged += passed.acknowledged;
    }
    assert!(
        reorganisations > 50 && acknowledged > 200,
        "only {reorganisations} reorganisations, {acknowledged} acknowledged: nothing was shown"
    );
}

/// Frozen, so that a build that is optimised otherwise is seen to do the same.
#[test]
fn one_seed_is_one_history_in_every_build() {
    let case = Case::of_seed(2_017);
    let [first, second] = [(); 2].map(|()| Hash(run(&case).unwrap().trace).to_string());
    assert_eq!(first, second);
    assert_eq!(
        first,
        "3ce07fb3a49221b04af2f952ef1747989ffeaa3319a20b3e3b83ef60478122bf"
    );
}

#[test]
fn each_class_of_faults_is_there_in_some_seeds_and_missing_in_others() {
    for fault in FAULTS {
        let with = (0..100)
            .filter(|seed| Case::of_seed(*seed).has(fault))
            .count();
        assert!((40..95).contains(&with), "{fault:?} in {with} of 100");
    }
    let liars = (0..100)
        .map(Case::of_seed)
        .map(|case| (case.liars(), case.nodes));
    assert!(
        liars
            .into_iter()
            .all(|(liars, nodes)| liars * 4 <= nodes.max(4))
    );
}

/// What is needed to fail stays, and all else goes.
#[test]
fn a_case_is_shrunk_to_what_it_needs() {
    let case = Case {
        seed: 7,
        nodes: 7,
        faults: FAULTS.to_vec(),
        deeds: 300,
        skipped: vec![3],
    };
    let failure = Failure {
        after: Duration::from_secs(9),
        what: "two deeds meet".to_owned(),
    };
    let fails = |case: &Case| {
        let happens = |deed: u64| deed < case.deeds && !case.skipped.contains(&deed);
        let fails = happens(17) && happens(140) && case.has(Fault::Crashes) && case.nodes >= 4;
        fails.then(|| failure.clone())
    };
    let shrunk = shrink(case, failure.clone(), fails).case;
    assert_eq!((shrunk.nodes, shrunk.deeds), (4, 141));
    assert_eq!(shrunk.faults, [Fault::Crashes]);
    let left: Vec<u64> = (0..shrunk.deeds)
        .filter(|deed| !shrunk.skipped.contains(deed))
        .collect();
    assert_eq!(left, [17, 140]);
    assert!(
        shrunk.to_test().contains("fn seed_7()"),
        "{}",
        shrunk.to_test()
    );
}

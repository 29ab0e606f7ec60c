//! Every experiment, small: it agrees with theory, on any number of threads.

use std::collections::BTreeMap;

use adit_lab::experiments::{EXPERIMENTS, by_name};
use adit_lab::page;
use adit_lab::report::{Measured, Report, Verdict};
use adit_lab::run::{LabError, Run};
use adit_lab::settings::Values;

fn run_with(
    name: &str,
    given: &[(&str, &str)],
    trials: u64,
    threads: usize,
) -> Result<Report, LabError> {
    let given: BTreeMap<String, String> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let run = Run {
        seed: 2009,
        trials: Some(trials),
        precision: None,
        threads,
        progress: &|_, _| true,
    };
    by_name(name)?.run(&given, &run)
}

fn run(name: &str, given: &[(&str, &str)], trials: u64) -> Report {
    let report = run_with(name, given, trials, 2).unwrap();
    assert!(report.passes(), "{name}: {}", report.comparison().to_text());
    report
}

fn result<'a>(report: &'a Report, name: &str) -> &'a Measured {
    let mut results = report.results.iter();
    results.find(|one| one.name == name).unwrap()
}

#[test]
fn payments_are_undone_as_often_as_the_exact_law_says() {
    run("double-spend", &[], 400);
    run(
        "double-spend",
        &[
            ("beforehand", "1"),
            ("attacker", "0.1"),
            ("confirmations", "1"),
        ],
        400,
    );
    run(
        "double-spend",
        &[("beforehand", "1"), ("kappa", "0.5")],
        400,
    );
    let report = run(
        "double-spend",
        &[("attacker", "0"), ("confirmations", "2")],
        50,
    );
    assert_eq!(report.results[0].measured, Some(0.0));
    let report = run(
        "double-spend",
        &[("confirmations", "0"), ("beforehand", "1")],
        50,
    );
    assert_eq!(report.results[0].measured, Some(1.0));
}

#[test]
fn another_definition_is_told_apart() {
    let report = run("double-spend", &[], 1_500);
    let other = result(&report, "with one block beforehand");
    assert_eq!(other.verdict, Verdict::Refused);
}

#[test]
fn confirmations_are_found_in_two_ways() {
    let report = run("finality", &[], 200);
    assert_eq!(
        result(&report, "confirmations, nothing beforehand").measured,
        Some(4.0)
    );
    run("finality", &[("attacker", "0.5")], 50);
}

#[test]
fn who_keeps_blocks_back_earns_what_the_chains_of_states_say() {
    run("selfish", &[], 5_000);
    run("selfish", &[("gamma", "0")], 3_000);
    run("selfish", &[("gamma", "1"), ("attacker", "0.2")], 3_000);
    run(
        "selfish",
        &[("strategy", "lead-fork"), ("attacker", "0.3")],
        3_000,
    );
    run(
        "selfish",
        &[("strategy", "lead-trail"), ("attacker", "0.3")],
        3_000,
    );
    run(
        "selfish",
        &[
            ("strategy", "optimal"),
            ("attacker", "0.36"),
            ("gamma", "0"),
        ],
        3_000,
    );
}

#[test]
fn delays_cost_blocks() {
    run("forks", &[], 4_000);
    run("forks", &[("miners", "many")], 4_000);
    run("rival", &[("nodes", "8"), ("delay", "2")], 400);
    run("private-chain", &[], 4_000);
}

#[test]
fn majorities_and_eclipses_go_as_the_walk_says() {
    run("majority", &[], 200);
    run("eclipse", &[("confirmations", "1")], 100);
}

#[test]
fn stamps_and_targets_follow_the_rules() {
    run("intervals", &[], 5_000);
    run("stamps", &[], 1);
    run("stamps", &[("lie", "0"), ("half-life", "2")], 1);
    run("target", &[("half-life", "5"), ("step", "2")], 100);
}

#[test]
fn news_and_payments_get_around() {
    run("gossip", &[("nodes", "16")], 200);
    run(
        "gossip",
        &[("nodes", "100"), ("peers", "4"), ("links", "constant")],
        5,
    );
    run("fees", &[("capacity", "4"), ("load", "0.3")], 1_000);
    run("partition", &[], 100);
    run(
        "net",
        &[
            ("nodes", "12"),
            ("blocks", "4"),
            ("split", "20"),
            ("attack", "silent"),
        ],
        1,
    );
}

#[test]
fn a_chain_of_the_tutorial_is_forged_for_nothing() {
    let report = run("forge", &[("length", "130")], 50);
    let guesses = result(&report, "guesses for all of them, once");
    assert_eq!(guesses.measured, Some(6_736_149.0));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for name in ["double-spend", "selfish", "gossip"] {
        let [one, two] = [1, 2].map(|threads| run_with(name, &[], 300, threads).unwrap());
        assert_eq!(one.results, two.results, "{name}");
        assert_eq!(one.tables, two.tables, "{name}");
        let experiment = by_name(name).unwrap();
        let [one, two] = [one, two].map(|report| page::of(experiment, &report, "", "", 0));
        assert_eq!(one, two, "{name}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let said =
        |name: &str, given: &[(&str, &str)]| run_with(name, given, 50, 1).unwrap_err().to_string();
    let error = said("double-spend", &[("attacker", "1.5")]);
    assert_eq!(error, "attacker: expected a number from 0 to 1, found 1.5");
    assert_eq!(
        said("double-spend", &[("attacker", "NaN")]),
        "attacker: expected a number from 0 to 1, found NaN"
    );
    assert_eq!(
        said("selfish", &[("strategy", "best")]),
        "strategy: expected one of sm1, lead, fork, lead-fork, trail, lead-trail, optimal, found best"
    );
    assert!(said("gossip", &[("peers", "3")]).starts_with("peers: expected an even number"));
    assert!(
        said("nothing", &[])
            .starts_with("there is no experiment nothing; there are double-spend, ")
    );
}

#[test]
fn every_default_can_be_read_and_every_explanation_fits_half_a_page() {
    for experiment in EXPERIMENTS {
        Values::read(experiment.settings, &BTreeMap::new()).unwrap();
        let lines = experiment.explanation.lines();
        assert!(lines.clone().count() <= 40, "{}", experiment.name);
        for line in lines {
            assert!(line.chars().count() <= 96, "{}: {line}", experiment.name);
        }
    }
}

#[test]
fn somebody_can_stop_it() {
    let run = Run {
        seed: 1,
        trials: Some(1_000_000),
        precision: None,
        threads: 2,
        progress: &|_, _| false,
    };
    let stopped = by_name("intervals").unwrap().run(&BTreeMap::new(), &run);
    assert!(matches!(stopped, Err(LabError::Stopped)));
}

//! Times when no block of our own can be taken: because the tip is ahead of the
//! clock, because nobody can be rewarded, or because of what waits. The node
//! neither spins nor stops.

use std::sync::Arc;
use std::time::Duration;

use adit_core::mempool::{Origin, Pending};
use adit_core::mining::{Job, MINE_PATIENCE_MS, PAUSE_LIMIT_MS, REFUSED_PAUSE_MS};
use adit_core::node::{Answer, Effect, Input, Node, Timer};
use adit_core::rules::Rules;
use adit_core::sealed::Params;

use crate::sealed_node::{Town, miner_config, params, texts};
use crate::world::{Driven, answers_in, config, job_in, paid_in};

/// The greatest reward that a chain may have: after 2,048 of them an account
/// has nearly all that can be counted.
const REWARD: u64 = (1 << 53) - 1;

fn alarm(effects: &[Effect]) -> Option<Duration> {
    let mut alarms = effects.iter().filter_map(|effect| match effect {
        Effect::SetTimer(Timer::Resume, at) => Some(*at),
        _ => None,
    });
    let alarm = alarms.next();
    assert_eq!(alarms.next(), None, "{effects:?}");
    alarm
}

fn rule(effects: &[Effect]) -> Option<&'static str> {
    effects.iter().find_map(|effect| match effect {
        Effect::Refused(error) => Some(error.rule()),
        _ => None,
    })
}

fn resume(town: &mut Town, at: Duration) -> Vec<Effect> {
    town.node.now = at;
    town.node.handle(Input::Timer(Timer::Resume))
}

/// Sets the clock back, so that no block is valid for that long. Returns when
/// that is over.
fn set_back(town: &mut Town, wait: Duration) -> Duration {
    let genesis = town.genesis();
    let tip = town.block(&genesis, town.ahead_ms(), &[]);
    town.hear(&tip);
    assert_eq!(town.node.tip(), tip);
    let time_ms = tip.sealed().unwrap().header.timestamp_ms;
    let over_ms = time_ms + 1 - town.rules.params().future_limit_ms;
    town.node.now = Duration::from_millis(over_ms) - wait;
    Duration::from_millis(over_ms)
}

#[test]
fn behind_a_tip_of_the_future_no_proof_is_searched_until_a_block_can_be_taken() {
    let mut town = Town::new();
    let over = set_back(&mut town, Duration::from_secs(30));
    // Requests that would wait long are told so, and one alarm is set.
    let request = town.node.request();
    let effects = town.node.handle(Input::Mine(request));
    assert_eq!(
        (job_in(&effects).is_none(), alarm(&effects)),
        (true, Some(over))
    );
    let answers = answers_in(effects);
    assert!(
        matches!(&answers[..], [(_, Answer::HeldUp(held_up))] if held_up.until == over),
        "{answers:?}"
    );
    let request = town.node.request();
    let effects = town.node.handle(Input::Mine(request));
    assert_eq!(alarm(&effects), None, "it is set already");
    assert_eq!(answers_in(effects).len(), 1);
    assert!(resume(&mut town, over).is_empty(), "nobody waits any more");
    assert_eq!(town.node.mine().height(), 3);
}

#[test]
fn who_would_wait_a_moment_for_the_clock_waits() {
    let mut town = Town::new();
    let over = set_back(&mut town, Duration::from_millis(MINE_PATIENCE_MS));
    let request = town.node.request();
    let effects = town.node.handle(Input::Mine(request));
    assert_eq!(alarm(&effects), Some(over));
    assert!(matches!(effects[..], [Effect::SetTimer(..)]), "{effects:?}");
    let early = over - Duration::from_millis(1);
    assert_eq!(alarm(&resume(&mut town, early)), Some(over));
    let job = job_in(&resume(&mut town, over)).expect("a block can be made now");
    let answers = answers_in(town.node.finish(&job));
    assert!(
        matches!(&answers[..], [(to, Answer::Mined(_))] if *to == request),
        "{answers:?}"
    );
}

#[test]
fn a_clock_that_is_set_right_is_looked_at_within_a_minute() {
    let mut town = Town::new();
    set_back(&mut town, Duration::from_secs(36_000));
    let (now, request) = (town.node.now, town.node.request());
    let effects = town.node.handle(Input::Mine(request));
    assert_eq!(
        alarm(&effects),
        Some(now + Duration::from_millis(PAUSE_LIMIT_MS))
    );
}

/// A chain on which person 4 has nearly all that can be counted, and a node on
/// it that rewards somebody.
fn town_of_a_miser(reward_to: usize) -> Town {
    let params = Params {
        reward: REWARD,
        ..params()
    };
    let mut town = Town::with(params, miner_config());
    town.node.now += Duration::from_secs(100_000);
    for _ in 0..2_048 {
        // Slow blocks stay easy.
        town.node.now += Duration::from_secs(20);
        town.node.mine();
    }
    assert_eq!(town.account(4).balance, u64::MAX - 2_047);
    let archive = std::mem::take(&mut town.node.archive);
    let config = config(&town.keys[reward_to].address.to_string());
    let length = archive.main().count() as u64;
    let rules = town.rules.clone();
    let node = Node::open(config, rules, length, Vec::new(), Vec::new(), &archive);
    let now = town.node.now;
    town.node = Driven::around(node.unwrap(), archive);
    town.node.now = now;
    town
}

fn refuse(town: &mut Town, job: &Job) -> Vec<Effect> {
    let effects = town.node.finish(job);
    assert_eq!(rule(&effects), Some("overflow"), "{effects:?}");
    effects
}

#[test]
fn where_nobody_can_be_rewarded_the_pauses_grow_and_who_waits_is_told_why() {
    let mut town = town_of_a_miser(4);
    let (request, job) = town.node.want_block();
    let again = job_in(&refuse(&mut town, &job.unwrap()));
    let mut job = again.expect("the first time another is tried at once");
    let mut pauses = Vec::new();
    let mut told = Vec::new();
    for _ in 0..10 {
        let now = town.node.now;
        let effects = refuse(&mut town, &job);
        assert!(job_in(&effects).is_none(), "{effects:?}");
        let until = alarm(&effects).expect("it goes on");
        pauses.push((until - now).as_millis() as u64 / REFUSED_PAUSE_MS);
        told.extend(answers_in(effects));
        // During the pause nobody waits in vain either.
        town.node.now = now;
        let asked = town.node.request();
        let effects = town.node.handle(Input::Mine(asked));
        assert!(job_in(&effects).is_none());
        let answers = answers_in(effects);
        told.extend(answers);
        if told.iter().any(|(to, _)| *to == asked) {
            let asked = town.node.request();
            town.node.now = until;
            let effects = town.node.handle(Input::Mine(asked));
            job = job_in(&effects).expect("the pause is over");
            town.node.handle(Input::Timer(Timer::Resume));
        } else {
            job = job_in(&resume(&mut town, until)).expect("the pause is over");
        }
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    let (to, Answer::HeldUp(held_up)) = &told[0] else {
        panic!("expected a reason, found {told:?}");
    };
    assert_eq!(*to, request);
    assert!(held_up.why.contains("above 2^64-1"), "{}", held_up.why);
}

#[test]
fn what_no_account_could_hold_does_not_wait() {
    let mut town = town_of_a_miser(3);
    let to_the_brim = town.pay(0, 4, 0, 2_047, 10);
    let too_much = town.pay(0, 4, 0, 2_048, 10);
    let request = town.node.request();
    let submitted = town.rules.read_transaction(&too_much).unwrap();
    let effects = town
        .node
        .handle(Input::Transaction(request, submitted.clone()));
    let [(_, Answer::Rejected(error))] = &answers_in(effects)[..] else {
        panic!("it may not wait");
    };
    assert_eq!(error.rule(), "overflow");
    assert!(error.to_string().contains("at most 2047"), "{error}");
    town.submit_all(std::slice::from_ref(&to_the_brim));
    assert_eq!(paid_in(&town.node.mine()), texts(&[to_the_brim]));
    // What a version before accepted, or what was evicted, does not come back.
    let archive = std::mem::take(&mut town.node.archive);
    let length = archive.main().count() as u64;
    let kept = vec![Pending {
        text: Arc::clone(submitted.text()),
        origin: Origin::Accepted,
    }];
    let config = config(&town.keys[3].address.to_string());
    let node = Node::open(
        config,
        town.rules.clone(),
        length,
        Vec::new(),
        kept,
        &archive,
    );
    let mut node = node.unwrap();
    node.replayed(town.node.now, &archive).unwrap();
    assert!(node.mempool().is_empty());
}

#[test]
fn a_transaction_that_no_block_can_take_leaves_and_the_rest_is_mined() {
    let mut town = town_of_a_miser(3);
    // Together they are more than the miser has room for.
    let [first, bad, next, good] = [
        town.pay(1, 4, 0, 1_500, 20),
        town.pay(0, 4, 0, 1_500, 10),
        town.pay(0, 2, 1, 7, 20),
        town.pay(1, 2, 1, 7, 5),
    ];
    town.submit_all(&[first.clone(), bad.clone(), next.clone(), good.clone()]);
    let (request, job) = town.node.want_block();
    let effects = town.node.finish(&job.unwrap());
    let evicted: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Evicted(id, error) => Some((*id, error.rule())),
            _ => None,
        })
        .collect();
    let bad_id = town.rules.read_transaction(&bad).unwrap().id().unwrap();
    assert_eq!(evicted, [(bad_id, "overflow")]);
    assert_eq!(rule(&effects), None);
    let job = job_in(&effects).expect("the search goes on at once");
    let effects = town.node.finish(&job);
    assert!(matches!(&answers_in(effects)[..], [(to, Answer::Mined(_))] if *to == request));
    assert_eq!(paid_in(&town.node.tip()), texts(&[first, good]));
    // What waited behind it waits for another in its place.
    assert_eq!(town.waiting(), texts(std::slice::from_ref(&next)));
    let other = town.pay(0, 2, 0, 5_000, 10);
    town.submit_all(std::slice::from_ref(&other));
    assert_eq!(paid_in(&town.node.mine()), texts(&[other, next]));
}

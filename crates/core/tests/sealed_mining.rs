//! How a node of a sealed chain makes blocks: at once on a chain to develop on,
//! with what came last, and for nobody without an address.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, Change};
use adit_core::block::Block;
use adit_core::mining::{DRAFT_AGE_MS, Job};
use adit_core::node::{Answer, Config, Effect, Input, Timer};
use adit_core::rules::Rules;

use crate::sealed_node::{Town, alarms, miner_config, paid, params, texts};
use crate::world::{answers_in, config, job_in, only_answer};

fn at_once() -> Config {
    Config {
        mine_at_once: true,
        ..miner_config()
    }
}

#[test]
fn on_a_chain_to_develop_on_each_transaction_is_in_a_block_at_once() {
    let mut town = Town::with(params(), at_once());
    for nonce in 0..3 {
        let text = town.pay(0, 2, nonce, 10, 1);
        let effects = town.told(&text);
        let [
            Effect::Made(block),
            Effect::Announce(_),
            Effect::Answer(_, Answer::Accepted { block_height }),
        ] = &effects[..]
        else {
            panic!("expected a block and an answer, found {effects:?}");
        };
        assert_eq!((block.height(), *block_height), (nonce + 2, nonce + 2));
        assert_eq!(paid(block), texts(&[text]));
        assert_eq!(town.length(), nonce + 2);
        assert!(town.waiting().is_empty());
    }
    // One that lacks another before it makes none, until that one comes.
    let [first, second] = [3, 4].map(|nonce| town.pay(0, 2, nonce, 10, 1));
    town.submit_all(std::slice::from_ref(&second));
    assert_eq!((town.length(), town.waiting().len()), (4, 1));
    town.submit_all(std::slice::from_ref(&first));
    assert_eq!(paid(&town.node.tip()), texts(&[first, second]));
    let refused = town.submit(&town.pay(1, 2, 0, 90_000, 1));
    assert!(matches!(refused, Answer::Rejected(_)));
    assert_eq!(town.length(), 5);
}

#[test]
fn a_transaction_is_kept_before_its_block_and_both_before_the_answer() {
    let mut town = Town::with(params(), at_once());
    let text = town.pay(0, 2, 0, 10, 1);
    let request = town.node.request();
    let submitted = town.rules.read_transaction(&text).unwrap();
    let input = Input::Transaction(request, submitted);
    let node = &mut town.node;
    let effects = node.node.handle(node.now, input, &node.archive).unwrap();
    assert!(matches!(
        effects[..],
        [
            Effect::Persist(Change::Transaction(_)),
            Effect::Persist(Change::Block { .. }),
            Effect::Made(_),
            Effect::Announce(_),
            Effect::Answer(..),
        ]
    ));
}

#[test]
fn a_chain_begins_anew_as_on_its_first_day() {
    let mut town = Town::with(params(), at_once());
    let text = town.pay(0, 2, 0, 10, 1);
    let gap = town.pay(0, 2, 7, 10, 1);
    let (now, first_day) = (town.node.now, town.node.main_hashes());
    for _ in 0..3 {
        // At the same time: the same blocks.
        town.node.now = now;
        town.submit_all(&[text.clone(), gap.clone()]);
        assert_eq!((town.length(), town.waiting().len()), (2, 1));
        assert_eq!(town.account(2).balance, 10);
        let request = town.node.request();
        let effects = town.node.handle(Input::Rewind(request));
        assert!(matches!(effects[..], [Effect::Answer(_, Answer::Rewound)]));
        assert_eq!(town.node.main_hashes(), first_day);
        assert!(town.waiting().is_empty());
        assert_eq!((town.account(0).nonce, town.account(4).balance), (0, 0));
        assert_eq!(town.node.archive.sum_of_balances(), town.rules.issued(1));
    }
}

#[test]
fn a_search_that_runs_does_not_bring_back_what_was_forgotten() {
    let mut town = Town::new();
    town.submit_all(&[town.pay(0, 2, 0, 10, 1)]);
    town.node.mine();
    town.submit_all(&[town.pay(0, 2, 1, 10, 1)]);
    let (waiting, old) = town.node.want_block();
    let genesis = town.genesis();
    let early = town.block(&genesis, 10_000_000, &[]);
    town.hear(&early);
    let request = town.node.request();
    let effects = town.node.handle(Input::Rewind(request));
    let new = job_in(&effects).expect("the search starts over");
    assert!(town.node.finish(&old.unwrap()).is_empty());
    let answers = answers_in(town.node.finish(&new));
    let [(request, Answer::Mined(block))] = &answers[..] else {
        panic!("expected a block, found {answers:?}");
    };
    assert_eq!((*request, block.height()), (waiting, 2));
    assert!(paid(block).is_empty());
    town.node.now += Duration::from_secs(20_000);
    assert!(town.node.handle(Input::Timer(Timer::Retry)).is_empty());
    let early = town.node.archive.entry(&early.hash()).unwrap();
    assert_eq!(early, None, "a block that was held is forgotten too");
}

#[test]
fn without_an_address_that_is_rewarded_no_block_is_made() {
    for mine_at_once in [false, true] {
        let nobody = Config {
            mine_every: Some(Duration::ZERO),
            mine_at_once,
            ..config("somebody")
        };
        let mut town = Town::with(params(), nobody);
        let request = town.node.request();
        let answer = only_answer(town.node.handle(Input::Mine(request)));
        assert!(matches!(answer, Answer::NobodyToReward(_)), "{answer:?}");
        town.submit_all(&[town.pay(0, 2, 0, 10, 1)]);
        assert!(town.node.handle(Input::Timer(Timer::Mine)).is_empty());
        let genesis = town.genesis();
        let block = town.block(&genesis, 10, &[]);
        assert!(matches!(town.hear(&block)[..], [Effect::Announce(_)]));
        assert_eq!((town.length(), town.waiting().len()), (2, 1));
    }
}

fn solved(town: &mut Town, job: &Job) -> Arc<Block> {
    town.node.finish(job);
    town.node.tip()
}

#[test]
fn a_draft_takes_newer_transactions_along_when_it_is_old_enough() {
    let mut town = Town::new();
    let texts: Vec<_> = (0..3).map(|nonce| town.pay(0, 2, nonce, 10, 1)).collect();
    let began = town.node.now;
    let (_, job) = town.node.want_block();
    let age = Duration::from_millis(DRAFT_AGE_MS);
    // One that comes early waits until the draft is old enough, and does so
    // however many come with it.
    town.node.now = began + age / 2;
    let effects = town.told(&texts[0]);
    assert_eq!(alarms(&effects, Timer::Renew), [began + age]);
    assert!(job_in(&effects).is_none());
    town.node.now = began + age / 2;
    let effects = town.told(&texts[1]);
    assert_eq!(effects.len(), 1, "{effects:?}");
    town.node.now = began + age;
    let renewed = job_in(&town.node.handle(Input::Timer(Timer::Renew))).unwrap();
    assert_ne!(renewed.number, job.unwrap().number);
    // One that comes late is taken along at once.
    town.node.now = began + 2 * age;
    let last = job_in(&town.told(&texts[2])).unwrap();
    let again = town.told(&texts[2]);
    assert!(job_in(&again).is_none(), "nothing is new");
    assert_eq!(paid(&solved(&mut town, &last)).len(), 3);
}

#[test]
fn a_renewal_that_comes_late_renews_nothing() {
    let mut town = Town::new();
    let (_, job) = town.node.want_block();
    town.node.now -= Duration::from_millis(900);
    let effects = town.told(&town.pay(0, 2, 0, 10, 1));
    assert_eq!(alarms(&effects, Timer::Renew).len(), 1);
    town.node.finish(&job.unwrap());
    assert!(
        town.node.handle(Input::Timer(Timer::Renew)).is_empty(),
        "no search runs"
    );
    town.node.want_block();
    town.node.now -= Duration::from_millis(900);
    assert!(
        town.node.handle(Input::Timer(Timer::Renew)).is_empty(),
        "a young draft"
    );
    town.node.now -= Duration::from_millis(900);
    let effects = town.told(&town.pay(0, 2, 1, 10, 1));
    assert_eq!(
        alarms(&effects, Timer::Renew).len(),
        1,
        "each draft has its own"
    );
}

#[test]
fn a_node_that_mines_on_its_own_rests_and_goes_on() {
    let every = Duration::from_secs(30);
    let miner = Config {
        mine_every: Some(every),
        ..miner_config()
    };
    let mut town = Town::with(params(), miner);
    let request = town.node.request();
    let job = job_in(&town.node.handle(Input::Mine(request)));
    assert!(job.is_none(), "a search runs since the start");
    let next = town.node.handle(Input::Timer(Timer::Mine));
    assert!(next.is_empty(), "{next:?}");
    let started = Job {
        number: 1,
        puzzle: town.rules.puzzle(
            town.node.node.chain().next(town.node.now).unwrap(),
            &adit_core::rules::TemplateContent {
                now: Duration::ZERO,
                transactions: Vec::new(),
                reward_to: town.keys[4].address.to_string(),
            },
        ),
    };
    let found_at = town.node.now;
    let effects = town.node.finish(&started);
    assert_eq!(alarms(&effects, Timer::Mine), [found_at + every]);
    assert_eq!(town.length(), 2);
    assert!(job_in(&effects).is_none(), "it rests");
    let job = job_in(&town.node.handle(Input::Timer(Timer::Mine))).unwrap();
    assert_eq!(solved(&mut town, &job).height(), 3);
}

//! Blocks that are made here: each request gets one, on the tip and with the
//! transactions that there are when its proof is found.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Change, MemoryArchive};
use adit_core::chain::{BlockSource, ChainError};
use adit_core::mining::{Job, MINE_WAITING_LIMIT};
use adit_core::node::{Answer, Config, Effect, Input, Node, Timer};
use adit_core::rules::{Classic, Rules, Weight};

use crate::world::{
    Driven, answers_in, block_with_proof, classic_chain, config, job_in, line_after, next_block,
    only_answer, paid_in, payment, solve,
};

/// The one block that the effects answer with, and to whom.
#[track_caller]
fn mined(effects: Vec<Effect>) -> (u64, u64) {
    match answers_in(effects).as_slice() {
        [(request, Answer::Mined(block))] => (request.0, block.height()),
        other => panic!("expected one block, found {other:?}"),
    }
}

#[test]
fn each_request_gets_a_block_of_its_own_in_the_order_of_asking() {
    let mut node = Driven::classic();
    let (first, job) = node.want_block();
    let (second, none) = node.want_block();
    assert!(none.is_none(), "a search runs already");
    let (third, _) = node.want_block();
    let mut job = job.unwrap();
    for (request, index) in [(first, 2), (second, 3), (third, 4)] {
        let effects = node.finish(&job);
        let next = job_in(&effects);
        assert_eq!(next.is_some(), request != third);
        assert_eq!(mined(effects), (request.0, index));
        job = next.unwrap_or(job);
    }
    assert_eq!(node.archive.main().count(), 4);
}

#[test]
fn what_is_kept_comes_first_then_the_answer_then_the_news() {
    let mut node = Driven::classic();
    node.register(&["b:5000", "c:5000"]);
    let (_, job) = node.want_block();
    let job = job.unwrap();
    let input = Input::Proof {
        job: job.number,
        proof: solve(&job.puzzle),
    };
    let effects = node.node.handle(node.now, input, &node.archive).unwrap();
    let [kept, made, answered, told, Effect::StopMining] = effects.as_slice() else {
        panic!("expected five effects, found {effects:?}");
    };
    assert!(matches!(kept, Effect::Persist(Change::Block { .. })));
    assert!(matches!(made, Effect::Made(block) if block.height() == 2));
    assert!(matches!(answered, Effect::Answer(_, Answer::Mined(_))));
    let Effect::Announce(peers) = told else {
        panic!("expected an announcement, found {told:?}");
    };
    let peers: Vec<_> = peers.iter().map(ToString::to_string).collect();
    assert_eq!(peers, ["b:5000", "c:5000"]);
}

#[test]
fn the_proof_of_an_old_job_is_ignored() {
    let mut node = Driven::workless();
    let (_, job) = node.want_block();
    let old = job.unwrap();
    let effects = node.adopt(&line_after(&node.tip(), 1, 7));
    let new = job_in(&effects).expect("the search starts over");
    assert!(node.finish(&old).is_empty());
    assert_eq!(node.archive.main().count(), 2);
    assert_eq!(mined(node.finish(&new)).1, 3);
    assert!(node.finish(&new).is_empty(), "the job is done");
    assert_eq!(node.archive.main().count(), 3);
}

#[test]
fn a_wrong_proof_makes_no_block_and_the_search_goes_on() {
    let mut node = Driven::classic();
    let (_, job) = node.want_block();
    let (job, proof) = (job.unwrap().number, 35_294);
    let effects = node.handle(Input::Proof { job, proof });
    let Some(Effect::Refused(ChainError::Invalid(error))) = effects.first() else {
        panic!("expected a refusal, found {effects:?}");
    };
    let message = "block 2: proof 35294 does not solve the puzzle";
    assert_eq!(error.to_string(), message);
    let again = job_in(&effects).expect("the request still waits");
    assert_eq!(mined(node.finish(&again)).1, 2);
}

#[test]
fn a_transaction_that_comes_during_the_search_is_in_the_block() {
    for rules in [Classic::Published, Classic::Of2018] {
        let mut node = Driven::start(Arc::new(rules), config("us"));
        node.submit(&payment(1));
        let (_, job) = node.want_block();
        node.submit(&payment(2));
        node.finish(&job.unwrap());
        assert_eq!(paid_in(&node.tip()), [payment(1), payment(2)]);
        assert!(node.pending().is_empty());
    }
}

#[test]
fn the_reward_comes_last_and_goes_to_the_configured_name() {
    let mut node = Driven::start(Arc::new(Classic::Published), config("Zoë \"0\""));
    node.submit(&payment(1));
    let block = node.mine();
    let reward = r#"{"amount": 1, "recipient": "Zo\u00eb \"0\"", "sender": "0"}"#;
    assert_eq!(
        block.transactions().last().unwrap(),
        reward.as_bytes(),
        "{}",
        String::from_utf8_lossy(block.text())
    );
}

#[test]
fn a_transaction_is_promised_to_the_next_block() {
    let mut node = Driven::classic();
    for index in 2..5 {
        let answer = node.submit(&payment(index));
        let Answer::Accepted { block_height } = answer else {
            panic!("expected a promise, found {answer:?}");
        };
        assert_eq!(block_height, index);
        assert_eq!(paid_in(&node.mine()), [payment(index)]);
    }
}

#[test]
fn a_new_tip_during_the_search_starts_a_new_job_on_it() {
    let mut node = Driven::classic();
    let chain = classic_chain(3, 7);
    let (request, job) = node.want_block();
    assert_eq!(job.unwrap().puzzle.prefix, b"100");
    let effects = node.adopt(&chain);
    let job = job_in(&effects).expect("the search starts over");
    assert_eq!(job.puzzle.prefix, b"35089");
    assert_eq!(mined(node.finish(&job)), (request.0, 4));
    assert_eq!(node.tip().parent(), Some(chain[2].hash()));
}

#[test]
fn while_a_branch_comes_in_no_search_starts() {
    let mut node = Driven::workless();
    node.want_block();
    for block in line_after(&node.tip(), 3, 7) {
        let effects = node.handle(Input::Block(block, BlockSource::InBranch));
        assert!(effects.is_empty(), "{effects:?}");
    }
}

#[test]
fn a_single_block_from_elsewhere_starts_a_new_job_at_once() {
    let mut node = Driven::workless();
    node.want_block();
    let block = next_block(&node.tip(), 7, &[]);
    let effects = node.handle(Input::Block(block, BlockSource::Single));
    assert!(job_in(&effects).is_some(), "{effects:?}");
}

#[test]
fn a_side_block_disturbs_no_search() {
    let mut node = Driven::workless();
    let first = node.tip();
    node.mine();
    let (_, job) = node.want_block();
    let block = next_block(&first, 7, &[]);
    let effects = node.handle(Input::Block(block, BlockSource::Single));
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!(mined(node.finish(&job.unwrap())).1, 3);
}

#[test]
fn a_block_that_is_refused_says_why_and_changes_nothing() {
    let mut node = Driven::classic();
    let wrong = block_with_proof(&node.tip(), 35_294, 7, &[]);
    let effects = node.handle(Input::Block(wrong, BlockSource::Single));
    let [Effect::Refused(ChainError::Invalid(error))] = effects.as_slice() else {
        panic!("expected a refusal, found {effects:?}");
    };
    let message = "block 2: proof 35294 does not solve the puzzle";
    assert_eq!(error.to_string(), message);
    assert_eq!(node.archive.main().count(), 1);
    assert_eq!(node.kept.len(), 1);
}

#[test]
fn no_more_wait_for_blocks_than_the_limit() {
    let mut node = Driven::workless();
    let (_, job) = node.want_block();
    for _ in 1..MINE_WAITING_LIMIT {
        let request = node.request();
        assert!(node.handle(Input::Mine(request)).is_empty());
    }
    let request = node.request();
    let answer = only_answer(node.handle(Input::Mine(request)));
    assert!(matches!(answer, Answer::MiningBusy), "{answer:?}");
    node.finish(&job.unwrap());
    let request = node.request();
    let effects = node.handle(Input::Mine(request));
    assert!(effects.is_empty(), "there is room again: {effects:?}");
}

#[test]
fn when_all_who_waited_have_gone_the_search_stops() {
    let mut node = Driven::workless();
    let (first, job) = node.want_block();
    let (second, _) = node.want_block();
    assert!(node.handle(Input::Cancelled(first)).is_empty());
    let effects = node.handle(Input::Cancelled(second));
    assert!(
        matches!(effects.as_slice(), [Effect::StopMining]),
        "{effects:?}"
    );
    assert!(node.finish(&job.unwrap()).is_empty());
    assert_eq!(node.archive.main().count(), 1);
}

#[test]
fn the_block_goes_to_the_next_in_line_when_the_first_has_gone() {
    let mut node = Driven::workless();
    let (first, job) = node.want_block();
    let (second, _) = node.want_block();
    node.handle(Input::Cancelled(first));
    assert_eq!(mined(node.finish(&job.unwrap())), (second.0, 2));
}

#[test]
fn a_start_makes_a_first_block_only_where_there_is_no_chain() {
    let mut node = Driven::classic();
    assert_eq!(node.archive.main().count(), 1);
    let again = node.handle(Input::Started);
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(node.kept.len(), 1);
}

#[test]
fn a_node_opens_on_the_chain_that_its_archive_holds() {
    let mut before = Driven::classic();
    before.mine();
    let (rules, archive) = (Arc::new(Classic::Published), &before.archive);
    let node = Node::open(config("us"), rules, 2, Vec::new(), Vec::new(), archive).unwrap();
    assert_eq!(node.chain().tip(), Some(&before.tip()));
    assert_eq!(node.chain().length(), 2);
    assert_eq!(node.chain().total_weight(), Weight::from(2));
}

/// A node that makes blocks without a request, and its first search.
fn on_its_own(rest: Duration) -> (Driven, Job) {
    let config = Config {
        mine_every: Some(rest),
        ..config("us")
    };
    let rules: Arc<dyn Rules> = Arc::new(Classic::Of2018);
    let archive = MemoryArchive::default();
    let node = Node::open(config, rules, 0, Vec::new(), Vec::new(), &archive).unwrap();
    let mut node = Driven::around(node, archive);
    let job = job_in(&node.handle(Input::Started)).expect("a search begins at once");
    (node, job)
}

fn alarm_in(effects: &[Effect]) -> Option<Duration> {
    effects.iter().find_map(|effect| match effect {
        Effect::SetTimer(Timer::Mine, time) => Some(*time),
        _ => None,
    })
}

#[test]
fn without_a_rest_one_block_is_made_after_the_other() {
    let (mut node, mut job) = on_its_own(Duration::ZERO);
    for index in 2..=5 {
        let effects = node.finish(&job);
        assert_eq!(node.tip().height(), index);
        assert_eq!(alarm_in(&effects), None);
        assert!(matches!(effects.first(), Some(Effect::Made(block)) if block.height() == index));
        job = job_in(&effects).expect("the next search begins");
    }
}

#[test]
fn after_a_rest_the_next_block_is_made() {
    let rest = Duration::from_secs(7);
    let (mut node, job) = on_its_own(rest);
    for index in 2..=4 {
        let job = match index {
            2 => job.clone(),
            _ => job_in(&node.handle(Input::Timer(Timer::Mine))).expect("it has rested"),
        };
        let found_at = node.now;
        let effects = node.finish(&job);
        assert_eq!(node.tip().height(), index);
        assert!(job_in(&effects).is_none(), "it rests");
        assert_eq!(alarm_in(&effects), Some(found_at + rest));
    }
}

#[test]
fn a_node_that_rests_makes_the_blocks_that_it_is_called_for() {
    let (mut node, job) = on_its_own(Duration::from_secs(7));
    node.finish(&job);
    let (request, job) = node.want_block();
    let effects = node.finish(&job.unwrap());
    assert_eq!(alarm_in(&effects), None, "one alarm is set already");
    assert_eq!(mined(effects), (request.0, 3));
    assert!(job_in(&node.handle(Input::Timer(Timer::Mine))).is_some());
}

#[test]
fn who_waited_gets_the_block_that_is_made_anyway_and_may_go_without_ending_the_search() {
    let (mut node, job) = on_its_own(Duration::ZERO);
    let (gone, none) = node.want_block();
    let (request, _) = node.want_block();
    assert!(none.is_none(), "a search runs already");
    assert!(node.handle(Input::Cancelled(gone)).is_empty());
    let effects = node.finish(&job);
    let next = job_in(&effects);
    assert_eq!(mined(effects), (request.0, 2));
    assert!(next.is_some());
}

#[test]
fn a_node_that_mines_on_its_own_follows_the_tip() {
    let (mut node, old) = on_its_own(Duration::ZERO);
    let mut other = Driven::start(Arc::new(Classic::Of2018), config("them"));
    let theirs: Vec<_> = std::iter::once(other.block(1))
        .chain([other.mine(), other.mine()])
        .collect();
    let new = job_in(&node.adopt(&theirs)).expect("the search starts over");
    assert!(node.finish(&old).is_empty());
    node.finish(&new);
    assert_eq!(node.tip().parent(), Some(theirs[2].hash()));
}

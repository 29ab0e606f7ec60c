//! What a node knows of its peers: how their chains compare with its own as
//! that grows, and nothing of those that were removed.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::MemoryArchive;
use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::hash::Hash;
use adit_core::node::{Answer, Effect, Input, Node};
use adit_core::rules::{Classic, Context, Rules, TemplateContent};
use adit_core::sync::{
    Agreement, PEERS_LIMIT, PeerKind, PeerRecord, PeerReport, Refusal, Seen, SeenChain, Standing,
    Strict,
};

use crate::world::{
    Driven, Kept, Workless, address, answer_of, answers_in, asked_in, config, first_block, job_in,
    line_after, only_answer, read_candidate,
};

const PEER: &str = "a:5000";

/// A node with one peer and a chain of `length` blocks.
fn node_of(length: u64) -> Driven {
    let mut node = Driven::workless();
    node.register(&[PEER]);
    for _ in 1..length {
        node.mine();
    }
    node
}

fn answered(node: &mut Driven, report: PeerReport, chain: Option<SeenChain>) {
    let seen = Seen {
        kind: PeerKind::Python,
        chain,
        ..Seen::default()
    };
    asked_and_answered(node, report, seen);
}

/// The peer answers what it was asked, or is asked and answers.
fn asked_and_answered(node: &mut Driven, report: PeerReport, seen: Seen) {
    if !node.node.is_asked(&node.last_ask(PEER)) {
        let request = node.request();
        node.handle(Input::Resolve(request));
    }
    node.answered(PEER, report, seen);
}

/// The peer has a valid chain that ends in this block.
fn has_chain(node: &mut Driven, tip: &Block, common: Option<Hash>) {
    let chain = SeenChain {
        tip: tip.hash(),
        length: Some(tip.height()),
        common,
        goes_on: false,
    };
    let length = tip.height();
    answered(node, PeerReport::NotLonger { length }, Some(chain));
}

fn record(node: &Driven) -> &PeerRecord {
    node.node.peer_record(&address(PEER)).unwrap()
}

fn agreement(node: &Driven) -> Agreement {
    let tip = node.tip().hash();
    record(node).agreement(Some(tip), &node.archive).unwrap()
}

fn refusal() -> Refusal {
    Refusal {
        height: Some(2),
        rule: "proof",
        problem: "the block in place 2 is not valid".to_owned(),
    }
}

#[test]
fn a_peer_that_was_not_asked_agrees_with_nobody() {
    let node = node_of(2);
    assert_eq!(agreement(&node), Agreement::NotAsked);
    assert_eq!(*record(&node), PeerRecord::default());
}

#[test]
fn the_same_chain_falls_behind_when_ours_goes_on() {
    let mut node = node_of(3);
    let tip = node.tip();
    has_chain(&mut node, &tip, Some(tip.hash()));
    assert_eq!(agreement(&node), Agreement::Same);
    node.mine();
    assert_eq!(agreement(&node), Agreement::Behind);
    let first = node.block(1);
    has_chain(&mut node, &first, Some(first.hash()));
    assert_eq!(agreement(&node), Agreement::Behind);
}

#[test]
fn a_branch_is_a_fork_wherever_it_leaves_ours_and_known_or_not() {
    let mut node = node_of(3);
    let fork = node.block(2);
    let unknown = line_after(&fork, 1, 900).pop().unwrap();
    has_chain(&mut node, &unknown, Some(fork.hash()));
    assert_eq!(agreement(&node), Agreement::Fork);
    let stranger = first_block(77);
    has_chain(&mut node, &stranger, None);
    assert_eq!(agreement(&node), Agreement::Fork);
    // Our old branch is still in the tree after a reorganisation.
    let old = node.tip();
    let branch = line_after(&fork, 5, 500);
    node.adopt(&branch);
    has_chain(&mut node, &old, Some(fork.hash()));
    assert_eq!(agreement(&node), Agreement::Fork);
}

#[test]
fn a_chain_on_top_of_ours_is_ahead_until_ours_takes_another_way() {
    let mut node = node_of(3);
    let tip = node.tip();
    let further = line_after(&tip, 2, 900).pop().unwrap();
    has_chain(&mut node, &further, Some(tip.hash()));
    assert_eq!(agreement(&node), Agreement::Ahead);
    node.mine();
    assert_eq!(agreement(&node), Agreement::Fork);
}

#[test]
fn a_chain_with_blocks_from_the_future_is_ahead_and_says_why() {
    let mut node = node_of(2);
    let tip = node.tip();
    let chain = SeenChain {
        tip: tip.hash(),
        length: Some(2),
        common: Some(tip.hash()),
        goes_on: true,
    };
    answered(&mut node, PeerReport::NotLonger { length: 2 }, Some(chain));
    assert_eq!(agreement(&node), Agreement::Ahead);
    let problem = record(&node).problem().unwrap();
    assert!(problem.contains("ahead of our clock"), "{problem}");
}

#[test]
fn what_is_refused_has_no_chain_and_what_is_silent_keeps_its_last() {
    let mut node = node_of(3);
    let tip = node.tip();
    has_chain(&mut node, &tip, Some(tip.hash()));
    let first_answer = record(&node).answered.unwrap();
    answered(&mut node, PeerReport::Failed("it is dead".into()), None);
    assert_eq!(agreement(&node), Agreement::Unreachable);
    assert_eq!(record(&node).problem().unwrap(), "it is dead");
    assert_eq!(record(&node).length(&node.archive).unwrap(), Some(3));
    assert_eq!(record(&node).answered, Some(first_answer));
    answered(&mut node, PeerReport::Refused(refusal()), None);
    assert_eq!(agreement(&node), Agreement::Refused);
    assert_eq!(record(&node).standing, Standing::Refused(refusal()));
    assert_eq!(record(&node).length(&node.archive).unwrap(), None);
    assert!(record(&node).answered.unwrap() > first_answer);
    // What is the fault of this side is not said of the peer.
    let ours = || PeerReport::NotRead("no memory".into());
    answered(&mut node, ours(), None);
    assert_eq!(agreement(&node), Agreement::Refused);
    has_chain(&mut node, &tip, Some(tip.hash()));
    assert_eq!(agreement(&node), Agreement::Same);
    answered(&mut node, ours(), None);
    assert_eq!(agreement(&node), Agreement::Same);
    assert_eq!(record(&node).problem(), None);
}

#[test]
fn a_tip_alone_tells_the_length_of_a_chain_that_we_have() {
    let mut node = node_of(4);
    let known = SeenChain {
        tip: node.block(3).hash(),
        length: None,
        common: None,
        goes_on: false,
    };
    answered(&mut node, PeerReport::Unchanged, Some(known));
    assert_eq!(agreement(&node), Agreement::Behind);
    assert_eq!(record(&node).length(&node.archive).unwrap(), Some(3));
    let unknown = SeenChain {
        tip: first_block(9).hash(),
        ..known
    };
    answered(&mut node, PeerReport::Unchanged, Some(unknown));
    assert_eq!(record(&node).length(&node.archive).unwrap(), None);
    assert_eq!(agreement(&node), Agreement::Fork);
}

#[test]
fn an_unchanged_chain_stays_as_well_known_as_it_was() {
    let mut node = node_of(3);
    let tip = node.tip();
    has_chain(&mut node, &tip, Some(tip.hash()));
    let known = record(&node).chain;
    answered(&mut node, PeerReport::Unchanged, None);
    assert_eq!(record(&node).chain, known);
    let tip_alone = known.map(|chain| SeenChain {
        length: None,
        common: None,
        ..chain
    });
    answered(&mut node, PeerReport::Unchanged, tip_alone);
    assert_eq!(record(&node).chain, known);
}

#[test]
fn the_kind_of_a_peer_is_remembered_while_it_is_silent() {
    let mut node = node_of(1);
    let seen = |kind| Seen {
        kind,
        ..Seen::default()
    };
    let silent = || PeerReport::Failed("it is dead".into());
    asked_and_answered(&mut node, silent(), seen(PeerKind::Unknown));
    assert_eq!(record(&node).kind, PeerKind::Unknown);
    asked_and_answered(&mut node, PeerReport::Unchanged, seen(PeerKind::Adit));
    asked_and_answered(&mut node, silent(), seen(PeerKind::Unknown));
    assert_eq!(record(&node).kind, PeerKind::Adit);
}

#[test]
fn the_times_are_those_of_the_question_and_of_the_answer() {
    let mut node = node_of(1);
    assert_eq!(record(&node).asked, None);
    let request = node.request();
    node.handle(Input::Resolve(request));
    let asked = record(&node).asked.unwrap();
    assert!(asked > Duration::ZERO);
    assert_eq!(record(&node).answered, None);
    let tip = node.tip();
    has_chain(&mut node, &tip, Some(tip.hash()));
    assert_eq!(record(&node).asked, Some(asked));
    assert!(record(&node).answered.unwrap() > asked);
}

#[test]
fn whoever_publishes_records_hears_of_each_change_once() {
    let mut node = node_of(2);
    let changed = |node: &mut Driven| {
        let changed = node.node.take_changed_peers();
        changed.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(changed(&mut node), [PEER], "it was registered");
    let tip = node.tip();
    has_chain(&mut node, &tip, Some(tip.hash()));
    assert_eq!(changed(&mut node), [PEER]);
    has_chain(&mut node, &tip, Some(tip.hash()));
    assert!(changed(&mut node).is_empty(), "only its times are new");
    answered(&mut node, PeerReport::Refused(refusal()), None);
    let request = node.request();
    node.handle(Input::Unregister(request, address(PEER)));
    assert!(changed(&mut node).is_empty(), "it is gone");
}

fn unregister(node: &mut Driven, peer: &str) -> (bool, Vec<String>) {
    let request = node.request();
    let kept = node.kept.len();
    let effects = node.handle(Input::Unregister(request, address(peer)));
    let Answer::Unregistered { was_registered } = only_answer(effects) else {
        panic!("expected an answer to the removal");
    };
    let kept = node.kept[kept..].iter().flat_map(|kept| match kept {
        Kept::Peers(peers) => peers.clone(),
        _ => panic!("only peers are kept"),
    });
    (was_registered, kept.collect())
}

#[test]
fn a_removed_peer_is_forgotten_on_disk_too() {
    let mut node = Driven::workless();
    node.register(&["a:5000", "b:5000"]);
    assert_eq!(
        unregister(&mut node, "a:5000"),
        (true, vec!["b:5000".into()])
    );
    assert_eq!(node.node.peers(), [address("b:5000")]);
    assert_eq!(unregister(&mut node, "a:5000"), (false, vec![]));
    node.register(&["a:5000"]);
    assert_eq!(*record(&node), PeerRecord::default());
}

#[test]
fn a_removed_peer_makes_room_for_another() {
    let mut node = Driven::workless();
    let names: Vec<_> = (0..PEERS_LIMIT)
        .map(|port| format!("a:{}", port + 1))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    node.register(&names);
    assert_eq!(node.node.peer_records().count(), PEERS_LIMIT);
    unregister(&mut node, "a:1");
    node.register(&["b:1"]);
    assert_eq!(node.node.peer_records().count(), PEERS_LIMIT);
    assert!(node.node.peer_record(&address("b:1")).is_some());
}

#[test]
fn who_waits_for_a_removed_peer_waits_no_longer() {
    let mut node = Driven::workless();
    node.register(&["a:5000", "b:5000"]);
    let first = node.request();
    node.handle(Input::Resolve(first));
    // It waits for a further answer of both.
    let second = node.request();
    node.handle(Input::Resolve(second));
    node.answered("b:5000", PeerReport::Unchanged, Seen::default());
    let removal = node.request();
    let effects = node.handle(Input::Unregister(removal, address("a:5000")));
    let answered: Vec<_> = answers_in(effects).into_iter().map(|(id, _)| id).collect();
    assert_eq!(answered, [removal, first]);
    let effects = node.answered("b:5000", PeerReport::Unchanged, Seen::default());
    let answered: Vec<_> = answers_in(effects).into_iter().map(|(id, _)| id).collect();
    assert_eq!(answered, [second]);
}

#[test]
fn what_a_removed_peer_still_answers_is_nobodys() {
    let mut node = Driven::workless();
    node.register(&[PEER]);
    let (request, removal) = (node.request(), node.request());
    node.handle(Input::Resolve(request));
    let old = node.last_ask(PEER);
    assert!(node.node.is_asked(&old));
    let effects = node.handle(Input::Unregister(removal, address(PEER)));
    assert_eq!(forgotten_in(&effects), [PEER]);
    assert_eq!(answers_in(effects).len(), 2);
    assert!(!node.node.is_asked(&old));
    let report = PeerReport::Unchanged;
    let effects = node.answered(PEER, report.clone(), Seen::default());
    assert!(effects.is_empty(), "{effects:?}");
    assert!(node.node.peer_record(&address(PEER)).is_none());
    // Registered and asked again, it is heard, but that answer still is not.
    node.register(&[PEER]);
    let request = node.request();
    let effects = node.handle(Input::Resolve(request));
    assert_eq!(asked_in(&effects), [PEER]);
    let answer = Input::PeerAnswered(old.clone(), report.clone(), Seen::default());
    assert!(node.handle(answer).is_empty());
    let itself = Input::PeerAnswered(old.clone(), PeerReport::Itself, Seen::default());
    assert!(node.handle(itself).is_empty());
    assert!(!node.node.is_asked(&old));
    assert_eq!(record(&node).answered, None);
    let effects = node.answered(PEER, report, Seen::default());
    assert_eq!(answers_in(effects).len(), 1);
    assert!(record(&node).answered.is_some());
}

fn forgotten_in(effects: &[Effect]) -> Vec<String> {
    let peer = |effect: &Effect| match effect {
        Effect::Forget(peer) => Some(peer.to_string()),
        _ => None,
    };
    effects.iter().filter_map(peer).collect()
}

#[test]
fn a_branch_that_is_cut_off_by_the_removal_of_its_peer_is_mined_on() {
    let mut node = Driven::workless();
    node.register(&[PEER]);
    let (request, removal) = (node.request(), node.request());
    node.handle(Input::Resolve(request));
    let (_, job) = node.want_block();
    let old_tip = node.tip();
    for block in line_after(&old_tip, 2, 900) {
        node.handle(Input::Block(block, BlockSource::InBranch));
    }
    assert_ne!(node.tip().hash(), old_tip.hash());
    let effects = node.handle(Input::Unregister(removal, address(PEER)));
    let new_job = job_in(&effects).expect("the search goes on at the new tip");
    assert_ne!(Some(new_job.number), job.map(|job| job.number));
}

#[test]
fn an_address_that_is_our_own_is_no_peer_any_more_and_that_is_said() {
    let mut node = Driven::workless();
    node.register(&[PEER, "b:5000"]);
    let request = node.request();
    node.handle(Input::Resolve(request));
    let effects = node.answered(PEER, PeerReport::Itself, Seen::default());
    assert_eq!(forgotten_in(&effects), [PEER]);
    assert_eq!(node.node.peers(), [address("b:5000")]);
    let own = |node: &Driven| node.node.own_addresses().cloned().collect::<Vec<_>>();
    assert_eq!(own(&node), [address(PEER)]);
    // It may be another's by now: registering it again says so.
    node.register(&[PEER]);
    assert!(own(&node).is_empty());
}

#[test]
fn a_peer_with_our_name_is_one_and_that_is_said() {
    let mut node = node_of(1);
    let seen = |has_our_name| Seen {
        has_our_name,
        ..Seen::default()
    };
    asked_and_answered(&mut node, PeerReport::Unchanged, seen(true));
    let problem = record(&node).problem().unwrap();
    assert!(problem.contains("goes by this node's name"), "{problem}");
    asked_and_answered(&mut node, PeerReport::Failed("dead".into()), seen(false));
    let problem = record(&node).problem().unwrap();
    assert!(problem.starts_with("dead; it goes by"), "{problem}");
    asked_and_answered(&mut node, PeerReport::Unchanged, seen(false));
    assert_eq!(record(&node).problem(), None);
}

fn copy(block: &Block) -> Block {
    Classic::Published.read(block.text()).unwrap()
}

/// A chain under `classic` of which each proof begins with `zeros` zeros.
fn chain_with_zeros(length: u64, zeros: u32) -> Vec<Block> {
    let first = Classic::Published.genesis(Duration::ZERO);
    let mut chain = further_with_zeros(&first, length - 1, zeros);
    chain.insert(0, first);
    chain
}

/// `count` blocks behind that one, with such proofs.
fn further_with_zeros(parent: &Block, count: u64, zeros: u32) -> Vec<Block> {
    let mut chain: Vec<Block> = Vec::new();
    for _ in 0..count {
        let context = Context {
            parent: chain.last().unwrap_or(parent).header(),
            grandparent: None,
            now: Duration::from_secs(5),
        };
        let content = TemplateContent {
            now: Duration::from_secs(5),
            transactions: Vec::new(),
            reward_to: "them".to_owned(),
        };
        let puzzle = Classic::Published.puzzle(context, &content);
        let is_proof = |proof: &u64| Hash(puzzle.hash_of(*proof)).leading_zeros() >= zeros;
        let proof = (0..).find(is_proof).unwrap();
        chain.push(Classic::Published.complete(context, &content, proof));
    }
    chain
}

fn strict_of(chain: &[Block]) -> Option<Strict> {
    let answer = answer_of(chain.iter());
    let nothing = MemoryArchive::default();
    read_candidate(Classic::Published, &answer, &nothing)
        .unwrap()
        .strict
}

#[test]
fn a_chain_whose_proofs_all_have_more_zeros_than_needed_is_noted_when_it_is_no_chance() {
    assert_eq!(strict_of(&chain_with_zeros(12, 4)), None);
    // Five proofs with one zero more: one in 16^5 would be chance.
    let five = chain_with_zeros(6, 5);
    assert_eq!(strict_of(&five[..5]), None, "four proofs may be chance");
    let strict = strict_of(&five).unwrap();
    assert_eq!((strict.zeros, strict.asked, strict.proofs), (5, 4, 5));
    let mut node = node_of(1);
    let seen = Seen {
        strict: Some(strict),
        ..Seen::default()
    };
    asked_and_answered(&mut node, PeerReport::NotLonger { length: 6 }, seen.clone());
    let problem = record(&node).problem().unwrap();
    assert!(problem.contains("5 zeros or more"), "{problem}");
    // What is the same as before was not looked at again.
    asked_and_answered(&mut node, PeerReport::Unchanged, Seen::default());
    assert_eq!(record(&node).problem(), Some(problem));
    asked_and_answered(
        &mut node,
        PeerReport::NotLonger { length: 6 },
        Seen::default(),
    );
    assert_eq!(record(&node).problem(), None);
}

#[test]
fn what_we_have_ourselves_does_not_hide_that_all_further_proofs_have_more_zeros() {
    let ours = chain_with_zeros(8, 4);
    let mut archive = MemoryArchive::default();
    let mut node = Node::open(
        config("us"),
        Arc::new(Classic::Published),
        0,
        Vec::new(),
        Vec::new(),
        &archive,
    )
    .unwrap();
    for block in &ours {
        let change = node.replay(copy(block), true, &archive).unwrap().unwrap();
        archive.apply(&change);
    }
    let mut theirs: Vec<Block> = ours.iter().take(3).map(copy).collect();
    for block in further_with_zeros(&theirs[2], 5, 5) {
        theirs.push(block);
    }
    let answer = answer_of(theirs.iter());
    let offered = read_candidate(Classic::Published, &answer, &archive).unwrap();
    assert_eq!(offered.strict.map(|strict| strict.proofs), Some(5));
}

#[test]
fn an_offer_says_where_it_leaves_our_chain() {
    let node = node_of(4);
    let mut theirs: Vec<_> = (1..=2).map(|index| node.block(index)).collect();
    theirs.extend(line_after(&theirs[1], 3, 700));
    let answer = answer_of(theirs.iter().map(|block| &**block));
    let seen = read_candidate(Workless, &answer, &node.archive)
        .unwrap()
        .seen;
    let expected = SeenChain {
        tip: theirs[4].hash(),
        length: Some(5),
        common: Some(theirs[1].hash()),
        goes_on: false,
    };
    assert_eq!(seen, Some(expected));
}

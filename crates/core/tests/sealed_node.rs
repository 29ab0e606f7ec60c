//! A node on a sealed chain: which payments wait, which block takes them, what
//! becomes of them when blocks are dropped, and what strangers cannot make it
//! do.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError};
use adit_core::mempool::{Origin, PENDING_EXPIRY_MS, Pending};
use adit_core::node::{Answer, Config, Effect, Input, LeftOut, Node, Timer};
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Account, Params};

use crate::sealed_world::{Key, block_after, easy_params, key, payment_of};
use crate::world::{Driven, config, only_answer, utf8};

/// A quarter of a second before the driver's clock begins.
pub(crate) const GENESIS: Duration = Duration::from_secs(1_700_000_000);

/// A node that mines for the last of five people.
pub(crate) struct Town {
    pub(crate) rules: Arc<Sealed>,
    pub(crate) keys: Vec<Key>,
    pub(crate) node: Driven,
    /// Blocks of others.
    pub(crate) made: Vec<Arc<Block>>,
}

pub(crate) fn params() -> Params {
    easy_params(&[(&key(0), 100_000), (&key(1), 5_000)])
}

pub(crate) fn miner_config() -> Config {
    config(&key(4).address.to_string())
}

impl Town {
    pub(crate) fn new() -> Town {
        Town::with(params(), miner_config())
    }

    pub(crate) fn with(params: Params, config: Config) -> Town {
        let rules = Arc::new(Sealed::with_params(params, GENESIS).unwrap());
        Town {
            node: Driven::start(rules.clone(), config),
            keys: (0..5).map(key).collect(),
            made: Vec::new(),
            rules,
        }
    }

    pub(crate) fn pay(&self, from: usize, to: usize, nonce: u64, amount: u64, fee: u64) -> Vec<u8> {
        let (from, to) = (&self.keys[from], &self.keys[to]);
        payment_of(&self.rules, from, to, nonce, amount, fee)
    }

    pub(crate) fn told(&mut self, text: &[u8]) -> Vec<Effect> {
        let request = self.node.request();
        let submitted = self.rules.read_transaction(text).unwrap();
        self.node.handle(Input::Transaction(request, submitted))
    }

    pub(crate) fn submit(&mut self, text: &[u8]) -> Answer {
        only_answer(self.told(text))
    }

    #[track_caller]
    pub(crate) fn submit_all(&mut self, texts: &[Vec<u8>]) {
        for text in texts {
            let answer = self.submit(text);
            assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        }
    }

    /// Somebody else's block, valid or not.
    pub(crate) fn block(&mut self, parent: &Block, wait_ms: u64, texts: &[Vec<u8>]) -> Arc<Block> {
        let hash = parent.parent();
        let stored = hash.and_then(|hash| self.node.archive.text(&hash).unwrap());
        let stored = stored.map(|text| Arc::new(self.rules.read_canonical(text).unwrap()));
        let made = self.made.iter().find(|made| Some(made.hash()) == hash);
        let grandparent = stored.as_ref().or(made);
        let miner = self.keys[3].address;
        let block = block_after(
            &self.rules,
            parent,
            grandparent.map(|block| &**block),
            wait_ms,
            miner,
            texts,
        );
        self.made.push(Arc::clone(&block));
        block
    }

    pub(crate) fn hear(&mut self, block: &Arc<Block>) -> Vec<Effect> {
        let input = Input::Block(Arc::clone(block), BlockSource::Single);
        self.node.handle(input)
    }

    /// The time of held blocks has come: the node is woken as it asks for.
    pub(crate) fn wake(&mut self) -> Vec<Effect> {
        let mut all = Vec::new();
        loop {
            let effects = self.node.handle(Input::Timer(Timer::Retry));
            let now = self.node.now;
            let again = alarms(&effects, Timer::Retry);
            all.extend(effects);
            if !again.iter().any(|at| *at <= now) {
                return all;
            }
        }
    }

    pub(crate) fn genesis(&self) -> Block {
        self.rules.genesis(Duration::ZERO)
    }

    /// How far ahead of the genesis block a block may be now.
    pub(crate) fn ahead_ms(&self) -> u64 {
        let passed_ms = (self.node.now - GENESIS).as_millis() as u64;
        passed_ms + self.rules.params().future_limit_ms
    }

    pub(crate) fn account(&self, person: usize) -> Account {
        self.node
            .archive
            .account(&self.keys[person].address)
            .unwrap()
    }

    pub(crate) fn length(&self) -> u64 {
        self.node.node.chain().length()
    }

    pub(crate) fn waiting(&self) -> Vec<String> {
        self.node.pending()
    }
}

pub(crate) fn texts(texts: &[Vec<u8>]) -> Vec<String> {
    texts.iter().map(|text| utf8(text)).collect()
}

/// A block's payments.
pub(crate) fn paid(block: &Block) -> Vec<String> {
    block.transactions().skip(1).map(utf8).collect()
}

#[track_caller]
pub(crate) fn refused(effects: &[Effect]) -> &ChainError {
    match effects {
        [Effect::Refused(error)] => error,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[track_caller]
pub(crate) fn broken_rule(effects: &[Effect]) -> &'static str {
    match refused(effects) {
        ChainError::Invalid(error) => error.rule(),
        other => panic!("expected an invalid block, found {other:?}"),
    }
}

pub(crate) fn alarms(effects: &[Effect], wanted: Timer) -> Vec<Duration> {
    let times = effects.iter().filter_map(|effect| match effect {
        Effect::SetTimer(alarm, time) if *alarm == wanted => Some(*time),
        _ => None,
    });
    times.collect()
}

/// With another signature that is none.
fn forged(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let digit = text.len() - 10;
    text[digit] = if text[digit] == b'7' { b'8' } else { b'7' };
    text
}

#[test]
fn payments_wait_are_mined_by_fee_rate_and_change_the_accounts() {
    let mut town = Town::new();
    let [low, high, second] = [
        town.pay(0, 2, 0, 100, 10),
        town.pay(1, 2, 0, 200, 90),
        town.pay(0, 2, 1, 300, 50),
    ];
    for text in [&second, &low, &high] {
        let answer = town.submit(text);
        assert!(
            matches!(answer, Answer::Accepted { block_height: 2 }),
            "{answer:?}"
        );
    }
    let again = town.submit(&low);
    assert!(
        matches!(again, Answer::Accepted { block_height: 2 }),
        "{again:?}"
    );
    assert_eq!(town.node.kept.len(), 4, "the same one is kept once");
    let block = town.node.mine();
    assert_eq!(paid(&block), texts(&[high, low, second]));
    assert!(town.waiting().is_empty());
    let (balance, nonce) = (100_000 - 100 - 10 - 300 - 50, 2);
    assert_eq!(town.account(0), Account { balance, nonce });
    assert_eq!(town.account(2).balance, 600);
    assert_eq!(town.account(4).balance, 1_000_000 + 150);
    let issued = town.rules.issued(2);
    assert_eq!(town.node.archive.sum_of_balances(), issued);
}

#[test]
fn what_may_not_wait_is_answered_with_the_reason_and_not_kept() {
    let mut town = Town::new();
    for (text, rule) in [
        (town.pay(1, 2, 0, 5_000, 1), "balance"),
        (town.pay(1, 2, 40, 1, 1), "nonce-gap"),
    ] {
        let Answer::Rejected(error) = town.submit(&text) else {
            panic!("expected a refusal for {rule}");
        };
        assert_eq!(error.rule(), rule);
    }
    assert_eq!(town.node.kept.len(), 1);
    let wrong = town
        .rules
        .read_transaction(&forged(&town.pay(1, 2, 0, 1, 1)));
    assert_eq!(wrong.unwrap_err().rule(), "signature");
}

#[test]
fn the_better_paid_of_two_with_one_nonce_is_mined() {
    let mut town = Town::new();
    let [first, better] = [town.pay(0, 2, 0, 100, 10), town.pay(0, 1, 0, 100, 11)];
    town.submit_all(&[first.clone(), better.clone()]);
    assert_eq!(town.waiting(), texts(std::slice::from_ref(&better)));
    assert!(matches!(town.submit(&first), Answer::Rejected(_)));
    assert_eq!(paid(&town.node.mine()), texts(&[better]));
}

#[test]
fn payments_of_dropped_blocks_wait_again_unless_the_other_branch_holds_them() {
    let mut town = Town::new();
    let all: Vec<_> = (0..3).map(|nonce| town.pay(0, 2, nonce, 10, 5)).collect();
    let other = town.pay(1, 2, 0, 7, 5);
    town.submit_all(&[all[0].clone(), other.clone()]);
    town.node.mine();
    town.submit_all(&[all[1].clone()]);
    town.node.mine();
    town.submit_all(&[all[2].clone()]);
    let genesis = town.genesis();
    let mut tip = town.block(&genesis, 10, std::slice::from_ref(&all[0]));
    assert!(town.hear(&tip).is_empty());
    while town.node.tip() != tip {
        tip = town.block(&tip.clone(), 10, &[]);
        town.hear(&tip);
    }
    let mut waiting = town.waiting();
    let mut expected = texts(&[all[1].clone(), all[2].clone(), other]);
    waiting.sort();
    expected.sort();
    assert_eq!(waiting, expected);
    assert_eq!(town.account(0).nonce, 1);
    let block = town.node.mine();
    assert_eq!(paid(&block).len(), 3);
    assert_eq!(town.account(2).balance, 37);
}

#[test]
fn a_payment_of_coins_that_are_gone_with_their_block_is_left_out_and_said_so() {
    let mut town = Town::new();
    town.submit_all(&[town.pay(0, 2, 0, 500, 5)]);
    town.node.mine();
    town.submit_all(&[town.pay(2, 1, 0, 400, 5)]);
    town.node.mine();
    town.submit_all(&[town.pay(2, 1, 1, 90, 5)]);
    let mut tip = Arc::new(town.genesis());
    let mut effects = Vec::new();
    while town.node.tip() != tip {
        tip = town.block(&tip.clone(), 10, &[]);
        effects = town.hear(&tip);
    }
    let left_out = effects.iter().find_map(|effect| match effect {
        Effect::LeftOut(left_out) => Some(*left_out),
        _ => None,
    });
    let expected = LeftOut {
        transactions: 1,
        blocks: 0,
    };
    assert_eq!(left_out, Some(expected));
    assert_eq!(town.waiting(), texts(&[town.pay(0, 2, 0, 500, 5)]));
}

#[test]
fn what_waits_too_long_leaves_when_a_block_or_a_transaction_comes() {
    for with_block in [false, true] {
        let mut town = Town::new();
        town.submit_all(&[town.pay(0, 2, 1, 10, 5)]);
        let expiry = Duration::from_millis(PENDING_EXPIRY_MS);
        town.node.now += expiry - Duration::from_secs(2);
        let genesis = town.genesis();
        let block = town.block(&genesis, 10, &[]);
        town.hear(&block);
        assert_eq!(town.waiting().len(), 1);
        match with_block {
            true => {
                let next = town.block(&block, 10, &[]);
                town.hear(&next);
                assert_eq!(town.waiting().len(), 0);
            }
            false => {
                town.submit_all(&[town.pay(1, 2, 0, 10, 5)]);
                assert_eq!(town.waiting(), texts(&[town.pay(1, 2, 0, 10, 5)]));
            }
        }
    }
}

#[test]
fn what_somebody_replaced_after_a_reorganisation_stays_replaced() {
    let mut town = Town::new();
    let [old, new] = [town.pay(0, 2, 0, 10, 5), town.pay(0, 2, 0, 20, 6)];
    town.submit_all(std::slice::from_ref(&old));
    town.node.mine();
    let genesis = town.genesis();
    let side = town.block(&genesis, 10, &[]);
    let side = [side.clone(), town.block(&side, 10, &[])];
    side.iter().for_each(|block| drop(town.hear(block)));
    assert_eq!(town.waiting(), texts(&[old]));
    town.submit_all(std::slice::from_ref(&new));
    // The first branch comes back and goes again.
    let mut back = Arc::clone(&side[1]);
    for _ in 0..2 {
        back = town.block(&back.clone(), 10, &[]);
        town.hear(&back);
    }
    assert_eq!(town.waiting(), texts(&[new]));
}

#[test]
fn a_known_id_with_another_signature_is_checked_and_refused() {
    let mut town = Town::new();
    let text = town.pay(0, 2, 0, 100, 10);
    town.submit_all(std::slice::from_ref(&text));
    let genesis = town.genesis();
    let bad = town.block(&genesis, 10, &[forged(&text)]);
    assert_eq!(broken_rule(&town.hear(&bad)), "signature");
    assert_eq!(town.waiting(), texts(std::slice::from_ref(&text)));
    let good = town.block(&genesis, 10, std::slice::from_ref(&text));
    assert_ne!(good.hash(), bad.hash());
    assert!(matches!(town.hear(&good)[..], [Effect::Announce(_)]));
    assert!(town.waiting().is_empty());
}

/// What was accepted before a restart was checked then: a text that never was
/// shows that nobody checks again.
#[test]
fn the_signature_of_what_waits_here_is_not_checked_again() {
    let town = Town::new();
    let text = forged(&town.pay(0, 2, 0, 100, 10));
    let next = forged(&town.pay(0, 2, 1, 100, 10));
    let pending = [&text, &next].map(|text| Pending {
        text: text[..].into(),
        origin: Origin::Accepted,
    });
    let other = forged(&town.pay(1, 2, 0, 100, 10));
    let archive = town.node.archive;
    let rules = town.rules.clone();
    let mut node = Node::open(
        miner_config(),
        rules,
        1,
        Vec::new(),
        pending.into(),
        &archive,
    )
    .unwrap();
    node.replayed(GENESIS, &archive).unwrap();
    let mut town = Town {
        node: Driven::around(node, archive),
        ..Town::new()
    };
    let genesis = town.genesis();
    let both = town.block(&genesis, 10, &[text.clone(), other]);
    assert_eq!(broken_rule(&town.hear(&both)), "signature");
    let known = town.block(&genesis, 10, &[text]);
    town.hear(&known);
    assert_eq!(town.node.tip(), known);
    // Nor in a block that is made here.
    assert_eq!(paid(&town.node.mine()), texts(&[next]));
}

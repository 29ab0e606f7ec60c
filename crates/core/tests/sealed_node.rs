//! A node on a sealed chain: which payments wait, which block takes them, what
//! becomes of them when blocks are dropped, and what strangers cannot make it
//! do.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, Change};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError, SIDE_DEPTH_LIMIT};
use adit_core::mempool::{Origin, PENDING_EXPIRY_MS, Pending};
use adit_core::mining::{DRAFT_AGE_MS, Job};
use adit_core::node::{
    Answer, Config, Effect, FUTURE_BLOCKS_LIMIT, FUTURE_BLOCKS_LIMIT_BYTES, Input, LeftOut, Node,
    Timer,
};
use adit_core::rules::{Rules, Sealed, Weight};
use adit_core::sealed::{Account, Params};
use serde_json::json;

use crate::sealed_world::{
    Key, block_after, easy_params, key, payment_of, proven, value_of, worked_for,
};
use crate::world::{Driven, answers_in, config, job_in, only_answer, utf8};

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
fn paid(block: &Block) -> Vec<String> {
    block.transactions().skip(1).map(utf8).collect()
}

#[track_caller]
fn refused(effects: &[Effect]) -> &ChainError {
    match effects {
        [Effect::Refused(error)] => error,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[track_caller]
fn broken_rule(effects: &[Effect]) -> &'static str {
    match refused(effects) {
        ChainError::Invalid(error) => error.rule(),
        other => panic!("expected an invalid block, found {other:?}"),
    }
}

fn alarms(effects: &[Effect], wanted: Timer) -> Vec<Duration> {
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

#[test]
fn a_block_that_comes_too_early_is_taken_when_its_time_has_come() {
    let mut town = Town::new();
    let (genesis, ahead_ms) = (town.genesis(), town.ahead_ms());
    let early = town.block(&genesis, ahead_ms + 5_000, &[]);
    let next = town.block(&early, 2_000, &[]);
    let due = town.node.now + Duration::from_secs(5);
    // However often it comes, one alarm is set.
    let effects = town.hear(&early);
    assert_eq!(alarms(&effects, Timer::Retry), [due]);
    assert_eq!(effects.len(), 1);
    assert!(town.hear(&early).is_empty());
    assert!(matches!(
        refused(&town.hear(&next)),
        ChainError::Orphan { .. }
    ));
    assert_eq!(town.length(), 1);

    // Woken too early, it waits on.
    town.node.now = due - Duration::from_millis(1);
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    assert_eq!(alarms(&effects, Timer::Retry), [due]);
    town.node.now = due;
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    assert!(matches!(effects[..], [Effect::Announce(_)]), "{effects:?}");
    assert_eq!(town.node.tip(), early);
    assert!(town.node.handle(Input::Timer(Timer::Retry)).is_empty());
}

#[test]
fn early_blocks_are_taken_in_their_order_and_the_alarm_is_for_the_next() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let base = town.ahead_ms();
    let start = town.node.now;
    let [late, soon] = [30_000, 10_000].map(|wait_ms| town.block(&genesis, base + wait_ms, &[]));
    let at = |wait_ms| start + Duration::from_millis(wait_ms);
    assert_eq!(alarms(&town.hear(&late), Timer::Retry), [at(30_000)]);
    assert_eq!(alarms(&town.hear(&soon), Timer::Retry), [at(10_000)]);
    town.node.now = at(10_000);
    let effects = town.node.handle(Input::Timer(Timer::Retry));
    assert_eq!(alarms(&effects, Timer::Retry), [at(30_000)]);
    assert_eq!(town.node.tip(), soon);
    town.node.now = at(30_000);
    assert!(
        town.node.handle(Input::Timer(Timer::Retry)).is_empty(),
        "a side block"
    );
    assert_eq!(town.node.tip(), soon);
    assert!(town.node.archive.entry(&late.hash()).unwrap().is_some());
}

#[test]
fn no_more_early_blocks_are_held_than_the_limit_and_the_farthest_go_first() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let base = town.ahead_ms();
    let start = town.node.now;
    // Years ahead: they would take the room for ever.
    for number in 0..FUTURE_BLOCKS_LIMIT as u64 {
        let block = town.block(&genesis, base + 1_000_000_000_000 - number, &[]);
        town.hear(&block);
    }
    let farthest = Arc::clone(&town.made[0]);
    let soon = town.block(&genesis, base + 100_000, &[]);
    let due = start + Duration::from_secs(100);
    assert_eq!(alarms(&town.hear(&soon), Timer::Retry), [due]);
    town.node.now = due;
    town.node.handle(Input::Timer(Timer::Retry));
    assert_eq!(town.node.tip(), soon);
    town.node.now = start + Duration::from_secs(2_000_000_000);
    town.wake();
    assert_eq!(town.node.archive.entry(&farthest.hash()).unwrap(), None);
    let taken = town.node.kept.len() - 2;
    assert_eq!(taken, FUTURE_BLOCKS_LIMIT - 1);
}

#[test]
fn early_blocks_are_bounded_in_bytes_too() {
    let mut town = Town::with(
        Params {
            max_block_bytes: 8 * 1024 * 1024,
            max_data_bytes: 8_192,
            allocations: easy_params(&[(&key(0), 1_000_000_000)]).allocations,
            ..params()
        },
        miner_config(),
    );
    let long = |nonce| {
        let transfer = adit_core::sealed::Transfer {
            amount: 1,
            chain: town.rules.chain_id(),
            data: Some("é".repeat(4_096)),
            fee: 0,
            nonce,
            recipient: town.keys[1].address,
            sender: town.keys[0].address,
        };
        town.keys[0].sign(&transfer)
    };
    let texts: Vec<_> = (0..320).map(long).collect();
    let genesis = town.genesis();
    let base = town.ahead_ms();
    let mut bytes = 0;
    let mut count = 0;
    while bytes <= FUTURE_BLOCKS_LIMIT_BYTES {
        let block = town.block(&genesis, base + 1_000_000 - count, &texts);
        assert!(
            !town.hear(&block).is_empty(),
            "each is due before the others"
        );
        bytes += block.text().len();
        count += 1;
    }
    assert!(count < 30, "{count} long blocks");
    town.node.now += Duration::from_secs(2_000_000);
    let kept_before = town.node.kept.len() as u64;
    town.wake();
    assert_eq!(town.node.kept.len() as u64 - kept_before, count - 1);
}

#[test]
fn a_block_of_a_branch_that_comes_too_early_is_not_held() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let early = town.block(&genesis, 10_000_000, &[]);
    let effects = town.node.handle(Input::Block(early, BlockSource::InBranch));
    let ChainError::Invalid(error) = refused(&effects) else {
        panic!("expected an early block, found {effects:?}");
    };
    assert!(error.ahead_until_ms().is_some());
}

#[test]
fn what_stands_on_nothing_known_is_refused_and_not_kept() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let unknown = town.block(&genesis, 10, &[]);
    let orphan = town.block(&unknown, 10, &[]);
    for _ in 0..3 {
        let effects = town.hear(&orphan);
        let ChainError::Orphan { height: 3, parent } = *refused(&effects) else {
            panic!("expected an orphan, found {effects:?}");
        };
        assert_eq!(parent, Some(unknown.hash()));
    }
    assert_eq!(town.node.kept.len(), 1);
}

/// Blocks that come fast make the next ones harder.
#[test]
fn side_blocks_that_are_cheaper_than_the_tip_are_bounded() {
    const LIMIT: usize = 8;
    let params = Params {
        half_life_ms: 20_000,
        ..params()
    };
    let mut town = Town::with(params, miner_config());
    town.node.node.limit_side_blocks(SIDE_DEPTH_LIMIT, LIMIT);
    let genesis = town.genesis();
    let grow = |town: &mut Town| {
        while town.length() < 8 {
            let tip = town.node.tip();
            let next = town.block(&tip, 1, &[]);
            assert_eq!(town.hear(&next).len(), 1, "the main chain goes on");
        }
    };
    grow(&mut town);
    for number in 0..LIMIT as u64 {
        let block = town.block(&genesis, 10 + number, &[]);
        assert!(town.hear(&block).is_empty(), "{number}");
    }
    let kept = town.node.kept.len();
    let more = town.block(&genesis, 9, &[]);
    for _ in 0..2 {
        let effects = town.hear(&more);
        let limit = LIMIT;
        assert!(
            matches!(refused(&effects), ChainError::TooManySideBlocks { limit: found } if *found == limit)
        );
        assert!(town.node.node.chain().known_invalid(&more.hash()).is_none());
    }
    assert_eq!(town.node.kept.len(), kept);
    // What took as much work as the tip does not count.
    let before = town.node.archive.main_hash(7).unwrap().unwrap();
    let before = town.node.archive.block(&before).unwrap().unwrap();
    for wait_ms in 2..5 {
        let block = town.block(&before, wait_ms, &[]);
        assert!(town.hear(&block).is_empty(), "{wait_ms}");
        assert!(town.node.archive.entry(&block.hash()).unwrap().is_some());
    }
    // When the chain starts over, so does the count.
    let request = town.node.request();
    town.node.handle(Input::Rewind(request));
    grow(&mut town);
    for wait_ms in [10, 11] {
        let block = town.block(&genesis, wait_ms, &[]);
        town.hear(&block);
        assert!(town.node.archive.entry(&block.hash()).unwrap().is_some());
    }
}

/// Work that is easier than the chain asks for buys nothing, not even a look at
/// where the block stands.
#[test]
fn blocks_for_little_work_are_refused() {
    let hard = Weight::MAX >> 8;
    let hard_params = Params {
        initial_target: hard,
        pow_limit: hard,
        ..params()
    };
    let mut town = Town::with(hard_params, miner_config());
    let genesis = town.genesis();
    let block = town.block(&genesis, 10, &[]);
    let orphan = town.block(&block, 10, &[]);
    let with_target = |block: &Block, target: Weight| {
        let mut value = value_of(block);
        value["target"] = json!(format!("{target:064x}"));
        Arc::new(town.rules.read(&proven(value)).unwrap())
    };
    let above_limit = with_target(&orphan, Weight::MAX);
    let other_target = with_target(&block, hard - Weight::from(1));
    let unworked = (0..).find_map(|proof| {
        let mut value = value_of(&orphan);
        value["proof"] = json!(proof);
        let text = crate::sealed_world::canonical(&value);
        let block = town.rules.read(&text).unwrap();
        (Weight::from_be_bytes(block.hash().0) > hard).then_some(Arc::new(block))
    });
    let rules: Vec<_> = [above_limit, other_target, unworked.unwrap()]
        .iter()
        .map(|block| broken_rule(&town.hear(block)))
        .collect();
    assert_eq!(rules, ["target", "target", "proof"]);
    assert_eq!((town.node.kept.len(), town.length()), (1, 1));
}

#[test]
fn a_block_with_a_reward_too_high_is_refused() {
    let mut town = Town::new();
    let genesis = town.genesis();
    let mut value = value_of(&town.block(&genesis, 10, &[]));
    value["transactions"][0]["amount"] = json!(1_000_001);
    let block = Arc::new(town.rules.read(&worked_for(value)).unwrap());
    assert_eq!(broken_rule(&town.hear(&block)), "reward");
}

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

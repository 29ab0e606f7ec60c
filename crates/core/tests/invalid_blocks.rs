//! Blocks that are refused after expensive checks: the same block is refused
//! again without them, for the same reason. Another text under the same header,
//! or a block before its time, spoils nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adit_core::address::Address;
use adit_core::block::{Block, BlockError, HeaderFields, Shape};
use adit_core::chain::BlockSource;
use adit_core::hash::Hash;
use adit_core::json::Reading;
use adit_core::node::{Answer, Effect, INVALID_BLOCKS_LIMIT, Input, Outcome};
use adit_core::rules::{
    AccountChange, BlockTemplate, Context, Rules, Sealed, TemplateContent, Weight,
};
use adit_core::sealed::Account;
use adit_core::transaction::{Submitted, TransactionError};

use crate::sealed_node::{GENESIS, miner_config, params};
use crate::sealed_world::{Key, block_after, key, payment_of};
use crate::world::{Driven, utf8};

/// The rules of one chain, and how often the expensive checks were made.
struct Counting {
    rules: Sealed,
    signatures: AtomicUsize,
    applied: AtomicUsize,
}

impl Counting {
    /// How often signatures were checked and accounts looked at since the last
    /// call.
    fn counted(&self) -> (usize, usize) {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::Relaxed);
        (take(&self.signatures), take(&self.applied))
    }
}

impl Rules for Counting {
    fn name(&self) -> &'static str {
        self.rules.name()
    }

    fn genesis(&self, now: Duration) -> Block {
        self.rules.genesis(now)
    }

    fn hash(&self, text: &[u8], shape: &Shape) -> Hash {
        self.rules.hash(text, shape)
    }

    fn template(&self, context: Context<'_>, content: &TemplateContent) -> BlockTemplate {
        self.rules.template(context, content)
    }

    fn proof_is_for_content(&self) -> bool {
        true
    }

    fn check_stateless(&self, block: &Block) -> Result<(), BlockError> {
        self.rules.check_stateless(block)
    }

    fn check_signatures(
        &self,
        block: &Block,
        is_checked: &dyn Fn(&Hash, &[u8]) -> bool,
    ) -> Result<(), BlockError> {
        self.signatures.fetch_add(1, Ordering::Relaxed);
        self.rules.check_signatures(block, is_checked)
    }

    fn check_contextual(&self, context: Context<'_>, block: &Block) -> Result<(), BlockError> {
        self.rules.check_contextual(context, block)
    }

    fn weight(&self, header: &HeaderFields) -> Weight {
        self.rules.weight(header)
    }

    fn reading(&self) -> Reading {
        self.rules.reading()
    }

    fn read_transaction(&self, body: &[u8]) -> Result<Submitted, TransactionError> {
        self.rules.read_transaction(body)
    }

    fn keeps_accounts(&self) -> bool {
        true
    }

    fn apply(
        &self,
        block: &Block,
        accounts: &dyn Fn(&Address) -> Account,
    ) -> Result<Vec<AccountChange>, BlockError> {
        self.applied.fetch_add(1, Ordering::Relaxed);
        self.rules.apply(block, accounts)
    }

    fn issued(&self, index: u64) -> u128 {
        self.rules.issued(index)
    }

    fn read_canonical(&self, text: Vec<u8>) -> Result<Block, BlockError> {
        self.rules.read_canonical(text)
    }
}

struct World {
    rules: Arc<Counting>,
    node: Driven,
    keys: Vec<Key>,
}

impl World {
    fn new() -> World {
        let rules = Arc::new(Counting {
            rules: Sealed::with_params(params(), GENESIS).unwrap(),
            signatures: AtomicUsize::new(0),
            applied: AtomicUsize::new(0),
        });
        let node = Driven::start(rules.clone(), miner_config());
        rules.counted();
        World {
            keys: (0..5).map(key).collect(),
            node,
            rules,
        }
    }

    fn payment(&self, from: usize, nonce: u64, amount: u64) -> Vec<u8> {
        let (from, to) = (&self.keys[from], &self.keys[2]);
        payment_of(&self.rules.rules, from, to, nonce, amount, 1)
    }

    /// Somebody else's block on the genesis block, valid or not.
    fn block(&self, wait_ms: u64, texts: &[Vec<u8>]) -> Arc<Block> {
        let genesis = self.rules.genesis(Duration::ZERO);
        let miner = self.keys[3].address;
        block_after(&self.rules.rules, &genesis, None, wait_ms, miner, texts)
    }

    /// What becomes of a block that comes over the wire.
    fn offer(&mut self, block: &Block) -> Outcome {
        let request = self.node.request();
        let block = Arc::new(block.as_received());
        let effects = self.node.handle(Input::SubmitBlock(request, block));
        let answers = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer(_, Answer::BlockSubmitted(outcome)) => Some(outcome),
            _ => None,
        });
        answers.unwrap()
    }

    fn refused(&mut self, block: &Block) -> &'static str {
        match self.offer(block) {
            Outcome::Refused(error) => error.rule(),
            other => panic!("expected a refusal, found {other:?}"),
        }
    }
}

fn forged(mut text: Vec<u8>) -> Vec<u8> {
    let digit = text.len() - 10;
    text[digit] = if text[digit] == b'0' { b'1' } else { b'0' };
    text
}

#[test]
fn a_block_that_was_refused_after_dear_checks_is_refused_again_without_them() {
    let mut world = World::new();
    let cases = [
        ("signature", forged(world.payment(0, 0, 5)), (1, 0)),
        ("balance", world.payment(0, 0, 1_000_000), (1, 1)),
        ("nonce", world.payment(0, 7, 5), (1, 1)),
    ];
    for (rule, text, checks) in cases {
        let bad = world.block(1_000, &[text]);
        assert_eq!(world.refused(&bad), rule);
        assert_eq!(world.rules.counted(), checks, "{rule}");
        for source in [
            BlockSource::Single,
            BlockSource::Submitted,
            BlockSource::InBranch,
        ] {
            let block = Arc::new(bad.as_received());
            let effects = world.node.handle(Input::Block(block, source));
            assert!(
                matches!(&effects[..], [Effect::Refused(error)] if error.rule() == rule),
                "{effects:?}"
            );
        }
        assert_eq!(world.rules.counted(), (0, 0), "{rule}");
    }
    assert_eq!(world.node.tip().height(), 1);
}

/// Nothing about those is expensive, and to make them costs nothing: they would
/// only take the places of others.
#[test]
fn what_is_refused_before_the_dear_checks_is_not_remembered() {
    let mut world = World::new();
    let good = world.block(1_000, &[world.payment(0, 0, 5)]);
    let text = utf8(good.text()).replacen(r#""index": 2"#, r#""index": 3"#, 1);
    let bad = world.rules.read(text.as_bytes()).unwrap();
    for _ in 0..2 {
        world.refused(&bad);
    }
    assert_eq!(world.rules.counted(), (0, 0));
    assert!(world.node.node.chain().known_invalid(&bad.hash()).is_none());
}

#[test]
fn a_text_that_does_not_fit_its_header_says_nothing_against_the_block() {
    let mut world = World::new();
    let good = world.block(1_000, &[world.payment(0, 0, 5)]);
    for (field, other) in [
        (r#""amount": 5"#, r#""amount": 6"#),
        ("\"fee\": 1", "\"fee\": 2"),
    ] {
        let text = utf8(good.text()).replace(field, other);
        let error = world.rules.read(text.as_bytes()).unwrap_err();
        assert!(error.is_about_body(), "{error}");
    }
    assert!(matches!(world.offer(&good), Outcome::Extended));
}

#[test]
fn no_more_invalid_blocks_are_remembered_than_the_limit_and_the_oldest_are_forgotten() {
    let mut world = World::new();
    let bad = |number: u64| world.block(1 + number, &[world.payment(0, 7, 5)]);
    let blocks: Vec<_> = (0..=INVALID_BLOCKS_LIMIT as u64).map(bad).collect();
    for block in &blocks {
        assert_eq!(world.refused(block), "nonce");
    }
    world.rules.counted();
    let [first, second, .., last] = &blocks[..] else {
        unreachable!()
    };
    for block in [second, last] {
        assert_eq!(world.refused(block), "nonce");
    }
    assert_eq!(world.rules.counted(), (0, 0));
    assert_eq!(world.refused(first), "nonce");
    assert_eq!(world.rules.counted(), (1, 1));
}

#[test]
fn a_block_before_its_time_is_held_only_if_all_else_is_right_with_it() {
    let mut world = World::new();
    let ahead_ms = world.rules.rules.params().future_limit_ms + 60_000;
    let unsigned = world.block(ahead_ms, &[forged(world.payment(0, 0, 5))]);
    assert_eq!(world.refused(&unsigned), "signature");
    let good = world.block(ahead_ms + 1, &[world.payment(0, 0, 5)]);
    world.rules.counted();
    assert!(matches!(world.offer(&good), Outcome::Deferred));
    assert_eq!(world.rules.counted(), (1, 0));
    // Sending it again reveals no more, and costs us nothing.
    assert!(matches!(world.offer(&good), Outcome::Deferred));
    assert_eq!(world.rules.counted(), (0, 0));
}

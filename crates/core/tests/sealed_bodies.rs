//! What a header commits to: the body that fits it, the root over its
//! transactions, and what a block template takes along.

use adit_core::hash::Hash;
use adit_core::rules::Rules;
use adit_core::sealed::{Params, SealedError, header_text};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sealed_blocks::{broken, chain, next};
use crate::sealed_world::{
    START_MS, SealedChain, canonical, easy_params, key, proven, random_chain, worked_for,
};
use crate::world::{Dice, repeatable, utf8};

/// The hash of a block is that of its header, so that two bodies can come under
/// one hash. Only the one that the header commits to is a block at all; the
/// other says nothing against the hash. (Bitcoin once marked a block invalid
/// because of a body that was not its own, CVE-2012-2459.)
#[test]
fn a_bad_body_does_not_poison_its_header() {
    let chain = chain();
    let good = worked_for(next(&chain));
    let hash = chain.rules.read(&good).unwrap().hash();
    let bodies: [fn(&mut Vec<Value>); 6] = [
        |list| list.clear(),
        |list| drop(list.pop()),
        |list| list.swap(1, 2),
        |list| list.push(list[2].clone()),
        |list| list[1]["amount"] = json!(101),
        |list| list[2] = json!("nonsense"),
    ];
    for change in bodies {
        let mut block: Value = serde_json::from_slice(&good).unwrap();
        change(block["transactions"].as_array_mut().unwrap());
        let text = canonical(&block);
        // It has the good block's header and proof, so its hash.
        assert_eq!(header_text(&text), header_text(&good));
        let error = chain.rules.read(&text).unwrap_err();
        assert_eq!(error.rule(), "merkle-root");
        assert!(error.is_about_body(), "{error}");
    }
    let block = chain.rules.read(&good).unwrap();
    assert_eq!(block.hash(), hash);
    assert!(chain.check(&block).is_ok());
}

/// Where there is no header to be read, nothing is known of a hash either: a
/// block that was asked for by its hash may come whole from somebody else.
#[test]
fn what_is_no_block_says_nothing_against_a_hash() {
    let chain = chain();
    let good = utf8(&worked_for(next(&chain)));
    for (from, to, rule) in [
        ("{", "", "json"),
        ("\"version\": 1", "\"version\": 01", "json"),
        ("\"transactions\"", "\"transaction\"", "fields"),
        ("\"merkle_root\"", "\"root\"", "fields"),
        ("\"index\": 4", "\"index\": \"4\"", "fields"),
        ("\"version\": 1", "\"version\": 2", "version"),
    ] {
        let error = chain.rules.read(good.replace(from, to).as_bytes());
        let error = error.unwrap_err();
        assert_eq!(error.rule(), rule, "{error}");
        assert!(error.is_about_body(), "{error}");
    }
    assert!(chain.rules.read(b"[]").unwrap_err().is_about_body());
}

/// What a header commits to is bad for ever, wherever it comes from.
#[test]
fn a_bad_body_that_its_header_commits_to_condemns_the_header() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 7] = [
        ("fields", |block| {
            block["transactions"][1] = json!("nonsense")
        }),
        ("signature", |block| {
            block["transactions"][1]["amount"] = json!(101)
        }),
        ("reward", |block| {
            block["transactions"][0]["amount"] = json!(1)
        }),
        ("nonce", |block| {
            let again = block["transactions"][1].clone();
            block["transactions"].as_array_mut().unwrap().push(again);
            block["transactions"][0]["amount"] = json!(1_000_017);
        }),
        ("previous-hash", |block| {
            block["previous_hash"] = json!("0".repeat(64))
        }),
        ("timestamp", |block| block["timestamp"] = json!(0)),
        ("target", |block| {
            block["target"] = json!("f".repeat(63) + "0")
        }),
    ];
    for (rule, change) in changes {
        let error = broken(change);
        assert_eq!(error.rule(), rule, "{error}");
        assert!(!error.is_about_body(), "{error}");
    }
}

#[test]
fn the_merkle_root_is_that_of_the_transactions() {
    let chain = chain();
    let mut block = next(&chain);
    let root = |block: &Value| -> Hash { block["merkle_root"].as_str().unwrap().parse().unwrap() };
    let expected = root(&block);
    block["merkle_root"] = json!("0".repeat(64));
    let found = root(&block);
    let error = chain.try_text(&proven(block)).unwrap_err();
    assert_eq!(
        error,
        SealedError::WrongMerkleRoot { expected, found }.into()
    );
}

/// Bitcoin's tree gave a block the same root when its last transactions came
/// twice.
#[test]
fn repeated_transactions_change_the_root_cve_2012_2459() {
    let chain = chain();
    let block = next(&chain);
    for count in 1..=3 {
        let mut repeated = block.clone();
        let list = repeated["transactions"].as_array_mut().unwrap();
        list.extend_from_within(3 - count..);
        let error = chain.try_text(&canonical(&repeated)).unwrap_err();
        assert_eq!(error.rule(), "merkle-root");
    }
}

/// Two hashes, 64 bytes, shown as a transaction: no transaction's text is that
/// short, and a leaf is hashed differently from a node.
#[test]
fn a_node_of_the_tree_is_no_transaction_cve_2017_12842() {
    let chain = chain();
    let block = next(&chain);
    let nodes: String = "ab".repeat(32);
    let mut shown = block.clone();
    shown["transactions"] = json!([block["transactions"][0], nodes]);
    assert_eq!(
        chain.try_text(&canonical(&shown)).unwrap_err().rule(),
        "merkle-root"
    );
    assert_eq!(
        chain.try_text(&worked_for(shown)).unwrap_err().rule(),
        "fields"
    );
}

/// The genesis block is the chain: nothing else has index 1 there.
#[test]
fn another_chains_first_block_is_refused() {
    let chain = chain();
    let other = SealedChain::new(Params {
        name: "another".to_owned(),
        ..easy_params(&[(&key(0), 1_000)])
    });
    let (own, foreign) = (&chain.blocks[0], &other.blocks[0]);
    assert_eq!(chain.rules.check_stateless_and_signed(own), Ok(()));
    let (expected, found) = (own.hash(), foreign.hash());
    let error = chain.rules.check_stateless_and_signed(foreign).unwrap_err();
    assert_eq!(error, SealedError::OtherGenesis { expected, found }.into());
    assert_eq!(error.rule(), "genesis");
}

#[test]
fn a_miner_takes_its_clock_or_the_parents_timestamp_plus_one() {
    let chain = chain();
    let tip_ms = START_MS + 20_000;
    for (now_ms, expected) in [
        (0, tip_ms + 1),
        (tip_ms - 1, tip_ms + 1),
        (tip_ms, tip_ms + 1),
        (tip_ms + 1, tip_ms + 1),
        (tip_ms + 77, tip_ms + 77),
    ] {
        let block = chain.draft_at(now_ms, &key(1), &[]);
        assert_eq!(block.sealed().unwrap().header.timestamp_ms, expected);
        assert!(chain.check(&block).is_ok());
    }
}

#[test]
fn what_waits_and_is_no_transaction_is_left_out_of_a_draft() {
    let chain = chain();
    let good = chain.pay(&key(0), &key(1), 1, 3);
    let classic = br#"{"amount": 1, "recipient": "a", "sender": "b"}"#.to_vec();
    let block = chain.draft(&key(1), &[classic, good.clone()]);
    assert_eq!(block.transactions().nth(1), Some(&good[..]));
    assert_eq!(block.transactions().count(), 2);
    assert!(chain.check(&block).is_ok());
}

#[test]
fn only_an_address_can_be_rewarded() {
    let rules = chain().rules;
    let address = key(1).address.to_string();
    assert_eq!(rules.check_reward_to(&address), Ok(()));
    assert!(
        rules
            .check_reward_to("68f315fcb5a8407fa452eddb429a2293")
            .is_err()
    );
}

#[test]
fn the_hash_is_that_of_the_trait_too() {
    for block in random_chain(&mut Dice(2), 5).blocks {
        let rules = chain().rules;
        let shape = adit_core::block::Shape::of(block.text()).unwrap();
        assert_eq!(rules.hash(block.text(), &shape), block.hash());
        assert_eq!(rules.read_canonical(block.text().to_vec()).unwrap(), *block);
    }
}

proptest! {
    #![proptest_config(repeatable(96))]

    /// One character of a block changed: it is refused, and never by a panic.
    #[test]
    fn every_changed_character_is_seen(seed: u64) {
        let mut dice = Dice(seed);
        let chain = random_chain(&mut dice, 3);
        let block = chain.draft(&key(0), &crate::sealed_world::random_payments(
            &chain,
            &[key(0), key(1), key(2)],
            &mut dice,
        ));
        prop_assert!(chain.try_text(block.text()).is_ok());
        for _ in 0..20 {
            let mut text = block.text().to_vec();
            let at = dice.below(text.len() as u64) as usize;
            text[at] = dice.below(256) as u8;
            if let Ok(changed) = chain.rules.read(&text) {
                // Under this target every proof is good: it is another block.
                let same = changed.text() == block.text();
                let other_proof = changed.proof() != block.proof();
                let valid = chain.check(&changed).is_ok();
                let header = &changed.sealed().unwrap().header;
                let later = header.timestamp_ms != block.sealed().unwrap().header.timestamp_ms;
                prop_assert!(!valid || same || other_proof || later, "byte {}", at);
            }
        }
    }
}

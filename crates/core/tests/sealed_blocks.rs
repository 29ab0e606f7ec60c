//! Blocks of `sealed`: each rule broken by itself, in a block with valid work,
//! and that a body corrupted on its way says nothing against its header.

use std::time::Duration;

use adit_core::block::{Block, BlockError};
use adit_core::hash::Hash;
use adit_core::rules::{Rules, next_target, work};
use adit_core::sealed::{Header, Params, SealedError, header_text};
use proptest::prelude::*;
use ruint::aliases::U256;
use serde_json::{Value, json};

use crate::sealed_world::{
    START_MS, SealedChain, canonical, drafted, easy_params, key, proven, random_chain, value_of,
    worked_for,
};
use crate::world::{Dice, repeatable, utf8};

/// A chain of three blocks, so that targets move.
fn chain() -> SealedChain {
    let mut chain = SealedChain::new(easy_params(&[(&key(0), 1_000)]));
    chain.mine(&key(1), &[]);
    chain.mine(&key(1), &[]);
    chain
}

/// A valid next block with two payments.
fn next(chain: &SealedChain) -> Value {
    let first = chain.pay(&key(0), &key(1), 100, 5);
    let second = adit_core::sealed::Transfer {
        nonce: 1,
        ..chain.transfer(&key(0), &key(2), 50, 7)
    };
    value_of(&chain.draft(&key(2), &[first, key(0).sign(&second)]))
}

/// The error of a block that was changed, and worked for as changed.
fn broken(change: impl FnOnce(&mut Value)) -> BlockError {
    let chain = chain();
    let mut block = next(&chain);
    change(&mut block);
    chain.try_text(&worked_for(block)).unwrap_err()
}

#[track_caller]
fn assert_broken(rule: &str, message: &str, change: impl FnOnce(&mut Value)) {
    let error = broken(change);
    assert_eq!(error.rule(), rule, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn an_honest_block_is_valid() {
    let chain = chain();
    let changes = chain.try_text(&worked_for(next(&chain))).unwrap();
    assert_eq!(changes.len(), 3);
}

#[test]
fn fields_are_exactly_those_of_a_block() {
    for field in ["merkle_root", "target", "timestamp", "version"] {
        let chain = chain();
        let mut block = next(&chain);
        block.as_object_mut().unwrap().remove(field);
        let error = chain.try_text(&canonical(&block)).unwrap_err();
        assert_eq!(error.to_string(), format!("{field} is missing"));
        assert_eq!(error.rule(), "fields");
    }
    assert_broken("fields", "\"nonce\" is no field of this", |block| {
        block["nonce"] = json!(1)
    });
    assert_broken("fields", "\"params\" is no field of this", |block| {
        block["params"] = serde_json::from_slice(&easy_params(&[]).to_text()).unwrap();
    });
}

#[test]
fn a_header_by_itself_is_read_as_in_its_block() {
    let chain = chain();
    for block in &chain.blocks {
        let alone = Header::read_alone(&header_text(block.text())).unwrap();
        assert_eq!(alone, block.sealed().unwrap().header);
        let error = Header::read_alone(block.text()).unwrap_err();
        assert_eq!(error.to_string(), "\"proof\" is no field of this");
    }
    let params = String::from_utf8(header_text(chain.blocks[0].text())).unwrap();
    let later = params.replace("\"index\": 1", "\"index\": 2");
    let error = Header::read_alone(later.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "\"params\" is no field of this");
}

#[test]
fn each_field_has_its_form() {
    let zeros = "0".repeat(64);
    let short = json!(zeros[1..]);
    let upper = json!(zeros.replace("00", "AB"));
    let digits = "64 lower-case hex digits";
    let integer = "an integer in 0..2^53-1";
    for (field, value, expected) in [
        ("index", json!(1_u64 << 53), integer),
        ("merkle_root", upper.clone(), digits),
        ("merkle_root", json!(0), digits),
        ("previous_hash", short.clone(), digits),
        ("target", upper, digits),
        ("target", short, digits),
        ("timestamp", json!("1795300000000"), integer),
        ("timestamp", json!(1_u64 << 53), integer),
        ("version", json!("1"), "1"),
    ] {
        let chain = chain();
        let mut block = next(&chain);
        block[field] = value.clone();
        let error = chain.try_text(&canonical(&block)).unwrap_err();
        let expected = format!("{field}: expected {expected}, found {value}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_block_is_read_strictly() {
    let chain = chain();
    let text = utf8(&worked_for(next(&chain)));
    for (from, to, rule) in [
        ("\"index\": 4", "\"index\": 3, \"index\": 4", "json"),
        ("\"version\": 1", "\"version\": 1.0", "json"),
        ("\"fee\": 5", "\"fee\": 6, \"fee\": 5", "json"),
        ("\"nonce\": 0", "\"nonce\": -0", "json"),
        ("\"version\": 1", "\"version\": 1, \"x\": null", "json"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        let error = chain.try_text(changed.as_bytes()).unwrap_err();
        assert_eq!(error.rule(), rule, "{to}: {error}");
    }
    // Anything else about the layout is free.
    let loose = text.replace(", ", " ,\n").replace("adit1", "\\u0061dit1");
    let block = chain.rules.read(loose.as_bytes()).unwrap();
    assert_eq!(utf8(block.text()), text);
}

#[test]
fn a_version_that_we_do_not_know_is_refused() {
    assert_broken("version", "version: expected 1, found 2", |block| {
        block["version"] = json!(2)
    });
    assert_broken("version", "version: expected 1, found 0", |block| {
        block["version"] = json!(0)
    });
}

#[test]
fn a_block_stands_behind_its_parent() {
    assert_broken("index", "index: expected 4, found 5", |block| {
        block["index"] = json!(5);
        block["transactions"][0]["index"] = json!(5);
    });
    assert_broken("index", "index: expected 4, found 0", |block| {
        block["index"] = json!(0);
        block["transactions"][0]["index"] = json!(0);
    });
    assert_broken("previous-hash", "previous_hash: expected", |block| {
        block["previous_hash"] = json!("0".repeat(64));
    });
}

#[test]
fn timestamps_increase() {
    let parent_ms = START_MS + 20_000;
    for timestamp in [parent_ms, parent_ms - 1, 0] {
        assert_broken("timestamp", "timestamp: expected more than", |block| {
            block["timestamp"] = json!(timestamp);
        });
    }
    let chain = chain();
    let mut block = next(&chain);
    block["timestamp"] = json!(parent_ms + 1);
    assert!(chain.try_text(&worked_for(block)).is_ok());
}

#[test]
fn a_block_from_the_future_is_held_back_until_its_time() {
    let chain = chain();
    let block = Block::sealed_from(&chain, next(&chain));
    let timestamp_ms = block.sealed().unwrap().header.timestamp_ms;
    let limit_ms = chain.rules.params().future_limit_ms;
    let check = |now_ms| chain.rules.check_contextual(chain.context(now_ms), &block);
    let now_ms = timestamp_ms - limit_ms;
    assert_eq!(check(now_ms), Ok(()));
    let error = check(now_ms - 1).unwrap_err();
    assert_eq!(error.ahead_until_ms(), Some(now_ms));
    assert_eq!(error.rule(), "future");
    assert!(!error.is_about_body());
    // Our own log is read with no clock at all.
    let context = adit_core::rules::Context {
        now: Duration::MAX,
        ..chain.context(0)
    };
    assert_eq!(chain.rules.check_contextual(context, &block), Ok(()));
}

/// Only an otherwise valid block is worth waiting for.
#[test]
fn what_is_wrong_is_not_held_back() {
    let chain = chain();
    let mut block = next(&chain);
    block["previous_hash"] = json!("1".repeat(64));
    let block = Block::sealed_from(&chain, block);
    let error = chain
        .rules
        .check_contextual(chain.context(0), &block)
        .unwrap_err();
    assert_eq!(error.ahead_until_ms(), None);
    assert_eq!(error.rule(), "previous-hash");
}

trait SealedFrom {
    fn sealed_from(chain: &SealedChain, value: Value) -> Block;
}

impl SealedFrom for Block {
    fn sealed_from(chain: &SealedChain, value: Value) -> Block {
        chain.rules.read(&worked_for(value)).unwrap()
    }
}

/// Targets that a chain with a limit moves through.
fn harder_chain() -> SealedChain {
    let mut chain = SealedChain::new(Params {
        initial_target: U256::MAX >> 4,
        pow_limit: U256::MAX >> 2,
        ..easy_params(&[(&key(0), 1_000)])
    });
    for wait_ms in [500, 40_000, 100] {
        let now_ms = chain.next_ms() - 10_000 + wait_ms;
        let block = chain.draft_at(now_ms, &key(1), &[]);
        chain.push(block).unwrap();
    }
    chain
}

#[test]
fn the_target_follows_from_the_blocks_before() {
    let chain = harder_chain();
    let headers: Vec<_> = chain
        .blocks
        .iter()
        .map(|block| block.sealed().unwrap().header.clone())
        .collect();
    let params = chain.rules.params();
    assert_eq!(headers[1].target, params.initial_target);
    assert_eq!(headers[2].target, params.initial_target);
    // Block 3 took 40 seconds, so block 4 was easier.
    assert_eq!(
        headers[3].target,
        next_target(params.initial_target, 40_000, params)
    );
    assert!(headers[3].target > headers[2].target);
    let expected = next_target(headers[3].target, 100, params);
    assert!(expected < headers[3].target);
    for found in [
        headers[3].target,
        expected + U256::ONE,
        expected - U256::ONE,
        params.pow_limit,
    ] {
        let mut block = value_of(&chain.draft(&key(1), &[]));
        block["target"] = json!(format!("{found:064x}"));
        let error = chain.try_text(&worked_for(block)).unwrap_err();
        assert_eq!(error, SealedError::WrongTarget { expected, found }.into());
    }
}

#[test]
fn no_block_is_easier_than_the_chain_allows() {
    let chain = harder_chain();
    let limit = chain.rules.params().pow_limit;
    for found in [U256::MAX, limit + U256::ONE] {
        let mut block = value_of(&chain.draft(&key(1), &[]));
        block["target"] = json!(format!("{found:064x}"));
        let block = Block::sealed_from(&chain, block);
        let error = chain.rules.check_stateless_and_signed(&block).unwrap_err();
        assert_eq!(
            error,
            SealedError::TargetOutOfBounds { limit, found }.into()
        );
    }
    let mut block = value_of(&chain.draft(&key(1), &[]));
    block["target"] = json!("0".repeat(64));
    let error = chain.try_text(&canonical(&block)).unwrap_err();
    assert_eq!(error.rule(), "target");
}

#[test]
fn the_hash_is_at_most_the_target() {
    let chain = harder_chain();
    let good = chain.draft(&key(1), &[]);
    let seal = good.sealed().unwrap().seal;
    let target = good.sealed().unwrap().header.target;
    for proof in 0..200 {
        let mut block = value_of(&good);
        block["proof"] = json!(proof);
        let hash = adit_core::sealed::block_hash(seal, proof);
        let expected = match U256::from_be_bytes(hash.0) <= target {
            true => None,
            false => Some(SealedError::HashAboveTarget { target, hash }.into()),
        };
        assert_eq!(chain.try_text(&canonical(&block)).err(), expected);
    }
}

/// The seal is what is worked on: the puzzle asks for the block's own hash.
#[test]
fn the_puzzle_is_solved_by_the_blocks_own_proof() {
    let chain = harder_chain();
    let content = adit_core::rules::TemplateContent {
        now: Duration::from_millis(chain.next_ms()),
        transactions: vec![drafted(&chain.pay(&key(0), &key(1), 1, 1))],
        reward_to: key(1).address.to_string(),
    };
    let context = chain.context(chain.next_ms());
    let puzzle = chain.rules.puzzle(context, &content);
    for proof in 0..100 {
        let block = chain.rules.complete(context, &content, proof);
        let view = block.sealed().unwrap();
        assert_eq!(puzzle.prefix, view.seal.to_hex());
        assert_eq!(puzzle.target, view.header.target.to_be_bytes::<32>());
        assert!(puzzle.suffix.is_empty());
        let is_enough = U256::from_be_bytes(block.hash().0) <= view.header.target;
        assert_eq!(puzzle.is_solved_by(proof), is_enough);
        assert_eq!(chain.check(&block).is_ok(), is_enough);
    }
}

#[test]
fn a_block_weighs_its_work() {
    let chain = harder_chain();
    for block in &chain.blocks {
        let target = block.sealed().unwrap().header.target;
        assert_eq!(chain.rules.weight(block.header()), work(target));
    }
    assert_eq!(work(U256::MAX), U256::ONE);
    assert_eq!(work(U256::MAX >> 4), U256::from(16));
}

#[test]
fn the_first_transaction_is_the_reward_and_no_other() {
    assert_broken("reward", "the first transaction is no reward", |block| {
        block["transactions"] = json!([]);
    });
    assert_broken("reward", "the first transaction is no reward", |block| {
        block["transactions"].as_array_mut().unwrap().remove(0);
    });
    assert_broken("reward", "the first transaction is no reward", |block| {
        block["transactions"].as_array_mut().unwrap().swap(0, 1);
    });
    assert_broken(
        "reward",
        "transaction 3: only the first transaction of a block",
        |block| {
            let reward = block["transactions"][0].clone();
            block["transactions"].as_array_mut().unwrap().push(reward);
        },
    );
    assert_broken(
        "fields",
        "transaction 0: \"fee\" is no field of this",
        |block| {
            block["transactions"][0]["fee"] = json!(0);
        },
    );
    assert_broken("fields", "transaction 0: recipient: an address", |block| {
        block["transactions"][0]["recipient"] = json!("somebody");
    });
    assert_broken("fields", "transaction 0: recipient is missing", |block| {
        block["transactions"][0] = json!({"amount": 1, "index": 4, "sender": "0"});
    });
}

/// The chain's reward and the fees, 5 and 7, and no coin more or less.
#[test]
fn the_reward_is_exactly_what_the_finder_gets() {
    for amount in [0, 1_000_000, 1_000_011, 1_000_013, u64::MAX] {
        let message = format!("reward: amount: expected 1000012, found {amount}");
        assert_broken("reward", &message, |block| {
            block["transactions"][0]["amount"] = json!(amount);
        });
    }
    assert_broken("reward", "reward: index: expected 4, found 3", |block| {
        block["transactions"][0]["index"] = json!(3);
    });
}

#[test]
fn a_wrong_signature_in_a_block_is_named_by_its_place() {
    for position in [1, 2] {
        let error = broken(|block| block["transactions"][position]["amount"] = json!(1));
        let sender = key(0).address;
        let message = format!("transaction {position}: signature: it is not {sender}'s");
        assert!(error.to_string().starts_with(&message), "{error}");
    }
    assert_broken("chain", "transaction 2: chain: expected", |block| {
        block["transactions"][2]["chain"] = json!("0123456789abcdef");
    });
    assert_broken(
        "data",
        "transaction 1: data: expected at most 1024 bytes",
        |block| {
            block["transactions"][1]["data"] = json!("x".repeat(1_025));
        },
    );
}

#[test]
fn a_block_that_is_too_long_is_refused() {
    let params = Params {
        max_block_bytes: 1_500,
        ..easy_params(&[(&key(0), 1_000)])
    };
    let mut chain = SealedChain::new(params);
    chain.mine(&key(1), &[]);
    let transfers = (0..4).map(|nonce| adit_core::sealed::Transfer {
        nonce,
        ..chain.transfer(&key(0), &key(2), 1, 0)
    });
    let texts: Vec<Vec<u8>> = transfers.map(|transfer| key(0).sign(&transfer)).collect();
    // The draft takes what fits.
    let block = chain.draft(&key(1), &texts);
    assert!(block.text().len() <= 1_500 && block.text().len() > 1_100);
    assert_eq!(block.sealed().unwrap().transactions.len(), 2);
    assert!(chain.check(&block).is_ok());
    let mut longer = value_of(&block);
    let more = texts[2..3]
        .iter()
        .map(|text| serde_json::from_slice(text).unwrap());
    longer["transactions"].as_array_mut().unwrap().extend(more);
    let text = worked_for(longer);
    let error = chain.try_text(&text).unwrap_err();
    let found = text.len() as u64;
    assert_eq!(
        error,
        SealedError::TooLong {
            limit_bytes: 1_500,
            found
        }
        .into()
    );
}

#[test]
fn a_draft_takes_what_fits_and_no_more() {
    for max_block_bytes in (12_000..12_450).step_by(5) {
        let chain = SealedChain::new(Params {
            max_block_bytes,
            ..easy_params(&[(&key(0), 1_000)])
        });
        let transfers = (0..40).map(|nonce| adit_core::sealed::Transfer {
            nonce,
            ..chain.transfer(&key(0), &key(2), 1, 0)
        });
        let texts: Vec<Vec<u8>> = transfers.map(|transfer| key(0).sign(&transfer)).collect();
        let block = chain.draft(&key(1), &texts);
        assert!(chain.check(&block).is_ok(), "{max_block_bytes} bytes");
        let taken = block.sealed().unwrap().transactions.len();
        let with_one_more = block.text().len() + texts[taken].len() + 2;
        // Room is kept for the longest proof and reward.
        assert!(with_one_more + 40 > max_block_bytes as usize);
    }
}

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

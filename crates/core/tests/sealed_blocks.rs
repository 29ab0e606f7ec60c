//! Blocks of `sealed`: each rule broken by itself, in a block with valid work,
//! and that a body corrupted on its way says nothing against its header.

use std::time::Duration;

use adit_core::block::{Block, BlockError};
use adit_core::rules::{Rules, next_target, work};
use adit_core::sealed::{Header, Params, SealedError, header_text};
use ruint::aliases::U256;
use serde_json::{Value, json};

use crate::sealed_world::{
    START_MS, SealedChain, canonical, drafted, easy_params, key, value_of, worked_for,
};
use crate::world::utf8;

/// A chain of three blocks, so that targets move.
pub(crate) fn chain() -> SealedChain {
    let mut chain = SealedChain::new(easy_params(&[(&key(0), 1_000)]));
    chain.mine(&key(1), &[]);
    chain.mine(&key(1), &[]);
    chain
}

/// A valid next block with two payments.
pub(crate) fn next(chain: &SealedChain) -> Value {
    let first = chain.pay(&key(0), &key(1), 100, 5);
    let second = adit_core::sealed::Transfer {
        nonce: 1,
        ..chain.transfer(&key(0), &key(2), 50, 7)
    };
    value_of(&chain.draft(&key(2), &[first, key(0).sign(&second)]))
}

/// The error of a block that was changed, and worked for as changed.
pub(crate) fn broken(change: impl FnOnce(&mut Value)) -> BlockError {
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

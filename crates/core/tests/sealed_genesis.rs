//! The genesis file: a chain is its first block, and no chain starts with
//! parameters that it could not live with.

use std::time::Duration;

use adit_core::address::Address;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{ChainId, Params, write_genesis};
use proptest::prelude::*;
use ruint::aliases::U256;
use serde_json::{Value, json};

use crate::sealed_world::{START_MS, canonical, easy_params, key};
use crate::world::{repeatable, utf8};

fn genesis() -> Value {
    let params = Params {
        allocations: [(key(0).address, 5), (key(1).address, 0)].into(),
        ..Params::defaults("a chain")
    };
    serde_json::from_slice(&write_genesis(params, START_MS)).unwrap()
}

fn refused(change: impl FnOnce(&mut Value)) -> (String, &'static str) {
    let mut genesis = genesis();
    change(&mut genesis);
    let error = Sealed::new(genesis.to_string().as_bytes()).unwrap_err();
    (error.to_string(), error.rule())
}

#[test]
fn the_defaults_are_those_of_the_protocol() {
    let params = Params::defaults("new");
    let expected = r#"{"allocations": {}, "block_interval_ms": 10000, "future_limit_ms": 60000, "half_life_ms": 300000, "initial_target": "0000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "max_block_bytes": 1048576, "max_data_bytes": 1024, "name": "new", "pow_limit": "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "reward": 1000000}"#;
    assert_eq!(utf8(&params.to_text()), expected);
    assert_eq!(Params::read(expected.as_bytes()), Ok(params));
}

#[test]
fn the_file_may_be_written_in_any_layout() {
    let genesis = genesis();
    let pretty = serde_json::to_string_pretty(&genesis).unwrap();
    let rules = Sealed::new(pretty.as_bytes()).unwrap();
    assert_eq!(rules.genesis_text(), Some(&*canonical(&genesis)));
    let again = Sealed::new(rules.genesis_text().unwrap()).unwrap();
    assert_eq!(again.chain_id(), rules.chain_id());
    assert_eq!(rules.name(), "sealed");
}

#[test]
fn the_chains_id_is_the_begin_of_its_genesis_hash() {
    let rules = Sealed::new(genesis().to_string().as_bytes()).unwrap();
    let hash = rules.genesis(Duration::ZERO).hash();
    assert_eq!(rules.chain_id().to_string(), hash.to_string()[..16]);
    assert_eq!(
        ChainId::from_hex(&hash.to_hex()[..16]),
        Some(rules.chain_id())
    );
}

/// Every parameter and the time are part of the hash, so of the chain's id.
#[test]
fn other_parameters_are_another_chain() {
    let id = |genesis: &Value| {
        Sealed::new(genesis.to_string().as_bytes())
            .unwrap()
            .chain_id()
    };
    let usual = id(&genesis());
    for (param, value) in [
        ("name", json!("another")),
        ("block_interval_ms", json!(9_999)),
        ("half_life_ms", json!(300_001)),
        ("reward", json!(0)),
        ("max_block_bytes", json!(1_024)),
        ("max_data_bytes", json!(0)),
        ("future_limit_ms", json!(0)),
        ("allocations", json!({})),
        ("pow_limit", json!("0".repeat(2) + &"f".repeat(61) + "e")),
    ] {
        let mut genesis = genesis();
        genesis["params"][param] = value;
        assert_ne!(id(&genesis), usual, "{param}");
    }
    let mut later = genesis();
    later["timestamp"] = json!(START_MS + 1);
    assert_ne!(id(&later), usual);
}

#[test]
fn a_genesis_block_has_its_form() {
    for (field, value, expected) in [
        (
            "previous_hash",
            json!("1".repeat(64)),
            "genesis block: previous_hash: expected 000",
        ),
        (
            "proof",
            json!(101),
            "genesis block: proof: expected 100, found 101",
        ),
        (
            "target",
            json!("0".repeat(63) + "1"),
            "genesis block: target: expected 0000ffff",
        ),
        ("version", json!(2), "version: expected 1, found 2"),
        (
            "merkle_root",
            json!("0".repeat(64)),
            "merkle_root: the transactions give e3b0c442",
        ),
        ("index", json!(2), "\"params\" is no field of this"),
        ("extra", json!(2), "\"extra\" is no field of this"),
    ] {
        let (error, _) = refused(|genesis| genesis[field] = value);
        assert!(error.starts_with(expected), "{error}");
    }
    let (error, _) = refused(|genesis| {
        genesis.as_object_mut().unwrap().remove("params");
    });
    assert_eq!(error, "params is missing");
    // With a transaction, and the root that belongs to it.
    let (error, rule) = refused(|genesis| {
        let text =
            crate::sealed_world::SealedChain::new(easy_params(&[])).pay(&key(0), &key(1), 0, 0);
        let payment: Value = serde_json::from_slice(&text).unwrap();
        genesis["transactions"] = json!([payment]);
        genesis["merkle_root"] = json!(adit_core::merkle::leaf(&text).to_string());
    });
    assert!(
        error.starts_with("genesis block: merkle_root: expected e3b0c442"),
        "{error}"
    );
    assert_eq!(rule, "genesis");
}

#[test]
fn a_block_that_is_not_the_first_starts_no_chain() {
    let mut genesis = genesis();
    genesis["index"] = json!(2);
    genesis.as_object_mut().unwrap().remove("params");
    assert!(Sealed::new(genesis.to_string().as_bytes()).is_err());
    assert!(Sealed::new(b"{}").is_err());
    assert!(Sealed::new(b"").is_err());
}

#[test]
fn parameters_are_bounded() {
    let year_and_more = json!(31_536_000_001_u64);
    let hex = |number: U256| json!(format!("{number:064x}"));
    for (param, value, rule) in [
        ("name", json!(""), "params"),
        ("name", json!("x".repeat(65)), "params"),
        ("name", json!("line\nfeed"), "params"),
        ("name", json!(7), "fields"),
        ("block_interval_ms", json!(0), "params"),
        ("block_interval_ms", year_and_more.clone(), "fields"),
        ("block_interval_ms", json!(300_000), "params"),
        ("half_life_ms", json!(0), "params"),
        ("half_life_ms", json!(10_000), "params"),
        ("half_life_ms", year_and_more.clone(), "fields"),
        ("future_limit_ms", year_and_more, "fields"),
        ("initial_target", hex(U256::ZERO), "params"),
        ("initial_target", hex(U256::MAX), "params"),
        ("pow_limit", hex(U256::ONE), "params"),
        ("pow_limit", json!("ff"), "fields"),
        ("reward", json!(1_u64 << 53), "fields"),
        ("max_block_bytes", json!(1_023), "params"),
        ("max_block_bytes", json!(8 * 1_024 * 1_024 + 1), "params"),
        ("max_data_bytes", json!(8_193), "fields"),
        ("allocations", json!([]), "fields"),
        ("allocations", json!({"bob": 1}), "fields"),
        ("interest", json!(1), "fields"),
    ] {
        let (error, found) = refused(|genesis| {
            genesis["params"][param] = value.clone();
        });
        assert_eq!(found, rule, "{param}: {value}: {error}");
        assert!(error.contains(param), "{error}");
    }
    for (param, value) in [
        ("name", json!("é".repeat(32))),
        ("block_interval_ms", json!(299_999)),
        ("half_life_ms", json!(31_536_000_000_u64)),
        ("future_limit_ms", json!(0)),
        ("initial_target", hex(U256::ONE)),
        ("pow_limit", hex(U256::MAX)),
        ("reward", json!((1_u64 << 53) - 1)),
        ("max_block_bytes", json!(8 * 1_024 * 1_024)),
        ("max_data_bytes", json!(8_192)),
    ] {
        let mut genesis = genesis();
        genesis["params"][param] = value.clone();
        let target = genesis["params"]["initial_target"].clone();
        genesis["target"] = target;
        let result = Sealed::new(genesis.to_string().as_bytes());
        assert!(result.is_ok(), "{param}: {value}: {result:?}");
    }
}

#[test]
fn allocations_are_canonical_addresses_and_countable() {
    let most = (1_u64 << 53) - 1;
    let [first, second] = [key(0), key(1)].map(|key| key.address.to_string());
    let with = |allocations: Value| {
        let mut genesis = genesis();
        genesis["params"]["allocations"] = allocations;
        Sealed::new(genesis.to_string().as_bytes()).map(|_| ())
    };
    assert_eq!(with(json!({&first: most})), Ok(()));
    assert_eq!(with(json!({&first: most - 1, &second: 1})), Ok(()));
    let error = with(json!({&first: most, &second: 1})).unwrap_err();
    let message =
        "params: allocations: expected at most 2^53-1 base units together, found 9007199254740992";
    assert_eq!(error.to_string(), message);
    assert!(with(json!({&first: most + 1})).is_err());
    assert!(with(json!({&first: "1"})).is_err());
    assert!(with(json!({first.to_uppercase(): 1})).is_err());
    // Twice, in a file that JSON libraries would take.
    let twice = genesis().to_string().replace(
        &format!("\"{first}\":5"),
        &format!("\"{first}\":5,\"{first}\":6"),
    );
    let error = Sealed::new(twice.as_bytes()).unwrap_err();
    assert_eq!(error.rule(), "json");
}

/// The order of bech32's letters is not that of the bytes that they stand for.
#[test]
fn allocations_are_written_in_the_order_of_their_texts() {
    let params = Params {
        allocations: (0..50)
            .map(|number| (key(number).address, number))
            .collect(),
        ..Params::defaults("order")
    };
    let text = params.to_text();
    assert_eq!(
        adit_core::json::canonical(&text, usize::MAX),
        Ok(text.clone())
    );
    assert_eq!(Params::read(&text), Ok(params));
}

proptest! {
    #![proptest_config(repeatable(64))]

    #[test]
    fn what_is_written_is_read_again(
        name in "\\PC{1,16}",
        block_interval_ms in 1_u64..1_000_000,
        more_ms in 1_u64..1_000_000,
        target_shift in 0_usize..255,
        reward in 0..1_u64 << 53,
        max_block_bytes in 1_024_u64..8_388_609,
        max_data_bytes in 0_u64..8_193,
        allocations in prop::collection::btree_map(any::<[u8; 32]>(), 0_u64..1 << 48, 0..8),
    ) {
        let params = Params {
            name,
            block_interval_ms,
            half_life_ms: block_interval_ms + more_ms,
            initial_target: U256::MAX >> target_shift,
            pow_limit: U256::MAX >> (target_shift / 2),
            reward,
            max_block_bytes,
            max_data_bytes,
            future_limit_ms: more_ms,
            allocations: allocations.into_iter().map(|(key, amount)| (Address(key), amount)).collect(),
        };
        let text = params.to_text();
        prop_assert_eq!(adit_core::json::canonical(&text, usize::MAX), Ok(text.clone()));
        let rules = Sealed::with_params(params.clone(), Duration::from_millis(START_MS)).unwrap();
        prop_assert_eq!(rules.params(), &params);
    }
}

//! A whole sealed chain from an independent implementation, to the byte:
//! header texts, seals, hashes, ids, work, balances.

use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::merkle;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Account, header_text};
use serde_json::Value;

use crate::sealed_world::{Key, SealedChain, canonical, key};
use crate::world::utf8;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/sealed_chain.json")).unwrap()
}

fn rules(vectors: &Value) -> Sealed {
    Sealed::new(vectors["blocks"][0]["block"].to_string().as_bytes()).unwrap()
}

fn blocks(vectors: &Value) -> Vec<(Block, &Value)> {
    let rules = rules(vectors);
    let list = vectors["blocks"].as_array().unwrap();
    list.iter()
        .map(|expected| {
            let text = expected["block"].to_string();
            (rules.read(text.as_bytes()).unwrap(), expected)
        })
        .collect()
}

#[test]
fn addresses_are_those_of_the_vectors() {
    let vectors = vectors();
    for (number, expected) in vectors["keys"].as_array().unwrap().iter().enumerate() {
        let key: Key = key(number as u64);
        assert_eq!(key.address.to_string(), expected["address"]);
        let secret = sha256(format!("adit test key {number}").as_bytes());
        assert_eq!(secret.to_string(), expected["secret"]);
    }
}

#[test]
fn headers_seals_hashes_and_work_are_those_of_the_vectors() {
    let vectors = vectors();
    let rules = rules(&vectors);
    for (block, expected) in blocks(&vectors) {
        assert_eq!(block.text(), canonical(&expected["block"]));
        assert_eq!(utf8(&header_text(block.text())), expected["header_json"]);
        let view = block.sealed().unwrap();
        assert_eq!(view.seal.to_string(), expected["seal"]);
        assert_eq!(block.hash().to_string(), expected["hash"]);
        if let Some(work) = expected["work"].as_str() {
            assert_eq!(rules.weight(block.header()).to_string(), work);
        }
    }
}

#[test]
fn ids_are_those_of_the_vectors() {
    for (block, expected) in blocks(&vectors()) {
        let view = block.sealed().unwrap();
        let reward = view.reward.iter().map(|reward| sha256(&reward.to_text()));
        let ids = reward.chain(view.transactions.iter().map(|one| one.id));
        let ids: Vec<Value> = ids.map(|id| id.to_string().into()).collect();
        assert_eq!(Value::from(ids), expected["transaction_ids"]);
    }
}

#[test]
fn the_chain_is_valid_and_leaves_the_balances_of_the_vectors() {
    let vectors = vectors();
    let mut chain = SealedChain::of_rules(rules(&vectors));
    for (block, expected) in blocks(&vectors).into_iter().skip(1) {
        let position = expected["block"]["index"].to_string();
        chain.push(block).expect(&position);
    }
    let balances = vectors["balances"].as_object().unwrap();
    assert_eq!(chain.accounts.len(), balances.len());
    for (address, expected) in balances {
        let account = Account {
            balance: expected["balance"].as_u64().unwrap(),
            nonce: expected["nonce"].as_u64().unwrap(),
        };
        assert_eq!(
            chain.account(address.parse().unwrap()),
            account,
            "{address}"
        );
    }
}

/// What is written here is what was read: transactions, rewards, parameters and
/// whole blocks.
#[test]
fn everything_is_written_as_the_vectors_have_it() {
    for (block, _) in blocks(&vectors()) {
        let view = block.sealed().unwrap();
        for (text, transaction) in block.transactions().skip(1).zip(&view.transactions) {
            let written = transaction.transfer.with_signature(&transaction.signature);
            assert_eq!(utf8(&written), utf8(text));
        }
        if let Some(reward) = view.reward {
            assert_eq!(Some(&reward.to_text()[..]), block.transactions().next());
        }
        let list = block.transactions_text();
        let written = adit_core::sealed::write_block(&view.header, block.proof(), list);
        assert_eq!(utf8(&written), utf8(block.text()));
        let leaves: Vec<_> = block.transactions().map(merkle::leaf).collect();
        assert_eq!(merkle::root(&leaves), view.header.merkle_root);
    }
}

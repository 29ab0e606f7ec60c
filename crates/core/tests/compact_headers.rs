//! A header is rebuilt from 48 bytes and the two blocks before it, to the bit; and
//! the bytes are those that the vectors name.

use adit_core::hash::write_hex;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{COMPACT_HEADER_BYTES, CompactHeader};
use proptest::prelude::*;
use serde_json::Value;

use crate::sealed_world::random_chain;
use crate::world::Dice;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/compact_headers.json")).unwrap()
}

#[test]
fn every_header_of_a_chain_follows_from_48_bytes_and_the_two_before_it() {
    let chain: Value = serde_json::from_str(include_str!("vectors/sealed_chain.json")).unwrap();
    let genesis = chain["blocks"][0]["block"].to_string();
    let rules = Sealed::new(genesis.as_bytes()).unwrap();
    let genesis = rules.read(genesis.as_bytes()).unwrap();
    let (mut parent, mut grandparent) = (*genesis.header(), None);
    let mut compact = Vec::new();
    for expected in &chain["blocks"].as_array().unwrap()[1..] {
        let block = rules
            .read(expected["block"].to_string().as_bytes())
            .unwrap();
        let bytes = CompactHeader::of_block(block.text()).unwrap().to_bytes();
        let received = CompactHeader::from_bytes(&bytes);
        let rebuilt = rules.rebuild_header(&parent, grandparent.as_ref(), &received);
        assert_eq!(rebuilt, *block.header());
        assert_eq!(rebuilt.hash.to_string(), expected["hash"]);
        (grandparent, parent) = (Some(parent), rebuilt);
        let mut hex = [0; 2 * COMPACT_HEADER_BYTES];
        write_hex(&bytes, &mut hex);
        compact.push(String::from_utf8(hex.to_vec()).unwrap());
    }
    assert_eq!(compact.len(), 5);
    assert_eq!(Value::from(compact), vectors()["headers"]);
}

proptest! {
    #[test]
    fn any_48_bytes_are_a_compact_header(bytes in any::<[[u8; 16]; 3]>()) {
        let bytes: Vec<u8> = bytes.concat();
        let bytes: [u8; COMPACT_HEADER_BYTES] = bytes.try_into().unwrap();
        prop_assert_eq!(CompactHeader::from_bytes(&bytes).to_bytes(), bytes);
    }
}

#[test]
fn headers_of_longer_chains_follow_too_however_long_their_blocks_took() {
    let chain = random_chain(&mut Dice(48), 60);
    let mut headers = chain.blocks.iter().map(|block| *block.header());
    let (mut parent, mut grandparent) = (headers.next().unwrap(), None);
    for (block, expected) in chain.blocks[1..].iter().zip(headers) {
        let compact = CompactHeader::of_block(block.text()).unwrap();
        let rebuilt = chain
            .rules
            .rebuild_header(&parent, grandparent.as_ref(), &compact);
        assert_eq!(rebuilt, expected);
        (grandparent, parent) = (Some(parent), rebuilt);
    }
    assert_eq!(parent.height, 61);
}

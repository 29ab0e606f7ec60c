//! One frame of every message, frozen: an author of another client can try it
//! by them. `vectors/messages.json` has for each its name and the frame in hex.

use std::net::SocketAddr;
use std::sync::Arc;

use adit_core::hash::{Hash, sha256, write_hex};
use adit_core::rules::Weight;
use adit_core::sealed::CompactHeader;
use adit_net::address::{Identity, PeerAddress};
use adit_net::codec::{decode_frame, encode};
use adit_net::message::{ByeReason, Compact, HeaderList, Hello, Message, ShortId};
use serde_json::Value;

fn hash(name: &str) -> Hash {
    sha256(name.as_bytes())
}

fn address(socket: &str) -> PeerAddress {
    let socket: SocketAddr = socket.parse().unwrap();
    PeerAddress::new(socket, Identity(hash("a key").0))
}

fn record(name: &str, timestamp_ms: u64, proof: u64) -> CompactHeader {
    CompactHeader {
        merkle_root: hash(name),
        timestamp_ms,
        proof,
    }
}

fn text(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

/// One of each, with values that show where what stands.
pub(crate) fn examples() -> Vec<(&'static str, Message)> {
    let reward = r#"{"amount": 1000000, "index": 2, "recipient": "adit1...", "sender": "0"}"#;
    vec![
        (
            "hello",
            Message::Hello(Hello {
                version: 1,
                genesis: hash("genesis"),
                tip: hash("tip"),
                height: 300,
                work: Weight::from(65_537),
                services: 0,
                nonce: 0x0102_0304_0506_0708,
                time_ms: 1_795_300_000_000,
                listen: vec![address("192.168.1.7:15000"), address("[2001:db8::1]:15000")],
            }),
        ),
        (
            "get-headers",
            Message::GetHeaders {
                locator: vec![hash("tip"), hash("before"), hash("genesis")],
                stop: Hash([0; 32]),
            },
        ),
        (
            "headers of sealed",
            Message::Headers {
                start: hash("before"),
                list: HeaderList::Records(vec![
                    record("root one", 1_795_300_010_000, 5),
                    record("root two", 1_795_300_020_001, u64::MAX),
                ]),
            },
        ),
        (
            "headers of a classic",
            Message::Headers {
                start: hash("before"),
                list: HeaderList::Hashes(vec![hash("one"), hash("two")]),
            },
        ),
        (
            "compact",
            Message::Compact(Arc::new(Compact {
                start: hash("before"),
                record: record("root one", 1_795_300_010_000, 5),
                nonce: 9,
                ids: vec![ShortId(0x0000_a1b2_c3d4_e5f6), ShortId(1)],
                prefilled: vec![(0, text(reward)), (3, text(r#"{"amount": 1}"#))],
            })),
        ),
        (
            "get-block-txs",
            Message::GetBlockTxs {
                hash: hash("tip"),
                places: vec![1, 2, 500],
            },
        ),
        (
            "block-txs",
            Message::BlockTxs {
                hash: hash("tip"),
                texts: vec![text(r#"{"amount": 1}"#), text(r#"{"amount": 2}"#)],
            },
        ),
        (
            "get-blocks",
            Message::GetBlocks(vec![hash("one"), hash("two")]),
        ),
        ("block", Message::Block(text(r#"{"index": 2}"#))),
        ("not-found", Message::NotFound(vec![hash("one")])),
        (
            "tx-inventory",
            Message::TxInventory(vec![hash("leaf one"), hash("leaf two")]),
        ),
        ("get-txs", Message::GetTxs(vec![hash("leaf one")])),
        ("txs", Message::Txs(vec![text(r#"{"amount": 1}"#)])),
        ("get-addresses", Message::GetAddresses),
        (
            "addresses",
            Message::Addresses(vec![address("203.0.113.5:15000")]),
        ),
        ("fee-filter", Message::FeeFilter(1_000)),
        ("ping", Message::Ping(1)),
        ("pong", Message::Pong(1)),
        (
            "bye",
            Message::Bye {
                reason: ByeReason::OtherChain,
                text: "this is another chain".to_owned(),
            },
        ),
        ("get-compact", Message::GetCompact(hash("tip"))),
    ]
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = vec![0; bytes.len() * 2];
    write_hex(bytes, &mut hex);
    String::from_utf8(hex).unwrap()
}

fn frozen() -> Vec<(String, String)> {
    let text = include_str!("vectors/messages.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let list = vectors["messages"].as_array().unwrap();
    let field = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    list.iter()
        .map(|one| (field(one, "name"), field(one, "frame")))
        .collect()
}

#[test]
fn every_message_is_written_as_in_the_vectors() {
    let written = examples()
        .into_iter()
        .map(|(name, message)| (name.to_owned(), hex(&encode(&message))));
    assert_eq!(written.collect::<Vec<_>>(), frozen());
}

#[test]
fn every_frame_of_the_vectors_is_read() {
    for ((name, frame), (_, message)) in frozen().into_iter().zip(examples()) {
        let mut bytes = vec![0; frame.len() / 2];
        adit_core::hash::read_hex(frame.as_bytes(), &mut bytes).unwrap();
        assert_eq!(decode_frame(&bytes), Ok(Some(message)), "{name}");
    }
}

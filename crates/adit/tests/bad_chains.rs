//! Peers that send what is no chain, or no valid one. Each stands beside a
//! healthy one, whose chain is adopted all the same, and is named with what
//! was wrong with its own. Nothing of a wrong chain is taken.

use crate::peer::{Forger, Peer, WRONG_LENGTH, assert_is_chain, chain_body, check};
use crate::raw::Node;

#[test]
fn an_answer_that_is_no_object_is_refused_with_its_first_bytes() {
    let list = Forger::chain(WRONG_LENGTH).join(", ");
    let cases = [
        (
            "<!doctype html><title>It works</title>",
            r#""<!doctype html><titl""#,
        ),
        ("\u{0}\u{1}\u{2}", r#""\0\u{1}\u{2}""#),
        ("null", r#""null""#),
        (&format!("[{list}]"), r#""[{\"index\": 1, \"previ""#),
    ];
    check(cases.map(|(body, found)| {
        let expected = "expected an object with a \"chain\" at byte 0 of the answer, found";
        (Peer::serving(body), format!("{expected} {found}"))
    }));
}

#[test]
fn an_answer_without_a_whole_chain_is_refused() {
    let blocks = Forger::chain(WRONG_LENGTH);
    let whole = chain_body(&blocks);
    let list = blocks.join(", ");
    let cases = [
        (
            "".into(),
            "the answer ends after 0 bytes, before the chain does",
        ),
        ("{}".into(), "the answer has no \"chain\""),
        (
            "{\"length\": 1000000}".into(),
            "the answer has no \"chain\"",
        ),
        ("{\"chain\": []}".into(), "the chain is empty"),
        (
            "{\"chain\": null, \"length\": 9}".into(),
            r#"expected a list of blocks at byte 10 of the answer, found "null, \"length\": 9}""#,
        ),
        (
            "{\"chain\": \"[]\"}".into(),
            r#"expected a list of blocks at byte 10 of the answer, found "\"[]\"}""#,
        ),
        (
            format!("{{\"chain\": [{list}], \"chain\": [{list}]}}"),
            r#"expected one "chain" at byte 1416 of the answer, found "[{\"index\": 1, \"previ""#,
        ),
        (
            format!("{{\"chain\": [{list}]"),
            "the answer ends after 1405 bytes, before the chain does",
        ),
        (
            format!("{{\"chain\": [{list},]}}"),
            "expected a value at byte 0, found `]` (counted from byte 1405 of the answer)",
        ),
        (
            format!("{whole} {{}}"),
            r#"expected nothing more at byte 1420 of the answer, found "{}""#,
        ),
        (
            format!("{{\"chain\": [{}", "[".repeat(1_000_000)),
            "nesting deeper than 512 levels at byte 512 (counted from byte 11 of the answer)",
        ),
    ];
    check(cases.map(|(body, error): (String, _)| (Peer::serving(body), error)));
}

/// What is replaced in the last block by what, and what is said of it.
const WRONG_LAST_BLOCKS: [(&str, &str, &str); 13] = [
    (
        "71730",
        "71731",
        "block 9: proof 71731 does not solve the puzzle",
    ),
    (
        "71730",
        "true",
        "proof: expected an integer in 0..2^64-1, found true or false",
    ),
    (
        "71730",
        "71730.0",
        "proof: expected an integer in 0..2^64-1, found a number",
    ),
    (
        "71730",
        "-1",
        "proof: expected an integer in 0..2^64-1, found a number",
    ),
    (
        "71730",
        "18446744073709551616",
        "proof: expected an integer in 0..2^64-1, found a number",
    ),
    (
        "71730",
        "NaN",
        "proof: expected an integer in 0..2^64-1, found a number that is not finite",
    ),
    (
        "71730",
        "\"71730\"",
        "proof: expected an integer in 0..2^64-1, found a string",
    ),
    (
        "\"index\": 9",
        "\"index\": 10",
        "index: expected 9, found 10",
    ),
    ("\"index\": 9", "\"index\": 8", "index: expected 9, found 8"),
    (
        "\"index\": 9",
        "\"index\": null",
        "index: expected an integer in 0..2^64-1, found null",
    ),
    (
        "\"previous_hash\"",
        "\"previous\"",
        "previous_hash: expected a hash, found nothing",
    ),
    ("[]", "{}", "transactions: expected a list, found an object"),
    (
        "\"transactions\"",
        "\"memo\"",
        "transactions: expected a list, found nothing",
    ),
];

#[test]
fn a_chain_whose_last_block_is_wrong_is_refused_whole() {
    let mut blocks = Forger::chain(WRONG_LENGTH);
    let last = blocks.pop().unwrap();
    let with_last = |last: &str| {
        let chain = [&blocks[..], &[last.to_string()]].concat();
        Peer::serving(chain_body(&chain))
    };
    let invalid = |problem| format!("the block in place 9 is not valid: {problem}");
    let no_blocks = [
        (with_last("null"), invalid("expected a block, found null")),
        (with_last("[]"), invalid("expected a block, found a list")),
        (
            with_last("\"\""),
            invalid("expected a block, found a string"),
        ),
    ];
    let changed = WRONG_LAST_BLOCKS.map(|(old, new, problem)| {
        assert!(last.contains(old));
        (with_last(&last.replacen(old, new, 1)), invalid(problem))
    });
    check(changed.into_iter().chain(no_blocks));
}

#[test]
fn a_chain_that_does_not_hang_together_is_refused() {
    let blocks = Forger::chain(WRONG_LENGTH);
    let mut swapped = blocks.clone();
    swapped.swap(3, 4);
    let mut changed = blocks.clone();
    changed[4] = changed[4].replace("1500000000.5", "1500000000.0");
    let twice = [&blocks[..], &blocks[..]].concat();
    let cases = [
        (
            &blocks[1..],
            "place 1 is not valid: index: expected 1, found 2",
        ),
        (&swapped, "place 4 is not valid: index: expected 4, found 5"),
        (
            &changed,
            "place 6 is not valid: block 6: previous_hash: expected \
             8c4dc5c080c6ce36d2bcb95bd30c928ff745e99852222f03b12d19ca59b185c8, found \
             \"bdb3595d9da6c86932786ec4f59ac30c53200ba4bb43c673a186c51ba3817cb5\"",
        ),
        (&twice, "place 10 is not valid: index: expected 10, found 1"),
    ];
    check(cases.map(|(chain, error)| {
        let peer = Peer::serving(chain_body(chain));
        (peer, format!("the block in {error}"))
    }));
}

#[test]
fn blocks_are_counted_whatever_length_is_stated() {
    let node = Node::start();
    let (short, long) = (Forger::chain(4), Forger::chain(7));
    let body = |blocks: &[String], length: &str| {
        format!(
            "{{\"length\": {length}, \"chain\": [{}]}}",
            blocks.join(",")
        )
    };
    let boasting = Peer::serving(body(&short, "1000000"));
    let modest = Peer::serving(body(&long, "[\"one\"]"));
    node.register([&boasting, &modest]);
    let resolved = node.resolve();
    assert_eq!(resolved.message, "Our chain was replaced");
    assert_eq!(resolved.peers[&boasting.address]["length"], 4);
    assert_eq!(resolved.peers[&modest.address]["length"], 7);
    assert_is_chain(&node, &long);
    node.assert_unharmed();
}

#[test]
fn a_chain_of_our_length_is_not_adopted() {
    let node = Node::start();
    node.get("/mine");
    let before = node.get("/chain").body;
    let peer = Peer::serving(chain_body(&Forger::chain(2)));
    node.register([&peer]);
    let resolved = node.resolve();
    assert_eq!(resolved.message, "Our chain is authoritative");
    assert_eq!(resolved.peers[&peer.address]["outcome"], "not longer");
    assert_eq!(node.get("/chain").body, before);
}

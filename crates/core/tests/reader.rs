//! A chain read out of bytes as they come: the same blocks wherever the bytes
//! were cut, and a reason with its place when they are no chain.

use adit_core::block::BLOCK_LIMIT_BYTES;
use adit_core::sync::{ChainReader, ReadError};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{repeatable, utf8};

/// An answer that an odd node could give. To the reader, a block is any value.
const ANSWER: &str = "\n{ \"length\" : 7, \"more\":{\"chain\":[1,2]},\n\"ch\\u0061in\"\t: \
    [ {\"b\":1,\"a\":[1.50,\"\u{e9}\\\"]}\"]} ,{},\t[], \"],\", -1e2,true , NaN ] , \
    \"less\":null }\r\n";

/// Python: `json.dumps(json.loads(ANSWER)['chain'][i], sort_keys=True)`.
const BLOCKS: [&str; 7] = [
    r#"{"a": [1.5, "\u00e9\"]}"], "b": 1}"#,
    "{}",
    "[]",
    r#""],""#,
    "-100.0",
    "true",
    "NaN",
];

/// Feeds the pieces and takes the blocks out after each.
fn read<'a>(
    mut reader: ChainReader,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<String>, ReadError> {
    let mut blocks = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        while let Some(block) = reader.next_block()? {
            blocks.push(utf8(&block));
        }
    }
    reader.end();
    while let Some(block) = reader.next_block()? {
        blocks.push(utf8(&block));
    }
    Ok(blocks)
}

fn read_answer(answer: &str) -> Result<Vec<String>, ReadError> {
    read(ChainReader::of_answer(), [answer.as_bytes()])
}

fn read_lines(lines: &str) -> Result<Vec<String>, ReadError> {
    read(ChainReader::of_lines(), [lines.as_bytes()])
}

#[test]
fn an_answer_cut_anywhere_gives_the_same_blocks() {
    let bytes = ANSWER.as_bytes();
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        let found = read(ChainReader::of_answer(), [front, back]);
        assert_eq!(found.unwrap(), BLOCKS, "cut at {cut}");
    }
    for length in 1..20 {
        let found = read(ChainReader::of_answer(), bytes.chunks(length));
        assert_eq!(found.unwrap(), BLOCKS, "pieces of {length}");
    }
}

#[test]
fn an_answer_that_ends_anywhere_before_its_end_is_no_chain() {
    let whole = ANSWER.trim_end();
    for end in 0..whole.len() {
        let front = &whole.as_bytes()[..end];
        let found = read(ChainReader::of_answer(), [front]);
        assert!(matches!(found, Err(ReadError::Cut(_))), "{end}: {found:?}");
        let dripped = read(ChainReader::of_answer(), front.chunks(1));
        assert!(matches!(dripped, Err(ReadError::Cut(_))), "{dripped:?}");
    }
}

#[test]
fn members_come_in_any_order_and_further_ones_are_passed_over() {
    for answer in [
        r#"{"chain": [{}, []], "length": 2}"#,
        r#"{"length": 2, "chain": [{}, []]}"#,
        r#"{"chain": [{}, []]}"#,
        r#"{"chain":[{},[]],"x":{"y":[{}]},"z":"chain"}"#,
        r#"{"": "", "length": "no number", "chain": [{}, []], "length": -1}"#,
    ] {
        assert_eq!(read_answer(answer).unwrap(), ["{}", "[]"], "{answer}");
    }
    assert_eq!(read_answer(r#"{"chain": []}"#).unwrap(), [""; 0]);
}

#[test]
fn lines_hold_one_block_after_the_other() {
    for lines in ["{}\n[]\n", "{}\n[]", "{} []", "{}[]", "\n\n{}\r\n\t[]\n\n"] {
        assert_eq!(read_lines(lines).unwrap(), ["{}", "[]"], "{lines:?}");
        let dripped = read(ChainReader::of_lines(), lines.as_bytes().chunks(1));
        assert_eq!(dripped.unwrap(), ["{}", "[]"], "{lines:?}");
    }
    assert_eq!(read_lines("").unwrap(), [""; 0]);
    assert!(matches!(read_lines("{}\n{"), Err(ReadError::Cut(4))));
    assert!(matches!(read_lines("{},{}"), Err(ReadError::NotJson(_, 2))));
}

#[test]
fn what_is_no_chain_is_refused_with_the_place() {
    for (answer, message) in [
        (
            "[]",
            "expected an object with a \"chain\" at byte 0 of the answer, found \"[]\"",
        ),
        (
            "<html>",
            "expected an object with a \"chain\" at byte 0 of the answer, found \"<html>\"",
        ),
        (
            "{1: 2}",
            "expected a name in quotes or `}` at byte 1 of the answer, found \"1: 2}\"",
        ),
        (
            "{\"a\": 1,}",
            "expected a name in quotes at byte 8 of the answer, found \"}\"",
        ),
        (
            "{\"a\" 1}",
            "expected `:` at byte 5 of the answer, found \"1}\"",
        ),
        (
            "{\"a\": 1 2}",
            "expected `,` or `}` at byte 8 of the answer, found \"2}\"",
        ),
        (
            "{\"chain\": {}}",
            "expected a list of blocks at byte 10 of the answer, found \"{}}\"",
        ),
        (
            "{\"chain\": null}",
            "expected a list of blocks at byte 10 of the answer, found \"null}\"",
        ),
        (
            "{\"chain\": [1 2]}",
            "expected `,` or `]` at byte 13 of the answer, found \"2]}\"",
        ),
        (
            "{\"chain\": [1}",
            "expected `,` or `]` at byte 12 of the answer, found \"}\"",
        ),
        (
            "{\"chain\": [], \"chain\": []}",
            "expected one \"chain\" at byte 23 of the answer, found \"[]}\"",
        ),
        (
            "{\"chain\": []} 1",
            "expected nothing more at byte 14 of the answer, found \"1\"",
        ),
        (
            "{\"chain\": [1,]}",
            "expected a value at byte 0, found `]` (counted from byte 13 of the answer)",
        ),
        (
            "{\"chain\": [,1]}",
            "expected a value at byte 0, found `,` (counted from byte 11 of the answer)",
        ),
        (
            "{\"chain\": [{\"a\" 1}]}",
            "expected `:` at byte 5, found `1` (counted from byte 11 of the answer)",
        ),
        (
            "{\"a\": }",
            "expected a value at byte 0, found `}` (counted from byte 6 of the answer)",
        ),
        (
            "{\"a\": 01, \"chain\": []}",
            "expected no digit after a leading zero at byte 1, found `1` (counted from byte 6 of the answer)",
        ),
        ("", "the answer ends after 0 bytes, before the chain does"),
        (
            "{\"chain\": [1, 2",
            "the answer ends after 15 bytes, before the chain does",
        ),
        (
            "{\"chain\": [1, 2]",
            "the answer ends after 16 bytes, before the chain does",
        ),
        ("{}", "the answer has no \"chain\""),
        ("{\"length\": 0}", "the answer has no \"chain\""),
    ] {
        let error = read_answer(answer).expect_err(answer).to_string();
        assert_eq!(error, message, "{answer}");
        let dripped = read(ChainReader::of_answer(), answer.as_bytes().chunks(1));
        let dripped = dripped.expect_err(answer).to_string();
        let place = message.split("found \"").next().unwrap();
        assert!(dripped.starts_with(place), "{dripped}");
    }
}

#[test]
fn blocks_before_a_mistake_are_handed_out() {
    let mut reader = ChainReader::of_answer();
    reader.feed(b"{\"chain\": [1, 2, x");
    assert_eq!(reader.next_block().unwrap().unwrap(), b"1");
    assert_eq!(reader.next_block().unwrap().unwrap(), b"2");
    assert!(reader.next_block().is_err());
}

/// `1_000_000` bytes, one by one. Were what came before looked at again for
/// every byte, this would take hours.
fn drip(mut reader: ChainReader, before: &str, filler: u8, after: &str) -> Vec<Vec<u8>> {
    let filler = std::iter::repeat_n(&filler, 1_000_000);
    let mut blocks = Vec::new();
    for byte in before
        .as_bytes()
        .iter()
        .chain(filler)
        .chain(after.as_bytes())
    {
        reader.feed(std::slice::from_ref(byte));
        blocks.extend(reader.next_block().unwrap());
    }
    reader.end();
    while let Some(block) = reader.next_block().unwrap() {
        blocks.push(block);
    }
    blocks
}

#[test]
fn a_large_block_that_drips_in_is_not_read_again_for_every_byte() {
    let answer = ChainReader::of_answer();
    let blocks = drip(answer, "{\"chain\": [\"", b'x', "\"]}");
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].len(), 1_000_002);
    let lines = drip(ChainReader::of_lines(), "[\"", b'x', "\"]\n");
    assert_eq!(lines[0].len(), 1_000_004);
}

#[test]
fn space_that_drips_in_anywhere_is_not_read_again_for_every_byte() {
    for (before, after) in [
        ("", "{\"chain\":[7]}"),
        ("{", "\"chain\":[7]}"),
        ("{\"length\"", ":1,\"chain\":[7]}"),
        ("{\"length\":", "1,\"chain\":[7]}"),
        ("{\"chain\"", ":[7]}"),
        ("{\"chain\":", "[7]}"),
        ("{\"chain\":[", "7]}"),
        ("{\"chain\":[7 ", "]}"),
        ("{\"chain\":[7]", "}"),
        ("{\"chain\":[7]}", ""),
    ] {
        let blocks = drip(ChainReader::of_answer(), before, b' ', after);
        assert_eq!(blocks, [b"7"], "{before}");
    }
}

/// Fifteen members as long as they may be.
#[test]
fn other_members_that_drip_in_are_not_read_again_for_every_byte() {
    let member = format!("\"a\": \"{}\", ", "x".repeat(64 * 1024 - 2));
    let answer = format!("{{{}\"chain\": [7]}}", member.repeat(15));
    let found = read(ChainReader::of_answer(), answer.as_bytes().chunks(1));
    assert_eq!(found.unwrap(), ["7"]);
}

#[test]
fn a_block_and_any_other_member_have_limits() {
    let block = |length: usize| {
        let filler = "x".repeat(length - 2);
        read_answer(&format!("{{\"chain\": [\"{filler}\"]}}"))
    };
    assert_eq!(
        block(BLOCK_LIMIT_BYTES).unwrap()[0].len(),
        BLOCK_LIMIT_BYTES
    );
    assert_eq!(
        block(BLOCK_LIMIT_BYTES + 1).unwrap_err().to_string(),
        format!(
            "text is larger than the limit of {BLOCK_LIMIT_BYTES} bytes \
             (counted from byte 11 of the answer)"
        )
    );
    let member = |length: usize| {
        let filler = "x".repeat(length - 2);
        read_answer(&format!("{{\"a\": \"{filler}\", \"chain\": []}}"))
    };
    assert!(member(64 * 1024).is_ok());
    assert_eq!(
        member(64 * 1024 + 1).unwrap_err().to_string(),
        "text is larger than the limit of 65536 bytes (counted from byte 6 of the answer)"
    );
    let name = format!("{{\"{}\": 1, \"chain\": []}}", "x".repeat(64 * 1024));
    assert!(matches!(read_answer(&name), Err(ReadError::NotJson(_, 1))));
}

proptest! {
    #![proptest_config(repeatable(500))]

    #[test]
    fn no_bytes_whatever_make_it_panic(
        pieces in vec(vec(prop::sample::select(&b"{}[]\",: \"chain\"1ex\\\n\xff"[..]), 0..12), 0..12),
    ) {
        for reader in [ChainReader::of_answer(), ChainReader::of_lines()] {
            let _ = read(reader, pieces.iter().map(Vec::as_slice));
        }
    }
}

#[test]
fn what_is_no_block_may_be_as_long_as_the_blocks_and_a_little_more() {
    let members = "\"a\": 1, ".repeat(200_000);
    let long = format!("{{{members}\"chain\": []}}");
    assert!(matches!(read_answer(&long), Err(ReadError::MuchElse)));
    let space = " ".repeat(2_000_000);
    let long = format!("{{\"chain\": [{space}]}}");
    assert!(matches!(read_answer(&long), Err(ReadError::MuchElse)));
    // A chain that is laid out has much space in it.
    let block = format!("[{}]", "1, ".repeat(20) + "1");
    let laid_out = format!("{block},\n{}", " ".repeat(40)).repeat(60_000);
    let answer = format!("{{\"chain\": [{laid_out}{block}]}}");
    assert_eq!(read_answer(&answer).unwrap().len(), 60_001);
}

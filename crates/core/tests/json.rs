//! Canonical JSON against Python's answers, against a naive model and against
//! its own promises. Nothing here is about blocks.

use std::collections::BTreeMap;

use adit_core::json::{
    self, DEPTH_LIMIT, JsonError, OPEN_MEMBERS_LIMIT, canonical, canonical_prefix, elements,
    integer, is_finite_number, member, members, write_float, write_string,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const VECTORS: &str = include_str!("vectors/python_json.jsonl");
const VECTOR_COUNT: usize = 2633;
const MEBIBYTE: usize = 1 << 20;

fn canonical_text(source: &str) -> Result<String, JsonError> {
    let bytes = canonical(source.as_bytes(), MEBIBYTE)?;
    Ok(String::from_utf8(bytes).expect("canonical text is ASCII"))
}

#[track_caller]
fn assert_canonical(source: &str, expected: &str) {
    assert_eq!(
        canonical_text(source).as_deref(),
        Ok(expected),
        "source: {source}"
    );
}

#[track_caller]
fn assert_refused(source: &[u8], message: &str) {
    let error = canonical(source, MEBIBYTE).expect_err("the text should be refused");
    assert_eq!(error.to_string(), message);
}

#[test]
fn every_text_comes_out_as_python_writes_it() {
    let mut count = 0;
    let mut failures = Vec::new();
    for line in VECTORS.lines() {
        count += 1;
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let source = vector["in"].as_str().unwrap();
        let expected = vector["out"].as_str();
        assert_eq!(
            expected.is_none(),
            vector["error"] == true,
            "unreadable vector: {line}"
        );
        let found = canonical_text(source);
        if found.as_deref().ok() != expected {
            failures.push(format!("{line}\n  found {found:?}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} vectors fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(count, VECTOR_COUNT);
}

#[test]
fn keys_sort_by_code_point_and_not_by_utf16_unit_or_escaped_byte() {
    assert_canonical(
        r#"{"😀": 1, "\uffff": 2}"#,
        r#"{"\uffff": 2, "\ud83d\ude00": 1}"#,
    );
    assert_canonical(
        r#"{"\ue000": 1, "😀": 2, "\udc00": 3, "\ud800": 4, "é": 5}"#,
        r#"{"\u00e9": 5, "\ud800": 4, "\udc00": 3, "\ue000": 1, "\ud83d\ude00": 2}"#,
    );
    assert_canonical(
        r#"{"a\n": 1, "a ": 2, "a\"": 3}"#,
        r#"{"a\n": 1, "a ": 2, "a\"": 3}"#,
    );
    assert_canonical(
        r#"{"z": 1, "\u0061": 2, "\\": 3}"#,
        r#"{"\\": 3, "a": 2, "z": 1}"#,
    );
}

#[test]
fn a_key_comes_before_the_longer_keys_that_it_begins() {
    assert_canonical(r#"{"ab": 1, "a": 2, "": 3}"#, r#"{"": 3, "a": 2, "ab": 1}"#);
    assert_canonical(r#"{"é1": 1, "é": 2}"#, r#"{"\u00e9": 2, "\u00e91": 1}"#);
}

#[test]
fn the_last_of_repeated_keys_wins_however_it_is_written() {
    assert_canonical(r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"a": 3, "b": 2}"#);
    assert_canonical(
        r#"{"a": {"z": 1, "y": 2}, "\u0061": [], "\u0061": 0}"#,
        r#"{"a": 0}"#,
    );
    assert_canonical(r#"{"😀": 1, "\ud83d\uDE00": 2}"#, r#"{"\ud83d\ude00": 2}"#);
}

#[test]
fn objects_sort_at_every_level() {
    assert_canonical(
        r#"[{"c":{"b":[{"z":1,"y":{}}],"a":{"x":1,"w":2}},"b":[]},{"b":0,"a":1}]"#,
        r#"[{"b": [], "c": {"a": {"w": 2, "x": 1}, "b": [{"y": {}, "z": 1}]}}, {"a": 1, "b": 0}]"#,
    );
}

#[test]
fn integers_keep_their_digits_at_any_size() {
    let digits = "1234567890".repeat(1000);
    assert_canonical(&digits, &digits);
    assert_canonical(&format!("-{digits}"), &format!("-{digits}"));
    assert_canonical("[-0, 0, -1]", "[0, 0, -1]");
}

#[test]
fn floats_are_rounded_and_printed_as_python_does() {
    assert_canonical("1508195432.12345678", "1508195432.1234567");
    assert_canonical("913237640596033.25", "913237640596033.2");
    assert_canonical(
        "[80.0, 8E1, 1e16, 1e15]",
        "[80.0, 80.0, 1e+16, 1000000000000000.0]",
    );
    assert_canonical(
        "[0.0001, 0.00001, -0.0000125]",
        "[0.0001, 1e-05, -1.25e-05]",
    );
    assert_canonical(
        "[1e400, -1e400, -0e5, -1e-400]",
        "[Infinity, -Infinity, -0.0, -0.0]",
    );
    assert_canonical("[NaN,Infinity,-Infinity]", "[NaN, Infinity, -Infinity]");
}

#[test]
fn floats_of_any_length_are_read_exactly() {
    let zeros = "0".repeat(100_000);
    assert_canonical(&format!("0.{zeros}1e100001"), "1.0");
    assert_canonical(&format!("1{zeros}e-100000"), "1.0");
    assert_canonical(&format!("9007199254740993.{zeros}1"), "9007199254740994.0");
    assert_canonical(
        "[1e99999999999999999999, 0e99999999999999999999]",
        "[Infinity, 0.0]",
    );
    assert_canonical("1e-99999999999999999999", "0.0");
}

#[test]
fn serde_jsons_private_number_key_means_nothing_here() {
    let text = r#"{"$serde_json::private::Number": "12"}"#;
    assert_canonical(text, text);
}

#[test]
fn strings_are_ascii_with_lower_case_escapes() {
    assert_canonical("\"é\u{7f}/日😀\"", r#""\u00e9\u007f/\u65e5\ud83d\ude00""#);
    assert_canonical(
        r#""\/\u002F\u00E9\u0041\u000A\u0022""#,
        r#""//\u00e9A\n\"""#,
    );
    assert_canonical(r#""\ud83d\u0041\ude00\uD83D""#, r#""\ud83dA\ude00\ud83d""#);
}

#[test]
fn refusals_say_what_is_wrong_and_where() {
    assert_refused(b"[1, ,]", "expected a value at byte 4, found `,`");
    assert_refused(b"[1,]", "expected a value at byte 3, found `]`");
    assert_refused(b"[1}", "expected `,` or `]` at byte 2, found `}`");
    assert_refused(b"{\"a\" 1}", "expected `:` at byte 5, found `1`");
    assert_refused(
        b"{\"a\": 1,}",
        "expected a key in double quotes at byte 8, found `}`",
    );
    assert_refused(
        b"01",
        "expected no digit after a leading zero at byte 1, found `1`",
    );
    assert_refused(b"1.", "the text ends inside a number");
    assert_refused(b"1.e5", "expected a digit at byte 2, found `e`");
    assert_refused(b"-NaN", "expected a digit at byte 1, found `N`");
    assert_refused(b"-Inf", "the text ends inside a number");
    assert_refused(b"nil", "expected `null` at byte 1, found `i`");
    assert_refused(b"1 2", "expected the end of the text at byte 2, found `2`");
    assert_refused(b" ", "the text ends where a value should begin");
    assert_refused(b"{\"a\": 1", "the text ends inside an object");
    assert_refused(
        b"\xef\xbb\xbf1",
        "the text begins with a byte order mark (ef bb bf): send UTF-8 without one",
    );
}

#[test]
fn refusals_inside_strings_say_what_is_wrong_and_where() {
    let control = "control character 0x09 inside a string at byte 3; write it as an escape";
    assert_refused(b"\"ab\t\"", control);
    assert_refused(b"\"ab\xff\"", "not UTF-8 at byte 3");
    assert_refused(b"\"ab\xc3\"", "not UTF-8 at byte 3");
    assert_refused(b"\"\xc3\xa9\xed\xa0\x80\"", "not UTF-8 at byte 3");
    assert_refused(b"\"abc", "the text ends inside a string");
    assert_refused(
        b"\"\\x41\"",
        "expected one of the escapes `\"\\/bfnrtu` at byte 2, found `x`",
    );
    assert_refused(b"\"\\u12G4\"", "expected a hex digit at byte 5, found `G`");
    assert_refused(b"\"\\u12\"", "expected a hex digit at byte 5, found `\"`");
}

#[test]
fn nesting_is_read_to_512_levels_and_refused_beyond() {
    for (open, close) in [("[", "]"), ("{\"a\": ", "}")] {
        let nested = |depth| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert_canonical(&nested(DEPTH_LIMIT), &nested(DEPTH_LIMIT));
        let offset = open.len() * DEPTH_LIMIT;
        let message = format!("nesting deeper than 512 levels at byte {offset}");
        assert_refused(nested(DEPTH_LIMIT + 1).as_bytes(), &message);
    }
    assert_canonical(
        &format!("[{}[]]", "[], ".repeat(1000)),
        &format!("[{}[]]", "[], ".repeat(1000)),
    );
}

#[test]
fn a_hundred_megabytes_of_brackets_are_a_plain_refusal() {
    let brackets = vec![b'['; 100_000_000];
    let refused = Err(JsonError::TooDeep {
        offset: DEPTH_LIMIT,
    });
    assert_eq!(canonical(&brackets, usize::MAX), refused);
}

#[test]
fn a_large_text_inside_512_unsorted_objects_comes_out_sorted() {
    let payload = format!("\"{}\"", "x".repeat(4 * MEBIBYTE));
    let inside_out = |depth: usize| {
        format!(
            "{}{payload}{}",
            "{\"b\": ".repeat(depth),
            ", \"a\": 0}".repeat(depth)
        )
    };
    let found = canonical(inside_out(DEPTH_LIMIT).as_bytes(), usize::MAX).unwrap();
    let expected = "{\"a\": 0, \"b\": ".repeat(DEPTH_LIMIT) + &payload + &"}".repeat(DEPTH_LIMIT);
    assert!(found == expected.as_bytes());
}

#[test]
fn the_limit_holds_for_the_text_and_for_its_canonical_form() {
    assert!(canonical(b" [1, 2] ", 8).is_ok());
    assert_eq!(
        canonical(b" [1, 2] ", 7),
        Err(JsonError::TooLarge { limit_bytes: 7 })
    );
    assert!(canonical(b"[1,2]", 6).is_ok());
    assert_eq!(
        canonical(b"[1,2]", 5),
        Err(JsonError::CanonicalTooLarge { limit_bytes: 5 })
    );
    let text = "\"éé\"".as_bytes();
    assert!(canonical(text, 14).is_ok());
    assert_eq!(
        canonical(text, 13),
        Err(JsonError::CanonicalTooLarge { limit_bytes: 13 })
    );
    let message = "text is larger than the limit of 7 bytes";
    assert_eq!(JsonError::TooLarge { limit_bytes: 7 }.to_string(), message);
}

#[test]
fn a_prefix_is_complete_at_its_last_byte_and_not_before() {
    let text = " {\"b\":[1,-2.50,true,\"\\u00E9é😀\\ud83d\\n\"],\"a\":{\"x\":NaN,\"w\":-Infinity}}";
    let expected = canonical(text.as_bytes(), MEBIBYTE).unwrap();
    let mut out = b"before".to_vec();
    for cut in 0..text.len() {
        assert_eq!(
            canonical_prefix(&text.as_bytes()[..cut], MEBIBYTE, &mut out),
            Ok(None)
        );
        assert_eq!(out, b"before");
    }
    for more in ["", "]", ", {\"c\": 1", "\u{1}"] {
        let longer = format!("{text}{more}");
        let mut out = b"before".to_vec();
        let consumed = canonical_prefix(longer.as_bytes(), MEBIBYTE, &mut out);
        assert_eq!(consumed, Ok(Some(text.len())));
        assert_eq!(out, [b"before", expected.as_slice()].concat());
    }
}

#[test]
fn a_number_is_complete_only_when_something_follows() {
    let mut out = Vec::new();
    for text in ["1", "-", "-0", "1.", "1.5", "1e", "1e+", "1e5", "-Infinit"] {
        assert_eq!(
            canonical_prefix(text.as_bytes(), MEBIBYTE, &mut out),
            Ok(None),
            "{text}"
        );
    }
    assert_eq!(canonical_prefix(b"1e5 ", MEBIBYTE, &mut out), Ok(Some(3)));
    assert_eq!(canonical_prefix(b"-0,", MEBIBYTE, &mut out), Ok(Some(2)));
    assert_eq!(canonical_prefix(b"null", MEBIBYTE, &mut out), Ok(Some(4)));
    assert_eq!(out, b"100000.00null");
}

#[test]
fn values_are_read_off_one_after_the_other() {
    let text = b"{\"b\":1,\"a\":2} [3] \"x\"null";
    let (mut position, mut out) = (0, Vec::new());
    while let Ok(Some(consumed)) = canonical_prefix(&text[position..], MEBIBYTE, &mut out) {
        position += consumed;
    }
    assert_eq!(position, text.len());
    assert_eq!(out, b"{\"a\": 2, \"b\": 1}[3]\"x\"null");
}

#[test]
fn a_refused_prefix_leaves_the_output_alone() {
    let mut out = b"before".to_vec();
    for text in [
        &b"[1,2,x"[..],
        b"{\"b\":1,\"a\":2,}",
        b"[\"\xe9\xe9",
        b"\"\xf0\x80",
    ] {
        assert!(canonical_prefix(text, MEBIBYTE, &mut out).is_err());
        assert_eq!(out, b"before");
    }
}

#[test]
fn the_limit_of_a_prefix_counts_what_is_consumed_and_what_is_appended() {
    let too_large = Err(JsonError::TooLarge { limit_bytes: 5 });
    for (text, expected) in [
        ("12345,", Ok(Some(5))),
        ("12345", Ok(None)),
        ("123456", too_large.clone()),
        ("123456,", too_large.clone()),
        ("[\"a\"],[]", Ok(Some(5))),
        ("[\"ab\"]", too_large.clone()),
        ("\"abcdefgh", too_large),
        (
            "[1,2]",
            Err(JsonError::CanonicalTooLarge { limit_bytes: 5 }),
        ),
    ] {
        let mut out = b"what stands here does not count".to_vec();
        assert_eq!(
            canonical_prefix(text.as_bytes(), 5, &mut out),
            expected,
            "{text}"
        );
    }
}

#[test]
fn views_find_the_parts_of_a_block() {
    let block = br#"{"index": 7, "previous_hash": "ab]}\"", "transactions": [{"amount": 5}, []]}"#;
    assert_eq!(member(block, "index").and_then(integer), Some(7));
    let hash = member(block, "previous_hash").and_then(json::string);
    assert_eq!(hash.as_deref(), Some("ab]}\""));
    let transactions = member(block, "transactions").unwrap();
    let parts: Vec<&[u8]> = elements(transactions).unwrap().collect();
    assert_eq!(parts, [&b"{\"amount\": 5}"[..], b"[]"]);
    assert_eq!(member(block, "amount"), None);
    assert_eq!(member(b"[]", "amount"), None);
    assert!(members(b"[]").is_none() && elements(b"{}").is_none());
    assert_eq!(
        (
            members(b"{}").unwrap().count(),
            elements(b"[]").unwrap().count()
        ),
        (0, 0)
    );
}

#[test]
fn integers_are_plain_digits_that_fit_64_bits() {
    assert_eq!(integer(b"0"), Some(0));
    assert_eq!(integer(b"18446744073709551615"), Some(u64::MAX));
    for text in [
        "18446744073709551616",
        "-1",
        "1.0",
        "1e+16",
        "+1",
        "",
        "\"1\"",
        "null",
        "NaN",
    ] {
        assert_eq!(integer(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn infinities_and_nan_are_no_finite_numbers() {
    for text in ["0", "-1", "1.5", "-0.0", "1e+16", &"9".repeat(400)] {
        assert!(is_finite_number(text.as_bytes()), "{text}");
    }
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "\"1\"",
        "null",
        "true",
        "[1]",
        "{}",
        "",
    ] {
        assert!(!is_finite_number(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_lone_surrogate_is_a_string_that_no_view_decodes() {
    assert_eq!(json::string(br#""\ud83d\ude00""#).as_deref(), Some("😀"));
    for text in [
        r#""\ud83d""#,
        r#""\ude00\ud83d""#,
        r#""\ud83dx\ude00""#,
        "5",
        "\"",
        "",
    ] {
        assert_eq!(json::string(text.as_bytes()), None, "{text}");
    }
}

/// A JSON value as Python would hold it, members in the order of the source.
#[derive(Debug, Clone)]
enum Model {
    Word(&'static str),
    Integer(String),
    Float(f64),
    Text(Vec<u32>),
    Array(Vec<Model>),
    Object(Vec<(Vec<u32>, Model)>),
}

impl Model {
    fn canonical(&self) -> String {
        match self {
            Model::Word(word) => (*word).to_owned(),
            Model::Integer(digits) if digits == "-0" => "0".to_owned(),
            Model::Integer(digits) => digits.clone(),
            Model::Float(value) => python_repr(*value),
            Model::Text(points) => canonical_string(points),
            Model::Array(values) => {
                let values: Vec<String> = values.iter().map(Model::canonical).collect();
                format!("[{}]", values.join(", "))
            }
            Model::Object(_) => {
                let members: Vec<String> = self
                    .sorted_members()
                    .iter()
                    .map(|(key, value)| format!("{}: {}", canonical_string(key), value.canonical()))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    fn sorted_members(&self) -> BTreeMap<&Vec<u32>, &Model> {
        match self {
            Model::Object(members) => members.iter().map(|(key, value)| (key, value)).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// One of the many ways to write the value down.
    fn render(&self, dice: &mut Dice) -> String {
        let text = match self {
            Model::Word(_) | Model::Integer(_) => self.canonical(),
            Model::Float(value) => render_float(*value, dice),
            Model::Text(points) => render_string(points, dice),
            Model::Array(values) => {
                let values: Vec<String> = values.iter().map(|value| value.render(dice)).collect();
                format!("[{}{}]", dice.space(), values.join(","))
            }
            Model::Object(members) => {
                let render = |(key, value): &(Vec<u32>, Model)| {
                    let key = render_string(key, dice);
                    format!(
                        "{}{key}{}:{}",
                        dice.space(),
                        dice.space(),
                        value.render(dice)
                    )
                };
                let members: Vec<String> = members.iter().map(render).collect();
                format!("{{{}{}}}", members.join(","), dice.space())
            }
        };
        format!("{}{text}{}", dice.space(), dice.space())
    }

    /// Walks canonical text along with the model.
    fn assert_views_agree(&self, text: &[u8]) {
        assert_eq!(members(text).is_some(), matches!(self, Model::Object(_)));
        assert_eq!(elements(text).is_some(), matches!(self, Model::Array(_)));
        let number = matches!(self, Model::Integer(_) | Model::Float(_));
        assert_eq!(is_finite_number(text), number);
        match self {
            Model::Integer(digits) => {
                assert_eq!(integer(text), digits.replace("-0", "0").parse().ok())
            }
            Model::Text(points) => {
                let characters: Option<String> =
                    points.iter().map(|&p| char::from_u32(p)).collect();
                assert_eq!(json::string(text), characters);
            }
            Model::Array(values) => {
                let found: Vec<&[u8]> = elements(text).expect("an array, as just seen").collect();
                assert_eq!(found.len(), values.len());
                values
                    .iter()
                    .zip(found)
                    .for_each(|(value, text)| value.assert_views_agree(text));
            }
            Model::Object(_) => self.assert_member_views_agree(text),
            _ => assert_eq!(json::string(text), None),
        }
    }

    fn assert_member_views_agree(&self, text: &[u8]) {
        let expected = self.sorted_members();
        let found: Vec<(&[u8], &[u8])> = members(text).expect("an object").collect();
        assert_eq!(found.len(), expected.len());
        for ((key, value), (found_key, found_value)) in expected.into_iter().zip(found) {
            let quoted = canonical_string(key);
            assert_eq!(found_key, inside(&quoted).as_bytes());
            assert_eq!(
                member(text, std::str::from_utf8(found_key).expect("ASCII")),
                Some(found_value)
            );
            value.assert_views_agree(found_value);
        }
    }
}

fn canonical_string(points: &[u32]) -> String {
    let mut text = String::new();
    for &point in points {
        match point {
            0x08 => text += "\\b",
            0x09 => text += "\\t",
            0x0a => text += "\\n",
            0x0c => text += "\\f",
            0x0d => text += "\\r",
            0x22 => text += "\\\"",
            0x5c => text += "\\\\",
            0x20..0x7f => text.push(char::from_u32(point).expect("ASCII")),
            _ => {
                text += &units(point)
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect::<String>()
            }
        }
    }
    format!("\"{text}\"")
}

fn units(point: u32) -> impl Iterator<Item = u32> {
    let astral = point.checked_sub(0x10000);
    let (first, second) = match astral {
        Some(rest) => (0xd800 + (rest >> 10), Some(0xdc00 + (rest & 0x3ff))),
        None => (point, None),
    };
    [first].into_iter().chain(second)
}

/// The fewest digits that read back as the same number, by trying.
fn python_repr(value: f64) -> String {
    let shortest = (0..17)
        .map(|places| format!("{value:.places$e}"))
        .find(|text| text.parse() == Ok(value))
        .expect("17 digits always do");
    let (digits, exponent) = shortest.split_once('e').expect("printed with an exponent");
    let exponent: i32 = exponent.parse().expect("printed as a number");
    let places = digits
        .split_once('.')
        .map_or(0, |(_, places)| places.len() as i32);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{value:.*}", (places - exponent).max(1) as usize)
}

fn render_float(value: f64, dice: &mut Dice) -> String {
    match dice.throw(4) {
        0 => format!("{value:e}").replace('e', "E+").replace("+-", "-"),
        1 => format!("{value:.20e}"),
        2 => format!("{value:.1080}"),
        _ => python_repr(value),
    }
}

fn render_string(points: &[u32], dice: &mut Dice) -> String {
    let mut text = String::new();
    for &point in points {
        let plain = char::from_u32(point).filter(|c| *c >= ' ' && !"\"\\".contains(*c));
        match (plain, dice.throw(4)) {
            (_, 0) => text += &unicode_escapes(point),
            (_, 1) => text += &unicode_escapes(point).to_uppercase().replace("\\U", "\\u"),
            (Some('/'), 2) => text += "\\/",
            (Some(character), _) => text.push(character),
            (None, _) => text += inside(&canonical_string(&[point])),
        }
    }
    format!("\"{text}\"")
}

fn unicode_escapes(point: u32) -> String {
    units(point).map(|unit| format!("\\u{unit:04x}")).collect()
}

fn inside(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

/// Choices that follow from a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", " ", "  ", "\n\t", " \r\n "][self.throw(7) as usize]
    }
}

fn points() -> impl Strategy<Value = Vec<u32>> {
    let point = prop_oneof![
        4 => 0x61_u32..0x64,
        2 => 0x00_u32..0x100,
        1 => prop::sample::select(vec![0x22_u32, 0x2f, 0x5c, 0x7f, 0xe9, 0xe000, 0xffff, 0x1f600]),
        1 => 0xd7f0_u32..0xe010,
        1 => 0x100_u32..0x11_0000,
    ];
    vec(point, 0..12).prop_map(joined)
}

/// A high and a low surrogate that stand together are one character.
fn joined(points: Vec<u32>) -> Vec<u32> {
    let mut joined: Vec<u32> = Vec::new();
    for point in points {
        match (joined.last_mut(), point) {
            (Some(high @ 0xd800..0xdc00), 0xdc00..0xe000) => {
                *high = 0x10000 + ((*high - 0xd800) << 10) + (point - 0xdc00);
            }
            _ => joined.push(point),
        }
    }
    joined
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "NaN",
            "Infinity",
            "-Infinity"
        ])
        .prop_map(Model::Word),
        "-?(0|[1-9][0-9]{0,30})".prop_map(Model::Integer),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Model::Float),
        (-1_000_000_000_i64..1_000_000_000).prop_map(|value| Model::Float(value as f64 / 1000.0)),
        points().prop_map(Model::Text),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Model::Array),
            vec((points(), inner), 0..8).prop_map(Model::Object),
        ]
    })
}

fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_171_017),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(repeatable(1000))]

    #[test]
    fn any_value_written_in_any_way_comes_out_as_the_model_says(
        model in model(), seed in any::<u64>(),
    ) {
        let source = model.render(&mut Dice(seed));
        let expected = model.canonical();
        prop_assert_eq!(canonical_text(&source), Ok(expected.clone()), "{}", source);
        prop_assert_eq!(canonical_text(&expected), Ok(expected.clone()));
        model.assert_views_agree(expected.as_bytes());
    }

    #[test]
    fn a_prefix_cut_anywhere_asks_for_more_or_gives_the_whole(
        model in model(), seed in any::<u64>(), cut in any::<prop::sample::Index>(),
    ) {
        let source = model.render(&mut Dice(seed)) + "\n";
        let end = source.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let cut = cut.index(source.len());
        let mut out = Vec::new();
        let consumed = canonical_prefix(&source.as_bytes()[..cut], MEBIBYTE, &mut out);
        if cut < end {
            prop_assert_eq!(consumed, Ok(None));
        }
        let consumed = canonical_prefix(source.as_bytes(), MEBIBYTE, &mut out);
        prop_assert_eq!(consumed, Ok(Some(end)));
        prop_assert!(out.ends_with(model.canonical().as_bytes()));
    }

    #[test]
    fn no_bytes_whatever_make_anything_panic(
        bytes in vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(b"{}[]\",:\\ u0-1.eEdD8tI\xc3\xa9".to_vec()),
        ], 0..200),
    ) {
        let mut out = Vec::new();
        let _ = canonical_prefix(&bytes, MEBIBYTE, &mut out);
        for start in 0..bytes.len() {
            let text = &bytes[start..];
            if let Ok(found) = canonical(text, MEBIBYTE) {
                prop_assert_eq!(canonical(&found, MEBIBYTE), Ok(found));
            }
            let _ = (json::string(text), integer(text), is_finite_number(text), member(text, "a"));
            members(text).into_iter().flatten().for_each(drop);
            elements(text).into_iter().flatten().for_each(drop);
        }
        for garbage in [[b"{", bytes.as_slice(), b"}"].concat(), [b"[\"", bytes.as_slice(), b"\"]"].concat()] {
            members(&garbage).into_iter().flatten().for_each(drop);
            elements(&garbage).into_iter().flatten().for_each(drop);
            let _ = json::string(&garbage[1..]);
        }
    }

    #[test]
    fn written_strings_and_floats_are_canonical(points in points(), value in any::<f64>()) {
        let text: String = points.iter().filter_map(|&point| char::from_u32(point)).collect();
        let mut written = Vec::new();
        write_string(&text, &mut written);
        prop_assert_eq!(canonical(&written, MEBIBYTE), Ok(written.clone()));
        prop_assert_eq!(json::string(&written), Some(text));
        let mut written = Vec::new();
        write_float(value, &mut written);
        prop_assert_eq!(canonical(&written, MEBIBYTE), Ok(written));
    }
}

#[test]
fn an_object_has_at_most_a_hundred_thousand_members() {
    let object = |count: usize| {
        let members: Vec<String> = (0..count).map(|key| format!("\"{key:06}\": 0")).collect();
        format!("{{{}}}", members.join(", "))
    };
    let most = object(OPEN_MEMBERS_LIMIT);
    assert_eq!(
        canonical(most.as_bytes(), usize::MAX).unwrap(),
        most.as_bytes()
    );
    let error = canonical(object(OPEN_MEMBERS_LIMIT + 1).as_bytes(), usize::MAX);
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("more than 100000 members in one object"),
        "{error}"
    );
}

#[test]
fn utf_16_is_named_with_a_mark_or_without() {
    let bytes = |text: &str, bytes_of: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    };
    for text in ["{}", "\u{feff}{\"a\": 1}", "[1]", "12"] {
        for text in [bytes(text, u16::to_le_bytes), bytes(text, u16::to_be_bytes)] {
            assert_refused(&text, "the text is in UTF-16: send it in UTF-8");
            // The front of it may be a whole number.
            if let Err(error) = canonical_prefix(&text, MEBIBYTE, &mut Vec::new()) {
                assert_eq!(error.to_string(), "the text is in UTF-16: send it in UTF-8");
            }
        }
    }
    let control = "control character 0x00 inside a string at byte 1; write it as an escape";
    assert_refused(b"\"\0a\0\"", "the text is in UTF-16: send it in UTF-8");
    assert_refused(b"\"\0\"", control);
}

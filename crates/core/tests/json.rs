//! Canonical JSON against Python's answers, against a naive model and against
//! its own promises. Nothing here is about blocks.

use adit_core::json::{
    self, DEPTH_LIMIT, JsonError, OPEN_MEMBERS_LIMIT, canonical, canonical_prefix, elements,
    integer, is_finite_number, member, members,
};

const VECTORS: &str = include_str!("vectors/python_json.jsonl");
const VECTOR_COUNT: usize = 2633;
pub(crate) const MEBIBYTE: usize = 1 << 20;

pub(crate) fn canonical_text(source: &str) -> Result<String, JsonError> {
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

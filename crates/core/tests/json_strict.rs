//! The strict reading of JSON: what two readers could take for different things
//! is refused; everything else becomes what the usual reading makes of it.

use adit_core::json::{JsonError, Reading, canonical, canonical_as, canonical_prefix_as};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::{repeatable, utf8};

const LIMIT: usize = 10_000;

fn strict(text: &str) -> Result<String, JsonError> {
    canonical_as(Reading::Strict, text.as_bytes(), LIMIT).map(|text| utf8(&text))
}

fn repeated(name: &str) -> Result<String, JsonError> {
    let name = name.to_owned();
    Err(JsonError::RepeatedField { name })
}

#[test]
fn a_repeated_key_is_refused_wherever_it_stands() {
    assert_eq!(strict(r#"{"a": 1, "a": 1}"#), repeated("a"));
    assert_eq!(strict(r#"{"b": 1, "a": 1, "b": 1}"#), repeated("b"));
    assert_eq!(strict(r#"{"a": [{"c": {"b": 1, "b": 2}}]}"#), repeated("b"));
    assert_eq!(
        strict(r#"[{"a": 1}, {"z": 1, "y": 2, "z": 3}]"#),
        repeated("z")
    );
    assert_eq!(strict(r#"{"": 1, "": 2}"#), repeated(""));
    // The same key, written otherwise.
    assert_eq!(strict(r#"{"a": 1, "\u0061": 2}"#), repeated("a"));
    assert_eq!(strict(r#"{"\/": 1, "/": 2}"#), repeated("\\/"));
    assert!(strict(r#"{"😀": 1, "\ud83d\uDE00": 2}"#).is_err());
    // No repetition.
    let text = r#"{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]}"#;
    assert_eq!(strict(text).as_deref(), Ok(text));
}

#[test]
fn a_long_repeated_key_is_shown_in_part() {
    let key = "k".repeat(500);
    assert_eq!(
        strict(&format!(r#"{{"{key}": 1, "{key}": 1}}"#)),
        repeated(&key[..80])
    );
}

#[test]
fn a_number_is_plain_digits_in_the_source() {
    for number in [
        "-0", "-1", "0.0", "1.0", "1e3", "1E3", "1e+3", "1e-3", "-0.0", "1e400", "-1e400",
    ] {
        let error = JsonError::NotPlainDigits { offset: 1 };
        assert_eq!(strict(&format!("[{number}]")), Err(error), "{number}");
    }
    let error = JsonError::NotPlainDigits { offset: 1 };
    assert_eq!(strict("[-Infinity]"), Err(error));
    for number in [
        "0",
        "7",
        "18446744073709551616",
        "100000000000000000000000000",
    ] {
        assert_eq!(strict(number).as_deref(), Ok(number));
    }
    assert!(strict("01").is_err());
}

#[test]
fn what_is_neither_integer_nor_string_is_refused() {
    for (word, found) in [
        ("true", "true or false"),
        ("false", "true or false"),
        ("null", "null"),
        ("NaN", "a number that is not finite"),
        ("Infinity", "a number that is not finite"),
    ] {
        let error = JsonError::NotIntegerOrString { offset: 6, found };
        assert_eq!(strict(&format!(r#"{{"a": {word}}}"#)), Err(error));
    }
    assert!(matches!(strict("[tru]"), Err(JsonError::Unexpected { .. })));
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    for (string, offset) in [
        (r#""\ud83d""#, 1),
        (r#""\ude00""#, 1),
        (r#""a\ude00\ud83d""#, 2),
        (r#""\ud83d\ud83d\ude00""#, 1),
        (r#""\ud83d\ude00\ude00""#, 13),
        (r#""\ud83d \ude00""#, 1),
        (r#""\ud83d\u0041""#, 1),
        (r#""\ud83dude00""#, 1),
        (r#""\ud83d\\ude00""#, 1),
        (r#""\\ud83d\ude00""#, 8),
        (r#""\ud83d\n""#, 1),
        (r#""\uD800é""#, 1),
        (r#"{"\udfff": 1}"#, 2),
    ] {
        assert_eq!(
            strict(string),
            Err(JsonError::LoneSurrogate { offset }),
            "{string}"
        );
    }
    let pair = r#""\ud83d\ude00""#;
    for string in [pair, "\"😀\"", r#""\uD83D\uDE00""#] {
        assert_eq!(strict(string).as_deref(), Ok(pair));
    }
    assert_eq!(strict(r#""\\ud83d""#).as_deref(), Ok(r#""\\ud83d""#));
}

#[test]
fn a_text_that_ends_inside_a_pair_has_not_ended() {
    let text = br#""\ud83d\ude00" "#;
    for length in 0..14 {
        let mut out = Vec::new();
        let read = canonical_prefix_as(Reading::Strict, &text[..length], LIMIT, &mut out);
        assert_eq!(read, Ok(None), "{length}");
        assert!(out.is_empty());
    }
    let mut out = Vec::new();
    let read = canonical_prefix_as(Reading::Strict, text, LIMIT, &mut out);
    assert_eq!(
        (read, utf8(&out)),
        (Ok(Some(14)), r#""\ud83d\ude00""#.to_owned())
    );
    let broken = br#""\ud83d\x"#;
    assert!(canonical_prefix_as(Reading::Strict, broken, LIMIT, &mut out).is_err());
}

#[test]
fn layout_order_and_escapes_are_free() {
    let text = " {\"b\" :\n[ ] ,\"a\":\"\\u0041\\/é\"\t} ";
    assert_eq!(strict(text).as_deref(), Ok(r#"{"a": "A/\u00e9", "b": []}"#));
}

/// Python's vectors: what is taken strictly is taken by Python, too, and comes
/// out the same.
#[test]
fn a_strict_reading_takes_less_and_changes_nothing() {
    let (mut taken, mut refused) = (0, 0);
    for line in include_str!("vectors/python_json.jsonl").lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let Some(text) = vector["in"].as_str() else {
            continue;
        };
        match strict(text) {
            Ok(found) => {
                taken += 1;
                assert_eq!(found.as_bytes(), canonical(text.as_bytes(), LIMIT).unwrap());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(
        taken > 10 && refused > 10,
        "{taken} taken, {refused} refused"
    );
}

fn arbitrary() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[0-9]{1,20}",
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?(e[0-9])?",
        Just("null".to_owned()),
        "\"[a-c]{0,2}\"",
        Just(r#""\ud83d\ude00""#.to_owned()),
        Just(r#""\ud83d""#.to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let member = ("[a-c]{1,2}", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|members| {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Told from the text alone, by a model that sees only texts of the generator.
fn is_strict(text: &str) -> bool {
    let lone = text.matches(r"\ud83d").count() != text.matches(r"\ude00").count();
    let odd = text.contains(['-', '.']) || text.contains("null");
    let exponent = text
        .as_bytes()
        .windows(3)
        .any(|three| three[0].is_ascii_digit() && three[1] == b'e' && three[2].is_ascii_digit());
    !lone && !odd && !exponent && !repeats(text)
}

/// `serde_json` keeps a repeated key once.
fn repeats(text: &str) -> bool {
    fn members(value: &Value) -> usize {
        match value {
            Value::Array(elements) => elements.iter().map(members).sum(),
            Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
            _ => 0,
        }
    }
    let text = text.replace(r#""\ud83d""#, "0");
    // The generator puts colons nowhere else.
    let value: Result<Value, _> = serde_json::from_str(&text);
    value.is_ok_and(|value| members(&value) != text.matches(':').count())
}

proptest! {
    #![proptest_config(repeatable(512))]

    #[test]
    fn strict_is_what_the_model_calls_strict(text in arbitrary()) {
        if let Ok(usual) = canonical(text.as_bytes(), LIMIT) {
            match strict(&text) {
                Ok(found) => {
                    prop_assert!(is_strict(&text), "{}", text);
                    prop_assert_eq!(found.as_bytes(), usual);
                }
                Err(error) => prop_assert!(!is_strict(&text), "{}: {}", text, error),
            }
        }
    }
}

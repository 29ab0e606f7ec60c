//! What `POST /transactions/new` takes, and in which words it refuses.

use adit_core::hash::sha256;
use adit_core::rules::{Classic, Rules};
use adit_core::transaction::{TRANSACTION_LIMIT_BYTES, is_reward, recipient, reward, sender};

use crate::world::utf8;

fn submitted(body: &[u8]) -> Result<String, String> {
    let read = Classic::Published.read_transaction(body);
    assert_eq!(read, Classic::Of2018.read_transaction(body));
    read.map(|text| utf8(text.text()))
        .map_err(|error| error.to_string())
}

/// A body with this amount, as it stands in JSON.
fn with_amount(amount: &str) -> Result<String, String> {
    let body = format!(r#"{{"sender": "a", "recipient": "b", "amount": {amount}}}"#);
    submitted(body.as_bytes())
}

#[test]
fn a_transaction_is_its_three_fields_in_canonical_form() {
    let body = b" {\"sender\":\"a\",\n\"recipient\":\"b\",\"amount\":1}\n";
    let expected = r#"{"amount": 1, "recipient": "b", "sender": "a"}"#;
    assert_eq!(submitted(body).unwrap(), expected);
}

#[test]
fn further_fields_are_left_out_as_in_the_tutorial() {
    let body = br#"{"amount": 1, "fee": 9, "recipient": "b", "sender": "a", "z": {"sender": "c"}}"#;
    let expected = r#"{"amount": 1, "recipient": "b", "sender": "a"}"#;
    assert_eq!(submitted(body).unwrap(), expected);
}

#[test]
fn of_a_repeated_field_the_last_counts() {
    let body =
        br#"{"amount": 1, "recipient": "b", "sender": "a", "amount": 2, "\u0073ender": "c"}"#;
    let expected = r#"{"amount": 2, "recipient": "b", "sender": "c"}"#;
    assert_eq!(submitted(body).unwrap(), expected);
}

/// Python: `json.dumps(json.loads(amount))`.
#[test]
fn an_amount_is_any_finite_number() {
    let huge = "1".repeat(1_000);
    for (amount, canonical) in [
        ("5", "5"),
        ("-5", "-5"),
        ("-0", "0"),
        ("0.10", "0.1"),
        ("1E2", "100.0"),
        ("1e16", "1e+16"),
        ("0.00001", "1e-05"),
        ("-0.0", "-0.0"),
        ("18446744073709551616", "18446744073709551616"),
        (&huge, &huge),
    ] {
        let expected = format!(r#"{{"amount": {canonical}, "recipient": "b", "sender": "a"}}"#);
        assert_eq!(with_amount(amount), Ok(expected), "{amount}");
    }
}

#[test]
fn an_amount_is_nothing_else() {
    for (amount, found) in [
        ("NaN", "a number that is not finite"),
        ("Infinity", "a number that is not finite"),
        ("-Infinity", "a number that is not finite"),
        ("1e400", "a number that is not finite"),
        ("-1e400", "a number that is not finite"),
        ("true", "true or false"),
        ("false", "true or false"),
        ("null", "null"),
        ("[5]", "a list"),
        ("{}", "an object"),
    ] {
        let message = format!("amount: expected a finite number, found {found}");
        assert_eq!(with_amount(amount), Err(message), "{amount}");
    }
}

/// What both `float()` of Python and `Number()` of JavaScript read as the same.
#[test]
fn an_amount_may_be_a_string_that_spells_a_number_and_stays_one() {
    let huge = format!("\"{}\"", "9".repeat(4_300));
    for (amount, canonical) in [
        (r#""10""#, r#""10""#),
        (r#""\u0031\u0030""#, r#""10""#),
        (r#""-2.50""#, r#""-2.50""#),
        (r#""+5""#, r#""+5""#),
        (r#"".5""#, r#"".5""#),
        (r#""5.""#, r#""5.""#),
        (r#""-0""#, r#""-0""#),
        (r#""007""#, r#""007""#),
        (r#""1e3""#, r#""1e3""#),
        (r#""1.5E-07""#, r#""1.5E-07""#),
        (r#"" \t10\r\n""#, r#"" \t10\r\n""#),
        (&huge, &huge),
    ] {
        let expected = format!(r#"{{"amount": {canonical}, "recipient": "b", "sender": "a"}}"#);
        assert_eq!(with_amount(amount), Ok(expected), "{amount}");
    }
}

#[test]
fn a_string_that_spells_no_number_is_no_amount() {
    for amount in [
        "",
        " ",
        "ten",
        "1,000",
        "1_000",
        "0x10",
        "1 0",
        "1.2.3",
        ".",
        "+",
        "+-1",
        "- 1",
        "e5",
        "1e",
        "1e+",
        "5 EUR",
        "\\u0663",
        "\\u00a05",
        "\\u00005",
        "\\ud8005",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1e400",
        "\\\"5\\\"",
        "true",
        "null",
        "[5]",
    ] {
        let message = "amount: expected a finite number, found a string that spells none";
        let found = with_amount(&format!("\"{amount}\""));
        assert_eq!(found, Err(message.to_owned()), "{amount:?}");
    }
    let error = with_amount(&format!("\"{}\"", "9".repeat(4_301))).unwrap_err();
    assert_eq!(error, "amount: expected at most 4300 digits, found 4301");
}

/// Where numbers alone are taken, the string is refused as a string.
#[test]
fn a_spelled_number_is_told_from_a_number() {
    let check = |amount: &str| {
        let body = format!(r#"{{"sender": "a", "recipient": "b", "amount": {amount}}}"#);
        let read = Classic::Published
            .read_transaction(body.as_bytes())
            .unwrap();
        read.check_amount_is_number()
            .map_err(|error| error.to_string())
    };
    assert_eq!(check("10"), Ok(()));
    let message = "amount: expected a finite number, found a string";
    assert_eq!(check(r#""10""#), Err(message.to_owned()));
}

/// Python: `json.dumps({'amount': 1, 'recipient': '名😀', 'sender': 'Zoë "\\\n'})`.
/// Python 3.11 and later read no integer of more digits; in others' chains,
/// which Python must have made, there is none.
#[test]
fn an_amount_has_at_most_as_many_digits_as_python_reads() {
    let most = "9".repeat(4_300);
    assert!(with_amount(&most).is_ok());
    let error = with_amount(&format!("{most}9")).unwrap_err();
    assert_eq!(error, "amount: expected at most 4300 digits, found 4301");
}

#[test]
fn names_are_texts_of_any_kind() {
    let body = "{\"sender\": \"Zoë \\\"\\\\\\n\", \"recipient\": \"名😀\", \"amount\": 1}";
    let expected =
        r#"{"amount": 1, "recipient": "\u540d\ud83d\ude00", "sender": "Zo\u00eb \"\\\n"}"#;
    assert_eq!(submitted(body.as_bytes()).unwrap(), expected);
    let empty = r#"{"amount": 1, "recipient": "", "sender": "\ud800"}"#;
    assert_eq!(submitted(empty.as_bytes()).unwrap(), empty);
}

#[test]
fn names_are_nothing_else() {
    for (field, value, found) in [
        ("sender", "5", "a number"),
        ("sender", "null", "null"),
        ("recipient", "[\"b\"]", "a list"),
        ("recipient", "true", "true or false"),
    ] {
        let usual = r#"{"amount": 1, "recipient": "b", "sender": "a""#;
        let body = format!("{usual}, \"{field}\": {value}}}");
        let message = format!("{field}: expected a string, found {found}");
        assert_eq!(submitted(body.as_bytes()), Err(message));
    }
}

#[test]
fn a_missing_field_is_answered_in_the_tutorials_own_words() {
    for body in [
        "{}",
        r#"{"recipient": "b", "amount": 1}"#,
        r#"{"sender": "a", "amount": 1}"#,
        r#"{"sender": "a", "recipient": "b"}"#,
        r#"{"Sender": "a", "recipient": "b", "amount": 1}"#,
        r#"{"a": {"sender": "a", "recipient": "b", "amount": 1}}"#,
        r#"{"sender": 5}"#,
    ] {
        assert_eq!(submitted(body.as_bytes()).unwrap_err(), "Missing values");
    }
}

#[test]
fn what_is_no_object_is_named() {
    let words = "expected a JSON object with sender, recipient and amount, found";
    for (body, found) in [
        ("[]", "a list"),
        (r#"["sender", "recipient", "amount"]"#, "a list"),
        ("\"sender recipient amount\"", "a string"),
        ("7", "a number"),
        ("null", "null"),
    ] {
        let message = format!("{words} {found}");
        assert_eq!(submitted(body.as_bytes()), Err(message));
    }
}

#[test]
fn what_is_no_json_is_refused_with_the_place() {
    for (body, why) in [
        (&b""[..], "the text ends where a value should begin"),
        (
            b"sender=a&recipient=b&amount=1",
            "expected a value at byte 0, found `s`",
        ),
        (b"{\"sender\": \"\xff\"}", "not UTF-8 at byte 12"),
        (
            b"{\"amount\": 01}",
            "expected no digit after a leading zero at byte 12, found `1`",
        ),
    ] {
        let message = format!("the body is not JSON: {why}");
        assert_eq!(submitted(body), Err(message));
    }
}

#[test]
fn a_transaction_has_a_limit_as_sent_and_in_canonical_form() {
    let body = |sender: &str| {
        let body = format!(r#"{{"amount": 1, "recipient": "b", "sender": "{sender}"}}"#);
        submitted(body.as_bytes())
    };
    let around = r#"{"amount": 1, "recipient": "b", "sender": ""}"#.len();
    let longest = TRANSACTION_LIMIT_BYTES - around;
    assert_eq!(
        body(&"a".repeat(longest)).unwrap().len(),
        TRANSACTION_LIMIT_BYTES
    );
    assert_eq!(
        body(&"a".repeat(longest + 1)).unwrap_err(),
        "the body is not JSON: text is larger than the limit of 65536 bytes"
    );
    // Two bytes of UTF-8 become six.
    assert_eq!(
        body(&"é".repeat(longest / 3)).unwrap_err(),
        "the body is not JSON: canonical form is larger than the limit of 65536 bytes"
    );
}

#[test]
fn a_reward_is_one_coin_from_nobody() {
    let text = reward("Zoë");
    assert_eq!(
        utf8(&text),
        r#"{"amount": 1, "recipient": "Zo\u00eb", "sender": "0"}"#
    );
    assert!(is_reward(&text));
    assert!(!is_reward(
        br#"{"amount": 1, "recipient": "0", "sender": "00"}"#
    ));
    assert!(!is_reward(
        br#"{"amount": 1, "recipient": "b", "sender": 0}"#
    ));
    assert!(!is_reward(b"\"0\""));
}

#[test]
fn a_name_is_what_the_string_says_or_the_json_as_it_stands() {
    let named = |text: &str| (sender(text.as_bytes()), recipient(text.as_bytes()));
    for (value, name) in [
        (r#""a""#, "a"),
        (
            r#""Zo\u00eb \ud83e\udd80 \"\\\n\u007f/%""#,
            "Zo\u{eb} \u{1f980} \"\\\n\u{7f}/%",
        ),
        (r#""""#, ""),
        // Half a pair is no character.
        (r#""a \ud83e""#, r#""a \ud83e""#),
        (r#""\udd80\ud83e""#, r#""\udd80\ud83e""#),
        ("7", "7"),
        ("null", "null"),
        (r#"{"sender": ["x, y"]}"#, r#"{"sender": ["x, y"]}"#),
    ] {
        let text = format!(r#"{{"amount": 1, "recipient": {value}, "sender": "s"}}"#);
        assert_eq!(
            named(&text),
            (Some("s".into()), Some(name.into())),
            "{text}"
        );
        let text = format!(r#"{{"amount": 1, "recipient": "r", "sender": {value}}}"#);
        assert_eq!(
            named(&text),
            (Some(name.into()), Some("r".into())),
            "{text}"
        );
    }
    for text in [r#"{"amount": 1}"#, "7", "[]", r#"["sender"]"#] {
        assert_eq!(named(text), (None, None), "{text}");
    }
}

#[test]
fn a_transaction_without_an_identity_of_its_own_has_the_hash_of_its_text() {
    let list = r#"[{"amount": 1}, 7, {"amount": 1}]"#;
    let text = format!(
        r#"{{"index": 1, "previous_hash": "1", "proof": 100, "timestamp": 1.0, "transactions": {list}}}"#
    );
    let block = Classic::Published.read(text.as_bytes()).unwrap();
    let (object, seven) = (sha256(br#"{"amount": 1}"#), sha256(b"7"));
    let ids = Classic::Published.transaction_ids(&block);
    assert_eq!(ids, [object, seven, object]);
}

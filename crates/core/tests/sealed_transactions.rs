//! Transactions of `sealed`: which texts are one, who signed them, for which
//! chain, and that a transaction has one id.

use adit_core::hash::sha256;
use adit_core::merkle;
use adit_core::rules::{Rules, verify_signature};
use adit_core::sealed::{SealedTransaction, SealedTransactionError, Transfer};
use adit_core::transaction::{Payment, TransactionError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sealed_world::{
    SealedChain, canonical, chain_id, easy_params, is_signed, key, with_field,
};
use crate::world::{repeatable, utf8};

fn chain() -> SealedChain {
    SealedChain::new(easy_params(&[(&key(0), 1_000)]))
}

/// Why a transaction is refused that was changed after it was signed.
fn refused(change: impl FnOnce(&mut Value)) -> (String, &'static str) {
    let chain = chain();
    let mut transaction: Value =
        serde_json::from_slice(&chain.pay(&key(0), &key(1), 10, 1)).unwrap();
    change(&mut transaction);
    let error = chain.try_transaction(&canonical(&transaction)).unwrap_err();
    (error.to_string(), error.rule())
}

#[test]
fn a_transaction_is_taken_in_any_layout_and_kept_in_one() {
    let chain = chain();
    let text = chain.pay(&key(0), &key(1), 10, 1);
    let value: Value = serde_json::from_slice(&text).unwrap();
    let loose = serde_json::to_string_pretty(&value)
        .unwrap()
        .replace("adit1", "\\u0061dit1");
    let read = chain.rules.read_transaction(loose.as_bytes()).unwrap();
    assert_eq!(utf8(read.text()), utf8(&text));
}

#[test]
fn fields_are_exactly_those_of_a_transaction() {
    for field in [
        "amount",
        "chain",
        "fee",
        "nonce",
        "recipient",
        "sender",
        "signature",
    ] {
        let (error, rule) = refused(|transaction| {
            transaction.as_object_mut().unwrap().remove(field);
        });
        assert_eq!((error, rule), (format!("{field} is missing"), "fields"));
    }
    let (error, _) = refused(|transaction| transaction["memo"] = json!("x"));
    assert_eq!(error, "\"memo\" is no field of this");
    for field in ["index", "Amount", "amount ", "timestamp"] {
        let (error, _) = refused(|transaction| transaction[field] = json!(1));
        assert_eq!(error, format!("{field:?} is no field of this"));
    }
    let error = chain().try_transaction(b"[]").unwrap_err();
    assert_eq!(error.to_string(), "expected an object, found a list");
}

#[test]
fn each_field_has_its_form() {
    let too_much = json!(1_u64 << 53);
    let long = json!("0".repeat(17));
    for (field, value, expected) in [
        ("amount", &too_much, "an integer in 0..2^53-1"),
        ("amount", &json!("10"), "an integer in 0..2^53-1"),
        ("amount", &json!([]), "an integer in 0..2^53-1"),
        ("fee", &too_much, "an integer in 0..2^53-1"),
        ("nonce", &too_much, "an integer in 0..2^53-1"),
        ("chain", &long, "16 lower-case hex digits"),
        (
            "chain",
            &json!("00000000000000AB"),
            "16 lower-case hex digits",
        ),
        ("chain", &json!(7), "16 lower-case hex digits"),
        (
            "data",
            &json!(""),
            "a string that is not empty, or no such field",
        ),
        ("data", &json!(7), "a string"),
        ("data", &json!({}), "a string"),
        ("recipient", &json!(7), "an address"),
        ("sender", &json!([]), "an address"),
        ("signature", &json!("00"), "128 lower-case hex digits"),
        (
            "signature",
            &json!("AB".repeat(64)),
            "128 lower-case hex digits",
        ),
    ] {
        let (error, rule) = refused(|transaction| transaction[field] = value.clone());
        let found: String = value.to_string().chars().take(80).collect();
        assert_eq!(
            error,
            format!("{field}: expected {expected}, found {found}")
        );
        assert_eq!(rule, "fields");
    }
    let upper = key(1).address.to_string().to_uppercase();
    let (error, _) = refused(|transaction| transaction["recipient"] = json!(upper));
    assert_eq!(
        error,
        "recipient: an address is written in lower case, found 'A'"
    );
    let (error, _) = refused(|transaction| transaction["sender"] = json!("0"));
    assert_eq!(error, "sender: an address begins with adit1, found \"0\"");
}

/// What the usual reading of JSON would quietly turn into something else.
#[test]
fn a_submitted_transaction_is_read_strictly() {
    let chain = chain();
    let text = utf8(&chain.pay(&key(0), &key(1), 10, 1));
    for (from, to, message) in [
        (
            "\"fee\": 1",
            "\"fee\": 7, \"fee\": 1",
            "the field \"fee\" stands twice in one object",
        ),
        (
            "\"nonce\": 0",
            "\"nonce\": -0",
            "expected plain digits at byte",
        ),
        (
            "\"amount\": 10",
            "\"amount\": 1e1",
            "expected plain digits at byte",
        ),
        (
            "\"amount\": 10",
            "\"amount\": 10.0",
            "expected plain digits at byte",
        ),
        (
            "\"amount\": 10",
            "\"amount\": NaN",
            "expected an integer, a string",
        ),
        (
            "\"fee\"",
            "\"data\": \"\\ud800\", \"fee\"",
            "a surrogate without its other half",
        ),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        let error = chain
            .rules
            .read_transaction(changed.as_bytes())
            .unwrap_err();
        let TransactionError::Sealed(sealed) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(sealed.rule(), "json");
        let expected = format!("not a transaction: {message}");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    assert!(chain.rules.read_transaction(text.as_bytes()).is_ok());
}

#[test]
fn data_is_counted_in_utf_8() {
    let chain = SealedChain::new(adit_core::sealed::Params {
        max_data_bytes: 4,
        ..easy_params(&[(&key(0), 1_000)])
    });
    let with_data = |data: &str| {
        let transfer = Transfer {
            data: Some(data.to_owned()),
            ..chain.transfer(&key(0), &key(1), 1, 0)
        };
        chain.try_transaction(&key(0).sign(&transfer))
    };
    for data in ["abcd", "éé", "😀", "\0\0\0\0", "\"\\\u{7f}/"] {
        assert_eq!(with_data(data), Ok(()), "{data:?}");
    }
    for (data, found) in [("abcde", 5), ("ééa", 5), ("😀a", 5)] {
        let limit_bytes = 4;
        let error = SealedTransactionError::DataTooLong { limit_bytes, found };
        assert_eq!(with_data(data), Err(error), "{data:?}");
    }
}

#[test]
fn what_was_signed_cannot_be_changed() {
    let other = key(3).address.to_string();
    for (field, value) in [
        ("amount", json!(11)),
        ("fee", json!(2)),
        ("nonce", json!(1)),
        ("recipient", json!(other)),
        ("sender", json!(other)),
        ("data", json!("x")),
    ] {
        let (error, rule) = refused(|transaction| transaction[field] = value);
        assert!(
            error.starts_with("signature: it is not adit1"),
            "{field}: {error}"
        );
        assert_eq!(rule, "signature");
    }
}

/// The bytes that are signed begin with what they are for, so that a signature
/// over bare JSON, or for another version, is none.
#[test]
fn a_signature_is_for_a_transaction_and_nothing_else() {
    let chain = chain();
    let transfer = chain.transfer(&key(0), &key(1), 10, 1);
    let expected = [b"adit transaction v1\n", &transfer.to_text()[..]].concat();
    assert_eq!(utf8(&transfer.to_signed_bytes()), utf8(&expected));
    let secret = ed25519_zebra::SigningKey::from(sha256(b"adit test key 0").0);
    let sign = |bytes: &[u8]| transfer.with_signature(&secret.sign(bytes).to_bytes());
    assert!(is_signed(&sign(&expected)));
    assert!(!is_signed(&sign(&transfer.to_text())));
    let next_version = [b"adit transaction v2\n", &transfer.to_text()[..]].concat();
    assert!(!is_signed(&sign(&next_version)));
}

/// A payment on one chain could be repeated on every other chain where the
/// sender has money, if it did not name its chain.
#[test]
fn a_transaction_cannot_be_replayed_on_another_chain() {
    let here = chain();
    let there = SealedChain::new(adit_core::sealed::Params {
        name: "another".to_owned(),
        ..easy_params(&[(&key(0), 1_000)])
    });
    let text = here.pay(&key(0), &key(1), 10, 1);
    assert_eq!(here.try_transaction(&text), Ok(()));
    let (expected, found) = (there.rules.chain_id(), here.rules.chain_id());
    let error = SealedTransactionError::OtherChain { expected, found };
    assert_eq!(there.try_transaction(&text), Err(error));
    assert_ne!(expected, found);
    // Naming the other chain takes another signature.
    let renamed = with_field(&text, "chain", json!(expected.to_string()));
    assert_eq!(
        there.try_transaction(&renamed).unwrap_err().rule(),
        "signature"
    );
}

/// A transaction is followed by its id, so nobody but the sender may be able to
/// make another id for it (Bitcoin's transaction malleability, BIP 62).
#[test]
fn another_signature_does_not_make_another_transaction() {
    let chain = chain();
    let text = chain.pay(&key(0), &key(1), 10, 1);
    let other = with_field(&text, "signature", json!("ab".repeat(64)));
    let [id, other_id] = [&text, &other].map(|text| SealedTransaction::read(text).unwrap().id);
    assert_eq!(id, other_id);
    assert_eq!(
        id,
        sha256(&chain.transfer(&key(0), &key(1), 10, 1).to_text())
    );
}

/// A scalar plus the group's order is the same scalar; ZIP 215 takes only the
/// smaller one.
#[test]
fn a_signature_cannot_be_written_otherwise() {
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let text = chain().pay(&key(0), &key(1), 10, 1);
    let mut signature = SealedTransaction::read(&text).unwrap().signature;
    let mut order = [0; 32];
    adit_core::hash::read_hex(ORDER.as_bytes(), &mut order).unwrap();
    let mut carry = 0;
    for (byte, added) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(added) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let mut hex = [0; 128];
    adit_core::hash::write_hex(&signature, &mut hex);
    let other = with_field(&text, "signature", json!(utf8(&hex)));
    assert!(is_signed(&text));
    assert!(!is_signed(&other));
}

#[test]
fn every_changed_bit_of_a_signature_is_seen() {
    let text = chain().pay(&key(0), &key(1), 10, 1);
    let transaction = SealedTransaction::read(&text).unwrap();
    for bit in 0..512 {
        let mut changed = transaction.clone();
        changed.signature[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_signature(&text, &changed).is_err(), "bit {bit}");
    }
    assert!(verify_signature(&text, &transaction).is_ok());
}

proptest! {
    #![proptest_config(repeatable(64))]

    /// Whatever can be signed is written as canonical text and read the same.
    #[test]
    fn what_is_written_is_read_again(
        amount in 0..1_u64 << 53,
        fee in 0..1_u64 << 53,
        nonce in 0..1_u64 << 53,
        data in prop::option::of("\\PC{1,20}|[\\x00-\\x7f]{1,9}"),
        chain in "[0-9a-f]{16}",
    ) {
        let (sender, recipient) = (key(0).address, key(1).address);
        let chain = chain_id(&chain);
        let transfer = Transfer { amount, chain, data, fee, nonce, recipient, sender };
        let text = key(0).sign(&transfer);
        let again = adit_core::json::canonical(&text, usize::MAX).unwrap();
        prop_assert_eq!(utf8(&text), utf8(&again));
        let read = SealedTransaction::read(&text).unwrap();
        prop_assert_eq!(&read.transfer, &transfer);
        prop_assert_eq!(read.id, sha256(&transfer.to_text()));
        prop_assert!(verify_signature(&text, &read).is_ok());
    }

    /// No bytes make the reading panic.
    #[test]
    fn any_object_is_read_or_refused(text in "\\{(\"(amount|signature|sender|data)\": (\"[a-f0-9]{0,4}\"|[0-9]{1,3}),? ?){0,3}\\}") {
        let _ = SealedTransaction::read(text.as_bytes());
        let _ = chain().rules.read_transaction(text.as_bytes());
    }
}

/// What waits is not parsed again: all that a block says of it has to be there.
#[test]
fn what_is_kept_of_a_transaction_is_all_of_it() {
    let chain = chain();
    let data = [
        None,
        Some("a note"),
        Some("\"é\\ \u{1f600}\n"),
        Some("chain"),
    ];
    for (number, data) in (0..).zip(data) {
        let text = key(0).sign(&Transfer {
            nonce: number,
            data: data.map(str::to_owned),
            ..chain.transfer(&key(0), &key(1), 10 * number, 1)
        });
        let read = SealedTransaction::read(&text).unwrap();
        let kept = Payment::of(&text, &read);
        assert_eq!(kept.to_sealed(), read);
        assert_eq!(kept.leaf, merkle::leaf(&text));
    }
}

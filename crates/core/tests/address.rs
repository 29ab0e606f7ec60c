//! Addresses: one text for each key, and a mistyped one is noticed.

use adit_core::address::{Address, AddressError};
use bech32::{Bech32, Bech32m, Hrp};
use proptest::prelude::*;

use crate::world::{Dice, repeatable};

/// From the vectors: the key of the secret SHA-256("adit test key 0").
const ADDRESS: &str = "adit147n0lydu9j3v26vn099905fgzafurz2jdtytv5f7e92a9udmzefq5czcqu";

fn read(text: &str) -> Result<Address, AddressError> {
    text.parse()
}

fn write<Checksum: bech32::Checksum>(human_part: &str, bytes: &[u8]) -> String {
    let human_part = Hrp::parse(human_part).unwrap();
    let mut text = String::new();
    bech32::encode_lower_to_fmt::<Checksum, _>(&mut text, human_part, bytes).unwrap();
    text
}

#[test]
fn what_is_no_address_is_refused_with_a_reason() {
    let bytes = read(ADDRESS).unwrap().0;
    for (text, message) in [
        (String::new(), "an address begins with adit1, found \"\""),
        (
            write::<Bech32m>("bc", &bytes),
            "an address begins with adit1, found \"bc147\"",
        ),
        (
            write::<Bech32m>("adit1q", &bytes[..31]),
            "an address holds letters and digits without 1, b, i and o behind adit1",
        ),
        (
            write::<Bech32m>("adit", &bytes[1..]),
            "an address has 63 characters and begins with adit1, found 61",
        ),
        (
            ADDRESS[..62].to_owned(),
            "an address has 63 characters and begins with adit1, found 62",
        ),
        (
            ADDRESS.to_uppercase(),
            "an address is written in lower case, found 'A'",
        ),
        (
            ADDRESS.replace('z', "Z"),
            "an address is written in lower case, found 'Z'",
        ),
        (
            ADDRESS.replace('q', "b"),
            "an address holds letters and digits without 1, b, i and o behind adit1",
        ),
        (
            ADDRESS.replace("147", "14é"),
            "an address has 63 characters and begins with adit1, found 64",
        ),
        // The checksum of BIP 173, before it was fixed.
        (
            write::<Bech32>("adit", &bytes),
            "the checksum is wrong: a character was mistyped",
        ),
    ] {
        assert_eq!(read(&text).unwrap_err().to_string(), message, "{text}");
    }
    for text in [
        " ",
        "0",
        "adit1",
        &format!(" {ADDRESS}"),
        &format!("{ADDRESS}\n"),
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
}

/// 52 characters hold 260 bits, four more than a key has. If they could be
/// anything, one key would have sixteen addresses.
#[test]
fn an_address_has_one_form() {
    const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let key = read(ADDRESS).unwrap();
    let digit = |letter: u8| CHARACTERS.iter().position(|one| *one == letter).unwrap();
    let mut data: Vec<u8> = ADDRESS.as_bytes()[5..57]
        .iter()
        .map(|letter| digit(*letter) as u8)
        .collect();
    let last = data.pop().unwrap();
    for padding in 0..16 {
        let digits = data.iter().copied().chain([last | padding]);
        let digits = digits.map(|digit| bech32::Fe32::try_from(digit).unwrap());
        use bech32::primitives::iter::Fe32IterExt;
        let human_part = Hrp::parse("adit").unwrap();
        let text: String = digits
            .with_checksum::<Bech32m>(&human_part)
            .chars()
            .collect();
        let expected = match padding {
            0 => Ok(key),
            _ => Err(AddressError::WrongPadding),
        };
        assert_eq!(read(&text), expected, "{text}");
    }
}

/// The checksum finds every change of up to four characters; one and two are
/// tried here.
#[test]
fn a_mistyped_address_is_noticed() {
    let mut dice = Dice(5);
    for _ in 0..2_000 {
        let mut typed = ADDRESS.as_bytes().to_vec();
        for _ in 0..=dice.below(2) {
            let at = 5 + dice.below(58) as usize;
            typed[at] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"[dice.below(32) as usize];
        }
        let typed = String::from_utf8(typed).unwrap();
        if typed != ADDRESS {
            assert_eq!(read(&typed), Err(AddressError::WrongChecksum), "{typed}");
        }
    }
}

proptest! {
    #![proptest_config(repeatable(256))]

    #[test]
    fn every_key_has_an_address_that_is_read_again(key: [u8; 32]) {
        let text = Address(key).to_string();
        prop_assert_eq!(text.len(), 63);
        prop_assert_eq!(read(&text), Ok(Address(key)));
    }

    #[test]
    fn what_is_read_is_written_the_same(text in "adit1[02-9ac-hj-np-z]{58}") {
        if let Ok(address) = read(&text) {
            prop_assert_eq!(address.to_string(), text);
        }
    }
}

/// BIP 350: "Decoders MUST accept both uppercase and lowercase strings", and
/// none in which both stand.
#[test]
fn people_may_give_an_address_in_capitals_but_not_in_both() {
    let address = Address([7; 32]);
    let (lower, upper) = (address.to_string(), address.to_string().to_uppercase());
    assert_eq!(Address::of_people(&lower), Ok(address));
    assert_eq!(Address::of_people(&upper), Ok(address));
    assert!(upper.parse::<Address>().is_err(), "a chain takes one form");
    for mixed in [lower.replacen('a', "A", 1), upper.replacen('A', "a", 1)] {
        let found = Address::of_people(&mixed);
        assert!(
            matches!(found, Err(AddressError::UpperCase { .. })),
            "{mixed}"
        );
    }
}

//! Secret keys, and the phrases from which they can be made again. What is
//! secret is wiped from memory when it is dropped, and has no `Debug`, so that
//! it gets into no log and no error.

use std::fmt;

use adit_core::address::Address;
use adit_core::hash::read_hex;
use adit_core::sealed::Transfer;
use anyhow::anyhow;
use bip39::{Language, Mnemonic};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use zeroize::Zeroizing;

use super::derivation::derive;

/// Where the key of a phrase's account lies below its seed, by BIP-44: 1 is the
/// number of all coins that are worth nothing (SLIP-0044), then the account and
/// the chain.
fn path(account: u32) -> [u32; 4] {
    [44, 1, account, 0]
}

/// The same in words, for files and people.
pub(crate) const DERIVATION: &str = "BIP-39, SLIP-0010 ed25519, m/44'/1'/0'/0'";

/// The randomness in a new phrase: 256 bits, 24 words.
const ENTROPY_BYTES: usize = 32;

/// The longest phrases have this many words.
const LONGEST_PHRASE_WORDS: usize = 24;

/// The words (BIP-39, English, without a passphrase) from which a key can be
/// made again.
pub(crate) struct Phrase(Mnemonic);

/// Why a text is no phrase. It says nothing of the text, which may be a real
/// phrase but for one letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PhraseError {
    #[error("a phrase has 24 words (or 12, 15, 18, 21), found {found}")]
    WrongCount { found: usize },
    #[error("word {number} is not on the English list of BIP-39: was it mistyped?")]
    UnknownWord { number: usize },
    #[error(
        "the phrase's checksum is wrong: a word was mistaken for another, or two changed places"
    )]
    WrongChecksum,
}

/// An Ed25519 private key (RFC 8032, 32 bytes).
pub(crate) struct SecretKey(Zeroizing<[u8; 32]>);

impl Phrase {
    /// A new one, from the system's randomness.
    pub(crate) fn new() -> anyhow::Result<Phrase> {
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        getrandom::fill(&mut *entropy)
            .map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
        let phrase = Mnemonic::from_entropy(&*entropy).expect("256 bits are 24 words");
        Ok(Phrase(phrase))
    }

    /// Reads words as people write them: over several lines, numbered, with
    /// commas, in capitals.
    pub(crate) fn read(found: &str) -> Result<Phrase, PhraseError> {
        let mut text = Zeroizing::new(String::with_capacity(found.len() + 1));
        for word in words(found) {
            text.extend(word.chars().map(|one| one.to_ascii_lowercase()));
            text.push(' ');
        }
        let phrase = Mnemonic::parse_in_normalized(Language::English, &text);
        phrase.map(Phrase).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => PhraseError::UnknownWord { number: index + 1 },
            bip39::Error::InvalidChecksum => PhraseError::WrongChecksum,
            _ => PhraseError::WrongCount {
                found: words(found).count(),
            },
        })
    }

    /// Its words, in order.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.words()
    }

    /// Its key, at [`DERIVATION`].
    pub(crate) fn key(&self) -> SecretKey {
        self.keys(1).remove(0)
    }

    /// The keys of its first accounts; the first is [`Phrase::key`].
    pub(crate) fn keys(&self, accounts: u32) -> Vec<SecretKey> {
        let seed = Zeroizing::new(self.0.to_seed_normalized(""));
        let key = |account| SecretKey(derive(&*seed, &path(account)));
        (0..accounts).map(key).collect()
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SecretKey {
    /// Reads 64 hex digits, as `adit dev` prints them, or others in capitals and
    /// with a `0x`.
    pub(crate) fn read(text: &str) -> Option<SecretKey> {
        let hex = text.trim_matches(is_between);
        let hex = hex.strip_prefix("0x").or(hex.strip_prefix("0X"));
        let hex = hex.unwrap_or(text.trim_matches(is_between));
        let hex = Zeroizing::new(hex.to_ascii_lowercase());
        let mut bytes = Zeroizing::new([0; 32]);
        read_hex(hex.as_bytes(), &mut *bytes)?;
        Some(SecretKey(bytes))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> SecretKey {
        SecretKey(Zeroizing::new(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Who can be paid so that this key can spend it.
    pub(crate) fn address(&self) -> Address {
        Address(VerificationKeyBytes::from(&*self.signing_key()).into())
    }

    /// The canonical text of the transaction, signed.
    pub(crate) fn sign(&self, transfer: &Transfer) -> Vec<u8> {
        let signature = self.signing_key().sign(&transfer.to_signed_bytes());
        transfer.with_signature(&signature.to_bytes())
    }

    fn signing_key(&self) -> Zeroizing<SigningKey> {
        Zeroizing::new(SigningKey::from(*self.0))
    }
}

/// Whether nothing can come behind it: it is a key, or as long as a phrase can
/// be.
pub(crate) fn is_whole(text: &str) -> bool {
    SecretKey::read(text).is_some() || words(text).count() >= LONGEST_PHRASE_WORDS
}

/// The words of a phrase, without their numbers and whatever else is no letter.
/// A digit within a word stays: it was mistyped.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_between)
        .map(|part| part.trim_matches(|one: char| !one.is_alphabetic()))
        .filter(|word| !word.is_empty())
}

/// What may stand between two words, and around them. Files begin with a byte
/// order mark, and pages break lines at invisible places.
fn is_between(one: char) -> bool {
    one.is_whitespace() || matches!(one, ',' | ';' | '\u{feff}' | '\u{200b}'..='\u{200d}')
}

//! Addresses: who can own coins. An address is an Ed25519 public key, written
//! in bech32m (BIP 350) with the human part `adit`, so that a mistyped one is
//! noticed. Whether anybody knows the secret key is not known here.

use std::fmt;
use std::str::FromStr;

use bech32::Bech32m;
use bech32::primitives::decode::{CheckedHrpstring, ChecksumError};
use bech32::{Hrp, primitives::decode::CheckedHrpstringError};

/// What every address begins with.
pub const HUMAN_PART: &str = "adit";

/// The length of an address: the human part, `1`, 52 characters of 5 bits, and
/// 6 of checksum.
const TEXT_LENGTH: usize = HUMAN_PART.len() + 1 + 52 + 6;

/// An Ed25519 public key as the owner of coins. The order is that of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 32]);

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not as long as an address.
    #[error("an address has {TEXT_LENGTH} characters and begins with {HUMAN_PART}1, found {found}")]
    WrongLength {
        /// The number of its bytes.
        found: usize,
    },
    /// It begins otherwise: it belongs to something else.
    #[error("an address begins with {HUMAN_PART}1, found {found:?}")]
    WrongHumanPart {
        /// Its first characters.
        found: String,
    },
    /// It holds a capital letter. Within a chain an address has one form only,
    /// since texts are what is hashed.
    #[error("an address is written in lower case, found {found:?}")]
    UpperCase {
        /// The first capital letter.
        found: char,
    },
    /// It holds a character that bech32 does not use.
    #[error("an address holds letters and digits without 1, b, i and o behind {HUMAN_PART}1")]
    WrongCharacter,
    /// The checksum is wrong.
    #[error("the checksum is wrong: a character was mistyped")]
    WrongChecksum,
    /// The last bits, which stand for nothing, are not zero, so that it is a
    /// second form of another address.
    #[error("the four bits of padding are not zero")]
    WrongPadding,
}

impl Address {
    /// Reads an address as people give it: in lower case, or all in capitals,
    /// as in codes to scan (BIP 350). Within a chain only lower case counts,
    /// which is what [`FromStr`] reads.
    pub fn of_people(text: &str) -> Result<Address, AddressError> {
        let is_lower = |one: char| one.is_ascii_lowercase();
        match text.contains(is_lower) {
            true => text.parse(),
            false => text.to_ascii_lowercase().parse(),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads the one form that an address has.
    fn from_str(text: &str) -> Result<Address, AddressError> {
        if let Some(found) = text.chars().find(char::is_ascii_uppercase) {
            return Err(AddressError::UpperCase { found });
        }
        if !text.starts_with("adit1") {
            let found = text.chars().take(HUMAN_PART.len() + 1).collect();
            return Err(AddressError::WrongHumanPart { found });
        }
        if text.len() != TEXT_LENGTH {
            return Err(AddressError::WrongLength { found: text.len() });
        }
        let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|error| match error {
            CheckedHrpstringError::Checksum(ChecksumError::InvalidResidue(_)) => {
                AddressError::WrongChecksum
            }
            _ => AddressError::WrongCharacter,
        })?;
        // A later `1` would end a longer human part.
        if checked.hrp() != human_part() {
            return Err(AddressError::WrongCharacter);
        }
        checked
            .validate_segwit_padding()
            .map_err(|_| AddressError::WrongPadding)?;
        let mut key = [0; 32];
        for (byte, read) in key.iter_mut().zip(checked.byte_iter()) {
            *byte = read;
        }
        Ok(Address(key))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32m, _>(f, human_part(), &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn human_part() -> Hrp {
    Hrp::parse_unchecked(HUMAN_PART)
}

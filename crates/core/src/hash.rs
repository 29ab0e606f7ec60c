//! The 32 bytes that identify a block: how a hash is computed, written and
//! read. What is hashed is up to each rule set.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A SHA-256 hash. Its text form is 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// What a text that should be a hash is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a hash of 64 lower-case hex digits, found {found:?}")]
pub struct HashError {
    /// The text, at most its first 80 characters.
    pub found: String,
}

/// SHA-256 (FIPS 180-4) of the bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

impl Hash {
    /// The 64 hex digits as they stand in blocks.
    pub fn to_hex(self) -> [u8; 64] {
        let mut hex = [0; 64];
        write_hex(&self.0, &mut hex);
        hex
    }

    /// Reads 64 lower-case hex digits; anything else is `None`, upper case
    /// too: a hash has one text form.
    pub fn from_hex(hex: &[u8]) -> Option<Hash> {
        let mut hash = [0; 32];
        read_hex(hex, &mut hash)?;
        Some(Hash(hash))
    }

    /// The number of zeros at the start of its hex digits.
    pub fn leading_zeros(&self) -> u32 {
        let whole = self.0.iter().take_while(|byte| **byte == 0).count() as u32;
        let next = self.0.get(whole as usize);
        2 * whole + u32::from(next.is_some_and(|byte| byte >> 4 == 0))
    }
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes the bytes as lower-case hex digits; `hex` has two places for each.
pub fn write_hex(bytes: &[u8], hex: &mut [u8]) {
    for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
        pair[1] = HEX_DIGITS[usize::from(byte & 15)];
    }
}

/// Reads lower-case hex digits, two for each byte, no more and no less;
/// anything else is `None`.
pub fn read_hex(hex: &[u8], bytes: &mut [u8]) -> Option<()> {
    if hex.len() != bytes.len() * 2 {
        return None;
    }
    // Without a branch for each digit: half of a signed transaction is hex.
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| DIGIT_VALUES[usize::from(digit)]);
        *byte = high << 4 | low & 15;
        seen |= high | low;
    }
    (seen < 16).then_some(())
}

/// What each byte is worth as a lower-case hex digit; 255 if it is none.
const DIGIT_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[HEX_DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_hex()))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Hash, HashError> {
        Hash::from_hex(text.as_bytes()).ok_or_else(|| HashError {
            found: text.chars().take(80).collect(),
        })
    }
}

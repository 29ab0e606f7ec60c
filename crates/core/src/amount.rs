//! Which amounts the tutorial's transactions may have. Python and JavaScript
//! are the measure: a program that adds amounts up there has to get the same number.
//! Whether anybody has so much is not known here (the classics never ask).

use crate::json::{self, is_finite_number, kind};

/// An amount has at most this many digits: Python reads no longer integers, so
/// a single one would keep every Python node from reading our chain.
pub const AMOUNT_DIGITS_LIMIT: usize = 4_300;

/// The blanks of JSON; Python and JavaScript pass over them too.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Why something is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is no finite number.
    #[error("expected a finite number, found {found}")]
    NotANumber {
        /// What kind of JSON value it is.
        found: &'static str,
    },
    /// It is a string that says no number.
    #[error("expected a finite number, found a string that spells none")]
    SpellsNone,
    /// Python can't read it.
    #[error("expected at most {AMOUNT_DIGITS_LIMIT} digits, found {found}")]
    TooLong {
        /// The number of its digits.
        found: usize,
    },
}

/// Refuses what is neither a finite number nor a string that spells one. The
/// amount is in canonical form.
pub(crate) fn check(amount: &[u8]) -> Result<(), AmountError> {
    if amount.first() != Some(&b'"') {
        return check_number(amount);
    }
    let string = json::string(amount).unwrap_or_default();
    let spelled = string.trim_matches(BLANKS);
    match spells_number(spelled) {
        true => check_length(spelled.as_bytes()),
        false => Err(AmountError::SpellsNone),
    }
}

/// Refuses what is no finite number, also a string that spells one.
pub(crate) fn check_number(amount: &[u8]) -> Result<(), AmountError> {
    match is_finite_number(amount) {
        true => check_length(amount),
        false => Err(AmountError::NotANumber {
            found: kind(amount),
        }),
    }
}

fn check_length(digits: &[u8]) -> Result<(), AmountError> {
    match digits.len() <= AMOUNT_DIGITS_LIMIT {
        true => Ok(()),
        false => Err(AmountError::TooLong {
            found: digits.len(),
        }),
    }
}

/// Whether Python's `float()` and JavaScript's `Number()` read it as one and
/// the same finite number: digits with a point, a sign and an exponent where
/// they belong. An integer may have any size.
fn spells_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    // Rust reads the same floats, and words for those that are not finite.
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

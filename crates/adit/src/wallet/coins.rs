//! Amounts as people write them: coins, with up to six decimals. Everywhere
//! else base units are counted, so nothing here is ever rounded.

use std::fmt;
use std::str::FromStr;

use adit_core::sealed::INTEGER_LIMIT;

/// One coin in base units.
const UNITS_A_COIN: u64 = 1_000_000;

/// This many digits behind the point tell one base unit from the next.
const DECIMALS: usize = 6;

/// An amount in base units; its text is in coins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coins(pub(crate) u64);

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CoinsError {
    /// It has a sign, an exponent, a comma, or nothing before the point.
    #[error("write it in coins, as 2 or 1.5")]
    NotDecimal,
    /// It has parts of a base unit.
    #[error("a coin has {DECIMALS} decimals, found {found}")]
    TooManyDecimals { found: usize },
    /// No transaction can hold it.
    #[error("at most {}", Coins(INTEGER_LIMIT))]
    TooMuch,
}

impl Coins {
    /// "1 coin", "1.5 coins".
    pub(crate) fn counted(self) -> String {
        match self.0 {
            UNITS_A_COIN => "1 coin".to_owned(),
            _ => format!("{self} coins"),
        }
    }
}

impl FromStr for Coins {
    type Err = CoinsError;

    fn from_str(text: &str) -> Result<Coins, CoinsError> {
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        if !is_digits(whole) || decimals.is_some_and(|part| !is_digits(part)) {
            return Err(CoinsError::NotDecimal);
        }
        let decimals = decimals.unwrap_or_default();
        if decimals.len() > DECIMALS {
            let found = decimals.len();
            return Err(CoinsError::TooManyDecimals { found });
        }
        let units = format!("{whole}{decimals:0<DECIMALS$}").parse::<u64>().ok();
        let units = units.filter(|units| *units <= INTEGER_LIMIT);
        units.map(Coins).ok_or(CoinsError::TooMuch)
    }
}

impl fmt::Display for Coins {
    /// As short as it can be: `1.5`, not `1.500000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / UNITS_A_COIN, self.0 % UNITS_A_COIN);
        let decimals = format!("{rest:0DECIMALS$}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            decimals => write!(f, "{whole}.{decimals}"),
        }
    }
}

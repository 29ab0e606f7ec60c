//! The operator's token: anyone who shows it may do what otherwise only somebody
//! at the node's own machine may. Which acts these are is not known here.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use adit_core::hash::sha256;

/// A shorter token could be found by trying.
pub(crate) const SHORTEST_TOKEN_BYTES: usize = 16;

/// A longer token is a mistake: another file, most likely.
pub const TOKEN_LIMIT_BYTES: usize = 256;

/// Why a text is no token. It does not repeat the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It could be found by trying.
    #[error(
        "the token is {0} bytes long, and has to be at least {SHORTEST_TOKEN_BYTES}; \
         `openssl rand -hex 32` makes a good one"
    )]
    TooShort(usize),
    /// It does not look like one.
    #[error("the token is longer than {TOKEN_LIMIT_BYTES} bytes")]
    TooLong,
    /// It could not be sent in a header.
    #[error(
        "the token may hold letters, digits and punctuation of ASCII only, without spaces; \
         `openssl rand -hex 32` makes a good one"
    )]
    NotPlain,
}

/// The operator's token.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(String);

impl ApiToken {
    /// Returns its text, to be sent.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether that is it. How long this takes says nothing about how much of it
    /// was right.
    pub(crate) fn is(&self, given: &str) -> bool {
        are_same(&self.0, given)
    }

    /// Returns what a browser keeps in its place: the token cannot be found from it.
    pub(crate) fn for_browser(&self) -> String {
        sha256(format!("adit operator in a browser {}", self.0).as_bytes()).to_string()
    }

    /// Whether a browser has shown that it was told the token.
    pub(crate) fn is_for_browser(&self, given: &str) -> bool {
        are_same(&self.for_browser(), given)
    }
}

impl FromStr for ApiToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<ApiToken, TokenError> {
        match text.len() {
            length if length < SHORTEST_TOKEN_BYTES => Err(TokenError::TooShort(length)),
            length if length > TOKEN_LIMIT_BYTES => Err(TokenError::TooLong),
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(TokenError::NotPlain),
            _ => Ok(ApiToken(text.to_owned())),
        }
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(not shown)")
    }
}

/// Compares the hashes, all of their bytes: so neither the length nor the place
/// of the first difference can be measured.
pub(crate) fn are_same(one: &str, other: &str) -> bool {
    let (one, other) = (sha256(one.as_bytes()).0, sha256(other.as_bytes()).0);
    let pairs = one.iter().zip(&other);
    pairs.fold(0, |differences, (a, b)| black_box(differences | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "correct-horse-battery";

    #[test]
    fn short_long_and_odd_tokens_are_refused() {
        for (text, expected) in [
            ("", Err(TokenError::TooShort(0))),
            ("fifteen-letters", Err(TokenError::TooShort(15))),
            ("sixteen-letters!", Ok(())),
            ("has a space in it", Err(TokenError::NotPlain)),
            ("ends-with-a-line\n", Err(TokenError::NotPlain)),
            ("fünfzehn-letters", Err(TokenError::NotPlain)),
            (&"x".repeat(TOKEN_LIMIT_BYTES), Ok(())),
            (&"x".repeat(TOKEN_LIMIT_BYTES + 1), Err(TokenError::TooLong)),
        ] {
            assert_eq!(text.parse::<ApiToken>().map(|_| ()), expected, "{text:?}");
        }
    }

    #[test]
    fn only_the_token_itself_is_taken_for_it() {
        let token: ApiToken = TOKEN.parse().expect("it is long enough");
        assert!(token.is(TOKEN));
        for other in [
            "",
            "correct",
            "Correct-horse-battery",
            "correct-horse-batteryy",
        ] {
            assert!(!token.is(other), "{other}");
        }
        assert!(token.is_for_browser(&token.for_browser()));
        assert!(!token.is_for_browser(TOKEN));
        assert!(!token.is(&token.for_browser()));
        assert!(!format!("{token:?}").contains("horse"));
    }
}

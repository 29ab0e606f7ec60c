//! How a text that somebody else chose stands in a path: as one segment of it,
//! whatever it holds. What the paths lead to, their floors know.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// What is written as it is in a segment of a path stays out of this set (RFC
/// 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A text as one segment of a path.
pub fn segment(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

/// Where somebody's page is, as the search answers it: there the unreserved
/// characters are escaped too, which means the same (RFC 3986, 2.3).
pub(crate) fn address_path(name: &str) -> String {
    format!("/address/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_segment() {
        for (text, expected) in [
            ("A-z_0.9~", "A-z_0.9~"),
            ("a/b?c#d é", "a%2Fb%3Fc%23d%20%C3%A9"),
            ("50%25", "50%2525"),
            ("\n\u{7f}\u{202e}", "%0A%7F%E2%80%AE"),
            ("", ""),
        ] {
            assert_eq!(segment(text).to_string(), expected, "{text:?}");
        }
        assert_eq!(address_path("an-other"), "/address/an%2Dother");
    }
}

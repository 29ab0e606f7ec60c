//! Escapes a text of any kind to be one part of a URL's path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a part of a path (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A text of any kind as one part of a path.
pub(crate) fn segment(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, ESCAPED)
}

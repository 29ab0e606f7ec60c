//! Canonical JSON: the bytes that Python writes for
//! `json.dumps(json.loads(text), sort_keys=True)`, over which every hash is
//! taken. Decides what is JSON and which bytes stand for it; knows nothing of
//! what the values mean, nor of blocks.

mod canonical;
mod number;
mod order;
mod string;
mod view;

pub use number::write_float;
pub use string::write_string;
pub use view::{
    Elements, Members, elements, integer, is_finite_number, kind, member, members, string,
};

/// Deepest nesting of arrays and objects that is read.
pub const DEPTH_LIMIT: usize = 512;

/// Most members that the objects which are open at one place hold together:
/// they are remembered until their object ends.
pub const OPEN_MEMBERS_LIMIT: usize = 100_000;

/// Which JSON is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Whatever Python takes.
    #[default]
    Python,
    /// Only what no two readers can take for different things: no key stands
    /// twice in an object, the only values besides strings, arrays and objects
    /// are integers without a sign, and no string holds half a surrogate pair.
    Strict,
}

/// Why a text was refused. Offsets count bytes from the start of the text.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// Something else stands where the grammar wants `expected`.
    #[error("expected {expected} at byte {offset}, found {}", shown(*.found))]
    Unexpected {
        /// What could have stood here, in words.
        expected: &'static str,
        /// Where.
        offset: usize,
        /// The byte that stands here instead.
        found: u8,
    },
    /// The text stops before its value is complete.
    #[error("the text ends {place}")]
    Ended {
        /// Inside what it ends, in words.
        place: &'static str,
    },
    /// A raw control character, which JSON allows only as an escape.
    #[error(
        "control character 0x{found:02x} inside a string at byte {offset}; write it as an escape"
    )]
    ControlCharacter {
        /// Where.
        offset: usize,
        /// The control character.
        found: u8,
    },
    /// Bytes inside a string that are no UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Where the first wrong sequence begins.
        offset: usize,
    },
    /// More than [`DEPTH_LIMIT`] arrays and objects inside each other.
    #[error("nesting deeper than {DEPTH_LIMIT} levels at byte {offset}")]
    TooDeep {
        /// Where the bracket stands that is one too many.
        offset: usize,
    },
    /// More than [`OPEN_MEMBERS_LIMIT`] members before an object's end.
    #[error("more than {OPEN_MEMBERS_LIMIT} members in one object at byte {offset}")]
    TooManyMembers {
        /// Where the member stands that is one too many.
        offset: usize,
    },
    /// A key stands twice in an object; only in a [strict](Reading::Strict) reading.
    #[error("the field {name:?} stands twice in one object")]
    RepeatedField {
        /// The key, as it is first written, at most its first 80 bytes.
        name: String,
    },
    /// A number with a sign, a point or an exponent; only in a strict reading.
    #[error(
        "expected plain digits at byte {offset}, found a number with a sign, point or exponent"
    )]
    NotPlainDigits {
        /// Where the number begins.
        offset: usize,
    },
    /// `true`, `false`, `null`, `NaN` or `Infinity`; only in a strict reading.
    #[error("expected an integer, a string, a list or an object at byte {offset}, found {found}")]
    NotIntegerOrString {
        /// Where.
        offset: usize,
        /// What kind of value it is.
        found: &'static str,
    },
    /// One half of a surrogate pair, which is no character; only in a strict
    /// reading.
    #[error("a surrogate without its other half at byte {offset}")]
    LoneSurrogate {
        /// Where its escape begins.
        offset: usize,
    },
    /// The text is larger than the caller allows.
    #[error("text is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The caller's limit.
        limit_bytes: usize,
    },
    /// The text is small enough, but escapes and separators make its canonical
    /// form larger than the caller allows.
    #[error("canonical form is larger than the limit of {limit_bytes} bytes")]
    CanonicalTooLarge {
        /// The caller's limit.
        limit_bytes: usize,
    },
}

/// The canonical form of a whole JSON text; white space around it is allowed.
///
/// `limit_bytes` bounds both the text and its canonical form (as first written:
/// repeated members count, although they are dropped in the end).
pub fn canonical(text: &[u8], limit_bytes: usize) -> Result<Vec<u8>, JsonError> {
    canonical_as(Reading::Python, text, limit_bytes)
}

/// As [`canonical`], but takes only what `reading` does.
pub fn canonical_as(
    reading: Reading,
    text: &[u8],
    limit_bytes: usize,
) -> Result<Vec<u8>, JsonError> {
    if text.len() > limit_bytes {
        return Err(JsonError::TooLarge { limit_bytes });
    }
    let mut out = Vec::new();
    canonical::whole(reading, text, limit_bytes, &mut out)?;
    Ok(out)
}

/// Reads one value off the front of `text`, after any white space, appends its
/// canonical form to `out` and returns the number of bytes consumed.
///
/// `Ok(None)` when the text ends before the value does; a number that touches
/// the end may go on, so it counts as not ended. Each call starts over, so
/// feed it grown text in large steps. `limit_bytes` bounds the bytes consumed
/// and, by itself, what is appended. `out` changes only on success.
pub fn canonical_prefix(
    text: &[u8],
    limit_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, JsonError> {
    canonical_prefix_as(Reading::Python, text, limit_bytes, out)
}

/// As [`canonical_prefix`], but takes only what `reading` does.
pub fn canonical_prefix_as(
    reading: Reading,
    text: &[u8],
    limit_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, JsonError> {
    // One byte beyond the limit tells a number that ends there from a longer one.
    let window = &text[..text.len().min(limit_bytes.saturating_add(1))];
    let out_start = out.len();
    let outcome = canonical::front(reading, window, limit_bytes, out);
    if !matches!(outcome, Ok(consumed) if consumed <= limit_bytes) {
        out.truncate(out_start);
    }
    match outcome {
        Ok(consumed) if consumed <= limit_bytes => Ok(Some(consumed)),
        Err(JsonError::Ended { .. }) if text.len() <= limit_bytes => Ok(None),
        Ok(_) | Err(JsonError::Ended { .. }) => Err(JsonError::TooLarge { limit_bytes }),
        Err(error) => Err(error),
    }
}

fn shown(byte: u8) -> String {
    match byte {
        b'!'..=b'~' => format!("`{}`", char::from(byte)),
        _ => format!("byte 0x{byte:02x}"),
    }
}

//! Which JSON is taken, how much of it, and why a text is refused. How it is
//! read is not known here.

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
    /// It begins with the mark that some editors and shells write.
    #[error("the text begins with a byte order mark (ef bb bf): send UTF-8 without one")]
    ByteOrderMark,
    /// It is in another encoding.
    #[error("the text is in UTF-16: send it in UTF-8")]
    Utf16,
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

impl JsonError {
    /// The same, or that the text is in an encoding which explains it better.
    pub(super) fn or_encoding(self, text: &[u8]) -> JsonError {
        match text {
            [0xef, 0xbb, 0xbf, ..] => JsonError::ByteOrderMark,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => JsonError::Utf16,
            // Without a mark: every other byte of ASCII is zero.
            [a, 0, b, 0, ..] | [0, a, 0, b, ..] if *a != 0 && *b != 0 => JsonError::Utf16,
            _ => self,
        }
    }
}

fn shown(byte: u8) -> String {
    match byte {
        b'!'..=b'~' => format!("`{}`", char::from(byte)),
        _ => format!("byte 0x{byte:02x}"),
    }
}

//! Strings: which characters stand for themselves, how the others are escaped,
//! and what code points a key means. Where in a text a string may stand is not
//! known here.

/// Appends the canonical form of a string, with its quotes.
pub fn write_string(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = value;
    while !rest.is_empty() {
        let (clean, other) = rest.split_at(clean_end(rest.as_bytes(), 0));
        out.extend_from_slice(clean.as_bytes());
        let length = clean_start(other.as_bytes());
        write_escapes(&other[..length], out);
        rest = &other[length..];
    }
    out.push(b'"');
}

/// From `position` on, the first byte that is not a character which stands for
/// itself: `"`, `\`, or outside 0x20..=0x7e; the end of the text if there is none.
pub(super) fn clean_end(text: &[u8], mut position: usize) -> usize {
    while let Some(chunk) = text
        .get(position..)
        .and_then(|rest| rest.first_chunk::<8>())
    {
        let marks = marks(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return position + marks.trailing_zeros() as usize / 8;
        }
        position += 8;
    }
    while text.get(position).is_some_and(|&byte| is_clean(byte)) {
        position += 1;
    }
    position.min(text.len())
}

/// Eight bytes at a time: the lowest bit set is the top bit of the first byte
/// that is not clean. (Above that one, borrows and carries may set more.)
fn marks(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Exclusive or with 2 exchanges `"` with space: then both `"` and the
    // controls lie below 0x21, and space above.
    let control_or_quote = (bytes ^ (EACH * 0x02)).wrapping_sub(EACH * 0x21);
    let backslash = (bytes ^ (EACH * 0x5c)).wrapping_sub(EACH);
    let delete = bytes.wrapping_add(EACH);
    (control_or_quote | backslash | delete | bytes) & (EACH * 0x80)
}

fn is_clean(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn clean_start(text: &[u8]) -> usize {
    text.iter()
        .position(|&byte| is_clean(byte))
        .unwrap_or(text.len())
}

/// Appends characters that do not stand for themselves.
pub(super) fn write_escapes(characters: &str, out: &mut Vec<u8>) {
    for character in characters.chars() {
        for unit in character.encode_utf16(&mut [0; 2]) {
            out.extend_from_slice(escape(*unit).as_bytes());
        }
    }
}

/// How a UTF-16 unit is written inside a string.
pub(super) struct Escape {
    bytes: [u8; 6],
    length: usize,
}

impl Escape {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The canonical way to write `unit`.
pub(super) fn escape(unit: u16) -> Escape {
    let hex = |shift: u16| b"0123456789abcdef"[usize::from(unit >> shift & 15)];
    let short = |letter: u8| Escape {
        bytes: [b'\\', letter, 0, 0, 0, 0],
        length: 2,
    };
    match unit {
        0x08 => short(b'b'),
        0x09 => short(b't'),
        0x0a => short(b'n'),
        0x0c => short(b'f'),
        0x0d => short(b'r'),
        0x22 => short(b'"'),
        0x5c => short(b'\\'),
        0x20..=0x7e => Escape {
            bytes: [unit as u8, 0, 0, 0, 0, 0],
            length: 1,
        },
        _ => Escape {
            bytes: [b'\\', b'u', hex(12), hex(8), hex(4), hex(0)],
            length: 6,
        },
    }
}

/// The number that four hex digits write, in either case.
pub(super) fn hex_value(digits: &[u8; 4]) -> Option<u16> {
    let mut value = 0;
    for &digit in digits {
        value = value << 4 | char::from(digit).to_digit(16)?;
    }
    u16::try_from(value).ok()
}

/// Whether the text begins with the escape of a pair's second half; `None` when
/// it ends too early to tell.
pub(super) fn second_half_follows(text: &[u8]) -> Option<bool> {
    let begin = &text[..text.len().min(2)];
    if !b"\\u".starts_with(begin) {
        return Some(false);
    }
    let digits = text.get(2..)?.first_chunk()?;
    Some(matches!(hex_value(digits), Some(0xdc00..0xe000)))
}

/// The end of the hex digits at `start`.
pub(super) fn hex_end(text: &[u8], start: usize) -> usize {
    let digits = text[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit());
    start + digits.count()
}

/// The code points that the inside of a JSON string means. A surrogate without
/// its partner is one of its own. Ends early at an escape that is none.
pub(super) fn code_points(inside: &str) -> CodePoints<'_> {
    CodePoints {
        rest: inside.chars(),
    }
}

/// See [`code_points`].
pub(super) struct CodePoints<'a> {
    rest: std::str::Chars<'a>,
}

impl Iterator for CodePoints<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self.rest.next()? {
            '\\' => self.escaped(),
            character => Some(u32::from(character)),
        }
    }
}

impl CodePoints<'_> {
    fn escaped(&mut self) -> Option<u32> {
        match self.rest.next()? {
            'b' => Some(0x08),
            't' => Some(0x09),
            'n' => Some(0x0a),
            'f' => Some(0x0c),
            'r' => Some(0x0d),
            'u' => self.unicode_escaped(),
            character => Some(u32::from(character)),
        }
    }

    fn unicode_escaped(&mut self) -> Option<u32> {
        let unit = self.unit()?;
        if let 0xd800..0xdc00 = unit
            && let Some(low @ 0xdc00..0xe000) = self.second_unit()
        {
            self.rest.nth(5);
            return Some(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        }
        Some(unit)
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest.as_str().as_bytes().first_chunk::<4>()?;
        let unit = hex_value(digits)?;
        self.rest.nth(3);
        Some(u32::from(unit))
    }

    /// The unit of a `\u` escape that stands next, without passing it.
    fn second_unit(&self) -> Option<u32> {
        let next = self.rest.as_str().as_bytes().first_chunk::<6>()?;
        let digits = next.strip_prefix(b"\\u")?.first_chunk::<4>()?;
        hex_value(digits).map(u32::from)
    }
}

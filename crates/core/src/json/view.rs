//! Views on text that is canonical already: they find the parts of a value
//! without copying any. Nothing is checked again; on other bytes they may
//! return nonsense, but they always return.

use super::string::{clean_end, code_points};

/// The members of an object in order, or `None` if the text is no object.
pub fn members(object: &[u8]) -> Option<Members<'_>> {
    let rest = object.strip_prefix(b"{")?.strip_suffix(b"}")?;
    Some(Members { rest })
}

/// The value of one member; `key` is printable ASCII without `"` and `\`.
pub fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    members(object)?
        .find(|(found, _)| *found == key.as_bytes())
        .map(|(_, value)| value)
}

/// The elements of an array in order, or `None` if the text is no array.
pub fn elements(array: &[u8]) -> Option<Elements<'_>> {
    let rest = array.strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(Elements { rest })
}

/// What a string means, or `None` if the text is no string or holds a lone
/// surrogate, which no Unicode text can.
pub fn string(text: &[u8]) -> Option<String> {
    let inside = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let inside = std::str::from_utf8(inside).ok()?;
    if clean_end(inside.as_bytes(), 0) == inside.len() {
        return Some(inside.to_owned());
    }
    code_points(inside).map(char::from_u32).collect()
}

/// The number that plain decimal digits write, or `None` if it has a sign,
/// point or exponent or is larger than a `u64`.
pub fn integer(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether the text is a number other than `NaN` and the infinities. An
/// integer always is, of whatever size.
pub fn is_finite_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    digits.first().is_some_and(u8::is_ascii_digit)
}

/// The kind of a canonical JSON value, in words for an error message.
pub fn kind(value: &[u8]) -> &'static str {
    match value.first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(b'N' | b'I') => "a number that is not finite",
        Some(b'-') if value.get(1) == Some(&b'I') => "a number that is not finite",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "nothing",
    }
}

/// Iterator over `(key, value)`: the key canonical, without its quotes.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let key_end = string_end(self.rest, 0);
        let key = self.rest.get(1..key_end.checked_sub(1)?)?;
        let after_key = self.rest[key_end..].strip_prefix(b": ")?;
        let (value, rest) = split_value(after_key)?;
        self.rest = rest;
        Some((key, value))
    }
}

/// Iterator over the elements of an array.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (value, rest) = split_value(self.rest)?;
        self.rest = rest;
        Some(value)
    }
}

/// The value at the front, and what comes after the separator behind it.
fn split_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (value, rest) = text.split_at(value_end(text));
    if value.is_empty() {
        return None;
    }
    Some((value, rest.strip_prefix(b", ").unwrap_or(&[])))
}

fn value_end(text: &[u8]) -> usize {
    match text.first() {
        Some(b'"') => string_end(text, 0),
        Some(b'{' | b'[') => container_end(text),
        _ => text
            .iter()
            .position(|&byte| byte == b',')
            .unwrap_or(text.len()),
    }
}

fn container_end(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(byte) = text.get(position) {
        match byte {
            b'"' => {
                position = string_end(text, position);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        position += 1;
        if depth == 0 {
            break;
        }
    }
    position
}

/// Behind the closing quote of the string that begins at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut position = clean_end(text, start + 1);
    while let Some(&byte) = text.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position = clean_end(text, position + 2),
            _ => position = clean_end(text, position + 1),
        }
    }
    position.min(text.len())
}

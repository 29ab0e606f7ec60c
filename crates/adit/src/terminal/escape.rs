//! Texts of strangers, made harmless for a terminal. The author of a
//! transaction could put into it what moves the cursor, changes colours, or
//! turns the direction of reading, and so make a terminal show something else.
//! What the texts say is not known here.

use std::borrow::Cow;

/// The text on one line, with `\u{1b}` and the like in place of what is not
/// printed as itself; a backslash is written twice, so that nothing else is
/// taken for an escape.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(escaped(text, &['"', '\'']))
}

/// The text of an error, which may have lines, and parts that were escaped
/// before.
pub(crate) fn visible_error(text: &str) -> String {
    escaped(text, &['"', '\'', '\\', '\n'])
}

/// JSON that means the same and can be looked at: what is not printed as
/// itself, which JSON allows in strings only, in the form `\u001b`.
pub(crate) fn visible_json(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless_in_json) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless_in_json(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Cow::Owned(escaped)
}

/// The standard library knows what is printable; what it escapes only because
/// source code needs it is kept.
fn escaped(text: &str, kept: &[char]) -> String {
    let parts = text.split_inclusive(kept).flat_map(|part| {
        let rest = part.strip_suffix(kept).unwrap_or(part);
        rest.escape_debug().chain(part[rest.len()..].chars())
    });
    parts.collect()
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\'
}

/// Line breaks may stand between JSON's parts.
fn is_harmless_in_json(character: char) -> bool {
    match character {
        ' '..='~' | '\n' | '\r' | '\t' => true,
        _ => !character.is_ascii() && character.escape_debug().eq([character]),
    }
}

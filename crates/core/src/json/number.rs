//! Numbers: which texts are numbers, and how Python prints them. Integers are
//! never converted, so they may have any size.

use super::error::JsonError;

/// Appends the canonical form of a float: Python's `repr`, so always with a
/// point or an exponent (`80.0`, `1e+16`, `1e-05`), or `NaN`, `Infinity`,
/// `-Infinity`.
pub fn write_float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value < 0.0 {
            b"-Infinity"
        } else {
            b"Infinity"
        });
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    if value.abs() >= 1e-4 && value.abs() < 1e16 || value == 0.0 {
        return out.extend_from_slice(text.as_bytes());
    }
    // Beyond these bounds Python writes an exponent, signed and of at least two
    // digits. ryu writes `1e16` and `1.5e-7`, but `0.00001` for 1e-5.
    match text.split_once('e') {
        Some((digits, exponent)) => {
            out.extend_from_slice(digits.as_bytes());
            write_exponent(exponent, out);
        }
        None => write_hundred_thousandths(text, out),
    }
}

fn write_exponent(exponent: &str, out: &mut Vec<u8>) {
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (b'-', digits),
        None => (b'+', exponent),
    };
    out.extend_from_slice(&[b'e', sign]);
    if digits.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

/// `-0.0000125` as `-1.25e-05`.
fn write_hundred_thousandths(text: &str, out: &mut Vec<u8>) {
    if text.starts_with('-') {
        out.push(b'-');
    }
    let digits = text.trim_start_matches(['-', '0', '.']);
    let (first, rest) = digits.split_at(digits.len().min(1));
    out.extend_from_slice(first.as_bytes());
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest.as_bytes());
    }
    out.extend_from_slice(b"e-05");
}

/// What a number in the source is, as far as writing it is concerned.
pub(super) enum Number {
    /// Stays as it is: an integer, `-Infinity`, or a float seen to be canonical.
    Canonical,
    /// The integer `-0`, which Python writes as `0`.
    NegativeZero,
    /// Has to be printed again.
    Float(f64),
}

/// Reads the number that begins at `start` with a digit or `-`; returns its end.
pub(super) fn scan(text: &[u8], start: usize) -> Result<(usize, Number), JsonError> {
    let negative = text[start] == b'-';
    let first_digit = start + usize::from(negative);
    if negative && text.get(first_digit) == Some(&b'I') {
        return scan_infinity(text, first_digit);
    }
    let integer_end = digits_end(text, first_digit)?;
    if text[first_digit] == b'0' && integer_end > first_digit + 1 {
        return Err(unexpected(
            "no digit after a leading zero",
            first_digit + 1,
            text,
        ));
    }
    let mut end = integer_end;
    if text.get(end) == Some(&b'.') {
        end = digits_end(text, end + 1)?;
        let fraction = &text[integer_end + 1..end];
        if !matches!(text.get(end), Some(b'e' | b'E'))
            && is_shortest(&text[first_digit..integer_end], fraction)
        {
            return Ok((end, Number::Canonical));
        }
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let signed = matches!(text.get(end + 1), Some(b'+' | b'-'));
        end = digits_end(text, end + 1 + usize::from(signed))?;
    }
    if end > integer_end {
        return Ok((end, Number::Float(float(&text[start..end]))));
    }
    match &text[start..end] {
        b"-0" => Ok((end, Number::NegativeZero)),
        _ => Ok((end, Number::Canonical)),
    }
}

/// Whether a float without an exponent is surely canonical: up to 15 digits
/// survive reading and printing, so all that could change is a zero at the end
/// or, below a tenth, the form. A false answer means nothing.
fn is_shortest(integer: &[u8], fraction: &[u8]) -> bool {
    integer.len() + fraction.len() <= 15
        && (fraction == b"0" || !fraction.ends_with(b"0"))
        && (integer != b"0" || !fraction.starts_with(b"0"))
}

fn scan_infinity(text: &[u8], start: usize) -> Result<(usize, Number), JsonError> {
    let word = b"Infinity";
    let length = text[start..]
        .iter()
        .zip(word)
        .take_while(|(found, letter)| found == letter);
    let end = start + length.count();
    if end == start + word.len() {
        return Ok((end, Number::Canonical));
    }
    Err(unexpected("`-Infinity`", end, text))
}

/// The end of at least one digit at `start`.
fn digits_end(text: &[u8], start: usize) -> Result<usize, JsonError> {
    let mut end = start;
    while text.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    if end == start {
        return Err(unexpected("a digit", start, text));
    }
    Ok(end)
}

fn float(text: &[u8]) -> f64 {
    let text = std::str::from_utf8(text).expect("digits, sign, point and exponent are ASCII");
    text.parse()
        .expect("Rust reads every JSON number, large ones as infinity")
}

#[cold]
fn unexpected(expected: &'static str, offset: usize, text: &[u8]) -> JsonError {
    match text.get(offset) {
        Some(&found) => JsonError::Unexpected {
            expected,
            offset,
            found,
        },
        None => JsonError::Ended {
            place: "inside a number",
        },
    }
}

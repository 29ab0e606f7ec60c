//! The one pass from source text to canonical text. It decides the grammar and
//! the bounds; how keys sort and how numbers print is decided elsewhere.
//!
//! Source that is already canonical is not copied piece by piece but as one
//! run, broken only where a byte has to change. The nesting lives on a list of
//! its own, so depth costs no stack.

use super::error::{DEPTH_LIMIT, JsonError, OPEN_MEMBERS_LIMIT, Reading};
use super::number::{self, Number};
use super::order::{Key, Order};
use super::{string, view};

/// Appends the canonical form of `text`, which must be one value and white space.
pub(super) fn whole(
    reading: Reading,
    text: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    let mut pass = Pass::new(reading, text, limit, out);
    pass.value()?;
    pass.finish();
    pass.drop_space();
    match text.get(pass.position) {
        None => Ok(()),
        Some(_) => Err(pass.unexpected("the end of the text")),
    }
}

/// Appends the canonical form of the first value of `text`, which may go on
/// beyond its end; returns the bytes consumed.
pub(super) fn front(
    reading: Reading,
    text: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<usize, JsonError> {
    let mut pass = Pass::new(reading, text, limit, out);
    pass.may_continue = true;
    pass.value()?;
    pass.finish();
    Ok(pass.position)
}

struct Pass<'a> {
    text: &'a [u8],
    position: usize,
    /// From here to `position` the source is canonical and not copied yet.
    run_start: usize,
    out: &'a mut Vec<u8>,
    out_start: usize,
    limit: usize,
    may_continue: bool,
    is_strict: bool,
    /// Where the second half of a surrogate pair begins, once the first was seen.
    second_half: usize,
    open: Vec<Container>,
    order: Order,
    digits: Vec<u8>,
}

/// An array or object whose end has not been seen.
struct Container {
    is_object: bool,
    /// Where its members start among those that `Order` holds.
    first_member: usize,
    /// Where it begins in the output.
    start: usize,
    ascending: bool,
}

impl<'a> Pass<'a> {
    fn new(reading: Reading, text: &'a [u8], limit: usize, out: &'a mut Vec<u8>) -> Self {
        Pass {
            text,
            position: 0,
            run_start: 0,
            out_start: out.len(),
            out,
            limit,
            may_continue: false,
            is_strict: reading == Reading::Strict,
            second_half: 0,
            open: Vec::new(),
            order: Order::default(),
            digits: Vec::new(),
        }
    }

    fn value(&mut self) -> Result<(), JsonError> {
        self.drop_space();
        loop {
            let opened = self.begin_value()?;
            if !opened && self.end_values()? {
                return Ok(());
            }
        }
    }

    /// Reads a scalar or an empty container, or goes into a container as far
    /// as its first value; true if so.
    fn begin_value(&mut self) -> Result<bool, JsonError> {
        match self.text.get(self.position) {
            Some(b'"') => self.string().map(|_| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(b'{') => self.open(true),
            Some(b'[') => self.open(false),
            Some(b't') => self.word(b"true", "`true`"),
            Some(b'f') => self.word(b"false", "`false`"),
            Some(b'n') => self.word(b"null", "`null`"),
            Some(b'N') => self.word(b"NaN", "`NaN`"),
            Some(b'I') => self.word(b"Infinity", "`Infinity`"),
            Some(_) => Err(self.unexpected("a value")),
            None => Err(ended("where a value should begin")),
        }
    }

    fn open(&mut self, is_object: bool) -> Result<bool, JsonError> {
        if self.open.len() == DEPTH_LIMIT {
            return Err(JsonError::TooDeep {
                offset: self.position,
            });
        }
        let start = self.out_position();
        self.position += 1;
        self.drop_space();
        let close = if is_object { b'}' } else { b']' };
        if self.text.get(self.position) == Some(&close) {
            self.position += 1;
            return Ok(false);
        }
        let first_member = self.order.member_count();
        self.open.push(Container {
            is_object,
            first_member,
            start,
            ascending: true,
        });
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    /// After a value: closes what ends with it and goes on to where the next
    /// value begins; true if there is none.
    fn end_values(&mut self) -> Result<bool, JsonError> {
        loop {
            if self.out_position() - self.out_start > self.limit {
                return Err(self.over_limit());
            }
            let Some(container) = self.open.last() else {
                return Ok(true);
            };
            let is_object = container.is_object;
            self.drop_space();
            match self.text.get(self.position) {
                Some(b',') => {
                    self.separator();
                    if is_object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                Some(b'}') if is_object => self.close()?,
                Some(b']') if !is_object => self.close()?,
                Some(_) if is_object => return Err(self.unexpected("`,` or `}`")),
                Some(_) => return Err(self.unexpected("`,` or `]`")),
                None if is_object => return Err(ended("inside an object")),
                None => return Err(ended("inside an array")),
            }
        }
    }

    fn close(&mut self) -> Result<(), JsonError> {
        let end = self.out_position();
        self.position += 1;
        if let Some(container) = self.open.pop() {
            if !container.ascending {
                let (first, start) = (container.first_member, container.start);
                let repeated = self.order.rearrange(self.text, first, start, end);
                if let Some(key) = repeated.filter(|_| self.is_strict) {
                    return Err(self.repeated(key));
                }
            }
            self.order.forget_members(container.first_member);
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), JsonError> {
        match self.text.get(self.position) {
            Some(b'"') => {}
            Some(_) => return Err(self.unexpected("a key in double quotes")),
            None => return Err(ended("inside an object")),
        }
        if self.order.member_count() == OPEN_MEMBERS_LIMIT {
            return Err(JsonError::TooManyMembers {
                offset: self.position,
            });
        }
        let start = self.position + 1;
        let out_start = self.out_position();
        let plain = self.string()?;
        let key = Key {
            start,
            end: self.position - 1,
            plain,
        };
        if let Some(container) = self.open.last_mut() {
            container.ascending &=
                self.order
                    .add(self.text, container.first_member, key, out_start);
        }
        self.drop_space();
        match self.text.get(self.position) {
            Some(b':') => self.separator(),
            Some(_) => return Err(self.unexpected("`:`")),
            None => return Err(ended("inside an object")),
        }
        Ok(())
    }

    /// Passes `,` or `:` and leaves exactly one space after it.
    fn separator(&mut self) {
        self.position += 1;
        if self.text.get(self.position) == Some(&b' ') {
            self.position += 1;
        } else {
            self.replace(self.position, b" ");
        }
        self.drop_space();
    }

    fn drop_space(&mut self) {
        if matches!(
            self.text.get(self.position),
            Some(b' ' | b'\t' | b'\n' | b'\r')
        ) {
            self.drop_spaces();
        }
    }

    #[cold]
    fn drop_spaces(&mut self) {
        let rest = &self.text[self.position..];
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.replace(self.position + length.unwrap_or(rest.len()), b"");
    }

    fn word(&mut self, word: &[u8], expected: &'static str) -> Result<bool, JsonError> {
        let offset = self.position;
        for letter in word {
            match self.text.get(self.position) {
                Some(found) if found == letter => self.position += 1,
                Some(_) => return Err(self.unexpected(expected)),
                None => return Err(ended("inside a value")),
            }
        }
        if self.is_strict {
            let found = view::kind(word);
            return Err(JsonError::NotIntegerOrString { offset, found });
        }
        Ok(false)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        let (end, number) = number::scan(self.text, start)?;
        if self.may_continue && end == self.text.len() {
            return Err(ended("inside a number"));
        }
        if self.is_strict && !self.text[start..end].iter().all(u8::is_ascii_digit) {
            return Err(JsonError::NotPlainDigits { offset: start });
        }
        match number {
            Number::Canonical => self.position = end,
            Number::NegativeZero => self.replace(end, b"0"),
            Number::Float(value) => {
                let mut digits = std::mem::take(&mut self.digits);
                digits.clear();
                number::write_float(value, &mut digits);
                if digits == self.text[start..end] {
                    self.position = end;
                } else {
                    self.replace(end, &digits);
                }
                self.digits = digits;
            }
        }
        Ok(())
    }

    /// True if the string holds nothing but printable ASCII without escapes.
    fn string(&mut self) -> Result<bool, JsonError> {
        self.position = string::clean_end(self.text, self.position + 1);
        if self.text.get(self.position) == Some(&b'"') {
            self.position += 1;
            return Ok(true);
        }
        self.rest_of_string().map(|()| false)
    }

    fn rest_of_string(&mut self) -> Result<(), JsonError> {
        loop {
            match self.text.get(self.position) {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0x7f) => self.replace(self.position + 1, b"\\u007f"),
                Some(0x80..) => self.beyond_ascii()?,
                Some(&found) => {
                    return Err(JsonError::ControlCharacter {
                        offset: self.position,
                        found,
                    });
                }
                None => return Err(ended("inside a string")),
            }
            self.position = string::clean_end(self.text, self.position);
        }
        self.position += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.text.get(self.position + 1) {
            Some(b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f') => self.position += 2,
            Some(b'/') => self.replace(self.position + 2, b"/"),
            Some(b'u') => self.unicode_escape()?,
            Some(_) => {
                self.position += 1;
                return Err(self.unexpected("one of the escapes `\"\\/bfnrtu`"));
            }
            None => return Err(ended("inside a string")),
        }
        Ok(())
    }

    /// A pair of surrogates and two lone ones are written alike, so that they
    /// need no pairing except in a strict reading.
    fn unicode_escape(&mut self) -> Result<(), JsonError> {
        let start = self.position + 2;
        let Some(digits) = self.text[start..].first_chunk::<4>() else {
            self.position = string::hex_end(self.text, start);
            return match self.text.get(self.position) {
                Some(_) => Err(self.unexpected("a hex digit")),
                None => Err(ended("inside a string")),
            };
        };
        let Some(unit) = string::hex_value(digits) else {
            self.position = string::hex_end(self.text, start);
            return Err(self.unexpected("a hex digit"));
        };
        if self.is_strict && matches!(unit, 0xd800..0xe000) {
            self.check_surrogate(unit)?;
        }
        let escape = string::escape(unit);
        if escape.as_bytes() == &self.text[self.position..start + 4] {
            self.position = start + 4;
        } else {
            self.replace(start + 4, escape.as_bytes());
        }
        Ok(())
    }

    /// Whether the surrogate whose escape stands here has its other half.
    #[cold]
    fn check_surrogate(&mut self, unit: u16) -> Result<(), JsonError> {
        let offset = self.position;
        let is_paired = if unit >= 0xdc00 {
            offset == self.second_half
        } else {
            self.second_half = offset + 6;
            string::second_half_follows(&self.text[self.second_half..])
                .ok_or(ended("inside a string"))?
        };
        if is_paired {
            return Ok(());
        }
        Err(JsonError::LoneSurrogate { offset })
    }

    fn beyond_ascii(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        let rest = &self.text[start..];
        let length = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
        match std::str::from_utf8(&rest[..length]) {
            Ok(run) => {
                self.replace(start + length, b"");
                string::write_escapes(run, self.out);
                Ok(())
            }
            Err(error) if error.error_len().is_none() && length == rest.len() => {
                Err(ended("inside a string"))
            }
            Err(error) => Err(JsonError::NotUtf8 {
                offset: start + error.valid_up_to(),
            }),
        }
    }

    /// Copies the run, writes `with` and goes on at `end` of the source.
    fn replace(&mut self, end: usize, with: &[u8]) {
        self.out
            .extend_from_slice(&self.text[self.run_start..self.position]);
        self.out.extend_from_slice(with);
        self.position = end;
        self.run_start = end;
    }

    /// Where the next byte will stand in the output.
    fn out_position(&self) -> usize {
        self.out.len() + (self.position - self.run_start)
    }

    fn finish(&mut self) {
        self.replace(self.position, b"");
        self.order.apply(self.out, self.out_start);
    }

    #[cold]
    fn over_limit(&self) -> JsonError {
        let limit_bytes = self.limit;
        if self.position > limit_bytes {
            JsonError::TooLarge { limit_bytes }
        } else {
            JsonError::CanonicalTooLarge { limit_bytes }
        }
    }

    #[cold]
    fn repeated(&self, key: Key) -> JsonError {
        let key = &self.text[key.start..key.end];
        JsonError::RepeatedField {
            name: String::from_utf8_lossy(&key[..key.len().min(80)]).into_owned(),
        }
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> JsonError {
        let found = self.text[self.position];
        JsonError::Unexpected {
            expected,
            offset: self.position,
            found,
        }
    }
}

fn ended(place: &'static str) -> JsonError {
    JsonError::Ended { place }
}

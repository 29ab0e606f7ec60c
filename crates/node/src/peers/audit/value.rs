//! A JSON value taken apart, with the order in which its keys came: what a
//! block may have been written from. It does not know what a block is.

use std::collections::BTreeMap;

use adit_core::json;

/// A longer block is not taken apart, so that what it consists of fits into
/// memory.
const BLOCK_TRIED_LIMIT_BYTES: usize = 1024 * 1024;

/// A JSON value with its keys in the order in which they came; texts and
/// numbers are canonical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Object(Vec<(Vec<u8>, Value)>),
    List(Vec<Value>),
    /// With its quotes.
    Text(Vec<u8>),
    /// A number, `true`, `false` or `null`.
    Plain(Vec<u8>),
}

impl Value {
    /// Reads JSON that was read before, and so is well-formed and not too deep.
    /// Returns `None` if it is too long.
    pub(super) fn read(source: &[u8]) -> Option<Value> {
        let mut reader = Reader { rest: source };
        (source.len() <= BLOCK_TRIED_LIMIT_BYTES).then(|| reader.value())?
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        let Value::Object(members) = self else {
            return None;
        };
        let member = members.iter().find(|(key, _)| key == name.as_bytes());
        member.map(|(_, value)| value)
    }

    /// Returns the names of an object's members, in the order in which they came.
    pub(super) fn keys(&self) -> Vec<String> {
        match self {
            Value::Object(members) => members
                .iter()
                .map(|(key, _)| String::from_utf8_lossy(key).into_owned())
                .collect(),
            _ => Vec::new(),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        self.skip_space();
        match self.rest.first()? {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => self.leaf(string_length(self.rest)).map(Value::Text),
            _ => {
                let is_end = |byte: &u8| b",]} \n\r\t".contains(byte);
                let end = self.rest.iter().position(is_end);
                self.leaf(end.unwrap_or(self.rest.len())).map(Value::Plain)
            }
        }
    }

    fn object(&mut self) -> Option<Value> {
        let mut members: Vec<(Vec<u8>, Value)> = Vec::new();
        let mut places: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        self.rest = &self.rest[1..];
        loop {
            match self.next()? {
                b'}' => break,
                b',' => self.rest = &self.rest[1..],
                _ => {}
            }
            if self.next()? == b'}' {
                break;
            }
            let quoted = self.leaf(string_length(self.rest))?;
            let key = quoted.get(1..quoted.len().checked_sub(1)?)?.to_vec();
            self.skip_space();
            self.rest = self.rest.strip_prefix(b":")?;
            let value = self.value()?;
            // As in Python, the last one counts, in the first one's place.
            match places.get(&key) {
                Some(place) => members[*place].1 = value,
                None => {
                    places.insert(key.clone(), members.len());
                    members.push((key, value));
                }
            }
        }
        self.rest = &self.rest[1..];
        Some(Value::Object(members))
    }

    fn list(&mut self) -> Option<Value> {
        let mut elements = Vec::new();
        self.rest = &self.rest[1..];
        loop {
            match self.next()? {
                b']' => break,
                b',' => self.rest = &self.rest[1..],
                _ => elements.push(self.value()?),
            }
        }
        self.rest = &self.rest[1..];
        Some(Value::List(elements))
    }

    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.first().copied()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Returns the canonical form of a text or a number of that length.
    fn leaf(&mut self, length: usize) -> Option<Vec<u8>> {
        let (leaf, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        json::canonical(leaf, leaf.len().saturating_mul(6).saturating_add(400)).ok()
    }
}

fn string_length(text: &[u8]) -> usize {
    let mut position = 1;
    while let Some(byte) = text.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    text.len()
}

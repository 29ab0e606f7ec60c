//! Fields of sealed texts: exactly those that are known, each in its one form.
//! The texts are canonical already; what a field means is not known here.

use crate::address::{Address, AddressError};
use crate::hash::Hash;
use crate::json::{self, kind};

/// Why an object does not have the fields that it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// It is no object at all.
    #[error("expected an object, found {found}")]
    NotAnObject {
        /// What kind of JSON value it is.
        found: &'static str,
    },
    /// A field that does not belong there. It would be hashed without a meaning.
    #[error("{name:?} is no field of this")]
    Unknown {
        /// The field's name, at most its first 80 bytes.
        name: String,
    },
    /// A field that has to be there.
    #[error("{field} is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// A field of another form.
    #[error("{field}: expected {expected}, found {found}")]
    Wrong {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The field as it stands there, at most its first 80 bytes.
        found: String,
    },
    /// A field that is no address.
    #[error("{field}: {error}")]
    Address {
        /// The field's name.
        field: &'static str,
        /// Why it is none.
        error: AddressError,
    },
}

/// A field's canonical text, if it is there.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    name: &'static str,
    value: Option<&'a [u8]>,
}

/// The fields of an object, in the order of `names`; an error if it has others.
pub(super) fn fields<'a, const N: usize>(
    object: &'a [u8],
    names: [&'static str; N],
) -> Result<[Field<'a>; N], FieldError> {
    let members = json::members(object).ok_or(FieldError::NotAnObject {
        found: kind(object),
    })?;
    let mut fields = names.map(|name| Field { name, value: None });
    for (key, value) in members {
        match fields.iter_mut().find(|field| field.name.as_bytes() == key) {
            Some(field) => field.value = Some(value),
            None => return Err(FieldError::Unknown { name: shown(key) }),
        }
    }
    Ok(fields)
}

impl<'a> Field<'a> {
    pub(super) fn is_there(self) -> bool {
        self.value.is_some()
    }

    /// The field as it stands there.
    pub(super) fn text(self) -> Result<&'a [u8], FieldError> {
        self.value.ok_or(FieldError::Missing { field: self.name })
    }

    /// An integer of at most `limit`.
    pub(super) fn integer(self, limit: u64, expected: &'static str) -> Result<u64, FieldError> {
        json::integer(self.text()?)
            .filter(|found| *found <= limit)
            .ok_or_else(|| self.wrong(expected))
    }

    /// The inside of a string that needs no escapes.
    fn plain(self, expected: &'static str) -> Result<&'a [u8], FieldError> {
        self.text()?
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .ok_or_else(|| self.wrong(expected))
    }

    /// What a string means.
    pub(super) fn string(self, expected: &'static str) -> Result<String, FieldError> {
        json::string(self.text()?).ok_or_else(|| self.wrong(expected))
    }

    /// 64 lower-case hex digits.
    pub(super) fn hash(self) -> Result<Hash, FieldError> {
        self.hex("64 lower-case hex digits").map(Hash)
    }

    /// Twice as many lower-case hex digits as there are bytes.
    pub(super) fn hex<const N: usize>(self, expected: &'static str) -> Result<[u8; N], FieldError> {
        let mut bytes = [0; N];
        crate::hash::read_hex(self.plain(expected)?, &mut bytes)
            .ok_or_else(|| self.wrong(expected))?;
        Ok(bytes)
    }

    pub(super) fn address(self) -> Result<Address, FieldError> {
        let inside = self.plain("an address")?;
        let text = std::str::from_utf8(inside).map_err(|_| self.wrong("an address"))?;
        text.parse().map_err(|error| FieldError::Address {
            field: self.name,
            error,
        })
    }

    #[cold]
    pub(super) fn wrong(self, expected: &'static str) -> FieldError {
        FieldError::Wrong {
            field: self.name,
            expected,
            found: shown(self.value.unwrap_or_default()),
        }
    }
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned()
}

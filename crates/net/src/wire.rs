//! Numbers, hashes and lists as they stand in messages. What they mean is not
//! known here. Numbers of fixed length are big-endian; a varint is LEB128, seven
//! bits a byte and the lowest first, in its shortest form.

use adit_core::hash::Hash;

/// The bytes of a varint, at most: a `u64` has 64 bits.
const VARINT_BYTES: u32 = 10;

/// Why bytes have not the form that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// They end too early.
    #[error("expected {expected} more bytes, found {found}")]
    Truncated {
        /// How many were to come.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// They go on behind the message.
    #[error("expected its end, found {found} more bytes")]
    Trailing {
        /// How many there are.
        found: usize,
    },
    /// A frame is not as long as it says.
    #[error("expected a body of {expected} bytes, found {found}")]
    WrongLength {
        /// What its length says.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// A varint that is longer than it needs to be, or than a `u64`.
    #[error("expected a number in its shortest form")]
    Varint,
    /// A list that is too long.
    #[error("expected a list of at most {limit}, found {found}")]
    TooMany {
        /// How many may be.
        limit: usize,
        /// How many are said to be.
        found: u64,
    },
    /// A place that no block has.
    #[error("expected a place below 4,294,967,296")]
    Place,
}

/// Bytes that are read from the front.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(WireError::Truncated {
                expected: count,
                found: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A number of eight bytes.
    pub(crate) fn number(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn hash(&mut self) -> Result<Hash, WireError> {
        Ok(Hash(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for position in 0..VARINT_BYTES {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * position);
            if shifted >> (7 * position) != bits {
                return Err(WireError::Varint);
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                let is_shortest = byte != 0 || position == 0;
                return is_shortest.then_some(number).ok_or(WireError::Varint);
            }
        }
        Err(WireError::Varint)
    }

    /// How long a list is whose elements have at least `element_bytes` each. It
    /// is no longer than what is left can hold, so that room can be made for it.
    pub(crate) fn count(&mut self, limit: usize, element_bytes: usize) -> Result<usize, WireError> {
        let found = self.varint()?;
        let count = usize::try_from(found).ok().filter(|count| *count <= limit);
        let count = count.ok_or(WireError::TooMany { limit, found })?;
        let expected = count.saturating_mul(element_bytes);
        if expected > self.rest.len() {
            return Err(WireError::Truncated {
                expected,
                found: self.rest.len(),
            });
        }
        Ok(count)
    }

    pub(crate) fn hashes(&mut self, limit: usize) -> Result<Vec<Hash>, WireError> {
        let count = self.count(limit, 32)?;
        (0..count).map(|_| self.hash()).collect()
    }

    /// Bytes with their length in front.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// The next of ascending places, which stands there as its distance behind
    /// the one before.
    pub(crate) fn delta(&mut self, next: &mut u64) -> Result<u32, WireError> {
        let place = next.checked_add(self.varint()?);
        let place = place.and_then(|place| u32::try_from(place).ok());
        let place = place.ok_or(WireError::Place)?;
        *next = u64::from(place) + 1;
        Ok(place)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn finish(&self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            found => Err(WireError::Trailing { found }),
        }
    }
}

pub(crate) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(crate) fn write_hashes(hashes: &[Hash], out: &mut Vec<u8>) {
    write_varint(hashes.len() as u64, out);
    hashes
        .iter()
        .for_each(|hash| out.extend_from_slice(&hash.0));
}

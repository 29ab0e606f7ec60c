//! Reads a chain out of bytes as they come, one block at a time: the body of
//! the tutorial's `GET /chain`, or blocks one after the other as in our log. It
//! holds no more than the current block. Whether the blocks are valid, or
//! blocks at all, it does not check.

use std::ops::Range;

use crate::block::BLOCK_LIMIT_BYTES;
use crate::json::{self, JsonError, Reading};

/// All of a peer's answer is at most this long, after unpacking.
pub const ANSWER_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// A member of the answer other than `chain` is at most this long.
const OTHER_MEMBER_LIMIT_BYTES: usize = 64 * 1024;

/// An answer may hold this much beside its blocks, and as much again as they
/// are long: an honest one only lays them out, and says how many they are.
const OUTSIDE_LIMIT_BYTES: u64 = 1024 * 1024;

/// Why bytes are not a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not JSON, nested too deep, or a block in it is too large.
    #[error("{0} (counted from byte {offset} of the answer)", offset = .1)]
    NotJson(JsonError, u64),
    /// It is JSON, but of another shape.
    #[error("expected {expected} at byte {offset} of the answer, found {found}")]
    NotAChain {
        /// What should have come.
        expected: &'static str,
        /// Where.
        offset: u64,
        /// What came.
        found: String,
    },
    /// It ends in the middle.
    #[error("the answer ends after {0} bytes, before the chain does")]
    Cut(u64),
    /// There is no `chain` in it.
    #[error("the answer has no \"chain\"")]
    NoChain,
    /// It goes on and on beside the blocks.
    #[error("expected blocks, found more than {OUTSIDE_LIMIT_BYTES} bytes of other things")]
    MuchElse,
    /// It goes on and on.
    #[error("the answer is longer than {ANSWER_LIMIT_BYTES} bytes")]
    TooLong,
}

/// Names in an answer that are those of its members but for their case, as
/// they stood there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misspelt {
    chain: Option<String>,
    length: Option<String>,
}

impl Misspelt {
    /// What stood there for `chain`.
    pub fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// What stood there for `length`.
    pub fn length(&self) -> Option<&str> {
        self.length.as_deref()
    }

    fn note(&mut self, key: &[u8]) {
        for (name, found) in [("chain", &mut self.chain), ("length", &mut self.length)] {
            let key = key
                .strip_prefix(b"\"")
                .and_then(|key| key.strip_suffix(b"\""));
            let key = key.filter(|key| key.eq_ignore_ascii_case(name.as_bytes()));
            if let Some(key) = key.filter(|key| *key != name.as_bytes()) {
                *found = Some(String::from_utf8_lossy(key).into_owned());
            }
        }
    }
}

/// Reads blocks from a chain's text as it comes.
#[derive(Debug)]
pub struct ChainReader {
    /// What came and is not read yet starts at `position`.
    buffer: Vec<u8>,
    position: usize,
    /// Bytes dropped from the buffer's front so far.
    dropped: u64,
    /// How long the blocks were so far, and everything else.
    inside: u64,
    outside: u64,
    place: ReaderState,
    /// Whether the member that it is at is the chain.
    at_chain: bool,
    saw_chain: bool,
    ended: bool,
    /// A value that was cut is not tried again before this many bytes are
    /// there: with twice as many each time, the work stays in proportion to the
    /// answer.
    needed: usize,
    last_length: usize,
    /// Where in the buffer the last value is.
    last: Range<usize>,
    /// Whether the member that it is at is the length.
    at_length: bool,
    stated_length: Option<u64>,
    misspelt: Misspelt,
    reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Start,
    FirstKey,
    Key,
    Colon,
    Value,
    FirstBlock,
    Block,
    AfterBlock,
    AfterMember,
    End,
    Line,
}

impl ChainReader {
    /// Reads `{"chain": [...], "length": n}`; the stated length proves nothing
    /// and decides nothing.
    pub fn of_answer() -> ChainReader {
        ChainReader::at(ReaderState::Start)
    }

    /// Reads blocks one after the other, as lines or otherwise.
    pub fn of_lines() -> ChainReader {
        ChainReader::at(ReaderState::Line)
    }

    /// Takes only blocks that are JSON in this sense.
    pub fn taking(self, reading: Reading) -> ChainReader {
        ChainReader { reading, ..self }
    }

    fn at(place: ReaderState) -> ChainReader {
        ChainReader {
            buffer: Vec::new(),
            position: 0,
            dropped: 0,
            inside: 0,
            outside: 0,
            place,
            at_chain: false,
            saw_chain: false,
            ended: false,
            needed: 0,
            last_length: 0,
            last: 0..0,
            at_length: false,
            stated_length: None,
            misspelt: Misspelt::default(),
            reading: Reading::Python,
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.position);
        self.dropped += self.position as u64;
        self.position = 0;
        self.last = 0..0;
        self.buffer.extend_from_slice(bytes);
    }

    /// How much has come that was not read yet.
    pub fn unread_bytes(&self) -> usize {
        self.buffer.len() - self.position
    }

    /// What did not become a value yet, or never will.
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.position..]
    }

    /// The block that was read last, as its bytes came; empty once further
    /// bytes have.
    pub fn last_source(&self) -> &[u8] {
        &self.buffer[self.last.clone()]
    }

    /// The member `length`, if it came by now. It proves nothing.
    pub fn stated_length(&self) -> Option<u64> {
        self.stated_length
    }

    /// The names that are those of an answer's members but for their case.
    pub fn misspelt(&self) -> &Misspelt {
        &self.misspelt
    }

    /// Says that there are no further bytes.
    pub fn end(&mut self) {
        self.ended = true;
        self.needed = 0;
    }

    /// The canonical text of the next block; `None` when more bytes are needed
    /// or, after [`end`](Self::end), when there are no more.
    pub fn next_block(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        if self.dropped + self.buffer.len() as u64 > ANSWER_LIMIT_BYTES {
            return Err(ReadError::TooLong);
        }
        loop {
            self.skip_space();
            if self.outside > self.inside.saturating_add(OUTSIDE_LIMIT_BYTES) {
                return Err(ReadError::MuchElse);
            }
            let Some(&byte) = self.buffer.get(self.position) else {
                return self.at_end_of_buffer();
            };
            match (self.place, byte) {
                (ReaderState::Start, b'{') => self.step(ReaderState::FirstKey),
                (ReaderState::FirstKey, b'}') => self.step(ReaderState::End),
                (ReaderState::FirstKey | ReaderState::Key, b'"') => {
                    let Some(key) = self.read_value(Reading::Python, OTHER_MEMBER_LIMIT_BYTES)?
                    else {
                        return Ok(None);
                    };
                    self.at_chain = key == b"\"chain\"";
                    self.at_length = key == b"\"length\"";
                    self.misspelt.note(&key);
                    self.place = ReaderState::Colon;
                }
                (ReaderState::Colon, b':') => self.step(ReaderState::Value),
                (ReaderState::Value, _) if self.at_chain => self.open_chain(byte)?,
                (ReaderState::Value, _) => {
                    let Some(value) = self.read_value(Reading::Python, OTHER_MEMBER_LIMIT_BYTES)?
                    else {
                        return Ok(None);
                    };
                    if self.at_length {
                        self.stated_length = json::integer(&value);
                    }
                    self.place = ReaderState::AfterMember;
                }
                (ReaderState::FirstBlock, b']') => self.step(ReaderState::AfterMember),
                (ReaderState::AfterBlock, b',') => self.step(ReaderState::Block),
                (ReaderState::AfterBlock, b']') => self.step(ReaderState::AfterMember),
                (ReaderState::AfterMember, b',') => self.step(ReaderState::Key),
                (ReaderState::AfterMember, b'}') => self.step(ReaderState::End),
                (ReaderState::FirstBlock | ReaderState::Block | ReaderState::Line, _) => {
                    let block = self.read_value(self.reading, BLOCK_LIMIT_BYTES)?;
                    if block.is_some() && self.place != ReaderState::Line {
                        self.place = ReaderState::AfterBlock;
                    }
                    return Ok(block);
                }
                (place, _) => return Err(self.unexpected(place)),
            }
        }
    }

    fn skip_space(&mut self) {
        let rest = &self.buffer[self.position..];
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let spaces = rest.iter().take_while(is_space).count();
        self.position += spaces;
        self.outside += spaces as u64;
    }

    fn step(&mut self, place: ReaderState) {
        self.position += 1;
        self.outside += 1;
        self.place = place;
    }

    fn offset(&self) -> u64 {
        self.dropped + self.position as u64
    }

    fn at_end_of_buffer(&self) -> Result<Option<Vec<u8>>, ReadError> {
        match self.place {
            ReaderState::Line => Ok(None),
            ReaderState::End if self.ended && !self.saw_chain => Err(ReadError::NoChain),
            ReaderState::End => Ok(None),
            _ if self.ended => Err(ReadError::Cut(self.offset())),
            _ => Ok(None),
        }
    }

    fn open_chain(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.saw_chain {
            return Err(self.not_a_chain("one \"chain\""));
        }
        if byte != b'[' {
            return Err(self.not_a_chain("a list of blocks"));
        }
        self.saw_chain = true;
        self.step(ReaderState::FirstBlock);
        Ok(())
    }

    fn read_value(
        &mut self,
        reading: Reading,
        limit_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let rest = &self.buffer[self.position..];
        if rest.len() < self.needed {
            return Ok(None);
        }
        // Blocks are mostly about as long as the one before.
        let mut text = Vec::with_capacity(self.last_length);
        let read = json::canonical_prefix_as(reading, rest, limit_bytes, &mut text)
            .map_err(|error| ReadError::NotJson(error, self.offset()))?;
        match read {
            Some(length) => {
                let start = self.position;
                self.position += length;
                self.last = start..self.position;
                match self.place {
                    ReaderState::FirstBlock | ReaderState::Block | ReaderState::Line => {
                        self.inside += length as u64
                    }
                    _ => self.outside += length as u64,
                }
                self.needed = 0;
                self.last_length = text.len();
                Ok(Some(text))
            }
            None if self.ended => Err(ReadError::Cut(self.dropped + self.buffer.len() as u64)),
            None => {
                self.needed = rest.len() * 2;
                Ok(None)
            }
        }
    }

    fn unexpected(&self, place: ReaderState) -> ReadError {
        self.not_a_chain(match place {
            ReaderState::Start => "an object with a \"chain\"",
            ReaderState::FirstKey => "a name in quotes or `}`",
            ReaderState::Key => "a name in quotes",
            ReaderState::Colon => "`:`",
            ReaderState::Value => "a value",
            ReaderState::AfterBlock => "`,` or `]`",
            ReaderState::AfterMember => "`,` or `}`",
            ReaderState::End => "nothing more",
            ReaderState::FirstBlock | ReaderState::Block | ReaderState::Line => "a block",
        })
    }

    fn not_a_chain(&self, expected: &'static str) -> ReadError {
        let rest = &self.buffer[self.position..];
        let found = String::from_utf8_lossy(&rest[..rest.len().min(20)]);
        ReadError::NotAChain {
            expected,
            offset: self.offset(),
            found: format!("{found:?}"),
        }
    }
}

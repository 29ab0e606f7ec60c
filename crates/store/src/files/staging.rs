//! Blocks that a peer offers as a branch, before it is known whether they are
//! accepted: a queue that spills to a file when it grows, so that memory stays
//! bounded. It needs nothing of a store but its folder, and
//! may be used on any thread.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{SpooledTempFile, spooled_tempfile_in};

use crate::error::StoreError;
use crate::files::durable::{create_folder, files_in};
use crate::log::line::LINE_LIMIT_BYTES;

/// An offered branch is held in memory up to this length, and in a file beyond.
pub const STAGING_MEMORY_LIMIT_BYTES: usize = 1024 * 1024;

/// An offered branch is at most this long.
pub const STAGING_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes before each text that say how long it is.
const LENGTH_BYTES: usize = 4;

/// What is written to or read from a file at once.
const STAGING_BUFFER_LIMIT_BYTES: usize = 16 * 1024;

/// Texts, first in, first out.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    memory_limit_bytes: u64,
    limit_bytes: u64,
    count: u64,
    held_bytes: u64,
    /// A file of its own has no name, and is gone when it is closed.
    spool: BufWriter<SpooledTempFile>,
    /// Whether it was read, so that its cursor may be anywhere.
    was_read: bool,
}

/// The texts, in the order in which they were pushed.
pub struct StagedTexts<'a> {
    left_count: u64,
    from: Box<dyn Read + Send + 'a>,
}

impl Staging {
    /// An empty queue that spills to a file in that data folder.
    pub fn new(folder: &Path) -> Staging {
        Staging::with_limits(folder, STAGING_MEMORY_LIMIT_BYTES, STAGING_LIMIT_BYTES)
    }

    /// As `new`, with other limits: for tests, which would otherwise write
    /// gigabytes.
    pub fn with_limits(folder: &Path, memory_limit_bytes: usize, limit_bytes: u64) -> Staging {
        let folder = folder.join("staging");
        let spool = spooled_tempfile_in(memory_limit_bytes, &folder);
        Staging {
            folder,
            memory_limit_bytes: memory_limit_bytes as u64,
            limit_bytes,
            count: 0,
            held_bytes: 0,
            spool: BufWriter::with_capacity(STAGING_BUFFER_LIMIT_BYTES, spool),
            was_read: false,
        }
    }

    /// How many texts it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Appends a text.
    pub fn push(&mut self, text: &[u8]) -> Result<(), StoreError> {
        let held_bytes = self.held_bytes + (LENGTH_BYTES + text.len()) as u64;
        let length = u32::try_from(text.len());
        let Some(length) = length.ok().filter(|_| text.len() <= LINE_LIMIT_BYTES) else {
            return Err(self.full());
        };
        if held_bytes > self.limit_bytes {
            return Err(self.full());
        }
        if self.held_bytes <= self.memory_limit_bytes && held_bytes > self.memory_limit_bytes {
            create_folder(&self.folder)?;
        }
        self.append(length, text)
            .map_err(StoreError::io("write to a file in", &self.folder))?;
        self.held_bytes = held_bytes;
        self.count += 1;
        Ok(())
    }

    /// Reads the texts so far. They stay.
    pub fn texts(&mut self) -> io::Result<StagedTexts<'_>> {
        self.was_read = true;
        self.spool.rewind()?;
        Ok(StagedTexts::new(self.count, self.spool.get_mut()))
    }

    /// Takes the texts out again.
    pub fn into_texts(mut self) -> io::Result<StagedTexts<'static>> {
        self.spool.rewind()?;
        let spool = self.spool.into_inner()?;
        Ok(StagedTexts::new(self.count, spool))
    }

    fn append(&mut self, length: u32, text: &[u8]) -> io::Result<()> {
        if std::mem::take(&mut self.was_read) {
            self.spool.seek(SeekFrom::End(0))?;
        }
        self.spool.write_all(&length.to_le_bytes())?;
        self.spool.write_all(text)
    }

    fn full(&self) -> StoreError {
        StoreError::StagingFull {
            limit_bytes: self.limit_bytes,
        }
    }
}

impl Iterator for StagedTexts<'_> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.left_count = self.left_count.checked_sub(1)?;
        let text = self.read_text();
        if text.is_err() {
            self.left_count = 0;
        }
        Some(text)
    }
}

impl<'a> StagedTexts<'a> {
    fn new(left_count: u64, from: impl Read + Send + 'a) -> StagedTexts<'a> {
        let from = BufReader::with_capacity(STAGING_BUFFER_LIMIT_BYTES, from);
        StagedTexts {
            left_count,
            from: Box::new(from),
        }
    }

    fn read_text(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; LENGTH_BYTES];
        self.from.read_exact(&mut length)?;
        let length_bytes = u32::from_le_bytes(length) as usize;
        if length_bytes > LINE_LIMIT_BYTES {
            return Err(io::Error::other("a file in staging/ was changed"));
        }
        let mut text = vec![0; length_bytes];
        self.from.read_exact(&mut text)?;
        Ok(text)
    }
}

impl std::fmt::Debug for StagedTexts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StagedTexts, {} left", self.left_count)
    }
}

/// Deletes what a process that was killed may have left.
pub(crate) fn delete_leftovers(folder: &Path) -> Result<(), StoreError> {
    let folder = folder.join("staging");
    if !folder.exists() {
        return Ok(());
    }
    for path in files_in(&folder)? {
        fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
    }
    Ok(())
}

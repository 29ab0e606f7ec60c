//! Blocks that a peer offers as a branch, before it is known whether they are
//! accepted: a queue that spills to a file when it grows, so that memory stays
//! bounded. It needs nothing of a store but its folder, and
//! may be used on any thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::durable::{create_folder, files_in};
use crate::error::StoreError;
use crate::line::LINE_LIMIT_BYTES;

/// An offered branch is held in memory up to this length, and in a file beyond.
pub const STAGING_MEMORY_LIMIT_BYTES: usize = 1024 * 1024;

/// An offered branch is at most this long.
pub const STAGING_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes before each text that say how long it is.
const LENGTH_BYTES: usize = 4;

/// Texts, first in, first out.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    memory_limit_bytes: usize,
    limit_bytes: u64,
    count: u64,
    spilled_bytes: u64,
    spill: Option<File>,
    memory: Vec<u8>,
}

/// The texts, in the order in which they were pushed.
pub struct StagedTexts {
    left_count: u64,
    from: Box<dyn Read + Send>,
}

impl Staging {
    /// An empty queue that spills to a file in that data folder.
    pub fn new(folder: &Path) -> Staging {
        Staging::with_limits(folder, STAGING_MEMORY_LIMIT_BYTES, STAGING_LIMIT_BYTES)
    }

    /// As `new`, with other limits: for tests, which would otherwise write
    /// gigabytes.
    pub fn with_limits(folder: &Path, memory_limit_bytes: usize, limit_bytes: u64) -> Staging {
        Staging {
            folder: folder.join("staging"),
            memory_limit_bytes,
            limit_bytes,
            count: 0,
            spilled_bytes: 0,
            spill: None,
            memory: Vec::new(),
        }
    }

    /// How many texts it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Appends a text.
    pub fn push(&mut self, text: &[u8]) -> Result<(), StoreError> {
        let full = StoreError::StagingFull {
            limit_bytes: self.limit_bytes,
        };
        let held_bytes = self.spilled_bytes + self.memory.len() as u64;
        let needed_bytes = (LENGTH_BYTES + text.len()) as u64;
        if text.len() > LINE_LIMIT_BYTES || held_bytes + needed_bytes > self.limit_bytes {
            return Err(full);
        }
        if self.memory.len() + LENGTH_BYTES + text.len() > self.memory_limit_bytes {
            self.write_out()?;
        }
        let length = text.len() as u32;
        self.memory.extend_from_slice(&length.to_le_bytes());
        self.memory.extend_from_slice(text);
        self.count += 1;
        Ok(())
    }

    /// The texts so far, once more. They stay.
    pub fn texts(&self) -> io::Result<StagedTexts> {
        let memory = Cursor::new(self.memory.clone());
        let from: Box<dyn Read + Send> = match &self.spill {
            Some(file) => {
                let (file, at) = (file.try_clone()?, 0);
                let file = ReadFrom { file, at };
                Box::new(BufReader::with_capacity(1 << 20, file).chain(memory))
            }
            None => Box::new(memory),
        };
        Ok(StagedTexts {
            left_count: self.count,
            from,
        })
    }

    /// Takes the texts out again.
    pub fn into_texts(self) -> StagedTexts {
        let memory = Cursor::new(self.memory);
        StagedTexts {
            left_count: self.count,
            from: match self.spill {
                // Only written to at given places, its cursor is at its begin.
                Some(file) => Box::new(BufReader::with_capacity(1 << 20, file).chain(memory)),
                None => Box::new(memory),
            },
        }
    }

    fn write_out(&mut self) -> Result<(), StoreError> {
        let file = match self.spill.take() {
            Some(file) => file,
            None => nameless_file(&self.folder)?,
        };
        file.write_all_at(&self.memory, self.spilled_bytes)
            .map_err(StoreError::io("write to a file in", &self.folder))?;
        self.spill = Some(file);
        self.spilled_bytes += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }
}

/// Reads a file without its cursor, which stays where it is.
struct ReadFrom {
    file: File,
    at: u64,
}

impl Read for ReadFrom {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(piece, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Iterator for StagedTexts {
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

impl StagedTexts {
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

impl std::fmt::Debug for StagedTexts {
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

/// A file that is gone when it is closed: its name is deleted at once.
fn nameless_file(folder: &Path) -> Result<File, StoreError> {
    static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);
    create_folder(folder)?;
    let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{}-{number}", std::process::id()));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(StoreError::io("make", &path))?;
    fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
    Ok(file)
}

//! The block log's one writer: appends lines, and says when they are durable.
//! What has been appended and not yet written out is read from its buffer.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_core::hash::Hash;

use crate::error::StoreError;
use crate::files::durable::{Durability, check_is_file};
use crate::index::record::BlockRecord;
use crate::log::line::sum_of;
use crate::log::position::{Location, Position};
use crate::log::segments::Segments;

/// A segment that has reached this length is followed by a new one.
pub const SEGMENT_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// What was appended to a log is written out when it is longer than this, even
/// if nobody asked for a sync yet.
pub const LOG_BUFFER_LIMIT_BYTES: usize = 1024 * 1024;

/// The end of the block log.
#[derive(Debug)]
pub(crate) struct BlockLog {
    segments: Arc<Segments>,
    durability: Durability,
    segment_limit_bytes: u64,
    segment: u32,
    lines: Appender,
}

impl BlockLog {
    /// The log whose files `segments` are; the first one is made if there is
    /// none. It was durable up to `synced`.
    pub(crate) fn open(
        segments: Arc<Segments>,
        durability: Durability,
        segment_limit_bytes: u64,
        synced: Position,
    ) -> Result<BlockLog, StoreError> {
        let last = segments.last()?;
        let segment = last.max(1);
        let mut lines = Appender::open(&segments.path(segment))?;
        if last == 0 {
            durability.sync_folder(segments.folder())?;
        }
        lines.assume_synced(match synced.segment.cmp(&segment) {
            Ordering::Less => 0,
            Ordering::Equal => synced.offset,
            Ordering::Greater => u64::MAX,
        });
        Ok(BlockLog {
            segments,
            durability,
            segment_limit_bytes,
            segment,
            lines,
        })
    }

    /// The log up to `end`, of which nothing more will be written.
    pub(crate) fn frozen(segments: Arc<Segments>, end: Position) -> Result<BlockLog, StoreError> {
        Ok(BlockLog {
            segments,
            durability: Durability::None,
            segment_limit_bytes: SEGMENT_LIMIT_BYTES,
            segment: end.segment,
            lines: Appender::frozen(end.offset)?,
        })
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Where the next line begins, unless a new segment does.
    pub(crate) fn end(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.lines.end_bytes(),
        }
    }

    /// Up to here, it is on the disk.
    pub(crate) fn synced(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.lines.synced_bytes,
        }
    }

    /// Appends a block.
    pub(crate) fn append(&mut self, text: &[u8]) -> Result<Location, StoreError> {
        if self.lines.end_bytes() >= self.segment_limit_bytes {
            self.begin_segment()?;
        }
        let start = self.end();
        let length_bytes = u32::try_from(text.len()).map_err(|_| StoreError::OutOfOrder {
            what: format!("a block of {} bytes", text.len()),
        })?;
        self.lines.append(&[text])?;
        Ok(Location {
            start,
            length_bytes,
            sum: sum_of(text),
        })
    }

    /// Waits until everything appended is durable.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        self.lines.sync(self.durability)
    }

    /// Reads a line, written out or not.
    pub(crate) fn read(&self, hash: &Hash, record: &BlockRecord) -> Result<Vec<u8>, StoreError> {
        let location = record.location;
        if location.start.segment == self.segment
            && let Some(text) = self.lines.buffered(location)
        {
            return Ok(text.to_vec());
        }
        self.segments.read(hash, record.entry.height, location)
    }

    fn begin_segment(&mut self) -> Result<(), StoreError> {
        self.lines.sync(self.durability)?;
        let next = self.segment.checked_add(1).ok_or(StoreError::OutOfOrder {
            what: "no more segment numbers".to_owned(),
        })?;
        self.lines = Appender::open(&self.segments.path(next))?;
        self.durability.sync_folder(self.segments.folder())?;
        self.segment = next;
        Ok(())
    }
}

/// A file of lines that only grows. Lines are collected, so that one write and
/// one sync serve many.
#[derive(Debug)]
pub(crate) struct Appender {
    file: File,
    path: PathBuf,
    written_bytes: u64,
    buffer: Vec<u8>,
    /// This much of it is on the disk.
    synced_bytes: u64,
}

impl Appender {
    /// Opens the file or makes it; its folder is not synced. What it holds
    /// already may not be on the disk yet.
    pub(crate) fn open(path: &Path) -> Result<Appender, StoreError> {
        check_is_file(path).map_err(StoreError::io("open", path))?;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(StoreError::io("open", path))?;
        let data = file.metadata().map_err(StoreError::io("look at", path))?;
        Ok(Appender {
            file,
            path: path.to_path_buf(),
            written_bytes: data.len(),
            buffer: Vec::new(),
            synced_bytes: 0,
        })
    }

    /// A file of that length that is not to be written to: an attempt gets the
    /// system's error.
    pub(crate) fn frozen(length_bytes: u64) -> Result<Appender, StoreError> {
        let path = Path::new("/dev/null");
        Ok(Appender {
            file: File::open(path).map_err(StoreError::io("open", path))?,
            path: path.to_path_buf(),
            written_bytes: length_bytes,
            buffer: Vec::new(),
            synced_bytes: length_bytes,
        })
    }

    /// This much of what it holds already is known to be on the disk, or all of it.
    pub(crate) fn assume_synced(&mut self, bytes: u64) {
        self.synced_bytes = bytes.min(self.written_bytes);
    }

    /// Whether everything appended is on the disk.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced_bytes == self.end_bytes()
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How long the file is, with what is not written out yet.
    pub(crate) fn end_bytes(&self) -> u64 {
        self.written_bytes + self.buffer.len() as u64
    }

    /// Appends one line, given in parts.
    pub(crate) fn append(&mut self, parts: &[&[u8]]) -> Result<(), StoreError> {
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.buffer.push(b'\n');
        if self.buffer.len() > LOG_BUFFER_LIMIT_BYTES {
            self.write_out()?;
        }
        Ok(())
    }

    /// Waits until everything appended is durable.
    pub(crate) fn sync(&mut self, durability: Durability) -> Result<(), StoreError> {
        self.write_out()?;
        if self.synced_bytes < self.written_bytes {
            durability.sync_file(&self.file, &self.path)?;
            self.synced_bytes = self.written_bytes;
        }
        Ok(())
    }

    fn buffered(&self, location: Location) -> Option<&[u8]> {
        let start = location.start.offset.checked_sub(self.written_bytes)?;
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(location.length_bytes as usize)?;
        self.buffer.get(start..end)
    }

    fn write_out(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.file
            .write_all(&self.buffer)
            .map_err(StoreError::io("write to", &self.path))?;
        self.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(2 * LOG_BUFFER_LIMIT_BYTES);
        Ok(())
    }
}

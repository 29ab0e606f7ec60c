//! Reads the block log line by line, from some position to where it ends when
//! reading starts. It checks that each line is one that the node can have
//! written, so that the core is never given anything else. What the lines mean
//! is not known here.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use crate::error::StoreError;
use crate::log::line::{LINE_LIMIT_BYTES, is_canonical_object, sum_of};
use crate::log::position::{Location, Position};
use crate::log::segments::Segments;

/// How much of the log is read at a time.
const READ_STEP_BYTES: usize = 1024 * 1024;

/// A walk along the block log.
#[derive(Debug)]
pub(crate) struct Scan {
    segments: Arc<Segments>,
    at: Position,
    end: Position,
    file: BufReader<File>,
}

impl Scan {
    /// A scan of the lines between these two positions.
    pub(crate) fn open(
        segments: Arc<Segments>,
        start: Position,
        end: Position,
    ) -> Result<Scan, StoreError> {
        Ok(Scan {
            at: start,
            end,
            file: open_at(&segments, start)?,
            segments,
        })
    }

    /// The files that it reads.
    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The next line, without its newline.
    pub(crate) fn next(&mut self) -> Result<Option<(Location, Vec<u8>)>, StoreError> {
        let mut line = self.read_line()?;
        while line.is_empty() && self.at.segment < self.end.segment {
            self.at = Position {
                segment: self.at.segment + 1,
                offset: 0,
            };
            self.file = open_at(&self.segments, self.at)?;
            line = self.read_line()?;
        }
        if line.is_empty() {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') || !is_canonical_object(&line) {
            let what = format!(
                "expected a block as one line of canonical JSON, at most {LINE_LIMIT_BYTES} \
                 bytes long, and found something else, with more lines behind it"
            );
            return Err(self.segments.corrupt(self.at, what));
        }
        let location = Location {
            start: self.at,
            length_bytes: line.len() as u32,
            sum: sum_of(&line),
        };
        self.at = location.end();
        Ok(Some((location, line)))
    }

    fn read_line(&mut self) -> Result<Vec<u8>, StoreError> {
        let left_bytes = match self.at.segment == self.end.segment {
            true => self.end.offset.saturating_sub(self.at.offset),
            false => u64::MAX,
        };
        let mut line = Vec::new();
        (&mut self.file)
            .take(left_bytes.min(LINE_LIMIT_BYTES as u64 + 1))
            .read_until(b'\n', &mut line)
            .map_err(StoreError::io("read", &self.segments.path(self.at.segment)))?;
        Ok(line)
    }
}

fn open_at(segments: &Segments, start: Position) -> Result<BufReader<File>, StoreError> {
    let path = segments.path(start.segment);
    let mut file = File::open(&path).map_err(StoreError::io("open", &path))?;
    file.seek(SeekFrom::Start(start.offset))
        .map_err(StoreError::io("read", &path))?;
    Ok(BufReader::with_capacity(READ_STEP_BYTES, file))
}

//! The files that the block log consists of, for reading. Any thread may read
//! through one `Segments`; what has been written once never changes, so nobody
//! waits for the writer.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use adit_core::hash::Hash;

use crate::error::{StoreError, rebuild_command};
use crate::files::durable::{check_is_file, files_in};
use crate::log::damage::Damages;
use crate::log::damaged_block::DamagedBlock;
use crate::log::line::{LINE_LIMIT_BYTES, sum_of};
use crate::log::position::{Location, Position};

/// At most this many segments are held open for reading, those opened last.
pub const OPEN_SEGMENTS_LIMIT: usize = 64;

/// How much of a long line is checked at a time.
const CHECKED_PIECE_BYTES: usize = 16 * 1024;

/// The block log's files.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    open: Mutex<Vec<(u32, Arc<File>)>>,
    damages: Damages,
}

impl Segments {
    /// Those in `folder`; none is opened yet.
    pub(crate) fn new(folder: PathBuf) -> Segments {
        Segments {
            folder,
            open: Mutex::new(Vec::new()),
            damages: Damages::default(),
        }
    }

    /// The folder that they lie in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of that segment.
    pub(crate) fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:06}.jsonl"))
    }

    /// The number of the last segment; 0 where there is none yet. No number
    /// before it may be missing.
    pub(crate) fn last(&self) -> Result<u32, StoreError> {
        let mut numbers = Vec::new();
        for path in files_in(&self.folder)? {
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| name.strip_suffix(".jsonl"));
            numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        for (expected, found) in (1..).zip(&numbers) {
            if expected != *found {
                return Err(self.missing(expected));
            }
        }
        Ok(numbers.last().copied().unwrap_or(0))
    }

    /// How long that segment is now.
    pub(crate) fn length_bytes(&self, segment: u32) -> Result<u64, StoreError> {
        let path = self.path(segment);
        check_is_file(&path).map_err(StoreError::io("open", &path))?;
        let data = fs::metadata(&path).map_err(StoreError::io("look at", &path))?;
        Ok(data.len())
    }

    /// Reads the line of that block, without its newline, and checks that it is
    /// what was written.
    pub(crate) fn read(
        &self,
        hash: &Hash,
        height: u64,
        location: Location,
    ) -> Result<Vec<u8>, StoreError> {
        self.check_length(location)?;
        let line_end = location.length_bytes as usize;
        let mut line = vec![0; line_end + 1];
        self.read_into(location.start, &mut line)?;
        match line.pop() {
            Some(b'\n') if sum_of(&line) == location.sum => Ok(line),
            _ => Err(self.damaged(hash, height, location)),
        }
    }

    /// Checks that a line is what was written, without holding it whole.
    pub(crate) fn check(
        &self,
        hash: &Hash,
        height: u64,
        location: Location,
    ) -> Result<(), StoreError> {
        self.check_length(location)?;
        let mut sum = crc32fast::Hasher::new();
        let mut piece = [0; CHECKED_PIECE_BYTES];
        let (mut start, mut left) = (location.start, location.length_bytes as usize);
        while left > 0 {
            let piece = &mut piece[..left.min(CHECKED_PIECE_BYTES)];
            self.read_into(start, piece)?;
            sum.update(piece);
            start.offset += piece.len() as u64;
            left -= piece.len();
        }
        match sum.finalize() == location.sum {
            true => Ok(()),
            false => Err(self.damaged(hash, height, location)),
        }
    }

    /// A block is not what was written there.
    pub(crate) fn damaged(&self, hash: &Hash, height: u64, location: Location) -> StoreError {
        let block = DamagedBlock {
            hash: *hash,
            height,
            file: self.path(location.start.segment),
            offset: location.start.offset,
            length_bytes: location.length_bytes,
            sum: location.sum,
        };
        self.damages.note(&block);
        StoreError::Damaged(Box::new(block))
    }

    /// The blocks that were found so.
    pub(crate) fn damages(&self) -> &Damages {
        &self.damages
    }

    /// The error when the line at that place is not what was written there.
    pub(crate) fn corrupt(&self, at: Position, what: String) -> StoreError {
        let file = self.path(at.segment);
        StoreError::Corrupt {
            offset: at.offset,
            what,
            advice: format!(
                "put the file back from a backup; or keep a copy, cut it before this line \
                 (truncate -s {} {}), move away any segment with a greater number, \
                 rebuild the index with {}, and let the peers supply the rest",
                at.offset,
                file.display(),
                rebuild_command(&file)
            ),
            file,
        }
    }

    /// Fills `out` with what lies at that position.
    pub(crate) fn read_into(&self, start: Position, out: &mut [u8]) -> Result<(), StoreError> {
        let file = self.file(start.segment)?;
        file.read_exact_at(out, start.offset)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => self.too_short(start, out.len()),
                _ => StoreError::io("read", &self.path(start.segment))(error),
            })
    }

    fn file(&self, segment: u32) -> Result<Arc<File>, StoreError> {
        // A panic elsewhere can't leave the list half changed.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = open.iter().find(|(number, _)| *number == segment) {
            return Ok(Arc::clone(file));
        }
        let path = self.path(segment);
        let file = Arc::new(File::open(&path).map_err(StoreError::io("open", &path))?);
        if open.len() == OPEN_SEGMENTS_LIMIT {
            open.remove(0);
        }
        open.push((segment, Arc::clone(&file)));
        Ok(file)
    }

    fn missing(&self, segment: u32) -> StoreError {
        let file = self.path(segment);
        StoreError::Corrupt {
            offset: 0,
            what: "this part of the block log is missing, later ones are there".to_owned(),
            advice: format!(
                "put the file back from a backup; or move the later ones away, rebuild the \
                 index with {}, and let the peers supply the blocks",
                rebuild_command(&file)
            ),
            file,
        }
    }

    /// No line is longer than the limit, whatever the index says.
    pub(crate) fn check_length(&self, location: Location) -> Result<(), StoreError> {
        if location.length_bytes as usize <= LINE_LIMIT_BYTES {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            file: self.path(location.start.segment),
            offset: location.start.offset,
            what: format!(
                "expected a block of at most {LINE_LIMIT_BYTES} bytes, \
                 and the index says that it has {}",
                location.length_bytes
            ),
            advice: index_does_not_fit(&self.path(location.start.segment)),
        })
    }

    fn too_short(&self, start: Position, expected_bytes: usize) -> StoreError {
        StoreError::Corrupt {
            file: self.path(start.segment),
            offset: start.offset,
            what: format!("expected {expected_bytes} bytes of a block, found the end"),
            advice: index_does_not_fit(&self.path(start.segment)),
        }
    }
}

/// What to do when the log is not as the index says.
pub(crate) fn index_does_not_fit(file: &Path) -> String {
    format!(
        "the file was cut or replaced behind the node's back; put it back from a backup, or \
         rebuild the index from what is there: {}",
        rebuild_command(file)
    )
}

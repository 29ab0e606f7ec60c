//! The pending log: the transactions that wait for a block, in a file that is
//! rewritten from time to time and appended to in between. Its name is the
//! position in the block log at which it was rewritten: blocks from there on
//! may have taken some of its transactions.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use adit_core::mempool::{Origin, Pending};

use crate::error::StoreError;
use crate::files::durable::{Durability, create_folder, files_in, read_file};
use crate::log::line::{is_canonical_object, sum_of, was_whole};
use crate::log::position::Position;
use crate::log::writer::Appender;

/// The folder that it lies in.
pub(crate) const PENDING_FOLDER: &str = "pending";

const ACCEPTED: &[u8] = b"{\"accepted\": ";
const RETURNED: &[u8] = b"{\"returned\": ";

/// Behind it stands the sum of the transaction's text: nothing else would show
/// that a digit of what waits has changed on the disk.
const SUM: &[u8] = b", \"sum\": ";

/// The pending log's writer.
#[derive(Debug)]
pub(crate) struct PendingLog {
    folder: PathBuf,
    durability: Durability,
    position: Position,
    compacted_bytes: u64,
    lines: Appender,
}

impl PendingLog {
    /// Opens the newest file in `folder` and reads it; older ones are
    /// deleted. `log_end` is where the block log ends now.
    pub(crate) fn open(
        folder: PathBuf,
        durability: Durability,
        log_end: Position,
    ) -> Result<(PendingLog, Kept), StoreError> {
        create_folder(&folder)?;
        let position = newest(&folder)?.unwrap_or(log_end);
        let path = path(&folder, position);
        delete_others(&folder, &path)?;
        let is_there = path.exists();
        let pending = match is_there {
            true => read(&path, durability)?,
            false => Kept::default(),
        };
        let lines = Appender::open(&path)?;
        if !is_there {
            durability.sync_folder(&folder)?;
        }
        let mut log = PendingLog {
            compacted_bytes: lines.end_bytes(),
            folder,
            durability,
            position,
            lines,
        };
        if position > log_end {
            log.move_back_to(log_end)?;
        }
        Ok((log, pending))
    }

    /// A log that is neither read nor written. `log_end` is where the block log
    /// ends.
    pub(crate) fn frozen(folder: PathBuf, log_end: Position) -> Result<PendingLog, StoreError> {
        let position = match folder.exists() {
            true => newest(&folder)?.unwrap_or(log_end),
            false => log_end,
        };
        Ok(PendingLog {
            folder,
            durability: Durability::None,
            position: position.min(log_end),
            compacted_bytes: 0,
            lines: Appender::frozen(0)?,
        })
    }

    /// The transactions in it are those that waited when the block log stood
    /// there, and those accepted since.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// How much it has grown since it was rewritten.
    pub(crate) fn grown_bytes(&self) -> u64 {
        self.lines.end_bytes().saturating_sub(self.compacted_bytes)
    }

    /// How long it was then.
    pub(crate) fn compacted_bytes(&self) -> u64 {
        self.compacted_bytes
    }

    /// Appends an accepted transaction.
    pub(crate) fn append(&mut self, text: &[u8]) -> Result<(), StoreError> {
        self.lines.append(&[ACCEPTED, text, &end_of_line(text)])
    }

    /// Waits until everything appended is durable.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        self.lines.sync(self.durability)
    }

    /// Whether everything appended is durable.
    pub(crate) fn is_synced(&self) -> bool {
        self.lines.is_synced()
    }

    /// Rewrites it: these transactions wait while the block log stands at
    /// `position`.
    pub(crate) fn rewrite<'a>(
        &mut self,
        position: Position,
        pending: impl Iterator<Item = (&'a [u8], Origin)>,
    ) -> Result<(), StoreError> {
        let path = path(&self.folder, position);
        self.durability.replace_file(&path, |out| {
            for (text, origin) in pending {
                out.write_all(match origin {
                    Origin::Accepted => ACCEPTED,
                    Origin::Returned => RETURNED,
                })?;
                out.write_all(text)?;
                out.write_all(&end_of_line(text))?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
        self.continue_in(&path, position)?;
        self.lines.assume_synced(u64::MAX);
        Ok(())
    }

    /// The block log was cut below the point at which the file was rewritten,
    /// so it counts as rewritten where the block log ends now.
    fn move_back_to(&mut self, position: Position) -> Result<(), StoreError> {
        let path = path(&self.folder, position);
        fs::rename(self.lines.path(), &path).map_err(StoreError::io("rename a file to", &path))?;
        self.durability.sync_folder(&self.folder)?;
        self.continue_in(&path, position)
    }

    fn continue_in(&mut self, path: &Path, position: Position) -> Result<(), StoreError> {
        self.lines = Appender::open(path)?;
        self.compacted_bytes = self.lines.end_bytes();
        self.position = position;
        delete_others(&self.folder, path)
    }
}

fn path(folder: &Path, position: Position) -> PathBuf {
    let Position { segment, offset } = position;
    folder.join(format!("{segment:06}-{offset:012}.jsonl"))
}

fn newest(folder: &Path) -> Result<Option<Position>, StoreError> {
    let mut newest = None;
    for path in files_in(folder)? {
        let name = path.file_name().and_then(|name| name.to_str());
        newest = newest.max(name.and_then(position_in));
    }
    Ok(newest)
}

fn position_in(name: &str) -> Option<Position> {
    let (segment, offset) = name.strip_suffix(".jsonl")?.split_once('-')?;
    Some(Position {
        segment: segment.parse().ok().filter(|segment| *segment > 0)?,
        offset: offset.parse().ok()?,
    })
}

fn delete_others(folder: &Path, kept: &Path) -> Result<(), StoreError> {
    for path in files_in(folder)? {
        if path != kept {
            fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
        }
    }
    Ok(())
}

/// What the file held.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The transactions in it.
    pub(crate) pending: Vec<Pending>,
    /// Those of them that have no sum: their places in the list, and the errors
    /// to report if they turn out not to be what was written.
    pub(crate) without_sum: Vec<(usize, StoreError)>,
}

/// Reads the transactions. A last line that was not written whole is cut off:
/// nobody was told that its transaction was accepted.
fn read(path: &Path, durability: Durability) -> Result<Kept, StoreError> {
    let text = read_file(path).map_err(StoreError::io("read", path))?;
    let mut kept = Kept::default();
    let mut offset = 0;
    while offset < text.len() {
        let rest = &text[offset..];
        let newline = rest.iter().position(|byte| *byte == b'\n');
        // If the last line has no newline, leave out what stands in its place.
        let line = &rest[..newline.unwrap_or(rest.len() - 1)];
        let next = offset + line.len() + 1;
        match (transaction_in(line), newline) {
            (Line::Transaction { has_sum: false, .. }, None) => {
                cut(path, offset as u64, durability)?;
                break;
            }
            (Line::Transaction { one, has_sum }, newline) => {
                if !has_sum {
                    let error = bad_line(path, offset as u64);
                    kept.without_sum.push((kept.pending.len(), error));
                }
                kept.pending.push(one);
                if newline.is_none() {
                    put_newline(path, next as u64 - 1, durability)?;
                }
            }
            (Line::Other, _) if next == text.len() && !(newline.is_some() && was_whole(line)) => {
                cut(path, offset as u64, durability)?;
                break;
            }
            (Line::Changed | Line::Other, _) => return Err(bad_line(path, offset as u64)),
        }
        offset = next;
    }
    Ok(kept)
}

/// What stands in a line of the log.
enum Line {
    Transaction {
        one: Pending,
        has_sum: bool,
    },
    /// A whole line, that is not as it was written.
    Changed,
    /// Anything else: the start of a line, for example.
    Other,
}

fn transaction_in(line: &[u8]) -> Line {
    let accepted = line.strip_prefix(ACCEPTED);
    let returned = || Some((line.strip_prefix(RETURNED)?, Origin::Returned));
    let begun = accepted.map(|rest| (rest, Origin::Accepted));
    let Some((rest, origin)) = begun.or_else(returned) else {
        return Line::Other;
    };
    let Some(rest) = rest.strip_suffix(b"}") else {
        return Line::Other;
    };
    let (text, has_sum) = match without_sum(rest) {
        Some((text, sum)) if sum_of(text) != sum => return Line::Changed,
        Some((text, _)) => (text, true),
        // As version 0.1.0 wrote it.
        None => (rest, false),
    };
    match is_canonical_object(text) {
        true => Line::Transaction {
            one: Pending {
                text: text.into(),
                origin,
            },
            has_sum,
        },
        false => Line::Other,
    }
}

/// What stands behind a transaction in its line.
fn end_of_line(text: &[u8]) -> Vec<u8> {
    let sum = sum_of(text).to_string();
    [SUM, sum.as_bytes(), b"}"].concat()
}

/// Takes the sum off, if there is one.
fn without_sum(line: &[u8]) -> Option<(&[u8], u32)> {
    let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let (rest, digits) = line.split_at(line.len() - digits.count());
    let sum = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((rest.strip_suffix(SUM)?, sum))
}

fn cut(path: &Path, offset: u64, durability: Durability) -> Result<(), StoreError> {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(StoreError::io("open", path))?;
    file.set_len(offset)
        .map_err(StoreError::io("shorten", path))?;
    durability.sync_file(&file, path)?;
    tracing::warn!(
        file = %path.display(),
        offset,
        "the last line of the pending log was not written whole and was cut off"
    );
    Ok(())
}

/// What stands behind a whole line must be a newline, whatever it is now.
fn put_newline(path: &Path, offset: u64, durability: Durability) -> Result<(), StoreError> {
    let file = fs::OpenOptions::new().write(true).open(path);
    let file = file.map_err(StoreError::io("open", path))?;
    file.write_all_at(b"\n", offset)
        .map_err(StoreError::io("write to", path))?;
    durability.sync_file(&file, path)?;
    tracing::warn!(
        file = %path.display(),
        offset,
        "the newline behind a line of the pending log had changed and was put back"
    );
    Ok(())
}

fn bad_line(path: &Path, offset: u64) -> StoreError {
    StoreError::Corrupt {
        file: path.to_path_buf(),
        offset,
        what: "expected {\"accepted\": a transaction, \"sum\": its CRC-32} or the same with \
               \"returned\", and found something else"
            .to_owned(),
        advice: "keep a copy and delete this line; the other waiting transactions stay".to_owned(),
    }
}

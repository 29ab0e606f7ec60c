//! The end of the block log as a crash may have left it. A last line that was
//! not written whole was never acknowledged to anybody: it is set aside, and
//! the log ends before it. Anything else that is wrong is not decided here.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::durable::Durability;
use crate::error::StoreError;
use crate::line::{LINE_LIMIT_BYTES, is_canonical_object};
use crate::position::Position;
use crate::segments::{INDEX_DOES_NOT_FIT, Segments};

/// How much is read at a time in search of the last line's begin.
const BACKWARD_STEP_BYTES: u64 = 64 * 1024;

/// Cuts a torn last line off the log. `covered` is how far the index knows the
/// log; all before it was durable once, and is not looked at.
pub(crate) fn cut_torn_line(
    segments: &Segments,
    covered: Position,
    durability: Durability,
) -> Result<(), StoreError> {
    let last = segments.last()?;
    if last == 0 {
        return check_reaches(segments, covered, Position::START);
    }
    let length_bytes = segments.length_bytes(last)?;
    let end = Position {
        segment: last,
        offset: length_bytes,
    };
    check_reaches(segments, covered, end)?;
    check_between_lines(segments, covered)?;
    match torn_in(segments, covered, end)? {
        Some(start) => cut(segments, last, start, durability),
        None => Ok(()),
    }
}

/// Where the log ends, a torn last line not counted; it stays where it is.
pub(crate) fn whole_end(segments: &Segments, covered: Position) -> Result<Position, StoreError> {
    let last = match segments.folder().exists() {
        true => segments.last()?,
        false => 0,
    };
    if last == 0 {
        check_reaches(segments, covered, Position::START)?;
        return Ok(Position::START);
    }
    let end = Position {
        segment: last,
        offset: segments.length_bytes(last)?,
    };
    check_reaches(segments, covered, end)?;
    check_between_lines(segments, covered)?;
    let torn = torn_in(segments, covered, end)?;
    Ok(Position {
        offset: torn.unwrap_or(end.offset),
        ..end
    })
}

/// Where the last line of the log begins, if it is torn.
fn torn_in(
    segments: &Segments,
    covered: Position,
    end: Position,
) -> Result<Option<u64>, StoreError> {
    let lowest = match covered.segment == end.segment {
        true => covered.offset,
        false => 0,
    };
    if end.offset == lowest {
        return Ok(None);
    }
    let path = segments.path(end.segment);
    let file = File::open(&path).map_err(StoreError::io("open", &path))?;
    torn_from(&file, lowest, end.offset).map_err(StoreError::io("read", &path))
}

/// Where the last line begins, if it is torn.
fn torn_from(file: &File, lowest: u64, length_bytes: u64) -> std::io::Result<Option<u64>> {
    let mut last_byte = [0];
    file.read_exact_at(&mut last_byte, length_bytes - 1)?;
    if last_byte != *b"\n" {
        return line_start(file, lowest, length_bytes).map(Some);
    }
    let start = line_start(file, lowest, length_bytes - 1)?;
    let line_bytes = usize::try_from(length_bytes - 1 - start).unwrap_or(usize::MAX);
    if line_bytes > LINE_LIMIT_BYTES {
        return Ok(Some(start));
    }
    let mut line = vec![0; line_bytes];
    file.read_exact_at(&mut line, start)?;
    Ok(Some(start).filter(|_| !is_canonical_object(&line)))
}

/// The first byte behind the last newline in `lowest..end`.
fn line_start(file: &File, lowest: u64, end: u64) -> std::io::Result<u64> {
    let mut end = end;
    let mut step = Vec::new();
    while end > lowest {
        let start = end.saturating_sub(BACKWARD_STEP_BYTES).max(lowest);
        step.resize((end - start) as usize, 0);
        file.read_exact_at(&mut step, start)?;
        if let Some(newline) = step.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(lowest)
}

fn cut(
    segments: &Segments,
    segment: u32,
    start: u64,
    durability: Durability,
) -> Result<(), StoreError> {
    let path = segments.path(segment);
    let aside = segments.folder().join(format!("{segment:06}.torn-{start}"));
    let mut from = File::open(&path).map_err(StoreError::io("open", &path))?;
    from.seek(SeekFrom::Start(start))
        .map_err(StoreError::io("read", &path))?;
    let mut bytes = 0;
    durability.replace_file(&aside, |out| {
        bytes = std::io::copy(&mut from, out)?;
        Ok(())
    })?;
    let log = OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    log.set_len(start)
        .map_err(StoreError::io("shorten", &path))?;
    durability.sync_file(&log, &path)?;
    tracing::warn!(
        file = %path.display(),
        offset = start,
        bytes,
        saved_as = %aside.display(),
        "the last line of the block log was not written whole and was cut off"
    );
    Ok(())
}

fn check_reaches(segments: &Segments, covered: Position, end: Position) -> Result<(), StoreError> {
    if covered <= end {
        return check_segment_length(segments, covered, end);
    }
    Err(StoreError::Corrupt {
        file: segments.path(end.segment),
        offset: end.offset,
        what: format!("the block log ends here, but the index knows blocks up to {covered}"),
        advice: INDEX_DOES_NOT_FIT.to_owned(),
    })
}

/// Later segments being there does not mean that an earlier one is whole.
fn check_segment_length(
    segments: &Segments,
    covered: Position,
    end: Position,
) -> Result<(), StoreError> {
    if covered.segment == end.segment {
        return Ok(());
    }
    let length_bytes = segments.length_bytes(covered.segment)?;
    if covered.offset <= length_bytes {
        return Ok(());
    }
    check_reaches(
        segments,
        covered,
        Position {
            segment: covered.segment,
            offset: length_bytes,
        },
    )
}

fn check_between_lines(segments: &Segments, covered: Position) -> Result<(), StoreError> {
    let Some(before) = covered.offset.checked_sub(1) else {
        return Ok(());
    };
    let mut byte = [0];
    let at = Position {
        segment: covered.segment,
        offset: before,
    };
    segments.read_into(at, &mut byte)?;
    if byte == *b"\n" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        file: segments.path(covered.segment),
        offset: covered.offset,
        what: "the index knows the blocks before this byte, but no line begins here".to_owned(),
        advice: INDEX_DOES_NOT_FIT.to_owned(),
    })
}

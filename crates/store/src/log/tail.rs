//! The end of the block log as a crash may have left it. A last line that was
//! not written whole was never acknowledged to anybody: it is set aside, and
//! the log ends before it. Anything else that is wrong is not decided here.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::error::StoreError;
use crate::files::durable::Durability;
use crate::log::line::{LINE_LIMIT_BYTES, is_canonical_object, was_whole};
use crate::log::position::Position;
use crate::log::segments::{Segments, index_does_not_fit};

/// How much is read at a time in search of the last line's start.
const BACKWARD_STEP_BYTES: u64 = 64 * 1024;

/// Cuts a torn last line off the log. `covered` is how far the index knows the
/// log; everything before that was durable once, and is not looked at.
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
    if has_lost_newline(segments, covered)? {
        put_newline(segments, covered, durability)?;
    }
    check_between_lines(segments, covered)?;
    match last_line(segments, covered, end)? {
        LastLine::Whole => Ok(()),
        LastLine::WithoutNewline => put_newline(segments, end, durability),
        LastLine::Torn(start) => cut(segments, last, start, durability),
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
    if !has_lost_newline(segments, covered)? {
        check_between_lines(segments, covered)?;
    }
    let offset = match last_line(segments, covered, end)? {
        LastLine::Whole | LastLine::WithoutNewline => end.offset,
        LastLine::Torn(start) => start,
    };
    Ok(Position { offset, ..end })
}

/// How the log ends.
enum LastLine {
    Whole,
    /// It is whole, but with another byte in place of its newline.
    WithoutNewline,
    /// It begins there and was not written whole.
    Torn(u64),
}

/// Looks at the last line behind what is covered. One that was whole once, and
/// is not as it was written, may have been acknowledged: it is not cut.
fn last_line(
    segments: &Segments,
    covered: Position,
    end: Position,
) -> Result<LastLine, StoreError> {
    let lowest = match covered.segment == end.segment {
        true => covered.offset,
        false => 0,
    };
    if end.offset == lowest {
        return Ok(LastLine::Whole);
    }
    let (start, line) = line_before(segments, lowest, end)?;
    let Some((last_byte, line)) = line.as_deref().and_then(<[u8]>::split_last) else {
        return Ok(LastLine::Torn(start));
    };
    match (*last_byte == b'\n', is_canonical_object(line)) {
        (true, true) => Ok(LastLine::Whole),
        (false, true) => Ok(LastLine::WithoutNewline),
        (true, false) if was_whole(line) => {
            let at = Position {
                offset: start,
                ..end
            };
            let what = "expected a block as one line of canonical JSON, and found a line that \
                        has changed since it was written";
            Err(segments.corrupt(at, what.to_owned()))
        }
        (_, false) => Ok(LastLine::Torn(start)),
    }
}

/// Whether the line that ends there is whole except for its newline.
fn has_lost_newline(segments: &Segments, end: Position) -> Result<bool, StoreError> {
    if ends_in_newline(segments, end)? {
        return Ok(false);
    }
    let (_, line) = line_before(segments, 0, end)?;
    Ok(line
        .as_deref()
        .and_then(<[u8]>::split_last)
        .is_some_and(|(_, line)| is_canonical_object(line)))
}

/// Where the line that ends there begins, and the line with its last byte,
/// whichever that is; `None` if it is longer than a line can be.
fn line_before(
    segments: &Segments,
    lowest: u64,
    end: Position,
) -> Result<(u64, Option<Vec<u8>>), StoreError> {
    let path = segments.path(end.segment);
    let file = File::open(&path).map_err(StoreError::io("open", &path))?;
    let read = || {
        let start = line_start(&file, lowest, end.offset - 1)?;
        let line_bytes = usize::try_from(end.offset - start).unwrap_or(usize::MAX);
        if line_bytes > LINE_LIMIT_BYTES + 1 {
            return Ok((start, None));
        }
        let mut line = vec![0; line_bytes];
        file.read_exact_at(&mut line, start)?;
        Ok((start, Some(line)))
    };
    read().map_err(StoreError::io("read", &path))
}

/// What stands behind a whole line must be a newline, whatever it is now.
fn put_newline(
    segments: &Segments,
    end: Position,
    durability: Durability,
) -> Result<(), StoreError> {
    let path = segments.path(end.segment);
    let file = OpenOptions::new().write(true).open(&path);
    let file = file.map_err(StoreError::io("open", &path))?;
    file.write_all_at(b"\n", end.offset - 1)
        .map_err(StoreError::io("write to", &path))?;
    durability.sync_file(&file, &path)?;
    tracing::warn!(
        file = %path.display(),
        offset = end.offset - 1,
        "the newline behind a block of the log had changed and was put back"
    );
    Ok(())
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
        advice: index_does_not_fit(&segments.path(end.segment)),
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

/// Whether there is a newline before that place, or nothing.
fn ends_in_newline(segments: &Segments, end: Position) -> Result<bool, StoreError> {
    let Some(before) = end.offset.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    let at = Position {
        offset: before,
        ..end
    };
    segments.read_into(at, &mut byte)?;
    Ok(byte == *b"\n")
}

fn check_between_lines(segments: &Segments, covered: Position) -> Result<(), StoreError> {
    if ends_in_newline(segments, covered)? {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        file: segments.path(covered.segment),
        offset: covered.offset,
        what: "the index knows the blocks before this byte, but no line begins here".to_owned(),
        advice: index_does_not_fit(&segments.path(covered.segment)),
    })
}

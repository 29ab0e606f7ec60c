//! The standard output of commands, which people and programs read: JSON as it
//! came, or lines for people, with colours and ages only on a terminal that
//! shows them. It is no error when nobody reads any more.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects};
use anyhow::Result;
use unicode_width::UnicodeWidthStr;

use crate::terminal::escape::{visible, visible_json};

/// Behind the longest name of some rows.
const GAP_COLUMNS: usize = 2;

/// Times more than this after now are from another clock than ours.
const FUTURE_TOLERANCE_MS: u64 = 1_000;

/// Where a command prints what it found.
pub(crate) struct Output {
    stream: io::Stdout,
    /// Whether only JSON is wanted.
    pub(crate) json: bool,
    is_terminal: bool,
    has_styles: bool,
    columns: Option<usize>,
    now_ms: u64,
}

/// The reader of the output has seen enough; the command ends without an error.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub(crate) struct ReaderGone;

/// What is to be said of one thing: names, and values of any origin.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Row>);

#[derive(Debug)]
struct Row {
    name: String,
    value: String,
    style: Option<Style>,
}

/// What a text is to its reader.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// The name of something.
    Label,
    Good,
    Bad,
}

impl Rows {
    pub(crate) fn add(&mut self, name: &str, value: impl Display) {
        self.add_styled(name, None, value);
    }

    /// The same, and says how it is.
    pub(crate) fn add_styled(&mut self, name: &str, style: Option<Style>, value: impl Display) {
        let value = value.to_string();
        self.0.push(Row {
            name: visible(name).into_owned(),
            value: visible(&value).into_owned(),
            style,
        });
    }
}

impl Output {
    /// Prints how to get the rest of a list.
    pub(crate) fn more(&mut self, next: Option<&str>) -> Result<()> {
        let Some(cursor) = next else { return Ok(()) };
        let line = format!("more with --cursor {}", visible(cursor));
        self.line(&self.styled(Style::Label, &line))
    }

    pub(crate) fn new(json: bool) -> Output {
        let stream = io::stdout();
        let is_terminal = stream.is_terminal();
        Output {
            // It knows NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb.
            has_styles: !json && AutoStream::choice(&stream) != ColorChoice::Never,
            columns: is_terminal.then(columns_of_terminal).flatten(),
            now_ms: now_ms(),
            stream,
            json,
            is_terminal,
        }
    }

    /// Whether somebody looks at it, and not a program.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The room in a line; `None` is unlimited.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// JSON as it came, on a line of its own. On a terminal it is escaped: it
    /// does nothing there, and means the same.
    pub(crate) fn document(&mut self, json: &[u8]) -> Result<()> {
        if self.is_terminal {
            let text = String::from_utf8_lossy(json);
            return self.line(&visible_json(text.trim_end()));
        }
        self.exactly(json)?;
        match json.ends_with(b"\n") {
            true => Ok(()),
            false => self.exactly(b"\n"),
        }
    }

    /// Bytes and nothing else; on a terminal as `document`.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        match self.is_terminal {
            true => self.document(bytes),
            false => self.exactly(bytes),
        }
    }

    /// A line whose parts are harmless.
    pub(crate) fn line(&mut self, line: &(impl Display + ?Sized)) -> Result<()> {
        self.exactly(format!("{line}\n").as_bytes())
    }

    /// Names and values, one pair a line.
    pub(crate) fn rows(&mut self, rows: &Rows) -> Result<()> {
        let widest = rows.0.iter().map(|row| row.name.width()).max();
        let width = widest.unwrap_or_default() + GAP_COLUMNS;
        for Row { name, value, style } in &rows.0 {
            let padding = " ".repeat(width - name.width());
            let name = self.styled(Style::Label, name);
            let value = style.map_or_else(|| value.clone(), |style| self.styled(style, value));
            self.line(&format!("{name}{padding}{value}"))?;
        }
        Ok(())
    }

    /// What was written is on its way.
    pub(crate) fn flush(&mut self) -> Result<()> {
        told(self.stream.flush())
    }

    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if !self.has_styles {
            return text.to_owned();
        }
        let style = match style {
            Style::Label => anstyle::Style::new().effects(Effects::DIMMED),
            Style::Good => AnsiColor::Green.on_default(),
            Style::Bad => AnsiColor::Red.on_default(),
        };
        format!("{style}{text}{style:#}")
    }

    /// A time in UTC, and on a terminal how long ago it was.
    pub(crate) fn time(&self, time_ms: u64) -> String {
        match self.age(time_ms) {
            age if age.is_empty() => utc(time_ms),
            age => format!("{} ({age})", utc(time_ms)),
        }
    }

    /// How long ago it was; nothing if nobody looks.
    pub(crate) fn age(&self, time_ms: u64) -> String {
        match self.is_terminal {
            true => ago(self.now_ms, time_ms),
            false => String::new(),
        }
    }

    /// Bytes as they are, also on a terminal: they must be ours.
    pub(crate) fn exactly(&mut self, bytes: &[u8]) -> Result<()> {
        told(self.stream.write_all(bytes))
    }
}

fn told(written: io::Result<()>) -> Result<()> {
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => error.into(),
    })
}

/// A time in UTC to the second, as RFC 3339 writes it.
pub(crate) fn utc(time_ms: u64) -> String {
    match of_calendar(time_ms) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => format!("{time_ms} ms after 1970"),
    }
}

/// The same to the millisecond.
pub(crate) fn utc_millis(time_ms: u64) -> String {
    match of_calendar(time_ms) {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => format!("{time_ms} ms after 1970"),
    }
}

/// What lies beyond the year 9999 has no such text.
fn of_calendar(time_ms: u64) -> Option<SystemTime> {
    const YEAR_10000: u64 = 253_402_300_800_000;
    (time_ms < YEAR_10000).then(|| UNIX_EPOCH + Duration::from_millis(time_ms))
}

/// "3 min ago".
fn ago(now_ms: u64, time_ms: u64) -> String {
    let Some(age_ms) = now_ms.checked_sub(time_ms) else {
        return match time_ms - now_ms <= FUTURE_TOLERANCE_MS {
            true => "now".to_owned(),
            false => format!("in {}", coarse(time_ms - now_ms)),
        };
    };
    match age_ms < 1000 {
        true => "now".to_owned(),
        false => format!("{} ago", coarse(age_ms)),
    }
}

/// A duration in its greatest unit.
pub(crate) fn coarse(duration_ms: u64) -> String {
    match duration_ms / 1000 {
        0 => format!("{duration_ms} ms"),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// "1 block", "2 blocks".
pub(crate) fn counted(count: u64, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// What COLUMNS says, or else the terminal.
fn columns_of_terminal() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.parse::<usize>().ok());
    said.filter(|columns| *columns > 0).or_else(|| {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    })
}

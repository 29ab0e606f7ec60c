//! Tables that fit the terminal: numbers to the right, and where there is too
//! little room, hashes give up their middle, then dispensable columns leave.
//! What is in the cells is escaped here; what it means is not known.

use anyhow::Result;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::escape::visible;
use crate::terminal::output::{Output, Style};

/// Between two columns.
const GAP: &str = "  ";

/// Stands for what was left out.
const ELLIPSIS: char = '…';

/// A shortened text keeps at least this many characters,
const SHORTEST: usize = 9;

/// and a shortened number this many: those of a u64.
const SHORTEST_NUMBER: usize = 20;

/// How a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To the right, and shortened only if no usual number is that long.
    Number,
    /// To the left, and never shortened.
    Word,
    /// To the left; where there is no room, without its middle.
    Long,
}

/// A column's name, how it is written, and whether the table can do without it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) can_leave: bool,
    /// Whether it is only for somebody who looks at it now.
    pub(crate) is_for_terminals: bool,
}

/// Rows of cells, one for each column.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

pub(crate) const fn number(name: &'static str) -> Column {
    Column::new(name, Kind::Number)
}

pub(crate) const fn word(name: &'static str) -> Column {
    Column::new(name, Kind::Word)
}

pub(crate) const fn long(name: &'static str) -> Column {
    Column::new(name, Kind::Long)
}

impl Column {
    const fn new(name: &'static str, kind: Kind) -> Column {
        Column {
            name,
            kind,
            can_leave: false,
            is_for_terminals: false,
        }
    }

    /// It is left out where nobody looks.
    pub(crate) const fn on_terminals(self) -> Column {
        Column {
            is_for_terminals: true,
            ..self
        }
    }

    /// It is left out of a terminal that is too narrow.
    pub(crate) const fn or_leave(self) -> Column {
        Column {
            can_leave: true,
            ..self
        }
    }
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Table {
        Table {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// The cells are texts of any origin.
    pub(crate) fn row<const COUNT: usize>(&mut self, cells: [String; COUNT]) {
        assert_eq!(COUNT, self.columns.len(), "a cell for each column");
        let cells = cells.iter().map(|cell| visible(cell).into_owned());
        self.rows.push(cells.collect());
    }

    /// Writes it, no wider than the output if it has a width.
    pub(crate) fn write(mut self, output: &mut Output) -> Result<()> {
        for at in (0..self.columns.len()).rev() {
            if self.columns[at].is_for_terminals && !output.is_terminal() {
                self.remove(at);
            }
        }
        let widths = self.fit(output.columns());
        let header: Vec<_> = self.columns.iter().map(|one| one.name.to_owned()).collect();
        let header = self.line(&header, &widths);
        output.line(&output.styled(Style::Label, &header))?;
        for row in &self.rows {
            output.line(&self.line(row, &widths))?;
        }
        Ok(())
    }

    /// The columns' widths, once those for which there is no room have left.
    fn fit(&mut self, room: Option<usize>) -> Vec<usize> {
        loop {
            let natural = self.natural_widths();
            let Some(room) = room else {
                return natural;
            };
            let gaps = GAP.len() * natural.len().saturating_sub(1);
            let widths = self.shortened(natural, room.saturating_sub(gaps));
            let leaving = self.columns.iter().rposition(|column| column.can_leave);
            match leaving {
                Some(at) if widths.iter().sum::<usize>() + gaps > room => self.remove(at),
                _ => return widths,
            }
        }
    }

    fn natural_widths(&self) -> Vec<usize> {
        let widest = |at: usize| {
            let cells = self.rows.iter().map(|row| row[at].width()).max();
            cells.unwrap_or_default().max(self.columns[at].name.width())
        };
        (0..self.columns.len()).map(widest).collect()
    }

    /// Takes from the widest column that can be shortened, again and again,
    /// until all fit or nothing more can be taken.
    fn shortened(&self, mut widths: Vec<usize>, room: usize) -> Vec<usize> {
        while widths.iter().sum::<usize>() > room {
            let can_give = |at: &usize| match self.columns[*at].kind {
                Kind::Long => widths[*at] > SHORTEST,
                Kind::Number => widths[*at] > SHORTEST_NUMBER,
                Kind::Word => false,
            };
            let widest = (0..widths.len()).filter(can_give);
            match widest.max_by_key(|at| widths[*at]) {
                Some(at) => widths[at] -= 1,
                None => break,
            }
        }
        widths
    }

    fn remove(&mut self, at: usize) {
        self.columns.remove(at);
        for row in &mut self.rows {
            row.remove(at);
        }
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if at > 0 {
                line.push_str(GAP);
            }
            let cell = without_middle(cell, *width);
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            match self.columns[at].kind {
                Kind::Number => line.extend([padding.as_str(), &cell]),
                Kind::Word | Kind::Long => line.extend([cell.as_str(), &padding]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The text, or its two ends if it is wider than that.
pub(crate) fn without_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let begin = taken(text.chars(), room.div_ceil(2));
    let end = taken(text.chars().rev(), room / 2);
    let end: String = end.chars().rev().collect();
    format!("{begin}{ELLIPSIS}{end}")
}

/// As many characters as have room.
fn taken(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let fitting = characters.take_while(|character| {
        used += character.width().unwrap_or_default();
        used <= room
    });
    fitting.collect()
}

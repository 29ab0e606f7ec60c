//! A text that looks like a dictionary, taken apart into its keys and their values
//! as they are written, and drawn beside another one: equal keys are joined by lines,
//! so that their order is seen. It reads JSON and what Python's `str` makes of a
//! dictionary; what the keys mean is not known here.

use super::texts::{Part, compared, plain, quoted_length};

/// More keys than these are not drawn.
const KEYS_LIMIT: usize = 12;

/// This much of a value is drawn; all of it stands in the whole text.
const VALUE_CHARACTERS: usize = 150;

/// As many characters of a value stand in a line.
const LINE_CHARACTERS: usize = 25;

/// The height of a row with one line, and what each further line adds, in pixels;
/// `check.css` has the same.
const ROW_HEIGHT: usize = 32;
const LINE_HEIGHT: usize = 18;

/// The width of what is drawn between the two.
const WIDTH: usize = 108;

/// Two dictionaries, key by key.
pub(crate) struct Slope {
    pub(crate) left: Vec<Row>,
    pub(crate) right: Vec<Row>,
    pub(crate) lines: Vec<Line>,
    pub(crate) height: usize,
}

/// A key with its value.
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) value: Vec<Part>,
    /// `same`, `moved`, `changed` or `alone`.
    pub(crate) class: &'static str,
    pub(crate) line_count: usize,
}

/// What joins a key with itself.
pub(crate) struct Line {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) path: String,
    pub(crate) class: &'static str,
}

type Member<'a> = (&'a str, &'a str);

/// Returns both side by side, if both are dictionaries, and differ in more than the
/// blanks between their keys.
pub(super) fn slope(left: &str, right: &str) -> Option<Slope> {
    let (left, right) = (members(left)?, members(right)?);
    if left == right {
        return None;
    }
    let (left_rows, right_rows) = (rows(&left, &right, true), rows(&right, &left, false));
    let (left_at, right_at) = (centres(&left_rows), centres(&right_rows));
    let joined = left.iter().enumerate().filter_map(|(at, (key, _))| {
        let beside = right.iter().position(|(other, _)| other == key)?;
        let (from, to) = (left_at[at], right_at[beside]);
        let (start, middle, end) = (6, WIDTH / 2, WIDTH - 6);
        Some(Line {
            from,
            to,
            path: format!("M{start} {from}C{middle} {from} {middle} {to} {end} {to}"),
            class: match left_rows[at].class {
                "same" => "good",
                _ => "bad",
            },
        })
    });
    let lines = joined.collect();
    let height = height(&left_rows).max(height(&right_rows));
    Some(Slope {
        left: left_rows,
        right: right_rows,
        lines,
        height,
    })
}

fn rows(own: &[Member<'_>], others: &[Member<'_>], is_left: bool) -> Vec<Row> {
    let rank = |members: &[Member<'_>], of: &[Member<'_>], key: &str| {
        let shared = members
            .iter()
            .filter(|(name, _)| of.iter().any(|(other, _)| other == name));
        shared.map(|(name, _)| *name).position(|name| name == key)
    };
    let row = |(key, value): &Member<'_>| {
        let value = shortened(value);
        let other = others.iter().find(|(name, _)| name == key);
        let is_moved = rank(own, others, key) != rank(others, own, key);
        let (class, parts) = match other {
            None => ("alone", plain(&value)),
            Some((_, other)) => {
                let other = shortened(other);
                let (left, right) = match is_left {
                    true => compared(&value, &other),
                    false => compared(&other, &value),
                };
                let parts = if is_left { left } else { right };
                let class = match (is_moved, value == other) {
                    (true, _) => "moved",
                    (false, false) => "changed",
                    (false, true) => "same",
                };
                (class, parts)
            }
        };
        Row {
            key: crate::pages::format::visible(key.trim_matches(['"', '\'']), 30),
            line_count: value.chars().count().div_ceil(LINE_CHARACTERS).clamp(1, 6),
            value: parts,
            class,
        }
    };
    own.iter().map(row).collect()
}

fn shortened(value: &str) -> String {
    let mut characters = value.chars();
    let mut out: String = characters.by_ref().take(VALUE_CHARACTERS).collect();
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

fn row_height(row: &Row) -> usize {
    ROW_HEIGHT + LINE_HEIGHT * (row.line_count - 1)
}

fn height(rows: &[Row]) -> usize {
    rows.iter().map(row_height).sum()
}

fn centres(rows: &[Row]) -> Vec<usize> {
    let mut top = 0;
    let centre = |row: &Row| {
        let height = row_height(row);
        top += height;
        top - height / 2
    };
    rows.iter().map(centre).collect()
}

/// Returns the keys with their quotes, and the values, in the order in which they
/// stand there; none if it is no dictionary, or one of too many keys.
fn members(text: &str) -> Option<Vec<Member<'_>>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|one| "\"'".contains(*one))?;
        let (key, behind) = rest.split_at(quoted_length(rest, quote));
        let behind = behind.trim_start().strip_prefix(':')?.trim_start();
        let end = value_length(behind);
        found.push((key, behind[..end].trim_end()));
        rest = behind[end..].trim_start_matches(',').trim_start();
        if found.len() > KEYS_LIMIT {
            return None;
        }
    }
    Some(found)
}

/// Up to the comma behind it.
fn value_length(text: &str) -> usize {
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some(character) = text[at..].chars().next() {
        match character {
            '"' | '\'' => {
                at += quoted_length(&text[at..], character);
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return at,
            _ => {}
        }
        at += character.len_utf8();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_stand_as_they_are_written() {
        let text = r#"{"a": 1.50,"b" :[{"c, d": "}\""}], 'e': None}"#;
        let expected = [
            ("\"a\"", "1.50"),
            ("\"b\"", r#"[{"c, d": "}\""}]"#),
            ("'e'", "None"),
        ];
        assert_eq!(members(text).unwrap_or_default(), expected);
        for none in ["", "[1]", "{a: 1}", "{\"a\" 1}", "100"] {
            assert!(members(none).is_none(), "{none}");
        }
    }

    #[test]
    fn keys_that_stand_elsewhere_are_joined_by_crossing_lines() {
        let slope = slope(r#"{"b": 1, "a": 2, "c": 3}"#, r#"{"a": 2, "b": 1, "c": 3}"#);
        let slope = slope.unwrap_or_else(|| panic!("both are dictionaries"));
        let classes = slope.left.iter().map(|row| row.class);
        assert!(classes.eq(["moved", "moved", "same"]));
        let ends = slope.lines.iter().map(|line| (line.from, line.to));
        assert!(ends.eq([(16, 48), (48, 16), (80, 80)]));
        assert_eq!(slope.height, 96);
    }

    #[test]
    fn what_differs_in_its_blanks_alone_is_not_drawn() {
        assert!(slope(r#"{"a":1,"b":2}"#, r#"{"a": 1, "b": 2}"#).is_none());
    }
}

//! A way in which somebody may have written a block before they hashed it: how
//! it writes the block, what the difference is in words, and in the tutorial's
//! code. Which ways are tried, and what a block means, is not known here.

use adit_core::json;

use super::value::Value;

/// The order in which the tutorial puts a block's fields into a dictionary.
pub(super) const BLOCK_ORDER: [&str; 5] = [
    "index",
    "timestamp",
    "transactions",
    "proof",
    "previous_hash",
];

/// The same for a transaction's.
const TRANSACTION_ORDER: [&str; 3] = ["sender", "recipient", "amount"];

/// One way to write a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writing {
    pub(super) form: Form,
    pub(super) order: Order,
    pub(super) change: Change,
    pub(super) without: Without,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json {
        separators: Separators,
        ascii: bool,
    },
    /// `str(block)`.
    Repr,
    /// The values, one after another.
    Joined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separators {
    Python,
    Compact,
    Indent(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Sorted,
    AsItCame,
    Tutorial,
    /// The block's fields by their number among those that are written; those
    /// of what is in it as in the tutorial, or as they came.
    Fields(Vec<usize>, bool),
}

/// What is changed before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    TimestampCut,
    TimestampRounded,
    TimestampAsFloat,
    TimestampAsText,
    TimestampAsNumber,
    WholeNumbers,
    PreviousHashAsText,
    FirstTransactions(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    Field(String),
    /// All but the tutorial's five.
    OtherFields,
}

pub(super) fn is_known(key: &[u8]) -> bool {
    BLOCK_ORDER.iter().any(|known| known.as_bytes() == key)
}

impl Without {
    /// The block's members that are written, in the order in which they came.
    pub(super) fn kept<'a>(&self, block: &'a Value) -> Vec<(&'a [u8], &'a Value)> {
        let Value::Object(members) = block else {
            return Vec::new();
        };
        let is_kept = |key: &[u8]| match self {
            Without::Nothing => true,
            Without::Field(left_out) => left_out.as_bytes() != key,
            Without::OtherFields => is_known(key),
        };
        members
            .iter()
            .filter(|(key, _)| is_kept(key))
            .map(|(key, value)| (&**key, value))
            .collect()
    }
}

impl Writing {
    /// The block, written like this.
    pub(super) fn write(&self, block: &Value) -> Vec<u8> {
        let changed: Vec<(Vec<u8>, Value)> = self
            .in_order(self.without.kept(block))
            .into_iter()
            .map(|(key, value)| (key.to_vec(), self.change.of_field(key, value)))
            .collect();
        let mut out = Vec::new();
        match self.form {
            Form::Joined => {
                for (_, value) in &changed {
                    match value {
                        Value::Text(text) => out.extend(text_as_is(text)),
                        _ => self.write_value(value, 0, Form::Repr, &mut out),
                    }
                }
            }
            form => {
                let members = changed.iter().map(|(key, value)| (&**key, value));
                self.write_members(members.collect(), 0, form, &mut out);
            }
        }
        out
    }

    /// The block's own fields in the order in which they are written.
    fn in_order<'a>(&self, mut members: Vec<(&'a [u8], &'a Value)>) -> Vec<(&'a [u8], &'a Value)> {
        match &self.order {
            Order::AsItCame => {}
            Order::Sorted => members.sort_by(|a, b| a.0.cmp(b.0)),
            Order::Tutorial => members.sort_by_key(|(key, _)| place(key, &BLOCK_ORDER)),
            Order::Fields(places, _) => {
                let moved = places.iter().filter_map(|place| members.get(*place));
                return moved.copied().collect();
            }
        }
        members
    }

    /// The same for an object inside the block.
    fn in_inner_order<'a>(&self, members: &'a [(Vec<u8>, Value)]) -> Vec<(&'a [u8], &'a Value)> {
        let mut members: Vec<(&[u8], &Value)> =
            members.iter().map(|(key, value)| (&**key, value)).collect();
        match &self.order {
            Order::AsItCame | Order::Fields(_, true) => {}
            Order::Sorted => members.sort_by(|a, b| a.0.cmp(b.0)),
            Order::Tutorial | Order::Fields(_, false) => {
                members.sort_by_key(|(key, _)| place(key, &TRANSACTION_ORDER));
            }
        }
        members
    }

    fn write_value(&self, value: &Value, depth: usize, form: Form, out: &mut Vec<u8>) {
        match value {
            Value::Object(members) => {
                self.write_members(self.in_inner_order(members), depth, form, out);
            }
            Value::List(elements) => {
                write_sequence(b"[]", elements, depth, form, out, |element, out| {
                    self.write_value(element, depth + 1, form, out);
                });
            }
            Value::Text(text) => write_text(text, form, out),
            Value::Plain(text) => out.extend_from_slice(plain(text, self.change, form)),
        }
    }

    fn write_members(
        &self,
        members: Vec<(&[u8], &Value)>,
        depth: usize,
        form: Form,
        out: &mut Vec<u8>,
    ) {
        write_sequence(b"{}", &members, depth, form, out, |(key, value), out| {
            write_text(&[b"\"", *key, b"\""].concat(), form, out);
            out.extend_from_slice(match form {
                Form::Json {
                    separators: Separators::Compact,
                    ..
                } => b":",
                _ => b": ",
            });
            self.write_value(value, depth + 1, form, out);
        });
    }

    /// Returns what is different from the tutorial's way, in words that follow
    /// "the block written".
    pub(super) fn difference(&self, block: &Value) -> String {
        let mut parts = Vec::new();
        match self.form {
            Form::Json { separators, ascii } => {
                match separators {
                    Separators::Python => {}
                    Separators::Compact => parts.push(
                        "without spaces behind `,` and `:` (separators=(',', ':'))".to_owned(),
                    ),
                    Separators::Indent(count) => {
                        parts.push(format!("over several lines (indent={count})"));
                    }
                }
                if !ascii {
                    parts
                        .push("with letters such as é as they are (ensure_ascii=False)".to_owned());
                }
            }
            Form::Repr => parts.push("with str() and not as JSON".to_owned()),
            Form::Joined => parts.push("as its bare values, one behind the other".to_owned()),
        }
        if self.order != Order::Sorted {
            let kept = self.in_order(self.without.kept(block));
            let keys = kept.iter().map(|(key, _)| String::from_utf8_lossy(key));
            let keys = keys.collect::<Vec<_>>().join(", ");
            parts.push(format!("without sort_keys=True (in the order {keys})"));
        }
        match &self.without {
            Without::Nothing => {}
            Without::Field(name) => parts.push(format!("without its field {name}")),
            Without::OtherFields => {
                parts.push("without the fields that the tutorial does not have".to_owned());
            }
        }
        let changed = match self.change {
            Change::Nothing => None,
            Change::TimestampCut => Some("with its timestamp cut to an integer".to_owned()),
            Change::TimestampRounded => Some("with its timestamp rounded to an integer".to_owned()),
            Change::TimestampAsFloat => Some("with its timestamp as a float".to_owned()),
            Change::TimestampAsText => Some("with its timestamp as text".to_owned()),
            Change::TimestampAsNumber => Some("with its timestamp as a number".to_owned()),
            Change::WholeNumbers => {
                Some("with floats such as 1.0 written as integers, as JavaScript does".to_owned())
            }
            Change::PreviousHashAsText => Some("with its previous_hash as text".to_owned()),
            Change::FirstTransactions(0) => Some("without any of its transactions".to_owned()),
            Change::FirstTransactions(1) => Some("with only its first transaction".to_owned()),
            Change::FirstTransactions(count) => {
                Some(format!("with only its first {count} transactions"))
            }
        };
        parts.extend(changed);
        parts.join(" and ")
    }

    /// Returns the tutorial's line of code as it stands there in all likelihood,
    /// where one line says it.
    pub(super) fn code(&self) -> Option<String> {
        let block = match self.change {
            Change::Nothing => "block".to_owned(),
            Change::TimestampCut => with_timestamp("int"),
            Change::TimestampRounded => with_timestamp("round"),
            Change::TimestampAsFloat => with_timestamp("float"),
            Change::TimestampAsText => with_timestamp("str"),
            _ => return None,
        };
        if self.without != Without::Nothing {
            return None;
        }
        let mut arguments = vec![block];
        match self.form {
            Form::Repr => return Some(format!("str({}).encode()", arguments.concat())),
            Form::Joined => return None,
            Form::Json { separators, ascii } => {
                if self.order == Order::Sorted {
                    arguments.push("sort_keys=True".to_owned());
                }
                match separators {
                    Separators::Python => {}
                    Separators::Compact => arguments.push("separators=(',', ':')".to_owned()),
                    Separators::Indent(count) => arguments.push(format!("indent={count}")),
                }
                if !ascii {
                    arguments.push("ensure_ascii=False".to_owned());
                }
            }
        }
        Some(format!("json.dumps({}).encode()", arguments.join(", ")))
    }

    /// Whether the block itself was another one when it was hashed, and not
    /// only written in another way.
    pub(super) fn is_of_other_content(&self) -> bool {
        self.without != Without::Nothing || matches!(self.change, Change::FirstTransactions(_))
    }

    /// Whether the timestamp was another one.
    pub(super) fn is_of_other_numbers(&self) -> bool {
        !matches!(self.change, Change::Nothing | Change::FirstTransactions(_))
    }
}

fn with_timestamp(function: &str) -> String {
    format!("{{**block, 'timestamp': {function}(block['timestamp'])}}")
}

fn place(key: &[u8], order: &[&str]) -> usize {
    let place = order.iter().position(|name| name.as_bytes() == key);
    place.unwrap_or(order.len())
}

fn write_sequence<T>(
    brackets: &[u8; 2],
    items: &[T],
    depth: usize,
    form: Form,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&T, &mut Vec<u8>),
) {
    let indent = match form {
        Form::Json {
            separators: Separators::Indent(width),
            ..
        } if !items.is_empty() => Some(width),
        _ => None,
    };
    let separator: &[u8] = match form {
        Form::Json {
            separators: Separators::Compact | Separators::Indent(_),
            ..
        } => b",",
        _ => b", ",
    };
    let new_line = |depth: usize, out: &mut Vec<u8>| {
        if let Some(width) = indent {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', width * depth));
        }
    };
    out.push(brackets[0]);
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.extend_from_slice(separator);
        }
        new_line(depth + 1, out);
        write(item, out);
    }
    new_line(depth, out);
    out.push(brackets[1]);
}

/// A canonical text in that form.
fn write_text(text: &[u8], form: Form, out: &mut Vec<u8>) {
    match form {
        Form::Json { ascii: true, .. } => out.extend_from_slice(text),
        Form::Json { ascii: false, .. } => match json::string(text) {
            Some(value) => write_unescaped(&value, out),
            None => out.extend_from_slice(text),
        },
        Form::Repr | Form::Joined => match json::string(text) {
            Some(value) => write_repr(&value, out),
            None => out.extend_from_slice(text),
        },
    }
}

/// What a text means, or the text itself where it means nothing.
fn text_as_is(text: &[u8]) -> Vec<u8> {
    json::string(text).map_or_else(|| text.to_vec(), String::into_bytes)
}

fn write_unescaped(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in value.chars() {
        match character {
            '"' | '\\' | '\0'..='\x1f' => {
                let mut quoted = Vec::new();
                json::write_string(character.encode_utf8(&mut [0; 4]), &mut quoted);
                out.extend_from_slice(&quoted[1..quoted.len() - 1]);
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Python's `repr` of a text.
fn write_repr(value: &str, out: &mut Vec<u8>) {
    let quote = match value.contains('\'') && !value.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut text = String::from(quote);
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => text.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ if character == quote => {
                text.push('\\');
                text.push(quote);
            }
            _ => text.push(character),
        }
    }
    text.push(quote);
    out.extend_from_slice(text.as_bytes());
}

/// A number or name in that form.
fn plain(text: &[u8], change: Change, form: Form) -> &[u8] {
    if change == Change::WholeNumbers
        && let Some(whole) = text.strip_suffix(b".0")
    {
        return whole;
    }
    match (form, text) {
        (Form::Json { .. }, text) => text,
        (_, b"true") => b"True",
        (_, b"false") => b"False",
        (_, b"null") => b"None",
        (_, b"NaN") => b"nan",
        (_, b"Infinity") => b"inf",
        (_, b"-Infinity") => b"-inf",
        (_, text) => text,
    }
}

impl Change {
    fn of_field(self, key: &[u8], value: &Value) -> Value {
        let changed = match (self, key, value) {
            (Change::FirstTransactions(count), b"transactions", Value::List(list)) => {
                Some(Value::List(list[..count.min(list.len())].to_vec()))
            }
            (Change::PreviousHashAsText, b"previous_hash", Value::Plain(text)) => {
                Some(Value::Text(quoted(text)))
            }
            (_, b"timestamp", Value::Plain(text)) => self.of_timestamp(text),
            (Change::TimestampAsNumber, b"timestamp", Value::Text(text)) => {
                let number = text.get(1..text.len().saturating_sub(1));
                number.map(|number| Value::Plain(number.to_vec()))
            }
            _ => None,
        };
        changed.unwrap_or_else(|| value.clone())
    }

    fn of_timestamp(self, text: &[u8]) -> Option<Value> {
        let digits = std::str::from_utf8(text).ok()?;
        let number: f64 = digits.parse().ok()?;
        let as_integer = |number: f64| Value::Plain(format!("{number:.0}").into_bytes());
        match self {
            Change::TimestampCut => Some(as_integer(number.trunc())),
            Change::TimestampRounded => Some(as_integer(number.round())),
            Change::TimestampAsFloat => {
                let mut float = Vec::new();
                json::write_float(number, &mut float);
                Some(Value::Plain(float))
            }
            Change::TimestampAsText => Some(Value::Text(quoted(text))),
            _ => None,
        }
    }
}

fn quoted(text: &[u8]) -> Vec<u8> {
    [b"\"", text, b"\""].concat()
}

//! Two texts side by side, with what is in one of them only: token by token, since
//! people compare words, numbers and spaces and not bytes. What the texts are is not
//! known here.

use crate::pages::format;

/// Of two parts whose tokens would need a greater table than this, all is marked.
const TABLE_LIMIT: usize = 1_000_000;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: String,
    /// Whether the other text does not have it here.
    pub(crate) differs: bool,
}

/// Returns a text of which nothing is marked.
pub(super) fn plain(text: &str) -> Vec<Part> {
    vec![Part {
        text: visible(text),
        differs: false,
    }]
}

/// Returns both texts, each with what the other does not have.
pub(super) fn compared(left: &str, right: &str) -> (Vec<Part>, Vec<Part>) {
    let (left, right) = (tokens(left), tokens(right));
    let same = |(a, b): &(&&str, &&str)| a == b;
    let start = left.iter().zip(&right).take_while(same).count();
    let (left_rest, right_rest) = (&left[start..], &right[start..]);
    let both = left_rest.iter().rev().zip(right_rest.iter().rev());
    let end = both.take_while(same).count();
    let left_middle = &left_rest[..left_rest.len() - end];
    let right_middle = &right_rest[..right_rest.len() - end];
    let shared = shared(left_middle, right_middle);
    let of = |tokens: &[&str], middle: usize, kept: &dyn Fn(usize) -> bool| {
        let differs = |at: usize| (start..start + middle).contains(&at) && !kept(at - start);
        joined(tokens, &differs)
    };
    let left_kept = |at| shared.iter().any(|(left, _)| *left == at);
    let right_kept = |at| shared.iter().any(|(_, right)| *right == at);
    (
        of(&left, left_middle.len(), &left_kept),
        of(&right, right_middle.len(), &right_kept),
    )
}

/// Returns which tokens both have in the same order, as places in the one and in the
/// other.
fn shared(left: &[&str], right: &[&str]) -> Vec<(usize, usize)> {
    let width = right.len() + 1;
    let Some(size) = (left.len() + 1).checked_mul(width) else {
        return Vec::new();
    };
    if size > TABLE_LIMIT {
        return Vec::new();
    }
    // How many tokens the rests from these places on share at most.
    let mut most = vec![0_u32; size];
    for at in (0..left.len()).rev() {
        for beside in (0..right.len()).rev() {
            most[at * width + beside] = match left[at] == right[beside] {
                true => most[(at + 1) * width + beside + 1] + 1,
                false => most[(at + 1) * width + beside].max(most[at * width + beside + 1]),
            };
        }
    }
    let (mut at, mut beside) = (0, 0);
    let mut found = Vec::new();
    while at < left.len() && beside < right.len() {
        if left[at] == right[beside] {
            found.push((at, beside));
            (at, beside) = (at + 1, beside + 1);
        } else if most[(at + 1) * width + beside] >= most[at * width + beside + 1] {
            at += 1;
        } else {
            beside += 1;
        }
    }
    found
}

/// Quoted texts, numbers and words, runs of blanks, and single signs.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => quoted_length(rest, first),
            _ if first.is_whitespace() => run(rest, char::is_whitespace),
            _ if is_word(first) => run(rest, is_word),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        found.push(token);
        rest = behind;
    }
    found
}

/// The length in bytes of the quoted text that stands first, or of its quote alone if
/// it has no end.
pub(super) fn quoted_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + character.len_utf8(),
            _ => {}
        }
    }
    quote.len_utf8()
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    let end = text.char_indices().find(|(_, one)| !belongs(*one));
    end.map_or(text.len(), |(at, _)| at)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || "._+-".contains(character)
}

fn joined(tokens: &[&str], differs: &dyn Fn(usize) -> bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let (text, differs) = (visible(token), differs(at));
        match parts.last_mut() {
            Some(last) if last.differs == differs => last.text.push_str(&text),
            _ => parts.push(Part { text, differs }),
        }
    }
    parts
}

/// What is not seen is named, but for the ends of lines.
fn visible(text: &str) -> String {
    let lines = text
        .split('\n')
        .map(|line| format::visible(line, usize::MAX));
    lines.collect::<Vec<_>>().join("↵\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts, those that differ in brackets.
    fn marked(parts: &[Part]) -> String {
        let marked = parts.iter().map(|part| match part.differs {
            true => format!("[{}]", part.text),
            false => part.text.clone(),
        });
        marked.collect()
    }

    #[test]
    fn only_what_differs_is_marked() {
        for (left, right, expected) in [
            (r#"{"a": 1}"#, r#"{"a": 1}"#, [r#"{"a": 1}"#, r#"{"a": 1}"#]),
            (r#"{"a":1}"#, r#"{"a": 1}"#, [r#"{"a":1}"#, r#"{"a":[ ]1}"#]),
            ("[1.0, 2]", "[1, 2]", ["[[1.0], 2]", "[[1], 2]"]),
            (
                r#""Zo\u00eb", "b""#,
                "\"Zoë\", \"b\"",
                [r#"["Zo\u00eb"], "b""#, "[\"Zoë\"], \"b\""],
            ),
            ("a\n b", "a b", ["a[↵\n ]b", "a[ ]b"]),
            ("", "x", ["", "[x]"]),
            ("\"open", "'open", ["[\"]open", "[']open"]),
        ] {
            let (ours, theirs) = compared(left, right);
            assert_eq!([marked(&ours), marked(&theirs)], expected);
        }
    }

    #[test]
    fn texts_without_anything_in_common_are_marked_whole() {
        let left = "a ".repeat(2_000);
        let right = "b;".repeat(2_000);
        let (left, right) = compared(&left, &right);
        assert!(left.iter().all(|part| part.differs));
        assert!(right.iter().all(|part| part.differs));
    }
}

//! JSON as it stands, in parts that can be told apart by eyes: keys, texts, numbers,
//! words and what lies between. It changes no letter; what the text means is not known
//! here.

use super::format;

/// A part of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPart {
    /// `key`, `text`, `number`, `word`, or nothing.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A text in parts, at most so many bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonText {
    pub(super) parts: Vec<JsonPart>,
    /// Whether there is more of it.
    pub(super) is_cut: bool,
}

/// Takes the beginning of a text apart.
pub(super) fn parts(text: &[u8], limit_bytes: usize) -> JsonText {
    let text = String::from_utf8_lossy(text);
    let end = text.floor_char_boundary(limit_bytes);
    let mut rest = &text[..end];
    let mut parts: Vec<JsonPart> = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (class, length) = match first {
            '"' => {
                let length = string_length(rest);
                let is_key = rest[length..].trim_start().starts_with(':');
                (if is_key { "key" } else { "text" }, length)
            }
            '-' | '0'..='9' => (
                "number",
                run(rest, |one| "+-.eE".contains(one) || one.is_ascii_digit()),
            ),
            'a'..='z' | 'N' | 'I' => ("word", run(rest, |one| one.is_ascii_alphabetic())),
            _ => ("", first.len_utf8()),
        };
        let (part, behind) = rest.split_at(length);
        let text = format::visible(part, usize::MAX);
        match parts.last_mut() {
            Some(last) if last.class == class => last.text.push_str(&text),
            _ => parts.push(JsonPart { class, text }),
        }
        rest = behind;
    }
    JsonText {
        parts,
        is_cut: end < text.len(),
    }
}

/// The length in bytes of the string that stands first; all that there is if it has no
/// end.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    let end = text.char_indices().find(|(_, one)| !belongs(*one));
    end.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_stays_where_it_is() {
        let text = r#"{"a": [1.5e-3, "b\"c: ", true, null, -Infinity], "d": {}}"#;
        let found = parts(text.as_bytes(), 1_000);
        let joined: String = found.parts.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(joined, text);
        let of = |class: &str| -> Vec<&str> {
            let parts = found.parts.iter().filter(|part| part.class == class);
            parts.map(|part| part.text.as_str()).collect()
        };
        assert_eq!(of("key"), ["\"a\"", "\"d\""]);
        assert_eq!(of("text"), [r#""b\"c: ""#]);
        assert_eq!(of("number"), ["1.5e-3", "-"]);
        assert_eq!(of("word"), ["true", "null", "Infinity"]);
        assert!(!found.is_cut);
    }

    #[test]
    fn what_is_cut_or_no_json_is_shown_all_the_same() {
        let cut = parts("{\"é\": \"long\"}".as_bytes(), 3);
        assert!(cut.is_cut);
        let parts = parts(b"\xff <b> \"open", 100).parts;
        assert_eq!(parts.last().map(|part| part.class), Some("text"));
    }
}

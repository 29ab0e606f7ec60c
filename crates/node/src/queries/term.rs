//! What people look for, as they write, copy and paste it: `#57`, `0x4f...`, a page's
//! address, the beginning of a hash, or its beginning and end as pages show it. Whether
//! there is such a thing is not known here.

use std::borrow::Cow;

use adit_core::hash::Hash;
use percent_encoding::percent_decode_str;

/// Fewer digits of a hash find nothing: too much begins like that.
pub const HASH_PART_LEAST_DIGITS: usize = 4;

const HASH_DIGITS: usize = 64;

/// What stands in a page's address before a name.
const NAMED_BY: [&str; 6] = ["block", "block-height", "tx", "address", "reorg", "peers"];

/// The beginning of a hash, and maybe its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashPart {
    /// The lowest hash that begins like that,
    pub first: Hash,
    /// and the highest.
    pub last: Hash,
    ending: String,
}

/// Returns the name alone, where somebody wrote or pasted more than that.
pub fn name_in(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let name = in_path(text).unwrap_or(Cow::Borrowed(text));
    let bare = |name: &str| {
        let bare = name.strip_prefix('#').unwrap_or(name);
        let digits = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X"));
        digits.unwrap_or(bare).len()
    };
    let from = name.len() - bare(&name);
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[from..]),
        Cow::Owned(name) => Cow::Owned(name[from..].to_owned()),
    }
}

/// The name in a page's address, or in that of the API; of any other address, the node
/// that it leads to.
fn in_path(text: &str) -> Option<Cow<'_, str>> {
    let (node, path) = match text.split_once("://") {
        Some((_, rest)) => match rest.split_once('/') {
            Some((node, path)) => (Some(node), path),
            None => (Some(rest), ""),
        },
        None => (None, text.strip_prefix('/')?),
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let named = segments.windows(2).rev();
    let mut named = named.filter(|pair| NAMED_BY.contains(&pair[0]));
    match named.next() {
        Some(pair) => Some(percent_decode_str(pair[1]).decode_utf8_lossy()),
        None => node.map(Cow::Borrowed),
    }
}

impl HashPart {
    /// Reads a part of a hash; `None` if the text is none, or all of one.
    pub fn read(text: &str) -> Option<HashPart> {
        let text = text.to_ascii_lowercase();
        let split = text.split_once('…').or_else(|| text.split_once("..."));
        let (beginning, ending) = split.unwrap_or((&text, ""));
        let is_hex = |part: &str| part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let length = beginning.len() + ending.len();
        let is_part = beginning.len() >= HASH_PART_LEAST_DIGITS && length < HASH_DIGITS;
        if !is_part || !is_hex(beginning) || !is_hex(ending) {
            return None;
        }
        let filled = |digit: char| {
            let rest = std::iter::repeat_n(digit, HASH_DIGITS - beginning.len());
            let digits: String = beginning.chars().chain(rest).collect();
            digits.parse().ok()
        };
        Some(HashPart {
            first: filled('0')?,
            last: filled('f')?,
            ending: ending.to_owned(),
        })
    }

    /// Whether it is a part of this one.
    pub fn fits(&self, hash: &Hash) -> bool {
        (self.first..=self.last).contains(hash) && hash.to_string().ends_with(&self.ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_what_people_paste() {
        for (text, name) in [
            (" 57 ", "57"),
            ("#57", "57"),
            ("0xAB12", "AB12"),
            ("/block/57", "57"),
            ("block/57", "block/57"),
            ("http://localhost:5000/block/57?x=1#top", "57"),
            ("https://host/adit/address/ali%20%26%20co", "ali & co"),
            ("http://h/api/v1/tx/abcd/merkle-proof", "abcd"),
            ("http://localhost:5001", "localhost:5001"),
            ("http://localhost:5001/", "localhost:5001"),
            ("/peers/localhost:5001/audit", "localhost:5001"),
            ("/", "/"),
            ("", ""),
            ("#", ""),
            ("alice", "alice"),
        ] {
            assert_eq!(name_in(text), name, "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_hash_is_its_beginning_and_maybe_its_end() {
        let hash = |text: &str| text.repeat(8).parse::<Hash>().expect("64 digits");
        let (one, other) = (hash("abcdef01"), hash("abcdef02"));
        for part in [
            "abcd",
            "ABCDEF01a",
            "abcd…",
            "abcd...",
            "abcdef…ef01",
            "abcd...F01",
        ] {
            let part = HashPart::read(part).expect("a part");
            assert!(part.fits(&one), "{part:?}");
        }
        for part in ["abce", "abcdef02", "abcd…ef02"] {
            let part = HashPart::read(part).expect("a part");
            assert!(!part.fits(&one), "{part:?}");
        }
        assert!(HashPart::read("abcd").expect("a part").fits(&other));
        let whole = one.to_string();
        for none in ["abc", "abc…f01", "abcg", "abcd…x", "…abcd", "", &whole] {
            assert_eq!(HashPart::read(none), None, "{none}");
        }
    }
}

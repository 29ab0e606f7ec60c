//! How numbers, times and names stand on a page. What others wrote is shown so
//! that nothing in it can pass for something else. What it means is not known
//! here.

use std::time::{Duration, UNIX_EPOCH};

use adit_node::paths::segment;

use crate::charts::UNITS;

/// One coin of a sealed chain in base units.
const UNITS_A_COIN: u64 = 1_000_000;

/// The first moment that has no four-digit year, in milliseconds since 1970.
const YEAR_10000: u64 = 253_402_300_800_000;

/// A name that would make a longer path is not a link.
const LINK_LIMIT_BYTES: usize = 2_048;

/// A moment, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// As RFC 3339 has it.
    pub(super) iso: String,
    /// To the second, in UTC.
    pub(super) text: String,
}

/// Returns a moment given in milliseconds since 1970, if a calendar has it.
pub(super) fn moment(time_ms: u64) -> Option<Moment> {
    if time_ms >= YEAR_10000 {
        return None;
    }
    let time = UNIX_EPOCH + Duration::from_millis(time_ms);
    let seconds = humantime::format_rfc3339_seconds(time).to_string();
    Some(Moment {
        iso: humantime::format_rfc3339_millis(time).to_string(),
        text: seconds.replace('T', " ").replace('Z', " UTC"),
    })
}

/// Returns `1 transaction`, `2 transactions`, `12,345 transactions`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", grouped(number))
}

/// Returns digits in groups of three.
pub(super) fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a length in bytes, in units that people read.
pub(super) fn bytes(length: u64) -> String {
    match length {
        0..1_024 => format!("{length} B"),
        1_024..1_048_576 => format!("{:.1} KiB", length as f64 / 1_024.0),
        _ => format!("{:.1} MiB", length as f64 / 1_048_576.0),
    }
}

/// Returns how long something took.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        10_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} days", grouped(ms / 86_400_000)),
    }
}

/// Returns a large or small number in few digits: `4.29 G`, `0.5`.
pub(super) fn scaled(value: f64) -> String {
    if !value.is_finite() {
        return "not known".to_owned();
    }
    if value.abs() >= 1e21 {
        return format!("{value:.2e}");
    }
    let step = UNITS.iter().find(|(size, _)| value.abs() >= *size);
    let (value, unit) = step.map_or((value, ""), |(size, unit)| (value / size, *unit));
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

/// Returns base units as coins, nothing rounded.
pub(super) fn coins(units: u64) -> String {
    let (whole, rest) = (units / UNITS_A_COIN, units % UNITS_A_COIN);
    let decimals = format!("{rest:06}");
    match decimals.trim_end_matches('0') {
        "" => grouped(whole),
        decimals => format!("{}.{decimals}", grouped(whole)),
    }
}

/// Returns the zeros that a hash begins with, and the rest.
pub(super) fn zeros_first(hash: &str) -> (&str, &str) {
    let count = hash.bytes().take_while(|digit| *digit == b'0').count();
    hash.split_at(count)
}

/// Returns the beginning of a hash, and its end.
pub(super) fn short_hash(hash: &str) -> String {
    middle_out(hash, 8, 4)
}

/// Returns what somebody wrote, at most `limit` characters of it. Characters that
/// are not seen, or that turn the text around, are named instead.
pub(super) fn visible(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(limit) {
        if is_hidden(character) {
            out.push_str(&format!("[U+{:04X}]", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

/// Whether somebody who reads would not notice it, or would see others
/// elsewhere than they stand.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || character.is_control()
}

/// Returns the page of something whose name others chose, unless no path can hold
/// it.
pub(super) fn path_to(folder: &str, name: &str) -> Option<String> {
    // Browsers leave these out of a path, however they are written.
    if ["", ".", ".."].contains(&name) {
        return None;
    }
    // Escaped it is no shorter.
    if name.len() > LINK_LIMIT_BYTES {
        return None;
    }
    let path = format!("{folder}/{}", segment(name));
    (path.len() <= LINK_LIMIT_BYTES).then_some(path)
}

/// Returns the first and the last characters of an ASCII text, if it is longer;
/// any other text whole.
pub(super) fn middle_out(text: &str, first: usize, last: usize) -> String {
    if !text.is_ascii() || text.len() <= first + last + 1 {
        return text.to_owned();
    }
    format!("{}…{}", &text[..first], &text[text.len() - last..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_named() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(123), "123");
        assert_eq!(grouped(1_234), "1,234");
        assert_eq!(
            grouped("12345678901234567890"),
            "12,345,678,901,234,567,890"
        );
        assert_eq!(count(1, "block", "blocks"), "1 block");
        assert_eq!(count(0, "block", "blocks"), "0 blocks");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(90_000), "90 s");
        assert_eq!(scaled(4_294_967_296.0), "4.29 G");
        assert_eq!(scaled(0.0), "0");
        assert_eq!(scaled(f64::NAN), "not known");
        assert_eq!(scaled(1e300), "1.00e300");
    }

    #[test]
    fn coins_are_never_rounded() {
        assert_eq!(coins(1), "0.000001");
        assert_eq!(coins(1_500_000), "1.5");
        assert_eq!(coins(u64::MAX), "18,446,744,073,709.551615");
    }

    #[test]
    fn a_moment_has_a_year_of_four_digits() {
        let moment = moment(1_795_365_322_744).unwrap_or_else(|| panic!("it is one"));
        assert_eq!(moment.iso, "2026-11-22T16:35:22.744Z");
        assert_eq!(moment.text, "2026-11-22 16:35:22 UTC");
        assert!(super::moment(YEAR_10000 - 1).is_some());
        assert_eq!(super::moment(YEAR_10000), None);
    }

    #[test]
    fn what_is_not_seen_is_named() {
        assert_eq!(visible("bob", 10), "bob");
        assert_eq!(visible("b\u{202e}ob\n", 10), "b[U+202E]ob[U+000A]");
        assert_eq!(visible("abcdef", 3), "abc…");
        assert_eq!(visible("", 3), "");
    }

    #[test]
    fn a_name_is_one_part_of_a_path_or_no_link() {
        assert_eq!(path_to("/address", "bob").as_deref(), Some("/address/bob"));
        assert_eq!(
            path_to("/address", "a/b?c#d é").as_deref(),
            Some("/address/a%2Fb%3Fc%23d%20%C3%A9")
        );
        for none in ["", ".", "..", &"x".repeat(LINK_LIMIT_BYTES)] {
            assert_eq!(path_to("/address", none), None);
        }
    }

    #[test]
    fn a_hash_is_cut_in_its_middle() {
        assert_eq!(short_hash(&"0123456789".repeat(6)), "01234567…6789");
        assert_eq!(short_hash("0123456789abc"), "0123456789abc");
        assert_eq!(short_hash("ééééééé"), "ééééééé");
    }
}

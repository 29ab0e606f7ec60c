//! One password in all its spellings: what one keyboard sends as a letter with
//! an accent, another sends as two characters (RFC 8265, OpaqueString). What a
//! password is for is not known here.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// In UTF-8, a normal form is at most this many times as long.
const EXPANSION: usize = 3;

/// The form in which a new password counts: NFC, with plain spaces.
pub(super) fn prepared(password: &str) -> Zeroizing<String> {
    let plain = password.chars().map(|one| match is_space(one) {
        true => ' ',
        false => one,
    });
    collected(password.len(), plain.nfc())
}

/// The forms that may open a file: the prepared one, and for files from before
/// there was one, what was typed, and what a system that takes letters apart
/// sends.
pub(super) fn forms(password: &str) -> Vec<Zeroizing<String>> {
    let typed = collected(password.len(), password.chars());
    let apart = collected(password.len(), password.nfd());
    let mut forms = vec![prepared(password)];
    for form in [typed, apart] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// The separators of Unicode (Zs).
fn is_space(one: char) -> bool {
    matches!(
        one,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// With room for all of it: a text that grows leaves copies in memory.
fn collected(bytes: usize, text: impl Iterator<Item = char>) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(bytes.saturating_mul(EXPANSION)));
    whole.extend(text);
    whole
}

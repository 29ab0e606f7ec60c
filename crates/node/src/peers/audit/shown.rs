//! How much of what another node sent, or hashed, is shown.

/// Of a block's texts, this much is shown.
pub(super) const SHOWN_LIMIT_BYTES: usize = 64 * 1024;

/// Returns the beginning of a text.
pub(super) fn cut(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(SHOWN_LIMIT_BYTES)]).into_owned()
}

//! Canonical JSON: the bytes that Python writes for
//! `json.dumps(json.loads(text), sort_keys=True)`, over which every hash is
//! taken. It decides what is JSON and which bytes stand for it; it knows
//! nothing of blocks, nor of what the values mean.

mod canonical;
mod error;
mod number;
mod order;
mod string;
mod view;

pub use error::{DEPTH_LIMIT, JsonError, OPEN_MEMBERS_LIMIT, Reading};
pub use number::write_float;
pub use string::write_string;
pub use view::{
    Elements, Members, elements, integer, is_finite_number, kind, member, members, string,
};

/// The canonical form of a whole JSON text; white space around it is allowed.
///
/// `limit_bytes` bounds both the text and its canonical form (as first written:
/// repeated members count, although they are dropped in the end).
pub fn canonical(text: &[u8], limit_bytes: usize) -> Result<Vec<u8>, JsonError> {
    canonical_as(Reading::Python, text, limit_bytes)
}

/// As [`canonical`], but takes only what `reading` does.
pub fn canonical_as(
    reading: Reading,
    text: &[u8],
    limit_bytes: usize,
) -> Result<Vec<u8>, JsonError> {
    if text.len() > limit_bytes {
        return Err(JsonError::TooLarge { limit_bytes });
    }
    let mut out = Vec::new();
    canonical::whole(reading, text, limit_bytes, &mut out)
        .map_err(|error| error.or_encoding(text))?;
    Ok(out)
}

/// Reads one value off the front of `text`, after any white space, appends its
/// canonical form to `out` and returns the number of bytes consumed.
///
/// `Ok(None)` when the text ends before the value does; a number that touches
/// the end may go on, so it counts as not ended. Each call starts over, so
/// feed it grown text in large steps. `limit_bytes` bounds the bytes consumed
/// and, by itself, what is appended. `out` changes only on success.
pub fn canonical_prefix(
    text: &[u8],
    limit_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, JsonError> {
    canonical_prefix_as(Reading::Python, text, limit_bytes, out)
}

/// As [`canonical_prefix`], but takes only what `reading` does.
pub fn canonical_prefix_as(
    reading: Reading,
    text: &[u8],
    limit_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, JsonError> {
    // One byte beyond the limit tells a number that ends there from a longer one.
    let window = &text[..text.len().min(limit_bytes.saturating_add(1))];
    let out_start = out.len();
    let outcome = canonical::front(reading, window, limit_bytes, out);
    if !matches!(outcome, Ok(consumed) if consumed <= limit_bytes) {
        out.truncate(out_start);
    }
    match outcome {
        Ok(consumed) if consumed <= limit_bytes => Ok(Some(consumed)),
        Err(JsonError::Ended { .. }) if text.len() <= limit_bytes => Ok(None),
        Ok(_) | Err(JsonError::Ended { .. }) => Err(JsonError::TooLarge { limit_bytes }),
        Err(error) => Err(error.or_encoding(text)),
    }
}

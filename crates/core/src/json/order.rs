//! The order of members: which objects came with keys out of order or
//! repeated, and the one rewriting that puts them right.
//!
//! Sorting each object where it ends would move the innermost bytes once per
//! level, 512 times at the worst. Instead an object that needs it only leaves
//! a note of the order wanted; at the end one walk along all the notes copies
//! each byte once.

use std::cmp::Ordering;
use std::ops::Range;

use super::string::code_points;

/// The inside of a key, where it stands in the source.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Without escapes and beyond-ASCII characters, so that its bytes are its
    /// code points.
    pub(super) plain: bool,
}

impl Key {
    /// By code points. The bytes will not do: `\u0061` is `a`, and as escapes
    /// astral characters sort below U+E000.
    fn compare(self, other: Key, source: &[u8]) -> Ordering {
        let (left, right) = (
            &source[self.start..self.end],
            &source[other.start..other.end],
        );
        if self.plain && other.plain {
            // Most keys of an object differ in the first byte; that saves a call.
            return left
                .first()
                .cmp(&right.first())
                .then_with(|| left.cmp(right));
        }
        let text = |key| std::str::from_utf8(key).expect("keys are checked as they are read");
        code_points(text(left)).cmp(code_points(text(right)))
    }
}

/// A member of an object that has not ended: its key, and where it begins in
/// the output.
struct Member {
    key: Key,
    start: usize,
}

/// A piece of the output as first written.
type Span = Range<usize>;

/// The note on one object: where its brackets stand in the output as first
/// written, and which of `pieces` are its members in order.
struct Rearranged {
    open: usize,
    close: usize,
    members: Range<usize>,
}

/// The members of the objects still open, innermost last, and all notes.
#[derive(Default)]
pub(super) struct Order {
    members: Vec<Member>,
    rearranged: Vec<Rearranged>,
    pieces: Vec<Span>,
    /// Only scratch space of `rearrange`.
    sorted: Vec<(Key, Span)>,
}

impl Order {
    pub(super) fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Adds a member to the object whose members start at `first`; true if its
    /// key comes after the one before.
    pub(super) fn add(&mut self, source: &[u8], first: usize, key: Key, start: usize) -> bool {
        let ascending = match self.members[first..].last() {
            Some(before) => before.key.compare(key, source) == Ordering::Less,
            None => true,
        };
        self.members.push(Member { key, start });
        ascending
    }

    pub(super) fn forget_members(&mut self, first: usize) {
        self.members.truncate(first);
    }

    /// Notes the right order of an object's members: sorted, and of those with
    /// one key only the last. The object's brackets stand at `open` and `close`
    /// in the output. Returns the first key that is there more than once.
    pub(super) fn rearrange(
        &mut self,
        source: &[u8],
        first: usize,
        open: usize,
        close: usize,
    ) -> Option<Key> {
        let members = &self.members[first..];
        let starts = members.iter().map(|member| member.start);
        let ends = starts
            .clone()
            .skip(1)
            .map(|next| next - ", ".len())
            .chain([close]);
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend(
            members
                .iter()
                .zip(starts.zip(ends))
                .map(|(member, (start, end))| (member.key, start..end)),
        );
        sorted.sort_by(|(left, _), (right, _)| left.compare(*right, source));

        let first_piece = self.pieces.len();
        let mut first_repeated = None;
        for (index, (key, span)) in sorted.iter().enumerate() {
            let repeated = sorted
                .get(index + 1)
                .is_some_and(|(next, _)| key.compare(*next, source) == Ordering::Equal);
            if repeated {
                first_repeated = first_repeated.or(Some(*key));
            } else {
                self.pieces.push(span.clone());
            }
        }
        self.sorted = sorted;
        let members = first_piece..self.pieces.len();
        self.rearranged.push(Rearranged {
            open,
            close,
            members,
        });
        first_repeated
    }

    /// Rewrites the output from `start` on in the order noted.
    pub(super) fn apply(&mut self, out: &mut Vec<u8>, start: usize) {
        if self.rearranged.is_empty() {
            return;
        }
        self.rearranged.sort_by_key(|object| object.open);
        let written = out.split_off(start);
        out.reserve(written.len());
        // What remains to be copied, next last, each with its separator.
        let mut waiting: Vec<(&[u8], Span)> = vec![(b"", start..start + written.len())];
        while let Some((separator, span)) = waiting.pop() {
            out.extend_from_slice(separator);
            let Some(object) = self.first_within(&span) else {
                out.extend_from_slice(&written[span.start - start..span.end - start]);
                continue;
            };
            out.extend_from_slice(&written[span.start - start..=object.open - start]);
            waiting.push((b"", object.close..span.end));
            for index in object.members.clone().rev() {
                let separator: &[u8] = if index == object.members.start {
                    b""
                } else {
                    b", "
                };
                waiting.push((separator, self.pieces[index].clone()));
            }
        }
    }

    fn first_within(&self, span: &Span) -> Option<&Rearranged> {
        let index = self
            .rearranged
            .partition_point(|object| object.open < span.start);
        self.rearranged
            .get(index)
            .filter(|object| object.open < span.end)
    }
}

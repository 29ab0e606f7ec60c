//! A header by itself: what of it does not follow from the two before it, and
//! whether it is valid behind them, without the block that it is of. The clock
//! is not asked: a header that is ahead of it has its work all the same.

use super::check::{check_later, check_proof, expected_target};
use crate::block::{HeaderFields, SealedFields};
use crate::hash::sha256;
use crate::rules::rule_set::Context;
use crate::sealed::{
    CompactHeader, FieldError, Header, INTEGER_LIMIT, Params, SealedError, block_hash,
};

/// The whole header that this stands for in that place.
fn header_of(params: &Params, context: Context<'_>, compact: &CompactHeader) -> Header {
    Header {
        height: context.parent.height.saturating_add(1),
        merkle_root: compact.merkle_root,
        params: None,
        previous_hash: context.parent.hash,
        target: expected_target(params, context),
        timestamp_ms: compact.timestamp_ms,
    }
}

/// Checks that a header is later than its parent, and that it has its work.
pub(super) fn check_header(
    params: &Params,
    context: Context<'_>,
    compact: &CompactHeader,
) -> Result<HeaderFields, SealedError> {
    let header = header_of(params, context, compact);
    for (field, found) in [("index", header.height), ("timestamp", header.timestamp_ms)] {
        if found > INTEGER_LIMIT {
            return Err(SealedError::Field(FieldError::Wrong {
                field,
                expected: "an integer in 0..2^53-1",
                found: found.to_string(),
            }));
        }
    }
    check_later(context.parent, header.timestamp_ms)?;
    let hash = block_hash(sha256(&header.to_text()), compact.proof);
    check_proof(header.target, hash)?;
    Ok(HeaderFields {
        height: header.height,
        hash,
        parent: Some(context.parent.hash),
        proof: compact.proof,
        sealed: Some(SealedFields {
            target: header.target,
            timestamp_ms: header.timestamp_ms,
        }),
    })
}

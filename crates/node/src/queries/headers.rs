//! The headers behind a block of a sealed chain, as short as they can be sent: what of
//! them does not follow from the two before. How they are packed into an answer is
//! not known here.

use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_core::sealed::CompactHeader;
use adit_store::Snapshot;

use super::error::QueryError;
use super::reading::beside;
use crate::handle::NodeHandle;

/// This many headers are handed out at a time,
pub const HEADERS_LIMIT: u64 = 2_000;

/// or fewer where their blocks are longer together: each of them is read.
pub const HEADERS_READ_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Headers behind a block.
#[derive(Debug)]
pub struct HeadersBehind {
    /// The height of that block.
    pub height: u64,
    /// Its hash.
    pub hash: Hash,
    /// The headers, the oldest first.
    pub headers: Vec<CompactHeader>,
}

/// Returns the headers of the main chain behind the block at that height.
pub async fn headers_behind(
    node: &NodeHandle,
    snapshot: &Snapshot,
    height: u64,
) -> Result<HeadersBehind, QueryError> {
    if node.rules().chain().is_none() {
        let rules = node.rules().name();
        return Err(QueryError::not_here(format!(
            "under the rules {rules} a block's hash is that of the whole block, so that a header \
             alone proves nothing: GET /api/v1/blocks/after has the blocks"
        )));
    }
    beside(|| {
        let hash = snapshot.main_hash(height).map_err(QueryError::unreadable)?;
        let hash = hash.ok_or_else(|| QueryError::not_found("there is no such block"))?;
        let first = height.saturating_add(1);
        let stretch = snapshot.stretch_from(first, HEADERS_LIMIT, HEADERS_READ_LIMIT_BYTES);
        let stretch = stretch.map_err(QueryError::unreadable)?;
        let mut headers = Vec::new();
        for height in stretch.first..=stretch.last {
            let text = snapshot.block_at(height).map_err(QueryError::unreadable)?;
            let header = text.map(|text| CompactHeader::of_block(&text)).transpose();
            headers.extend(header.map_err(QueryError::unreadable)?);
        }
        Ok(HeadersBehind {
            height,
            hash,
            headers,
        })
    })
    .await
}

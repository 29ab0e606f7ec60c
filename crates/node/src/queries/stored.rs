//! What the API's answers are made of: blocks as they are stored, and canonical
//! texts as they stand. Which answer it is, is not known here.

use adit_api::branch::BlockAt;
use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::reorganisation::BlockPlace;
use adit_store::Snapshot;
use serde_json::value::RawValue;

use super::error::QueryError;
use crate::handle::NodeHandle;

/// Returns the main chain's block at that index, if there is one.
pub fn block_at(
    node: &NodeHandle,
    snapshot: &Snapshot,
    height: u64,
) -> Result<Option<Block>, QueryError> {
    let text = snapshot.block_at(height).map_err(QueryError::unreadable)?;
    read(node, text)
}

/// Reads a stored block's text.
pub fn read(node: &NodeHandle, text: Option<Vec<u8>>) -> Result<Option<Block>, QueryError> {
    let block = text.map(|text| node.rules().read_canonical(text));
    block.transpose().map_err(QueryError::unreadable)
}

/// Reads a hash in a path; if it is none, `what` says of what it should be.
pub fn read_hash(text: &str, what: &str) -> Result<Hash, QueryError> {
    text.parse()
        .map_err(|_| QueryError::malformed(format!("{what} is 64 lower-case hex digits")))
}

/// Returns canonical JSON as it stands; what JSON has no numbers for (Python
/// writes `NaN`) as a string.
pub fn as_it_stands(text: &[u8]) -> Result<Box<RawValue>, QueryError> {
    let text = String::from_utf8_lossy(text).into_owned();
    let quoted = |_| RawValue::from_string(serde_json::Value::from(text.as_str()).to_string());
    RawValue::from_string(text.clone())
        .or_else(quoted)
        .map_err(QueryError::unreadable)
}

/// Reads a hash as people copy it, whatever the case of its digits.
pub fn hash_of(name: &str) -> Option<Hash> {
    name.to_ascii_lowercase().parse().ok()
}

/// Returns a block and its place, as the API names them.
pub fn place_of(block: BlockPlace) -> BlockAt {
    BlockAt {
        index: block.height,
        hash: block.hash.to_string(),
    }
}

//! What the API's answers are made of: blocks as they are stored, and canonical
//! texts as they stand.

use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_store::Snapshot;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::driver::NodeHandle;

/// The main chain's block at that index, if there is one.
pub(crate) fn block_at(
    node: &NodeHandle,
    snapshot: &Snapshot,
    index: u64,
) -> Result<Option<Block>, Problem> {
    let text = snapshot.block_at(index).map_err(Problem::unreadable)?;
    read(node, text)
}

/// Reads a stored block's text.
pub(crate) fn read(node: &NodeHandle, text: Option<Vec<u8>>) -> Result<Option<Block>, Problem> {
    let block = text.map(|text| node.rules().read_canonical(text));
    block.transpose().map_err(Problem::unreadable)
}

/// A hash in a path; `what` says of what, if it is none.
pub(crate) fn read_hash(text: &str, what: &str) -> Result<Hash, Problem> {
    text.parse()
        .map_err(|_| Problem::malformed(format!("{what} is 64 lower-case hex digits")))
}

/// Canonical JSON as it stands; what JSON has no numbers for (Python writes
/// `NaN`) as a string.
pub(crate) fn as_it_stands(text: &[u8]) -> Result<Box<RawValue>, Problem> {
    let text = String::from_utf8_lossy(text).into_owned();
    let quoted = |_| RawValue::from_string(serde_json::Value::from(text.as_str()).to_string());
    RawValue::from_string(text.clone())
        .or_else(quoted)
        .map_err(Problem::unreadable)
}

//! Which block or transaction somebody means by a part of its hash. What begins so, the
//! node knows.

use adit_api::search::{Found, FoundKind};
use adit_node::paths::segment;
use anyhow::{Result, bail};

use crate::client::Client;

/// Returns the whole hash of the only one of that kind of which this is a part.
pub(crate) fn hash_of_part(client: &Client, kind: FoundKind, part: &str) -> Result<String> {
    let found: Found = client.read(&format!("/api/v1/search?q={}", segment(part)))?;
    let (what, several) = match kind {
        FoundKind::Block => ("block", "blocks"),
        _ => ("transaction", "transactions"),
    };
    let fitting = found.results.iter().filter(|one| one.kind == kind);
    let ids: Vec<&str> = fitting.map(|one| one.id.as_str()).collect();
    match ids.as_slice() {
        [] => bail!("the node has no {what} {part}"),
        [only] => Ok((*only).to_owned()),
        _ => bail!(
            "several {several} are meant by {part}:\n  {}",
            ids.join("\n  ")
        ),
    }
}

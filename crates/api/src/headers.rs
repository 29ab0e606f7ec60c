//! The headers by which nodes know each other.

/// Says in the answer to `GET /chain` by which name the node goes.
pub const NODE_HEADER: &str = "adit-node";

/// Says there which process it is, by what was made at its start: a node that
/// asks itself, under an address that it did not know for its own, finds out.
/// Its name would not do, since a copied data folder has it too.
pub const INSTANCE_HEADER: &str = "adit-instance";

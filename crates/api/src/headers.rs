//! The headers by which nodes know each other. What a node does with them is not
//! decided here.

/// In the answer to `GET /chain`: the name by which the node goes.
pub const NODE_HEADER: &str = "adit-node";

/// In the same answer: which process it is, by what was made at its start. A node
/// that asks itself, under an address that it did not know for its own, finds out.
/// Its name would not do, since a copied data folder has it too.
pub const INSTANCE_HEADER: &str = "adit-instance";

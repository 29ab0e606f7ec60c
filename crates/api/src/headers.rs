//! The headers by which nodes know each other. What a node does with them is not
//! decided here.

/// In the answer to `GET /chain`: the name by which the node goes.
pub const NODE_HEADER: &str = "adit-node";

/// In the same answer, and in that to `GET /api/v1/blocks/after`: which process it is,
/// by what was made at its start. A node that asks itself, under an address that it did
/// not know for its own, finds out. Its name would not do, since a copied data folder
/// has it too. In a request for `GET /nodes/resolve` it says which process has a new block:
/// if that is a peer, it alone is asked then.
pub const INSTANCE_HEADER: &str = "adit-instance";

/// In a request for `GET /chain`: the client would rather ask for blocks behind those
/// that it has, as [`BLOCKS_AFTER`] says; and in the answer, that it can. The
/// tutorial's nodes pass over it, and send their chain.
pub const SYNC_HEADER: &str = "adit-sync";

/// What stands in [`SYNC_HEADER`].
pub const BLOCKS_AFTER: &str = "blocks-after";

/// In the answer to `GET /api/v1/blocks/after`: how many blocks the node's main chain
/// has, and what they weigh, in decimal with a blank between them. It proves nothing;
/// but a chain that is said to be no heavier need not be read.
pub const CHAIN_HEADER: &str = "adit-chain";

/// In a request for `GET /nodes/resolve`: the hash of the block that is to be looked
/// at. A node that has it asks nobody.
pub const TIP_HEADER: &str = "adit-tip";

/// The type of blocks of which each is a line.
pub const BLOCK_LINES: &str = "application/x-ndjson";

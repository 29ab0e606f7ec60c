//! What a client already has, when it asks for what follows, and headers that follow.
//! How they are found is not known here.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::branch::BlockAt;

/// What the client has.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Hashes of blocks that the client has, the newest first, with commas between
    /// them: at most 64. None for everything from the first block on.
    pub locator: Option<String>,
}

/// Headers behind a block, as short as they can be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompactHeaders {
    /// How they are written: 1.
    pub format: u8,
    /// The block behind which they stand.
    pub start: BlockAt,
    /// The headers, the oldest first: each 96 hex digits, of which 64 are the Merkle
    /// root, 16 the time, and 16 the proof.
    pub headers: Vec<String>,
}

//! What became of a block that somebody handed in. The core decides it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What becomes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is the tip, on the one before.
    Extended,
    /// It is the tip, on another branch than the one before.
    Reorganised,
    /// It stands beside the main chain.
    Side,
    /// It was there already.
    Known,
    /// Its time has not come.
    HeldBack,
}

/// What became of an offered block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Offered {
    /// The block's hash, as the node computed it.
    pub hash: String,
    /// The block's index.
    pub index: u64,
    /// `extended`: it is the tip. `reorganised`: so it is, on another branch.
    /// `side`: it stands beside the main chain. `known`: it was there already.
    /// `held-back`: its time has not come.
    #[schema(value_type = String)]
    pub outcome: Outcome,
}

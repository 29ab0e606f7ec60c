//! The branches that there are, and how the main chain went from one to another.
//! Which of them wins, the core decides.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::block::BlockSummary;
use crate::transaction::Place;

/// The main chain went over to another branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Reorganisation {
    /// The hash of the new tip: a block comes to be the tip once at most.
    pub id: String,
    /// When it was seen, in milliseconds since 1970.
    pub time_ms: u64,
    /// The last block of both branches; none if they share none.
    pub fork: Option<BlockAt>,
    /// Where the main chain ended before.
    pub old_tip: TipAt,
    /// Where it ended then.
    pub new_tip: TipAt,
    /// How many blocks were dropped.
    pub dropped_count: u64,
    /// How many took their place.
    pub adopted_count: u64,
}

/// A page of reorganisations, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReorganisationList {
    /// The reorganisations.
    pub reorganisations: Vec<Reorganisation>,
    /// The cursor of the next page, unless this is the last.
    pub next: Option<String>,
}

/// A reorganisation in full.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReorganisationDetails {
    /// The hash of the new tip.
    pub id: String,
    /// When it was seen, in milliseconds since 1970.
    pub time_ms: u64,
    /// The last block of both branches; none if they share none.
    pub fork: Option<BlockAt>,
    /// Where the main chain ended before.
    pub old_tip: TipAt,
    /// Where it ended then.
    pub new_tip: TipAt,
    /// How many blocks were dropped.
    pub dropped_count: u64,
    /// How many took their place.
    pub adopted_count: u64,
    /// The blocks that were dropped, the oldest first.
    pub dropped: Vec<BlockSummary>,
    /// Those that took their place, the oldest first.
    pub adopted: Vec<BlockSummary>,
    /// What was in the dropped blocks, in their order.
    pub transactions: Vec<DroppedTransaction>,
    /// Whether there were more blocks or transactions than are shown.
    pub truncated: bool,
    /// Why the new branch won.
    pub rule: String,
}

/// A block, and where it stands in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockAt {
    /// The genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
}

/// The last block of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TipAt {
    /// The genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
    /// The sum of the weights up to this block, in decimal.
    pub total_weight: String,
}

/// What became of a transaction in a dropped block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DroppedTransaction {
    /// 64 lower-case hex digits.
    pub id: String,
    /// As it stands.
    #[schema(value_type = serde_json::Value)]
    pub transaction: Box<RawValue>,
    /// Where it stood.
    pub was: Place,
    /// What became of it.
    pub fate: Fate,
    /// Where it stands now in the main chain, if it does.
    pub now: Option<Place>,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It stands in the new branch too.
    Moved,
    /// It waits again, or stands in a block that came later.
    Returned,
    /// It is nowhere: so is the reward of each dropped block.
    Lost,
}

impl Fate {
    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Moved => "moved",
            Fate::Returned => "returned",
            Fate::Lost => "lost",
        }
    }
}

/// The ends of all branches.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChainTips {
    /// The main chain's first, then the heaviest.
    pub tips: Vec<ChainTip>,
}

/// What a branch is to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BranchStatus {
    /// It is the main chain.
    Active,
    /// It stands beside it.
    ValidFork,
}

impl BranchStatus {
    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            BranchStatus::Active => "active",
            BranchStatus::ValidFork => "valid-fork",
        }
    }
}

/// The end of a branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChainTip {
    /// 64 lower-case hex digits.
    pub hash: String,
    /// The genesis block's is 1.
    pub index: u64,
    /// `active` for the main chain, `valid-fork` for all others.
    #[schema(value_type = String)]
    pub status: BranchStatus,
    /// How many blocks it has that the main chain has not.
    pub branch_length: u64,
    /// The sum of the weights up to this block, in decimal.
    pub total_weight: String,
    /// The last block that it shares with the main chain; none for the main
    /// chain, and if there is none.
    pub fork: Option<BlockAt>,
}

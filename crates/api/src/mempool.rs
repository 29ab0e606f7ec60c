//! What waits for a block. Which transactions may wait, and in which order, the
//! core decides.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::transaction::TransactionState;

/// A page of the transactions that wait.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Mempool)]
pub struct MempoolPage {
    /// How many wait, on all pages.
    pub count: usize,
    /// In the order in which blocks take them along. Those that cannot be taken
    /// yet, because one before them is missing, come last.
    pub transactions: Vec<TransactionState>,
    /// The cursor of the next page, unless this is the last. It stands for a
    /// place in the order: what comes and goes meanwhile does not move it.
    pub next: Option<String>,
}

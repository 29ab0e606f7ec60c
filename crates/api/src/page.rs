//! Lists come in pages. A page ends with a cursor, which only the node that gave
//! it can read; a client that sends it back gets what follows. What a cursor means
//! is not known here.

use serde::Deserialize;
use utoipa::IntoParams;

/// A page has at most this many items,
pub const PAGE_LIMIT_ITEMS: u64 = 100;

/// and this many if nobody says.
const PAGE_ITEMS: u64 = 25;

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Where an earlier page ended, as its `next` said; none for the first.
    pub cursor: Option<String>,
    /// How many items are wanted: 1 to 100, 25 if nobody says.
    pub limit: Option<u64>,
}

impl Page {
    /// Returns how many items it has at most.
    pub fn limit(&self) -> u64 {
        let limit = self.limit.unwrap_or(PAGE_ITEMS);
        limit.clamp(1, PAGE_LIMIT_ITEMS)
    }
}

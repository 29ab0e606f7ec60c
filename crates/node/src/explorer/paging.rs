//! Lists come in pages. A page ends with a cursor, which only this node can
//! read; whoever sends it back gets what follows.

use adit_store::TransactionPlace;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;

/// A page has at most so many items,
pub(crate) const PAGE_LIMIT_ITEMS: u64 = 100;

/// and so many if nobody says.
const PAGE_ITEMS: u64 = 25;

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Where an earlier page ended, as its `next` said; none for the first.
    pub(crate) cursor: Option<String>,
    /// How many items are wanted: 1 to 100, 25 if nobody says.
    pub(crate) limit: Option<u64>,
}

impl Page {
    /// How many items it has at most.
    pub(crate) fn limit(&self) -> u64 {
        let limit = self.limit.unwrap_or(PAGE_ITEMS);
        limit.clamp(1, PAGE_LIMIT_ITEMS)
    }

    /// The number that an earlier page's cursor stands for.
    pub(crate) fn cursor(&self) -> Result<Option<u64>, Problem> {
        let wrong = |_| Problem::wrong_cursor();
        let number = |cursor: &String| u64::from_str_radix(cursor, 16).map_err(wrong);
        self.cursor.as_ref().map(number).transpose()
    }

    /// The place in the chain that an earlier page's cursor stands for.
    pub(crate) fn place_cursor(&self) -> Result<Option<TransactionPlace>, Problem> {
        let place = |cursor: &String| {
            let (index, position) = cursor.split_once('-')?;
            Some(TransactionPlace {
                index: u64::from_str_radix(index, 16).ok()?,
                position: u32::from_str_radix(position, 16).ok()?,
            })
        };
        let read = |cursor| place(cursor).ok_or_else(Problem::wrong_cursor);
        self.cursor.as_ref().map(read).transpose()
    }

    /// The cursor that stands for a place in the chain.
    pub(crate) fn cursor_of_place(place: TransactionPlace) -> String {
        format!("{:x}-{:x}", place.index, place.position)
    }
}

/// The cursor that stands for a number.
pub(crate) fn cursor_of(number: u64) -> String {
    format!("{number:x}")
}

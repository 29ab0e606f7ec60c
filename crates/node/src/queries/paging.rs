//! What a page's cursor stands for: a number, or a place in the chain. Which
//! list it belongs to is not known here.

use adit_api::page::Page;
use adit_store::TransactionPlace;

use super::error::QueryError;

/// Returns the number that an earlier page's cursor stands for.
pub fn number_cursor(page: &Page) -> Result<Option<u64>, QueryError> {
    let wrong = |_| QueryError::wrong_cursor();
    let number = |cursor: &String| u64::from_str_radix(cursor, 16).map_err(wrong);
    page.cursor.as_ref().map(number).transpose()
}

/// Returns the place in the chain that an earlier page's cursor stands for.
pub fn place_cursor(page: &Page) -> Result<Option<TransactionPlace>, QueryError> {
    let place = |cursor: &String| {
        let (height, position) = cursor.split_once('-')?;
        Some(TransactionPlace {
            height: u64::from_str_radix(height, 16).ok()?,
            position: u32::from_str_radix(position, 16).ok()?,
        })
    };
    let read = |cursor| place(cursor).ok_or_else(QueryError::wrong_cursor);
    page.cursor.as_ref().map(read).transpose()
}

/// Returns the cursor that stands for a place in the chain.
pub fn cursor_of_place(place: TransactionPlace) -> String {
    format!("{:x}-{:x}", place.height, place.position)
}

/// Returns the cursor that stands for a number.
pub fn cursor_of(number: u64) -> String {
    format!("{number:x}")
}

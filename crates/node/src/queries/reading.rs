//! A page of a list may be made of many long blocks. It is read beside the
//! threads that serve others, and only a few are read at a time. What is read is
//! not known here.

use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use super::error::QueryError;

/// At most this many pages are read at a time, each of blocks of up to
/// `PAGE_READ_LIMIT_BYTES`; others wait.
const PAGES_AT_ONCE_LIMIT: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(PAGES_AT_ONCE_LIMIT);

/// Reads when there is a place for it.
pub async fn beside<T>(read: impl FnOnce() -> Result<T, QueryError>) -> Result<T, QueryError> {
    let place = PLACES.acquire().await;
    let _place = place.map_err(|_| QueryError::busy("no more is read"))?;
    block_in_place(read)
}

//! Whether a database that can be made again is still as it was written. All
//! access to one goes through here: what the database's code says of a damaged
//! file, and what it panics over, is damage all the same, and is remembered
//! until the database is made anew. It does not know what is read or written.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of one database, by all who read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    damaged: Arc<AtomicBool>,
}

impl Health {
    /// Reads or writes the database: the one place where its panics end.
    pub(crate) fn guard<T>(
        &self,
        access: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        // After a panic nobody goes on with what it left: the database is made
        // anew.
        let done = catch_unwind(AssertUnwindSafe(access)).unwrap_or_else(|_| {
            let what = "it is in no state that the database can be in";
            Err(redb::Error::Corrupted(what.to_owned()))
        });
        if done.as_ref().is_err_and(is_damage) {
            self.damaged.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Whether damage was met.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }
}

/// Whether it is the file's content that is wrong, and not that the operating
/// system failed, or that the database was closed.
pub(crate) fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        ),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => false,
        _ => true,
    }
}
